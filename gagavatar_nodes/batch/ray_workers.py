"""Actors of a Ray cluster that do tasks. One that dies, with its node or alone, is replaced on another node."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import GagavatarError
from ..packages import load_package
from .ledger import Task
from .sizing import MEGABYTES, MOST_PER_GPU
from .tasks import Workbench
from .workers import Event, Slot, Stopped, do_task, limit_threads

_REMEDY = 'pip install "gagavatar-nodes[batch]"'
_START_SECONDS = 300.0
"""For the first worker to be there."""


@dataclass
class _ActorSlot(Slot):
    actor: Any = None
    call: Any = None
    """Of the task, or, while `ready` is False, of the question whether the actor is there."""
    ready: bool = False
    task: str | None = None


class RayWorkers:
    """As many actors as the cluster bears, each with a core and, for networks, a share of a GPU.

    The actors fetch and store files by address, so that any node can go on with what another began. Tasks of one
    portrait go to actors that keep its avatar.
    """

    def __init__(self, address: str, models: set[str], count: int | None = None) -> None:
        """Connect to a cluster.

        Args:
            address: "auto" for the one that this machine belongs to, "local" for a new one on this machine, or
                `host:port` or `ray://host:port`.
            models: of the avatars, which say what an actor takes.
            count: actors; as many as fit unless given.

        Raises:
            GagavatarError: Ray is not installed, or there is no such cluster.
        """
        self._ray = load_package("ray", "--ray", "Ray", _REMEDY)
        self._connected = not self._ray.is_initialized()
        if self._connected:
            self._connect(address)
        network = "gagavatar" in models
        resources = self._ray.cluster_resources()
        self._share = 1 / MOST_PER_GPU if network and resources.get("GPU", 0) else 0.0
        memory = MEGABYTES["gagavatar" if network else "embedded"] << 20
        fitting = [resources.get("CPU", 0), resources.get("memory", float("inf")) // memory]
        if self._share:
            fitting.append(resources["GPU"] * MOST_PER_GPU)
        self._actor = self._ray.remote(_Actor)
        self._slots = [_ActorSlot(number) for number in range(count or max(1, int(min(fitting))))]
        for slot in self._slots:
            self._begin(slot)
        self._await_first()

    @property
    def count(self) -> int:
        """See `Workers`."""
        return len(self._slots)

    def idle(self) -> Sequence[Slot]:
        """See `Workers`."""
        return [slot for slot in self._slots if slot.ready and slot.task is None]

    def busy(self) -> Sequence[str]:
        """See `Workers`."""
        return [slot.task for slot in self._slots if slot.task is not None]

    def held(self) -> Sequence[str]:
        """See `Workers`."""
        return [one for slot in self._slots for one in slot.held]

    def start(self, slot: Slot, task: Task) -> None:
        """See `Workers`."""
        assert isinstance(slot, _ActorSlot)
        slot.task = task.id
        slot.call = slot.actor.do.remote(task.id, task.kind, task.spec)
        slot.hold(task.near)

    def events(self, seconds: float) -> Sequence[Event]:
        """See `Workers`."""
        calls = {slot.call: slot for slot in self._slots if slot.call is not None}
        if not calls:
            time.sleep(seconds)
            return []
        done, _ = self._ray.wait(list(calls), num_returns=len(calls), timeout=seconds / 10)
        if not done:
            done, _ = self._ray.wait(list(calls), num_returns=1, timeout=seconds)
        return [event for call in done for event in self._heard(calls[call])]

    def stop(self, task: str) -> None:
        """See `Workers`."""
        for slot in self._slots:
            if slot.task == task:
                self._begin(slot)

    def close(self) -> None:
        """See `Workers`."""
        for slot in self._slots:
            self._end(slot)
        if self._connected:
            self._ray.shutdown()

    def nodes(self) -> list[str]:
        """Return the nodes of the actors that are there."""
        ready = [slot.actor.node.remote() for slot in self._slots if slot.ready]
        return self._ray.get(ready)

    def _connect(self, address: str) -> None:
        where = None if address == "local" else address
        try:
            self._ray.init(address=where, log_to_driver=False, logging_level="ERROR", include_dashboard=False)
        except (ConnectionError, ValueError, RuntimeError) as error:
            why = " ".join(str(error).split())[:200]
            raise GagavatarError(
                f"There is no Ray cluster at '{address}' ({why}): start one with 'ray start'"
            ) from error

    def _begin(self, slot: _ActorSlot) -> None:
        """Have a fresh actor made, wherever there is room; it takes tasks once it answers."""
        self._end(slot)
        options: dict[str, Any] = {"num_cpus": 1, "scheduling_strategy": "SPREAD", "max_restarts": 0}
        if self._share:
            options["num_gpus"] = self._share
        slot.actor = self._actor.options(**options).remote("cuda" if self._share else None)
        slot.call, slot.ready = slot.actor.node.remote(), False

    def _end(self, slot: _ActorSlot) -> None:
        if slot.actor is not None:
            self._ray.kill(slot.actor, no_restart=True)
        slot.actor = slot.call = slot.task = None
        slot.ready = False
        slot.held.clear()

    def _heard(self, slot: _ActorSlot) -> list[Event]:
        try:
            answer = self._ray.get(slot.call)
        except self._ray.exceptions.RayError as error:
            task = slot.task
            why = type(error).__name__
            self._begin(slot)
            return [] if task is None else [Stopped(task, f"its worker died ({why})", hopeless=False)]
        slot.call = None
        if not slot.ready:
            slot.ready = True
            return []
        slot.task = None
        return [answer]

    def _await_first(self) -> None:
        end = time.monotonic() + _START_SECONDS
        while not any(slot.ready for slot in self._slots):
            self.events(1.0)
            if time.monotonic() > end:
                self.close()
                raise GagavatarError("No worker of the Ray cluster has started: look at its logs and free resources")


class _Actor:
    """In a process of some node."""

    def __init__(self, device: str | None) -> None:
        limit_threads(1)
        self._bench = Workbench(device)

    def node(self) -> str:
        """Return the node's id."""
        import ray

        return ray.get_runtime_context().get_node_id()

    def do(self, task: str, kind: str, spec: Mapping[str, Any]) -> Event:
        """Do a task."""
        return do_task(self._bench, task, kind, spec, lambda done, total: None)
