"""The folder of a training run: its configuration, checkpoints that are whole or not there, and the newest of them.

RUN/config.json                     the configuration that the run was started with
RUN/checkpoints/step_000500/        made under another name and renamed when it is whole
    <run>_000500.safetensors        the network, as `gagavatar animate --weights` takes it
    resume.pt                       everything else that the next step depends on
RUN/log.csv, RUN/tensorboard/       curves
RUN/sheets/000500.jpg               validation pictures
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout

from ..errors import FileFormatError, GagavatarError
from ..lifting.gagavatar.checkpoint import save_network
from ..lifting.gagavatar.model import GAGAvatarNetwork
from ..temporary import replacement
from .config import TrainConfig
from .config_files import differences
from .layout import read_json, write_json

_RESUME = "resume.pt"
_STEP = re.compile(r"step_(\d+)")
_BEST = "best.json"


class RunFolder:
    """Files of one run."""

    def __init__(self, path: str | os.PathLike[str], keep: int = 3) -> None:
        self.path, self._keep = Path(path), keep
        self.name = self.path.resolve().name
        self._checkpoints = self.path / "checkpoints"
        self._lock = FileLock(self.path / ".lock")

    def open(self, config: TrainConfig, accept_changes: bool = False) -> None:
        """Make the folder, or find out whether the run in it can go on with this configuration.

        Raises:
            GagavatarError: the folder cannot be made, or the run was started with another configuration: the line
                says what differs.
        """
        file = self.path / "config.json"
        try:
            self._checkpoints.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(timeout=0)
        except Timeout:
            raise GagavatarError(
                f"Another process trains in {self.path}: wait for it, or choose another --out"
            ) from None
        except OSError as error:
            raise GagavatarError(f"{self.path} cannot be made ({error.strerror}): choose another --out") from error
        for left in self._checkpoints.glob(".*"):
            shutil.rmtree(left, ignore_errors=True)
        if file.is_file() and self.newest() is not None and not accept_changes:
            changed = differences(read_json(file), config.to_dict())
            if changed:
                raise GagavatarError(
                    f"{self.path} holds a run with another configuration: {'; '.join(changed)}. Choose another --out, "
                    "or go on with the new values by --accept-changes"
                )
        write_json(file, config.to_dict())

    def close(self) -> None:
        """Let another process train in the folder."""
        self._lock.release()

    def steps(self) -> list[int]:
        """Steps of all checkpoints, in order."""
        found = (_STEP.fullmatch(folder.name) for folder in self._checkpoints.glob("step_*"))
        return sorted(int(match[1]) for match in found if match)

    def newest(self) -> int | None:
        """Step of the newest checkpoint."""
        return max(self.steps(), default=None)

    def weights(self, step: int) -> Path:
        """Return the network's file of a checkpoint."""
        return self._folder(step) / f"{self.name}_{step:06d}.safetensors"

    def save(self, step: int, network: GAGAvatarNetwork, state: Mapping[str, Any], notes: Mapping[str, str]) -> None:
        """Write a checkpoint, then remove those that are too many. The best one stays.

        Raises:
            OSError: it cannot be written; nothing is left of it, and everything else is as it was.
        """
        target = self._folder(step)
        with replacement(target) as temporary:
            temporary.mkdir()
            save_network(network, temporary / self.weights(step).name, notes)
            _save(dict(state), temporary / _RESUME)
            shutil.rmtree(target, ignore_errors=True)  # of an earlier run to the same step
        spared = {*self.steps()[-self._keep :], self.best()[0]}
        for old in self.steps():
            if old not in spared:
                shutil.rmtree(self._folder(old), ignore_errors=True)

    def load(self, step: int, load_weights: Callable[[Path], None]) -> dict[str, Any]:
        """State of a checkpoint, after `load_weights` has read its network.

        Raises:
            FileFormatError: it is damaged.
        """
        path = self._folder(step) / _RESUME
        load_weights(self.weights(step))
        try:
            return torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:  # torch raises many kinds for damaged files
            raise FileFormatError(
                f"{path} is damaged: remove the folder {self._folder(step)}, and the run goes on from the one before"
            ) from error

    def best(self) -> tuple[int | None, float]:
        """Step and PSNR of the best checkpoint."""
        file = self.path / _BEST
        if not file.is_file():
            return None, float("-inf")
        values = read_json(file)
        return int(values["step"]), float(values["psnr"])

    def propose(self, step: int, psnr: float) -> bool:
        """Whether the step is the best so far; it then is written down. Ties count as better, as published."""
        if psnr < self.best()[1]:
            return False
        write_json(self.path / _BEST, {"step": step, "psnr": psnr})
        return True

    def _folder(self, step: int) -> Path:
        return self._checkpoints / f"step_{step:06d}"


def _save(state: dict[str, Any], path: Path) -> None:
    """By Python's own file, whose errors say that the disk is full."""
    try:
        with open(path, "wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
    except RuntimeError as error:
        raise OSError(f"writing failed: {error}") from error
