"""A result measured without a truth."""

import numpy as np
import pytest

from gagavatar_nodes.errors import FaceError
from gagavatar_nodes.evaluation import alone
from gagavatar_nodes.media.video_writer import VideoWriter
from synthetic import DRIVER


def test_the_driver_itself_does_as_it_was_told_and_stays_itself(driver_motion, driver_images, portrait):
    from gagavatar_nodes.tracking.portrait import track_portrait

    own = track_portrait(driver_images[0], matting="none")
    lines = alone.measure_alone(DRIVER, driver_motion, own)
    assert lines[1].startswith("Expression: 1.00 correlation")
    other = alone.measure_alone(DRIVER, driver_motion, portrait)
    own_likeness, other_likeness = (
        float(one[2].removeprefix("Identity (dlib): ").split()[0]) for one in (lines, other)
    )
    assert own_likeness > other_likeness + 0.1


def test_a_result_without_a_face_is_said(driver_motion, portrait, tmp_path):
    with VideoWriter(tmp_path / "black.mp4", 25, (64, 64)) as video:
        for _ in range(3):
            video.write(np.zeros((64, 64, 3), np.uint8))
    with pytest.raises(FaceError, match="No face was found in the result"):
        alone.measure_alone(tmp_path / "black.mp4", driver_motion, portrait)
