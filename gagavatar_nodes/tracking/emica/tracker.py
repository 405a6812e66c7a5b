"""The published tracker, whole: frames -> head crops -> codes and landmarks -> FLAME codes with cameras.

Head crops are matted onto black before anything looks at them, where the archive has the matting network. What differs
from the publication:
    - the face box of EMICA's crop comes from the landmark network's landmarks, not from a second landmark package's,
      which would be one more download;
    - where SCRFD finds no face, MICA's crop is aligned by those landmarks, and the frame is not lost;
    - frames without a head are filled in from their neighbors, not left out;
    - every frame of a video is tracked, also above 50 a second, and crops are not stored as JPEG in between;
    - one shape is the mean over all frames of a video, and so are the losses, not over each 1024 of them;
    - at a cut the head's box begins anew, and the bundled tracker tells whose face it is: frames that show only others
      are filled in, too;
    - where no frame's landmarks can be trusted, the vertices decide alone: the published loss would be no number.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ...errors import FaceError, FileFormatError
from ...heads.flame import Flame
from ...torch_file import load_torch_file
from ...types import FlameCodes, Motion
from ..bridging import Bridge, ShotNotes
from ..video_tracker import VideoTracker
from . import archive, crops
from .encoder import Emica
from .landmarks98 import TO_70, Landmarks98
from .optimize import STEPS, CameraFit, HeadCodes, Targets, fit_cameras, smooth_shots
from .results import flame_motion
from .scrfd import INPUT as SCRFD_INPUT
from .scrfd import Scrfd
from .stylematte import StyleMatte
from .vgghead import Head, VGGHead, reproject

_NEW_BOX = 0.03  # share of the new frame in the smoothed head box
_SCRFD_SCALE = 2.0
_FACE_POINTS = ((68,), (69,), (30,), (48,), (54,))  # pupils, nose tip, mouth corners among the 70


@dataclass(frozen=True)
class Observation:
    """What the networks see in one head crop, pixels of the 512 crop."""

    head: Head
    detected: np.ndarray
    """[70, 2] float32 landmarks."""
    shape: np.ndarray
    """[300] float32."""
    expression: np.ndarray
    """[100] float32."""
    jaw: np.ndarray
    """[3] float32."""
    global_pose: np.ndarray
    """[3] float32."""


class TrackedPicture(NamedTuple):
    """The largest head of a picture."""

    image: np.ndarray
    """[512, 512, 3] float32 0..1 RGB the crop, black outside of the picture and of the matte; not rounded."""
    alpha: np.ndarray
    """[512, 512] float32 the matte; 1 where there is no matting network."""
    rectangle: tuple[int, int, int, int]
    """Left, top, width and height of the crop in the picture's pixels."""
    codes: FlameCodes
    """Of one frame."""


class EmicaTracker:
    """Tracks pictures and videos with the networks of an unpacked `track_resources.tar`."""

    def __init__(self, folder: str | os.PathLike, flame: Flame, device: str = "cpu") -> None:
        """`folder` from `archive.unpack`; `flame` of edition 2020, with landmarks."""
        missing = archive.missing_files(folder)
        if missing:
            raise FileFormatError(f"{folder} lacks {', '.join(missing)}: unpack track_resources.tar there")
        root = Path(folder)
        self._device, self._flame = torch.device(device), flame.to(device)
        self._heads = VGGHead(root / archive.VGGHEAD, device)
        self._faces = Scrfd(root / archive.SCRFD)
        self._landmarks = Landmarks98.load(_weights(root / archive.LANDMARKS), archive.LANDMARKS).to(device)
        self._emica = Emica.load(_weights(root / archive.EMICA), archive.EMICA).to(device)
        self._matte: StyleMatte | None = None
        if (root / archive.MATTE).is_file():
            self._matte = StyleMatte.load(_weights(root / archive.MATTE), archive.MATTE).to(device)

    @property
    def device(self) -> torch.device:
        """Where the networks run."""
        return self._device

    @property
    def mattes(self) -> bool:
        """Whether the matting network is there."""
        return self._matte is not None

    def find_head(self, picture: np.ndarray, near: np.ndarray | None = None) -> np.ndarray | None:
        """Box [4] of the largest head in a picture [H, W, 3] uint8, of those around `near` [2] if there are any."""
        head = self._heads(self._tensor(picture), near)
        return None if head is None else head.box

    def crop(self, picture: np.ndarray, box: np.ndarray) -> tuple[Tensor, Tensor]:
        """The crop [3, 512, 512] 0..255 around a head box that everything else refers to, on black, and its matte."""
        crop = crops.head_crop(self._tensor(picture), crops.head_rectangle(box))
        alpha = torch.ones_like(crop[0]) if self._matte is None else self._matte.alpha(crop)
        return crop * alpha, alpha

    @torch.no_grad()
    def observe(self, crop: Tensor) -> Observation | None:
        """Codes and landmarks of the head in a crop [3, 512, 512] 0..255, or None where there is none."""
        head = self._heads(crop)
        if head is None:
            return None
        prepared, scale, corner = crops.landmark_crop(crop, head.box)
        found = self._landmarks(prepared[None])[0, list(TO_70)].cpu().numpy()
        detected = (found / scale + corner).astype(np.float32)
        face = crops.face_crop(crop, detected[:68])
        codes = self._emica(face[None], self._align(crop, detected)[None])
        parts = (codes[name][0].cpu().numpy() for name in ("shapecode", "expcode", "jawpose", "globalpose"))
        return Observation(head, detected, *parts)

    def solve(
        self,
        observations: list[Observation],
        one_person: bool = True,
        steps: int = STEPS,
        progress: Callable[[int], None] | None = None,
    ) -> tuple[np.ndarray, HeadCodes, CameraFit]:
        """Shape [300] or [T, 300], codes and fitted cameras of T observations; one shape for all of `one_person`."""
        codes = HeadCodes(*(self._stack(observations, n) for n in ("shape", "expression", "jaw", "global_pose")))
        if one_person:
            codes = HeadCodes(codes.shape.mean(0, keepdim=True), codes.expression, codes.jaw, codes.global_pose)

        def targets(part: slice) -> Targets:
            with torch.no_grad():
                vertices, landmarks = reproject(self._flame, [o.head for o in observations[part]])
            return Targets(vertices, landmarks, self._stack(observations[part], "detected"))

        trusted = [targets(slice(i, i + 16)).select_trusted().cpu().numpy() for i in range(0, len(observations), 16)]
        fit = fit_cameras(self._flame, codes, targets, np.concatenate(trusted), steps=steps, progress=progress)
        shape = codes.shape.cpu().numpy()
        return shape[0] if one_person else shape, codes, fit

    def track(
        self,
        frames: Iterable[np.ndarray],
        fps: float,
        source: str = "",
        steps: int = STEPS,
        on_frame: Callable[[int, tuple[int, int, int, int] | None], None] | None = None,
    ) -> Motion:
        """Motion with FLAME codes of a video's frames [H, W, 3] uint8; frames without a face are filled in.

        `on_frame` is called with each frame's index and its crop's left, top, width and height in pixels, or None.
        Keeps 3 KB a frame. Raises `FaceError` when no frame has a face.
        """
        follower = VideoTracker(fps)
        observations: list[Observation] = []
        known: list[int] = []
        notes = ShotNotes()
        box: np.ndarray | None = None
        count = 0
        for count, frame in enumerate(frames, start=1):
            face = follower.feed(frame)
            notes.add(count - 1, face, follower.stranger)
            while known and known[-1] >= count - 1 - follower.faded:  # they showed two shots at once
                known.pop()
                observations.pop()
            if face is not None and face.new_shot:
                box = None
            place = None if face is None else face.points[:, :2].mean(0)
            found = None if follower.stranger else self.find_head(frame, place)
            if found is not None:
                box = found if box is None else _NEW_BOX * found + (1 - _NEW_BOX) * box
            seen = None if found is None or box is None else self.observe(self.crop(frame, box)[0])
            if seen is not None:
                observations.append(seen)
                known.append(count - 1)
            if on_frame is not None:
                on_frame(count - 1, None if seen is None or box is None else crops.head_rectangle(box))
        if not observations:
            raise FaceError(f"{source or 'the video'} shows no face in any of its {count} frames; choose another one")
        shape, codes, fit = self.solve(observations, steps=steps)
        fit = smooth_shots(fit, np.unique(np.searchsorted(known, notes.shots)).tolist())
        motion = _motion(self._flame.edition, shape, codes, fit, np.array(known), count, fps, source)
        return replace(motion, extra=motion.extra | notes.words())

    def track_picture(self, picture: np.ndarray) -> TrackedPicture:
        """Crop, matte and FLAME codes of the largest head of a portrait [H, W, 3] uint8.

        Raises `FaceError` when there is no head.
        """
        box = self.find_head(picture)
        crop, alpha = (None, None) if box is None else self.crop(picture, box)
        seen = None if crop is None else self.observe(crop)
        if box is None or crop is None or alpha is None or seen is None:
            raise FaceError("the portrait shows no face that the published tracker finds; choose another picture")
        shape, codes, fit = self.solve([seen])
        expression, jaw = (a.cpu().numpy() for a in (codes.expression, codes.jaw))
        pixels = (crop / 255).clamp(0, 1).permute(1, 2, 0).cpu().numpy()
        found = FlameCodes(self._flame.edition, shape, expression, jaw, fit.eyes, fit.transform)
        return TrackedPicture(pixels, alpha.cpu().numpy(), crops.head_rectangle(box), found)

    def _align(self, crop: Tensor, detected: np.ndarray) -> Tensor:
        """MICA's crop, aligned by SCRFD's points or, where it finds none, by the landmarks'."""
        left, top, edge = crops.face_rectangle(detected[:68], _SCRFD_SCALE)
        near = crops.resize(crops.cut(crop, left, top, edge, edge), SCRFD_INPUT, SCRFD_INPUT)
        points = self._faces(near.cpu().numpy())
        if points is None:
            corner, scale = np.array([left, top]), SCRFD_INPUT / edge
            points = np.stack([(detected[list(ids)].mean(0) - corner) * scale for ids in _FACE_POINTS])
        return crops.arcface_crop(near, points)

    def _tensor(self, picture: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(picture)).to(self._device).permute(2, 0, 1).float()

    def _stack(self, observations: list[Observation], name: str) -> Tensor:
        return torch.from_numpy(np.stack([getattr(o, name) for o in observations])).to(self._device)


def _weights(path: Path) -> dict[str, Tensor]:
    return load_torch_file(path, "Unpack the archive again.")


def _motion(
    edition: str,
    shape: np.ndarray,
    codes: HeadCodes,
    fit: CameraFit,
    known: np.ndarray,
    count: int,
    fps: float,
    source: str,
) -> Motion:
    """Return the motion of `count` frames of which those at `known` were fitted."""
    expression, jaw = codes.expression.cpu().numpy(), codes.jaw.cpu().numpy()
    eyes, R, t = fit.eyes, fit.transform[:, :, :3], fit.transform[:, :, 3]
    if len(known) < count:
        bridge = Bridge(known, count)
        expression, jaw, eyes, t = map(bridge.fill, (expression, jaw, eyes, t))
        R = bridge.fill_rotations(R)
    flame = FlameCodes(edition, shape, expression, jaw, eyes, np.concatenate([R, t[:, :, None]], -1))
    return flame_motion(flame, fps, source, np.isin(np.arange(count), known).astype(np.float32))
