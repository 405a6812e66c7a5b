"""The published network on a GPU: the same numbers, in half precision, as a CUDA graph, and when memory runs out."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import torch

import gagavatar_recipe as recipe
from gagavatar_nodes.lifting.gagavatar import GAGAvatarPredictor, RenderOptions
from parity_recipe import relative_error

if not torch.cuda.is_available():
    pytest.skip("there is no GPU", allow_module_level=True)


@pytest.fixture(scope="module")
def exact(state_dict):
    options = RenderOptions(device="cuda", precision="fp32", rasterizer="triton")
    return GAGAvatarPredictor.from_state_dict(state_dict, options)


@pytest.fixture(scope="module")
def lifted(exact, case):
    return exact.lift(case["image"], case["source_camera"])


def with_options(avatar: GAGAvatarPredictor, **options) -> GAGAvatarPredictor:
    return GAGAvatarPredictor(avatar.network, RenderOptions(device="cuda", rasterizer="triton", **options))


def one_frame(model: GAGAvatarPredictor, lifted, case) -> np.ndarray:
    return model.render_batch(lifted, case["head_points"][None], case["target_camera"][None])[0].cpu().numpy()


def psnr(got: np.ndarray, truth: np.ndarray) -> float:
    return -10 * np.log10(np.square(got - truth).mean())


def test_lifting_and_rendering_give_the_published_numbers(exact, lifted, case):
    with np.load(recipe.DATA / "case0.npz") as truth:
        index = truth["index"]
        assert relative_error(lifted.features[index], truth["gs_colors"]) < 1e-4
        assert relative_error(lifted.opacities[index], truth["gs_opacities"][:, 0]) < 1e-4
        assert relative_error(one_frame(exact, lifted, case)[0, :, 2::4, 2::4], truth["refined"]) < 1e-3


@pytest.mark.parametrize("precision", ["fp16", "bf16"])
def test_half_precision_stays_near(exact, lifted, case, precision):
    half = with_options(exact, precision=precision)
    assert psnr(one_frame(half, lifted, case), one_frame(exact, lifted, case)) > 40


def test_a_batch_gives_the_frames_one_by_one_gives(exact, lifted, case):
    points, cameras = np.stack([case["head_points"]] * 3), np.stack([case["target_camera"]] * 3)
    points[1] *= 0.9
    cameras[2] = case["source_camera"]
    model = with_options(exact, precision="fp32", batch_size=2)
    together = np.stack([frame.rgb for frame in model.render(lifted, zip(points, cameras, strict=True))])
    single = with_options(exact, precision="fp32", batch_size=1)
    alone = np.stack([frame.rgb for frame in single.render(lifted, zip(points, cameras, strict=True))])
    assert relative_error(together, alone) < 1e-4


def test_a_cuda_graph_replays_what_is_launched(exact, lifted, case):
    launched = one_frame(with_options(exact, precision="fp16", cuda_graphs=False), lifted, case)
    graph = with_options(exact, precision="fp16")
    for _ in range(3):
        assert np.abs(one_frame(graph, lifted, case) - launched).max() < 1e-2


def test_a_full_gpu_lowers_the_batch_and_keeps_every_frame(exact, lifted, case, caplog):
    model = with_options(exact, precision="fp32", batch_size=16)
    points, cameras = np.stack([case["head_points"]] * 16), np.stack([case["target_camera"]] * 16)
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + 2.0e9) / total)
    try:
        with caplog.at_level(logging.WARNING):
            rgb, _ = model.render_batch(lifted, points, cameras)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert model.batch_size < 16
    assert "do not fit the memory of cuda" in caplog.text
    assert relative_error(rgb[-1:].cpu().numpy(), one_frame(exact, lifted, case)) < 1e-4


def test_releasing_gives_memory_back_and_the_next_frame_is_the_same(exact, lifted, case):
    model = with_options(exact, precision="fp16", batch_size=8)
    first = one_frame(model, lifted, case)
    held = torch.cuda.memory_allocated()
    model.release()
    assert torch.cuda.memory_allocated() < held - 100e6
    np.testing.assert_array_equal(one_frame(model, lifted, case), first)
