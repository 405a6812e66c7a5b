"""What the published tracker's networks say of one picture: FLAME codes by EMICA, identity by MICA's ArcFace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..devices import require_torch
from ..settings import Settings, load_flame_model
from ..tracking.arcface import five_points
from ..tracking.emica.files import load_tracker, tracker_folder
from ..tracking.recognition import unit

if TYPE_CHECKING:
    from ..tracking.emica.tracker import EmicaTracker, Observation
    from .sights import Sight


def load_emica(settings: Settings) -> EmicaTracker:
    """Return the published tracker. Raises WeightsError where its archive or the FLAME file is missing."""
    require_torch()
    return load_tracker(settings, load_flame_model(settings))


def emica_codes(sight: Sight) -> Observation | None:
    """Codes of the largest head of a picture, seen in the crop that the published tracker makes; None without one."""
    return sight.once("emica", lambda: _observe(sight.instruments.get(load_emica), sight.rgb))


def _observe(tracker: EmicaTracker, rgb: np.ndarray) -> Observation | None:
    box = tracker.find_head(rgb)
    return None if box is None else tracker.observe(tracker.crop(rgb, box)[0])


class Mica:
    """MICA's ArcFace, a `recognition.Embedder` of 512 numbers, aligned by the bundled landmarks."""

    def __init__(self, settings: Settings) -> None:
        """Raise WeightsError where the archive is missing, GagavatarError where there is no PyTorch."""
        require_torch()
        from ..torch_file import load_torch_file
        from ..tracking.emica import archive
        from ..tracking.emica.encoder import Emica

        state = load_torch_file(tracker_folder(settings) / archive.EMICA, "Unpack the archive again.")
        network: Any = Emica.load(state, archive.EMICA)
        self._arcface = network.mica_encoder.E_mica.arcface

    def __call__(self, picture: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
        """See `recognition.Embedder`."""
        import torch

        from ..tracking.emica.crops import arcface_crop

        pixels = torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1).float()
        with torch.inference_mode():
            return unit(self._arcface(arcface_crop(pixels, five_points(landmarks))[None])[0].numpy())
