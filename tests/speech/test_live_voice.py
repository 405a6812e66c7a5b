import numpy as np
import pytest

from gagavatar_nodes.media.sound import SoundReader
from gagavatar_nodes.speech.live import DELAY_SECONDS, LiveVoice
from gagavatar_nodes.speech.sound import Sound
from gagavatar_nodes.speech.voices import drive
from spoken import SPEECH, lip_gap, weight

PIECE = 0.08


@pytest.fixture(scope="module")
def heard():
    """Second, lip gap and jaw of every piece of the sentence, as 16-bit stereo."""
    voice, reader = LiveVoice(1 / PIECE), SoundReader(SPEECH)
    samples = (np.concatenate(list(reader), axis=1)[0] * 32767).astype(np.int16)
    step, rows = round(PIECE * reader.rate), []
    for start in range(0, len(samples), step):
        piece = np.stack([samples[start : start + step]] * 2, axis=1)
        motion = voice.feed((reader.rate, piece))
        second = (start + len(piece)) / reader.rate - DELAY_SECONDS
        rows.append((second, lip_gap(motion)[0], weight(motion, "jawOpen")[0]))
    return np.array(rows).T


def test_a_voice_is_followed_a_fifth_of_a_second_later(heard):
    seconds, _, jaw = heard
    whole = drive(Sound.open(SPEECH), fps=100)
    wanted = weight(whole, "jawOpen")

    def likeness(shift):
        return np.corrcoef(jaw, np.interp(seconds + shift, np.arange(len(wanted)) / 100, wanted))[0, 1]

    assert likeness(0) > 0.8
    assert likeness(0) > max(likeness(-0.1), likeness(0.1))
    assert DELAY_SECONDS + PIECE < 0.3


def test_most_closures_are_seen(heard, truth):
    seconds, gap, _ = heard
    closed = [spoken for spoken in truth.phones if spoken.phone in ("p", "b", "m")]
    near = 0.04 + PIECE / 2
    seen = [gap[(seconds > each.start - near) & (seconds < each.end + near)].min() < 0.06 for each in closed]
    assert np.mean(seen) > 0.75


def test_silence_is_idle_and_blinks():
    voice, shut = LiveVoice(1 / PIECE), []
    for _ in range(60):
        motion = voice.feed((8000, np.zeros(640, np.float32)))
        assert lip_gap(motion)[0] < 0.1
        shut.append(weight(motion, "eyeBlinkLeft")[0])
    assert max(shut) > 0.3


def test_an_empty_first_piece_is_the_face_at_rest():
    voice = LiveVoice()
    motion = voice.feed((48000, np.zeros(0, np.int16)))
    assert len(motion) == len(voice.rest) == 1
    assert lip_gap(motion)[0] < 0.1
