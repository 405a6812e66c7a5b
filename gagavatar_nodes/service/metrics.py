"""Numbers for Prometheus."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from ..batch.ledger import Ledger
from .schemas import STATES

_SECONDS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300)


class Metrics:
    """What this service counts."""

    def __init__(self, ledger: Ledger, workers: int) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter("gagavatar_requests", "Answers", ["method", "route", "status"], registry=self.registry)
        self._request_seconds = Histogram(
            "gagavatar_request_seconds", "Until the end of the answer", ["route"], registry=self.registry,
            buckets=_SECONDS,
        )  # fmt: skip
        self._tasks = Counter("gagavatar_task_attempts", "Ended attempts", ["kind", "outcome"], registry=self.registry)
        self._task_seconds = Histogram(
            "gagavatar_task_seconds", "Of tasks that are done", ["kind"], registry=self.registry, buckets=_SECONDS
        )
        self.live = Gauge("gagavatar_live_connections", "Open", registry=self.registry)
        self.live_frames = Counter("gagavatar_live_frames", "Drawn", registry=self.registry)
        Gauge("gagavatar_workers", "Tasks at a time", registry=self.registry).set(workers)
        self.registry.register(_Tasks(ledger))

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answer."""
        self._requests.labels(method, route, str(status)).inc()
        self._request_seconds.labels(route).observe(seconds)

    def task(self, kind: str, outcome: str, seconds: float) -> None:
        """Count an attempt."""
        self._tasks.labels(kind, outcome).inc()
        if outcome == "done":
            self._task_seconds.labels(kind).observe(seconds)

    def text(self) -> bytes:
        """Return all in Prometheus' format."""
        return generate_latest(self.registry)


class _Tasks(Collector):
    """How many tasks there are, asked of the ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def collect(self) -> Iterator[GaugeMetricFamily]:
        family = GaugeMetricFamily("gagavatar_tasks", "In the ledger", labels=["kind", "state"])
        for kind, states in self._ledger.counts().items():
            for state, count in states.items():
                family.add_metric([kind, STATES.get(state, state)], count)
        yield family
