import numpy as np
import pytest
import torch

from gagavatar_nodes.errors import GagavatarError
from gagavatar_nodes.types import ARKIT_NAMES

JAW = ARKIT_NAMES.index("jawOpen")


@pytest.fixture
def audio(run):
    """The bundled voice, its first three seconds in stereo."""
    voice = run("ExampleInputs")[2]
    return {"waveform": voice["waveform"][:, :, : 3 * voice["sample_rate"]].expand(1, 2, -1), **rate(voice)}


def rate(voice):
    return {"sample_rate": voice["sample_rate"]}


def test_a_voice_becomes_a_motion_as_long_as_the_sound(run, audio):
    motion, passed, fps, frames = run("DriveByVoice", audio=audio, fps=30.0)
    assert (fps, frames, len(motion)) == (30, 90, 90)
    assert passed is audio
    assert motion.arkit[:, JAW].max() > 0.15


def test_the_seed_changes_the_head_and_strengths_still_it(run, audio):
    first, second = (run("DriveByVoice", audio=audio, seed=seed)[0] for seed in (0, 5))
    assert not np.allclose(first.rotation, second.rotation, atol=1e-3)
    still = run("DriveByVoice", audio=audio, head=0.0, mouth=0.0)[0]
    assert np.allclose(still.rotation, np.eye(3), atol=1e-6)
    assert still.arkit[:, JAW].max() == 0


@pytest.mark.parametrize("sound", [None, {}, {"waveform": torch.zeros(0, 1, 5), "sample_rate": 8000}])
def test_no_sound_says_what_to_connect(run, sound):
    with pytest.raises(GagavatarError, match="connect 'audio' to Load Audio"):
        run("DriveByVoice", audio=sound)
