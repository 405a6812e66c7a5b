import numpy as np
import pytest

from gagavatar_nodes.driving.operations import combine, loop, neutral_motion, resample, trim
from gagavatar_nodes.driving.timeline import extend, take
from gagavatar_nodes.media.retiming import follows, frames_at, is_retimed, retime, sound_file
from gagavatar_nodes.media.sound import SoundReader
from gagavatar_nodes.types import SOUND

RATE, FPS = 8000, 25.0


def ramp(seconds=4.0):
    """[1, N] whose values are their own times in seconds."""
    return (np.arange(round(seconds * RATE)) / RATE)[None].astype(np.float32)


def heard(motion):
    """Seconds of the source that are heard in the middle of each frame of a motion."""
    sound = retime(ramp(), RATE, motion.clock, motion.fps)
    middles = np.round((np.arange(len(motion)) + 0.5) / motion.fps * RATE).astype(int)
    assert sound.shape[1] == round(len(motion) * RATE / motion.fps)
    return sound[0, middles]


def seen(motion):
    """The same of its picture, which is what the sound must be in step with."""
    return motion.scale + 0.5 / motion.fps


@pytest.fixture
def motion():
    """Four seconds in which the size of the head is the time."""
    from dataclasses import replace

    made = neutral_motion(100, FPS)
    return replace(made, scale=(np.arange(100) / FPS + 1e-6).astype(np.float32), extra={SOUND: "4.0"})


EDITS = {
    "whole": lambda m: m,
    "trimmed": lambda m: trim(m, 1, 3, "seconds"),
    "trimmed twice": lambda m: trim(trim(m, 1, 3, "seconds"), 0.52, None, "seconds"),
    "resampled": lambda m: resample(trim(m, 1, None, "seconds"), 30),
    "trimmed after": lambda m: trim(resample(m, 50), 1, 3, "seconds"),
    "repeated": lambda m: take(m, np.r_[20:60, 20:60]),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_the_sound_is_in_step_with_the_picture(motion, edit):
    edited = edit(motion)
    held = edited.clock + 1 / edited.fps > 4.0  # a higher rate shows the last frame a little longer
    assert np.abs(heard(edited) - seen(edited))[~held].max() < 0.6 / edited.fps


def test_backward_is_heard_backward_and_what_is_held_is_mute(motion):
    edited = take(motion, np.r_[50:75, 73:49:-1, [50] * 10])
    sound = heard(edited)
    assert np.abs(sound[:49] - seen(edited)[:49]).max() < 0.05
    assert np.abs(sound[51:]).max() == 0


def test_a_loop_begins_where_its_first_frame_was(motion):
    looped = loop(motion)
    assert looped.clock[0] == pytest.approx(0.4)
    assert np.abs(heard(looped)[1:80] - seen(looped)[1:80]).max() < 0.05
    assert np.abs(heard(extend(motion, 250, "loop"))[:99] - (np.arange(99) + 0.5) / FPS).max() < 0.05


def test_combining_keeps_the_sound_of_the_face(motion):
    both = combine(trim(motion, 1, 3, "seconds"), neutral_motion(10), "hold")
    assert np.allclose(both.clock, np.arange(25, 75) / FPS)


def test_only_a_sound_of_the_length_that_it_came_with_follows_a_motion(motion):
    assert not follows(motion, 4.0)  # every frame is at its place
    cut = trim(motion, 1, 3, "seconds")
    assert follows(cut, 4.05)
    assert not follows(cut, 2.0)
    assert not follows(neutral_motion(50), 2.0)


def test_a_cut_does_not_click(motion):
    sound = retime(np.ones((1, 4 * RATE), np.float32), RATE, np.r_[0:10, 50:60] / FPS, FPS)
    assert np.abs(np.diff(sound[0])).max() < 0.1


def test_frames_of_a_film_are_found_forward_backward_and_held():
    film = [np.full((2, 2, 3), number, np.uint8) for number in range(40)]
    wanted = np.r_[10:40, 38:4:-1, [5] * 4, 60]
    shown = [int(frame[0, 0, 0]) for frame in frames_at(film, wanted / FPS, FPS)]
    assert shown == [min(number, 39) for number in wanted.tolist()]
    assert len(list(frames_at(film, None, FPS))) == 40


def test_a_file_is_cut_as_the_motion_is_and_left_alone_where_it_is_not(motion, tmp_path):
    from gagavatar_nodes.media.retiming import write_wav

    source = tmp_path / "sound.wav"
    write_wav(source, ramp() / 8, RATE)
    with sound_file(motion, source) as whole:
        assert whole == source
    cut = trim(motion, 1, 3, "seconds")
    assert is_retimed(cut.times, cut.fps)
    with sound_file(cut, source) as path:
        samples = np.concatenate(list(SoundReader(path)), axis=1)[0] * 8
    assert samples[len(samples) // 2] == pytest.approx(2.0, abs=0.01)
    with sound_file(trim(neutral_motion(100), 1, 3, "seconds"), source, own=False) as other:
        assert other == source
