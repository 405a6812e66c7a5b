"""Which avatar model and which head tracker to use."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..avatars import Avatar
from ..errors import WeightsError
from ..types import Portrait
from . import host, spec

LOAD = "GAGAvatar/load"
AUTO = "auto"
_CHECKPOINT, _FLAME = "GAGAvatar.pt", "FLAME_with_eye.pt"
_TRACKER_FILES = "track_resources.tar"
_OTHER_FILES = ("flame", "track_resources")


@dataclass(frozen=True)
class AvatarModel:
    """A choice of `Load Avatar Model`, checked: what it needs is there."""

    name: str
    """"embedded" or "gagavatar"."""
    density: int
    checkpoint: Path | None = None
    precision: str = AUTO

    def lift(self, portrait: Portrait) -> Avatar:
        """Lifts a portrait; see `pipeline.lift`."""
        from .. import pipeline

        if self.name == "embedded":
            return pipeline.lift(portrait, "embedded", self.density)
        return pipeline.lift(portrait, self.name, weights=self.checkpoint, precision=self.precision)


@dataclass(frozen=True)
class HeadTracker:
    """A choice of `Load Head Tracker`, checked."""

    name: str
    """"landmarks" or "emica"."""
    folders: tuple[Path, ...] = ()


class LoadAvatarModel:
    """`Load Avatar Model`."""

    DISPLAY_NAME = "Load Avatar Model"
    CATEGORY = LOAD
    DESCRIPTION = (
        "Chooses what lifts portraits. The embedded model needs nothing downloaded. GAGAvatar is the published "
        "network: its files go into ComfyUI's models/gagavatar folder. Without this node, Lift Portrait uses 'auto'."
    )
    SEARCH_ALIASES = ("gagavatar", "gaussian head", "checkpoint", "talking head model")
    RETURN_TYPES = (spec.MODEL, "STRING")
    RETURN_NAMES = ("model", "info")
    OUTPUT_TOOLTIPS = ("For Lift Portrait.", "Which model was chosen, and why.")
    FUNCTION = "run"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802 - ComfyUI's name
        return {
            "required": {
                "model": spec.choice(
                    ["auto", "embedded", "gagavatar"],
                    "auto: GAGAvatar where its files are in models/gagavatar, else the embedded model.",
                ),
                "checkpoint": spec.choice(
                    checkpoints(), "File of the published network in models/gagavatar; auto takes GAGAvatar.pt."
                ),
                "precision": spec.choice(
                    ["auto", "fp32", "fp16", "bf16"],
                    "Numbers in which GAGAvatar's renderer computes; auto suits your device. No effect on embedded.",
                    advanced=True,
                ),
                "density": spec.whole(
                    296,
                    148,
                    512,
                    "Gaussians along each side of the embedded avatar: more is sharper and slower.",
                    step=4,
                    advanced=True,
                ),
            }
        }

    def run(self, model: str, checkpoint: str, precision: str, density: int) -> tuple[AvatarModel, str]:
        """Raises `WeightsError` where a file of the chosen model is missing."""
        name, why = _chosen_model(model, checkpoint)
        path = _required_files(checkpoint) if name == "gagavatar" else None
        return AvatarModel(name, density, path, precision), f"{name}: {why}"


class LoadHeadTracker:
    """`Load Head Tracker`."""

    DISPLAY_NAME = "Load Head Tracker"
    CATEGORY = LOAD
    DESCRIPTION = (
        "Chooses what follows the face in driving videos. 'landmarks' is built in and fast. 'emica' is the published "
        "tracker, which also gives FLAME codes: its files go into ComfyUI's models/gagavatar folder."
    )
    SEARCH_ALIASES = ("emica", "face tracking", "landmarks", "flame tracker", "mediapipe")
    RETURN_TYPES = (spec.TRACKER, "STRING")
    RETURN_NAMES = ("tracker", "info")
    OUTPUT_TOOLTIPS = ("For Extract Driving.", "Which tracker was chosen.")
    FUNCTION = "run"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        return {
            "required": {
                "tracker": spec.choice(
                    ["landmarks", "emica"],
                    "landmarks: built in, real time on a CPU. emica: the published networks, slow, with FLAME codes.",
                )
            }
        }

    def run(self, tracker: str) -> tuple[HeadTracker, str]:
        """Raises `WeightsError` where a file of the published tracker is missing."""
        if tracker == "landmarks":
            return HeadTracker(tracker), "landmarks: built in, nothing to load"
        from ..weights import require_flame, require_weight

        folders = host.models_folders()
        require_flame(folders)
        archive = require_weight(_TRACKER_FILES, folders)
        return HeadTracker(tracker, tuple(folders)), f"emica: from {archive}"


def default_model() -> AvatarModel:
    """What `Lift Portrait` uses where no model is connected."""
    return LoadAvatarModel().run(AUTO, AUTO, AUTO, 296)[0]


def checkpoints() -> list[str]:
    """`auto` and the files in models/gagavatar that may be checkpoints."""
    found = {
        file.name
        for folder in host.models_folders()
        if folder.is_dir()
        for file in folder.iterdir()
        if file.suffix in (".pt", ".safetensors") and not file.name.lower().startswith(_OTHER_FILES)
    }
    return [AUTO, *sorted(found)]


def _chosen_model(model: str, checkpoint: str) -> tuple[str, str]:
    from .. import pipeline
    from ..weights import find_weight

    if model != AUTO:
        return model, "as chosen"
    if "gagavatar" not in pipeline.MODELS:
        return "embedded", "built in"
    folders = host.models_folders()
    missing = [name for name in (_CHECKPOINT, _FLAME) if find_weight(name, folders) is None]
    if missing and checkpoint == AUTO:
        place = folders[0] if folders else "the weights folder"
        return "embedded", f"{' and '.join(missing)} of GAGAvatar not in {place}"
    return "gagavatar", "its files are there"


def _required_files(checkpoint: str) -> Path:
    """The checkpoint, once everything that GAGAvatar needs is there."""
    from ..weights import require_flame, require_weight

    folders = host.models_folders()
    path = require_weight(_CHECKPOINT, folders) if checkpoint == AUTO else _named(checkpoint, folders)
    require_flame(folders)
    return path


def _named(checkpoint: str, folders: list[Path]) -> Path:
    for folder in folders:
        if checkpoint in checkpoints() and (folder / checkpoint).is_file():
            return folder / checkpoint
    raise WeightsError(f"{checkpoint} is not in {folders[0] if folders else 'the models folder'}: choose another one")
