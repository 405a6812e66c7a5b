"""What the demo accepts, so that one visitor cannot keep it from the others."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..errors import GagavatarError

if TYPE_CHECKING:
    from .executor import Graph


_MEMORY_SHARE = 0.6
"""Of the machine's memory that one job may take."""


@dataclass(frozen=True)
class Limits:
    """Bounds on uploads and jobs."""

    megabytes: int = 200
    """Of an upload."""
    seconds: float = 60.0
    """Of a driving video or voice, and of a built-in motion."""
    edge: int = 1024
    """Pixels of a rendered edge."""
    waiting: int = 20
    """Jobs in the queue."""
    live: int = 4
    """Visitors whom the avatar follows at the same time."""
    lifetime: float = 3600.0
    """Seconds after which a visitor who is gone is forgotten, results included."""
    jobs: int = 1
    """That run at the same time, each in a process of its own."""
    job_seconds: float = 1800.0
    """After which a job is ended."""
    job_memory: float = field(default_factory=lambda: _MEMORY_SHARE * _all_memory())
    """Bytes of memory of a job, beyond which it is ended."""
    spare_disk: int = 500_000_000
    """Bytes of the disk that uploads leave free."""

    @property
    def visitor_bytes(self) -> int:
        """Return the bytes that one visitor may keep here, uploads and results each."""
        return 5 * self.megabytes * 1_000_000

    @property
    def all_bytes(self) -> int:
        """Return the bytes that the uploads of all visitors may take."""
        return 25 * self.megabytes * 1_000_000

    def check_graph(self, graph: Graph) -> None:
        """Check the sizes and lengths that a graph asks for.

        Raises:
            GagavatarError: a node asks for larger pictures or longer motions.
        """
        most = {"width": self.edge, "height": self.edge, "size": self.edge, "seconds": self.seconds}
        for node in graph.values():
            values = {name: value for name, value in node["inputs"].items() if isinstance(value, (int, float))}
            if "frames" in values:
                values["seconds"] = values["frames"] / (values.get("fps", 25) or 1)
            for name in most.keys() & values.keys():
                if values[name] > most[name]:
                    raise GagavatarError(
                        f"{node['class_type']}: '{name}' is {values[name]:g}, but can be {most[name]:g} at most here"
                    )


def _all_memory() -> float:
    try:
        import psutil
    except ImportError:
        return 16e9
    return float(psutil.virtual_memory().total)
