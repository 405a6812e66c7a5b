"""Teeth and gums: two dental arches as sheets of splats, shaped tooth by tooth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...easing import smoothstep
from .binding import Binding, Handle
from .layer import Layer, discs

_STEP_CM = 0.075
_LIGHT = np.array([0.0, 0.42, 0.91])  # from the viewer, and a little from above
_ENAMEL_BULGE_CM, _CROWN_BULGE = 0.1, 0.35
_GUM_CM = 0.55  # of gum over the crowns
_SPEE = 0.018  # the edges rise toward the back, per square centimeter along the arch
_SHADOW = np.array([0.8, 1.1, 1.2])  # powers of the light: what shades teeth in a mouth is red
_GAP_CM, _GAP = 0.045, 0.42


@dataclass(frozen=True)
class Arch:
    """One jaw's teeth. Sizes are means of people's crowns (Wheeler's Dental Anatomy), centimeters."""

    handle: Handle
    up: int
    """1 where the gum lies above the crowns, -1 below."""
    widths: tuple[float, ...]
    """Of the teeth from the middle to the side."""
    heights: tuple[float, ...]
    """Of their crowns."""
    edges: tuple[float, ...]
    """How much shorter each ends than the first."""
    half_width: float
    """Half axes of the ellipse on which the teeth stand."""
    depth: float


UPPER = Arch(
    Handle.UPPER_TEETH,
    1,
    (0.86, 0.66, 0.76, 0.70, 0.67),
    (1.05, 0.90, 1.00, 0.85, 0.80),
    (0.0, 0.07, 0.0, 0.06, 0.1),
    2.75,
    3.6,
)
LOWER = Arch(
    Handle.LOWER_TEETH,
    -1,
    (0.54, 0.60, 0.69, 0.70, 0.71),
    (0.88, 0.92, 1.00, 0.88, 0.80),
    (0.0, 0.0, 0.0, 0.05, 0.1),
    2.5,
    3.4,
)


def arch_layer(
    arch: Arch, edge: np.ndarray, scale: float, behind: np.ndarray, enamel: np.ndarray, gum: np.ndarray
) -> Layer:
    """Return one jaw's teeth and their gum.

    Args:
        arch: which.
        edge: [3] canonical place of the middle of the first two teeth's edges.
        scale: of the teeth, 1 for a mean person's.
        behind: [2, K] canonical x, rising, and z that no tooth may stand before.
        enamel: [3] color in the light of the face.
        gum: [3] likewise.
    """
    along, down = _grid(arch)
    tooth, across, width = _teeth(arch, np.abs(along))
    edges, heights = (np.array(v)[tooth] for v in (arch.edges, arch.heights))
    rise = down - edges - 0.11 * across**4  # over the tooth's edge, whose corners are round
    crown = (heights - edges) * (1 - 0.3 * np.abs(across) ** 3)  # gums reach down between the teeth
    in_gum = smoothstep((rise - crown) / 0.12 + 0.5)

    x, z, normal = _ellipse(arch, along)
    bulge = _ENAMEL_BULGE_CM * (1 - across**2) * (1 - in_gum)
    tangent = np.stack([normal[:, 1], -normal[:, 0]], 1)
    slope = (-4 * _ENAMEL_BULGE_CM * across / width * np.sign(along) * (1 - in_gum))[:, None]
    level = (2 * rise / heights - 0.9) * _CROWN_BULGE * arch.up * (1 - in_gum)
    facing = np.stack([normal[:, 0], level, normal[:, 1]], 1)
    facing[:, [0, 2]] -= slope * tangent
    facing /= np.linalg.norm(facing, axis=1, keepdims=True)

    points = np.stack([x + bulge * normal[:, 0], arch.up * down + _SPEE * along**2, z + bulge * normal[:, 1]], 1)
    points = points * scale + edge
    points[:, 2] = np.minimum(points[:, 2], np.interp(points[:, 0], *behind))
    between = np.exp(-np.square((1 - np.abs(across)) * width / 2 / _GAP_CM)) * (1 - 0.5 * in_gum)
    light = _shade(facing, edge[2] - points[:, 2]) * (1 - _GAP * between)
    color = enamel + in_gum[:, None] * (gum - enamel)
    shown = smoothstep(rise / 0.08 + 0.5) * smoothstep((heights + _GUM_CM - down) / 0.2)
    kept = np.flatnonzero(shown > 0.03)
    binding = Binding.to([arch.handle], np.ones((len(kept), 1)))
    sheen = 0.1 * facing[:, 2:] ** 24 * (1 - in_gum[:, None]) * enamel.mean()
    colors = np.clip(color * light[:, None] ** _SHADOW + sheen, 0, 1)[kept]
    return discs(points[kept], binding, colors, 0.97 * shown[kept], 0.62 * _STEP_CM * scale)


def _grid(arch: Arch) -> tuple[np.ndarray, np.ndarray]:
    """Places [N] along the arch from its middle, and from the edges to the gum."""
    reach = sum(arch.widths)
    along, down = np.meshgrid(
        np.arange(-reach + _STEP_CM / 2, reach, _STEP_CM), np.arange(0, max(arch.heights) + _GUM_CM, _STEP_CM)
    )
    return along.ravel(), down.ravel()


def _teeth(arch: Arch, along: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each place's tooth [N], how far it is across it -1..1 [N], and the tooth's width [N]."""
    widths = np.array(arch.widths)
    ends = np.cumsum(widths)
    tooth = np.minimum(np.searchsorted(ends, along), len(widths) - 1)
    width = widths[tooth]
    return tooth, np.clip((along - ends[tooth] + width / 2) / (width / 2), -1, 1), width


def _ellipse(arch: Arch, along: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return x and z [N] at lengths along the arch from its foremost point, and the normals' x and z [N, 2]."""
    angle = np.linspace(-np.pi / 2, np.pi / 2, 401)
    a, b = arch.half_width, arch.depth
    x, z = a * np.sin(angle), b * (np.cos(angle) - 1)
    length = np.concatenate([[0], np.cumsum(np.hypot(np.diff(x), np.diff(z)))])
    at = np.interp(along, length - length[200], angle)
    normal = np.stack([np.sin(at) / a, np.cos(at) / b], 1)
    return a * np.sin(at), b * (np.cos(at) - 1), normal / np.linalg.norm(normal, axis=1, keepdims=True)


def _shade(normals: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """Light [N] on surfaces in the mouth: less where they turn away, and toward the back."""
    diffuse = np.clip(normals @ _LIGHT, 0, 1)
    return (0.42 + 0.58 * diffuse) * np.clip(1 - 0.2 * np.maximum(depth, 0), 0.3, 1)
