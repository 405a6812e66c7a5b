"""Rigs and takes as bytes: safetensors of small integers; docs/rig_format.md says how to read them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..errors import FileFormatError
from ..types import ARKIT_NAMES
from .rig import Eye, Rig, RigPose, Shape

RIG_FORMAT, TAKE_FORMAT = "gagavatar.rig", "gagavatar.take"
VERSION = 1
_FLOATS = ("landmarks", "gaze", "rotation", "translation", "rest_rotation", "neck_pivot", "head_pivot", "jaw_pivot")


@dataclass(frozen=True)
class Take:
    """A motion as one rig performs it: T frames, and shapes of its own for what 52 weights cannot say."""

    name: str
    fps: float
    weights: np.ndarray
    """[T, 52] ARKit weights."""
    rotation: np.ndarray
    """[T, 3] axis-angle of the neck's joint, absolute, radians."""
    scale: np.ndarray
    """[T]."""
    shift: np.ndarray
    """[T, 3] centimeters that the neck's pivot moves."""
    gaze: np.ndarray
    """[T, 2, 2] change of the irises' places, eye widths."""
    shapes: np.ndarray
    """[K, C, 3] offsets of the controls, centimeters."""
    shares: np.ndarray
    """[T, K] how much of each."""

    def __len__(self) -> int:
        return len(self.weights)

    def pose(self, index: int) -> RigPose:
        """Return what moves the rig at a frame."""
        from scipy.spatial.transform import Rotation

        return RigPose(
            weights=self.weights[index],
            rotation=Rotation.from_rotvec(self.rotation[index]).as_matrix(),
            scale=float(self.scale[index]),
            shift=self.shift[index],
            gaze=self.gaze[index],
            offsets=np.tensordot(self.shares[index], self.shapes, 1) if len(self.shapes) else None,
        )


def pack_rig(rig: Rig) -> bytes:
    """Return the rig's bytes, positions to a 65535th of their extent, colors and opacities in 8 bits."""
    low, high = rig.points.min(0).astype(np.float64), rig.points.max(0).astype(np.float64)
    step = np.maximum(high - low, 1e-6) / 65535
    offsets = np.stack([shape.offsets for shape in rig.shapes])
    tensors = {
        "points": np.round((rig.points - low) / step).astype(np.uint16),
        "points_low": low.astype(np.float32),
        "points_step": step.astype(np.float32),
        "controls": rig.controls.astype(np.uint16),
        **_quantize("weights", rig.weights, np.int16),
        "head": np.round(255 * rig.head).astype(np.uint8),
        **_quantize("colors", rig.colors, np.uint8),
        "opacities": np.round(255 * rig.opacities).astype(np.uint8),
        "covariances": rig.covariances.astype(np.float16),
        "neighbors": (rig.neighbors - np.arange(len(rig.neighbors))[:, None]).astype(np.int16),
        "steep": rig.steep.astype(np.int32),
        "normals": np.round(127 * rig.normals).astype(np.int8),
        "facing": rig.facing.astype(np.float16),
        "fade": rig.fade.astype(np.float16),
        "jaw": rig.jaw.astype(np.float32),
        "shape_units": np.array([(*s.units, -1, -1)[:2] for s in rig.shapes], np.int8),
        **_quantize_rows("shapes", offsets),
        "eye_controls": np.array([eye.control for eye in rig.eyes], np.int32),
        "eyes": np.array([[*e.own, e.width, *e.low, *e.high] for e in rig.eyes], np.float32),
        "torso": rig.torso.astype(np.float32),
        "camera_distance": np.array([rig.camera_distance], np.float32),
        **{name: np.asarray(getattr(rig, name), np.float32) for name in _FLOATS},
    }
    return _save(RIG_FORMAT, tensors, {"name": rig.name, "units": json.dumps(ARKIT_NAMES)})


def unpack_rig(content: bytes) -> Rig:
    """Return the rig of `pack_rig`'s bytes.

    Raises:
        FileFormatError: they are no rig, or of a newer version.
    """
    t, notes = _load(RIG_FORMAT, content)
    offsets = _of_rows("shapes", t)
    shapes = tuple(
        Shape(tuple(int(u) for u in units if u >= 0), rows)
        for units, rows in zip(t["shape_units"], offsets, strict=True)
    )
    left, right = (
        Eye(int(c), e[:2].astype(float), float(e[2]), e[3:5].astype(float), e[5:].astype(float))
        for c, e in zip(t["eye_controls"], t["eyes"], strict=True)
    )
    return Rig(
        points=(t["points_low"] + t["points"] * t["points_step"]).astype(np.float32),
        controls=t["controls"].astype(np.int32),
        weights=_of("weights", t),
        head=t["head"] / np.float32(255),
        torso=t.get("torso", np.zeros(4)).astype(np.float64),
        colors=_of("colors", t),
        opacities=t["opacities"] / np.float32(255),
        covariances=t["covariances"].astype(np.float32),
        neighbors=t["neighbors"].astype(np.int32) + np.arange(len(t["neighbors"]), dtype=np.int32)[:, None],
        steep=t["steep"],
        normals=t["normals"] / np.float32(127),
        facing=t["facing"].astype(np.float32),
        fade=t["fade"].astype(np.float32),
        jaw=t["jaw"],
        shapes=shapes,
        eyes=(left, right),
        camera_distance=float(t["camera_distance"][0]),
        name=notes.get("name", ""),
        **{name: t[name].astype(np.float64) for name in _FLOATS},
    )


def pack_take(take: Take) -> bytes:
    """Return the take's bytes."""
    tensors = {name: getattr(take, name).astype(np.float16) for name in ("weights", "gaze", "shares")}
    tensors |= {name: getattr(take, name).astype(np.float32) for name in ("rotation", "scale", "shift")}
    tensors |= _quantize_rows("shapes", take.shapes)
    return _save(TAKE_FORMAT, tensors, {"name": take.name, "fps": repr(float(take.fps))})


def unpack_take(content: bytes) -> Take:
    """Return the take of `pack_take`'s bytes.

    Raises:
        FileFormatError: they are no take, or of a newer version.
    """
    t, notes = _load(TAKE_FORMAT, content)
    names = ("weights", "rotation", "scale", "shift", "gaze", "shares")
    arrays = {name: t[name].astype(np.float32) for name in names}
    return Take(name=notes["name"], fps=float(notes["fps"]), shapes=_of_rows("shapes", t), **arrays)


def _quantize(name: str, values: np.ndarray, kind: type) -> dict[str, np.ndarray]:
    scale = max(float(np.abs(values).max(initial=0)), 1e-9) / np.iinfo(kind).max
    return {name: np.round(values / scale).astype(kind), f"{name}_scale": np.array([scale], np.float32)}


def _of(name: str, tensors: Mapping[str, np.ndarray]) -> np.ndarray:
    return tensors[name] * tensors[f"{name}_scale"]


def _quantize_rows(name: str, values: np.ndarray) -> dict[str, np.ndarray]:
    """Each row has a scale of its own."""
    scale = np.maximum(np.abs(values).max(axis=(1, 2), initial=0), 1e-9) / 32767
    return {
        name: np.round(values / scale[:, None, None]).astype(np.int16),
        f"{name}_scale": scale.astype(np.float32),
    }


def _of_rows(name: str, tensors: Mapping[str, np.ndarray]) -> np.ndarray:
    return tensors[name] * tensors[f"{name}_scale"][:, None, None]


def _save(format_: str, tensors: Mapping[str, np.ndarray], notes: Mapping[str, str]) -> bytes:
    from safetensors.numpy import save

    arrays = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    return save(arrays, {"format": format_, "version": str(VERSION), **notes})


def _load(format_: str, content: bytes) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        length = int.from_bytes(content[:8], "little")
        notes = json.loads(content[8 : 8 + length])["__metadata__"]
        tensors = load(content)
    except (SafetensorError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise FileFormatError(f"This is not a {format_} of version {VERSION}: {error}") from None
    if notes.get("format") != format_ or notes.get("version") != str(VERSION):
        raise FileFormatError(f"This is {notes.get('format')} {notes.get('version')}, not {format_} {VERSION}")
    return tensors, notes
