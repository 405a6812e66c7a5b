"""The mouth's inside: cavity, teeth and tongue behind the lips, or what the source shows of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from ...easing import smoothstep
from ...face.topology import EYE_RINGS, INNER_LIPS, IRISES, LOWER_LIP, OUTER_LIPS, UPPER_LIP
from ...types import Portrait
from .binding import Binding, Handle
from .corner_lines import corner_lines
from .depth import FrontDepth
from .layer import Layer, discs
from .lip_edges import cheek_color
from .lips import LOWER_CURVE, LOWER_MIDDLE, UPPER_CURVE, UPPER_MIDDLE, between_lips, curve
from .own_mouth import own_mouth
from .pixels import polygon, whole_pixels
from .stage import Stage
from .teeth import LOWER, UPPER, arch_layer
from .tones import portrait_tones

_JAW = (18, 199, 200)
"""Landmarks of skin that lies close on the jaw."""
_REFERENCE_LUMINANCE, _REFERENCE_WHITE = 0.75, 0.78
"""Luminance of a light skin's cheeks, and of the white of eyes under their lids, in full light."""
_DARKER_SKIN = 0.17  # by which saturated skins are darker
_SKIN_BLUE = (0.5, 0.85)  # blue over red of skins in white light
_ENAMEL, _GUM = np.array([0.92, 0.88, 0.80]), np.array([0.66, 0.34, 0.32])
_TONGUE = np.array([0.66, 0.33, 0.32])
_THROAT, _RIM = np.array([0.08, 0.025, 0.025]), np.array([0.34, 0.13, 0.115])
_MOUTH_CM, _SIZES = 4.7, (0.85, 1.12)  # a mean mouth's width, and teeth's sizes: wide mouths do not have wider ones
_UPPER_SHOWN_CM, _LOWER_SUNK_CM = 0.4, 0.05  # of teeth, under the resting upper lip and under the lower one's edge
_UPPER_DEPTH_CM, _LOWER_DEPTH_CM = 0.65, 0.9
_CLEARANCE_CM = 0.45  # between lips and teeth
_CAVITY_REACH = 1.08  # of the way from the mouth's middle to its corners
_UNROLLED = (0.08, 0.03)  # shares of the opening over which lower and upper lip show their inner sides
_SHADOW_ROWS = (0.15, 0.35, 0.5, 0.65, 0.76, 0.86, 0.95)  # shares of the opening, from the lower lip
_SHADE = (0.22, 0.3)  # opacities of the shadow under the upper lip, and in the corners
_SEEN = 0.7  # opacity of own teeth from which on the portrait tells their color
_TUNNEL_CM, _TUNNEL_SHADE = (0.8, 0.95), 0.12
"""Behind the resting upper lip, under the teeth, where the shade hangs that lips pushed forward bring before them."""
_TUNNEL_ROWS_CM, _TUNNEL_STEP_CM = (0.15, 0.35, 0.55, 0.75), 0.16  # under that lip's edge
_TUNNEL_WIDTH = 0.7  # of the mouth's: beside it there are no teeth
_LINE_CM, _BEFORE_CM, _LINE_SIGMA_CM = (0.0, 0.03), 0.15, 0.07
"""Where, from the lips' edges outward and before them, and how wide lies what covers the line between closed lips."""
_LIP_EDGE = 4 / 512  # of the crop's edge, from the inner lips, where their inner sides' color begins
_THIN_LIP = 1.0  # most of the way to a lip's middle
_MIDDLE: dict[tuple[int, ...], tuple[int, ...]] = {LOWER_CURVE: LOWER_MIDDLE, UPPER_CURVE: UPPER_MIDDLE}


@dataclass(frozen=True)
class Mouth:
    """The inside of the mouth as one layer, and what its visibility depends on."""

    layer: Layer
    seen: np.ndarray
    """[N] bool: the portrait shows its color."""
    fade: np.ndarray
    """[N, 2] opening in centimeters at which a splat starts to change, and over which it fades in (out where negative;
    0: it is always there). A start under 0: the same from minus it, and not only between the lips."""


def mouth_interior(portrait: Portrait, stage: Stage, depth: FrontDepth) -> Mouth:
    """Cavity, teeth, tongue and the lips' inner side of a portrait, and what covers the line of closed lips."""
    marks = portrait.canonical.astype(float)
    light = _light(portrait)
    lip = _lip_color(portrait)
    opening = max(float(marks[UPPER_LIP, 1] - marks[LOWER_LIP, 1]), 0.0)
    own = own_mouth(portrait, stage)
    enamel = _ENAMEL * light
    edge = marks[UPPER_LIP, 1] - _UPPER_SHOWN_CM
    always, later = (0.0, 0.12), (opening, 0.3)  # nothing shines through lips that meet
    upper = always
    parts: list[tuple[Layer, tuple[float, float], np.ndarray | bool]] = [(_cavity(marks, light), (-1.0, 0.0), False)]
    if own is not None:
        # A gap gives way to drawn teeth and tongue as it opens farther than in the source.
        parts.append((own.rest, (opening + 0.05, -0.3), True))
        if own.teeth is None or own.hidden is None:
            upper = later
        else:
            whether = always if own.sure > 0.5 else (opening + 0.05, -0.4)
            seen = own.teeth.opacities > _SEEN  # thinner ones would take on what is beside teeth
            parts += [(own.teeth, whether, seen), (own.hidden, whether, False)]
            enamel = enamel + own.sure * (own.enamel - enamel)
        if own.edge is not None:
            edge += own.sure * (own.edge - edge)
    gum = 0.75 * _GUM * light + 0.25 * lip
    size = float(np.clip(np.linalg.norm(marks[78] - marks[308]) / _MOUTH_CM, *_SIZES))
    middle = marks[[78, 308], 0].mean()
    front = [marks[i, 2] for i in (UPPER_LIP, LOWER_LIP)]
    upper_edge = np.array([middle, edge, front[0] - _UPPER_DEPTH_CM])
    lower_edge = np.array([middle, marks[LOWER_LIP, 1] - _LOWER_SUNK_CM, min(front) - _LOWER_DEPTH_CM])
    drawn = [
        (arch_layer(UPPER, upper_edge, size, _behind(marks, UPPER_CURVE), enamel, gum), upper),
        (arch_layer(LOWER, lower_edge, size, _behind(marks, LOWER_CURVE), 0.9 * enamel, gum), (opening + 0.2, 0.3)),
        (_tongue(lower_edge, size, light), (opening + 0.2, 0.5)),
        (_inner_lips(portrait, lip), (opening, 0.25)),
        (_parted_line(portrait), (opening + 0.1, 0.4)),
        (corner_lines(portrait, stage, depth), (-(opening + 0.4), 0.8)),
        (_shadow(marks, light), (opening, 0.35)),
        (_tunnel(marks, light), (opening + 1.8, -0.8)),
    ]
    parts += [(layer, fade, False) for layer, fade in drawn]
    fade = np.concatenate([np.tile(f, (len(layer), 1)) for layer, f, _ in parts]).astype(np.float32)
    shown = np.concatenate([np.full(len(layer), seen) for layer, _, seen in parts])
    layer = Layer.stack([layer for layer, _, _ in parts])
    return Mouth(replace(layer, colors=portrait_tones(portrait)(layer.colors)), shown, fade)


def mouth_handles(canonical: np.ndarray, displacements: np.ndarray) -> np.ndarray:
    """Displacements [5, 3] of the mouth's handles, in the order of `Handle`, from the landmarks' [478, 3]."""
    upper = canonical[UPPER_LIP] + displacements[UPPER_LIP]
    lower = canonical[LOWER_LIP] + displacements[LOWER_LIP]
    opening = max(upper[1] - lower[1], 0.0)
    farther = max(opening - max(float(canonical[UPPER_LIP, 1] - canonical[LOWER_LIP, 1]), 0.0), 0.0)
    jaw = displacements[list(_JAW)].mean(0)
    # Skin slides over the jaw: a lip never takes its teeth along whole.
    jaw[1] = max(jaw[1], displacements[LOWER_LIP, 1] + min(0.27 * farther, 0.6))
    rows = np.zeros((5, 3))
    # The upper teeth belong to the skull: they stay. Lower ones and the tongue ride the jaw.
    rows[1:3] = jaw * [1, 1, 0.8]
    rows[3] = [jaw[0], (upper[1] + lower[1]) / 2, 0.8 * min(jaw[2], 0)]
    rows[4] = [0, opening / 2 + 0.35, 0]  # the corners of a smile lie higher than its middle
    return rows


def mouth_visibility(mouth_points: np.ndarray, fade: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """[N] 0..1 visibility of the interior's splats at canonical x, y [2, N], between the inner lips of [478, 3]."""
    x, y = mouth_points
    lower = curve(landmarks[list(LOWER_CURVE)], x)
    upper = curve(landmarks[list(UPPER_CURVE)], x)
    opening = max(landmarks[UPPER_LIP, 1] - landmarks[LOWER_LIP, 1], 0.0)
    inside = np.clip((y - lower) / 0.06 + 1, 0, 1) * np.clip((upper - y) / 0.06 + 1, 0, 1)
    corners = (x > landmarks[78, 0]) & (x < landmarks[308, 0])
    start, width = fade.T
    change = np.clip((opening - np.abs(start)) / np.maximum(np.abs(width), 1e-3), 0, 1)
    within = np.where(start < 0, 1, inside * corners)
    return within * np.where(width > 0, change, np.where(width < 0, 1 - change, 1))


def _behind(marks: np.ndarray, lip: tuple[int, ...]) -> np.ndarray:
    """[2, 11] x and z of the surface behind a lip that no tooth may pierce."""
    rows = marks[list(lip)]
    return rows[np.argsort(rows[:, 0])][:, [0, 2]].T - np.array([[0.0], [_CLEARANCE_CM]])


def _light(portrait: Portrait) -> np.ndarray:
    """Light [3] on the portrait, by the cheeks and the white of the eyes, since skins differ: brightness and cast."""
    cheeks = cheek_color(portrait)
    blue = cheeks[2] / max(cheeks[0], 1e-3)
    # Dark skins are more saturated than light ones.
    full = _REFERENCE_LUMINANCE - _DARKER_SKIN * smoothstep((_SKIN_BLUE[1] - 0.17 - blue) / 0.2)
    bright = max(cheeks.mean() / full, _white_of_eyes(portrait) / _REFERENCE_WHITE)
    # Of skin's hue only what no skin has in white light is the light's.
    cast = np.clip(blue / np.clip(blue, *_SKIN_BLUE), 0.7, 1.2)
    tint = np.array([1.0, np.sqrt(cast), cast])
    return np.clip(bright, 0.2, 1.05) * tint / tint.mean()


def _white_of_eyes(portrait: Portrait) -> float:
    """Luminance 0..1 of the lighter part of what the lids show beside the irises; 0 where they show none."""
    rows, columns = np.indices(portrait.alpha.shape)
    values = []
    for ring, iris in zip(EYE_RINGS, IRISES, strict=True):
        center, rim = portrait.landmarks[iris][0, :2], portrait.landmarks[iris][1:, :2]
        beside = np.hypot(columns - center[0], rows - center[1]) > 1.2 * np.linalg.norm(rim - center, axis=1).mean()
        open_eye = polygon(portrait.landmarks[list(ring), :2], portrait.size) > 0.9
        values.append(portrait.crop[open_eye & beside].mean(-1) / 255)
    white = np.concatenate(values)
    return float(np.percentile(white, 80)) if len(white) > 12 else 0.0


def _lip_color(portrait: Portrait) -> np.ndarray:
    """Median color [3] of the lips, 0..1."""
    inner, outer = (polygon(portrait.landmarks[list(ring), :2], portrait.size) for ring in (INNER_LIPS, OUTER_LIPS))
    lips = (outer > 0.9) & (inner < 0.01)
    return np.median(portrait.crop[lips], axis=0) / 255 if lips.any() else _GUM


def _inner_lips(portrait: Portrait, color: np.ndarray) -> Layer:
    """Return the inner side of both lips, which unrolls as they part: it goes from their color into the dark."""
    marks = portrait.canonical.astype(float)
    left, right = np.sort(marks[[78, 308], 0])
    x, turn = (g.ravel() for g in np.meshgrid(np.arange(left + 0.05, right, 0.08), np.linspace(0, 1, 4)))
    layers = []
    for rows, share in ((LOWER_CURVE, turn * _UNROLLED[0]), (UPPER_CURVE, 1 - turn * _UNROLLED[1])):
        points, binding = between_lips(marks, x, share)
        points[:, 2] -= 0.12 + 0.3 * turn
        beside = _beside(portrait, rows, x)
        start = 0.5 * (beside + color * beside.mean(1, keepdims=True) / max(color.mean(), 1e-3))
        shade = (0.85 - 0.5 * turn)[:, None] * (1 + np.array([0.06, -0.1, -0.1]) * turn[:, None])
        layers.append(discs(points, binding, np.clip(start * shade, 0, 1), 0.95 * (1 - 0.75 * turn), 0.07))
    return Layer.stack(layers)


def _parted_line(portrait: Portrait) -> Layer:
    """Return the lips' own color over the dark line where they meet: it is their shade, and goes as they part."""
    marks = portrait.canonical.astype(float)
    left, right = np.sort(marks[[78, 308], 0])
    x, out = (g.ravel() for g in np.meshgrid(np.arange(left + 0.05, right, 0.08), _LINE_CM))
    layers = []
    for rows, share, side in ((LOWER_CURVE, 0, -1), (UPPER_CURVE, 1, 1)):
        points, binding = between_lips(marks, x, np.full(len(x), share))
        points += np.stack([np.zeros(len(x)), side * out, np.full(len(x), _BEFORE_CM)], 1)
        layers.append(discs(points, binding, _beside(portrait, rows, x), 0.95, _LINE_SIGMA_CM))
    return Layer.stack(layers)


def _shadow(marks: np.ndarray, light: np.ndarray) -> Layer:
    """Return the shadow of the lips before teeth and tongue: soft, under the upper one and in the corners."""
    left, right = np.sort(marks[[78, 308], 0])
    x, share = (g.ravel() for g in np.meshgrid(np.arange(left + 0.1, right, 0.1), _SHADOW_ROWS))
    points, binding = between_lips(marks, x, share)
    points[:, 2] -= _CLEARANCE_CM - 0.02
    aside = np.abs(2 * x - left - right) / (right - left)
    under = smoothstep((share - 0.6) / 0.4)
    opacities = np.maximum(_SHADE[0] * under, _SHADE[1] * aside**3)
    return discs(points, binding, np.tile(_THROAT * light, (len(x), 1)), opacities, 0.1)


def _tunnel(marks: np.ndarray, light: np.ndarray) -> Layer:
    """Return the shade in which teeth lie behind lips pushed forward: it goes with the upper one, through the teeth."""
    ends = np.sort(marks[[78, 308], 0])
    half = _TUNNEL_WIDTH * np.ptp(ends) / 2
    columns = np.arange(ends.mean() - half, ends.mean() + half, _TUNNEL_STEP_CM)
    x, under, back = (g.ravel() for g in np.meshgrid(columns, _TUNNEL_ROWS_CM, _TUNNEL_CM))
    points, binding = between_lips(marks, x, np.ones(len(x)))
    points -= np.stack([np.zeros(len(x)), under, back], 1)
    return discs(points, binding, np.tile(_THROAT * light, (len(x), 1)), _TUNNEL_SHADE, 0.8 * _TUNNEL_STEP_CM)


def _beside(portrait: Portrait, lip: tuple[int, ...], x: np.ndarray) -> np.ndarray:
    """Colors [N, 3] of a lip close to its inner edge, at canonical `x` [N]."""
    size, reach = portrait.size, _LIP_EDGE * portrait.size
    rows = list(lip[1:-1])  # at the corners there is no lip
    edge, middle = (portrait.landmarks[r, :2].astype(float) for r in (rows, list(_MIDDLE[lip])))
    way = middle - edge
    way *= np.minimum(reach / np.maximum(np.linalg.norm(way, axis=1, keepdims=True), 1e-3), _THIN_LIP)
    column, row = whole_pixels(edge + way, size)
    colors = cv2.GaussianBlur(portrait.crop, (0, 0), reach / 4)[row, column] / 255.0
    marks = portrait.canonical[rows, 0]
    order = np.argsort(marks)
    return np.stack([np.interp(x, marks[order], channel[order]) for channel in colors.T], 1)


def _tongue(edge: np.ndarray, size: float, light: np.ndarray) -> Layer:
    """Return the tongue's upper side: it lies behind the lower teeth and rises toward the back."""
    across, back = np.meshgrid(np.linspace(-1, 1, 25), np.linspace(0, 1, 24))
    half = 1.9 * np.sqrt(np.clip(1 - np.square(1 - np.minimum(back / 0.4, 1)), 0.02, 1))
    rise = 1.0 * np.sin(np.pi / 2 * np.minimum(back / 0.6, 1)) * (1 - 0.5 * across**2)
    rise -= 0.07 * np.exp(-np.square(across / 0.12)) * smoothstep(back / 0.3)
    surface = np.stack([across * half, rise - 0.15, -0.45 - 4.0 * back], -1)
    normals = np.cross(np.gradient(surface, axis=1), np.gradient(surface, axis=0))
    normals *= np.sign(normals[..., 1:2]) / np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-9)
    shade = (0.5 + 0.6 * np.clip(normals @ [0, 0.5, 0.87], 0, 1)) * np.clip(1.0 - 0.75 * back, 0.25, 1)
    points = surface.reshape(-1, 3) * size + edge
    binding = Binding.to([Handle.TONGUE], np.ones((len(points), 1)))
    return discs(points, binding, _TONGUE * light * shade.reshape(-1, 1), 0.95, 0.13 * size)


def _cavity(marks: np.ndarray, light: np.ndarray) -> Layer:
    """Return a bag behind everything, higher than the mouth is open, dark in its middle and red at its rim."""
    left, right = np.sort(marks[[78, 308], 0])
    # Even steps along the wall: the far one of a turned head is seen through the corner of its mouth.
    angle, up = (g.ravel() for g in np.meshgrid(np.linspace(-np.pi / 2, np.pi / 2, 49), np.arange(-1, 1.01, 0.07)))
    across = _CAVITY_REACH * np.sin(angle)
    x = (left + right) / 2 + across * (right - left) / 2
    lips = np.minimum(*(curve(marks[list(lip)], x, 2) for lip in (LOWER_CURVE, UPPER_CURVE)))
    # Closed at its sides: from there a turned head would show the cheeks' skin from behind.
    depth = lips - 0.75 - 1.7 * np.cos(angle)
    aside = np.clip(np.abs(across), 0, 1)  # its sides go with the corners
    corner = np.where(across < 0, *np.array([78, 308])[np.argsort(marks[[78, 308], 0])])
    points = np.stack([x, aside * marks[corner, 1], depth], 1)
    height = up * np.sqrt(1 - np.square(across / (1.1 * _CAVITY_REACH)))
    binding = Binding.to([Handle.CAVITY, Handle.CAVITY_HEIGHT], np.stack([1 - aside, height], 1))
    binding.controls[:, 2], binding.weights[:, 2] = corner, aside
    rim = smoothstep(np.hypot(angle / (np.pi / 2), up) / 1.1)[:, None]
    colors = (_THROAT + rim * (_RIM - _THROAT)) * light
    return discs(points, binding, colors, 0.98, 0.13)
