"""Files of embedded avatars."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np

from ...tensor_file import Kinds, TensorFormat
from .binding import CONTROLS, Binding
from .layer import Layer
from .stage import Stage

FORMAT = TensorFormat("gagavatar.geometric", 1, "avatar file", "gagavatar lift")
_LARGEST = 1_000_000
"""Of any number in a sound file: centimeters, pixels, weights and indices are below."""
_LAYER: Kinds = {
    "points": ("F32", ("N", 3)),
    "head": ("F32", ("N",)),
    "colours": ("F32", ("N", 3)),
    "opacities": ("F32", ("N",)),
    "covariances": ("F32", ("N", 6)),
    "neighbours": ("I32", ("N", 4)),
}
_FIELDS = {"colours": "colors", "neighbours": "neighbors"}
"""Fields of `Layer` whose tensors have another name."""
_KINDS: Kinds = {
    **_LAYER,
    "controls": ("I32", ("N", 4)),
    "weights": ("F32", ("N", 4)),
    "mouth_fade": ("F32", ("M", 2)),
    "canonical": ("F32", (478, 3)),
    "stage_size": ("I32", (1,)),
    "stage_scale": ("F64", (1,)),
    "stage_rotation": ("F64", (3, 3)),
    "stage_translation": ("F64", (3,)),
}


@dataclass(frozen=True)
class AvatarParts:
    """What an embedded avatar is made of, as its file holds it."""

    stage: Stage
    canonical: np.ndarray
    """[478, 3] float32 the portrait's canonical landmarks, centimeters."""
    layer: Layer
    """All splats: front, back, skin, eyes, and the mouth's inside last."""
    mouth_fade: np.ndarray
    """[M, 2] for the last M splats, see `Mouth.fade`."""


def write_parts(path: str | os.PathLike[str], avatar: AvatarParts) -> None:
    """Write an avatar to a safetensors file that appears whole or not at all.

    Raises:
        MediaError: the file cannot be written.
    """
    layer, stage = avatar.layer, avatar.stage
    tensors = {name: getattr(layer, _FIELDS.get(name, name)) for name in _LAYER}
    tensors |= {"controls": layer.binding.controls, "weights": layer.binding.weights}
    tensors |= {"mouth_fade": avatar.mouth_fade, "canonical": avatar.canonical}
    tensors |= {"stage_size": np.array([stage.size]), "stage_scale": np.array([stage.scale])}
    tensors |= {"stage_rotation": stage.rotation, "stage_translation": stage.translation}
    FORMAT.save(path, tensors, _KINDS, {})


def read_parts(path: str | os.PathLike[str]) -> AvatarParts:
    """Read what `write_parts` wrote.

    Raises:
        FileFormatError: another kind of file, a newer version, cut off, or arrays that do not fit together.
        MediaError: the file does not exist or cannot be read.
    """
    reader = FORMAT.open(path)
    tensors = reader.tensors(_KINDS)
    for name, tensor in tensors.items():
        if np.abs(tensor).max() > _LARGEST:
            raise reader.damaged(f"tensor '{name}' holds a number beyond {_LARGEST}")
    count = len(tensors["points"])
    for name, limit in (("controls", CONTROLS), ("neighbours", count)):
        if tensors[name].min() < 0 or tensors[name].max() >= limit:
            raise reader.damaged(f"tensor '{name}' must hold numbers from 0 to {limit - 1}")
    if (
        len(tensors["mouth_fade"]) > count
        or not 16 <= tensors["stage_size"][0] <= 1 << 15
        or not tensors["stage_scale"][0] > 0
    ):
        raise reader.damaged("its parts do not fit together")
    stage = Stage(
        int(tensors["stage_size"][0]),
        float(tensors["stage_scale"][0]),
        tensors["stage_rotation"],
        tensors["stage_translation"],
    )
    binding = Binding(tensors["controls"], tensors["weights"])
    layer = Layer(binding=binding, **{_FIELDS.get(name, name): tensors[name] for name in _LAYER})
    return AvatarParts(stage, tensors["canonical"], layer, tensors["mouth_fade"])
