"""The training loop, on Lightning Fabric."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import DataLoader

from ..errors import GagavatarError
from .average import WeightAverage
from .batch import TrainingBatch, collate
from .config import TrainConfig
from .devices import autocast, interruptible, make_fabric, set_tf32
from .layout import write_json
from .logs import RunLog
from .losses import Losses, compute_losses
from .model import TrainingModel
from .optimizer import build_optimizer, build_scheduler
from .run_folder import RunFolder
from .sampling import BatchStream, step_seed
from .start import build_network, build_perceptual, load_weights, open_data
from .validation import Validator

if TYPE_CHECKING:
    from lightning_fabric import Fabric

_log = logging.getLogger(__name__)
_RETRY = 50
"""Steps after which a checkpoint that could not be written is tried again."""

OnStep = Callable[[int, int, dict[str, float]], None]
"""Called by the first process with the steps done, all steps, and the latest values of the log."""


@dataclass(frozen=True)
class TrainResult:
    """What a run ended with."""

    step: int
    weights: str
    """The newest checkpoint's network."""
    seconds_per_step: float
    values: dict[str, float]
    """Of the last log and validation."""


def train(
    config: TrainConfig, out: str, accept_changes: bool = False, on_step: OnStep | None = None
) -> TrainResult | None:
    """Trains in the folder `out`; goes on from the newest checkpoint there, so that the curve is the same.

    Returns what the run ended with; None in all processes but the first.

    Raises:
        GagavatarError: something of the configuration, the data or the folder is to be mended; a loss or gradient is
            not finite; the last checkpoint cannot be written.
        KeyboardInterrupt: on Ctrl-C or SIGTERM, after a checkpoint is written.
    """
    fabric = make_fabric(config)
    fabric.launch()
    folder = RunFolder(out, config.output.keep)
    try:
        return Trainer(fabric, config, folder, accept_changes, on_step).run()
    finally:
        folder.close()


class Trainer:
    """One process of a run."""

    def __init__(
        self, fabric: Fabric, config: TrainConfig, folder: RunFolder, accept_changes: bool, on_step: OnStep | None
    ) -> None:
        self._fabric, self._config, self._folder, self._on_step = fabric, config, folder, on_step
        self._pairs, held_out, self._edition = open_data(config)
        network = build_network(config)
        if fabric.is_global_zero:
            folder.open(config, accept_changes)
        fabric.barrier()
        set_tf32(config.loop.precision == "tf32")
        self._network = network
        self._step = folder.newest() or 0
        self._optimizer = build_optimizer(network, config.optimizer)
        model = TrainingModel(network, config.loop.rasterizer)
        self._model, self._fabric_optimizer = fabric.setup(model, self._optimizer)
        self._scheduler = build_scheduler(self._optimizer, config.optimizer)
        self._average = WeightAverage(network, config.loop.ema) if config.loop.ema else None
        perceptual = build_perceptual(config)
        self._perceptual = None if perceptual is None else perceptual.to(fabric.device)
        self._validator = None if held_out is None else Validator(model, held_out, config, self._perceptual)
        if self._step:
            self._resume()
        self._values: dict[str, float] = {}
        self._save_at = 0

    def run(self) -> TrainResult | None:
        """All steps that are left."""
        config, first = self._config, self._step
        log = RunLog(self._folder.path, first) if self._fabric.is_global_zero else None
        batches = self._batches()
        self._save_at = self._next(config.output.save_every)
        start, counted = time.perf_counter(), 0
        if first == 0:
            self._validate(log)
        with interruptible() as stopped:
            while self._step < config.loop.steps:
                losses, norm = self._advance(batches)
                if counted == 0:  # the first step of a process starts workers and compiles
                    start = time.perf_counter()
                counted += 1
                self._after(losses, norm, log)
                if self._agree(stopped()):
                    self._save(last=True)
                    if log is not None:
                        log.close()
                    raise KeyboardInterrupt
        elapsed = time.perf_counter() - start
        if self._step not in self._folder.steps():
            self._save(last=True)
        if log is None:
            return None
        log.close()
        pace = elapsed / max(1, counted - 1)
        return TrainResult(self._step, str(self._folder.weights(self._step)), pace, self._values)

    def _advance(self, batches: Iterator[TrainingBatch]) -> tuple[Losses, torch.Tensor]:
        """One step of the optimizer."""
        torch.manual_seed(step_seed(self._config.data.seed, self._step, self._fabric.global_rank))
        accumulate, used = self._config.loop.accumulate, []
        for part in range(accumulate):
            batch = next(batches)
            used.append(batch)
            batch = batch.to(self._fabric.device, non_blocking=True)
            with self._fabric.no_backward_sync(self._model, enabled=part < accumulate - 1):
                with autocast(self._config.loop.precision, self._fabric.device):
                    prediction = self._model(batch)
                losses = compute_losses(prediction, batch, self._config.loss, self._perceptual)
                self._fabric.backward(losses.total / accumulate)
        limit = self._config.loop.clip or float("inf")
        norm = self._fabric.clip_gradients(
            self._model, self._fabric_optimizer, max_norm=limit, error_if_nonfinite=False
        )
        assert norm is not None  # it is None where values are clipped, and not the norm
        if not (bool(norm.isfinite()) and bool(losses.total.isfinite())):
            self._give_up(used, losses, float(norm))
        self._fabric_optimizer.step()
        self._fabric_optimizer.zero_grad()
        self._scheduler.step()
        if self._average is not None:
            self._average.update()
        self._step += 1
        return losses, norm

    def _after(self, losses: Losses, norm: torch.Tensor, log: RunLog | None) -> None:
        """Log, validate and save when it is time."""
        output, step = self._config.output, self._step
        last = step == self._config.loop.steps
        if step % output.log_every == 0 or last or step == 1:
            values = {f"train/{name}": self._mean(value) for name, value in losses.items()}
            values |= {f"train/{name}": self._mean(value) for name, value in losses.parts.items()}
            values |= {"train/gradient": float(norm), "train/rate": self._optimizer.param_groups[0]["lr"]}
            self._note(values, log)
        if step % output.validate_every == 0 or last:
            self._validate(log)
        if step >= self._save_at:
            self._save(last=last)
        if self._on_step is not None and log is not None:
            self._on_step(step, self._config.loop.steps, self._values)

    def _validate(self, log: RunLog | None) -> None:
        """By the first process; the best step so far is saved."""
        if self._validator is None:
            return
        if log is not None:
            with self._average_values():
                values, sheet = self._validator.run(self._fabric.device)
            self._note(values, log)
            try:
                log.add_sheet(self._step, sheet)
                if self._step and self._folder.propose(self._step, values["validation/psnr"]):
                    self._save_at = self._step
            except (OSError, GagavatarError) as error:
                _log.warning("step %d: %s; training goes on", self._step, error)
        self._save_at = int(self._fabric.broadcast(self._save_at))

    def _save(self, last: bool) -> None:
        """Write a checkpoint. Where that fails, training goes on and it is tried again, but for the last one."""
        problem = ""
        if self._fabric.is_global_zero:
            weights = {} if self._average is None else _copy_weights(self._network.state_dict())
            state = {
                "step": self._step,
                "optimizer": self._optimizer.state_dict(),
                "scheduler": self._scheduler.state_dict(),
                "network": weights,
                "average": None if self._average is None else self._average.state_dict(),
            }
            notes = {"flame_edition": self._edition, "step": str(self._step)}
            try:
                with self._average_values():
                    self._folder.save(self._step, self._network, state, notes)
            except (OSError, GagavatarError) as error:
                problem = f"the checkpoint of step {self._step} could not be written ({error})"
        problem = self._fabric.broadcast(problem)
        self._save_at = self._next(self._config.output.save_every)
        if not problem:
            return
        kept = self._folder.newest()
        back = f"the run goes on from step {kept}" if kept else "the run starts anew"
        if last:
            raise GagavatarError(f"{self._folder.path}: {problem}. Free some space and start again: {back}")
        self._save_at = self._step + _RETRY
        _log.warning("%s: %s. Free some space: it is tried again in %d steps, and earlier ones are kept",
                     self._folder.path, problem, _RETRY)  # fmt: skip

    def _resume(self) -> None:
        state = self._folder.load(self._step, lambda path: load_weights(self._network, path))
        if state["network"]:
            self._network.load_state_dict(state["network"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._scheduler.load_state_dict(state["scheduler"])
        if self._average is not None and state["average"] is not None:
            self._average.load_state_dict(state["average"])

    def _batches(self) -> Iterator[TrainingBatch]:
        data, fabric = self._config.data, self._fabric
        stream = BatchStream(
            len(self._pairs), self._config.loop.batch, data.seed, self._step * self._config.loop.accumulate,
            fabric.global_rank, fabric.world_size,
        )  # fmt: skip
        loader = DataLoader(
            self._pairs,
            batch_sampler=stream,
            num_workers=data.workers,
            collate_fn=collate,
            pin_memory=fabric.device.type == "cuda",
            prefetch_factor=4 if data.workers else None,
            generator=torch.Generator().manual_seed(data.seed),  # else it draws from the one that steps draw from
        )
        return iter(loader)

    def _average_values(self) -> Any:
        return nullcontext() if self._average is None else self._average.applied_weights()

    def _note(self, values: dict[str, float], log: RunLog | None) -> None:
        self._values |= values
        if log is not None:
            log.add(self._step, values)

    def _mean(self, value: torch.Tensor) -> float:
        """Over all processes."""
        return float(torch.as_tensor(self._fabric.all_reduce(value.detach(), reduce_op="mean")))

    def _agree(self, stop: bool) -> bool:
        """Whether any process was told to stop."""
        if self._fabric.world_size == 1:
            return stop
        return self._mean(torch.tensor(float(stop), device=self._fabric.device)) > 0

    def _next(self, period: int) -> int:
        return (self._step // period + 1) * period

    def _give_up(self, batches: list[TrainingBatch], losses: Losses, norm: float) -> None:
        """Write down what was learned from when numbers stopped being finite; the weights are still sound."""
        file = self._folder.path / f"nonfinite_{self._fabric.global_rank}.json"
        write_json(file, {
            "step": self._step + 1,
            "gradient_norm": str(norm),
            "losses": {name: str(float(value.detach())) for name, value in [*losses.items(), *losses.parts.items()]},
            "sources": [key for batch in batches for key in batch.source_keys],
            "targets": [key for batch in batches for key in batch.target_keys],
        })  # fmt: skip
        kept = self._folder.newest()
        back = f"checkpoint {kept} is whole" if kept else "there is no checkpoint yet"
        raise GagavatarError(
            f"Step {self._step + 1}: a loss or gradient is no finite number. The frames are in {file}; {back}. Look at "
            "them, lower optimizer.rate, set loop.clip=1.0, or take loop.precision=fp32"
        )


def _copy_weights(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Weights that stay what they are while the network has others."""
    return {name: value.detach().cpu().clone() for name, value in state.items()}
