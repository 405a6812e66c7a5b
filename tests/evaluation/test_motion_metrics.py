"""AKD, AED, APD, jitter, correlations and drift of motions whose every number is known."""

from dataclasses import replace

import numpy as np
import pytest

from gagavatar_nodes.evaluation.aed import mean_absolute
from gagavatar_nodes.evaluation.apd import angles_between
from gagavatar_nodes.evaluation.correlation import agreement, correlation
from gagavatar_nodes.evaluation.drift import drift
from gagavatar_nodes.evaluation.jitter import jitter, still_stretches
from gagavatar_nodes.evaluation.registry import VARIANTS
from gagavatar_nodes.evaluation.sights import Moment, Sight
from gagavatar_nodes.evaluation.tracks import Track, Tracks
from gagavatar_nodes.evaluation.variants import Instruments
from motions import about_y, ramp

NONE = Instruments()


def moment(points, truth, width=512):
    sights = [Sight(np.zeros((width, width, 3), np.uint8), one, NONE) for one in (points, truth)]
    return Moment(0, *sights, sights[1], True)


def of_frame(name, *arguments, **options):
    return VARIANTS[name].of_frame(moment(*arguments, **options))


def of_tracks(name, result, driver, **more):
    tracks = Tracks(Track(result), Track(driver), None, NONE, more.get("frames", {}), more.get("truth"))
    return VARIANTS[name].of_tracks(tracks)


@pytest.fixture
def points():
    return np.random.default_rng(0).uniform(100, 400, (478, 3)).astype(np.float32)


def test_landmarks_moved_by_three_pixels_have_an_akd_of_three(points):
    moved = points + np.array([0, 3, 50], np.float32)  # depth does not count
    assert of_frame("akd.l2.landmarks478", moved, points) == pytest.approx(3, abs=1e-4)
    assert of_frame("akd.l1.landmarks478", moved, points) == pytest.approx(1.5, abs=1e-4)


def test_akd_is_in_pixels_of_a_picture_512_wide(points):
    moved = points + np.array([6, 0, 0], np.float32)
    assert of_frame("akd.l2.landmarks478", moved, points, width=1024) == pytest.approx(3, abs=1e-4)


def test_a_frame_without_a_face_has_no_akd(points):
    assert np.isnan(of_frame("akd.l2.landmarks478", None, points))
    assert np.isnan(of_frame("akd.l2.landmarks478", points, None))


@pytest.mark.parametrize("degrees", [0.001, 5, 90, 179])
def test_apd_of_a_known_rotation_is_its_angle(degrees):
    base = about_y([0, 10, -20])
    turned = base @ about_y(degrees)
    np.testing.assert_allclose(np.degrees(angles_between(base, turned)), degrees, rtol=1e-6)


def test_apd_of_tracks_has_its_units():
    driver = ramp()
    result = replace(driver, rotation=(about_y(6.0) @ driver.rotation).astype(np.float32))
    np.testing.assert_allclose(of_tracks("apd.geodesic.landmarks478", result, driver), 6, atol=1e-3)
    np.testing.assert_allclose(of_tracks("apd.l1.landmarks478", result, driver), np.radians(6) / 3, atol=1e-5)


def test_equal_motions_have_the_perfect_value():
    motion = ramp(30)
    perfect = {
        "aed.l1.arkit": 0, "aed.l2.landmarks478": 0, "apd.geodesic.landmarks478": 0, "apd.l1.landmarks478": 0,
        "jaw.correlation": 1, "expression.correlation": 1,
    }  # fmt: skip
    for name, value in perfect.items():
        np.testing.assert_allclose(of_tracks(name, motion, motion), value, atol=1e-3, err_msg=name)


def test_aed_is_the_mean_absolute_difference():
    driver = ramp()
    result = replace(driver, arkit=driver.arkit + np.float32(0.25))
    np.testing.assert_allclose(of_tracks("aed.l1.arkit", result, driver), 0.25, atol=1e-6)
    np.testing.assert_allclose(mean_absolute(np.array([[1.0, 5.0]]), np.array([[2.0, 2.0]])), 2)


def test_aed_of_landmarks_is_in_millimeters_and_blind_to_the_head_pose():
    driver = ramp(6)
    result = replace(driver, neutral=driver.neutral + np.array([0, 0.2, 0], np.float32))
    np.testing.assert_allclose(of_tracks("aed.l2.landmarks478", result, driver), 2, atol=1e-3)
    turned = replace(driver, rotation=(about_y(20.0) @ driver.rotation).astype(np.float32))
    np.testing.assert_allclose(of_tracks("aed.l2.landmarks478", turned, driver), 0, atol=1e-9)


def test_jitter_of_a_known_tremble():
    """A point that goes to and fro by d has second differences of 4 d."""
    shake = np.where(np.arange(40) % 2, 0.25, -0.25)
    points = np.zeros((40, 5, 2))
    points[..., 0] += shake[:, None]
    still = still_stretches(points)
    assert still.all()
    assert jitter(points, still) == pytest.approx(1.0, abs=1e-9)
    assert np.isnan(jitter(points, np.zeros_like(still)))


def test_what_moves_is_not_still():
    moving = np.zeros((40, 2, 2))
    moving[:, 1, 0] = np.arange(40) * 2.0
    still = still_stretches(moving)
    assert still[:, 0].all()
    assert not still[:, 1].any()
    assert still_stretches(moving[:5]).shape == (0, 2)


def test_track_gives_back_the_pixels_that_were_tracked(driver_images):
    from gagavatar_nodes.evaluation.tracks import TrackRecorder
    from gagavatar_nodes.tracking.faces import choose_face

    recorder, found = TrackRecorder(25.0, "two"), []
    for image in (driver_images[0], driver_images[30]):
        found.append(choose_face(image).points)
        recorder.add(found[-1], 0.9, image.shape)
    height, width = driver_images[0].shape[:2]
    expected = (np.stack(found)[..., :2] - [(width - 1) / 2, (height - 1) / 2]) * 512 / width
    np.testing.assert_allclose(recorder.finish().points, expected, atol=0.1)


def test_correlations():
    wave = np.sin(np.arange(50) / 3)
    assert correlation(wave, 3 * wave + 1) == pytest.approx(1)
    assert correlation(wave, -wave) == pytest.approx(-1)
    assert np.isnan(correlation(wave, np.ones(50)))
    assert np.isnan(correlation(wave[:2], wave[:2]))
    curves = np.stack([wave, np.cos(np.arange(50) / 5)], 1)
    assert agreement(curves, curves + np.array([1, 5])) == pytest.approx(1)


def test_blinks_are_read_from_the_lids():
    from gagavatar_nodes.face.arkit import arkit_deltas
    from gagavatar_nodes.types import ARKIT_NAMES

    weights = np.zeros((40, 52), np.float32)
    for name in ("eyeBlinkLeft", "eyeBlinkRight"):
        weights[:, ARKIT_NAMES.index(name)] = (np.arange(40) % 10 == 0).astype(np.float32)
    blinking = replace(ramp(40), deltas=arkit_deltas(weights).astype(np.float16))
    shifted = replace(blinking, deltas=np.roll(blinking.deltas, 5, 0))
    assert of_tracks("blink.correlation", blinking, blinking) == pytest.approx(1)
    assert of_tracks("blink.correlation", shifted, blinking) < 0.2


def test_known_motion_is_compared_with_the_result():
    motion = ramp(20)
    yaw = np.radians(2.0 * np.arange(20))
    truth = np.stack([yaw + np.radians(1.5), 0 * yaw, np.arange(20) / 20, 0 * yaw], 1)
    np.testing.assert_allclose(of_tracks("known.yaw", motion, motion, truth=truth), 1.5, atol=1e-3)
    np.testing.assert_allclose(of_tracks("known.pitch", motion, motion, truth=truth), 0, atol=1e-3)
    assert of_tracks("known.jaw", motion, motion, truth=truth) == pytest.approx(1, abs=1e-6)


def test_drift_is_what_identity_loses():
    values = np.linspace(0.9, 0.7, 100)
    assert drift(values, 25) == pytest.approx(0.9 - 0.7 - 24 * (0.2 / 99), abs=1e-9)
    assert np.isnan(drift(values[:30], 25))


def test_flame_codes_of_equal_faces_are_equal_and_follow_a_change(driver_motion):
    pytest.importorskip("torch")
    same = of_tracks("aed.l1.head", driver_motion, driver_motion)
    np.testing.assert_allclose(same, 0, atol=1e-6)
    frozen = replace(driver_motion, deltas=np.repeat(driver_motion.deltas[:1], len(driver_motion), 0))
    assert of_tracks("aed.l1.head", frozen, driver_motion).mean() > 0.02
