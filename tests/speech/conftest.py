import numpy as np
import pytest

from gagavatar_nodes.speech.sound import Sound
from spoken import SPEECH, Truth, read_truth


@pytest.fixture(scope="session")
def truth() -> Truth:
    """The sentence of tests/data/speech.flac."""
    return read_truth()


@pytest.fixture(scope="session")
def samples() -> np.ndarray:
    """The sentence, mono at 16 kHz."""
    return np.concatenate(list(Sound.open(SPEECH).blocks()))
