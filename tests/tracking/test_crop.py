import numpy as np
import pytest

from gagavatar_nodes.tracking.crop import cut_square, portrait_square, square_to_picture


@pytest.fixture
def ramp():
    """[300, 400, 2] float32 whose channels are the pixels' x and y."""
    y, x = np.mgrid[0:300, 0:400].astype(np.float32)
    return np.stack([x, y], axis=-1)


@pytest.mark.parametrize("size", [64, 100, 256])
def test_every_crop_pixel_comes_from_where_the_similarity_says(ramp, size):
    square = (120, 80, 100)
    crop = cut_square(ramp, square, size)
    to_picture = square_to_picture(square, size)
    inner = slice(size // 8, -size // 8)  # cubic enlargement bends the ramp at the crop's border
    y, x = np.mgrid[0:size, 0:size][:, inner, inner]
    expected = np.stack([x, y, np.ones_like(x)], axis=-1) @ to_picture.T
    np.testing.assert_allclose(crop[inner, inner], expected, atol=0.1)


def test_shrinking_averages_instead_of_skipping_pixels():
    checker = (np.indices((400, 400)).sum(0) % 2 * 255).astype(np.uint8)
    crop = cut_square(checker, (0, 0, 400), 100)
    assert np.abs(crop.astype(int) - 127).max() <= 1


def test_outside_of_the_picture_edge_pixels_repeat_or_the_given_value_stands(ramp):
    square = (-50, -50, 100)
    repeated, filled = cut_square(ramp[..., 0], square, 100), cut_square(ramp[..., 0] + 1, square, 100, outside=0)
    np.testing.assert_array_equal(repeated[80, :50], 0)
    np.testing.assert_array_equal(repeated[10, 60], 10)
    assert filled[:50].max() == 0
    assert filled[:, :50].max() == 0
    assert filled[50:, 50:].min() == 1


def test_the_square_leaves_room_for_hair_and_shoulders_where_the_picture_has_it():
    left, top, edge = portrait_square(np.array([900.0, 900, 1080, 1100]), (2000, 2000, 3))
    assert edge == 500
    assert left < 990 - 240
    assert top < 1000 - 250


def test_no_resolution_is_spent_outside_of_a_tight_picture():
    left, top, edge = portrait_square(np.array([50.0, 40, 250, 260]), (300, 300, 3))
    assert edge == round(1.9 * 220)
    assert left <= 50 - 80
    assert top <= 40 - 80
