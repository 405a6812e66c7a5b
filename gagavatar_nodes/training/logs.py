"""Curves of a run: a table as CSV, and TensorBoard."""

from __future__ import annotations

import csv
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..temporary import replacement

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

_log = logging.getLogger(__name__)


class CsvLog:
    """Rows of step, name and value that are on the disk as soon as they are logged.

    What was logged after the step from which a run goes on is taken out, so that the file holds one curve. A disk
    that is full delays rows and loses none.
    """

    def __init__(self, path: Path, first_step: int) -> None:
        self._path = path
        self._waiting: list[list[str]] = []
        kept = []
        if path.is_file():
            with open(path, newline="", encoding="utf-8") as file:
                kept = [row for row in list(csv.reader(file))[1:] if len(row) == 3 and int(row[0]) <= first_step]
        with replacement(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([["step", "name", "value"], *kept])

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Values of one step; floats keep all their digits."""
        self._waiting += [[str(step), name, repr(float(value))] for name, value in values.items()]
        try:
            with open(self._path, "a", newline="", encoding="utf-8") as file:
                csv.writer(file).writerows(self._waiting)
            self._waiting = []
        except OSError as error:
            _log.warning("%s cannot be written (%s): its rows are kept and written later", self._path, error.strerror)


def read_csv_log(path: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Name of every curve -> its steps [N] and values [N]."""
    curves: dict[str, list[tuple[int, float]]] = {}
    with open(path, newline="", encoding="utf-8") as file:
        for step, name, value in list(csv.reader(file))[1:]:
            curves.setdefault(name, []).append((int(step), float(value)))
    return {name: (np.array([s for s, _ in rows]), np.array([v for _, v in rows])) for name, rows in curves.items()}


class RunLog:
    """Where a run's curves and sheets go."""

    def __init__(self, folder: Path, first_step: int) -> None:
        """Curves go on after `first_step`. Without the package tensorboard there is the CSV file alone."""
        self._folder = folder
        self._csv = CsvLog(folder / "log.csv", first_step)
        self._board: SummaryWriter | None = None
        try:
            from torch.utils.tensorboard import SummaryWriter

            self._board = SummaryWriter(str(folder / "tensorboard"), purge_step=first_step + 1)
        except ImportError:
            _log.warning("TensorBoard's curves need the package tensorboard; log.csv has them too")

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Values of one step."""
        self._csv.add(step, values)
        if self._board is None:
            return
        try:
            for name, value in values.items():
                self._board.add_scalar(name, value, step)
        except OSError as error:  # of its own thread, which is gone with it
            _log.warning("TensorBoard's file cannot be written (%s): log.csv goes on alone", error.strerror or error)
            self._board = None

    def add_sheet(self, step: int, sheet: np.ndarray) -> Path:
        """Return a picture [H, W, 3] uint8 of one step; return its file."""
        from ..media.images import write_image

        path = self._folder / "sheets" / f"{step:06d}.jpg"
        path.parent.mkdir(exist_ok=True)
        write_image(path, sheet)
        if self._board is not None:
            self._board.add_image("validation/sheet", sheet, step, dataformats="HWC")
        return path

    def close(self) -> None:
        """Write what is held back."""
        if self._board is not None:
            self._board.close()
