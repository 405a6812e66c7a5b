"""The perceptual networks: names and shapes as published, read out of the published file."""

from __future__ import annotations

import json

import pytest
import torch

import training_recipe as recipe
from gagavatar_nodes.errors import FileFormatError, GagavatarError
from gagavatar_nodes.training.perceptual import FacePerceptualLoss, make_perceptual
from gagavatar_recipe import DATA


@pytest.fixture(scope="module")
def module():
    return recipe.perceptual(0)


def test_names_and_shapes_are_the_published_ones():
    with torch.device("meta"):
        own = {f"percep_loss.{name}": list(t.shape) for name, t in FacePerceptualLoss().state_dict().items()}
    published = json.loads((DATA / "percep_state_dict.json").read_text())
    assert own == {name: shape for name, (shape, _) in published.items()}


def test_it_is_read_out_of_a_published_file_and_frozen(module, tmp_path):
    state = {f"percep_loss.{name}": tensor for name, tensor in module.state_dict().items()}
    torch.save({"model": {**state, "head_base": torch.zeros(1)}, "meta_cfg": {}}, tmp_path / "GAGAvatar.pt")
    loaded = make_perceptual("published", tmp_path / "GAGAvatar.pt")
    assert not any(parameter.requires_grad for parameter in loaded.parameters())
    image, target = torch.rand(2, 1, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    assert loaded(image, target).item() == module(image, target).item() > 0
    assert loaded(image, image).item() == 0


def test_the_gradient_is_that_of_differences(module):
    generator = torch.Generator().manual_seed(1)
    image, target = torch.rand(2, 1, 3, 64, 64, generator=generator)
    direction = torch.randn(1, 3, 64, 64, generator=generator).double()
    twin = FacePerceptualLoss().double()
    twin.load_state_dict({name: tensor.double() for name, tensor in module.state_dict().items()})
    image = image.double().requires_grad_()
    twin(image, target.double()).backward()
    with torch.no_grad():
        step = 1e-7 * direction
        slope = (twin(image + step, target.double()) - twin(image - step, target.double())) / 2e-7
    assert (image.grad * direction).sum().item() == pytest.approx(slope.item(), rel=1e-4)


def test_features_without_length_give_no_gradient_that_is_not_a_number(module):
    black = torch.zeros(1, 3, 64, 64, requires_grad=True)
    twin = FacePerceptualLoss()
    twin.load_state_dict({name: -tensor.abs() for name, tensor in module.state_dict().items()})
    twin(black, torch.full((1, 3, 64, 64), 0.5)).backward()
    assert black.grad.isfinite().all()


def test_without_perceptual_networks_a_file_is_refused(tmp_path):
    torch.save({"model": {"head_base": torch.zeros(1)}}, tmp_path / "GAGAvatar.pt")
    with pytest.raises(FileFormatError, match="holds no perceptual networks"):
        make_perceptual("published", tmp_path / "GAGAvatar.pt")
    torch.save({"model": {"percep_loss.net.slice1.0.weight": torch.zeros(1)}}, tmp_path / "GAGAvatar.pt")
    with pytest.raises(FileFormatError, match=r"perceptual networks lack net\.slice1\.0\.weight"):
        make_perceptual("published", tmp_path / "GAGAvatar.pt")
    with pytest.raises(FileFormatError, match="there is no such checkpoint"):
        make_perceptual("published", tmp_path / "other.pt")


def test_choices_are_named():
    with pytest.raises(GagavatarError, match="choose one of published, lpips, none"):
        make_perceptual("vgg")
    with pytest.raises(GagavatarError, match="name that file, or choose"):
        make_perceptual("published")


def test_lpips_without_alexnet_says_where_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setenv("GAGAVATAR_WEIGHTS", str(tmp_path))
    with pytest.raises(GagavatarError, match=r"place the file from .*alexnet-owt-7be5be79.pth at .*, or GAGAvatar.pt"):
        make_perceptual("lpips")


def test_going_without_is_said(caplog):
    assert make_perceptual("none") is None
    assert "without a perceptual loss" in caplog.text
