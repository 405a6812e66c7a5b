"""`gagavatar` with a driver that is a voice."""

import json

import av
import numpy as np
import pytest

from gagavatar_nodes import assets, pipeline
from gagavatar_nodes.driving.motion_file import load_motion
from gagavatar_nodes.speech.sound import Sound
from media_files import encode_video, gradient
from spoken import DATA, SPEECH, lip_gap, weight

pytestmark = pytest.mark.usefixtures("lifted_once")
PORTRAIT = assets.path("example_portrait.jpg")


@pytest.fixture(scope="module")
def clip(tmp_path_factory, samples):
    """A second and a half of the sentence as WAV, half a second of silence before it."""
    path = tmp_path_factory.mktemp("sound") / "clip.wav"
    write_wav(path, np.concatenate([np.zeros(8000, np.float32), samples[:16000]]))
    return path


def write_wav(path, samples):
    import wave

    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes((samples * 32767).astype("<i2").tobytes())


def test_a_voice_animates_a_portrait_and_is_heard_in_step(gagavatar, clip, tmp_path):
    out = tmp_path / "out.mp4"
    done = gagavatar("animate", PORTRAIT, clip, "-o", out, "--size", 64, "--json", "--avatar", "embedded")
    assert (done.code, done.err) == (0, "")
    summary = json.loads(done.out)
    assert (summary["frames"], summary["fps"]) == (38, 25)
    with av.open(str(out)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 38
    given, heard = (np.concatenate(list(Sound.open(path).blocks())) for path in (clip, out))
    count = min(len(given), len(heard))
    lags = np.arange(-800, 801, 8)
    match = [np.corrcoef(given[1000 : count - 1000], np.roll(heard, -lag)[1000 : count - 1000])[0, 1] for lag in lags]
    assert abs(lags[int(np.argmax(match))]) / 16000 < 0.02  # half a frame
    assert max(match) > 0.8


def test_a_voice_becomes_a_motion_file_that_drives_avatar_files(gagavatar, avatar_file, clip, tmp_path):
    motion = tmp_path / "voice.safetensors"
    done = gagavatar("track", clip, "-o", motion, "--fps", 30, "--voice-strength", "head=0", "--voice-seed", 3)
    assert (done.code, done.err) == (0, "")
    read = load_motion(motion)
    assert (len(read), read.fps, read.source) == (45, 30, "voice: clip.wav")
    assert np.allclose(read.rotation, np.eye(3), atol=1e-6)
    assert weight(read, "jawOpen")[:12].max() < 0.08 < weight(read, "jawOpen")[15:].max()
    done = gagavatar("render", avatar_file, clip, "-o", tmp_path / "out.mp4", "--size", 64)
    assert done.code == 0
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert len(container.streams.audio) == 1


def test_the_sound_of_a_video_drives_where_it_is_asked_to(gagavatar, tmp_path):
    film = tmp_path / "film.mp4"
    encode_video(film, [gradient(64, 48)] * 10, seconds_of_sound=1.0)
    refused = gagavatar("track", film, "-o", tmp_path / "m.safetensors")
    assert refused.code == 1
    done = gagavatar("track", film, "-o", tmp_path / "m.safetensors", "--drive", "sound")
    assert (done.code, done.err) == (0, "")


def test_a_text_may_be_a_file(gagavatar, clip, tmp_path):
    (tmp_path / "text.txt").write_text("My mother", "utf-8")
    for text in ("My mother", tmp_path / "text.txt"):
        assert gagavatar("track", clip, "-o", tmp_path / f"{len(str(text))}.safetensors", "--text", text).code == 0
    first, second = (load_motion(path) for path in sorted(tmp_path.glob("*.safetensors")))
    assert np.array_equal(first.arkit, second.arkit)


def test_dubbing_replaces_the_mouth_alone(gagavatar, avatar_file, clip, tmp_path):
    out = tmp_path / "out.mp4"
    done = gagavatar("animate", PORTRAIT, "look_around", "-o", out, "--voice", clip, "--size", 64, "--seconds", 2)
    assert done.code == 0
    with av.open(str(out)) as container:
        assert len(container.streams.audio) == 1
        assert sum(1 for _ in container.decode(video=0)) == 50


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--voice", "nobody"), "there is no such file, and the models are embedded"),
        (("--voice", DATA / "speech.json"), "no sound"),
        (("--voice-strength", "ears=2"), "none of mouth=S"),
        (("--voice-strength", "mouth=3"), "no number from 0 to 2"),
    ],
)
def test_impossible_options_are_named(gagavatar, tmp_path, options, words):
    done = gagavatar("animate", PORTRAIT, "nod", "-o", tmp_path / "out.mp4", "--size", 64, "--seconds", 0.2, *options)
    assert done.code in (1, 2)
    assert words in done.err
    assert done.err.count("\n") == 1


def test_the_python_way():
    motion = pipeline.read_voice(SPEECH, text="", fps=12.5)
    assert motion.fps == 12.5
    assert lip_gap(motion).max() > 0.5
    assert np.array_equal(pipeline.read_driver(SPEECH, fps=12.5).arkit, motion.arkit)
