"""Lift a portrait into the embedded avatar."""

from __future__ import annotations

import cv2
import numpy as np

from ...choices import DENSITIES, DENSITY
from ...face.topology import LEFT_EYE_RING, RIGHT_EYE_RING
from ...types import Portrait
from .avatar import EmbeddedAvatar
from .colors import solve_colors
from .depth import FrontDepth, front_depth
from .eyes import eye_layers
from .head_fit import fit_head
from .lattice import Lattice, back_layer, front_layer
from .layer import Layer
from .mouth import mouth_interior
from .skin import skin_layer
from .stage import Stage

SKIN_SPLATS = 26_000


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
    front = front_layer(portrait, stage, depth, lattice)
    back = back_layer(portrait, stage, depth, lattice, _back_colors(portrait, depth))
    skin = skin_layer(portrait, stage, depth, head, SKIN_SPLATS)
    mouth = mouth_interior(portrait, stage)
    eyes = eye_layers(portrait, stage)
    layers = [front, back, skin, *eyes, mouth.layer]
    avatar = EmbeddedAvatar(stage, portrait.canonical, Layer.stack(layers), mouth.fade)
    hidden = slice(len(front), len(front) + len(back) + len(skin))
    return solve_colors(avatar, portrait, np.delete(np.arange(len(avatar)), hidden))


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
