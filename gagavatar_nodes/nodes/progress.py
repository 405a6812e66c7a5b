"""Progress with a live preview, and canceling: within a second, whatever the thread at work is doing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import numpy as np

from ..background import Prefetch, is_unwanted
from . import host

T = TypeVar("T")

_PREVIEW_SECONDS = 0.2
"""Between previews, which cost an encoding and a message each."""
_PREVIEW_EDGE = 512
_AHEAD = 2


class AbandonedError(Exception):
    """Ends the work of a thread for which nobody waits any more."""


def check_canceled() -> None:
    """Raise ComfyUI's own exception when the user has canceled the prompt."""
    if is_unwanted():
        raise AbandonedError
    program = host.current.get()
    if program is not None:
        program.check_canceled()
    management = host.module("comfy.model_management")
    if management is not None:
        management.throw_exception_if_processing_interrupted()


class NodeProgress:
    """The bar on the node that runs. Every call also looks whether the user has canceled."""

    def __init__(self, total: int | None) -> None:
        self._total = total
        utils = host.module("comfy.utils")
        self._bar = None if utils is None else utils.ProgressBar(total or 1)
        self._shown = 0.0

    def __call__(self, done: int, total: int | None = None, picture: np.ndarray | None = None) -> None:
        """`done` of `total` (None: as said before), with a picture [H, W, 3 or 4] uint8 as preview, now and then."""
        check_canceled()
        self._total = total or self._total
        program = host.current.get()
        if program is not None:
            program.show(done, self._total, picture)
        if self._bar is None:
            return
        self._bar.update_absolute(done, self._total or done + 1, self._preview(picture))

    def _preview(self, picture: np.ndarray | None) -> tuple[str, Any, int] | None:
        now = time.monotonic()
        if picture is None or now - self._shown < _PREVIEW_SECONDS:
            return None
        from PIL import Image

        self._shown = now
        return "JPEG", Image.fromarray(picture).convert("RGB"), _PREVIEW_EDGE


def iterate_cancellable(items: Iterable[T]) -> Iterator[T]:
    """Compute the items in a thread of its own and give them on, so that waiting for a long one can be canceled.

    A canceled thread ends after the item at which it is, or where it looks whether it is canceled. It is outside of
    the inference mode in which ComfyUI calls nodes. Items must not be written over by their successors.
    """
    ahead = Prefetch(items, _AHEAD, "gagavatar-node", check_canceled)
    try:
        yield from ahead
    finally:
        ahead.abandon()


def run_cancellable(work: Callable[[], T]) -> T:
    """Return the result of one long step, which is abandoned when the user cancels."""
    return next(iterate_cancellable(work() for _ in range(1)))
