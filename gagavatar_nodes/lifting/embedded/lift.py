"""Lift a portrait into the embedded avatar."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from ...face.topology import LEFT_EYE_RING, RIGHT_EYE_RING
from ...rendering import rasterize
from ...types import Portrait
from .avatar import EmbeddedAvatar
from .depth import FrontDepth, front_depth
from .eyes import eye_layers
from .head_fit import fit_head
from .lattice import Lattice, back_layer, front_layer
from .layer import Layer
from .mouth import mouth_interior
from .skin import skin_layer
from .stage import Stage

DENSITY = 296
"""Lattice nodes a side, GAGAvatar's plane (paper, section 3.1)."""
DENSITIES = (148, 512)
SKIN_SPLATS = 26_000

_SHARPENING_STEPS = 3
_MOST_CHANGE = 0.25  # of a color
_ROWS = 30_000  # the resampler takes fewer than 32768 rows at once


def lift_portrait(portrait: Portrait, density: int = DENSITY) -> EmbeddedAvatar:
    """Lift a tracked portrait: a front and a back layer, mesh-bound skin, eyes and the mouth's inside.

    Args:
        portrait: from `track_portrait`.
        density: lattice nodes a side, 148 to 512.

    Raises:
        ValueError: the density is out of range.
    """
    if not DENSITIES[0] <= density <= DENSITIES[1]:
        raise ValueError(f"Got density {density} but a lattice has {DENSITIES[0]} to {DENSITIES[1]} nodes a side.")
    stage = Stage.of(portrait)
    head = fit_head(portrait.canonical)
    depth = front_depth(portrait, stage, head)
    lattice = Lattice.over(portrait, density)
    front, nodes = front_layer(portrait, stage, depth, lattice)
    back = back_layer(portrait, stage, depth, lattice, _back_colors(portrait, depth))
    skin = skin_layer(portrait, stage, depth, head, SKIN_SPLATS)
    mouth = mouth_interior(portrait, stage)
    layer = Layer.stack([front, back, skin, *eye_layers(portrait, stage), mouth.layer])
    avatar = EmbeddedAvatar(stage, portrait.canonical, layer, mouth.fade)
    return _sharpen(avatar, portrait, lattice.nodes()[nodes])


def _sharpen(avatar: EmbeddedAvatar, portrait: Portrait, nodes: np.ndarray) -> EmbeddedAvatar:
    """The avatar with front colors such that its rendered source view is the portrait: what splats blur is put back.

    Landweber iterations: each splat, of those at `nodes` [N, 2] at the front of the layer, takes the error seen at it;
    not where it is faint, for there the error is another layer's.
    """
    size, count = portrait.size, len(nodes)
    target = portrait.crop / np.float32(255)
    inside = portrait.alpha[..., None] > 0.9
    x, y = nodes.T.astype(np.float32)[..., None]
    colors = avatar.layer.colors.copy()
    first, weight = colors[:count].copy(), np.clip(10 * avatar.layer.opacities[:count, None] - 8, 0, 1)
    for _ in range(_SHARPENING_STEPS):
        avatar = replace(avatar, layer=replace(avatar.layer, colors=colors.copy()))
        drawn, alpha = rasterize(avatar.rest(), avatar.camera(), size, size)
        error = np.where(inside, target - drawn / np.maximum(alpha[..., None], 0.5), 0).astype(np.float32)
        seen = [cv2.remap(error, x[k : k + _ROWS], y[k : k + _ROWS], cv2.INTER_LINEAR) for k in range(0, count, _ROWS)]
        colors[:count] += weight * np.concatenate(seen)[:, 0]
        colors[:count] = np.clip(colors[:count], first - _MOST_CHANGE, first + _MOST_CHANGE)
    return replace(avatar, layer=replace(avatar.layer, colors=colors))


def _back_colors(portrait: Portrait, depth: FrontDepth) -> np.ndarray:
    """[S, S, 3] RGB 0..1 of the head's back: the hair around the face, spread over it and a little darker."""
    color = portrait.crop / np.float32(255)
    around = cv2.dilate((depth.face >= 0).astype(np.uint8), np.ones((15, 15))) == 0
    above = np.arange(portrait.size)[:, None] < portrait.landmarks[list(LEFT_EYE_RING + RIGHT_EYE_RING), 1].mean()
    hair = (portrait.alpha > 0.9) & around & above
    pool = color[hair] if hair.sum() > 200 else color[depth.face >= 0]
    weight = hair.astype(np.float32)
    spread = cv2.GaussianBlur(color * weight[..., None], (0, 0), 20)
    weight = cv2.GaussianBlur(weight, (0, 0), 20)[..., None]
    filled = np.where(weight > 0.02, spread / np.maximum(weight, 0.02), np.median(pool, axis=0))
    return cv2.GaussianBlur(np.where(hair[..., None], 0.85 * color, 0.8 * filled).astype(np.float32), (0, 0), 1.5)
