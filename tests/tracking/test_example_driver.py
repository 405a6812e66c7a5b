"""The bundled driver: a rendered woman whose every weight and angle is known."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from gagavatar_nodes import assets, pipeline
from gagavatar_nodes.face.arkit import ARKIT_NAMES
from gagavatar_nodes.media.video_reader import VideoReader
from gagavatar_nodes.types import COVERED


@pytest.fixture(scope="module")
def truth():
    with np.load(assets.path("example_driver_truth.npz")) as data:
        return dict(data)


@pytest.fixture(scope="module")
def motion():
    return pipeline.track(assets.path("example_driver.mp4"), smoothing=0)


def test_nothing_covers_a_mouth_that_speaks(motion):
    assert COVERED not in motion.extra


def correlation(a, b) -> float:
    return float(np.corrcoef(a, b)[0, 1])


def test_it_speaks_for_as_long_as_its_truth(truth, motion):
    assert len(motion) == len(truth["weights"])
    assert 6 <= len(motion) / motion.fps <= 10
    with VideoReader(assets.path("example_driver.mp4")) as video:
        assert (video.width, video.height) == (448, 448)
    from gagavatar_nodes.media.sound import SoundReader

    loudness = np.concatenate([np.abs(block).max(0) for block in SoundReader(assets.path("example_driver.mp4"))])
    assert loudness.max() > 0.1
    assert assets.path("example_driver.mp4").stat().st_size < 1_500_000


def test_the_tracker_reads_its_pose_and_face(truth, motion):
    angles = Rotation.from_matrix(motion.rotation).as_euler("YXZ", degrees=True)
    for axis, least in ((0, 0.98), (1, 0.85), (2, 0.95)):
        assert correlation(angles[:, axis], truth["angles"][:, axis]) > least
    assert np.abs(angles[:, 0] - truth["angles"][:, 0]).mean() < 3
    columns = {name: i for i, name in enumerate(ARKIT_NAMES)}
    assert truth["names"].tolist() == list(ARKIT_NAMES)
    for name, least in (("jawOpen", 0.85), ("eyeBlinkLeft", 0.9), ("eyeBlinkRight", 0.9), ("browInnerUp", 0.7)):
        assert correlation(motion.arkit[:, columns[name]], truth["weights"][:, columns[name]]) > least


def test_the_mouth_is_shut_before_the_sentence_and_the_eyes_where_it_says(truth):
    columns = {name: i for i, name in enumerate(ARKIT_NAMES)}
    assert truth["weights"][:5, columns["jawOpen"]].max() < 0.05
    blinks = truth["weights"][:, columns["eyeBlinkLeft"]]
    assert np.count_nonzero(np.diff((blinks > 0.9).astype(int)) == 1) == 5
