"""A film is given another expression: what stays stays, what is asked for moves."""

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest

from gagavatar_nodes import assets, pipeline
from gagavatar_nodes.driving.operations import add_arkit, neutral_motion
from gagavatar_nodes.driving.timeline import take
from gagavatar_nodes.errors import MediaError
from gagavatar_nodes.face.topology import LOWER_LIP, UPPER_LIP
from gagavatar_nodes.media.sound import SoundReader
from gagavatar_nodes.media.video_reader import VideoReader
from gagavatar_nodes.media.video_writer import VideoWriter
from gagavatar_nodes.reexpression import as_long, best_frame, reexpress
from gagavatar_nodes.tracking.video import track_video
from gagavatar_nodes.types import ARKIT_NAMES

pytestmark = pytest.mark.usefixtures("lifted_once")

FRAMES, HIDDEN = 14, (5, 6)


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """A short film with sound, whose face is hidden in two of its frames; as file, frames and what is known of it."""
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    driver = assets.path("example_driver.mp4")
    with VideoReader(driver) as video:
        frames = [frame.copy() for frame in islice(video, 20, 20 + FRAMES)]
        fps = video.fps
    for index in HIDDEN:
        frames[index][:] = 90
    with VideoWriter(path, fps, frames[0].shape[1::-1], audio_from=driver, crf=8) as writer:
        for frame in frames:
            writer.write(frame)
    with VideoReader(path) as video:
        frames = [frame.copy() for frame in video]
    return path, frames, pipeline.watch_film(path)


def shaped(**weights):
    """Half a second of a face with these ARKit weights."""
    motion = neutral_motion(FRAMES)
    return add_arkit(motion, np.tile([weights.get(name, 0.0) for name in ARKIT_NAMES], (FRAMES, 1)))


def lip_gaps(motion):
    """[T] centimeters between the inner lips."""
    return (motion.neutral + motion.deltas)[:, UPPER_LIP, 1] - (motion.neutral + motion.deltas)[:, LOWER_LIP, 1]


def made(film, driver, **parts):
    path, _, watched = film
    driver = as_long(replace(driver, fps=watched.motion.fps), watched)
    with VideoReader(path) as video:
        return [frame.copy() for frame in reexpress(video, watched, driver, **parts)]


def test_its_own_expression_leaves_a_film_as_it_is(film):
    results = made(film, film[2].motion)
    assert len(results) == FRAMES
    for frame, result in zip(film[1], results, strict=True):
        assert np.abs(frame.astype(int) - result).max() <= 1


def test_the_mouth_opens_and_what_is_far_from_the_face_stays(film):
    _, frames, watched = film
    results = made(film, shaped(jawOpen=0.7))
    opened = track_video(iter(results[:5]), 25.0, smoothing=0)
    assert lip_gaps(opened).min() > lip_gaps(watched.motion)[:5].max() + 0.4
    low, high = watched.landmarks.min((0, 1)), watched.landmarks.max((0, 1))
    around = (high - low)[1] * 0.4
    (left, top), (right, bottom) = (low - around).astype(int), (high + around).astype(int)
    for frame, result in zip(frames, results, strict=True):
        changed = (frame != result).any(-1)
        assert changed[max(top, 0) : bottom, max(left, 0) : right].sum() == changed.sum()


def test_dubbing_takes_the_mouth_alone(film):
    frames, watched = film[1], film[2]
    results = made(film, shaped(jawOpen=0.6, eyeBlinkLeft=1.0, eyeBlinkRight=1.0), eyes=0.0)
    change = np.abs(frames[0].astype(int) - results[0]).max(-1)
    points = watched.landmarks[0]
    brows_and_eyes = change[int(points[10, 1]) : int(points[197, 1]), int(points[234, 0]) : int(points[454, 0])]
    mouth = change[int(points[2, 1]) : int(points[152, 1]), int(points[61, 0]) : int(points[291, 0])]
    assert brows_and_eyes.mean() < 0.2 * mouth.mean()
    assert mouth.mean() > 5


def test_frames_without_the_face_come_as_they_are_and_are_named(film):
    _, frames, watched = film
    assert set(watched.motion.bridged) >= set(HIDDEN)
    results = made(film, shaped(jawOpen=0.7))
    for index in watched.motion.bridged:
        assert np.array_equal(frames[index], results[index])


def test_the_best_frame_looks_as_the_film_does_with_its_mouth_shut(film):
    motion = film[2].motion
    arkit = motion.arkit.copy()
    arkit[:, ARKIT_NAMES.index("jawOpen")] = np.where(np.arange(FRAMES) == 9, 0.0, 0.9)
    assert best_frame(replace(motion, arkit=arkit)) == 9
    assert best_frame(motion) not in motion.bridged


def test_a_single_face_is_held_all_along(film):
    results = made(film, take(shaped(jawOpen=0.7), np.arange(1)))
    assert len(results) == FRAMES
    assert (
        lip_gaps(track_video(iter(results[9:12]), 25.0, smoothing=0)).min() > lip_gaps(film[2].motion)[9:12].max() + 0.4
    )


def test_a_part_of_a_film_is_that_part(film):
    path, frames, _ = film
    part = pipeline.watch_film(path, start=7 / 25, end=12 / 25)
    with VideoReader(path) as video:
        results = [frame.copy() for frame in reexpress(video, part, part.motion)]
    assert len(results) == 5
    for frame, result in zip(frames[7:12], results, strict=True):
        assert np.abs(frame.astype(int) - result).max() <= 1


@pytest.mark.parametrize(("start", "end", "said"), [(0.3, 0.2, "choose a later end"), (5, None, "lasts 0.56 s")])
def test_a_part_that_is_empty_says_why(film, start, end, said):
    with pytest.raises(MediaError, match=said):
        pipeline.watch_film(film[0], start=start, end=end)


def test_the_command_dubs_a_part_of_a_film_with_its_sound(film, gagavatar, tmp_path):
    out, first = tmp_path / "dubbed.mp4", 4
    outcome = gagavatar("reexpress", film[0], "talk", "-o", out, "--eyes", 0, "--start", first / 25, "--quiet")
    assert outcome.code == 0, outcome.err
    assert "1-2" in outcome.err or "1, 2" in outcome.err
    with VideoReader(out) as video:
        assert sum(1 for _ in video) == FRAMES - first
    whole, heard = (np.concatenate([*SoundReader(one)], axis=1).mean(0) for one in (film[0], out))  # "talk" has none
    skipped = round(first / 25 * SoundReader(film[0]).rate)
    count = min(len(heard), len(whole) - skipped)
    in_step = np.corrcoef(heard[:count], whole[skipped : skipped + count])[0, 1]
    assert in_step > 0.7 > 0.3 > abs(np.corrcoef(heard[:count], whole[:count])[0, 1])


def test_a_picture_is_no_film(tmp_path):
    with pytest.raises(MediaError, match="single picture"):
        pipeline.watch_film(assets.path("example_portrait.jpg"))
