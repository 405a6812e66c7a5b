"""PSNR, SSIM and the published square against second implementations and closed forms."""

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from gagavatar_nodes.evaluation.psnr import psnr
from gagavatar_nodes.evaluation.regions import cut, pictures, published_square
from gagavatar_nodes.evaluation.sights import Moment, Sight
from gagavatar_nodes.evaluation.ssim import ssim, ssim_map
from gagavatar_nodes.evaluation.variants import Instruments
from gagavatar_nodes.tracking.arcface import five_points


@pytest.fixture(scope="module")
def pair(portrait):
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 12, portrait.crop.shape)
    return portrait.crop, np.clip(portrait.crop + noise, 0, 255).astype(np.uint8)


def test_psnr_is_that_of_scikit_image(pair):
    assert psnr(*pair) == pytest.approx(peak_signal_noise_ratio(*pair), abs=1e-9)


def test_psnr_of_a_constant_difference_is_its_closed_form():
    black, gray = (np.full((8, 8, 3), level, np.uint8) for level in (100, 110))
    assert psnr(gray, black) == pytest.approx(20 * np.log10(255 / 10), abs=1e-9)


def test_psnr_looks_inside_of_the_mask_alone():
    a, b, mask = np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8), bool)
    b[:4], mask[4:] = 200, True
    assert psnr(a, b, mask) == 100
    assert psnr(a, b) < 10


def test_ssim_is_that_of_scikit_image_with_the_window_of_its_authors(pair):
    theirs = structural_similarity(
        *pair, channel_axis=2, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255
    )
    assert ssim(*pair) == pytest.approx(theirs, abs=1e-6)


def test_equal_pictures_have_the_perfect_value(pair):
    assert psnr(pair[0], pair[0]) == 100
    assert ssim(pair[0], pair[0]) == pytest.approx(1, abs=1e-9)


def test_both_are_symmetric_and_follow_a_mirror(pair):
    a, b = pair
    for metric in (psnr, ssim):
        assert metric(a, b) == pytest.approx(metric(b, a), abs=1e-9)
        assert metric(a[:, ::-1], b[:, ::-1]) == pytest.approx(metric(a, b), abs=1e-9)
    assert ssim_map(a, b).shape == a.shape


def test_published_square_is_three_times_the_points_box_and_black_outside():
    five = np.array([[200, 200], [300, 200], [250, 240], [210, 290], [290, 290]], float)
    assert published_square(five) == (100, 95, 300)
    far = five - [180, 190]
    white = cut(np.full((512, 512, 3), 255, np.uint8), published_square(far))
    assert white.shape == (512, 512, 3)
    assert white[:60].max() == 0
    assert white[-60:, -60:].min() == 255


def test_published_square_is_no_larger_than_the_picture():
    assert published_square(np.array([[100, 100], [400, 100], [250, 200], [120, 380], [380, 380]], float))[2] == 512


def test_region_of_the_bundled_points_shows_the_face_in_any_size(portrait):
    import cv2

    double = cv2.resize(portrait.crop, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    instruments = Instruments()
    found = []
    for rgb, points in ((portrait.crop, portrait.landmarks), (double, portrait.landmarks * 2)):
        sight = Sight(rgb, points, instruments)
        found.append(pictures(Moment(0, sight, sight, sight, True), "crop478")[0])
    assert five_points(portrait.landmarks).shape == (5, 2)
    assert psnr(*found) > 28
