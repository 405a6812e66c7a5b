"""Lift a portrait into the embedded avatar."""

from __future__ import annotations

import numpy as np

from ...choices import DENSITIES, DENSITY
from ...types import Portrait
from .avatar import EmbeddedAvatar
from .cloth import cloth_beside
from .colors import solve_colors
from .depth import FrontDepth, front_depth, landmark_mesh
from .detail import fine_nodes
from .eyes import eye_layers
from .hair import grow_hair
from .head_fit import fit_head
from .lattice import Lattice, backing_layer, front_layer
from .layer import Layer
from .lids import lid_layer
from .lip_edges import refine_lips
from .mouth import mouth_interior
from .neck import Neck, neck_layer
from .nose_edge import refine_nose
from .opacities import solve_opacities
from .regions import Regions
from .skin import skin_layer
from .stage import Stage

SKIN_SPLATS = 33_000


def lift_portrait(portrait: Portrait, density: int = DENSITY) -> EmbeddedAvatar:
    """Lift a tracked portrait: a front and a back layer, mesh-bound skin, lids, eyes and the mouth's inside.

    Args:
        portrait: from `track_portrait`.
        density: lattice nodes a side, 148 to 512.

    Raises:
        ValueError: the density is out of range.
    """
    if not DENSITIES[0] <= density <= DENSITIES[1]:
        raise ValueError(f"Got density {density} but a lattice has {DENSITIES[0]} to {DENSITIES[1]} nodes a side.")
    portrait = refine_nose(refine_lips(portrait))
    stage = Stage.of(portrait)
    head = fit_head(portrait.canonical)
    regions, depth = parse_portrait(portrait, stage, head)
    lattice = Lattice.over(portrait, density)
    cloth = cloth_beside(portrait, stage, regions)
    front = front_layer(portrait, stage, depth, fine_nodes(portrait, lattice), cloth)
    backing = backing_layer(portrait, stage, depth, lattice, cloth)
    neck = Neck.of(portrait, stage, head, regions)
    tube = neck_layer(portrait, stage, depth, neck, regions)
    grown = grow_hair(head, portrait, stage, depth)
    skin = skin_layer(portrait, stage, depth, grown, neck, tube, regions, SKIN_SPLATS)
    mouth = mouth_interior(portrait, stage, depth)
    whites, eyes = eye_layers(portrait, stage)
    lids = lid_layer(portrait, stage, depth)
    layers = [front, backing, tube, skin, lids, whites, eyes, mouth.layer]
    avatar = EmbeddedAvatar(stage, portrait.canonical, Layer.stack(layers), mouth.fade)
    hidden = len(backing) + len(tube) + len(skin) + len(lids) + len(whites)
    avatar = solve_opacities(avatar, portrait, len(front), hidden)
    rows = np.arange(len(avatar))
    # Through soft edges of lips what lies behind is seen too: it would take on their colors and show them elsewhere.
    shown = [rows[: len(front)], rows[len(front) + hidden : avatar.inside.start], rows[avatar.inside][mouth.seen]]
    return solve_colors(avatar, portrait, np.concatenate(shown))


def parse_portrait(portrait: Portrait, stage: Stage, head: np.ndarray) -> tuple[Regions, FrontDepth]:
    """Return what a portrait's pixels are and how deep they lie, by the fitted head `head` [V, 3]."""
    mesh = landmark_mesh(portrait)
    regions = Regions.of(portrait, mesh[0] >= 0)
    return regions, front_depth(portrait, stage, head, mesh, regions.throat)
