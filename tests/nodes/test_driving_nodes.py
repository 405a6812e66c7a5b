import shutil

import av
import numpy as np
import pytest
import torch

from gagavatar_nodes.errors import FaceError, GagavatarError
from gagavatar_nodes.media.video_reader import VideoReader
from gagavatar_nodes.media.video_writer import VideoWriter
from gagavatar_nodes.nodes.sound import read_sound, write_sound
from media_files import encode_flash_and_beep, first_loud
from synthetic import DRIVER


class FileVideo:
    """A VIDEO like ComfyUI's: it reads a file."""

    def __init__(self, path):
        self.path = str(path)

    def get_stream_source(self):
        return self.path

    def get_components(self):
        raise AssertionError("all frames of a file were asked for at once")


@pytest.fixture(scope="session")
def frames():
    """The first frames of the bundled driver."""
    with VideoReader(DRIVER) as video:
        return np.stack([frame for frame, _ in zip(video, range(6), strict=False)])


def test_a_video_file_is_streamed_and_gives_the_motion_of_its_frames(run, frames, tmp_path):
    with VideoWriter(tmp_path / "driver.mkv", 20, frames.shape[2:0:-1], crf=0) as writer:
        for frame in frames:
            writer.write(frame)
    with VideoReader(tmp_path / "driver.mkv") as reader:
        decoded = torch.from_numpy(np.stack(list(reader)).astype(np.float32) / 255)
    streamed, audio, overlay, report, fps = run("ExtractDriving", video=FileVideo(tmp_path / "driver.mkv"))
    batch = run("ExtractDriving", images=decoded, fps=20.0)[0]
    assert np.array_equal(streamed.deltas, batch.deltas)
    assert streamed.fps == batch.fps == fps == 20
    assert audio is None
    assert len(overlay) == 6
    assert "6 frames at 20 a second" in report
    assert "every frame" in report


class PartVideo(FileVideo):
    """A VIDEO that was cut from its file, as newer versions of ComfyUI give."""

    def __init__(self, path, seconds=1.0, part=None):
        super().__init__(path)
        self.seconds, self.part = seconds, part

    def get_duration(self):
        return self.seconds

    def save_to(self, path):
        shutil.copy(self.part, path)


def test_of_a_cut_video_only_the_part_is_tracked(run, frames, tmp_path):
    for name, count in (("whole.mp4", 6), ("part.mp4", 2)):
        with VideoWriter(tmp_path / name, 20, frames.shape[2:0:-1]) as writer:
            for frame in frames[:count]:
                writer.write(frame)
    cut = PartVideo(tmp_path / "whole.mp4", 0.1, tmp_path / "part.mp4")
    assert len(run("ExtractDriving", video=cut)[0]) == 2
    assert len(run("ExtractDriving", video=PartVideo(tmp_path / "whole.mp4"))[0]) == 6


def test_bridged_frames_are_listed_and_audio_is_passed_on(run, frames):
    images = torch.from_numpy(frames.astype(np.float32) / 255)
    images[2:4] = 0
    sound = {"waveform": torch.zeros(1, 1, 100), "sample_rate": 100}
    motion, audio, _, report, _ = run("ExtractDriving", images=images, audio=sound, preview_frames=0)
    assert motion.bridged == [2, 3]
    assert "no face in 2 frames, filled in: 2-3" in report
    assert audio is sound


def test_one_picture_is_a_driver_too(run, photo):
    assert len(run("ExtractDriving", images=photo)[0]) == 1


def test_a_driver_without_a_face_says_so(run):
    with pytest.raises(FaceError, match="no face was found in any of the 2 frames"):
        run("ExtractDriving", images=torch.zeros(2, 64, 64, 3))


def test_a_missing_driver_says_what_to_connect(run):
    with pytest.raises(GagavatarError, match="connect 'video'"):
        run("ExtractDriving")


def test_sound_comes_back_as_it_was(tmp_path):
    time = np.arange(24000) / 24000
    wave = torch.from_numpy(np.stack([np.sin(440 * time), 0.3 * np.cos(90 * time)]).astype(np.float32))[None]
    write_sound({"waveform": wave, "sample_rate": 24000}, tmp_path / "a.wav")
    back = read_sound(tmp_path / "a.wav")
    assert back["sample_rate"] == 24000
    assert (back["waveform"] - wave).abs().max() <= 1 / 32768


def test_a_video_without_sound_has_none():
    with av.open(str(DRIVER)) as container:
        assert not container.streams.audio
    assert read_sound(DRIVER) is None


def test_the_sound_of_a_video_is_in_step_with_its_frames(tmp_path):
    path = encode_flash_and_beep(tmp_path / "late.mkv", picture_starts=1.0, silent=(0.2, 1.2))
    audio = read_sound(path)
    samples, rate = audio["waveform"][0].numpy(), audio["sample_rate"]
    assert first_loud(samples)[0] / rate == pytest.approx(1.5, abs=0.04)


def test_audio_that_fails_at_the_first_look_is_left_out(run, driver_images, caplog):
    class SilentFilm(dict):
        def __bool__(self):
            raise Exception("ffmpeg: no audio stream")

        __getitem__ = __len__ = __bool__

    images = torch.from_numpy(np.stack(driver_images[:2])).float() / 255
    _, audio, *_ = run("ExtractDriving", images=images, audio=SilentFilm())
    assert audio is None
    assert "the result is silent" in caplog.text


def test_sound_that_ends_before_the_picture_begins_is_none(tmp_path):
    path = encode_flash_and_beep(tmp_path / "early.mkv", picture_starts=3.0, silent=(-1.0, 10.0))
    assert read_sound(path) is None


def test_another_smoothing_or_preview_does_not_look_for_the_face_again(run, driver_images, monkeypatch):
    from gagavatar_nodes.nodes import driving
    from gagavatar_nodes.tracking.face_mesh import FaceLandmarker

    driving._memory.cache_clear()
    frames = [*driver_images[:6], np.zeros_like(driver_images[0]), *driver_images[6:9]]
    images = torch.from_numpy(np.stack(frames).astype(np.float32) / 255)
    looks = []
    detect = FaceLandmarker.detect
    monkeypatch.setattr(FaceLandmarker, "detect", lambda self, *args: looks.append(1) or detect(self, *args))

    def extract(smoothing, preview_frames=0):
        return run("ExtractDriving", images=images, smoothing=smoothing, preview_frames=preview_frames)

    fresh = extract(0.8)[0]
    driving._memory.cache_clear()
    extract(0.1)
    before = len(looks)
    again, _, overlay, report, _ = extract(0.8, 4)
    assert len(looks) == before
    assert len(overlay) == 4
    assert "no face in 1 frames, filled in: 6" in report
    assert np.allclose(again.rotation, fresh.rotation, atol=1e-4)
    assert np.allclose(again.deltas.astype(float), fresh.deltas.astype(float), atol=0.01)
    run("ExtractDriving", images=images[:5], smoothing=0.1, preview_frames=0)
    assert len(looks) > before


def test_faces_are_counted_by_size_or_from_the_left(run, photo):
    height, width = photo.shape[1:3]
    small = torch.nn.functional.interpolate(photo.movedim(-1, 1), scale_factor=0.7, mode="area").movedim(1, -1)
    pair = torch.full((1, height, 2 * width, 3), 0.5)
    pair[:, : small.shape[1], : small.shape[2]], pair[:, :, width:] = small, photo

    def place(**which):
        return run("ExtractDriving", images=pair, preview_frames=0, **which)[0].translation[0, 0]

    assert place() > 0 > place(face_order="left to right")
    assert place(face=1, face_order="left to right") > 0 > place(face=1)
    with pytest.raises(FaceError, match=r"choose 0 to 1 \(0 is the leftmost\)"):
        place(face=2, face_order="left to right")


def test_frames_are_not_tracked_again_by_the_published_tracker_where_smoothing_changes(run, frames, monkeypatch):
    from gagavatar_nodes import trackers
    from gagavatar_nodes.nodes.models import HeadTracker

    looks, track = [], trackers.track_file

    def counted(video, tracker, *rest):
        looks.append(tracker)
        return track(video, "embedded", *rest)

    monkeypatch.setattr(trackers, "track_file", counted)
    images = torch.from_numpy(frames.astype(np.float32) / 255)
    for smoothing, fps in ((0.2, 25.0), (0.8, 25.0), (0.8, 20.0)):
        run("ExtractDriving", images=images, fps=fps, smoothing=smoothing, tracker=HeadTracker("emica"))
    assert looks == ["emica", "emica"]
