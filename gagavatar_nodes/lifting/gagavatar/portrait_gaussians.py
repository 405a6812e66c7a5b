"""A lifted portrait: everything of it that does not depend on the driver, and its file."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field

import numpy as np

from ...tensor_file import Kinds, TensorFormat, kinds_of
from ...types import Gaussians
from .config import VERTICES, GAGAvatarConfig

FORMAT = TensorFormat("gagavatar.lifted", 1, "GAGAvatar avatar file", "gagavatar lift")
_ARRAYS = ("layer_means", "covariances", "opacities", "features", "source_camera")
_EXTRA = "extra."


@dataclass(frozen=True)
class PortraitGaussians:
    """Gaussians of one portrait: 5023 bound to the head model's vertices, then the lifted planes'. Arrays float32."""

    layer_means: np.ndarray
    """[N - 5023, 3] head units."""
    covariances: np.ndarray
    """[N, 6] upper triangles, from the network's quaternions as they are."""
    opacities: np.ndarray
    """[N] 0..1."""
    features: np.ndarray
    """[N, C]."""
    source_camera: np.ndarray
    """[3, 4] world-to-view of the portrait."""
    config: GAGAvatarConfig = field(default_factory=GAGAvatarConfig)
    extra: dict[str, np.ndarray] = field(default_factory=dict)
    """Arrays that travel with the avatar, such as the portrait's FLAME shape."""
    notes: dict[str, str] = field(default_factory=dict)
    """Texts that travel with the avatar, such as the portrait's name."""

    def __len__(self) -> int:
        return len(self.covariances)

    def gaussians(self, head_points: np.ndarray) -> Gaussians:
        """Return the Gaussians with the expression ones at `head_points` [5023, 3]."""
        means = np.concatenate([np.asarray(head_points, np.float32), self.layer_means])
        return Gaussians(means, self.covariances, self.opacities, self.features)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a safetensors file, whole or not at all.

        Raises:
            FileFormatError: the arrays do not fit together, or hold NaN or infinity.
            MediaError: the file cannot be written.
        """
        extra = {f"{_EXTRA}{name}": array for name, array in self.extra.items()}
        tensors = {name: getattr(self, name) for name in _ARRAYS} | extra
        notes = {"config": json.dumps(self.config.to_dict()), "notes": json.dumps(self.notes)}
        FORMAT.save(path, tensors, {**_kinds(self.config), **kinds_of(extra)}, notes)

    @staticmethod
    def load(path: str | os.PathLike[str]) -> PortraitGaussians:
        """Read what `save` wrote.

        Raises:
            FileFormatError: another kind of file, a newer version, cut off, or arrays that do not fit together.
            MediaError: the file does not exist or cannot be read.
        """
        reader = FORMAT.open(path)
        try:
            config = GAGAvatarConfig.from_dict(json.loads(reader.notes["config"]))
            notes = json.loads(reader.notes.get("notes", "{}"))
            kinds = _kinds(config)
        except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
            raise reader.damaged(f"its configuration cannot be read ({error})") from None
        tensors = reader.tensors({**kinds, **reader.kinds(_EXTRA)})
        extra = {name.removeprefix(_EXTRA): array for name, array in tensors.items() if name.startswith(_EXTRA)}
        return PortraitGaussians(**{name: tensors[name] for name in _ARRAYS}, config=config, extra=extra, notes=notes)


def _kinds(config: GAGAvatarConfig) -> Kinds:
    """Return what a file of this configuration holds, besides what travels with the avatar."""
    count = config.gaussians
    shapes = ((count - VERTICES, 3), (count, 6), (count,), (count, config.feature_channels), (3, 4))
    return {name: ("F32", shape) for name, shape in zip(_ARRAYS, shapes, strict=True)}
