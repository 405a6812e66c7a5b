"""The order in which frames are learned from."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from torch.utils.data import Sampler


class BatchStream(Sampler[list[tuple[int, int]]]):
    """Endless batches of (index, epoch), shuffled anew in each epoch: a function of the seed and the step alone.

    Processes that train together share out each batch of all. A batch may reach into the next epoch, so that all are
    of one size; the published loader ends each epoch with a smaller one.

    Args:
        length: of the data set.
        batch: pairs of one process at a time.
        seed: of the shuffling.
        first: number of batches that were done before.
        rank: number of this process.
        world: processes.
    """

    def __init__(self, length: int, batch: int, seed: int, first: int = 0, rank: int = 0, world: int = 1) -> None:
        self._length, self._batch, self._seed, self._first = length, batch, seed, first
        self._rank, self._world = rank, world

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        position = (self._first * self._world + self._rank) * self._batch
        epoch, order = -1, np.empty(0, np.int64)
        while True:
            chosen = []
            for place in range(position, position + self._batch):
                if place // self._length != epoch:
                    epoch = place // self._length
                    order = np.random.default_rng([self._seed, epoch]).permutation(self._length)
                chosen.append((int(order[place % self._length]), epoch))
            yield chosen
            position += self._world * self._batch


def step_seed(seed: int, step: int, rank: int) -> int:
    """Seed of everything that is drawn in one step by one process, such as the neural renderer's noise."""
    return int(np.random.SeedSequence([seed, step, rank]).generate_state(1, np.uint64)[0] >> 1)
