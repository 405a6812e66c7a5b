import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from gagavatar_nodes import pipeline
from gagavatar_nodes.driving.builtin import builtin_motion
from gagavatar_nodes.errors import GagavatarError
from gagavatar_nodes.media.backgrounds import ColorBackground
from gagavatar_nodes.media.video_reader import VideoReader
from gagavatar_nodes.output import Look, compose_frames
from media_files import encode_flash_and_beep, encode_video, first_loud, gradient

pytestmark = pytest.mark.usefixtures("lifted_once")

moviepy = pytest.importorskip("moviepy")
SMALL = Look(width=96, height=96)


@pytest.fixture(scope="module")
def motion():
    return builtin_motion("talk", 0.32, 12.5)


@pytest.fixture(scope="module")
def frames(avatar, motion):
    """[4, 96, 96, 4] as they are rendered."""
    look = Look(width=96, height=96, background=ColorBackground(None))
    return np.stack(list(compose_frames(avatar.perform(motion), look)))


def test_a_clip_shows_the_frames_of_the_performance(avatar, motion, frames):
    clip = pipeline.clip(avatar, motion, SMALL)
    assert (clip.size, clip.fps, clip.duration) == ((96, 96), 12.5, pytest.approx(0.32))
    assert np.array_equal(np.stack(list(clip.iter_frames())), frames[..., :3])
    assert np.allclose(np.stack(list(clip.mask.iter_frames())) * 255, frames[..., 3])


def test_any_moment_can_be_asked_for(avatar, motion, frames):
    clip = pipeline.clip(avatar, motion, SMALL)
    for index in (2, 0, 3, 3, 1):
        assert np.array_equal(clip.get_frame(index / 12.5), frames[index, ..., :3])
    assert np.array_equal(clip.get_frame(1.0), frames[3, ..., :3])


def test_a_background_leaves_no_mask(avatar, motion):
    clip = pipeline.clip(avatar, motion, Look(width=96, height=96, background=ColorBackground((0, 160, 255))))
    assert clip.mask is None
    assert tuple(clip.get_frame(0)[0, 0]) == (0, 160, 255)


def test_it_is_composited_over_what_lies_behind(avatar, motion, frames):
    wall = moviepy.ColorClip((96, 96), color=(0, 160, 255), duration=0.32)
    film = moviepy.CompositeVideoClip([wall, pipeline.clip(avatar, motion, SMALL)])
    alpha = frames[0, ..., 3:] / 255
    expected = frames[0, ..., :3] * alpha + np.array([0, 160, 255]) * (1 - alpha)
    assert np.abs(film.get_frame(0) - expected).max() < 2


def test_sound_goes_along_in_step(avatar, motion, tmp_path):
    source = encode_flash_and_beep(tmp_path / "a.mkv", at=0.2, seconds=1.0, picture_starts=0.5)
    clip = pipeline.clip(avatar, motion, SMALL, audio_from=source)
    assert clip.audio.duration == pytest.approx(0.32, abs=0.01)
    heard = first_loud(clip.audio.to_soundarray(fps=48000).T)[0] / 48000
    assert heard == pytest.approx(0.2, abs=0.04)
    silent = encode_video(tmp_path / "silent.mp4", [gradient(48, 64)] * 2)
    assert pipeline.clip(avatar, motion, SMALL, audio_from=silent).audio is None


def test_without_moviepy_the_way_to_install_it_is_told(avatar, motion, monkeypatch):
    monkeypatch.setitem(sys.modules, "moviepy", None)
    with pytest.raises(GagavatarError, match=r'A clip needs MoviePy.*pip install "gagavatar-nodes\[moviepy\]"'):
        pipeline.clip(avatar, motion)


def test_the_example_makes_a_film(tmp_path, short_driver):
    from gagavatar_nodes import assets

    path = Path(__file__).parents[1] / "docs" / "examples" / "caption.py"
    spec = importlib.util.spec_from_file_location("caption", path)
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    example.caption(str(assets.path("example_portrait.jpg")), str(short_driver), str(tmp_path / "film.mp4"), 0.4)
    with VideoReader(tmp_path / "film.mp4") as film:
        assert (film.size, film.has_audio) == ((512, 512), True)
        shown = list(film)
    assert len(shown) == pytest.approx(4, abs=1)
    wall = np.abs(shown[0].astype(int) - (40, 60, 90)).max(-1) < 12
    assert 0.2 < wall.mean() < 0.9
