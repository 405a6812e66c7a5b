import numpy as np
import pytest

from gagavatar_nodes.face.bundled_face import bundled_neutral
from gagavatar_nodes.face.pose import project, solve_pose, solve_poses, yaw_pitch_roll
from gagavatar_nodes.heads.canonical import canonical_face
from gagavatar_nodes.types import HeadPose


def rotation(yaw, pitch, roll):
    from scipy.spatial.transform import Rotation

    return Rotation.from_euler("YXZ", [yaw, pitch, roll]).as_matrix()


@pytest.fixture
def face():
    points = np.array(bundled_neutral())
    points[:468] = canonical_face().vertices
    return points


@pytest.mark.parametrize("angles", [(0, 0, 0), (0.5, -0.3, 0.2), (-1.0, 0.4, -0.6)])
def test_pose_is_recovered_from_projected_landmarks(face, angles):
    truth = HeadPose(13.5, rotation(*angles), np.array([250.0, -310.0, 40.0]))
    pose, canonical = solve_pose(project(truth, face))
    assert pose.scale == pytest.approx(13.5, rel=1e-6)
    np.testing.assert_allclose(pose.rotation, truth.rotation, atol=1e-6)
    np.testing.assert_allclose(pose.translation, truth.translation, atol=1e-4)
    np.testing.assert_allclose(canonical, face, atol=1e-4)
    np.testing.assert_allclose(yaw_pitch_roll(pose.rotation), angles, atol=1e-6)


def test_many_poses_equal_each_on_its_own(face):
    rng = np.random.default_rng(0)
    points = project(HeadPose(10.0, rotation(0.3, 0.1, 0.0), np.zeros(3)), face) + rng.normal(0, 2, (4, 478, 3))
    scales, rotations, translations, canonical = solve_poses(points)
    for i in range(4):
        pose, own = solve_pose(points[i])
        assert pose.scale == pytest.approx(scales[i])
        np.testing.assert_allclose(pose.rotation, rotations[i], atol=1e-12)
        np.testing.assert_allclose(pose.translation, translations[i], atol=1e-9)
        np.testing.assert_allclose(own, canonical[i], atol=1e-5)


def test_positive_yaw_and_pitch_turn_the_nose_right_and_down_in_the_picture(face):
    nose = 1
    straight = project(HeadPose(10.0, np.eye(3), np.zeros(3)), face)[nose]
    assert project(HeadPose(10.0, rotation(0.4, 0, 0), np.zeros(3)), face)[nose, 0] > straight[0] + 10
    assert project(HeadPose(10.0, rotation(0, 0.4, 0), np.zeros(3)), face)[nose, 1] > straight[1] + 10


def test_expression_hardly_moves_the_pose(face):
    laughing = face.copy()
    laughing[[13, 14, 17, 152, 61, 291], 1] -= 1.5
    pose, _ = solve_pose(project(HeadPose(10.0, np.eye(3), np.zeros(3)), laughing))
    assert np.degrees(np.abs(yaw_pitch_roll(pose.rotation))).max() < 2
