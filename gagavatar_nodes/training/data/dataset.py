"""Pairs of frames as a PyTorch data set."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.data import Dataset

from ...errors import FileFormatError
from ...heads.editions import check_same_edition
from ...heads.flame import Flame
from ...lifting.gagavatar.config import GAGAvatarConfig
from ..batch import TrainingBatch
from .clips import ClipFrames
from .frames import DatasetFrames, FrameCodes
from .pairs import Cross, Pairing
from .published import LMDB, PublishedFrames


def open_frames(folder: str | Path) -> DatasetFrames:
    """Return the frames of a folder in either layout, checked for whatever can be without reading pictures.

    Raises:
        FileFormatError: no data set, or one whose files do not belong together.
        GagavatarError: a package is missing.
    """
    folder = Path(folder)
    return PublishedFrames(folder) if (folder / LMDB).exists() else ClipFrames(folder)


class FramePairs(Dataset[TrainingBatch]):
    """Source and target frames of a split. Index it by a target's number, or by (number, draw).

    The training source depends on `seed`, the draw and the number alone: whoever counts draws (epochs) gets the same
    pairs whatever the workers, also after training went on from a checkpoint.

    Args:
        frames: see `open_frames`.
        split: train, val or test.
        flame: the head model whose posed vertices are wanted, of the edition of the data set's codes; on the CPU.
        config: sizes of the pictures.
        cross: pairs of two persons, see `pairs.Cross`.
        seed: of the drawn sources.

    Raises:
        GagavatarError: another edition, or a split without pairs.
    """

    def __init__(
        self,
        frames: DatasetFrames,
        split: str,
        flame: Flame,
        config: GAGAvatarConfig | None = None,
        *,
        cross: Cross = "no",
        seed: int = 0,
    ) -> None:
        check_same_edition(frames.edition, flame.edition)
        self.frames, self.flame = frames, flame
        self.config = config or GAGAvatarConfig()
        self.pairing = Pairing(frames, split, cross)
        self._keeps_source_shape = cross == "reenactment"
        self._seed = seed
        self._edge: int | None = None

    def __len__(self) -> int:
        return len(self.pairing)

    def __getitem__(self, index: int | tuple[int, int]) -> TrainingBatch:
        number, draw = index if isinstance(index, tuple) else (index, 0)
        source = self.pairing.source(number, random.Random(f"{self._seed} {draw} {number}"))
        return self.pair(source, self.pairing.targets[number])

    def pair(self, source: str, target: str) -> TrainingBatch:
        """Return a batch of one: the frames of two keys.

        Raises:
            FileFormatError: a picture is damaged, not square or not of the others' size; the line names the frame.
        """
        of_source, of_target = self.frames.codes(source), self.frames.codes(target)
        shape = of_source.shape if self._keeps_source_shape else of_target.shape
        return TrainingBatch(
            source_image=self._image(source, self.config.image_size),
            source_camera=_batch(of_source.transform),
            target_image=self._image(target, self.config.render_size),
            target_camera=_batch(of_target.transform),
            target_points=self._points(of_target, shape),
            target_box=_batch(of_target.box),
            source_keys=(source,),
            target_keys=(target,),
        )

    def _image(self, key: str, size: int) -> Tensor:
        """[1, 3, size, size] of a frame; resized bilinearly, antialiased."""
        picture = self.frames.picture(key)
        height, width = picture.shape[:2]
        self._edge = self._edge or height
        if (height, width) != (self._edge, self._edge):
            raise FileFormatError(
                f"{self.frames.name}: frame {key} has {width}x{height} pixels, but others {self._edge}x{self._edge}: "
                "crop all frames alike, to squares of one size"
            )
        image = torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))[None].float()
        if picture.dtype == np.uint8:
            image /= 255
        if size != self._edge:
            image = functional.interpolate(image, (size, size), mode="bilinear", antialias=True)
        return image

    @torch.no_grad()
    def _points(self, codes: FrameCodes, shape: np.ndarray) -> Tensor:
        """[1, 5023, 3] posed vertices."""
        return self.flame(*(_batch(code) for code in (shape, codes.expression, codes.jaw, codes.eyes)))


def open_dataset(
    folder: str | Path,
    split: str,
    flame: Flame,
    config: GAGAvatarConfig | None = None,
    *,
    cross: Cross = "no",
    seed: int = 0,
) -> FramePairs:
    """Return the pairs of one split of a folder; see `open_frames` and `FramePairs`."""
    return FramePairs(open_frames(folder), split, flame, config, cross=cross, seed=seed)


def _batch(values: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, np.float32))[None]
