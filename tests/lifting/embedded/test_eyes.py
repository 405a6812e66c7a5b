"""The eyeball of a turned head: its far side, which went away from the camera, is turned back to it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial import cKDTree

from gagavatar_nodes.face.topology import LEFT_EYE_RING
from gagavatar_nodes.lifting.embedded.eyes import eye_layers
from gagavatar_nodes.lifting.embedded.stage import Stage
from gagavatar_nodes.rendering.covariance import symmetric_matrices

SLOPE = 2.5  # of the far side of pearl's eye, whose head is turned by 45 degrees


@pytest.fixture(scope="module")
def far_eye(portrait):
    """A stage, the ring [K, 3] in pixels of a left eye that recedes to the left, and its white on the stage."""
    landmarks = portrait.landmarks.copy()
    ring = landmarks[list(LEFT_EYE_RING)]
    aside = ring[:, 0].mean() - landmarks[list(LEFT_EYE_RING), 0]
    landmarks[list(LEFT_EYE_RING), 2] += SLOPE * aside
    turned = replace(portrait, landmarks=landmarks)
    stage = Stage.of(turned)
    _, shown = eye_layers(turned, stage)
    still = shown.binding.weights.sum(1) == 0
    left = still & (stage.project(stage.from_canonical(shown.points))[:, 0] < landmarks[168, 0])
    points = stage.from_canonical(shown.points[left].astype(np.float64))
    covariances = symmetric_matrices(shown.covariances[left].astype(np.float64))
    covariances = stage.rotation @ covariances @ stage.rotation.T
    return stage, landmarks[list(LEFT_EYE_RING)], points, covariances


def far(points: np.ndarray) -> np.ndarray:
    """[N] bool: on the receding side, which is the image's left."""
    return points[:, 0] < np.median(points[:, 0])


def test_the_far_side_has_no_gaps_when_it_is_turned_to_the_camera(far_eye):
    *_, points, covariances = far_eye
    # One step to the left: what is nearest there in the picture.
    step = cKDTree(points[:, :2]).query(points[:, :2], k=2)[0][:, 1].min()
    distance, beside = cKDTree(points[:, :2]).query(points[:, :2] - [step, 0], k=1)
    rows = np.flatnonzero(far(points) & (distance < 0.2 * step))
    way = points[beside[rows]] - points[rows]
    apart = np.sqrt(np.einsum("ni,nij,nj->n", way, np.linalg.inv(covariances[rows]), way))
    assert len(rows) > 50
    assert np.percentile(apart, 90) < 2.2  # deviations; 1.7 side by side, over 4 of round splats


def test_splats_are_as_round_as_ever_in_the_portraits_view(far_eye):
    *_, covariances = far_eye
    variance = covariances[:, 0, 0]
    assert covariances[:, 1, 1] == pytest.approx(variance, rel=1e-3)
    assert np.abs(covariances[:, 0, 1]).max() < 1e-3 * variance.max()
    assert np.ptp(variance) < 1e-3 * variance.max()


def test_no_white_lies_on_the_skin_beside_a_far_eye(far_eye):
    """Where the lids' pixels give way it would be seen."""
    stage, ring, points, _ = far_eye
    pixels = stage.project(points)
    width = np.linalg.norm(ring[0, :2] - ring[8, :2])
    outer = pixels[:, 0] < ring[0, 0] + 0.25 * width
    over, under = ring[:, 1].min(), ring[:, 1].max()
    assert outer.any()
    assert pixels[outer, 1].min() > over - 0.1 * width
    assert pixels[outer, 1].max() < under + 0.1 * width
