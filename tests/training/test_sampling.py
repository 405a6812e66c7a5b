"""The order of training frames, and the moving average."""

from __future__ import annotations

from itertools import islice

import pytest
import torch

from gagavatar_nodes.training.average import WeightAverage
from gagavatar_nodes.training.sampling import BatchStream, step_seed


def taken(count, **options):
    return list(islice(BatchStream(7, 3, seed=5, **options), count))


def test_each_epoch_has_every_frame_once_in_another_order():
    flat = [pair for batch in taken(7) for pair in batch]
    orders = [[index for index, epoch in flat if epoch == e] for e in range(3)]
    assert all(sorted(order) == list(range(7)) for order in orders)
    assert orders[0] != orders[1]


def test_a_stream_goes_on_where_it_was_left():
    assert taken(4, first=3) == taken(7)[3:]


def test_processes_share_out_each_batch():
    whole = list(islice(BatchStream(7, 6, seed=5), 5))
    first, second = taken(5, rank=0, world=2), taken(5, rank=1, world=2)
    assert [a + b for a, b in zip(first, second, strict=True)] == whole


def test_seeds_differ_by_step_and_process():
    seeds = {step_seed(42, step, rank) for step in range(50) for rank in range(4)}
    assert len(seeds) == 200
    assert step_seed(42, 7, 1) == step_seed(42, 7, 1)


def test_average_follows_its_equation_and_gives_the_weights_back():
    layer = torch.nn.Linear(1, 1, bias=False)
    layer.weight.data.fill_(0.0)
    average = WeightAverage(layer, 0.5)
    expected, decays = 0.0, (0.1, 2 / 11, 3 / 12)
    for step, decay in enumerate(decays, 1):
        layer.weight.data.fill_(float(step))
        average.update()
        expected = decay * expected + (1 - decay) * step
    with average.applied_weights():
        assert layer.weight.item() == pytest.approx(expected, rel=1e-6)
    assert layer.weight.item() == 3.0
