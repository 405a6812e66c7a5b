"""The published model as users have it: its files, found and chosen; the network and FLAME, loaded when first needed.

PyTorch is imported when the model is used, not with this module.
"""

from __future__ import annotations

import threading
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from ...devices import require_torch
from ...errors import FileFormatError, GagavatarError
from ...settings import Settings, load_flame_model
from .options import RenderOptions

if TYPE_CHECKING:
    from ...face.arkit_flame import ArkitFlame
    from ...heads.flame import Flame
    from ...tracking.emica.tracker import EmicaTracker
    from ...tracking.landmarks import PortraitView
    from ...types import Portrait
    from .predictor import GAGAvatarPredictor


class GagavatarModels:
    """The network and FLAME of some settings; safe to use from several threads."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.options = _render_options(settings)
        self._lock = threading.RLock()

    def check(self) -> None:
        """Raise what keeps the model from rendering, as far as can be known without reading gigabytes."""
        require_torch()
        self.options.resolve_device()
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
        """Return what the network is shown of a portrait, by one of `PORTRAIT_TRACKERS`."""
        if tracker == "landmarks":
            from ...tracking.landmarks import view_portrait

            return view_portrait(portrait, self.flame)
        from ...tracking.emica.portraits import view_by_tracker

        with self._lock:
            return view_by_tracker(portrait, self._tracker)

    @cached_property
    def _tracker(self) -> EmicaTracker:
        from ...tracking.emica.files import load_tracker

        return load_tracker(self.settings, self._flame)

    @cached_property
    def _network(self) -> GAGAvatarPredictor:
        require_torch()
        from .predictor import GAGAvatarPredictor

        return GAGAvatarPredictor.load(self.settings.require_checkpoint(), self.options)

    @cached_property
    def _flame(self) -> Flame:
        return load_flame_model(self.settings)

    @cached_property
    def _arkit(self) -> ArkitFlame:
        from ...face.arkit_flame import fit_arkit_flame

        return fit_arkit_flame(self.flame)


_models: WeakValueDictionary[Any, GagavatarModels] = WeakValueDictionary()
_models_lock = threading.Lock()


def get_models(settings: Settings) -> GagavatarModels:
    """Return the model of these settings. While an avatar holds it, the same files are not read again.

    Other folders are another model: the published tracker is looked for in them when it is needed.
    """
    files = settings.find_checkpoint(), settings.find_flame()
    key = (_render_options(settings), *map(_stamp, files), *settings.folders)
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


def _render_options(settings: Settings) -> RenderOptions:
    return RenderOptions(settings.device, settings.precision, settings.batch, refiner=settings.refiner)  # type: ignore[arg-type]
