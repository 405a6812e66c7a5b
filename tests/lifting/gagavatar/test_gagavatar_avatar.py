"""Lift once, render many: equal to the trace, streamed, and steady when precision or memory run out."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import torch

import gagavatar_recipe as recipe
from gagavatar_nodes.errors import FileFormatError, GagavatarError
from gagavatar_nodes.lifting.gagavatar import (
    GAGAvatarConfig,
    GAGAvatarPredictor,
    PortraitGaussians,
    RenderOptions,
    prepare_image,
)
from gagavatar_nodes.lifting.gagavatar.backbone import Backbone
from gagavatar_nodes.lifting.gagavatar.portrait_gaussians import FORMAT
from parity_recipe import relative_error

CPU = RenderOptions(device="cpu", precision="fp32")


@pytest.fixture(scope="module")
def avatar(state_dict):
    return GAGAvatarPredictor.from_state_dict(state_dict, CPU)


@pytest.fixture(scope="module")
def lifted(avatar, case):
    return avatar.lift(case["image"], case["source_camera"], {"flame_shape": np.arange(3.0)}, {"name": "waves"})


def with_options(avatar: GAGAvatarPredictor, **options) -> GAGAvatarPredictor:
    return GAGAvatarPredictor(avatar.network, RenderOptions(device="cpu", **options))


def test_a_streamed_frame_equals_the_published_picture(avatar, lifted, case):
    frames = iter([(case["head_points"], case["target_camera"])])
    (frame,) = avatar.render(lifted, frames)
    with np.load(recipe.DATA / "case0.npz") as truth:
        assert relative_error(frame.rgb[:, 2::4, 2::4], truth["refined"]) < 1e-3
        assert relative_error(frame.alpha[4::8, 4::8], truth["alpha"]) < 1e-3


def test_a_batch_gives_the_frames_one_by_one_gives(avatar, lifted, case):
    points = np.stack([case["head_points"], case["head_points"] * 0.9])
    cameras = np.stack([case["target_camera"], case["source_camera"]])
    batch, _ = with_options(avatar, precision="fp32", batch_size=2).render_batch(lifted, points, cameras)
    single = np.stack([frame.rgb for frame in avatar.render(lifted, zip(points, cameras, strict=True))])
    assert relative_error(batch.numpy(), single) < 1e-5


def test_frames_are_taken_from_the_driver_only_as_they_are_needed(avatar, lifted, case):
    taken = []

    def driver():
        for index in range(1000):
            taken.append(index)
            yield case["head_points"], case["target_camera"]

    next(avatar.render(lifted, driver()))
    assert taken == [0]


def test_a_saved_avatar_loads_the_same(lifted, tmp_path, case):
    lifted.save(tmp_path / "a.safetensors")
    loaded = PortraitGaussians.load(tmp_path / "a.safetensors")
    assert loaded.config == lifted.config
    assert loaded.notes == {"name": "waves"}
    np.testing.assert_array_equal(loaded.extra["flame_shape"], np.arange(3.0))
    ours, theirs = (a.gaussians(case["head_points"]) for a in (lifted, loaded))
    for name in ("means", "covariances", "opacities", "features"):
        np.testing.assert_array_equal(getattr(theirs, name), getattr(ours, name))


def test_files_that_are_no_sound_avatar_are_named(lifted, tmp_path):
    from safetensors.numpy import save_file

    path = tmp_path / "a.safetensors"
    save_file({"x": np.zeros(1)}, path)
    with pytest.raises(FileFormatError, match="not a GAGAvatar avatar file"):
        PortraitGaussians.load(path)
    save_file({"x": np.zeros(1)}, path, {"format": "gagavatar.lifted", "version": "9"})
    with pytest.raises(FileFormatError, match="of version 9"):
        PortraitGaussians.load(path)
    lifted.save(path)
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(FileFormatError, match="cut off"):
        PortraitGaussians.load(path)
    small = PortraitGaussians(
        lifted.layer_means[:9], lifted.covariances, lifted.opacities, lifted.features, np.eye(3, 4)
    )
    with pytest.raises(FileFormatError, match=r"'layer_means' should have shape \(175232, 3\), but has \(9, 3\)"):
        small.save(path)
    FORMAT.save(path, {"layer_means": np.zeros((9, 3))}, {"layer_means": ("F32", ("L", 3))}, {"config": "[]"})
    with pytest.raises(FileFormatError, match="configuration cannot be read"):
        PortraitGaussians.load(path)
    FORMAT.save(path, {"layer_means": np.zeros((9, 3))}, {"layer_means": ("F32", ("L", 3))}, {"config": "{}"})
    with pytest.raises(FileFormatError, match="no tensor 'covariances'"):
        PortraitGaussians.load(path)


def test_overflow_in_half_precision_is_noticed_and_mended(avatar, rendered, caplog, monkeypatch):
    """A refiner of one product: the whole one takes half a minute in half precision where processors lack it."""
    monkeypatch.setattr(
        "gagavatar_nodes.lifting.gagavatar.predictor.make_runner",
        lambda network, options, device, dtype: lambda features, noise: (features[:, :3].to(dtype) * 10).float(),
    )
    half, loud = with_options(avatar, precision="fp16"), torch.from_numpy(rendered) * 3e4
    with caplog.at_level(logging.WARNING):
        picture = half.refine(loud)
    assert half.dtype == torch.float32
    assert "overflowed in fp16" in caplog.text
    assert torch.equal(picture, torch.sigmoid(10 * loud[:, :3]))


def test_weights_that_are_not_finite_are_an_error(avatar, rendered, monkeypatch):
    monkeypatch.setattr(
        "gagavatar_nodes.lifting.gagavatar.predictor.make_runner",
        lambda *_: lambda features, noise: torch.full((1, 3, 2, 2), float("nan")),
    )
    with pytest.raises(GagavatarError, match="weights are not sound"):
        with_options(avatar, precision="fp32").refine(torch.from_numpy(rendered))


def test_out_of_memory_lowers_the_batch_and_keeps_every_frame(avatar, lifted, case, caplog, monkeypatch):
    model = with_options(avatar, precision="fp32", batch_size=4)
    sizes = []

    def cramped(features, first_frame, seed):
        sizes.append(len(features))
        if len(features) > 1:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return features[:, :3].clone()

    monkeypatch.setattr(model, "refine", cramped)
    points, cameras = np.stack([case["head_points"]] * 3), np.stack([case["target_camera"]] * 3)
    with caplog.at_level(logging.WARNING):
        rgb, alpha = model.render_batch(lifted, points, cameras)
    assert sizes == [3, 1, 1, 1]
    assert rgb.shape == (3, 3, 512, 512)
    assert alpha.shape == (3, 512, 512)
    assert "3 frames at a time do not fit" in caplog.text

    def hopeless(features, first_frame, seed):
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(model, "refine", hopeless)
    with pytest.raises(GagavatarError, match="One frame does not fit"):
        model.render_batch(lifted, points[:1], cameras[:1])


def test_fresh_noise_follows_the_seed_and_not_the_batch(avatar, rendered, refined):
    features = torch.from_numpy(rendered)
    model = with_options(avatar, precision="fp32", batch_size=2)
    pair = model.refine(features.repeat(2, 1, 1, 1), first_frame=7, seed=5)
    second = model.refine(features, first_frame=8, seed=5)
    assert relative_error(pair[1:], second) < 1e-5
    assert relative_error(pair[:1], second) > 1e-4
    assert relative_error(second, refined) > 1e-4  # that of the stored noise
    assert relative_error(model.refine(features, first_frame=8, seed=6), second) > 1e-4


def test_asking_for_an_absent_device_is_an_error():
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device here")
    with pytest.raises(GagavatarError, match=r"Device cuda was asked for.*--device cpu"):
        RenderOptions(device="cuda").resolve_device()
    with pytest.raises(GagavatarError, match="no device 'gpu'"):
        RenderOptions(device="gpu").resolve_device()
    if not torch.backends.mps.is_available():
        with pytest.raises(GagavatarError, match="Apple silicon"):
            RenderOptions(device="mps").resolve_device()
    assert RenderOptions().resolve_device() == torch.device("cpu")


def test_openvino_without_its_package_says_what_to_install(avatar, rendered, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "openvino", None)
    with pytest.raises(GagavatarError, match="pip install openvino"):
        with_options(avatar, refiner="openvino").refine(torch.from_numpy(rendered))


def test_a_compiler_that_fails_leaves_the_eager_refiner(avatar, rendered, refined, caplog, monkeypatch):
    def no_compiler(function, **_):
        def fail(*args):
            raise RuntimeError("no C++ compiler was found")

        return fail

    monkeypatch.setattr(torch, "compile", no_compiler)
    with caplog.at_level(logging.WARNING):
        picture = with_options(avatar, precision="fp32", compile=True).refine(torch.from_numpy(rendered))
    assert relative_error(picture, refined) < 1e-5
    assert "no C++ compiler was found" in caplog.text


def test_a_portrait_is_prepared_for_the_backbone():
    gray = prepare_image(np.full((512, 512, 3), 51, np.uint8))
    assert gray.shape == (3, 518, 518)
    np.testing.assert_allclose(gray, 0.2, atol=1e-6)


@pytest.mark.parametrize(
    ("config", "absent", "changed", "gaussians"),
    [
        (GAGAvatarConfig(dual_lifting=False), "gs_generator_l1.", {}, 5023 + 296**2),
        (GAGAvatarConfig(refiner=False), "upsampler.", {}, 180255),
        (
            GAGAvatarConfig(global_identity=False),
            "none",
            {"gs_generator_g.feature_layers.0.weight": (256, 256)},
            180255,
        ),
        (
            GAGAvatarConfig(feature_channels=16),
            "none",
            {
                "gs_generator_g.color_layers.2.weight": (16, 128),
                "gs_generator_l0.gaussian_conv.6.weight": (25, 128, 1, 1),
                "upsampler.conv_body_first.weight": (16, 16, 1, 1),
            },
            180255,
        ),
    ],
)
def test_each_ablation_changes_its_own_part_only(config, absent, changed, gaussians):
    from gagavatar_nodes.lifting.gagavatar.checkpoint import expected_shapes

    full, ablated = expected_shapes(), expected_shapes(config)
    assert set(full) - set(ablated) == {name for name in full if name.startswith(absent)}
    assert {name: ablated[name] for name in changed} == changed
    assert config.gaussians == gaussians


def test_a_smaller_plane_without_refiner_renders_coarse_colors(state_dict, case, monkeypatch):
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(1, 256, 296, 296, generator=generator), torch.randn(1, 768, generator=generator)
    monkeypatch.setattr(Backbone, "forward", lambda self, image: features)
    config = GAGAvatarConfig(plane_size=64, dual_lifting=False, refiner=False)
    kept = {k: v for k, v in state_dict.items() if not k.startswith(("gs_generator_l1.", "upsampler."))}
    model = GAGAvatarPredictor.from_state_dict(kept, CPU, config)
    lifted = model.lift(case["image"], case["source_camera"])
    assert len(lifted) == 5023 + 64 * 64
    (frame,) = model.render(lifted, [(case["head_points"], case["target_camera"])])
    assert frame.rgb.min() >= 0
    assert frame.rgb.max() <= 1
    assert frame.rgb.std() > 0.01
