"""A lifted portrait of the published network, driven by FLAME codes: what `avatars.Avatar` asks for.

Reenactment takes the shape from the portrait and everything else, camera included, from the driver (arXiv 2410.07971,
section 3.3). A motion without FLAME codes gets them from its ARKit weights, and cameras from its head pose.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ...choices import SUITED_TRACKER
from ...driving.retarget import Retargeter
from ...errors import FileFormatError, GagavatarError
from ...types import FOCAL, Camera, FlameCodes, Gaussians, Motion, Portrait
from .forehead import FOREHEAD, pose_vertices, steady_forehead
from .models import GagavatarModels, check_notes
from .portrait_gaussians import PortraitGaussians
from .source_pose import SourcePose

if TYPE_CHECKING:
    from torch import Tensor

    from ...export.rig import Rig
    from ...export.rig_file import Take
    from .predictor import GAGAvatarPredictor


_EXTRA = {"flame_shape": (300,), "rotation": (3, 3), "canonical": (478, 3), "pivot": (3,), "to_picture": (2, 3)}


@dataclass(frozen=True)
class GagavatarAvatar:
    """A lifted portrait with the model that renders it."""

    portrait: PortraitGaussians
    models: GagavatarModels

    model = "gagavatar"
    tracker = SUITED_TRACKER[model]

    def __len__(self) -> int:
        return len(self.portrait)

    @property
    def edition(self) -> str:
        """FLAME's edition in which the portrait's shape is written."""
        return self.portrait.notes["flame_edition"]

    @property
    def source_pose(self) -> SourcePose:
        """Where the portrait has its head."""
        extra = self.portrait.extra
        return SourcePose(self.portrait.source_camera, extra["rotation"], extra["canonical"], extra["pivot"])

    def perform(
        self,
        motion: Motion,
        reference: str | int = "auto",
        in_place: bool = False,
        seed: int | None = None,
        pose: str = "auto",
    ) -> GagavatarPerformance:
        """Return the motion with the portrait's shape.

        Args:
            motion: with FLAME codes of the avatar's edition, or without.
            reference: see `Retargeter`; it concerns cameras that are made here.
            in_place: make cameras for motions with codes too: the head stays where the portrait has it.
            seed: of the neural renderer's noise, see `GAGAvatarPredictor.refine`.
            pose: always the driver's, as published; see `Avatar.perform`.

        Raises:
            GagavatarError: codes of another edition of FLAME.
            WeightsError: the FLAME file is missing.
        """
        from ...heads.editions import check_same_edition

        check_same_edition(self.edition, self.models.flame.edition)
        source = Retargeter(motion, self.source_pose.canonical, reference)
        return GagavatarPerformance(self, self.codes(source, in_place), source, in_place, seed)

    def codes(self, source: Retargeter, in_place: bool = False) -> FlameCodes:
        """Return a driver's codes with the portrait's shape; made from its ARKit weights where it has none."""
        from ...face.arkit_flame import flame_codes, with_added
        from ...heads.editions import check_same_edition

        motion, shape = source.motion, self.portrait.extra["flame_shape"]
        if motion.flame is None:
            return flame_codes(motion, self.models.arkit, shape, self.source_pose.cameras(source))
        check_same_edition(motion.flame.edition, self.edition)
        codes = replace(motion.flame, shape=shape)
        if codes.added is not None:
            codes = with_added(codes, self.models.arkit)
        if in_place:
            return replace(codes, transform=self.source_pose.cameras(source))
        return codes if codes.placed else replace(codes, transform=self.source_pose.with_fixed_place(codes.transform))

    @property
    def network(self) -> GAGAvatarPredictor:
        """The network that draws it; see `GAGAvatarPredictor.load` for what is raised."""
        return self.models.network

    def frame_portrait(self, portrait: Portrait) -> Portrait:
        """Return the portrait in the square that this avatar's pictures show."""
        from ...tracking.landmarks import frame_portrait

        return frame_portrait(portrait, self.portrait.extra["to_picture"])

    def rig(self) -> Rig:
        """Raise an error: there is none.

        Raises:
            GagavatarError: always.
        """
        raise _no_rig()

    def take(self, motion: Motion, name: str = "") -> Take:
        """Raise the error that `rig` raises."""
        raise _no_rig()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the avatar's file; see `PortraitGaussians.save`."""
        self.portrait.save(path)


@dataclass(frozen=True)
class GagavatarPerformance:
    """A motion bound to an avatar: one set of codes a frame."""

    avatar: GagavatarAvatar
    codes: FlameCodes
    source: Retargeter
    in_place: bool = False
    seed: int | None = None

    def __len__(self) -> int:
        return len(self.codes.transform)

    @property
    def fps(self) -> float:
        """Frames a second."""
        return self.source.motion.fps

    def follow(self, motion: Motion) -> GagavatarPerformance:
        """Return the same driver's next frames; see `Retargeter.follow`."""
        source = self.source.follow(motion)
        return replace(self, codes=self.avatar.codes(source, self.in_place), source=source)

    def gaussians(self, index: int) -> Gaussians:
        """Return the avatar at a frame, with the coarse RGB of the network's first three features."""
        posed = self.avatar.portrait.gaussians(self.head_points([index])[0].cpu().numpy())
        return replace(posed, features=np.clip(posed.features[:, :3], 0, 1))

    def camera(self, index: int) -> Camera:
        """Return the camera at a frame."""
        return Camera(self.codes.transform[index])

    def head_points(self, indices: Sequence[int]) -> Tensor:
        """Posed vertices [B, 5023, 3] of some frames, on the model's device."""
        import torch

        some = list(indices)
        with torch.inference_mode():
            points = pose_vertices(self.avatar.models.flame, self.codes, some)
            if self.codes.steady_forehead:
                points[:, FOREHEAD] = points.new_tensor(self._forehead[some])
        return points

    @cached_property
    def _forehead(self) -> np.ndarray:
        return steady_forehead(self.avatar.models.flame, self.codes)

    def frames(
        self, width: int, height: int, indices: Iterable[int] | None = None, alpha: bool = True
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Drawings of the frames `indices`, or of all.

        The network draws squares of 512 pixels, which are resized to fill the shorter edge; what is beyond them on
        the longer edge is empty. Its RGB is already the picture on black, as the published one is, and counts as
        multiplied by alpha.

        The network was trained on black and knows no transparency: Gaussians of the background may be opaque and
        black. Alpha is therefore the coverage by what the portrait's matte holds, splatted once more; without `alpha`
        that is spared.
        """
        network = self.avatar.models.network
        chosen = range(len(self)) if indices is None else list(indices)
        driving = self._driving(chosen, network.batch_size)
        for frame in network.render(self.avatar.portrait, driving, matted=alpha, seed=self.seed):
            yield fit_square(frame.rgb.transpose(1, 2, 0), frame.alpha, width, height)

    def _driving(self, indices: Sequence[int], batch: int) -> Iterator[tuple[Tensor, np.ndarray]]:
        for start in range(0, len(indices), batch):
            some = indices[start : start + batch]
            yield from zip(self.head_points(some), self.codes.transform[list(some)], strict=True)


def lift_portrait(portrait: Portrait, models: GagavatarModels, tracker: str = "landmarks") -> GagavatarAvatar:
    """Lift a portrait: its square on black, with the shape and the camera of a FLAME fit.

    Args:
        portrait: see `tracking.portrait.track_portrait`.
        models: the network and FLAME.
        tracker: one of `choices.PORTRAIT_TRACKERS`.

    Raises:
        FaceError: the published tracker finds no head, or another one than the portrait's.
        WeightsError: a file is missing, truncated or changed.
        FileFormatError: a file is of another kind, or damaged.
        GagavatarError: there is no PyTorch or no such device, or the FLAME file has no landmark embedding.
    """
    models.check()
    import torch

    from .image import prepare_image

    view = models.view(portrait, tracker)
    codes, flame = view.codes, models.flame
    with torch.inference_mode():
        parts = (codes.shape[None], codes.expression, codes.jaw, codes.eyes)
        vertices = flame(*(torch.from_numpy(part).to(flame.template.device) for part in parts))
        landmarks = flame.landmarks(vertices)[0].double().cpu().numpy()
    pose = SourcePose.of(portrait, codes.transform[0], landmarks)
    extra = {
        "flame_shape": codes.shape, "rotation": pose.rotation, "canonical": pose.canonical, "pivot": pose.pivot,
        "to_picture": view.to_picture,
    }  # fmt: skip
    notes = {"flame_edition": codes.edition, "portrait_tracker": tracker}
    model = models.network
    image = prepare_image(view.image, model.network.config.image_size)
    lifted = model.lift(image, codes.transform[0], extra, notes)
    matte = _sample(view.alpha, lifted.layer_means, codes.transform[0])
    return GagavatarAvatar(replace(lifted, extra=extra | {"matte": matte}), models)


def load_avatar(path: str | os.PathLike[str], models: GagavatarModels) -> GagavatarAvatar:
    """Read a lifted avatar's file; what renders it must be there too.

    Raises:
        FileFormatError: another kind of file, a newer version, cut off, or without what driving needs.
        WeightsError: the checkpoint or the FLAME file is missing.
        GagavatarError: there is no PyTorch, or no such device.
    """
    lifted = PortraitGaussians.load(path)
    check_notes(lifted.notes, path)
    for name, shape in {**_EXTRA, "matte": (len(lifted.layer_means),)}.items():
        values = lifted.extra.get(name)
        if values is None or values.shape != shape or not np.isfinite(values).all():
            raise FileFormatError(f"{path} lacks a sound '{name}': lift the portrait again with 'gagavatar lift'")
    models.check()
    return GagavatarAvatar(lifted, models)


def _sample(image: np.ndarray, points: np.ndarray, camera: np.ndarray) -> np.ndarray:
    """[N] float32 of a square image [S, S] where points [N, 3] appear in its camera; 0 outside of it."""
    from scipy.ndimage import map_coordinates

    view = points @ camera[:, :3] + camera[:, 3]
    columns, rows = ((1 - FOCAL * view[:, :2] / view[:, 2:]) * (len(image) / 2) - 0.5).T
    return map_coordinates(image, [rows, columns], order=1, mode="constant").astype(np.float32)


def fit_square(rgb: np.ndarray, alpha: np.ndarray, width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a square picture [S, S, 3] and its alpha [S, S] in the middle of an empty one of another size.

    It fills the shorter edge, as `rendering.drawing.square_camera` has it.
    """
    import cv2

    edge = min(width, height)
    if edge != len(rgb):
        method = cv2.INTER_AREA if edge < len(rgb) else cv2.INTER_CUBIC
        rgb, alpha = (np.clip(cv2.resize(image, (edge, edge), interpolation=method), 0, 1) for image in (rgb, alpha))
    if width == height:
        return np.ascontiguousarray(rgb), alpha
    left, top = (width - edge) // 2, (height - edge) // 2
    place = np.s_[top : top + edge, left : left + edge]
    whole = np.zeros((height, width, 3), np.float32), np.zeros((height, width), np.float32)
    whole[0][place], whole[1][place] = rgb, alpha
    return whole


def _no_rig() -> GagavatarError:
    return GagavatarError(
        "A GAGAvatar has no rig, for its network draws each frame: lift the portrait with --avatar embedded"
    )
