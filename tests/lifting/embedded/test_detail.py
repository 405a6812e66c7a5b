"""The drawing at rest is as sharp as the portrait: strands of known alpha, and detail finer than the lattice."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from gagavatar_nodes.face.topology import FACE_OVAL
from gagavatar_nodes.lifting.embedded import lift_portrait
from gagavatar_nodes.rendering import rasterize


@pytest.fixture(scope="module")
def with_strands(portrait):
    """The portrait with strands one to three pixels wide around its hair, its picture cut off at the shoulders."""
    size = portrait.size
    middle, chin = portrait.landmarks[:468, :2].mean(0), portrait.landmarks[:468, 1].max()
    outline, _ = cv2.findContours((portrait.alpha > 0.9).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    roots = max(outline, key=len)[::7, 0].astype(float)
    drawn = np.zeros((4 * size, 4 * size), np.uint8)
    for k, root in enumerate(roots[roots[:, 1] < middle[1]]):
        out = (root - middle) / np.linalg.norm(root - middle)
        end = root + (8 + 5 * (k % 4)) * (out + 0.4 * np.sin(2.3 * k) * np.array([-out[1], out[0]]))
        line = np.round(4 * np.array([root - 5 * out, end])).astype(np.int32)
        cv2.polylines(drawn, [line], False, 255, 4 + 4 * (k % 3), cv2.LINE_AA)
    strands = cv2.resize(drawn, (size, size), interpolation=cv2.INTER_AREA) / np.float32(255)
    alpha = np.maximum(portrait.alpha, strands)
    alpha[round(chin + 0.15 * size) :] = 0
    return replace(portrait, alpha=alpha)


def test_strands_and_the_pictures_end_are_drawn_as_sharp_as_the_matte(with_strands):
    alpha, avatar = with_strands.alpha, lift_portrait(with_strands)
    _, drawn = rasterize(avatar.rest(), avatar.camera(), *alpha.shape)
    steps = cv2.morphologyEx(alpha, cv2.MORPH_GRADIENT, np.ones((7, 7))) > 0.02
    assert np.sqrt(np.mean((drawn - alpha)[steps] ** 2)) < 0.11
    sharpness = [sum(np.square(np.diff(a, axis=k)).sum() for k in (0, 1)) for a in (drawn, alpha)]
    assert sharpness[0] > 0.42 * sharpness[1]
    assert np.abs(drawn - alpha)[~steps].max() < 0.1


def test_strands_cost_few_splats(with_strands, avatar):
    assert len(lift_portrait(with_strands, 148)) < len(avatar) + 12_000


def test_hatching_of_the_face_is_drawn_with_a_bounded_number_of_splats(portrait, lift):
    rng, size = np.random.default_rng(0), portrait.size
    face = cv2.fillPoly(np.zeros((size, size), np.uint8), [portrait.landmarks[list(FACE_OVAL), :2].astype(np.int32)], 1)
    marks = np.zeros((size, size), np.float32)
    for x, y, dx, dy in rng.uniform((0, 0, -9, -9), (size, size, 9, 9), (2500, 4)):
        cv2.line(marks, (int(x), int(y)), (int(x + dx), int(y + dy)), float(rng.choice([-70, 70])), 1)
    crop = np.clip(portrait.crop + marks[..., None] * face[..., None], 0, 255).astype(np.uint8)
    avatar = lift_portrait(replace(portrait, crop=crop))
    drawn, _ = rasterize(avatar.rest(), avatar.camera(), size, size)
    error = np.square(np.asarray(drawn) - crop / 255)[face > 0].mean()
    assert -10 * np.log10(error) > 31.5
    assert len(avatar) < len(lift(portrait)) + 15_000
