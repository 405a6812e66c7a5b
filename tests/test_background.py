import threading

import pytest

from gagavatar_nodes.background import Channel, Prefetch, Task, is_unwanted
from gagavatar_nodes.errors import GagavatarError


def test_a_task_gives_its_result_or_its_error():
    gate = threading.Event()
    task = Task(lambda: gate.wait(10) and "avatar", "lift")
    assert task.running
    assert not task.wait(0.01)
    gate.set()
    assert task.result() == "avatar"
    assert not task.running

    def fail():
        raise GagavatarError("no face")

    failed = Task(fail, "lift")
    failed.join()
    with pytest.raises(GagavatarError, match="no face"):
        failed.result()


def test_a_channel_keeps_the_order_and_holds_no_more_than_its_depth():
    channel, sent = Channel(2), []

    def send():
        for number in range(50):
            channel.put(number)
            sent.append(number)
        channel.end()

    task = Task(send, "send")
    received = []
    for number in channel.items():
        received.append(number)
        assert len(sent) <= len(received) + 3  # two wait, one was taken, one may be under way
    task.result()
    assert received == list(range(50))


def test_a_closed_channel_holds_nobody_up():
    channel = Channel(1)
    assert channel.put("first")
    waiting = Task(lambda: channel.put("second"), "put")
    channel.close()
    assert waiting.result() is False
    assert list(channel.items()) == []


def test_what_runs_ahead_learns_that_nobody_reads_it():
    unwanted, reading = threading.Event(), threading.Event()

    def items():
        try:
            yield is_unwanted()
            reading.wait(5)
            yield is_unwanted()
        finally:
            if is_unwanted():
                unwanted.set()

    ahead = Prefetch(items(), 1)
    assert next(iter(ahead)) is False
    ahead.abandon()
    reading.set()
    ahead.close()
    assert unwanted.is_set()
    assert not is_unwanted()


def test_waiting_for_an_item_can_be_interrupted():
    gate = threading.Event()

    def interrupt():
        raise KeyboardInterrupt

    with Prefetch((gate.wait(5) for _ in range(1)), on_wait=interrupt) as ahead:
        with pytest.raises(KeyboardInterrupt):
            next(iter(ahead))
        gate.set()
