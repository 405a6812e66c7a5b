"""The eyes: a still sclera and an iris, completed under the lids, that follows the gaze."""

from __future__ import annotations

import cv2
import numpy as np

from ...easing import smoothstep
from ...face.topology import EYE_RINGS, IRISES
from ...types import Portrait
from .binding import Binding, Handle
from .lattice import polygon
from .layer import Layer, discs
from .stage import Stage

_NODES_ACROSS = 64  # splats over an eye's box; more than the picture's pixels adds nothing
_LIMB = (1.05, 1.35)  # iris radii from the iris' center over which the portrait's own sclera starts
_WHITE = np.array([0.86, 0.84, 0.82])
_BALL = 0.62  # radius of the eyeball in eye widths
_CAP = 0.08  # eye widths by which the white's front is flattened: irises move without turning, and must not sink in
_LIFT_CM = 0.04  # the iris lies this far over the sclera


def eye_layers(portrait: Portrait, stage: Stage) -> list[Layer]:
    """Sclera and iris of both eyes, the image's left one first."""
    handles = (Handle.LEFT_GAZE, Handle.RIGHT_GAZE)
    layers = []
    for ring, iris, handle in zip(EYE_RINGS, IRISES, handles, strict=True):
        layers += _eye(portrait, stage, portrait.landmarks[list(ring)], portrait.landmarks[iris], handle)
    return layers


def ball_depth(gaze: np.ndarray) -> np.ndarray:
    """How far an iris at `gaze` [N, 2], in eye widths, lies behind the front of the eyeball, in eye widths."""
    return _BALL - np.sqrt(np.maximum(_BALL**2 - np.square(gaze).sum(-1), 0.05 * _BALL**2))


def _eye(portrait: Portrait, stage: Stage, ring: np.ndarray, iris: np.ndarray, handle: Handle) -> list[Layer]:
    width = float(np.linalg.norm(ring[0, :2] - ring[8, :2]))
    center, radius = iris[:, :2].mean(0), float(np.linalg.norm(iris[1:, :2] - iris[0, :2], axis=1).mean())
    socket = ring[[0, 8], :2].mean(0)
    step = max(1.0, 1.5 * width / _NODES_ACROSS)
    x = np.arange(socket[0] - 0.75 * width, socket[0] + 0.75 * width, step)
    y = np.arange(socket[1] - 0.45 * width, socket[1] + 0.45 * width, step)
    nodes = np.stack(np.meshgrid(x, y), -1)
    sclera, whole = _textures(portrait, ring, nodes, center, radius, width, socket)

    # A ball behind the lids, in centimeters toward the camera.
    ball = _BALL * width
    reach = ((nodes - socket) ** 2).sum(-1)
    behind = ball - np.sqrt(np.maximum(ball**2 - reach, 0.05 * ball**2))
    points, white = (
        stage.unproject(nodes.reshape(-1, 2), -(ring[:, 2].mean() + 0.06 * width + depth.ravel()) / stage.scale)
        for depth in (behind, np.maximum(behind, _CAP * width))
    )
    iris_alpha = np.clip((1.02 * radius - np.hypot(*(nodes - center).reshape(-1, 2).T)) / 1.2, 0, 1)
    near = np.flatnonzero((reach < (0.7 * width) ** 2).ravel())
    disc = np.flatnonzero(iris_alpha > 0.01)
    sigma = 0.6 * step / stage.scale
    still = discs(stage.to_canonical(white[near]), Binding.free(len(near)), sclera[near], 0.97, sigma)
    raised = stage.to_canonical(points[disc] + [0, 0, _LIFT_CM])
    moving = discs(raised, Binding.to([handle], np.ones((len(disc), 1))), whole[disc], iris_alpha[disc], sigma)
    return [still, moving]


def _textures(
    portrait: Portrait,
    ring: np.ndarray,
    nodes: np.ndarray,
    center: np.ndarray,
    radius: float,
    width: float,
    socket: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Colors [N, 3] of the sclera without its iris, and of the whole eye, both completed under the lids."""
    x, y = nodes[..., 0].astype(np.float32), nodes[..., 1].astype(np.float32)
    color = cv2.remap(portrait.crop, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE) / 255.0
    opening = cv2.erode(polygon(ring[:, :2], portrait.size), np.ones((3, 3)))
    opening = cv2.remap(opening, x, y, cv2.INTER_LINEAR)
    visible = opening > 0.6
    distance = np.hypot(nodes[..., 0] - center[0], nodes[..., 1] - center[1])

    white = visible & (distance > _LIMB[1] * radius)
    white_map = _white(color, white, (nodes - socket) / width, 0.8 * radius / (nodes[0, 1, 0] - nodes[0, 0, 0]))
    profile = _radial_profile(color, distance, radius, visible)
    bins = np.clip(distance / radius * len(profile), 0, len(profile) - 1).astype(int)
    synthetic = np.where((distance < radius)[..., None], profile[bins], white_map)

    soft = cv2.GaussianBlur(visible.astype(np.float32), (0, 0), 0.8)[..., None]
    whole = color * soft + synthetic * (1 - soft)
    own = smoothstep((distance / radius - _LIMB[0]) / (_LIMB[1] - _LIMB[0]))[..., None]
    sclera = own * whole + (1 - own) * white_map
    sclera = cv2.GaussianBlur(sclera, (0, 0), 1.2)
    return sclera.reshape(-1, 3), whole.reshape(-1, 3)


def _white(color: np.ndarray, seen: np.ndarray, places: np.ndarray, spread: float) -> np.ndarray:
    """[H, W, 3] the white of the eye, also where iris and lids cover it: it goes on as it is around.

    Args:
        color: [H, W, 3].
        seen: [H, W] where it shows the white.
        places: [H, W, 2] in eye widths from the socket's middle.
        spread: pixels over which it goes on.
    """
    if seen.sum() <= 5:
        return _WHITE * np.clip(1.05 - 0.4 * np.linalg.norm(places, axis=-1), 0.6, 1.05)[..., None]
    light = color.mean(-1)
    bright = seen & (light >= np.percentile(light[seen], 30))  # without lashes and their shadow
    plain = np.median(color[bright], axis=0)
    weight = bright.astype(np.float32)
    near = cv2.GaussianBlur(((color - plain) * weight[..., None]).astype(np.float32), (0, 0), spread)
    return np.clip(plain + near / (cv2.GaussianBlur(weight, (0, 0), spread)[..., None] + 0.02), 0, 1)


def _radial_profile(color: np.ndarray, distance: np.ndarray, radius: float, visible: np.ndarray) -> np.ndarray:
    """[32, 3] median color of the iris by distance from its center, from what the lids leave open."""
    iris = visible & (distance < radius)
    base = np.median(color[iris], 0) if iris.any() else np.array([0.24, 0.16, 0.12])
    profile = np.tile(base, (32, 1))
    for k in range(32):
        band = iris & (np.abs(distance - (k + 0.5) * radius / 32) < radius / 16)
        if band.sum() > 3:
            profile[k] = np.median(color[band], 0)
    return profile
