"""Which avatar model and which head tracker to use."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..avatars import Avatar, ManagedNetwork
from ..choices import DENSITIES, DENSITY, MODELS, PORTRAIT_TRACKERS, PRECISIONS, TRACKERS
from ..errors import WeightsError
from ..settings import CHECKPOINT, FLAME, Settings
from ..trackers import DECA
from ..tracking.emica.files import ARCHIVE
from ..types import Portrait
from . import host, spec
from .fetching import download_inputs, fetch_missing
from .progress import run_cancellable

if TYPE_CHECKING:
    pass

LOAD = "GAGAvatar/load"
AUTO = "auto"
_CHECKPOINTS = (".pt", ".safetensors")
_OTHER_FILES = ("flame", "track_resources")


@dataclass(frozen=True)
class AvatarModel:
    """A choice of `Load Avatar Model`, checked: what it needs is there."""

    name: str
    """"embedded" or "gagavatar"."""
    density: int
    settings: Settings = field(default_factory=Settings)
    """Of the published model."""

    def lift(self, portrait: Portrait) -> Avatar:
        """Lift a portrait; see `pipeline.lift`. A network is ComfyUI's to manage from here on."""
        from .. import pipeline

        if self.name != "gagavatar":
            return pipeline.lift(portrait, self.name, self.density)
        from ..lifting.gagavatar.models import get_models

        models = get_models(self.settings)  # held here, they are those that `lift` takes
        manage(models.network)
        return pipeline.lift(portrait, self.name, settings=self.settings)


@dataclass(frozen=True)
class HeadTracker:
    """A choice of `Load Head Tracker`, checked."""

    name: str
    """One of `choices.TRACKERS` other than "auto"."""
    settings: Settings = field(default_factory=Settings)
    """Where the published files are."""


def manage(network: ManagedNetwork) -> None:
    """Let ComfyUI manage the memory of a network, see `host.manage`."""
    host.manage(network, network.network, network.release)


class LoadAvatarModel:
    """`Load Avatar Model`."""

    DISPLAY_NAME = "Load Avatar Model"
    CATEGORY = LOAD
    DESCRIPTION = (
        "Chooses what lifts portraits. The embedded model needs nothing downloaded. GAGAvatar is the published "
        "network: its files go into ComfyUI's models/gagavatar folder, and download fetches them. Without this node, "
        "Lift Portrait uses 'auto'."
    )
    SEARCH_ALIASES = ("gagavatar", "gaussian head", "checkpoint", "talking head model")
    RETURN_TYPES = (spec.MODEL, "STRING")
    RETURN_NAMES = ("model", "info")
    OUTPUT_TOOLTIPS = ("For Lift Portrait and Load Avatar.", "Which model was chosen, and why.")
    FUNCTION = "run"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802 - ComfyUI's name
        """Return the inputs by name, as ComfyUI asks for them."""
        return {
            "required": {
                "model": spec.choice(
                    MODELS,
                    "auto: GAGAvatar where its files are in models/gagavatar, else the embedded model.",
                ),
                "checkpoint": spec.choice(
                    checkpoints(), "File of the published network in models/gagavatar; auto takes GAGAvatar.pt."
                ),
                "precision": spec.choice(
                    PRECISIONS,
                    "Numbers in which GAGAvatar's renderer computes; auto suits your device. No effect on embedded.",
                    advanced=True,
                ),
                "density": spec.whole(
                    DENSITY,
                    *DENSITIES,
                    "Gaussians along each side of the embedded avatar: more is sharper and slower.",
                    step=4,
                    advanced=True,
                ),
            },
            "optional": {
                "portrait_tracker": spec.choice(
                    PORTRAIT_TRACKERS,
                    "What fits FLAME to portraits for GAGAvatar. landmarks: built in. emica: the published tracker, "
                    "slow, for the same numbers as the published program.",
                    advanced=True,
                ),
                **download_inputs([CHECKPOINT, FLAME, ARCHIVE]),
            },
        }

    def run(
        self,
        model: str,
        checkpoint: str,
        precision: str,
        density: int,
        portrait_tracker: str = PORTRAIT_TRACKERS[0],
        download: bool = False,
        accept_licenses: bool = False,
    ) -> tuple[AvatarModel, str]:
        """Raise `WeightsError` where a file of the chosen model is missing, and not to be downloaded."""
        from .. import pipeline

        if download and model != "embedded":
            needed = [FLAME] + [CHECKPOINT] * (checkpoint == AUTO) + [ARCHIVE] * (portrait_tracker == "emica")
            fetch_missing(needed, host.models_folders(), accept_licenses)
        settings = replace(comfy_settings(checkpoint), precision=precision, portrait_tracker=portrait_tracker)
        name, why = run_cancellable(lambda: pipeline.check_model(model, settings))
        return AvatarModel(name, density, settings), f"{name}: {why}"


class LoadHeadTracker:
    """`Load Head Tracker`."""

    DISPLAY_NAME = "Load Head Tracker"
    CATEGORY = LOAD
    DESCRIPTION = (
        "Chooses what follows the face in driving videos. 'embedded' is built in and fast. 'landmarks' also fits FLAME "
        "codes, and needs a FLAME file. 'emica' is the published tracker. Files go into ComfyUI's models/gagavatar."
    )
    SEARCH_ALIASES = ("emica", "deca", "face tracking", "landmarks", "flame tracker", "mediapipe")
    RETURN_TYPES = (spec.TRACKER, "STRING")
    RETURN_NAMES = ("tracker", "info")
    OUTPUT_TOOLTIPS = ("For Extract Driving.", "Which tracker was chosen, and why.")
    FUNCTION = "run"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        """Return the inputs by name, as ComfyUI asks for them."""
        return {
            "required": {
                "tracker": spec.choice(
                    TRACKERS,
                    "embedded: built in. landmarks: FLAME codes as well, which suit GAGAvatar best. emica: the "
                    "published networks, slow. deca: FLAME codes by DECA, frame by frame. auto: landmarks where a "
                    "FLAME file is, else embedded.",
                )
            },
            "optional": download_inputs([FLAME, ARCHIVE]),
        }

    def run(self, tracker: str, download: bool = False, accept_licenses: bool = False) -> tuple[HeadTracker, str]:
        """Raise `WeightsError` where a file of the chosen tracker is missing, and not to be downloaded."""
        from ..trackers import choose_tracker
        from ..weights import require_weight

        if download and tracker != "embedded":
            fetch_missing([FLAME] + [ARCHIVE] * (tracker == "emica"), host.models_folders(), accept_licenses)
        settings = comfy_settings()
        name, why = choose_tracker(tracker, settings)
        if name != "embedded":
            settings.require_flame()
        if (needed := {"emica": ARCHIVE, "deca": DECA}.get(name)) is not None:
            run_cancellable(lambda: require_weight(needed, settings.folders))
        return HeadTracker(name, settings), f"{name}: {why}"


def comfy_settings(checkpoint: str = AUTO) -> Settings:
    """Where ComfyUI keeps the published files, and the device that it computes on.

    Raises:
        WeightsError: the checkpoint is not in the models folder.
    """
    folders = host.models_folders()
    named = [] if checkpoint == AUTO else [_find_checkpoint(checkpoint, folders)]
    return Settings(weights=(*named, *folders), device=host.torch_device())


def default_model() -> AvatarModel:
    """Return what `Lift Portrait` uses where no model is connected."""
    return LoadAvatarModel().run(AUTO, AUTO, AUTO, DENSITY)[0]


def checkpoints() -> list[str]:
    """`auto` and the files in models/gagavatar that may be checkpoints."""
    from ..weights import manifest

    others = manifest().keys() - {CHECKPOINT}
    found = {
        file.name
        for folder in host.models_folders()
        if folder.is_dir()
        for file in folder.iterdir()
        if file.suffix in _CHECKPOINTS and file.name not in others and not file.name.lower().startswith(_OTHER_FILES)
    }
    return [AUTO, *sorted(found)]


def _find_checkpoint(checkpoint: str, folders: list[Path]) -> Path:
    for folder in folders:
        if checkpoint in checkpoints() and (folder / checkpoint).is_file():
            return folder / checkpoint
    raise WeightsError(f"{checkpoint} is not in {folders[0] if folders else 'the models folder'}: choose another one")
