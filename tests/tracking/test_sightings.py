"""What was seen in a video once is enough to track it anew with another smoothing."""

import json

import numpy as np
import pytest

import films
from gagavatar_nodes.tracking.recognition import bundled_recognizer
from gagavatar_nodes.tracking.reference import reference_of
from gagavatar_nodes.tracking.sightings import Sightings
from gagavatar_nodes.tracking.video import track_video
from gagavatar_nodes.types import SHOTS

FPS = 4


@pytest.mark.parametrize("by_person", [False, True], ids=["largest", "person"])
def test_a_film_with_a_cut_is_tracked_anew_as_if_it_were_looked_at_again(by_person):
    frames = films.jump_cut(0.45)[::6]
    frames.insert(3, np.zeros_like(frames[0]))
    face = reference_of(frames[0], bundled_recognizer(), "first.png") if by_person else None
    seen = Sightings()
    rough = track_video(frames, FPS, 0.0, face, sightings=seen)
    again = track_video(iter(()), FPS, 0.5, face, sightings=seen)
    fresh = track_video(frames, FPS, 0.5, face)
    assert (again.bridged, set(again.extra)) == (fresh.bridged, set(fresh.extra))
    assert 3 in fresh.bridged
    np.testing.assert_allclose(json.loads(again.extra[SHOTS]), json.loads(fresh.extra[SHOTS]), atol=0.2)
    for part in ("deltas", "rotation", "translation", "scale", "gaze"):
        np.testing.assert_allclose(getattr(again, part), getattr(fresh, part), atol=0.2)
    moved = np.linalg.norm(again.deltas - fresh.deltas, axis=-1).mean()
    assert moved < 0.3 * np.linalg.norm(rough.deltas - fresh.deltas, axis=-1).mean()
