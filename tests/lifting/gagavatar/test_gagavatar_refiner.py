"""The refiner for inference computes what the readable one computes."""

from __future__ import annotations

import pytest
import torch

from gagavatar_nodes.lifting.gagavatar.fast_refiner import CPU_STRIPS, FastRefiner
from gagavatar_nodes.lifting.gagavatar.refiner import fresh_noise, noise_sizes
from parity_recipe import relative_error


def psnr(value: torch.Tensor, truth: torch.Tensor) -> float:
    return float(-10 * torch.log10((value - truth).square().mean()))


@pytest.fixture(scope="module")
def fast(refiner):
    return FastRefiner(refiner)


@pytest.fixture(scope="module")
def whole(fast, rendered):
    with torch.inference_mode():
        return fast(torch.from_numpy(rendered)).clone()


def test_fewer_passes_give_the_same_picture(whole, refined):
    assert relative_error(whole, refined) < 1e-5


@torch.inference_mode()
@pytest.mark.parametrize("strips", [2, CPU_STRIPS])
def test_strips_leave_no_seam(refiner, rendered, whole, strips):
    parts = FastRefiner(refiner, strips=strips)(torch.from_numpy(rendered))
    assert float((parts - whole).abs().max()) < 1e-5


@torch.inference_mode()
def test_a_frame_does_not_depend_on_the_others_of_its_batch(fast, rendered, refined):
    batch = torch.from_numpy(rendered).repeat(2, 1, 1, 1)
    batch[1] = batch[1].flip(1)
    assert relative_error(fast(batch)[:1], refined) < 1e-5


@torch.inference_mode()
def test_bfloat16_stays_within_45_db(refiner, rendered, refined):
    assert psnr(FastRefiner(refiner, torch.bfloat16)(torch.from_numpy(rendered)), refined) > 45


@torch.inference_mode()
def test_given_noise_reaches_the_picture_in_both_forms(refiner, fast, rendered, refined):
    features, noise = torch.from_numpy(rendered), fresh_noise(seed=3, frame=7)
    readable = refiner(features, noise)
    assert relative_error(readable, refined) > 1e-3
    assert relative_error(fast(features, noise), readable) < 1e-5


def test_fresh_noise_is_the_same_for_a_seed_and_frame_only():
    once, again, other = fresh_noise(1, 5), fresh_noise(1, 5), fresh_noise(1, 6)
    assert all(torch.equal(a, b) for a, b in zip(once, again, strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(once, other, strict=True))
    assert [noise.shape[-1] for noise in once] == noise_sizes() == [4, 8, 8, 16, 16, 32, 32, 64, 64, 128, 128, 256,
                                                                    256, 512, 512]  # fmt: skip


def test_openvino_gives_the_same_picture(refiner, rendered, refined):
    pytest.importorskip("openvino")
    from gagavatar_nodes.lifting.gagavatar.runners import OpenVinoRunner

    features = torch.from_numpy(rendered)
    assert psnr(torch.sigmoid(OpenVinoRunner(refiner, torch.float32)(features)), refined) > 90
