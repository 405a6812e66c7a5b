"""Give a driver's motion to a portrait: expression by differences, mouth and lids by what the eye judges, pose whole.

Differences from a reference moment carry an expression over to another face. Two things are judged absolutely: a closed
mouth must close a portrait that was taken with an open one, and a blink must shut the eyes whatever their shape.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from functools import cache

import numpy as np

from ..easing import smoothstep
from ..errors import GagavatarError
from ..face.arkit import gaze_of
from ..face.bundled_face import bundled_neutral
from ..face.pose import NECK_PIVOT
from ..face.topology import (
    BROW_EDGES,
    CHIN_ROWS,
    EYE_CORNERS,
    LID_CREASES,
    LID_FOLDS,
    LOWER_LIDS,
    LOWER_LIP,
    LOWER_LIP_ROWS,
    MOUTH_CORNERS,
    UPPER_LIDS,
    UPPER_LIP,
    UPPER_LIP_ROWS,
    eye_openness,
)
from ..types import AUTHORED_NEUTRAL, Motion
from .head_turn import HeadTurn, angle_between, mean_rotation

_OPEN_PERCENTILE = 75  # of the driver's lid openness: what counts as open eyes
_CLOSING = 0.55  # share of the open eye's openness under which lids are on their way to shut
_SHUT = 0.25  # share of the open eye's openness that the tracker still reads on a shut one
_WIDEST = 1.3  # most of the open eye's openness that counts
_LOWER_LIDS = 0.3  # share of the way on which they come up to meet the upper ones
_LID_SHARE = 0.35  # of the lids' own differences that another person keeps; the rest comes from the openness
_FOLLOWS = (0.75, 0.5, 0.3, 0.1)  # shares of an iris' rise and fall that upper and lower lid, crease and fold take
_RISES = (0.35, 0.65)  # of their height over the eye, from which brows rise less and which none reaches
_SHUT_MODEL = 0.15  # the same where the lids' motion is made of ARKit weights, which shut the bundled face at 1
_AWAKE, _WIDE = 0.3, 0.42  # usual openness of eyes, and that of eyes opened wide
_LIPS_CLOSED_CM = 0.03  # inner-lip distance that the tracker reads on closed lips
_PRESSED, _PRESSED_CM, _PRESSED_UNTIL_CM = 0.1, 0.02, 0.1  # lips taken open overlap when they close: they are soft
_FULLER = 0.6  # share of their inner edges' way that the lips' outer edges take when they close
_MISREAD_NEAR = 1.5  # an opening misread at the reference was, around it, up to this many times that mistake
_UPPER_COMES_CM = (0.3, 1.5)  # openings
_SIZES = (0.7, 1.15)  # of a mouth against the driver's: a smile makes it wider, not made to open farther
_WIDE_CM = (2.4, 4.2)  # openings beyond the first are slowed down, none reaches the second
_SAME_PERSON_CM = 0.15  # between landmarks at the best frame; two persons differ by 0.3 and more
_SAME_MOMENT_CM, _SAME_MOMENT_DEGREES = (0.06, 0.15), (2.0, 5.0)  # up to the first, differences are the tracker's
_BESIDE_CM = 4.0  # between both sides of a forehead
_ENOUGH_TO_TELL = 25  # frames; a single picture of another person may resemble the portrait by chance


@dataclass(frozen=True)
class HeadPlacement:
    """Where the driver puts the head at one frame."""

    rotation: np.ndarray
    """[3, 3] absolute, see `HeadPose.rotation`."""
    scale: float
    """Size relative to the reference moment."""
    shift: np.ndarray
    """[3] centimeters that the neck's pivot moved since the reference moment."""


class Retargeter:
    """A motion as one portrait will perform it, frame by frame.

    Args:
        motion: the driver.
        canonical: [478, 3] the portrait's canonical landmarks, centimeters.
        reference: the driver's moment that corresponds to the portrait: "neutral" (the motion's neutral face), a frame
            index, or "same" where driver and portrait are one person, so that landmarks need no differences. "auto"
            finds out whether they are, and else takes "neutral".
        rotation: [3, 3] the portrait's own head rotation; the identity unless given.
        pose: one of `choices.POSES`.

    Raises:
        GagavatarError: there is no such reference or pose.
    """

    def __init__(
        self,
        motion: Motion,
        canonical: np.ndarray,
        reference: str | int = "auto",
        rotation: np.ndarray | None = None,
        pose: str = "absolute",
    ) -> None:
        self.motion = motion
        self.canonical = np.asarray(canonical, np.float64)
        authored = motion.extra.get("neutral") == AUTHORED_NEUTRAL
        if reference in ("auto", "same"):
            frame, distance = _most_alike(motion, self.canonical)
            alike = distance < _SAME_PERSON_CM and len(motion) >= _ENOUGH_TO_TELL and not authored
            reference = "same" if reference == "same" or alike else "neutral"
        else:
            frame = reference  # type: ignore[assignment]
        self._same = reference == "same"
        self._moment = frame if self._same else None
        self._rest, self._rest_gaze = self._reference(reference)
        placed = np.arange(len(motion)) if reference == "neutral" else np.array([frame])
        self._rest_scale = float(np.median(motion.scale[placed]))
        self._rest_pivot = np.median([self._pivot(i) for i in _subsample(placed)], axis=0)
        self._turn = self._head_turn(np.eye(3) if rotation is None else rotation, pose, authored, placed)
        self._open = _open_eyes(motion, authored)
        self._shut = _SHUT_MODEL if authored and np.allclose(motion.neutral, bundled_neutral(), atol=1e-3) else _SHUT
        self._own_lids = eye_openness(self.canonical)
        self._rest_lids = _lid_curve(eye_openness(self._rest) / self._open, self._shut)
        ratio = _mouth_width(self.canonical) / _mouth_width(self._rest)
        self._mouth_ratio = min(max(ratio, _SIZES[0]), _SIZES[1])

    def follow(self, motion: Motion) -> Retargeter:
        """Another part of the same driver's motion, measured from the same neutral, under the same reference.

        For live driving: the reference is a moment of rest, and what follows are single frames.
        """
        following = copy(self)
        following.motion = motion
        return following

    def displacements(self, index: int) -> np.ndarray:
        """[478, 3] offsets of the portrait's canonical landmarks at a frame, centimeters."""
        driver = self.motion.neutral + self.motion.deltas[index].astype(np.float64)
        moved = driver - self._rest
        if not self._same:
            self._bound_brows(moved)
        self._set_lids(moved, driver, self.gaze(index)[:, 1])
        self._set_mouth(moved, driver)
        return moved

    def gaze(self, index: int) -> np.ndarray:
        """[2, 2] change of the iris offset since the reference, in eye widths, see `Motion.gaze`."""
        return self.motion.gaze[index] - self._rest_gaze

    def placement(self, index: int) -> HeadPlacement:
        """Rotation, relative size and shift of the head at a frame."""
        scale = float(self.motion.scale[index] / self._rest_scale)
        return HeadPlacement(self._turn(self.motion.rotation[index]), scale, self._pivot(index) - self._rest_pivot)

    def _reference(self, reference: str | int) -> tuple[np.ndarray, np.ndarray]:
        """Return the driver's canonical landmarks [478, 3] and gaze [2, 2] that correspond to the portrait's."""
        neutral = self.motion.neutral.astype(np.float64)
        if reference == "same":
            there = neutral + self.motion.deltas[self._moment]
            alike, own = self._same_face_share(), gaze_of(self.canonical)
            gaze = own + alike * (self.motion.gaze[self._moment] - own)
            return self.canonical + alike * (there - self.canonical), gaze
        if reference == "neutral":
            return neutral, gaze_of(neutral)
        if not isinstance(reference, int) or not 0 <= reference < len(self.motion):
            raise GagavatarError(
                f"The reference must be auto, neutral, same or a frame from 0 to {len(self.motion) - 1}, "
                f"but got {reference}"
            )
        return neutral + self.motion.deltas[reference], self.motion.gaze[reference]

    def _same_face_share(self) -> float:
        """0..1 how sure it is that the driver's reference is the portrait itself, but for the tracker's noise."""
        if not self._same:
            return 0.0
        there = self.motion.neutral + self.motion.deltas[self._moment]
        return _fading(float(np.linalg.norm(there - self.canonical, axis=1)[:468].mean()), _SAME_MOMENT_CM)

    def _head_turn(self, own: np.ndarray, pose: str, authored: bool, placed: np.ndarray) -> HeadTurn:
        reference = mean_rotation(self.motion.rotation[_subsample(placed)])
        if self._same:
            near = _fading(angle_between(reference, own), _SAME_MOMENT_DEGREES)
            return HeadTurn.of(pose, own, reference, near * self._same_face_share())
        return HeadTurn.of(pose, own, np.eye(3) if authored else reference)

    def _pivot(self, index: int) -> np.ndarray:
        """Stage position of the driver's neck pivot, in the reference's centimeters; depth is not observed."""
        motion = self.motion
        position = motion.translation[index] + motion.rotation[index] @ NECK_PIVOT
        position = position * (motion.scale[index] / self._rest_scale)
        return position * [1, 1, 0]

    def _bound_brows(self, moved: np.ndarray) -> None:
        """Let brows over deep-set eyes rise less in offsets [478, 3]: the shade between would stretch with the skin."""
        shares = []
        for brow, lid in zip(BROW_EDGES, UPPER_LIDS, strict=True):
            height = float(self.canonical[list(brow), 1].mean() - self.canonical[list(lid), 1].mean())
            rise = float(moved[list(brow), 1].mean())
            shares.append(_bounded(rise, *(share * height for share in _RISES)) / rise if rise > 0 else 1.0)
        rows = _above_eyes()
        moved[rows, 1] *= shares[0] + (shares[1] - shares[0]) * smoothstep(self.canonical[rows, 0] / _BESIDE_CM + 0.5)

    def _set_lids(self, moved: np.ndarray, driver: np.ndarray, rise: np.ndarray) -> None:
        """Set the lids in offsets [478, 3]: as open as the driver's, and going with irises that `rise` [2]."""
        openness = _lid_curve(eye_openness(driver) / self._open, self._shut)
        change = self._lid_openness(openness) - self._own_lids
        own_share = 1.0 if self._same else _LID_SHARE
        # Where little is seen of an iris, its place tells nothing.
        rise = (1 - own_share) * rise * np.clip(openness / _CLOSING, 0, 1)
        profile = np.sin(np.pi * np.arange(1, 8) / 8) ** 0.7
        for side in (0, 1):
            outer, inner = EYE_CORNERS[side]
            width = np.linalg.norm(self.canonical[outer] - self.canonical[inner])
            rows = [UPPER_LIDS[side], LOWER_LIDS[side], LID_CREASES[side], LID_FOLDS[side]]
            for row, follows in zip(rows, _FOLLOWS, strict=True):
                moved[list(row)] *= own_share
                moved[list(row), 1] += follows * rise[side] * width * profile
            # What the kept share does to the opening already must not count twice.
            gaps = (self.canonical + moved)[list(rows[0])] - (self.canonical + moved)[list(rows[1])]
            opening = np.linalg.norm(gaps[3])
            lift = (self._own_lids[side] + change[side]) * width - opening
            # Lids open by as much everywhere, and shut by their share of what is open: they must meet all along.
            shift = np.zeros((7, 3))
            shift[:, 1] = lift * profile
            shares = (1.0, 0.0, 0.65, 0.25)
            if lift < 0:
                shift = gaps * [1, 1, 0.5] * max(lift / max(opening, 1e-3), -1.0)
                shares = (1 - _LOWER_LIDS, -_LOWER_LIDS, 0.25, 0.1)
            for row, share in zip(rows, shares, strict=True):
                moved[list(row)] += shift * share

    def _set_mouth(self, moved: np.ndarray, driver: np.ndarray) -> None:
        wanted = self._aperture(_aperture(driver))
        own = self.canonical + moved
        excess = wanted - _aperture(own)
        x = self.canonical[:, 0]
        middle, half = (x[78] + x[308]) / 2, abs(x[308] - x[78]) / 2
        profile = np.clip(1 - ((x - middle) / (half * 1.15)) ** 2, 0, 1)
        # Lips that an open or smiling mouth has stretched close to fuller ones.
        outward = np.linspace(_FULLER if excess < 0 else 1.0, 1.0, 4)
        # The upper one comes down to close, not where the jaw only drops less.
        upper = 0.3 * (_fading(wanted, _UPPER_COMES_CM) if excess < 0 else 1.0)
        for rows, share in ((UPPER_LIP_ROWS, upper), (LOWER_LIP_ROWS, upper - 1)):
            moved[list(rows), 1] += share * excess * profile[list(rows)] * np.tile(outward, len(rows) // 4)
        moved[list(CHIN_ROWS), 1] -= 0.35 * excess

    def _lid_openness(self, driver: np.ndarray) -> np.ndarray:
        """Lid openness [2] of the portrait for the driver's, relative to its open eyes.

        At the reference it is the portrait's own; a portrait with sleepy eyes that another drives keeps half of its
        sleepiness, for the driver's lids need room to move in. From there it goes down to 0 with the driver's.
        """
        own, rest = self._own_lids, self._rest_lids
        there = own if self._same else np.maximum(own, (own + _AWAKE * np.minimum(rest, 1)) / 2)
        room = (_WIDE - there) / (_WIDEST - 1)  # sleepy lids have farther to go
        wide = np.clip(np.maximum(there / np.maximum(rest, 1e-3), room), _AWAKE, 1.5 * _AWAKE)
        return np.where(driver < rest, there * driver / np.maximum(rest, 1e-3), there + wide * (driver - rest))

    def _aperture(self, driver: float) -> float:
        """Return the portrait's mouth opening for the driver's, centimeters.

        As wide to the eye, not wider by as much.
        """
        own, rest = _aperture(self.canonical), _aperture(self._rest)
        if not self._same:
            wanted = _bounded(max(driver - _LIPS_CLOSED_CM, 0) * self._mouth_ratio, *_WIDE_CM)
            return wanted - min(_PRESSED * max(own - wanted, 0), _PRESSED_CM) * _fading(
                wanted, (0.0, _PRESSED_UNTIL_CM)
            )
        # Where the portrait's lips were found elsewhere than the tracker read them, that is a mistake at this moment.
        misread = own - rest
        near = 1 - abs(driver - rest) / max(_MISREAD_NEAR * abs(misread), 1e-6)
        return max(driver + misread * max(near, 0), 0)


def _aperture(canonical: np.ndarray) -> float:
    """Centimeters from the lower to the upper inner lip."""
    return float(canonical[UPPER_LIP, 1] - canonical[LOWER_LIP, 1])


def _bounded(value: float, usual: float, most: float) -> float:
    """Return a value, slower and slower beyond what is usual."""
    beyond = max(value - usual, 0.0)
    return min(value, usual) + (most - usual) * (1 - float(np.exp(-beyond / max(most - usual, 1e-6))))


@cache
def _above_eyes() -> np.ndarray:
    """Landmarks of brows and forehead."""
    height = bundled_neutral()[:468, 1]
    return np.setdiff1d(np.flatnonzero(height > height[np.ravel(BROW_EDGES)].min() - 1e-6), np.ravel(LID_FOLDS))


def _most_alike(motion: Motion, canonical: np.ndarray) -> tuple[int, float]:
    """Return the driver's frame whose face is most like the portrait's, and the mean distance of their landmarks."""
    target = (canonical - motion.neutral).astype(np.float32)[:468]
    distance = [np.linalg.norm(motion.deltas[i, :468] - target, axis=1).mean() for i in range(len(motion))]
    best = int(np.argmin(distance))
    return best, float(distance[best])


def _open_eyes(motion: Motion, authored: bool) -> np.ndarray:
    """Lid openness [2] of the driver's open eyes: of its neutral face where it is known, or few frames tell nothing."""
    neutral = eye_openness(motion.neutral.astype(np.float64))
    some = _subsample(np.arange(len(motion)), 2000)
    usual = np.percentile(
        eye_openness(motion.neutral + motion.deltas[some].astype(np.float64)), _OPEN_PERCENTILE, axis=0
    )
    if authored:
        return neutral
    return usual if len(motion) >= _ENOUGH_TO_TELL else np.maximum(usual, neutral)


def _fading(value: float, span: tuple[float, float]) -> float:
    """1 up to the span's start, 0 from its end on."""
    return float(np.clip((span[1] - value) / (span[1] - span[0]), 0, 1))


def _subsample(frames: np.ndarray, most: int = 500) -> np.ndarray:
    """At most that many of the frames, evenly spread: statistics need no more."""
    return frames[:: max(1, len(frames) // most)]


def _mouth_width(canonical: np.ndarray) -> float:
    left, right = MOUTH_CORNERS
    return float(np.linalg.norm(canonical[left] - canonical[right]))


def _lid_curve(openness: np.ndarray, shut: float) -> np.ndarray:
    """Lid openness over the open eye's -> what to show: itself when open, 0 when `shut`, smooth and rising between."""
    x = np.clip(openness, shut, _WIDEST)
    return x - shut * smoothstep((_CLOSING - x) / (_CLOSING - shut))
