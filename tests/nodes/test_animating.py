"""Animate Portrait does in one node what the others do one after the other."""

import numpy as np
import pytest
import torch

from gagavatar_nodes.errors import FaceError, GagavatarError
from gagavatar_nodes.nodes import NODE_CLASS_MAPPINGS, animating

pytestmark = pytest.mark.usefixtures("lifted_once")
NODE = NODE_CLASS_MAPPINGS["GAGAvatarAnimatePortrait"]


@pytest.fixture
def voice():
    """AUDIO of half a second: a tone that swells."""
    time = np.arange(8000) / 16000
    return {"waveform": torch.from_numpy(np.float32(time * np.sin(900 * time)))[None, None], "sample_rate": 16000}


def test_a_motion_drives_as_in_the_nodes_one_by_one(run, photo, motion):
    made = run("AnimatePortrait", image=photo, motion=motion, size=96)
    video, (images,), audio, moved, fps = made
    assert (video, audio, fps) == ([None], None, 25)  # there is no VIDEO outside of ComfyUI
    assert len(moved) == len(images) == 3
    portrait = run("TrackPortrait", image=photo)[0][0]
    avatar = run("LiftPortrait", portrait=portrait)[0]
    rendered = run("RenderAvatar", avatar=avatar, motion=motion, width=96, height=96)[0]
    assert (images - rendered).abs().max() < 0.01


def test_a_voice_drives_and_is_heard(run, photo, voice):
    _, (images,), audio, moved, fps = run("AnimatePortrait", image=photo, audio=voice, size=64)
    assert audio["waveform"].shape[-1] / audio["sample_rate"] == pytest.approx(len(images) / fps, abs=1 / fps)
    assert len(moved) == len(images)


def test_a_picture_is_lifted_once_for_all_that_drives_it(run, photo, motion, monkeypatch):
    lifted = []
    lift = animating.AvatarModel.lift
    monkeypatch.setattr(animating.AvatarModel, "lift", lambda self, one: lifted.append(one) or lift(self, one))
    animating._LIFTED.clear()
    for color in ("red", "#0000ff"):
        run("AnimatePortrait", image=photo, motion=motion, size=64, background_color=color)
    assert len(lifted) == 1


def test_the_whole_picture_keeps_its_shape_and_what_is_far_from_the_head(run, photo, motion):
    _, (images,), *_ = run("AnimatePortrait", image=photo, motion=motion, show="whole picture", size=320)
    height, width = photo.shape[1:3]
    assert max(images.shape[1:3]) == 320
    assert images.shape[1] / images.shape[2] == pytest.approx(height / width, rel=0.02)


def test_side_by_side_has_the_picture_on_the_left(run, photo, motion):
    _, (images,), *_ = run("AnimatePortrait", image=photo, motion=motion, show="side by side", size=64)
    assert images.shape[1] == 64
    assert images.shape[2] > 100
    assert torch.equal(images[0, :, :30], images[2, :, :30])


def test_strengths_and_length(run, photo, motion):
    still = run("AnimatePortrait", image=photo, motion=motion, size=64, expression=0.0, head_pose=0.0)[1][0]
    assert (still[0] - still[2]).abs().max() < 0.02
    short = run("AnimatePortrait", image=photo, motion=motion, size=64, seconds=0.08)
    assert len(short[1][0]) == len(short[3]) == 2


def test_dubbing_takes_the_mouth_from_the_voice_and_the_rest_from_the_motion(run, photo, motion, voice):
    from gagavatar_nodes.driving.mixing import MOUTH_COLUMNS

    dubbed, spoken = (
        run("AnimatePortrait", image=photo, motion=moving, audio=voice, size=64, **how)[3]
        for moving, how in ((motion, {"dub": True}), (None, {}))
    )
    assert len(dubbed) == len(spoken)
    np.testing.assert_allclose(dubbed.arkit[:, MOUTH_COLUMNS], spoken.arkit[:, MOUTH_COLUMNS], atol=1e-5)
    np.testing.assert_allclose(dubbed.rotation[:2], motion.rotation[:2], atol=1e-5)


def test_a_batch_gives_one_result_for_each_picture(run, photo, motion):
    videos, images, *_ = run("AnimatePortrait", image=torch.cat([photo, photo.flip(2)]), motion=motion, size=64)
    assert (len(videos), len(images)) == (2, 2)
    assert (images[0] - images[1]).abs().max() > 0.1


def test_what_is_wrong_is_said_before_anything_runs(run, photo, motion):
    assert "connect 'video', 'audio' or 'motion'" in NODE.VALIDATE_INPUTS(input_types={"image": "IMAGE"})
    assert "is no color" in NODE.VALIDATE_INPUTS("greenish", {"image": "IMAGE", "motion": "GAGAVATAR_MOTION"})
    assert "takes IMAGE" in NODE.VALIDATE_INPUTS(input_types={"image": "MASK", "audio": "AUDIO"})
    assert NODE.VALIDATE_INPUTS("#123456", {"image": "IMAGE", "video": "VIDEO"}) is True
    with pytest.raises(GagavatarError, match="nothing that moves it"):
        run("AnimatePortrait", image=photo)
    with pytest.raises(FaceError, match="No face"):
        run("AnimatePortrait", image=torch.zeros(1, 64, 64, 3), motion=motion)
