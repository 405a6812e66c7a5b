"""Registered landmarks go where the pixels went: pictures moved by known maps are the truth."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from gagavatar_nodes import assets
from gagavatar_nodes.face.topology import EYE_RINGS, INNER_LIPS
from gagavatar_nodes.media.images import read_image
from gagavatar_nodes.tracking.face_mesh import FaceView
from gagavatar_nodes.tracking.faces import choose_face
from gagavatar_nodes.tracking.registration import Registration
from gagavatar_nodes.tracking.video_tracker import VideoTracker

SKIN = np.setdiff1d(np.arange(468), [*INNER_LIPS, *EYE_RINGS[0], *EYE_RINGS[1]])


def moved(picture: np.ndarray, dx: float, dy: float, degrees: float, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """The picture under a similarity about its middle, and its matrix [2, 3]."""
    middle = (np.array(picture.shape[1::-1]) - 1) / 2
    matrix = cv2.getRotationMatrix2D(tuple(middle), degrees, scale)
    matrix[:, 2] += dx, dy
    size = picture.shape[1::-1]
    return cv2.warpAffine(picture, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE), matrix


def errors(pictures: list[np.ndarray], matrices: list[np.ndarray], registered: bool) -> np.ndarray:
    """Distances [T, K] in pixels of tracked landmarks from where the first frame's went."""
    tracker = VideoTracker(25.0, 0.0, registered=registered)
    first = tracker.feed(pictures[0]).points[SKIN, :2]
    found = [tracker.feed(picture).points[SKIN, :2] for picture in pictures[1:]]
    true = [first @ matrix[:, :2].T + matrix[:, 2] for matrix in matrices]
    return np.linalg.norm(np.array(found) - np.array(true), axis=2)


@pytest.fixture(scope="module")
def views(portrait) -> tuple[list[np.ndarray], list[np.ndarray]]:
    ways = [(0.7, -0.4, 0, 1), (2.3, 1.6, 2, 1), (4.1, 3.2, -4, 1.03), (6.0, -2.5, 5, 0.97)]
    pairs = [moved(portrait.crop, *way) for way in ways]
    return [portrait.crop, *(picture for picture, _ in pairs)], [matrix for _, matrix in pairs]


def test_landmarks_stay_on_the_skin_that_moves(views):
    registered, model = errors(*views, registered=True), errors(*views, registered=False)
    assert registered.mean() < 0.35
    assert registered.mean() < 0.6 * model.mean()


def test_another_light_does_not_move_them(views):
    pictures, matrices = views
    lit = [
        pictures[0],
        *(np.clip(0.85 * picture.astype(float) + 12, 0, 255).astype(np.uint8) for picture in pictures[1:]),
    ]
    assert errors(lit, matrices, registered=True).mean() < 0.5


def test_what_does_not_look_as_before_is_left_to_the_model(portrait):
    tracker, other = VideoTracker(25.0, 0.0, faithful=False), portrait.crop[:, ::-1].copy()
    tracker.feed(portrait.crop)
    plain = choose_face(other).points
    seen = tracker.feed(other).points
    assert np.linalg.norm(seen - plain, axis=1).mean() < 0.02 * np.ptp(plain[:, 1])


def test_a_jump_cut_does_not_move_them(portrait):
    jumped, matrix = moved(portrait.crop, 40.0, 25.0, 3, 1.12)
    found = {}
    for registered in (True, False):
        tracker = VideoTracker(25.0, 0.0, registered=registered)
        first = tracker.feed(portrait.crop).points[SKIN, :2]
        after = tracker.find(jumped)
        assert after.anew
        true = first @ matrix[:, :2].T + matrix[:, 2]
        found[registered] = np.linalg.norm(tracker.settle(after).points[SKIN, :2] - true, axis=1).mean()
    assert found[True] < 0.6 * found[False]


def test_what_does_not_look_like_the_first_view_is_not_taken_for_it(portrait):
    registration = Registration(*seen(portrait.crop))
    assert registration.knows(*seen(moved(portrait.crop, 9.0, 5.0, -4, 0.95)[0]))
    assert not registration.knows(*seen(read_image(assets.path("portrait_admiral.jpg")).rgb))


def rolled_back(name: str, change: Callable[[np.ndarray], np.ndarray]) -> tuple[float, float]:
    """Errors that registration leaves of landmarks 1.5 degrees short of a turn, in a picture that looks otherwise.

    Pixels, and degrees of roll.
    """
    picture = read_image(assets.path(name)).rgb
    first, points = seen(picture)
    later, matrix = moved(picture, 3.0, 2.0, 4, 1.0)
    view, _ = seen(change(later))
    true = points.copy()
    true[:, :2] = points[:, :2] @ matrix[:, :2].T + matrix[:, 2]
    middle, angle = true[SKIN, :2].mean(0), np.radians(1.5)
    short = true.copy()
    short[:, :2] = (true[:, :2] - middle) @ [
        [np.cos(angle), np.sin(angle)],
        [-np.sin(angle), np.cos(angle)],
    ] + middle
    found = Registration(first, points)(view, short)[SKIN, :2]
    turn = ((found - middle) @ [1, 1j] * np.conj((true[SKIN, :2] - middle) @ [1, 1j])).sum()
    return float(np.linalg.norm(found - true[SKIN, :2], axis=1).mean()), float(np.degrees(np.angle(turn)))


def test_stronger_contrasts_count_as_another_light():
    """A fixed bound of gray levels would leave a third of the roll: what shows most would seem another thing."""
    _, roll = rolled_back(
        "portrait_admiral.jpg", lambda picture: np.clip(1.8 * (picture - 110.0) + 110, 0, 255).astype(np.uint8)
    )
    assert abs(roll) < 0.31


def test_what_covers_a_part_of_the_face_does_not_pull_the_rest():
    def covered(picture: np.ndarray) -> np.ndarray:
        height, width = picture.shape[:2]
        return cv2.circle(picture.copy(), (int(0.42 * width), int(0.5 * height)), 60, (250, 250, 250), -1)

    distance, _ = rolled_back("example_portrait.jpg", covered)
    assert distance < 0.65


def bent(picture: np.ndarray, points: np.ndarray, waves: float) -> tuple[np.ndarray, np.ndarray]:
    """The picture stretched and squeezed in waves of so many pixels, and where its points [N, 2] are then."""

    def way(places: np.ndarray) -> np.ndarray:
        x, y = np.moveaxis(places, -1, 0) * 2 * np.pi / waves
        return 0.035 * waves * np.stack([np.sin(y), np.sin(x)], -1)

    pixels = np.stack(np.meshgrid(*(np.arange(n, dtype=float) for n in picture.shape[1::-1])), -1)
    true = points.copy()
    for _ in range(60):
        true = points - way(true)
    where = (pixels + way(pixels)).astype(np.float32)
    return cv2.remap(picture, where, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE), true


@pytest.mark.parametrize("name", ["example_portrait.jpg", "portrait_franklin.jpg"])
def test_skin_is_followed_where_it_stretches(name):
    """Waves of half a face: patches alone leave a quarter of them."""
    picture = read_image(assets.path(name)).rgb
    first, points = seen(picture)
    skin = points[SKIN, :2].astype(float)
    later, true = bent(picture, skin, np.ptp(skin[:, 1]) / 2)
    found = Registration(first, points)(*seen(later))[SKIN, :2]
    left, moved_by = (np.median(np.linalg.norm(one - true, axis=1)) for one in (found, skin))
    assert left < 0.23 * moved_by


def seen(picture: np.ndarray) -> tuple[FaceView, np.ndarray]:
    """The view of a picture's face, and its landmarks."""
    face = choose_face(picture)
    assert face.view is not None
    return face.view, face.points
