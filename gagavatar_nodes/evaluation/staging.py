"""What is compared: an avatar's frames or another program's, and the truth in the same square."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import numpy as np

from .. import pipeline
from ..avatars import Avatar
from ..choices import PORTRAIT_SIZE, PUBLISHED_PORTRAIT_SIZE, SMOOTHING, SUITED_TRACKER
from ..devices import require_torch
from ..errors import MediaError
from ..rendering.compositing import composite
from ..rendering.stitching import Stitcher
from ..settings import Settings
from ..trackers import Square, track_file
from ..tracking.crop import cut_square
from ..tracking.faces import choose_face
from ..tracking.matting import matte_person
from ..tracking.opencv import opencv
from ..tracking.portrait import track_portrait
from ..tracking.video import track_video
from ..types import TURNS, Motion, Portrait
from .frames import first_frame, open_frames
from .pairs import Pair
from .psnr import psnr
from .sights import SCALE, inside_outline
from .variants import SELF

BACKGROUNDS = ("auto", "portrait", "black")
"""portrait: results stand before the portrait's own background, filled in where the person was. black: results and
truth are matted onto black, as the published model's are. auto: black for GAGAvatar."""


@dataclass(frozen=True)
class Recipe:
    """How results are made and read."""

    avatar: str = "auto"
    settings: Settings = field(default_factory=Settings)
    background: str = "auto"
    results_start: int = 0
    """Frame of the driver that another program's first frame answers to."""


class AvatarStage:
    """An avatar driven by a video, and that video in the square which the avatar's pictures show."""

    def __init__(self, pair: Pair, recipe: Recipe) -> None:
        """Raise FaceError, WeightsError and what else `pipeline.lift` raises."""
        model, _ = pipeline.choose_model(recipe.avatar, recipe.settings)
        size = PUBLISHED_PORTRAIT_SIZE if model == "gagavatar" else PORTRAIT_SIZE
        self.method = model
        portrait = track_portrait(first_frame(pair.source), size=size)
        self.avatar: Avatar = pipeline.lift(portrait, model, settings=recipe.settings)
        self.portrait: Portrait = self.avatar.frame_portrait(portrait)
        self._black = recipe.background == "black" or (recipe.background == "auto" and model == "gagavatar")
        self._squares: list[Square] | None = None
        with open_frames(pair.driver) as video:
            self._motion, squares = track_file(video, SUITED_TRACKER[model], recipe.settings, SMOOTHING)
        self._turns = int(self._motion.extra.get(TURNS, 0))
        if model == "gagavatar" or pair.protocol != SELF:  # not the portrait's square, but where the driver's head is
            self._squares = squares or [_flame_square(self._motion)]
        self.performance = self.avatar.perform(self._motion)
        self._still = self.view(portrait.picture, 0, turned=True) if pair.protocol == SELF else self.portrait.crop
        self._behind = (
            None if self._black else cut_square(Stitcher(self.portrait).background, _square_of(self.portrait), SCALE)
        )

    @property
    def first(self) -> np.ndarray:
        """[S, S, 3] the portrait as results show it."""
        return self._still

    def view(self, frame: np.ndarray, index: int, turned: bool = False) -> np.ndarray:
        """[512, 512, 3] uint8 of the driver's frame `index`, as the avatar's picture of it should be."""
        if self._turns and not turned:
            frame = np.ascontiguousarray(np.rot90(frame, self._turns))
        square = self._square(frame.shape, index)
        picture = np.clip(cut_square(frame, square, SCALE, outside=0 if self._black else None), 0, 255).astype(np.uint8)
        return _on_black(picture) if self._black else picture

    def frames(self, indices: range) -> Iterator[np.ndarray]:
        """[512, 512, 3] uint8 of the frames `indices`."""
        for rgb, alpha in self.performance.frames(SCALE, SCALE, indices, alpha=not self._black):
            yield composite(rgb) if self._behind is None else composite(rgb, alpha, self._behind)

    def itself(self) -> dict[str, float]:
        """How much the portrait resembles itself when its own picture drives it: decibels, and the least alpha."""
        motion = track_video([self.portrait.picture], 25.0)
        rgb, alpha = next(iter(self.avatar.perform(motion, "same").frames(SCALE, SCALE)))
        outline = inside_outline(self.portrait.landmarks, self.portrait.crop.shape)
        return {
            "psnr.face": psnr(composite(rgb), self.portrait.crop, outline),
            "alpha.face": float(alpha[outline].min()),
        }

    def _square(self, shape: tuple[int, ...], index: int) -> tuple[int, int, int]:
        if self._squares is None:
            return _square_of(self.portrait)
        middle, half = self._squares[min(index, len(self._squares) - 1)]
        height, width = shape[:2]
        left, top = np.round(np.array([width, height]) / 2 + (middle - half) * height).astype(int)
        return int(left), int(top), max(2, round(2 * half * height))


class GivenStage:
    """What another program made of a video, beside that video as it is."""

    method = "result"
    avatar = None

    def __init__(self, pair: Pair, recipe: Recipe) -> None:
        assert pair.result is not None
        self._path, self._start, self._name = pair.result, recipe.results_start, pair.name
        self._black = recipe.background == "black"
        self.first = self.view(first_frame(pair.source), 0)
        self.portrait: Portrait | None = None

    def view(self, frame: np.ndarray, index: int) -> np.ndarray:
        """[H, W, 3] uint8 of the driver's frame `index`."""
        return _on_black(frame) if self._black else frame

    def frames(self, indices: range) -> Iterator[np.ndarray]:
        """[H, W, 3] uint8 of the frames `indices`. Raises MediaError where one is missing."""
        wanted = iter(indices)
        index = next(wanted, None)
        with open_frames(self._path) as frames:
            for number, frame in zip(count(self._start), frames, strict=False):
                if number == index:
                    yield frame
                    index = next(wanted, None)
                    if index is None:
                        return
        if index is not None:
            raise MediaError(
                f"{self._path} is too short: it has no frame {index - self._start} for frame {index} of {self._name}'s "
                "driver. Results must have a frame for each of the driver's (see --results-start)"
            )


def move_still(image: np.ndarray, source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return the portrait under the similarity that takes its landmarks [478, 3] nearest to the true ones.

    It is a baseline that any animation should beat.
    """
    cv2 = opencv()
    a, b = (np.ascontiguousarray(points[:468, :2], np.float64) for points in (source, target))
    matrix, _ = cv2.estimateAffinePartial2D(a, b, method=cv2.LMEDS)
    return cv2.warpAffine(image, matrix, image.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)


def fit_to(image: np.ndarray, truth: np.ndarray, path: Path | None) -> np.ndarray:
    """Return a result in the truth's size. Raises MediaError where its shape is another one."""
    if image.shape == truth.shape:
        return image
    height, width = truth.shape[:2]
    if abs(image.shape[1] * height - image.shape[0] * width) > max(height, width):
        raise MediaError(
            f"{path or 'The result'} has {image.shape[1]} x {image.shape[0]} pixels where the driver has {width} x "
            f"{height}: give the driver as that program cropped it"
        )
    cv2 = opencv()
    how = cv2.INTER_AREA if image.shape[1] > width else cv2.INTER_CUBIC
    return cv2.resize(image, (width, height), interpolation=how)


def _square_of(portrait: Portrait) -> tuple[int, int, int]:
    """Left, top and edge of a portrait's crop in its picture."""
    to_picture = portrait.crop_to_picture
    scale = float(to_picture[0, 0])
    left, top = np.round(to_picture[:, 2] - (scale - 1) / 2).astype(int)
    return int(left), int(top), round(scale * portrait.size)


def _flame_square(motion: Motion) -> Square:
    """See `tracking.landmarks.flame_square`. Raises GagavatarError where there is no PyTorch."""
    require_torch()
    from ..tracking.landmarks import flame_square

    return flame_square(motion)


def _on_black(picture: np.ndarray) -> np.ndarray:
    face = choose_face(picture)
    matte = matte_person(picture, face.points, "guided")
    return (picture * matte[..., None]).round().astype(np.uint8)
