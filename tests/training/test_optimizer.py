"""Groups, rates and schedule as published."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gagavatar_nodes.errors import GagavatarError
from gagavatar_nodes.lifting.gagavatar.config import PRESETS
from gagavatar_nodes.lifting.gagavatar.model import GAGAvatarNetwork
from gagavatar_nodes.training.optimizer import OptimizerConfig, build_optimizer, build_scheduler, freeze
from parity_recipe import DATA


def network(name: str = "full") -> GAGAvatarNetwork:
    with torch.device("meta"):
        return GAGAvatarNetwork(PRESETS[name])


@pytest.fixture(scope="module")
def truth():
    with np.load(DATA / "train1.npz") as file:
        return dict(file)


def test_groups_are_the_published_ones(truth):
    full = network()
    freeze(full)
    optimizer = build_optimizer(full)
    groups = [group["params"] for group in optimizer.param_groups]
    assert [len(group) for group in groups] == truth["group_sizes"].tolist()
    assert [sum(parameter.numel() for parameter in group) for group in groups] == truth["group_elements"].tolist()
    assert [group["lr"] for group in optimizer.param_groups] == truth["lr1"].tolist()
    assert {tuple(group["betas"]) for group in optimizer.param_groups} == {(0.0, 0.99)}


def test_the_rate_falls_as_published(truth):
    optimizer = torch.optim.Adam(
        [{"params": [torch.zeros(1, requires_grad=True)], "lr": rate} for rate in truth["lr_table"][0]]
    )
    scheduler = build_scheduler(optimizer)
    table = dict(zip(truth["lr_steps"].tolist(), truth["lr_table"].tolist(), strict=True))
    for step in range(max(table) + 1):
        if step in table:
            assert [group["lr"] for group in optimizer.param_groups] == pytest.approx(table[step], rel=1e-9)
        optimizer._opt_called = True
        scheduler.step()


def test_a_network_without_style_layers_has_no_group_of_them():
    names = [group["name"] for group in build_optimizer(network("tiny_without_refiner")).param_groups]
    assert names == ["normal", "gaussians"]


def test_rates_follow_the_config():
    optimizer = build_optimizer(network("tiny"), OptimizerConfig(rate=1e-3, slow_factor=0.5, gaussian_factor=3))
    assert {g["name"]: g["lr"] for g in optimizer.param_groups} == pytest.approx(
        {"normal": 1e-3, "slow": 5e-4, "gaussians": 3e-3}
    )


def test_frozen_parts_are_left_out_of_the_groups():
    tiny = network("tiny")
    freeze(tiny, ["upsampler", "gs_generator_l0.gaussian_conv.6", "head_base"])
    frozen = {name for name, parameter in tiny.named_parameters() if not parameter.requires_grad}
    assert "head_base" in frozen
    assert {name.split(".")[0] for name in frozen} == {"upsampler", "gs_generator_l0", "head_base"}
    assert "gs_generator_l0.gaussian_conv.4.weight" not in frozen
    trained = [parameter for group in build_optimizer(tiny).param_groups for parameter in group["params"]]
    assert len(trained) + len(frozen) == len(list(tiny.parameters()))


def test_an_unknown_part_is_named_with_the_nearest():
    with pytest.raises(GagavatarError, match="no part 'upsample'; did you mean 'upsampler'"):
        freeze(network("tiny"), ["upsample"])


def test_freezing_everything_is_refused():
    tiny = network("tiny")
    tiny.requires_grad_(False)
    with pytest.raises(GagavatarError, match="nothing is left to train"):
        build_optimizer(tiny)
