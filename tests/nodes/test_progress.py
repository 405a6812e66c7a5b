import threading
import time

import pytest

from gagavatar_nodes.nodes import progress


class CanceledError(Exception):
    """As ComfyUI's own."""


def test_items_come_in_order_and_errors_after_them():
    def items():
        yield 1
        yield 2
        raise ValueError("third")

    stream = progress.iterate_cancellable(items())
    assert [next(stream), next(stream)] == [1, 2]
    with pytest.raises(ValueError, match="third"):
        next(stream)


def test_a_long_step_is_abandoned_when_the_user_cancels(monkeypatch):
    release, ended = threading.Event(), threading.Event()
    real = progress.check_canceled
    main = threading.current_thread()

    def canceled():
        real()
        if threading.current_thread() is main:
            raise CanceledError

    def work():
        release.wait(60)
        try:
            progress.check_canceled()
        except progress.AbandonedError:
            ended.set()

    monkeypatch.setattr(progress, "check_canceled", canceled)
    begun = time.monotonic()
    with pytest.raises(CanceledError):
        progress.run_cancellable(work)
    assert time.monotonic() - begun < 30
    release.set()
    assert ended.wait(60)


def test_what_is_no_longer_wanted_is_closed():
    closed = threading.Event()

    def items():
        try:
            yield from range(1000)
        finally:
            closed.set()

    stream = progress.iterate_cancellable(items())
    assert next(stream) == 0
    stream.close()
    assert closed.wait(60)
