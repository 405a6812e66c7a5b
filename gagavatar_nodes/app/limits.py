"""What the demo accepts, so that one visitor cannot keep it from the others."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import GagavatarError, MediaError

if TYPE_CHECKING:
    from .executor import Graph


_COUNTED = 8000  # samples a second that tell how long a sound is


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
    lifetime: float = 3600.0
    """Seconds after which a visitor who is gone is forgotten, results included."""
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
                values["seconds"] = values["frames"] / values.get("fps", 25)
            for name in most.keys() & values.keys():
                if values[name] > most[name]:
                    raise GagavatarError(
                        f"{node['class_type']}: '{name}' is {values[name]:g}, but can be {most[name]:g} at most here"
                    )

    def check_voice(self, path: Path) -> None:
        """Check a sound.

        Raises:
            MediaError: the sound is too large, too long, or cannot be read.
        """
        from ..media.sound import SoundReader

        seconds, reader = 0.0, SoundReader(path, rate=_COUNTED)
        for block in reader:
            seconds += block.shape[1] / _COUNTED
            if seconds > self.seconds + 0.5:
                raise MediaError(
                    f"{path.name} is longer than {self.seconds:.0f} s, the most that is driven here: cut it, or use "
                    "the command line"
                )

    def check_driver(self, path: Path) -> None:
        """Check a video.

        Raises:
            MediaError: the video is too large, too long, or cannot be read.
        """
        from ..media.video_reader import VideoReader

        with VideoReader(path) as video:
            frames, fps = video.frame_count, video.fps
        if frames is not None and frames / fps > self.seconds + 0.5:
            raise MediaError(
                f"{path.name} is {frames / fps:.0f} s long, but at most {self.seconds:.0f} s are driven here: cut it, "
                "or use the command line"
            )
