"""The mouth's inside: cavity, teeth and tongue behind the lips, or what the source shows of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...face.topology import INNER_LIPS, LOWER_LIP, UPPER_LIP
from ...heads.cc0 import LOWER_TEETH, TONGUE, UPPER_TEETH, head_mesh
from ...types import Portrait
from .binding import Binding, Handle
from .lattice import polygon
from .layer import Layer, discs
from .mesh import sample_surface, vertex_normals
from .stage import Stage

_CHEEKS = (50, 280, 205, 425)
_REFERENCE_LUMINANCE = 0.75  # of the cheeks under which the tooth colors below were chosen
_SKIN = np.array([0.86, 0.68, 0.60])  # color of a light skin in white light
_GAPS_CM = np.array([0.0, 0.85, 1.5, 2.2])  # between the teeth, from the middle
_ENAMEL = np.array([0.93, 0.90, 0.85])
_TONGUE = np.array([0.55, 0.26, 0.25])
_CAVITY = np.array([0.16, 0.06, 0.06])
_OWN_PIXELS = 40
_FRONT_CM = 1.0
_LOWER_CURVE, _UPPER_CURVE = INNER_LIPS[:11], (308, 415, 310, 311, 312, 13, 82, 81, 80, 191, 78)


@dataclass(frozen=True)
class Mouth:
    """The inside of the mouth as one layer, and what its visibility depends on."""

    layer: Layer
    fade: np.ndarray
    """[N, 2] opening in centimeters at which a splat starts to change, and over which it fades in (out where negative;
    0: it is always there). A start under 0: also where lips part that should not."""


def mouth_interior(portrait: Portrait, stage: Stage) -> Mouth:
    """Cavity, teeth and tongue of a portrait, placed behind its lips."""
    marks = portrait.canonical.astype(float)
    lips_z = marks[[UPPER_LIP, LOWER_LIP], 2].mean()
    light = _light(portrait)
    parts = [
        (_cavity(marks, lips_z, light), (-1.0, 0.0)),
        (_lower_teeth(marks, lips_z, light), (0.35, 0.5)),
        (_tongue(marks, lips_z, light), (0.5, 0.6)),
    ]
    own = _own_interior(portrait, stage, lips_z)
    opening = float(marks[UPPER_LIP, 1] - marks[LOWER_LIP, 1])
    if own is not None:
        # An open mouth without teeth gives way to drawn ones as it opens farther than in the source.
        parts.append((own, (0.0, 0.0) if _shows_teeth(portrait) else (opening + 0.05, -0.3)))
    if own is None or not _shows_teeth(portrait):
        parts.append((_upper_teeth(marks, lips_z, light), (0.0, 0.0) if own is None else (opening, 0.3)))
    fade = np.concatenate([np.tile(f, (len(layer), 1)) for layer, f in parts]).astype(np.float32)
    return Mouth(Layer.stack([layer for layer, _ in parts]), fade)


def mouth_handles(canonical: np.ndarray, displacements: np.ndarray) -> np.ndarray:
    """Displacements [5, 3] of the mouth's handles, in the order of `Handle`, from the landmarks' [478, 3]."""
    upper = canonical[UPPER_LIP] + displacements[UPPER_LIP]
    lower = canonical[LOWER_LIP] + displacements[LOWER_LIP]
    opening = max(upper[1] - lower[1], 0.0)
    sideways = displacements[[UPPER_LIP, LOWER_LIP], 0].mean()
    rows = np.zeros((5, 3))
    # The upper teeth belong to the skull; the lip's own share stands for what the landmarks cannot tell of it.
    rows[0, 1] = 0.4 * displacements[UPPER_LIP, 1] - min(0.15, 0.2 * opening)
    rows[1] = [sideways, displacements[LOWER_LIP, 1] + min(0.45, 0.3 * opening), 0]
    rows[2] = [sideways, displacements[LOWER_LIP, 1] + min(0.5, 0.25 * opening), 0]
    rows[3] = [sideways, (upper[1] + lower[1]) / 2, 0]
    rows[4] = [0, opening / 2 + 0.35, 0]  # the corners of a smile lie higher than its middle
    return rows


def mouth_visibility(mouth_points: np.ndarray, fade: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """[N] 0..1 visibility of the interior's splats at canonical x, y [2, N], between the inner lips of [478, 3]."""
    x, y = mouth_points
    lower = _curve(landmarks[list(_LOWER_CURVE)], x)
    upper = _curve(landmarks[list(_UPPER_CURVE)], x)
    opening = max(landmarks[UPPER_LIP, 1] - landmarks[LOWER_LIP, 1], 0.0)
    inside = np.clip((y - lower) / 0.06 + 1, 0, 1) * np.clip((upper - y) / 0.06 + 1, 0, 1)
    corners = (x > landmarks[78, 0]) & (x < landmarks[308, 0])
    start, width = fade.T
    change = np.clip((opening - start) / np.maximum(np.abs(width), 1e-3), 0, 1)
    seen = inside * corners * np.where(width > 0, change, np.where(width < 0, 1 - change, 1))
    return np.where(start < 0, 1, seen)


def mouth_shade(opening: float) -> float:
    """How much light falls into a mouth opened by some centimeters."""
    return float(np.clip(0.6 + 0.4 * opening / 1.2, 0.6, 1.0))


def _curve(points: np.ndarray, x: np.ndarray) -> np.ndarray:
    order = np.argsort(points[:, 0])
    return np.interp(x, points[order, 0], points[order, 1])


def _light(portrait: Portrait) -> np.ndarray:
    """Light [3] on the portrait: its brightness and cast, from the cheeks over a well-lit light skin."""
    cheeks = _cheeks(portrait)
    cast = cheeks / max(cheeks.mean(), 1e-3) / (_SKIN / _SKIN.mean())
    return np.clip(cheeks.mean() / _REFERENCE_LUMINANCE, 0.55, 1.05) * np.clip(cast, 0.8, 1.2)


def _cheeks(portrait: Portrait) -> np.ndarray:
    """Mean color [3] of the cheeks, 0..1."""
    x, y = np.round(portrait.landmarks[list(_CHEEKS), :2]).astype(int).T
    limit = portrait.size - 4
    patches = [
        portrait.crop[v - 3 : v + 4, u - 3 : u + 4] for u, v in zip(x.clip(3, limit), y.clip(3, limit), strict=True)
    ]
    return np.mean([p.mean((0, 1)) for p in patches], axis=0) / 255


def _sample(part: int, count: int, landmarks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points and normals on one part of the bundled head, in centimeters, its mouth as wide as the portrait's."""
    mesh = head_mesh()
    bound = mesh.landmarks(mesh.vertices)
    scale = np.linalg.norm(landmarks[78] - landmarks[308]) / np.linalg.norm(bound[78] - bound[308])
    scale = np.clip(scale, 8.5, 10.5)  # a decimeter is ten centimeters; wide mouths do not have wider teeth
    triangles = mesh.triangles[mesh.parts == part]
    face, weights = sample_surface(mesh.vertices, triangles, count, seed=part)
    normals = vertex_normals(mesh.vertices, triangles)
    take = lambda values: (values[triangles[face]] * weights[..., None]).sum(1)  # noqa: E731
    points = (take(mesh.vertices) - bound[[78, 308]].mean(0)) * scale
    points[:, 0] += landmarks[[78, 308], 0].mean()
    return points, take(normals)


def _front(points: np.ndarray) -> np.ndarray:
    """Return the foremost of points [N, 3]: incisors or the tongue's tip, which lie lower than molars and its back."""
    return points[points[:, 2] > points[:, 2].max() - _FRONT_CM]


def _enamel(points: np.ndarray, normals: np.ndarray, landmarks: np.ndarray, light: np.ndarray) -> np.ndarray:
    """Tooth colors: bright in the middle and in front, darker toward the corners and where the surface turns away."""
    middle = landmarks[[78, 308], 0].mean()
    half = max(abs(landmarks[308, 0] - landmarks[78, 0]) / 2, 0.5)
    aside = 1 - 0.4 * np.square((points[:, 0] - middle) / half)
    facing = 0.72 + 0.28 * np.clip(normals[:, 2] / np.maximum(np.linalg.norm(normals, axis=1), 1e-9), 0, 1)
    behind = 1 - 0.15 * np.clip(points[:, 2].max() - points[:, 2], 0, 3)
    gap = np.abs(np.abs(points[:, :1] - middle) - _GAPS_CM).min(1)
    between = 1 - 0.45 * np.exp(-np.square(gap / 0.06))
    return _ENAMEL * light * (np.clip(aside, 0.3, 1) * facing * np.clip(behind, 0.4, 1) * between)[:, None]


def _upper_teeth(marks: np.ndarray, lips_z: float, light: np.ndarray) -> Layer:
    points, normals = _sample(UPPER_TEETH, 3500, marks)
    points[:, 1] += marks[UPPER_LIP, 1] - 0.12 - np.percentile(_front(points)[:, 1], 3)
    points[:, 2] += lips_z - 0.75 - points[:, 2].max()
    binding = Binding.to([Handle.UPPER_TEETH], np.ones((len(points), 1)))
    return discs(points, binding, _enamel(points, normals, marks, light), 0.9, 0.055)


def _lower_teeth(marks: np.ndarray, lips_z: float, light: np.ndarray) -> Layer:
    points, normals = _sample(LOWER_TEETH, 3000, marks)
    points[:, 1] += marks[LOWER_LIP, 1] - np.percentile(_front(points)[:, 1], 97)
    points[:, 2] += lips_z - 0.95 - points[:, 2].max()
    binding = Binding.to([Handle.LOWER_TEETH], np.ones((len(points), 1)))
    return discs(points, binding, 0.92 * _enamel(points, normals, marks, light), 0.9, 0.07)


def _tongue(marks: np.ndarray, lips_z: float, light: np.ndarray) -> Layer:
    points, _ = _sample(TONGUE, 2200, marks)
    points[:, 1] += marks[LOWER_LIP, 1] - np.percentile(_front(points)[:, 1], 97)
    points[:, 2] += lips_z - 1.4 - points[:, 2].max()
    shade = np.clip(1 - 0.12 * (points[:, 2].max() - points[:, 2]), 0.3, 1)[:, None]
    binding = Binding.to([Handle.TONGUE], np.ones((len(points), 1)))
    return discs(points, binding, _TONGUE * light * shade, 0.9, 0.13)


def _cavity(marks: np.ndarray, lips_z: float, light: np.ndarray) -> Layer:
    """Return a dark, bowed sheet behind everything, higher than the mouth is open: the cheeks hide the rest of it."""
    half = abs(marks[308, 0] - marks[78, 0]) / 2
    across, up = (g.ravel() for g in np.mgrid[-1.1:1.11:0.05, -1:1.01:0.06])
    middle = marks[[78, 308], 0].mean()
    depth = lips_z - 2.4 - 1.6 * across**2
    points = np.stack([middle + across * half, np.zeros_like(up), depth], 1)
    weights = np.stack([np.ones_like(up), up * np.sqrt(1 - (across / 1.2) ** 2)], 1)
    colors = np.tile(_CAVITY * light, (len(points), 1))
    return discs(points, Binding.to([Handle.CAVITY, Handle.CAVITY_HEIGHT], weights), colors, 0.98, 0.12)


def _shows_teeth(portrait: Portrait) -> bool:
    """Whether some of the upper half of what the lips leave open is as bright as the cheeks, and without color."""
    mask = polygon(portrait.landmarks[list(INNER_LIPS), :2], portrait.size) > 0.5
    mask[round(float(portrait.landmarks[[UPPER_LIP, LOWER_LIP], 1].mean())) :] = False
    color = portrait.crop[mask] / 255.0
    if len(color) < _OWN_PIXELS / 2:
        return False
    bright = color.mean(1) > 0.85 * _light(portrait).mean() * _REFERENCE_LUMINANCE
    pale = np.ptp(color, axis=1) < 0.3 * color.max(1)
    return bool((bright & pale).mean() > 0.12)


def _own_interior(portrait: Portrait, stage: Stage, lips_z: float) -> Layer | None:
    """Return what the source shows between its lips, or nothing where they are closed."""
    mask = polygon(portrait.landmarks[list(INNER_LIPS), :2], portrait.size)
    y, x = np.nonzero(mask > 0.2)
    if (mask > 0.5).sum() < _OWN_PIXELS:
        return None
    pixels = np.stack([x, y], 1).astype(float)
    plane = stage.from_canonical(np.array([[0.0, portrait.canonical[UPPER_LIP, 1], lips_z - 0.6]]))[0, 2]
    points = stage.to_canonical(stage.unproject(pixels, np.full(len(x), plane)))
    # Its top hangs on the upper lip, so that no gap opens over the teeth; they stretch a little downwards.
    lips = portrait.landmarks[[UPPER_LIP, LOWER_LIP], 1]
    down = np.clip((y - lips[0]) / max(lips[1] - lips[0], 1), 0, 1)
    binding = Binding.to([UPPER_LIP], (1 - 0.5 * down)[:, None])
    return discs(points, binding, portrait.crop[y, x] / 255.0, 0.98, 0.6 / stage.scale)
