"""What the stage shows, by the published pinhole camera and by the landmark model's weak perspective."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from gagavatar_nodes.driving.pose import rotation_of
from gagavatar_nodes.driving.retarget import HeadPlacement
from gagavatar_nodes.face.pose import NECK_PIVOT, project
from gagavatar_nodes.types import HEAD_UNITS_PER_CM, HeadPose


def seen_by_a_pinhole(avatar, points: np.ndarray) -> np.ndarray:
    """[N, 2] pixels of the crop of points [N, 3] in head units; pictures are upright, the published view is not."""
    camera, size = avatar.stage.camera(), avatar.stage.size
    view = points @ camera.transform[:, :3] + camera.transform[:, 3]
    return (size - 1) / 2 - camera.focal * size / 2 * view[:, :2] / view[:, 2:]


def test_landmarks_are_seen_where_the_landmark_model_has_them(avatar):
    """A turned, larger head that moved: pixels of `face.pose.project`, through the renderer's camera."""
    stage = avatar.stage
    rotation = rotation_of(np.radians([28.0]), np.radians([-12.0]))[0]
    placement = HeadPlacement(rotation, 1.06, np.array([1.5, -0.8, 0.0]))
    turn, offset = stage.head_motion(placement)
    center = (stage.size - 1) / 2
    pose = HeadPose(stage.scale * placement.scale, rotation, stage.scale * offset + [center, -center, 0])
    wanted = project(pose, avatar.canonical)[:, :2]
    bent = avatar.canonical + stage.foreshortening(avatar.canonical, placement)
    seen, plain = (
        seen_by_a_pinhole(avatar, (points @ turn.T + offset) * HEAD_UNITS_PER_CM) for points in (bent, avatar.canonical)
    )
    assert np.abs(seen - wanted).max() < 0.05
    assert np.linalg.norm(plain - wanted, axis=1).max() > 2


def test_the_drawn_skin_is_seen_there_too(avatar):
    """The nearest splat of each landmark moves over the picture as the landmark model has it."""
    rotation = rotation_of(np.radians([28.0]), np.radians([-12.0]))[0]
    placement = HeadPlacement(rotation, 1.0, np.zeros(3))
    stage, lattice = avatar.stage, slice(avatar.layer.lattice)
    pivot = stage.from_canonical(NECK_PIVOT[None])[0]
    rest = stage.from_canonical(avatar.canonical)
    turned = (avatar.canonical - NECK_PIVOT) @ rotation.T + pivot
    way = stage.project_weakly(turned) - stage.project_weakly(rest)
    in_perspective = seen_by_a_pinhole(avatar, turned * HEAD_UNITS_PER_CM) - seen_by_a_pinhole(
        avatar, rest * HEAD_UNITS_PER_CM
    )
    before = seen_by_a_pinhole(avatar, avatar.rest().means[lattice])
    gaussians = avatar.gaussians(np.zeros((478, 3)), np.zeros((2, 2)), placement)
    after = seen_by_a_pinhole(avatar, gaussians.means[lattice])
    distance, nearest = cKDTree(before).query(stage.project_weakly(rest))
    telling = (distance < 2.0) & (np.linalg.norm(in_perspective - way, axis=1) > 2.0)
    assert telling.sum() > 50
    assert np.median(np.linalg.norm((after - before)[nearest] - way, axis=1)[telling]) < 1.2
