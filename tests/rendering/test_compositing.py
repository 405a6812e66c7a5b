import numpy as np
import pytest

from gagavatar_nodes.rendering.compositing import composite, to_uint8


@pytest.fixture
def rendering():
    """A red disc with a soft edge on nothing: premultiplied rgb and alpha."""
    y, x = np.mgrid[:60, :80]
    alpha = np.clip((20 - np.hypot(x - 40, y - 30)) / 4, 0, 1).astype(np.float32)
    return alpha[..., None] * np.float32([0.8, 0.25, 0.1]), alpha


def test_uint8_rounds_to_nearest_and_clips():
    values = np.float32([[-0.5, 0.0, 0.1 / 255, 0.6 / 255, 254.4 / 255, 1.0, 7.0]])
    assert to_uint8(values).tolist() == [[0, 0, 0, 1, 254, 255, 255]]


def test_black_background_needs_no_alpha(rendering):
    rgb, alpha = rendering
    np.testing.assert_array_equal(composite(rgb), composite(rgb, alpha, (0, 0, 0)))
    assert composite(rgb)[30, 40].tolist() == [204, 64, 26]


@pytest.mark.parametrize("kind", ["color", "picture"])
def test_over_operator_is_exact(rendering, kind):
    rgb, alpha = rendering
    picture = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    background = (20, 200, 90) if kind == "color" else picture
    truth = 255 * rgb.astype(np.float64) + (1 - alpha[..., None]) * np.asarray(background, np.float64)
    assert np.abs(composite(rgb, alpha, background) - truth).max() <= 0.501


def test_transparent_result_is_straight_and_blends_back(rendering):
    rgb, alpha = rendering
    rgba = composite(rgb, alpha, None)
    assert rgba.shape == (60, 80, 4)
    assert np.abs(rgba[..., 3] - 255 * alpha).max() <= 0.501
    solid = alpha > 0.1
    assert np.abs(rgba[solid][:, :3].astype(int) - (204, 64, 26)).max() <= 1
    a = rgba[..., 3:] / 255
    again = rgba[..., :3] * a + 255 * (1 - a)
    assert np.abs(again - composite(rgb, alpha, (255, 255, 255))).max() < 2


def test_color_reaches_past_the_transparent_edge(rendering):
    rgb, alpha = rendering
    rgba = composite(rgb, alpha, None)
    outside = (alpha == 0) & (np.hypot(*np.ogrid[-30:30, -40:40]) < 22)
    assert outside.any()
    assert np.abs(rgba[outside][:, :3].astype(int) - (204, 64, 26)).max() < 12
    assert (rgba[outside][:, 3] == 0).all()


def test_views_of_more_channels_are_taken(rendering):
    rgb, alpha = rendering
    channels = np.concatenate([rgb, alpha[..., None], rgb], -1)
    np.testing.assert_array_equal(
        composite(channels[..., :3], channels[..., 3], (9, 9, 9)), composite(rgb, alpha, (9, 9, 9))
    )


def test_background_of_another_size_and_missing_alpha_are_refused(rendering):
    rgb, _ = rendering
    with pytest.raises(ValueError, match=r"\(10, 10, 3\) but expected \(60, 80, 3\)"):
        composite(rgb, rgb[..., 0], np.zeros((10, 10, 3), np.uint8))
    with pytest.raises(ValueError, match="no alpha"):
        composite(rgb, None, (1, 2, 3))
