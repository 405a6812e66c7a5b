"""A lifted portrait: everything of it that does not depend on the driver, and its file."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ...errors import FileFormatError
from ...media.files import atomic_output, readable_file
from ...types import Gaussians
from .config import VERTICES, GAGAvatarConfig

FORMAT = "gagavatar.lifted"
VERSION = 1
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
        """Write a safetensors file, whole or not at all. Raises MediaError where that fails."""
        from safetensors.numpy import save_file

        arrays = {name: getattr(self, name) for name in _ARRAYS}
        arrays |= {f"{_EXTRA}{name}": array for name, array in self.extra.items()}
        header = {
            "format": FORMAT, "version": str(VERSION), "config": json.dumps(self.config.to_dict()),
            "notes": json.dumps(self.notes),
        }  # fmt: skip
        with atomic_output(path) as temporary:
            save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, temporary, header)

    @staticmethod
    def load(path: str | os.PathLike[str]) -> PortraitGaussians:
        """Read what `save` wrote. Raises FileFormatError for another, newer, truncated or misshapen file."""
        from safetensors import SafetensorError, safe_open

        file = readable_file(path)
        try:
            with safe_open(str(file), framework="np") as opened:
                header = opened.metadata() or {}
                _check_header(file, header)
                arrays = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
            config = GAGAvatarConfig.from_dict(json.loads(header["config"]))
            notes = json.loads(header.get("notes", "{}"))
        except (SafetensorError, KeyError, TypeError, ValueError) as error:
            raise FileFormatError(
                f"{file} is no lifted avatar, or is damaged ({error}). Lift the portrait again."
            ) from error
        _check_arrays(file, arrays, config)
        extra = {name.removeprefix(_EXTRA): array for name, array in arrays.items() if name.startswith(_EXTRA)}
        return PortraitGaussians(**{name: arrays[name] for name in _ARRAYS}, config=config, extra=extra, notes=notes)


def _check_header(file: Path, header: dict[str, str]) -> None:
    if header.get("format") != FORMAT:
        raise FileFormatError(f"{file} is a safetensors file but no lifted avatar. Lift the portrait again.")
    version = header.get("version", "")
    if not version.isdecimal() or int(version) > VERSION:
        raise FileFormatError(
            f"{file} is of version {version!r} but this program reads up to {VERSION}. Update the program."
        )


def _check_arrays(file: Path, arrays: dict[str, np.ndarray], config: GAGAvatarConfig) -> None:
    count = config.gaussians
    expected = {
        "layer_means": (count - VERTICES, 3), "covariances": (count, 6), "opacities": (count,),
        "features": (count, config.feature_channels), "source_camera": (3, 4),
    }  # fmt: skip
    for name, shape in expected.items():
        got = arrays[name].shape if name in arrays else None
        if got != shape:
            raise FileFormatError(f"{file}: got {name} {got} but expected {shape}. Lift the portrait again.")
        if arrays[name].dtype != np.float32 or not np.isfinite(arrays[name]).all():
            raise FileFormatError(f"{file}: {name} holds other than finite float32 numbers. Lift the portrait again.")
