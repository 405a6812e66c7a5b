"""Compare Quality."""

import numpy as np
import pytest
import torch

from gagavatar_nodes.errors import GagavatarError


def batch(images):
    return torch.from_numpy(np.stack(images).astype(np.float32) / 255)


@pytest.fixture
def truth(driver_images):
    return batch(driver_images[:3])


def test_equal_pictures_are_perfect_and_their_difference_black(run, truth):
    report, difference, psnr, ssim = run("CompareQuality", images=truth, truth=truth)
    assert (psnr, round(ssim, 6)) == (100, 1)
    assert difference.shape == truth.shape
    assert difference.max() < 0.05
    assert "PSNR, full (psnr.full, higher is better): 100 dB" in report
    assert "AKD, 478 landmarks (akd.l2.landmarks478, lower is better): 0 px" in report
    assert "missing: " in report


def test_a_known_difference_has_its_number_and_its_place(run, truth):
    changed = truth.clone()
    changed[:, :40] = (changed[:, :40] + 80 / 255).clamp(0, 1)
    report, difference, psnr, _ = run("CompareQuality", images=changed, truth=truth, metrics="psnr")
    mse = float(((changed * 255).round() - (truth * 255).round()).square().mean(dim=(1, 2, 3))[0])
    assert psnr == pytest.approx(10 * np.log10(255**2 / mse), abs=0.5)
    assert difference[:, :40].mean() > 0.3
    assert difference[:, 45:].max() < 0.05
    assert "akd" not in report


def test_pictures_without_a_face_are_compared_all_the_same(run):
    noise = torch.rand(2, 64, 64, 3)
    report, _, psnr, _ = run("CompareQuality", images=noise, truth=noise)
    assert psnr == 100
    assert "no value" in report


def test_batches_must_match_and_metrics_be_known(run, truth):
    with pytest.raises(GagavatarError, match=r"'images' is 2 pictures of .* and 'truth' is 3 pictures of"):
        run("CompareQuality", images=truth[:2], truth=truth)
    with pytest.raises(GagavatarError, match="There is no metric 'sharpness'"):
        run("CompareQuality", images=truth, truth=truth, metrics="sharpness")
