"""How videos are prepared."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ...errors import GagavatarError
from ...heads.editions import EMBEDDED_HEAD
from ...settings import Settings
from ...tracking.matting import METHODS

CROP_SIZE = 512
"""Edge of the crops in pixels."""
HELD_OUT = ("auto", "clips", "frames")


@dataclass(frozen=True)
class PrepareSettings:
    """Choices of `gagavatar prepare`. Videos prepared in another way are prepared again."""

    tracker: str = "auto"
    """One of `trackers.TRACKERS`; "auto" is "landmarks". "embedded" gives no codes, which training needs."""
    flame: str | None = None
    """FLAME file; None to look for one and else to take the bundled head, as "embedded" does always."""
    weights: str | None = None
    """Folder of the published files."""
    device: str = "auto"
    """Where the published tracker runs."""
    matting: str = "auto"
    """One of `matting.METHODS`."""
    smoothing: float = 0.1
    """Of landmarks, 0 (raw) to 1."""
    smallest: int = 256
    """Edge in pixels of the picture's part that becomes a crop, at least."""
    fewest: int = 16
    """Good frames of a clip, at least."""
    longest: int = 1500
    """Frames after which a clip is closed and the next one begins."""

    def __post_init__(self) -> None:
        if self.matting not in METHODS:
            raise GagavatarError(f"There is no matting '{self.matting}': choose one of {', '.join(METHODS)}")
        if self.fewest < 2:
            raise GagavatarError(f"A clip needs 2 frames, a source and a target, but the least is set to {self.fewest}")

    @property
    def published(self) -> Settings:
        """Where the published files are."""
        settings = Settings(weights=self.weights, flame=self.flame, device=self.device)
        if self.flame is None and settings.find_flame() is None and self.tracker != "emica":
            return replace(settings, flame=EMBEDDED_HEAD)
        return settings

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as reports keep them."""
        return asdict(self)


def clip_prefix(path: str | os.PathLike[str]) -> str:
    """Return the part of clips' names that stands for the video: its stem, in letters that every file system takes."""
    stem = "".join(c if c.isalnum() or c in ".-" else "-" for c in Path(path).stem).strip("-.")
    return stem[:80] or "video"
