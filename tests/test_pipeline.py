"""The Python API as nodes, demo and command use it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image

from contracts import PortraitAsTaken
from gagavatar_nodes import assets, pipeline
from gagavatar_nodes.driving.operations import neutral_motion
from gagavatar_nodes.errors import FaceError, FileFormatError, GagavatarError, MediaError
from gagavatar_nodes.media.backgrounds import ColorBackground
from gagavatar_nodes.pipeline import Comparison, Look
from gagavatar_nodes.rendering.stitching import Stitcher

PORTRAIT = assets.path("example_portrait.jpg")


def test_a_portrait_keeps_the_way_back_into_its_picture(portrait):
    picture = np.asarray(Image.open(PORTRAIT))
    assert np.array_equal(portrait.picture, picture)
    height, width = picture.shape[:2]
    to_crop = cv2.invertAffineTransform(portrait.crop_to_picture)
    back = cv2.warpAffine(picture, to_crop, (portrait.size, portrait.size), flags=cv2.INTER_AREA)
    sure = cv2.erode((portrait.alpha > 0.99).astype(np.uint8), np.ones((9, 9))) > 0
    assert np.abs(back.astype(int) - portrait.crop)[sure].mean() < 4
    corners = portrait.crop_to_picture @ np.array([[0, portrait.size], [0, portrait.size], [1, 1]], float)
    assert corners.min() > -0.5 * width
    assert corners.max() < 1.5 * height


def test_a_point_on_a_face_counts_in_pixels_of_the_file(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(
        "gagavatar_nodes.tracking.portrait.track_portrait",
        lambda rgb, alpha, face, size: asked.append((rgb.shape, face)),
    )
    Image.new("RGB", (8192, 2000), "gray").save(tmp_path / "large.jpg")
    pipeline.read_portrait(tmp_path / "large.jpg", (6000.0, 1000.0))
    pipeline.read_portrait(tmp_path / "large.jpg", 1)
    assert asked == [((1000, 4096, 3), (3000, 500)), ((1000, 4096, 3), 1)]


def test_transparency_of_a_picture_is_its_matte(tmp_path):
    picture = np.asarray(Image.open(PORTRAIT))
    alpha = np.zeros(picture.shape[:2], np.uint8)
    alpha[100:500, 200:560] = 255
    Image.fromarray(np.dstack([picture, alpha])).save(tmp_path / "cut.png")
    cut = pipeline.read_portrait(tmp_path / "cut.png")
    on_picture = cv2.warpAffine(cut.alpha, cut.crop_to_picture, picture.shape[1::-1])
    assert on_picture[120:480, 220:540].min() > 0.95
    assert on_picture[:90].max() < 0.05
    assert on_picture[:, :190].max() < 0.05


def test_errors_name_the_file(tmp_path):
    Image.new("RGB", (200, 200), "gray").save(tmp_path / "wall.png")
    with pytest.raises(FaceError, match=r"wall\.png"):
        pipeline.read_portrait(tmp_path / "wall.png")
    with pytest.raises(FaceError, match=r"wall\.png"):
        pipeline.read_driver(tmp_path / "wall.png")
    with pytest.raises(MediaError, match=r"nothing\.mp4 does not exist"):
        pipeline.read_driver(tmp_path / "nothing.mp4")
    (tmp_path / "broken.safetensors").write_bytes(b"{}")
    with pytest.raises(FileFormatError, match=r"broken\.safetensors is not a motion file"):
        pipeline.read_driver(tmp_path / "broken.safetensors")


def test_drivers_of_every_kind(short_driver, driver_images, tmp_path):
    from gagavatar_nodes.driving.motion_file import save_motion

    video = pipeline.read_driver(short_driver)
    assert (len(video), video.fps) == (6, 10)
    assert len(pipeline.read_driver(short_driver, fps=5)) == 3
    assert len(pipeline.read_driver("nod", seconds=1, fps=12)) == 12
    Image.fromarray(driver_images[0]).save(tmp_path / "face.png")
    assert len(pipeline.read_driver(tmp_path / "face.png")) == 1
    save_motion(video, tmp_path / "motion of any name.bin")
    assert np.array_equal(pipeline.read_driver(tmp_path / "motion of any name.bin").deltas, video.deltas)


def test_a_file_goes_before_a_built_in_motion_of_the_same_name(short_driver, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert len(pipeline.read_driver("nod", seconds=1)) == 25
    (tmp_path / "nod").write_bytes(short_driver.read_bytes())
    assert len(pipeline.read_driver("nod")) == 6


def test_tracking_reports_its_progress(short_driver):
    reports = []
    pipeline.track(short_driver, progress=lambda done, total: reports.append((done, total)))
    assert [done for done, _ in reports] == [1, 2, 3, 4, 5, 6]
    assert {total for _, total in reports} == {6}


def test_rendering_reports_its_progress_and_counts_frames(avatar, tmp_path):
    reports = []
    performance = avatar.perform(neutral_motion(4))
    look = Look(32, 32)
    count = pipeline.render(performance, tmp_path / "a.gif", look, progress=lambda *now: reports.append(now))
    assert count == 4
    assert reports[-1] == (4, 4)


def test_one_frame_is_a_picture_and_no_video(avatar, tmp_path):
    performance = avatar.perform(neutral_motion(1))
    assert pipeline.render(performance, tmp_path / "a.png", Look(48, 32)) == 1
    assert Image.open(tmp_path / "a.png").size == (48, 32)
    with pytest.raises(MediaError, match="single frame"):
        pipeline.render(performance, tmp_path / "a.mp4", Look(48, 32))
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]


@pytest.mark.parametrize(("width", "height"), [(15, 64), (64, 2049), (0, 0)])
def test_sizes_out_of_range_are_refused(width, height):
    with pytest.raises(GagavatarError, match=f"{width}x{height}"):
        Look(width, height)


def test_an_unknown_model_is_refused(portrait):
    with pytest.raises(GagavatarError, match="'sculpture': choose one of"):
        pipeline.lift(portrait, "sculpture")


def test_chosen_frames_come_alone_and_in_order(avatar):
    performance = avatar.perform(pipeline.read_driver("nod", seconds=1))
    look = Look(48, 48)
    everything = list(pipeline.compose_frames(performance, look))
    some = list(pipeline.compose_frames(performance, look, [20, 3]))
    assert len(everything) == 25
    assert all(np.array_equal(one, everything[i]) for one, i in zip(some, (20, 3), strict=True))


def test_a_background_is_seen_through_what_is_not_opaque(avatar):
    performance = avatar.perform(neutral_motion(1))
    black, white, cut = (
        next(pipeline.compose_frames(performance, Look(64, 64, ColorBackground(color)))).astype(float)
        for color in ((0, 0, 0), (255, 255, 255), None)
    )
    alpha = cut[..., 3:] / 255
    assert np.abs(cut[..., :3] * alpha - black).max() <= 2
    assert np.abs(black + 255 * (1 - alpha) - white).max() <= 2


def test_stitching_a_still_face_gives_the_picture_back(avatar, portrait):
    """Where the matte is sure; the rest is blended."""
    (result,) = pipeline.compose_frames(PortraitAsTaken(avatar), Look(stitcher=Stitcher(portrait)))
    assert result.shape == portrait.picture.shape
    sure = cv2.warpAffine(portrait.alpha, portrait.crop_to_picture, result.shape[1::-1]) > 0.99
    sure = cv2.erode(sure.astype(np.uint8), np.ones((11, 11))) > 0
    difference = np.abs(result.astype(int) - portrait.picture)
    assert difference[sure].mean() < 6
    crop = cv2.warpAffine(np.ones_like(portrait.alpha), portrait.crop_to_picture, result.shape[1::-1])
    assert 0 < (crop == 0).mean() < 0.9
    assert difference[crop == 0].max() <= 1


def test_a_video_longer_than_its_driver_shows_its_last_frame_beside(avatar, portrait, short_driver):
    performance = avatar.perform(neutral_motion(9, 10.0))
    look = Look(64, 64, comparison=Comparison(portrait.picture, short_driver))
    frames = list(pipeline.compose_frames(performance, look))
    assert len(frames) == 9
    middle = slice(68, -68)
    assert np.array_equal(frames[5][:, middle], frames[8][:, middle])
    assert not np.array_equal(frames[0][:, middle], frames[5][:, middle])
