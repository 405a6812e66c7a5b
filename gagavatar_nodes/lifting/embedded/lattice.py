"""The front layer and its backing: one splat per node of a lattice over the source crop."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ...face.topology import (
    CHIN,
    EYE_RINGS,
    INNER_LIPS,
    LOWER_LIDS,
    LOWER_LIP_ROWS,
    UPPER_LIDS,
    UPPER_LIP_ROWS,
    eye_openness,
)
from ...rendering.blending import within
from ...tracking.foreground import estimate_foreground
from ...types import Portrait
from .binding import LANDMARKS, Binding, bind_to_face, head_weight, stay_with_body
from .depth import FrontDepth
from .layer import Layer
from .pixels import polygon, whole_pixels
from .posing import SIGMA
from .stage import Stage

FACE_DENSITY = 2.0
"""How much denser lattice lines are over the face than beside it."""

_CLEAR = 0.02  # alpha up to which a node is left out
_THICKNESS_CM = 0.03
_CLIFF_CM = 3.0  # neighbors that differ more in depth lie on different surfaces
_BACK_GAP_CM = 0.4
_CHIN_CM = 1.2  # height of the chin whose step to the neck a backing fills, below the widest open mouth
_SHUT_EYE = 0.1
_PARTING = np.array([0.8, 0.35, 0.35])  # of lips and lids; a narrow lip's skin goes from 1 to 0 over three lines
_BACK_END_CM, _BACK_FADE_CM = 4.0, 2.0  # above the chin


@dataclass(frozen=True)
class Lattice:
    """Nodes of a lattice over the crop; its lines are denser over the face."""

    x: np.ndarray
    """[n] pixels."""
    y: np.ndarray
    """[m] pixels; as many as `x`, unless halved."""

    @staticmethod
    def over(portrait: Portrait, density: int) -> Lattice:
        """Return a lattice of `density` x `density` nodes over the whole crop."""
        face = portrait.landmarks[:468, :2]
        low, high = face.min(0), face.max(0)
        return Lattice(*(_lines(portrait.size, density, low[axis], high[axis]) for axis in (0, 1)))

    @property
    def cells(self) -> np.ndarray:
        """[m, n, 2] widths and heights in pixels of what is nearest to each node."""
        return np.stack(np.meshgrid(*(np.diff(_borders(line)) for line in (self.x, self.y))), -1)

    def halved(self, least: float) -> tuple[Lattice, np.ndarray, np.ndarray]:
        """Return the lattice, lines of more than `least` pixels halved, and which of `x` and of `y` each one was."""
        (x, column), (y, row) = (_halved(line, least) for line in (self.x, self.y))
        return Lattice(x, y), column, row

    def pixels(self, size: int) -> tuple[Lattice, np.ndarray]:
        """Return the lattice of the corners between a crop's pixels, and in which node's cell each one lies.

        Of the four splats around a pixel one is in front; one on the pixel itself would be hidden by those beside it.
        """
        at = np.arange(size) + 0.5
        column, row = (np.searchsorted(_borders(line)[1:-1], at) for line in (self.x, self.y))
        return Lattice(at, at), (row[:, None] * len(self.x) + column).ravel()

    def nodes(self) -> np.ndarray:
        """[m * n, 2] pixels, row by row."""
        x, y = np.meshgrid(self.x, self.y)
        return np.stack([x.ravel(), y.ravel()], 1)

    def sample(self, image: np.ndarray) -> np.ndarray:
        """Bilinear values [m * n, ...] of an image at the nodes."""
        x, y = np.meshgrid(self.x.astype(np.float32), self.y.astype(np.float32))
        values = cv2.remap(image.astype(np.float32), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return values.reshape(x.size, *image.shape[2:])


def _lines(size: int, count: int, low: float, high: float) -> np.ndarray:
    """Positions of `count` lines over 0..size-1, denser by FACE_DENSITY between low and high."""
    at = np.linspace(-0.5, size - 0.5, 4 * size + 1)
    margin = 0.06 * size
    beyond = np.maximum(low - at, at - high) / margin
    weight = 1 + (FACE_DENSITY - 1) * np.clip(1 - beyond, 0, 1)
    total = np.concatenate([[0], np.cumsum((weight[1:] + weight[:-1]) / 2)])
    return np.interp((np.arange(count) + 0.5) / count * total[-1], total, at)


def _borders(line: np.ndarray) -> np.ndarray:
    """Positions half way between neighboring lines, and as far beyond the outer ones."""
    inner = (line[1:] + line[:-1]) / 2
    return np.concatenate([[2 * line[0] - inner[0]], inner, [2 * line[-1] - inner[-1]]])


def _halved(line: np.ndarray, least: float) -> tuple[np.ndarray, np.ndarray]:
    borders = _borders(line)
    parts = np.where(np.diff(borders) > least, 2, 1)
    origin = np.repeat(np.arange(len(line)), parts)
    share = (within(parts) + 0.5) / parts[origin]
    return borders[origin] * (1 - share) + borders[origin + 1] * share, origin


def front_layer(
    portrait: Portrait,
    stage: Stage,
    depth: FrontDepth,
    lattices: list[tuple[Lattice, np.ndarray]],
    cloth: np.ndarray,
) -> Layer:
    """Return the front layer, of those nodes of lattices that are used [m * n]: the portrait's own pixels.

    What is `cloth` [S, S] 0..1 stays with the body.
    """
    closed = 1 - openings(portrait)
    # Lids and lips must not carry what lies beside them, which would show when they meet.
    colors = estimate_foreground(portrait.crop, cv2.erode(closed, np.ones((3, 3))))
    alpha = portrait.alpha * closed
    return Layer.stack([_front(portrait, stage, depth, *nodes, cloth, alpha, colors) for nodes in lattices])


def _front(
    portrait: Portrait,
    stage: Stage,
    depth: FrontDepth,
    lattice: Lattice,
    shown: np.ndarray,
    cloth: np.ndarray,
    alpha: np.ndarray,
    colors: np.ndarray,
) -> Layer:
    nodes, alpha = lattice.nodes(), lattice.sample(alpha)
    kept = np.flatnonzero(shown & (alpha > _CLEAR))
    points = stage.to_canonical(stage.unproject(nodes, lattice.sample(depth.z).astype(float)))[kept]
    binding = _bind(points, nodes[kept], portrait, depth)
    return Layer(
        points=points.astype(np.float32),
        binding=binding,
        head=stay_with_body(head_weight(points, portrait, stage), lattice.sample(cloth)[kept]),
        colors=np.clip(lattice.sample(colors) / 255, 0, 1)[kept],
        opacities=lattice_opacity(alpha[kept]).astype(np.float32),
        covariances=_thin(len(kept)),
        neighbors=_neighbors(kept, lattice, points, binding),
    )


def lattice_opacity(alpha: np.ndarray) -> np.ndarray:
    """Opacities 0..0.99 with which the overlapping splats of a lattice add up to `alpha` 0..1 between them."""
    x, y = np.meshgrid(np.arange(-3, 4), np.arange(-3, 4))
    places = (np.arange(4) + 0.5) / 8  # of a pixel in its cell; the rest is alike
    weights = np.exp([-((x - u) ** 2 + (y - v) ** 2) / (2 * SIGMA**2) for u in places for v in places])
    opacities = np.linspace(0, 0.99, 100)
    covered = (1 - np.prod(1 - opacities[:, None, None, None] * weights, axis=(2, 3))).mean(1)
    return np.interp(alpha, covered, opacities)


def backing_layer(portrait: Portrait, stage: Stage, depth: FrontDepth, lattice: Lattice, cloth: np.ndarray) -> Layer:
    """Return what lies close behind the front layer, on every second lattice line, where no head is behind it."""
    coarse = Lattice(lattice.x[::2], lattice.y[::2])
    nodes, z = coarse.nodes(), coarse.sample(depth.z).astype(float)
    front = stage.to_canonical(stage.unproject(nodes, z))
    backed = stage.to_canonical(stage.unproject(nodes, z - _BACK_GAP_CM))
    column, row = whole_pixels(nodes, portrait.size)
    rise = (front[:, 1] - portrait.canonical[CHIN, 1] - _BACK_END_CM) / _BACK_FADE_CM
    shown = np.where(depth.bare[row, column], np.clip(1 - rise, 0, 1), 1)
    # Behind the face are the skin layer and the mouth's inside, which a backing so close would cover.
    face = (depth.face[row, column] >= 0) | (coarse.sample(openings(portrait)) > 0.02)
    over_chin = front[:, 1] > portrait.canonical[CHIN, 1] + _CHIN_CM
    step = np.diff(coarse.x).max()
    core = coarse.sample(opaque_core(portrait.alpha, step).astype(np.float32)) > 0.5
    kept = np.flatnonzero(core & (shown > 0) & ~(face & over_chin))
    binding = _bind(front[kept], nodes[kept], portrait, depth)
    return Layer(
        points=backed[kept].astype(np.float32),
        binding=binding,
        head=stay_with_body(head_weight(front[kept], portrait, stage), coarse.sample(cloth)[kept]),
        colors=coarse.sample(cv2.GaussianBlur(portrait.crop, (0, 0), 1.5) / np.float32(255))[kept],
        opacities=(0.95 * shown[kept]).astype(np.float32),
        covariances=_thin(len(kept)),
        neighbors=_neighbors(kept, coarse, backed[kept], binding),
    )


def opaque_core(matte: np.ndarray, pixels: float) -> np.ndarray:
    """[S, S] bool where the matte [S, S] is opaque `pixels` around: what lies behind must not fill its soft edge."""
    # A ragged edge would gather what is drawn in to it on its points.
    even = cv2.GaussianBlur((matte > 0.9).astype(np.float32), (0, 0), 0.008 * len(matte))
    opaque = np.pad((even > 0.5).astype(np.uint8), 1, mode="edge")
    return cv2.distanceTransform(opaque, cv2.DIST_L2, 5)[1:-1, 1:-1] > pixels


def openings(portrait: Portrait) -> np.ndarray:
    """[S, S] 0..1 coverage of the eye openings and of the mouth between the inner lips, which are other layers.

    A shut eye has no opening: cutting along its lashes would only show what lies under them.
    """
    mask = polygon(portrait.landmarks[list(INNER_LIPS), :2], portrait.size)
    for ring, openness in zip(EYE_RINGS, eye_openness(portrait.canonical), strict=True):
        if openness < _SHUT_EYE:
            continue
        mask = np.maximum(mask, np.clip(polygon(portrait.landmarks[list(ring), :2], portrait.size) * 1.3 - 0.3, 0, 1))
    return mask


def _bind(points: np.ndarray, nodes: np.ndarray, portrait: Portrait, depth: FrontDepth) -> Binding:
    column, row = whole_pixels(nodes, portrait.size)
    return bind_to_face(points, nodes, depth.face[row, column], portrait.landmarks[:, :2], portrait)


def _thin(count: int) -> np.ndarray:
    return np.tile(np.float32(_THICKNESS_CM**2) * np.array([1, 0, 0, 1, 0, 1], np.float32), (count, 1))


def _neighbors(kept: np.ndarray, lattice: Lattice, points: np.ndarray, binding: Binding) -> np.ndarray:
    """[N, 4] left, right, upper and lower neighbors on the same surface."""
    width, height = len(lattice.x), len(lattice.y)
    own = np.arange(len(kept), dtype=np.int32)
    row_of = np.full(width * height + 1, -1, np.int32)
    row_of[kept] = own
    x, y = kept % width, kept // width
    parts = _parting(binding)
    neighbors = np.empty((len(kept), 4), np.int32)
    for k, (dx, dy) in enumerate(((-1, 0), (1, 0), (0, -1), (0, 1))):
        inside = (x + dx >= 0) & (x + dx < width) & (y + dy >= 0) & (y + dy < height)
        other = row_of[np.where(inside, kept + dx + dy * width, -1)]
        other = np.where(other >= 0, other, own)
        joined = np.abs(points[other, 2] - points[own, 2]) < _CLIFF_CM
        joined &= (np.abs(parts[other] - parts[own]) < _PARTING).all(1)
        neighbors[:, k] = np.where(joined, other, own)
    return neighbors


def _parting(binding: Binding) -> np.ndarray:
    """[N, 3] how points move when the lips part, or lids close, by one: where neighbors part, the surface is cut."""
    tests = np.zeros((3, LANDMARKS + 16), np.float32)
    tests[0, list(LOWER_LIP_ROWS)] = 1
    tests[0, list(UPPER_LIP_ROWS)] = -1
    for side in (0, 1):
        tests[1 + side, list(UPPER_LIDS[side])] = 1
        tests[1 + side, list(LOWER_LIDS[side])] = -0.5
    return np.stack([(test[binding.controls] * binding.weights).sum(1) for test in tests], 1)
