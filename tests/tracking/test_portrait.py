import cv2
import numpy as np
import pytest

from gagavatar_nodes.errors import FaceError
from gagavatar_nodes.face.pose import project, yaw_pitch_roll
from gagavatar_nodes.face.topology import FACE_OVAL
from gagavatar_nodes.tracking.faces import choose_face
from gagavatar_nodes.tracking.portrait import track_portrait


@pytest.fixture(scope="module")
def portrait(example_portrait):
    return track_portrait(example_portrait)


def to_picture(portrait, points):
    return points[:, :2] @ portrait.crop_to_picture[:, :2].T + portrait.crop_to_picture[:, 2]


def test_portrait_holds_what_lifting_needs(portrait, example_portrait):
    assert portrait.picture is example_portrait
    assert portrait.crop.shape == (512, 512, 3)
    assert portrait.crop.dtype == np.uint8
    assert portrait.alpha.shape == (512, 512)
    assert portrait.alpha.dtype == np.float32
    assert portrait.landmarks.shape == portrait.canonical.shape == (478, 3)
    assert portrait.size == 512


def test_crop_landmarks_agree_with_those_of_the_whole_picture(portrait, example_portrait):
    whole = choose_face(example_portrait).points[:, :2]
    error = np.linalg.norm(to_picture(portrait, portrait.landmarks) - whole, axis=1)
    assert error.mean() < 1.5


def test_pose_takes_the_canonical_landmarks_back_to_the_crop(portrait):
    np.testing.assert_allclose(project(portrait.pose, portrait.canonical), portrait.landmarks, atol=0.01)
    assert np.degrees(np.abs(yaw_pitch_roll(portrait.pose.rotation))).max() < 15


def test_matte_is_1_on_the_face_0_on_the_wall_and_0_outside_of_the_picture(portrait):
    face = np.zeros((512, 512), np.uint8)
    oval = portrait.landmarks[list(FACE_OVAL), :2]
    cv2.fillPoly(face, [(oval.mean(0) + 0.9 * (oval - oval.mean(0))).astype(np.int32)], 1)
    assert portrait.alpha[face > 0].min() > 0.98
    assert portrait.alpha[100:200, :40].max() < 0.01
    outside = to_picture(portrait, np.array([[x, y] for y in range(512) for x in (0, 256, 511)]))[:, 1] < -2
    assert outside.any()
    assert portrait.alpha[:, [0, 256, 511]].reshape(-1)[outside].max() == 0


def test_the_users_own_alpha_replaces_ours(example_portrait):
    alpha = np.zeros(example_portrait.shape[:2], np.uint8)
    cv2.circle(alpha, (360, 240), 150, 255, -1)
    own = track_portrait(example_portrait, alpha=alpha)
    y, x = np.mgrid[0:512, 0:512]
    picture = to_picture(own, np.stack([x.ravel(), y.ravel()], axis=-1)).reshape(512, 512, 2)
    distance = np.linalg.norm(picture - [360, 240], axis=-1)
    assert own.alpha[distance < 146].min() == 1
    assert own.alpha[distance > 154].max() == 0


def test_an_alpha_that_is_opaque_everywhere_counts_as_none(example_portrait, portrait):
    opaque = track_portrait(example_portrait, alpha=np.full(example_portrait.shape[:2], 255, np.uint8))
    np.testing.assert_allclose(opaque.alpha, portrait.alpha, atol=1e-6)


def test_an_alpha_of_nothing_counts_as_none(example_portrait, portrait):
    clear = track_portrait(example_portrait, alpha=np.zeros(example_portrait.shape[:2], np.uint8))
    np.testing.assert_allclose(clear.alpha, portrait.alpha, atol=1e-6)


def not_mattes(height, width):
    """Alpha channels that pictures come with, none of which cuts the person out."""
    y, x = np.mgrid[:height, :width]
    faded = np.full((height, width), 0.9, np.float32)
    specks = np.ones_like(faded)
    specks[:6, :6] = 0
    edge = np.minimum(np.minimum(x, width - 1 - x), 60), np.minimum(np.minimum(y, height - 1 - y), 60)
    rounded = (np.hypot(60 - edge[0], 60 - edge[1]) <= 60).astype(np.float32)
    disc = (np.hypot(x - width / 2, y - height / 2) < min(height, width) / 2).astype(np.float32)
    return {"faded": faded, "specks": specks, "rounded corners": rounded, "disc": disc}


@pytest.mark.parametrize("name", ["faded", "specks", "rounded corners", "disc"])
def test_an_alpha_that_cuts_nobody_out_does_not_keep_the_background(example_portrait, portrait, name):
    alpha = not_mattes(*example_portrait.shape[:2])[name]
    assert 0 < alpha.mean() < 1
    own = track_portrait(example_portrait, alpha=alpha)
    background = portrait.alpha < 0.02
    assert own.alpha[background].mean() < 0.03
    head = np.linalg.norm(np.mgrid[:512, :512] - np.array([230, 256])[:, None, None], axis=0) < 60
    assert own.alpha[head].min() > 0.98
    assert np.abs(own.crop[head].astype(int) - portrait.crop[head]).max() <= 1


def test_size_scales_crop_and_landmarks_alike(example_portrait, portrait):
    small = track_portrait(example_portrait, size=256)
    assert small.crop.shape == (256, 256, 3)
    error = np.linalg.norm((small.landmarks[:, :2] + 0.5) * 2 - (portrait.landmarks[:, :2] + 0.5), axis=1)
    assert error.mean() < 1.5


def test_a_face_under_32_pixels_is_refused(paste_face):
    with pytest.raises(FaceError, match=r"too small: 2\d pixels, where at least 32"):
        track_portrait(cv2.resize(paste_face((340, 600, 300)), None, fx=0.13, fy=0.13, interpolation=cv2.INTER_AREA))


@pytest.mark.parametrize(("side", "part"), [("left", np.s_[:, 310:]), ("bottom", np.s_[:310, :])])
def test_a_face_cut_off_by_the_picture_is_refused(example_portrait, side, part):
    with pytest.raises(FaceError, match=f"cut off at the picture's {side} edge"):
        track_portrait(np.ascontiguousarray(example_portrait[part]))


def test_hair_may_be_cut_off(example_portrait):
    assert track_portrait(np.ascontiguousarray(example_portrait[90:])).pose.scale > 0
