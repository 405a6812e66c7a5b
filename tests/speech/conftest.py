import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from spoken import SPEECH, Truth, read_truth

from gagavatar_nodes.speech.sound import Sound


@pytest.fixture(scope="session")
def truth() -> Truth:
    """The sentence of tests/data/speech.flac."""
    return read_truth()


@pytest.fixture(scope="session")
def samples() -> np.ndarray:
    """The sentence, mono at 16 kHz."""
    return np.concatenate(list(Sound.open(SPEECH).blocks()))
