from itertools import pairwise

import numpy as np
import pytest

from gagavatar_nodes.tracking.smoothing import BackwardSmoother, OneEuroFilter

FPS = 25


def run(points, strength, size=200.0):
    one_euro = OneEuroFilter(FPS, strength)
    return np.stack([one_euro(frame, size) for frame in points])


def jitter(points):
    return np.sqrt((np.diff(points, 2, axis=0) ** 2).sum(-1).mean())


@pytest.fixture
def still():
    return 100 + np.random.default_rng(0).normal(0, 0.5, (100, 50, 3))


def test_strength_0_returns_the_points_as_they_are(still):
    np.testing.assert_array_equal(run(still, 0.0), still)


def test_more_strength_means_less_jitter(still):
    jitters = [jitter(run(still, strength)) for strength in (0, 0.25, 0.5, 0.75, 1)]
    assert all(b < 0.8 * a for a, b in pairwise(jitters))


def test_a_jump_is_followed_within_three_frames():
    step = np.zeros((60, 4, 2))
    step[30:] = 100.0  # half of the face's size
    out = run(step, 0.5)
    assert out[29].max() == 0
    assert out[32].min() > 90


def test_the_first_points_after_a_reset_pass_unchanged(still):
    one_euro = OneEuroFilter(FPS, 1.0)
    one_euro(still[0])
    one_euro.reset()
    np.testing.assert_array_equal(one_euro(still[5] + 40), still[5] + 40)


def test_the_size_of_the_picture_makes_no_difference():
    small = 20 + np.cumsum(np.random.default_rng(1).normal(0, 1, (40, 10, 3)), axis=0)
    np.testing.assert_allclose(run(small * 8, 0.5, size=800.0), run(small, 0.5, size=100.0) * 8, rtol=1e-9)


@pytest.mark.parametrize(("fps", "strength"), [(0, 0.5), (25, 1.5), (25, -0.1)])
def test_settings_out_of_range_are_refused(fps, strength):
    with pytest.raises(ValueError, match="strength"):
        OneEuroFilter(fps, strength)


def two_passes(points, strength, size=200.0):
    forward, backward = OneEuroFilter(FPS, strength), BackwardSmoother(FPS, strength)
    out = []
    for frame in points:
        out += backward.push(forward(frame, size), size)
    return np.stack(out + backward.flush())


def test_a_backward_pass_takes_the_lag_away():
    time = np.arange(200) / FPS
    wave = 100 + 20 * np.sin(2 * np.pi * 0.5 * time)[:, None, None] * np.ones((1, 4, 2))
    lagging, centerd = run(wave, 0.5), two_passes(wave, 0.3)
    inner = slice(25, -25)
    assert np.abs(centerd - wave)[inner].mean() < 0.4 * np.abs(lagging - wave)[inner].mean()


def test_a_backward_pass_leaves_the_first_frame_where_it_was():
    ramp = 100 + 60 * np.arange(120)[:, None, None] / FPS * np.ones((1, 4, 2))  # a head that moves from the start on
    smoothed, plain = two_passes(ramp, 0.3), run(run(ramp, 0.3)[::-1], 0.3)[::-1]
    assert np.abs(plain[0] - ramp[0]).min() > 0.1
    np.testing.assert_allclose(smoothed[0], ramp[0], atol=1e-6)
    np.testing.assert_allclose(smoothed[8:], plain[8:], atol=0.1)


def test_blocks_of_the_backward_pass_join_without_a_step(still):
    long = np.concatenate([still, still[::-1], still])
    whole = run(run(long, 0.3)[::-1], 0.3)[::-1]
    np.testing.assert_allclose(two_passes(long, 0.3)[25:], whole[25:], atol=0.02)
