"""The motion of a clip's crops, with FLAME codes where there is a head model, by one of the trackers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ...errors import GagavatarError
from ...tracking.face_mesh import Landmarks
from ...tracking.recorder import MotionRecorder
from ...tracking.smoothing import PASS_SHARE, OneEuroFilter
from ...types import FlameCodes, Motion
from .settings import CROP_SIZE, PrepareSettings

if TYPE_CHECKING:
    from ...heads.flame import Flame
    from ...tracking.emica.tracker import EmicaTracker, Observation


class ClipTracker(Protocol):
    """Turns crops into a motion."""

    def look(self, crop: np.ndarray) -> bool:
        """Take a crop [512, 512, 3] uint8, matted onto black; whether there is a head in it."""
        ...

    def codes(self, motion: Motion, kept: np.ndarray) -> FlameCodes | None:
        """Codes of the frames `kept` [K], whose crops were looked at in this order; cameras refer to the crops.

        `motion` is that of all frames, see `LandmarkRecorder`.
        """
        ...


class LandmarkRecorder:
    """Landmarks in crop pixels to a motion whose picture is the crop."""

    def __init__(self, fps: float, smoothing: float, source: str) -> None:
        self._forward = OneEuroFilter(fps, PASS_SHARE * smoothing)
        self._recorder = MotionRecorder(fps, source, PASS_SHARE * smoothing)

    def add(self, face: Landmarks | None) -> None:
        """Take the next frame's face, in crop pixels; None where it is not to be seen."""
        shape = (CROP_SIZE, CROP_SIZE)
        if face is None:
            self._forward.reset()
            self._recorder.add(None, 0.0, shape)
        else:
            self._recorder.add(self._forward(face.points, face.size), face.score, shape)

    def finish(self) -> Motion:
        """Return the motion; at least one frame must have shown the face."""
        return self._recorder.finish()


class EmbeddedTracker:
    """No head model: no codes."""

    def look(self, crop: np.ndarray) -> bool:
        """See `ClipTracker`."""
        return True

    def codes(self, motion: Motion, kept: np.ndarray) -> FlameCodes | None:
        """See `ClipTracker`."""
        return None


class LandmarkTracker(EmbeddedTracker):
    """FLAME fitted to the landmarks."""

    def __init__(self, flame: Flame, smoothing: float) -> None:
        self._flame, self._smoothing = flame, smoothing

    def codes(self, motion: Motion, kept: np.ndarray) -> FlameCodes | None:
        """See `ClipTracker`."""
        from ...driving.timeline import take
        from ...tracking.landmarks import fit_square

        fitted = fit_square(motion, self._flame, PASS_SHARE * self._smoothing)
        return take(replace(motion, flame=fitted), kept).flame


class NetworkTracker:
    """The published networks; one shape for all frames of a clip."""

    def __init__(self, tracker: EmicaTracker, edition: str) -> None:
        self._tracker, self._edition = tracker, edition
        self._seen: list[Observation] = []

    def look(self, crop: np.ndarray) -> bool:
        """See `ClipTracker`."""
        import torch

        seen = self._tracker.observe(torch.from_numpy(crop).permute(2, 0, 1).float().to(self._tracker.device))
        if seen is not None:
            self._seen.append(seen)
        return seen is not None

    def codes(self, motion: Motion, kept: np.ndarray) -> FlameCodes | None:
        """See `ClipTracker`."""
        shape, codes, fit = self._tracker.solve(self._seen)
        expression, jaw = (values.cpu().numpy() for values in (codes.expression, codes.jaw))
        return FlameCodes(self._edition, shape, expression, jaw, fit.eyes, fit.transform)


class TrackerFactory:
    """Makes the tracker of each clip; what they share is loaded once."""

    def __init__(self, settings: PrepareSettings) -> None:
        """Raise what `trackers.choose_tracker` and `load_flame_model` raise, before any work."""
        from ...settings import load_flame_model
        from ...trackers import choose_tracker

        self.name, _ = choose_tracker(
            "landmarks" if settings.tracker == "auto" else settings.tracker, settings.published
        )
        if self.name == "deca":
            raise GagavatarError(
                "Training data are tracked by landmarks or emica: DECA's cameras are too coarse for it"
            )
        self._smoothing, self._flame = settings.smoothing, None
        self._networks: EmicaTracker | None = None
        if self.name != "embedded":
            self._flame = load_flame_model(settings.published)
            self._flame.landmarks(self._flame.template[None])  # says what to do where there are none
        if self.name == "emica" and self._flame is not None:
            self._networks = _load_networks(settings, self._flame)

    @property
    def edition(self) -> str | None:
        """Of the head model; None where there is none."""
        return None if self._flame is None else self._flame.edition

    def make(self) -> ClipTracker:
        """Return a tracker for one clip."""
        if self._networks is not None and self._flame is not None:
            return NetworkTracker(self._networks, self._flame.edition)
        if self._flame is not None:
            return LandmarkTracker(self._flame.cpu(), self._smoothing)
        return EmbeddedTracker()


def _load_networks(settings: PrepareSettings, flame: Flame) -> EmicaTracker:
    from ...tracking.emica.files import load_tracker

    return load_tracker(settings.published, flame)
