"""Hair that a portrait does not show: strands along the head, as strong as the seen ones, and of their color."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gagavatar_nodes import assets
from gagavatar_nodes.face.topology import CHIN, FOREHEAD
from gagavatar_nodes.lifting.embedded.hair import grow_hair, outer_triangles
from gagavatar_nodes.lifting.embedded.hair_strands import Strands
from gagavatar_nodes.lifting.embedded.head_fit import fit_head
from gagavatar_nodes.lifting.embedded.lift import parse_portrait
from gagavatar_nodes.lifting.embedded.mesh import sample_surface, vertex_normals
from gagavatar_nodes.lifting.embedded.stage import Stage
from gagavatar_nodes.media.images import read_image

SKIN, HAIR = np.array([225, 170, 140]), np.array([90, 65, 45])  # RGB


def painted(portrait, strength: float):
    """The portrait's head with hair over its forehead and beside its ears, of upright strands of so much contrast."""
    marks, size = portrait.landmarks[:468, :2], portrait.size
    (left, _), (right, _) = marks.min(0), marks.max(0)
    row, column = np.mgrid[:size, :size]
    hair = (row < portrait.landmarks[FOREHEAD, 1]) | (column < left) | (column > right)
    stripes = np.exp(strength * np.random.default_rng(2).standard_normal(size // 2)).repeat(2)
    crop = np.where(hair[..., None], HAIR * np.resize(stripes, size)[None, :, None], SKIN)
    return replace(portrait, crop=np.clip(crop, 0, 255).astype(np.uint8))


def on_head(head: np.ndarray, count: int = 8000) -> tuple[np.ndarray, np.ndarray]:
    """Points [N, 3] of a head and their normals."""
    triangles = outer_triangles(head)
    face, weights = sample_surface(head, triangles, count)
    points, normals = (
        (values[triangles[face]] * weights[..., None]).sum(1) for values in (head, vertex_normals(head, triangles))
    )
    return points, normals / np.linalg.norm(normals, axis=1, keepdims=True)


@pytest.fixture(scope="module", params=[0.05, 0.3])
def backs(request, portrait):
    """The contrast of painted strands, and the strands on the back of the head, [N, 3] points of it."""
    shown = painted(portrait, request.param)
    stage, head = Stage.of(shown), fit_head(shown.canonical)
    regions, _ = parse_portrait(shown, stage, head)
    points, normals = on_head(head)
    strands = Strands.over(points, normals, np.ones(len(points)), shown, stage, regions)
    back = (normals @ stage.rotation[2] < -0.3) & (points[:, 1] > shown.canonical[CHIN, 1] + 8)
    assert back.sum() > 500
    return request.param, points[back], strands.light[back], strands.along[back]


def test_strands_are_long_and_narrow_and_run_down_the_back(backs):
    _, points, light, along = backs
    assert np.median(np.abs(along[:, 1])) > 0.7
    way = points[:, None] - points
    distance = np.linalg.norm(way, axis=2)
    ahead = np.abs(np.einsum("ijc,jc->ij", way, along)) / np.maximum(distance, 1e-9)
    near = (distance > 0.6) & (distance < 1.2)
    for strand, likeness in ((near & (ahead > 0.97), (0.5, 1.0)), (near & (ahead < 0.2), (-0.3, 0.45))):
        one, other = np.nonzero(strand)
        assert likeness[0] < np.corrcoef(light[one], light[other])[0, 1] < likeness[1]


def test_strands_have_the_contrast_of_the_seen_ones(backs):
    strength, _, light, _ = backs
    assert (light.std() < 0.15) if strength < 0.1 else (light.std() > 0.2)


def test_behind_a_bald_crown_is_the_color_of_the_hair_beside_it(track):
    bald = track(read_image(assets.path("portrait_franklin.jpg")).rgb)
    regions, _ = parse_portrait(bald, Stage.of(bald), fit_head(bald.canonical))
    column, row = bald.landmarks[FOREHEAD, :2].astype(int)
    crown = row - bald.size // 40, column
    assert bald.crop[crown].mean() > 160
    assert regions.behind[crown].mean() < 0.4  # 0.24; as light as skin it was 0.6


def test_the_back_has_no_more_hair_than_the_outline_shows(portrait):
    """The shell of the front, which bends to the middle plane, is thicker than cropped hair."""
    stage, head = Stage.of(portrait), fit_head(portrait.canonical)
    _, depth = parse_portrait(portrait, stage, head)
    matte = depth.bare.astype(np.float32)  # no hair around it
    cropped = replace(portrait, alpha=np.minimum(portrait.alpha, matte))
    grown = grow_hair(head, cropped, stage, replace(depth, matte=np.minimum(depth.matte, matte)))
    used = np.unique(outer_triangles(head))
    back = used[vertex_normals(head, outer_triangles(head))[used] @ stage.rotation[2] < -0.6]
    assert np.percentile(np.linalg.norm((grown - head)[back], axis=1), 95) < 0.7
