import numpy as np
import pytest

from gagavatar_nodes import assets
from gagavatar_nodes.errors import FileFormatError
from gagavatar_nodes.speech import network
from gagavatar_nodes.speech.network import PhoneNetwork, phone_network
from gagavatar_nodes.speech.phones import CLASSES, CLOSURE, OF_ARPABET, OF_IPA
from gagavatar_nodes.speech.recognizer import class_probabilities, decode, stream_probabilities
from spoken import DATA


@pytest.fixture(scope="module")
def recorded():
    with np.load(DATA / "phones0.npz") as data:
        return dict(data)


def test_the_network_equals_its_packages_own_runtime(recorded):
    ours = phone_network().log_probabilities(recorded["samples"] / np.float32(32768))
    theirs = recorded["log_probabilities"].astype(np.float32)
    assert ours.shape == theirs.shape
    assert np.array_equal(ours.argmax(1), recorded["tokens"])
    assert np.abs(np.exp(ours) - np.exp(theirs)).max() < 5e-3
    assert np.abs(ours - theirs).max() < 0.1  # of log probabilities down to -25, recorded in half precision


def test_a_stream_in_windows_is_heard_as_the_whole(samples):
    long = np.tile(samples, 3)
    whole = class_probabilities(phone_network(), long)
    parts = [len(part) for part in stream_probabilities(phone_network(), np.array_split(long, 31))]
    streamed = np.concatenate(list(stream_probabilities(phone_network(), np.array_split(long, 31))))
    assert len(parts) == 2
    assert len(streamed) == len(whole)
    assert (streamed.argmax(1) != whole.argmax(1)).mean() < 0.05  # attention sees less of the rest


@pytest.mark.parametrize("count", [0, 1, 100, 319, 321, 1000])
def test_few_samples_give_few_rows(count):
    rows = list(stream_probabilities(phone_network(), [np.zeros(count, np.float32)]))
    assert sum(map(len, rows)) == (0 if count == 0 else count // 320 + 1)


@pytest.mark.parametrize(
    "sound",
    [
        np.zeros(32000),
        0.2 * np.random.default_rng(0).normal(size=32000),
        sum(0.1 * np.sin(2 * np.pi * hertz * np.arange(32000) / 16000) for hertz in (220, 277, 330))
        * np.hanning(32000),
    ],
    ids=["silence", "noise", "chord"],
)
def test_no_phones_where_nobody_speaks(sound):
    assert decode(class_probabilities(phone_network(), sound.astype(np.float32))) == []


def test_an_unsure_closure_counts_and_an_unsure_vowel_does_not():
    rows = np.zeros((9, len(CLASSES) + 2), np.float32)
    rows[:, -1] = 1
    for frame, name in ((2, CLOSURE), (6, "ɑ")):
        rows[frame, CLASSES.index(name)], rows[frame, -1] = 0.25, 0.75
    assert [phone.kind for phone in decode(rows)] == [CLOSURE]


def test_phones_have_one_class_each_and_every_sound_of_english_has_one():
    assert len(OF_ARPABET) == 39
    assert set(OF_IPA) - set(phone_network().tokens) == {"ɭ"}


def test_damaged_weights_are_named(tmp_path, monkeypatch):
    damaged = tmp_path / network.WEIGHTS
    damaged.write_bytes(assets.path(network.WEIGHTS).read_bytes()[:5000])
    monkeypatch.setattr(network.assets, "path", lambda name: tmp_path / name)
    phone_network.cache_clear()
    try:
        with pytest.raises(FileFormatError, match=r"speech_phones\.npz cannot be read"):
            phone_network()
    finally:
        phone_network.cache_clear()


def test_a_missing_array_is_found_at_once():
    with np.load(assets.path(network.WEIGHTS)) as weights:
        arrays = {name: weights[name] for name in weights if name != "mel"}
    with pytest.raises(KeyError):
        PhoneNetwork(arrays)
