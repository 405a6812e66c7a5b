"""Settings of what needs PyTorch or downloaded files, and the files themselves, found and chosen.

PyTorch is imported when FLAME is loaded, not with this module.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from .choices import PORTRAIT_TRACKERS
from .devices import has_torch, require_torch, resolve_device
from .errors import GagavatarError, WeightsError
from .heads.editions import BUNDLED_HEAD, EMBEDDED_HEAD
from .packages import program
from .tensor_file import header_notes
from .weights import find_weight, require_flame, require_weight
from .weights.locations import IMPORTED_FLAME, Folders, default_folder, named_folders

if TYPE_CHECKING:
    from .heads.flame import Flame

CHECKPOINT, FLAME = "GAGAvatar.pt", "FLAME_with_eye.pt"
CONVERTED = ("GAGAvatar.safetensors", "GAGAvatar.fp32.safetensors", "GAGAvatar.fp16.safetensors")
"""Names of the checkpoint's one-file form, which serves where `GAGAvatar.pt` is not kept."""


@dataclass(frozen=True)
class Settings:
    """Where the published files are, and how networks run. Made once, and passed on whole."""

    weights: Folders = None
    """Folders to look in first. A file among them is the checkpoint, and its folder is looked in."""
    flame: str | os.PathLike[str] | None = None
    """The FLAME file. "embedded": the bundled head in FLAME's layout, which is also what a checkpoint gets that was
    trained with it. By default the file is looked for in the folders."""
    device: str = "auto"
    """Where networks run, see `devices.resolve_device`."""
    precision: str = "auto"
    """Of GAGAvatar's renderer: one of `choices.PRECISIONS`; "auto" suits the device."""
    batch: int = 0
    """Frames at a time; 0 suits the device."""
    refiner: str = "torch"
    """What runs GAGAvatar's renderer: one of `choices.REFINERS`."""
    portrait_tracker: str = "landmarks"
    """What fits FLAME to portraits: one of `choices.PORTRAIT_TRACKERS`."""

    def __post_init__(self) -> None:
        if self.portrait_tracker not in PORTRAIT_TRACKERS:
            names = " or ".join(PORTRAIT_TRACKERS)
            raise GagavatarError(f"Portraits are fitted by {names}, not by '{self.portrait_tracker}'")

    @property
    def folders(self) -> list[Path]:
        """The folders to look in first."""
        return [one.parent if one.is_file() else one for one in named_folders(self.weights)]

    def find_checkpoint(self) -> Path | None:
        """Return the checkpoint in either form, unread."""
        named = next((one for one in named_folders(self.weights) if one.is_file()), None)
        if named is not None:
            return named
        converted = (one / name for one in (*self.folders, default_folder()) for name in CONVERTED)
        return find_weight(CHECKPOINT, self.folders) or next((path for path in converted if path.is_file()), None)

    def require_checkpoint(self) -> Path:
        """Return the checkpoint, verified. Raises WeightsError where it is missing, truncated or changed."""
        found = self.find_checkpoint()
        if found is not None and found.name != CHECKPOINT:
            return found
        return require_weight(CHECKPOINT, self.folders)

    def find_flame(self) -> Path | None:
        """Return the FLAME file, unread."""
        if (named := self._named_flame()) is not None:
            return named if named.is_file() else None
        imported = (one / IMPORTED_FLAME for one in (*self.folders, default_folder()))
        return next((path for path in imported if path.is_file()), None) or find_weight(FLAME, self.folders)

    def require_flame(self) -> Path:
        """Return the FLAME file. Raises WeightsError where it is missing, truncated or changed."""
        if (named := self._named_flame()) is None:
            return require_flame(self.folders)
        if not named.is_file():
            raise WeightsError(f"{self.flame} does not exist: name a FLAME file, or leave it out to use the usual one")
        return named

    def _named_flame(self) -> Path | None:
        """Return the file that `flame` means, or that the checkpoint needs; None where any will do."""
        edition = self.flame if self.flame is not None else self._head_edition()
        if edition == EMBEDDED_HEAD:
            return BUNDLED_HEAD
        return None if self.flame is None else Path(self.flame)

    def _head_edition(self) -> str | None:
        """Edition of the head model that the checkpoint names: own ones do."""
        checkpoint = self.find_checkpoint()
        if checkpoint is None or checkpoint.suffix != ".safetensors":
            return None
        return header_notes(checkpoint).get("flame_edition")


class SettingsKeywords(TypedDict, total=False):
    """The same as keywords, for functions that take them beside a `Settings`."""

    weights: Folders
    flame: str | os.PathLike[str] | None
    device: str
    precision: str
    batch: int
    refiner: str
    portrait_tracker: str


def merge_settings(settings: Settings | None, keywords: SettingsKeywords) -> Settings:
    """Return `settings`, or those that hold where nothing is said, with what keywords say otherwise."""
    return replace(settings or Settings(), **keywords)


def availability(settings: Settings) -> tuple[bool, str]:
    """Whether the published model can be used, and why, without reading its files."""
    if not has_torch():
        return False, 'PyTorch is not installed (pip install "gagavatar-nodes[gagavatar]")'
    found = {CHECKPOINT: settings.find_checkpoint(), FLAME: settings.find_flame()}
    missing = [name for name, path in found.items() if path is None]
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        return False, f"{' and '.join(missing)} of GAGAvatar {verb} not here, see '{program()} weights status'"
    return True, " and ".join(path.name for path in found.values() if path) + " are here"


def load_flame_model(settings: Settings) -> Flame:
    """Return the FLAME file of `settings` on their device.

    Raises:
        WeightsError: it is missing, truncated or changed.
        FileFormatError: it is no FLAME file.
        GagavatarError: there is no PyTorch, or no such device.
    """
    require_torch()
    path = settings.require_flame()
    from .face.embedded_flame import load_head
    from .heads.flame import Flame

    return Flame(load_head(path)).to(resolve_device(settings.device))
