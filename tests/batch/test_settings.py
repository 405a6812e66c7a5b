"""What a list of jobs can ask for is what `gagavatar animate` makes of the same options."""

import json

import numpy as np
import pytest

from gagavatar_nodes import assets
from gagavatar_nodes.media.retiming import write_wav
from gagavatar_nodes.media.sound import find_sound
from gagavatar_nodes.media.video_reader import VideoReader
from gagavatar_nodes.speech.sound import Sound
from spoken import SPEECH

PORTRAIT = str(assets.path("example_portrait.jpg"))
SMALL = ("--avatar", "embedded", "--density", "148", "--size", "64", "--fps", "25", "--quiet")


@pytest.fixture(scope="module")
def voice(tmp_path_factory):
    """A second and a half of a spoken sentence."""
    path = tmp_path_factory.mktemp("voice") / "voice.wav"
    write_wav(path, np.concatenate(list(Sound.open(SPEECH).blocks()))[None, 4000:28000], 16000)
    return str(path)


def _clip(path):
    with VideoReader(path) as video:
        return np.stack(list(video)).astype(float)


def test_voices_dubbing_and_layouts_are_as_the_command_makes_them(
    gagavatar, lifted_once, voice, short_driver, tmp_path, monkeypatch
):
    monkeypatch.setenv("GAGAVATAR_THREADS", "1")  # encoders work as they do in workers
    driver = str(short_driver)
    jobs = {
        "said.mp4": (voice, {"text": "The quick brown fox", "voice_strength": {"head": 0.5}, "voice_seed": 3}),
        "heard.mp4": (driver, {"drive": "sound"}),
        "dubbed.mp4": (driver, {"voice": voice}),
        "compared.mp4": (driver, {"compare": True}),
        "stitched.mp4": ("nod", {"stitch": True, "seconds": 0.4, "voice": ["embedded", voice]}),
    }
    rows = [{"portrait": PORTRAIT, "driver": d, "output": name, **how} for name, (d, how) in jobs.items()]
    listed = tmp_path / "jobs.jsonl"
    listed.write_text("\n".join(map(json.dumps, rows)))
    done = gagavatar("batch", listed, "-o", tmp_path / "clips", "--workers", 1, "--json", *SMALL)
    assert done.code == 0, done.out + done.err
    stages = json.loads(done.out)["stages"]
    assert [stages[kind]["tasks"] for kind in ("lift", "track", "render")] == [1, 5, 5]
    flags = {
        "said.mp4": ("--text", "The quick brown fox", "--voice-strength", "head=0.5", "--voice-seed", 3),
        "heard.mp4": ("--drive", "sound"),
        "dubbed.mp4": ("--voice", voice),
        "compared.mp4": ("--compare",),
        "stitched.mp4": ("--stitch", "--seconds", 0.4, "--voice", voice),
    }
    for name, (source, _) in jobs.items():
        alone = tmp_path / name
        assert gagavatar("animate", PORTRAIT, source, "-o", alone, *SMALL, *flags[name]).code == 0
        mine, theirs = _clip(tmp_path / "clips" / name), _clip(alone)
        assert mine.shape == theirs.shape, name
        assert np.abs(mine - theirs).mean() < 0.5, name
        assert find_sound(tmp_path / "clips" / name) == 0, name


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"voice": ["a.wav", "b.wav"]}, "--voice takes one model"),
        ({"voice_strength": {"ears": 1}}, "none of mouth=S"),
        ({"drive": "smell"}, "argument --drive"),
        ({"compare": True, "stitch": True}, "compare goes with neither stitch"),
        ({"compare": True, "background": "transparent"}, "nor a transparent background"),
    ],
)
def test_settings_that_make_no_sense_are_named_with_their_line(gagavatar, tmp_path, settings, message):
    listed = tmp_path / "jobs.jsonl"
    listed.write_text(json.dumps({"portrait": PORTRAIT, "driver": "talk", **settings}))
    outcome = gagavatar("batch", listed, "-o", tmp_path / "out", "--dry-run", "--workers", 1)
    assert outcome.code == 1
    assert f"jobs.jsonl, line 1: {message}" in outcome.err or message in outcome.err


def test_a_voice_that_is_not_there_breaks_its_clip_alone(gagavatar, tmp_path):
    rows = [{"portrait": PORTRAIT, "driver": "talk", "output": "a.mp4", "voice": "missing.wav"}]
    rows.append({"portrait": PORTRAIT, "driver": "talk", "output": "b.mp4"})
    listed = tmp_path / "jobs.jsonl"
    listed.write_text("\n".join(map(json.dumps, rows)))
    outcome = gagavatar("batch", listed, "-o", tmp_path / "out", "--dry-run", "--workers", 1)
    assert "a.mp4: missing.wav does not exist" in outcome.out
    assert "1 portraits to lift, 1 drivers to track, 1 clips to render" in outcome.out
