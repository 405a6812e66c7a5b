import logging

import numpy as np
import pytest

from gagavatar_nodes.errors import FileFormatError, GagavatarError, MediaError
from gagavatar_nodes.speech import analysis
from gagavatar_nodes.speech.manner import Manner
from gagavatar_nodes.speech.prosody import join_levels, stream_prosody
from gagavatar_nodes.speech.sound import Sound
from gagavatar_nodes.speech.voices import drive
from gagavatar_nodes.types import ARKIT_NAMES
from spoken import SPEECH, lip_gap, parted_lips, vowel_correlation, weight

MOUTH = [i for i, name in enumerate(ARKIT_NAMES) if name.startswith(("mouth", "jaw", "tongue"))]


@pytest.fixture(scope="module")
def motion():
    return drive(Sound.open(SPEECH))


@pytest.fixture(scope="module")
def silent():
    return drive(Sound.of(np.zeros(16000 * 12), 16000))


@pytest.mark.parametrize("fps", [25, 30])
def test_lips_close_for_every_p_b_and_m(truth, fps):
    assert parted_lips(drive(Sound.open(SPEECH), fps=fps), truth) == []


def test_lips_meet_as_well_at_a_low_frame_rate(truth):
    motion = drive(Sound.open(SPEECH), fps=12)
    assert len(parted_lips(motion, truth)) <= 2  # a frame lasts longer than some of the phones


def test_the_jaw_opens_with_the_vowels(motion, truth):
    assert vowel_correlation(motion, truth) > 0.7


def test_syllables_swell(samples):
    level = join_levels(stream_prosody([samples]))
    assert level.swell_at(np.arange(0, 9, 0.01)).max() > 0.95
    hum = 0.2 * np.sin(2 * np.pi * 300 * np.arange(16000) / 16000).astype(np.float32)
    steady = join_levels(stream_prosody([hum * np.r_[np.ones(8000), np.full(8000, 0.1)].astype(np.float32)]))
    assert steady.swell_at(np.array([0.25, 0.45, 0.6])).round(1).tolist() == [0, 1, 0]


def test_lips_open_wide_and_round(motion):
    assert lip_gap(motion).max() > 0.8
    assert weight(motion, "mouthPucker").max() > 0.5
    assert weight(motion, "mouthStretchLeft").max() > 0.1


def test_a_text_keeps_every_closure_and_its_times(truth):
    spoken = drive(Sound.open(SPEECH), text=truth.text)
    assert parted_lips(spoken, truth) == []
    assert vowel_correlation(spoken, truth) > 0.7


def test_a_text_wins_over_what_was_heard(truth, samples):
    hissed = drive(Sound.of(samples[: 16000 * 2], 16000), text="Sissy sees six sausages.")
    assert lip_gap(hissed).min() > -0.02  # there is no closure in it


def test_a_text_that_is_too_long_says_so():
    with pytest.raises(GagavatarError, match=r"phones, but the sound lasts only 0\.2 s"):
        drive(Sound.of(np.ones(3200), 16000), text="This is far too much for a fifth of a second.")


def test_silence_has_no_motion_but_idle(silent):
    assert silent.arkit[:, MOUTH].max() < 0.02
    assert lip_gap(silent).max() < 0.15
    turns = np.degrees(np.arccos(np.clip((np.trace(silent.rotation, axis1=1, axis2=2) - 1) / 2, -1, 1)))
    assert 0 < turns.max() < 4
    assert weight(silent, "eyeBlinkLeft").max() > 0.7


def test_speech_moves_the_head_more_than_silence(motion, silent):
    def speed(one):
        return np.linalg.norm(np.diff(one.rotation, axis=0), axis=(1, 2)).mean()

    assert speed(motion) > 1.5 * speed(silent)


def test_one_seed_is_one_performance_and_the_lips_do_not_depend_on_it(motion):
    again, other = drive(Sound.open(SPEECH)), drive(Sound.open(SPEECH), manner=Manner(seed=7))
    assert np.array_equal(again.deltas, motion.deltas)
    assert np.array_equal(again.rotation, motion.rotation)
    assert np.array_equal(other.arkit[:, MOUTH], motion.arkit[:, MOUTH])
    assert not np.allclose(other.rotation, motion.rotation, atol=1e-3)


def test_parts_at_strength_0_are_still():
    still = drive(Sound.open(SPEECH), manner=Manner(mouth=0, head=0, brows=0, gaze=0, blinks=0))
    assert np.abs(still.arkit).max() == 0
    assert np.allclose(still.rotation, np.eye(3), atol=1e-6)


def test_a_stronger_mouth_opens_wider_and_still_closes(truth, motion):
    strong = drive(Sound.open(SPEECH), manner=Manner(mouth=1.5))
    assert lip_gap(strong).max() > 1.2 * lip_gap(motion).max()
    assert parted_lips(strong, truth) == []


def test_a_later_voice_moves_the_mouth_later_by_as_much(samples, motion):
    late = drive(Sound.of(np.concatenate([np.zeros(16000 // 2, np.float32), samples]), 16000), fps=50)
    here = drive(Sound.of(samples, 16000), fps=50)
    shifted = weight(late, "jawOpen")[25 : 25 + len(here)]
    assert np.corrcoef(shifted, weight(here, "jawOpen"))[0, 1] > 0.99


@pytest.mark.parametrize(("rate", "channels"), [(8000, 1), (44100, 2), (48000, 6)])
def test_rates_and_channels_are_heard_alike(samples, motion, truth, rate, channels):
    from scipy.signal import resample_poly

    common = np.gcd(rate, 16000)
    other = resample_poly(samples, rate // common, 16000 // common).astype(np.float32)
    heard = drive(Sound.of(np.tile(other, (channels, 1)), rate))
    assert abs(len(heard) - len(motion)) <= 1
    assert len(parted_lips(heard, truth)) <= 3
    assert vowel_correlation(heard, truth) > (0.55 if rate == 8000 else 0.68)


def test_a_quiet_voice_opens_the_mouth_as_far(samples, motion):
    quiet = drive(Sound.of(samples * 0.05, 16000))
    assert lip_gap(quiet).max() == pytest.approx(lip_gap(motion).max(), rel=0.25)


def test_damaged_samples_are_silence(samples):
    broken = samples.copy()
    broken[20000:24000] = np.nan
    assert np.isfinite(drive(Sound.of(broken, 16000)).arkit).all()


@pytest.mark.parametrize("count", [1, 50, 400])
def test_a_moment_of_sound_is_a_frame(count):
    assert len(drive(Sound.of(np.ones(count), 16000))) == 1


def test_nothing_to_hear_is_said():
    with pytest.raises(MediaError, match="has no samples"):
        Sound.of(np.zeros((2, 0)), 44100)
    with pytest.raises(MediaError, match="0 samples a second"):
        Sound.of(np.zeros(10), 0)


def test_without_weights_loudness_and_formants_move_the_mouth(monkeypatch, caplog, truth):
    def missing():
        raise FileFormatError("speech_phones.npz cannot be read (gone): install gagavatar-nodes again")

    monkeypatch.setattr(analysis, "phone_network", missing)
    with caplog.at_level(logging.WARNING):
        motion = drive(Sound.open(SPEECH))
    assert [record.message for record in caplog.records] == [
        "speech_phones.npz cannot be read (gone): install gagavatar-nodes again. Until then the mouth follows loudness "
        "and formants"
    ]
    assert vowel_correlation(motion, truth) > 0.45
    assert lip_gap(drive(Sound.of(np.zeros(32000), 16000))).max() < 0.15


@pytest.mark.parametrize(("change", "words"), [({"voice": "other"}, "no voice model"), ({"fps": 0}, "above 0")])
def test_impossible_settings_are_named(change, words):
    with pytest.raises(GagavatarError, match=words):
        drive(Sound.of(np.zeros(1600), 16000), **change)


def test_impossible_strengths_are_named():
    with pytest.raises(GagavatarError, match="strength of 'head' must be 0 to 2"):
        Manner(head=3)
