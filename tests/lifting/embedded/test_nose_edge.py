"""The landmarks of a nose that hides a part of its cheek go where the nose is seen to end."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from gagavatar_nodes.driving.pose import rotation_of
from gagavatar_nodes.heads.canonical import canonical_face
from gagavatar_nodes.lifting.embedded.depth import landmark_mesh
from gagavatar_nodes.lifting.embedded.nose_edge import refine_nose
from gagavatar_nodes.types import HeadPose, Portrait

SIZE, SCALE, TIP, CHEEK = 256, 10.0, 1, 280
NOSE_CM = 2.2  # to both sides
SKIN, SHADE = (230, 190, 170), (120, 80, 60)


def portrait(yaw: float, longer: float) -> Portrait:
    """A face turned by `yaw` degrees with a nose in the shade, which its landmarks see `longer` centimeters longer."""
    face = canonical_face().vertices
    out = np.clip(1 - (face[TIP, 2] - face[:, 2]) / 3, 0, 1) * (np.abs(face[:, 0]) < NOSE_CM) * (np.abs(face[:, 1]) < 3)
    rotation = rotation_of(np.radians([yaw]), np.zeros(1))[0]
    pose = HeadPose(SCALE, rotation, np.array([SIZE / 2, -SIZE / 2, 0.0]))
    aside = rotation[0, 2] / abs(rotation[0, 2])  # of the picture, where the nose goes

    def seen(canonical: np.ndarray, crop: np.ndarray) -> Portrait:
        staged = SCALE * canonical @ rotation.T + pose.translation
        points = np.pad(canonical, ((0, 10), (0, 0))).astype(np.float32)
        marks = np.pad(staged * [1, -1, -1], ((0, 10), (0, 0))).astype(np.float32)
        return Portrait(crop, crop, np.ones((SIZE, SIZE), np.float32), np.eye(2, 3), marks, pose, points)

    blank = np.full((SIZE, SIZE, 3), SKIN, np.uint8)
    true = seen(face, blank)
    triangle, _ = landmark_mesh(true)
    nose = (triangle >= 0) & (out[canonical_face().triangles[triangle]].max(-1) > 0)
    crop = cv2.GaussianBlur(np.where(nose[..., None], SHADE, blank).astype(np.uint8), (0, 0), 1)
    return seen(face + out[:, None] * [aside, 0, 0] @ rotation * longer, crop)


@pytest.mark.parametrize("yaw", [-35, 35])
def test_a_nose_seen_too_long_ends_where_its_colors_do(yaw):
    given, true = portrait(yaw, 0.4), portrait(yaw, 0)
    found = refine_nose(given)
    assert np.abs(found.landmarks - true.landmarks)[TIP, 0] < 0.15 * SCALE  # of .4 centimeters
    assert np.array_equal(found.landmarks[[CHEEK, 152]], given.landmarks[[CHEEK, 152]])
    staged = found.canonical @ found.pose.rotation.T * SCALE + found.pose.translation
    assert np.abs(staged * [1, -1, -1] - found.landmarks)[:468].max() < 0.01  # pose and landmarks still agree


@pytest.mark.parametrize("yaw", [-35, 35])
def test_a_nose_that_ends_where_it_is_seen_to_stays(yaw):
    given = portrait(yaw, 0)
    assert np.array_equal(refine_nose(given).landmarks, given.landmarks)


def test_without_an_edge_in_its_colors_a_nose_stays():
    given = portrait(-35, 0.4)
    given = replace(given, crop=np.full_like(given.crop, SKIN))
    assert np.array_equal(refine_nose(given).landmarks, given.landmarks)
