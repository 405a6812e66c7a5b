"""The progress bar of the commands."""

from __future__ import annotations

import argparse
import sys
from types import TracebackType
from typing import Any


class Bar:
    """A progress bar on stderr; silent with --quiet, --json, or where stderr is no terminal.

    A `types.Progress`, and a context manager that takes the bar away at its end.
    """

    def __init__(self, args: argparse.Namespace, title: str, unit: str = "frame", **style: Any) -> None:
        """`style`: further keywords of `tqdm`."""
        silent = getattr(args, "quiet", False) or args.json
        self._hidden = silent or not sys.stderr.isatty()
        self._style = {"desc": title, "unit": unit, "leave": False, **style}
        self._bar: Any = None

    def __enter__(self) -> Bar:
        return self

    def __call__(self, done: int, total: int | None, /, **values: str) -> None:
        """Show `done` of `total`, and `values` behind it."""
        if self._hidden:
            return
        if self._bar is None:
            from tqdm import tqdm

            self._bar = tqdm(total=total, initial=done, **self._style)
        if values:
            self._bar.set_postfix(values, refresh=False)
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        """Take the bar away, or leave it where it is if its style says so."""
        if self._bar is not None:
            self._bar.close()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
