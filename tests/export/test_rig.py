"""A rig, evaluated from its bytes, against the avatar's own performance."""

import gzip
import json
from dataclasses import replace

import numpy as np
import pytest

from gagavatar_nodes.driving.builtin import BUILTIN_NAMES, builtin_motion
from gagavatar_nodes.errors import FileFormatError, GagavatarError
from gagavatar_nodes.export.rig import RigPose, pose_rig
from gagavatar_nodes.export.rig_file import pack_rig, pack_take, unpack_rig, unpack_take
from gagavatar_nodes.face.topology import CHIN
from gagavatar_nodes.rendering import rasterize
from gagavatar_nodes.types import HEAD_UNITS_PER_CM

LARGEST_ERROR = 0.003  # of the head's height, in the mean of all Gaussians
LEAST_PSNR = 32.0
GRAY = np.float32(0.5)


@pytest.fixture(scope="module")
def rig(avatar):
    """The avatar's rig, as whoever reads its file has it."""
    return unpack_rig(pack_rig(avatar.rig()))


@pytest.fixture(scope="module")
def head_height(avatar):
    points = avatar.layer.points[avatar.layer.head > 0.99]
    return np.ptp(points[:, 1]) * HEAD_UNITS_PER_CM


def over_gray(gaussians, camera):
    image, alpha = rasterize(gaussians, camera, 320, 320)
    return image + (1 - alpha[..., None]) * GRAY


def check(avatar, rig, height, motion, frames):
    performance = avatar.perform(motion)
    take = unpack_take(pack_take(avatar.take(motion)))
    assert len(take) == len(motion)
    for index in frames:
        own, other = performance.gaussians(index), pose_rig(rig, take.pose(index))
        error = np.linalg.norm(own.means - other.means, axis=1).mean()
        assert error < LARGEST_ERROR * height, f"frame {index}"
        camera = performance.camera(index)
        difference = over_gray(own, camera) - over_gray(other, rig.camera())
        assert -10 * np.log10(np.mean(difference**2)) > LEAST_PSNR, f"frame {index}"


@pytest.mark.parametrize("name", BUILTIN_NAMES)
def test_a_rig_plays_a_builtin_motion_as_the_avatar_does(avatar, rig, head_height, name):
    motion = builtin_motion(name)
    check(avatar, rig, head_height, motion, np.linspace(0, len(motion) - 1, 4).astype(int))


def test_a_rig_plays_a_tracked_video_as_the_avatar_does(avatar, rig, head_height, driver_motion):
    check(avatar, rig, head_height, driver_motion, range(0, len(driver_motion), 12))


def test_weights_alone_pose_a_rig_as_they_pose_the_avatar(avatar, rig, head_height):
    """Without a take: what sliders do."""
    from gagavatar_nodes.driving.performing import perform_weights
    from gagavatar_nodes.types import ARKIT_NAMES

    faces = [
        {"jawOpen": 0.7, "mouthSmileLeft": 0.6, "mouthSmileRight": 0.6},
        {"eyeBlinkLeft": 1, "eyeBlinkRight": 0.4, "eyeLookDownLeft": 0.5, "browInnerUp": 0.8},
        {"mouthPucker": 0.8, "eyeLookInLeft": 0.7, "eyeLookOutRight": 0.7, "tongueOut": 0.5},
    ]
    weights = np.array([[face.get(name, 0) for name in ARKIT_NAMES] for face in faces], np.float32)
    turns = np.tile(np.eye(3), (len(faces), 1, 1))
    performance = avatar.perform(perform_weights(weights, turns, np.zeros((len(faces), 3)), 25.0))
    for index, row in enumerate(weights):
        own, other = performance.gaussians(index), pose_rig(rig, RigPose(row.astype(float)))
        assert np.linalg.norm(own.means - other.means, axis=1).mean() < LARGEST_ERROR * head_height


def test_the_jaw_joint_moves_the_chin_and_not_the_brows(rig):
    rest, open_ = (pose_rig(rig, RigPose(jaw=np.array([angle, 0, 0]))) for angle in (0.0, 0.25))
    moved = (open_.means - rest.means)[:, 1]
    chin = np.linalg.norm(rig.points - rig.landmarks[CHIN], axis=1) < 0.6
    brows = rig.points[:, 1] > rig.landmarks[10, 1] - 2
    assert chin.any()
    assert moved[chin].max() < -0.02
    assert np.abs(moved[brows]).max() < 0.005


def test_the_head_joint_nods_the_head_and_leaves_the_shoulders(rig):
    rest, nodding = (pose_rig(rig, RigPose(nod=np.array([angle, 0, 0]))) for angle in (0.0, 0.3))
    moved = np.linalg.norm(nodding.means - rest.means, axis=1)
    assert moved[rig.head == 0].max() < 1e-6
    nose = np.linalg.norm(rig.points - rig.landmarks[1], axis=1) < 0.6
    assert moved[nose].min() > 0.05


def test_a_rig_of_the_usual_density_is_under_six_megabytes(portrait, lift):
    content = pack_rig(lift(portrait).rig())
    assert len(gzip.compress(content)) < 3_000_000
    assert len(content) < 6_000_000


def test_a_torso_goes_along_with_a_head_that_moves_aside(avatar, rig):
    aside = np.array([2.0, 1.0, 0.0])
    placement = replace(avatar.perform(builtin_motion("nod")).retargeter.placement(0), shift=aside)
    own = avatar.gaussians(np.zeros((478, 3)), np.zeros((2, 2)), placement).means[rig.head < 0.3]
    moved = RigPose(rotation=placement.rotation, scale=placement.scale, shift=aside)
    other = pose_rig(rig, moved).means[rig.head < 0.3]
    assert np.abs(own - other).mean() < 0.02 * HEAD_UNITS_PER_CM
    still = pose_rig(replace(rig, torso=0 * rig.torso), moved).means[rig.head < 0.3]
    assert np.abs(still - other).max() > 0.8 * HEAD_UNITS_PER_CM


def test_bytes_that_are_no_rig_are_refused(avatar):
    content = pack_rig(avatar.rig())
    with pytest.raises(FileFormatError, match=r"not a gagavatar\.rig of version 1"):
        unpack_rig(content[: len(content) // 2])
    with pytest.raises(FileFormatError, match=r"This is gagavatar\.rig 1, not gagavatar\.take 1"):
        unpack_take(content)
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    header["__metadata__"]["version"] = "2"
    newer = json.dumps(header).encode().ljust(length)
    with pytest.raises(FileFormatError, match=r"gagavatar\.rig 2"):
        unpack_rig(len(newer).to_bytes(8, "little") + newer + content[8 + length :])


def test_a_published_avatar_says_that_it_has_no_rig():
    pytest.importorskip("torch")
    from gagavatar_nodes.lifting.gagavatar.avatar import GagavatarAvatar

    with pytest.raises(GagavatarError, match=r"lift the portrait with --avatar embedded"):
        GagavatarAvatar(None, None).rig()
