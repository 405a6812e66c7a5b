"""The published model as users have it: its files, found and chosen; the network and FLAME, loaded when first needed.

PyTorch is imported when the model is used, not with this module.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from ...errors import FileFormatError, GagavatarError, WeightsError
from ...heads.editions import BUNDLED_HEAD, EMBEDDED_HEAD
from ...tensor_file import header_notes
from ...weights import find_weight, require_flame, require_weight
from ...weights.locations import IMPORTED_FLAME, Folders, default_folder, named_folders
from .options import RenderOptions

if TYPE_CHECKING:
    from ...face.arkit_flame import ArkitFlame
    from ...heads.flame import Flame
    from ...tracking.emica.tracker import EmicaTracker
    from ...tracking.landmarks import PortraitView
    from ...types import Portrait
    from .predictor import GAGAvatarPredictor

CHECKPOINT, FLAME = "GAGAvatar.pt", "FLAME_with_eye.pt"
PORTRAIT_TRACKERS = ("landmarks", "emica")
"""What fits FLAME to portraits: the bundled tracker's landmarks, or the published tracker, for exact agreement."""
CONVERTED = ("GAGAvatar.safetensors", "GAGAvatar.fp32.safetensors", "GAGAvatar.fp16.safetensors")
"""Names of the checkpoint's one-file form, which serves where `GAGAvatar.pt` is not kept."""


@dataclass(frozen=True)
class PublishedSettings:
    """Where the published files are, and how the network runs."""

    weights: Folders = None
    """Folders to look in first. A file among them is the checkpoint, and its folder is looked in."""
    flame: str | os.PathLike[str] | None = None
    """The FLAME file. "embedded": the bundled head in FLAME's layout, which is also what a checkpoint gets that was
    trained with it. By default the file is looked for in the folders."""
    device: str = "auto"
    """See `RenderOptions.device`."""
    precision: str = "auto"
    """See `RenderOptions.precision`."""
    batch: int = 0
    """Frames at a time; 0 suits the device."""
    refiner: str = "torch"
    """See `RenderOptions.refiner`."""
    portrait_tracker: str = "landmarks"
    """One of `PORTRAIT_TRACKERS`."""

    def __post_init__(self) -> None:
        if self.portrait_tracker not in PORTRAIT_TRACKERS:
            names = " or ".join(PORTRAIT_TRACKERS)
            raise GagavatarError(f"Portraits are fitted by {names}, not by '{self.portrait_tracker}'")

    @property
    def options(self) -> RenderOptions:
        """The same for the network."""
        return RenderOptions(self.device, self.precision, self.batch, refiner=self.refiner)

    @property
    def folders(self) -> list[Path]:
        """The folders to look in first."""
        return [one.parent if one.is_file() else one for one in named_folders(self.weights)]

    def find_checkpoint(self) -> Path | None:
        """The checkpoint in either form, unread."""
        named = next((one for one in named_folders(self.weights) if one.is_file()), None)
        if named is not None:
            return named
        converted = (one / name for one in (*self.folders, default_folder()) for name in CONVERTED)
        return find_weight(CHECKPOINT, self.folders) or next((path for path in converted if path.is_file()), None)

    def require_checkpoint(self) -> Path:
        """The checkpoint, verified. Raises WeightsError where it is missing, truncated or changed."""
        found = self.find_checkpoint()
        if found is not None and found.name != CHECKPOINT:
            return found
        return require_weight(CHECKPOINT, self.folders)

    def find_flame(self) -> Path | None:
        """The FLAME file, unread."""
        if (named := self._named_flame()) is not None:
            return named if named.is_file() else None
        imported = (one / IMPORTED_FLAME for one in (*self.folders, default_folder()))
        return next((path for path in imported if path.is_file()), None) or find_weight(FLAME, self.folders)

    def require_flame(self) -> Path:
        """The FLAME file. Raises WeightsError where it is missing, truncated or changed."""
        if (named := self._named_flame()) is None:
            return require_flame(self.folders)
        if not named.is_file():
            raise WeightsError(f"{self.flame} does not exist: name a FLAME file, or leave it out to use the usual one")
        return named

    def _named_flame(self) -> Path | None:
        """The file that `flame` means, or that the checkpoint needs; None where any will do."""
        edition = self.flame if self.flame is not None else self._trained_with()
        if edition == EMBEDDED_HEAD:
            return BUNDLED_HEAD
        return None if self.flame is None else Path(self.flame)

    def _trained_with(self) -> str | None:
        """Edition of the head model that the checkpoint names: own ones do."""
        checkpoint = self.find_checkpoint()
        if checkpoint is None or checkpoint.suffix != ".safetensors":
            return None
        return header_notes(checkpoint).get("flame_edition")


def availability(settings: PublishedSettings) -> tuple[bool, str]:
    """Whether the published model can be used, and why, without reading its files."""
    if find_spec("torch") is None:
        return False, 'PyTorch is not installed (pip install "gagavatar-nodes[gagavatar]")'
    found = {CHECKPOINT: settings.find_checkpoint(), FLAME: settings.find_flame()}
    missing = [name for name, path in found.items() if path is None]
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        return False, f"{' and '.join(missing)} of GAGAvatar {verb} not here, see 'gagavatar weights status'"
    return True, " and ".join(path.name for path in found.values() if path) + " are here"


def require_torch() -> None:
    """Raises GagavatarError, with the way to install it, where there is no PyTorch."""
    if find_spec("torch") is None:
        raise GagavatarError(
            'GAGAvatar and FLAME need PyTorch: pip install "gagavatar-nodes[gagavatar]", or use the embedded avatar'
        )


def load_flame_model(settings: PublishedSettings) -> Flame:
    """The FLAME file of `settings` on their device.

    Raises:
        WeightsError: it is missing, truncated or changed.
        FileFormatError: it is no FLAME file.
        GagavatarError: there is no PyTorch, or no such device.
    """
    require_torch()
    path = settings.require_flame()
    from ...face.embedded_flame import load_head
    from ...heads.flame import Flame

    return Flame(load_head(path)).to(settings.options.resolve_device())


class GagavatarModels:
    """The network and FLAME of some settings; safe to use from several threads."""

    def __init__(self, settings: PublishedSettings) -> None:
        self.settings = settings
        self._lock = threading.RLock()

    def check(self) -> None:
        """Raises what keeps the model from rendering, as far as can be known without reading gigabytes."""
        require_torch()
        self.settings.options.resolve_device()
        if self.settings.refiner == "openvino" and find_spec("openvino") is None:
            raise GagavatarError(
                'The refiner by OpenVINO needs the package openvino: pip install "gagavatar-nodes[openvino]", or take '
                "the refiner torch"
            )
        self.settings.require_flame()
        if self.settings.find_checkpoint() is None:
            self.settings.require_checkpoint()

    @property
    def network(self) -> GAGAvatarPredictor:
        """The network; see `GAGAvatarPredictor.load` for what is raised."""
        with self._lock:
            return self._network

    @property
    def flame(self) -> Flame:
        """The head model; see `load_flame_model` for what is raised."""
        with self._lock:
            return self._flame

    @property
    def arkit(self) -> ArkitFlame:
        """ARKit weights to FLAME codes and back."""
        with self._lock:
            return self._arkit

    def view(self, portrait: Portrait, tracker: str) -> PortraitView:
        """What the network is shown of a portrait, by one of `PORTRAIT_TRACKERS`."""
        if tracker == "landmarks":
            from ...tracking.landmarks import view_portrait

            return view_portrait(portrait, self.flame)
        from ...tracking.emica.portraits import view_by_tracker

        with self._lock:
            return view_by_tracker(portrait, self._tracker)

    @cached_property
    def _tracker(self) -> EmicaTracker:
        from ...trackers import tracker_folder
        from ...tracking.emica.tracker import EmicaTracker

        return EmicaTracker(tracker_folder(self.settings), self._flame, str(self._flame.template.device))

    @cached_property
    def _network(self) -> GAGAvatarPredictor:
        require_torch()
        from .predictor import GAGAvatarPredictor

        return GAGAvatarPredictor.load(self.settings.require_checkpoint(), self.settings.options)

    @cached_property
    def _flame(self) -> Flame:
        return load_flame_model(self.settings)

    @cached_property
    def _arkit(self) -> ArkitFlame:
        from ...face.arkit_flame import fit_arkit_flame

        return fit_arkit_flame(self.flame)


_models: WeakValueDictionary[Any, GagavatarModels] = WeakValueDictionary()
_models_lock = threading.Lock()


def get_models(settings: PublishedSettings) -> GagavatarModels:
    """The model of these settings. While an avatar holds it, the same files are not read again.

    Other folders are another model: the published tracker is looked for in them when it is needed.
    """
    files = settings.find_checkpoint(), settings.find_flame()
    key = (settings.options, *map(_stamp, files), *settings.folders)
    with _models_lock:
        return _models.setdefault(key, GagavatarModels(settings))


def check_notes(notes: dict[str, str], path: object) -> str:
    """Edition of FLAME that a lifted avatar's file names. Raises FileFormatError where it names none."""
    edition = notes.get("flame_edition")
    if not isinstance(edition, str):
        raise FileFormatError(f"{path} does not tell its FLAME edition: lift the portrait again with 'gagavatar lift'")
    return edition


def _stamp(path: Path | None) -> tuple[str, int, int] | None:
    if path is None:
        return None
    status = path.stat()
    return str(path), status.st_size, status.st_mtime_ns
