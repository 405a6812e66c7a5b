"""The network's variants: the paper's ablations and small sizes, trained, saved and used like the published one."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gagavatar_nodes.errors import FileFormatError
from gagavatar_nodes.lifting.gagavatar import GAGAvatarPredictor, RenderOptions
from gagavatar_nodes.lifting.gagavatar.checkpoint import load_checkpoint, load_config, save_network
from gagavatar_nodes.lifting.gagavatar.config import PRESETS, TINY, GAGAvatarConfig
from gagavatar_nodes.lifting.gagavatar.model import GAGAvatarNetwork
from gagavatar_nodes.lifting.gagavatar.portrait_gaussians import PortraitGaussians
from gagavatar_nodes.training.batch import TrainingBatch, collate
from gagavatar_nodes.training.initialize import initialize
from gagavatar_nodes.training.losses import LossWeights, compute_losses
from gagavatar_nodes.training.model import TrainingModel
from gagavatar_nodes.training.optimizer import build_optimizer
from gagavatar_nodes.types import Camera

TINY_PRESETS = [name for name in PRESETS if name.startswith("tiny")]
NEVER_USED = ("upsampler.toRGB.", "base_model.refinenet.0.resConfUnit1.", "base_model.dino_model.mask_token")


def network(name: str = "tiny") -> GAGAvatarNetwork:
    torch.manual_seed(0)
    result = GAGAvatarNetwork(PRESETS[name])
    initialize(result)
    return result


def batch(config: GAGAvatarConfig, samples: int = 1) -> TrainingBatch:
    """Random pictures of heads in the middle."""
    generator = torch.Generator().manual_seed(1)
    camera = torch.from_numpy(Camera.frontal(9.3).transform)[None]

    def sample(number: int) -> TrainingBatch:
        points = torch.randn(1, 5023, 3, generator=generator)
        points = points / points.norm(dim=-1, keepdim=True) * torch.tensor([0.45, 0.62, 0.5])
        image = torch.rand(1, 3, config.image_size, config.image_size, generator=generator)
        target = torch.rand(1, 3, config.render_size, config.render_size, generator=generator)
        box = torch.tensor([[0.2, 0.2, 0.8, 0.8]])
        return TrainingBatch(image, camera, target, camera, points, box, (f"s_{number}",), (f"t_{number}",))

    return collate([sample(number) for number in range(samples)])


@pytest.mark.parametrize("name", TINY_PRESETS)
def test_the_loss_of_every_variant_reaches_all_of_its_weights(name):
    trained = network(name)
    data = batch(trained.config)
    prediction = TrainingModel(trained)(data)
    compute_losses(prediction, data).total.backward()
    without = [key for key, parameter in trained.named_parameters() if parameter.grad is None]
    assert [key for key in without if not key.startswith(NEVER_USED)] == []
    planes = 2 if trained.config.dual_lifting else 1
    assert prediction.lifted_points.shape == (1, planes * TINY.plane_size**2, 3)
    assert (prediction.fine is None) == (not trained.config.refiner)


def test_variants_differ_from_the_published_network_by_their_row_alone():
    def shapes(name: str) -> dict[str, tuple[int, ...]]:
        with torch.device("meta"):
            return {key: tuple(t.shape) for key, t in GAGAvatarNetwork(PRESETS[name]).state_dict().items()}

    full = shapes("full")
    assert full == shapes("full") | shapes("one_plane") | shapes("without_refiner")
    assert {key.split(".")[0] for key in full.keys() - shapes("one_plane").keys()} == {"gs_generator_l1"}
    assert {key.split(".")[0] for key in full.keys() - shapes("without_refiner").keys()} == {"upsampler"}
    other = shapes("without_identity")
    assert {key: (full[key], other[key]) for key in full if full[key] != other[key]} == {
        "gs_generator_g.feature_layers.0.weight": ((256, 1024), (256, 256))
    }


def test_a_few_steps_lower_the_loss_of_their_batch():
    trained = network()
    data, model = batch(TINY), TrainingModel(trained)
    optimizer = build_optimizer(trained)
    totals = []
    for _ in range(6):
        optimizer.zero_grad()
        losses = compute_losses(model(data), data, LossWeights())
        losses.total.backward()
        optimizer.step()
        totals.append(losses.total.item())
    assert totals[-1] < 0.95 * totals[0]


def test_fresh_noise_changes_the_picture_and_stored_noise_does_not():
    trained, data = network(), batch(TINY)
    with torch.no_grad():
        for parameter in (p for name, p in trained.named_parameters() if "style_conv" in name and p.numel() == 1):
            parameter.fill_(0.3)
        fresh, stored = TrainingModel(trained), TrainingModel(trained, noise="stored")
        assert not torch.equal(fresh(data).fine, fresh(data).fine)
        torch.testing.assert_close(stored(data).fine, stored(data).fine)


def test_mixed_precision_rounds_neither_cameras_nor_points():
    trained, data = network(), batch(TINY)
    model = TrainingModel(trained, noise="stored")
    exact = model(data)
    with torch.autocast("cpu", torch.bfloat16):
        rounded = model(data)
    losses = compute_losses(rounded, data)
    losses.total.backward()
    assert losses.total.item() == pytest.approx(compute_losses(exact, data).total.item(), rel=2e-2)
    assert rounded.features.dtype == rounded.lifted_points.dtype == losses.total.dtype == torch.float32
    assert all(p.grad.isfinite().all() for p in trained.parameters() if p.grad is not None)
    # Planes keep their place; along their axis alone offsets are rounded, to a two hundred and fifty-sixth of them.
    moved = (rounded.lifted_points - exact.lifted_points)[..., :2]
    assert moved.abs().max() < 1e-5


def test_a_saved_variant_is_used_like_the_published_checkpoint(tmp_path):
    trained, data = network(), batch(TINY)
    save_network(trained, tmp_path / "mine.safetensors", {"step": "12"})
    assert load_config(tmp_path / "mine.safetensors") == TINY
    predictor = GAGAvatarPredictor.load(tmp_path / "mine.safetensors", RenderOptions(device="cpu", precision="fp32"))
    lifted = predictor.lift(data.source_image[0].numpy(), data.source_camera[0].numpy())
    lifted.save(tmp_path / "lifted.safetensors")
    lifted = PortraitGaussians.load(tmp_path / "lifted.safetensors")
    assert lifted.config == TINY
    frame = next(predictor.render(lifted, [(data.target_points[0], data.target_camera[0])]))
    with torch.no_grad():
        wanted = TrainingModel(trained, noise="stored")(data).fine[0]
    assert frame.rgb.shape == (3, TINY.render_size, TINY.render_size)
    np.testing.assert_allclose(frame.rgb, wanted.numpy(), atol=2e-3)


def test_a_file_without_a_config_is_of_the_published_network(tmp_path):
    from safetensors.torch import save_file

    save_file(dict(network().state_dict()), tmp_path / "bare.safetensors")
    assert load_config(tmp_path / "bare.safetensors") == GAGAvatarConfig()
    with pytest.raises(FileFormatError, match="is not a GAGAvatar checkpoint"):
        load_checkpoint(tmp_path / "bare.safetensors")


def test_a_file_of_an_impossible_network_says_so(tmp_path):
    from safetensors.torch import save_file

    save_file({"x": torch.zeros(1)}, tmp_path / "odd.safetensors", {"config": '{"image_size": 100}'})
    with pytest.raises(FileFormatError, match="a network that cannot be"):
        load_config(tmp_path / "odd.safetensors")


@pytest.mark.parametrize(
    "sizes",
    [{"image_size": 100}, {"render_size": 96}, {"backbone_depth": 2}, {"backbone_width": 100}, {"plane_size": 4}],
)
def test_sizes_that_cannot_be_are_refused(sizes):
    with pytest.raises(ValueError, match=r"Got|cannot share"):
        GAGAvatarConfig(**sizes)
