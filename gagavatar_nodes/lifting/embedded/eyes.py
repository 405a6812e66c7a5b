"""The eyes: a still sclera and an iris, completed under the lids, that follows the gaze."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from ...easing import smoothstep
from ...face.topology import EYE_RINGS, IRISES
from ...rendering.covariance import upper_triangles
from ...types import Portrait
from .binding import Binding, Handle
from .irises import Iris, find_iris, iris_alpha, iris_texture
from .layer import Layer, discs
from .pixels import polygon
from .stage import Stage

_NODES_ACROSS = 64  # splats over an eye's box; more than the picture's pixels adds nothing
_WHITE = np.array([0.86, 0.84, 0.82])
_BALL = 0.62  # radius of the eyeball in eye widths
_CAP = 0.08  # eye widths by which the white's front is flattened: irises move without turning, and must not sink in
_LIFT_CM = 0.04  # the iris lies this far over the sclera
_LIMB = 1.25  # iris radii from its center from which on the white is seen
_SPREAD, _FAITH = 0.7, 0.03  # iris radii over which the white goes on, and what the eye's mean weighs against it
_BRIGHT = 3.0  # how much more its bright places count, by which lashes and their shadows do not spread
_SHADE, _SHADE_UNDER, _SHADE_OVER = 0.45, 0.1, 0.16  # of the upper lid: darkness, and eye widths of it in the portrait
_CORNER = (0.4, 0.52)  # eye widths from the middle over which what lids hide turns into their own color
_DIM = 0.75  # of their light that falls there
_END = 0.56  # eye widths from the middle beyond which the far side has no ball: a far corner would show it

_UNDER_LIDS, _FAR_SIDE = 0.06, 0.12  # eye widths of the ball that far lids hide, and depth behind its middle of those
_STEEPEST = 3.0  # slope of a surface that splats follow


def eye_layers(portrait: Portrait, stage: Stage) -> tuple[Layer, Layer]:
    """Return what irises hide of the white, and white and irises as the portrait shows them, of both eyes.

    The image's left eye is the first.
    """
    handles = (Handle.LEFT_GAZE, Handle.RIGHT_GAZE)
    hidden, shown = [], []
    for ring, iris, handle in zip(EYE_RINGS, IRISES, handles, strict=True):
        under, *seen = _eye(portrait, stage, portrait.landmarks[list(ring)], portrait.landmarks[iris], handle)
        hidden.append(under)
        shown += seen
    return Layer.stack(hidden), Layer.stack(shown)


def ball_depth(gaze: np.ndarray) -> np.ndarray:
    """How far an iris at `gaze` [N, 2], in eye widths, lies behind the front of the eyeball, in eye widths."""
    return _BALL - np.sqrt(np.maximum(_BALL**2 - np.square(gaze).sum(-1), 0.05 * _BALL**2))


def _eye(
    portrait: Portrait, stage: Stage, ring: np.ndarray, iris: np.ndarray, handle: Handle
) -> tuple[Layer, Layer, Layer]:
    width = float(np.linalg.norm(ring[0, :2] - ring[8, :2]))
    socket = ring[[0, 8], :2].mean(0)
    step = max(1.0, 1.5 * width / _NODES_ACROSS)
    x = np.arange(socket[0] - 0.75 * width, socket[0] + 0.75 * width, step)
    y = np.arange(socket[1] - 0.45 * width, socket[1] + 0.45 * width, step)
    nodes = np.stack(np.meshgrid(x, y), -1)
    white, whole, alpha = (v.reshape(len(x) * len(y), -1) for v in _textures(portrait, ring, nodes, iris))

    # A ball behind the lids, in centimeters toward the camera.
    ball = _BALL * width
    reach = ((nodes - socket) ** 2).sum(-1)
    behind = ball - np.sqrt(np.maximum(ball**2 - reach, 0.05 * ball**2))
    recession = _recession(ring, nodes)
    points, flat = (
        stage.unproject(nodes.reshape(-1, 2), -(ring[:, 2].mean() + 0.06 * width + depth.ravel()) / stage.scale)
        for depth in (behind, np.maximum(behind, _CAP * width) + recession)
    )
    beside = (np.abs(_along(ring, nodes)) > _END * width) & (recession > 0)
    beside |= _uncovered(ring, nodes, recession, width)
    near, under = ((reach < (0.7 * width) ** 2) & ~beside).ravel(), alpha[:, 0] > 0.5
    sigma = 0.6 * step / stage.scale
    slopes = _slopes(flat.reshape(*nodes.shape[:2], 3))
    hidden, still = (
        _along_surface(
            discs(stage.to_canonical(flat[rows]), Binding.free(len(rows)), white[rows], 0.97, sigma),
            slopes[rows],
            stage,
        )
        for rows in (np.flatnonzero(near & under), np.flatnonzero(near & ~under))
    )
    disc = np.flatnonzero(alpha[:, 0] > 0.01)
    raised = stage.to_canonical(points[disc] + [0, 0, _LIFT_CM])
    moving = discs(raised, Binding.to([handle], np.ones((len(disc), 1))), whole[disc], alpha[disc, 0], sigma)
    return hidden, still, moving


def _textures(
    portrait: Portrait, ring: np.ndarray, nodes: np.ndarray, landmarks: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Colors [H, W, 3] of the white without its iris and of the iris, both completed under the lids; its alpha."""
    width = float(np.linalg.norm(ring[0, :2] - ring[8, :2]))
    opening = cv2.erode(polygon(ring[:, :2], portrait.size), np.ones((3, 3)))
    circle = Iris(landmarks[:, :2].mean(0), float(np.linalg.norm(landmarks[1:, :2] - landmarks[0, :2], axis=1).mean()))
    circle = find_iris(portrait.crop.mean(-1) / 255, opening, circle)
    x, y = np.moveaxis(nodes.astype(np.float32), -1, 0)
    color = cv2.remap(portrait.crop, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE) / np.float32(255)
    seen = cv2.remap(opening, x, y, cv2.INTER_LINEAR) > 0.6
    distance = circle.distance(nodes)

    shade = _shade(ring, nodes, width)
    spread = _SPREAD * circle.radius / (nodes[0, 1, 0] - nodes[0, 0, 0])
    white = _white(color / shade[..., None], seen & (distance > _LIMB), spread) * shade[..., None]
    alpha = iris_alpha(color, white, distance, seen)
    soft = cv2.GaussianBlur(seen.astype(np.float32), (0, 0), 0.8)
    whole = iris_texture(color, distance, seen)
    whole += soft[..., None] * smoothstep((alpha - 0.5) / 0.4)[..., None] * (color - whole)
    own = soft * smoothstep((distance - _LIMB + 0.15) / 0.3)
    white = white + own[..., None] * (color - white)
    # Beside the corners lie the lids themselves, not more of the ball.
    lids = np.minimum(_DIM * cv2.GaussianBlur(color.astype(np.float32), (0, 0), 0.04 * width), white)
    beside = smoothstep((np.abs(_along(ring, nodes)) / width - _CORNER[0]) / (_CORNER[1] - _CORNER[0])) * (1 - soft)
    white = white + beside[..., None] * (lids - white)
    return cv2.GaussianBlur(white.astype(np.float32), (0, 0), 0.8), whole, alpha


def _recession(ring: np.ndarray, nodes: np.ndarray) -> np.ndarray:
    """[H, W] pixels by which the eye's far side lies behind its middle, where a ball would come out of the lids."""
    middle = ring.mean(0)
    slope, *_ = np.linalg.lstsq(ring[:, :2] - middle[:2], ring[:, 2] - middle[2], rcond=None)
    return np.maximum((nodes - middle[:2]) @ slope, 0)


def _uncovered(ring: np.ndarray, nodes: np.ndarray, recession: np.ndarray, width: float) -> np.ndarray:
    """[H, W] bool: so far over or under the opening, on a far side, that the lids which hide it may have given way."""
    upper, lower = (np.interp(nodes[..., 0], *_edge(chain)) for chain in (_upper(ring), ring[:9]))
    outside = np.maximum(upper - nodes[..., 1], nodes[..., 1] - lower)
    return (outside > _UNDER_LIDS * width) & (recession > _FAR_SIDE * width)


def _upper(ring: np.ndarray) -> np.ndarray:
    """[9, ...] the upper lid's edge of a ring of landmarks."""
    return np.append(ring[8:], ring[:1], 0)


def _edge(chain: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rising columns and the rows of a lid's edge [K, 2 or more]."""
    order = np.argsort(chain[:, 0])
    return chain[order, 0], chain[order, 1]


def _slopes(points: np.ndarray) -> np.ndarray:
    """[H * W, 2] how much nearer points [H, W, 3] of a surface on the stage are, by how far they are aside and up."""
    rise = [np.gradient(points[..., 2], axis=1 - k) / np.gradient(points[..., k], axis=1 - k) for k in (0, 1)]
    return np.clip(np.stack(rise, -1).reshape(-1, 2), -_STEEPEST, _STEEPEST)


def _along_surface(layer: Layer, slopes: np.ndarray, stage: Stage) -> Layer:
    """Return round splats drawn out along a surface of `slopes` [N, 2], without gaps where it is turned to the camera.

    Seen from the portrait they stay as they are.
    """
    way = np.tile(np.eye(3), (len(layer), 1, 1))
    way[:, 2, :2] = slopes
    way = stage.rotation.T @ way * np.sqrt(layer.covariances[:, 0])[:, None, None]
    return replace(layer, covariances=upper_triangles(way @ way.transpose(0, 2, 1)).astype(np.float32))


def _along(ring: np.ndarray, nodes: np.ndarray) -> np.ndarray:
    """[H, W] pixels of nodes [H, W, 2] from the eye's middle along the line between its corners."""
    axis = ring[8, :2] - ring[0, :2]
    return (nodes - ring[[0, 8], :2].mean(0)) @ (axis / np.linalg.norm(axis))


def _shade(ring: np.ndarray, nodes: np.ndarray, width: float) -> np.ndarray:
    """[H, W] light 0..1 that the upper lid lets on the ball."""
    edge = np.interp(nodes[..., 0], *_edge(_upper(ring)))
    under = (nodes[..., 1] - edge) / width
    return 1 - _SHADE * smoothstep((_SHADE_UNDER - under) / (_SHADE_UNDER + _SHADE_OVER))


def _white(color: np.ndarray, seen: np.ndarray, spread: float) -> np.ndarray:
    """[H, W, 3] the white of the eye, also where iris and lids cover it: it goes on as it is around.

    Args:
        color: [H, W, 3], without the lid's shade.
        seen: [H, W] bool, where it shows the white.
        spread: pixels over which it goes on.
    """
    if seen.sum() <= 5:
        return np.broadcast_to(_WHITE, color.shape)
    light = seen * color.mean(-1)
    around = cv2.dilate(light, np.ones((2 * round(spread) + 1,) * 2))
    weight = seen * np.exp(_BRIGHT * (light / np.maximum(around, 1e-3)))
    weight /= weight.max()
    plain = (color * weight[..., None]).sum((0, 1)) / weight.sum()
    near = cv2.GaussianBlur(((color - plain) * weight[..., None]).astype(np.float32), (0, 0), spread)
    amount = cv2.GaussianBlur(weight.astype(np.float32), (0, 0), spread)[..., None]
    return np.clip(plain + near / (amount + _FAITH), 0, 1)
