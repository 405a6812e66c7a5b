import numpy as np
import pytest

from gagavatar_nodes.tracking.faces import find_faces_any_way_up
from gagavatar_nodes.tracking.portrait import track_portrait
from gagavatar_nodes.tracking.upright import quarter_turns, turn_points
from gagavatar_nodes.tracking.video import track_video
from gagavatar_nodes.types import TURNS


@pytest.fixture(scope="module")
def faces(portrait, driver_images):
    """Pictures with one upright face each."""
    return [portrait.picture, driver_images[0], driver_images[40]]


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_face_is_found_in_its_own_place_whichever_way_up(faces, turns):
    for picture in faces:
        upright = find_faces_any_way_up(picture)[0]
        turned = np.ascontiguousarray(np.rot90(picture, turns))
        found = find_faces_any_way_up(turned)[0]
        assert quarter_turns(found.points) == -turns % 4
        back = turn_points(found.points, -turns, turned.shape)
        assert np.abs(back - upright.points)[:, :2].mean() < 0.015 * upright.size


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_points_follow_the_pixels_of_a_turned_picture(turns):
    picture = np.arange(6 * 4).reshape(6, 4)
    points = np.array([[x, y, 5.0] for y in range(6) for x in range(4)])
    x, y, z = turn_points(points, turns, picture.shape).T
    assert np.array_equal(np.rot90(picture, turns)[y.astype(int), x.astype(int)], picture.ravel())
    assert (z == 5).all()


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_portrait_is_turned_upright(portrait, turns):
    picture, alpha = portrait.picture, np.full(portrait.picture.shape[:2], 255, np.uint8)
    turned = track_portrait(np.rot90(picture, turns).copy(), np.rot90(alpha, turns).copy(), matting="guided")
    assert np.array_equal(turned.picture, picture)
    assert np.abs(turned.landmarks - portrait.landmarks)[:, :2].mean() < 0.01 * portrait.size


def test_a_face_that_is_only_tilted_stays_tilted(portrait):
    points = portrait.landmarks.astype(np.float64)
    for degrees in (-50, -20, 20, 50):
        cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        tilted = points.copy()
        tilted[:, :2] = points[:, :2] @ np.array([[cos, sin], [-sin, cos]])
        assert quarter_turns(tilted) == 0


@pytest.mark.parametrize("turns", [1, 2])
def test_a_turned_video_gives_the_motion_of_the_upright_one(driver_images, turns):
    frames = driver_images[:30:10]
    upright = track_video(frames, 25.0)
    turned = track_video([np.ascontiguousarray(np.rot90(frame, turns)) for frame in frames], 25.0)
    assert turned.extra[TURNS] == str(-turns % 4)
    assert TURNS not in upright.extra
    assert np.abs(turned.rotation - upright.rotation).max() < 0.05
    assert np.abs(turned.translation - upright.translation)[:, :2].max() < 0.3
    assert np.abs(turned.deltas - upright.deltas).mean() < 0.05
