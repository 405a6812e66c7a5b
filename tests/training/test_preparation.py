"""From raw videos to training data."""

from __future__ import annotations

import json
import os

import cv2
import numpy as np
import pytest

from gagavatar_nodes import assets
from gagavatar_nodes.driving.motion_file import load_beside, load_motion
from gagavatar_nodes.errors import MediaError
from gagavatar_nodes.media.video_reader import VideoReader
from gagavatar_nodes.tracking.cuts import CutDetector
from gagavatar_nodes.tracking.people import PeopleTracker
from gagavatar_nodes.training.layout import is_whole, key_of, read_boxes, split_key
from gagavatar_nodes.training.preparation import PrepareSettings, prepare, run
from gagavatar_nodes.training.preparation.clip import ranges
from gagavatar_nodes.training.preparation.head_window import HeadWindow, head_box
from gagavatar_nodes.training.preparation.quality import BLURRED, REPEATED, same_picture
from media_files import encode_video

QUICK = PrepareSettings(tracker="embedded", matting="guided", fewest=4)


@pytest.fixture(scope="module")
def portrait_frames(driver_images):
    """Six frames of a second person: the example portrait, which drifts a little."""
    picture = np.ascontiguousarray(cv2.imread(str(assets.path("example_portrait.jpg")))[..., ::-1])
    height, width = driver_images[0].shape[:2]
    return [
        cv2.resize(picture[k : k + 700, 2 * k : 2 * k + 700], (width, height), interpolation=cv2.INTER_AREA)
        for k in range(6)
    ]


@pytest.fixture(scope="module")
def data(tmp_path_factory, driver_images, portrait_frames):
    """Two good videos and a bad one, prepared; one has two shots, a repeated frame and a blurred one."""
    folder = tmp_path_factory.mktemp("data")
    frames = [*driver_images[:12:2], driver_images[10], *driver_images[12:16]]
    frames.insert(9, cv2.GaussianBlur(driver_images[13], (0, 0), 12))
    film = encode_video(folder / "two shots.mp4", frames + portrait_frames, fps=10)
    short = encode_video(folder / "short.mp4", driver_images[:6], fps=10)
    (folder / "broken.mp4").write_bytes(film.read_bytes()[:2000])
    report = prepare([film, short, folder / "broken.mp4"], folder / "data", QUICK, workers=2)
    return folder / "data", report, {"film": film, "short": short, "frames": frames}


def test_clips_are_split_by_shot_and_hold_what_the_report_says(data):
    folder, report, _ = data
    film = next(video for video in report["videos"] if video["video"].endswith("two shots.mp4"))
    first, second = film["clips"]
    assert first["name"] == "two-shots-s000-p0"
    assert second["name"] == "two-shots-s001-p0"
    assert (first["first_frame"], second["first_frame"]) == (0, 12)
    for clip in (first, second):
        assert is_whole(folder / clip["name"])
        motion = load_motion(folder / clip["name"] / "motion.safetensors")
        with VideoReader(folder / clip["name"] / "crops.mp4") as crops:
            count = sum(1 for _ in crops)
            assert crops.size == (512, 512)
        assert count == len(motion) == clip["kept"]


def test_bad_frames_are_dropped_with_the_reason(data):
    _, report, _ = data
    film = next(video for video in report["videos"] if video["video"].endswith("two shots.mp4"))
    dropped = film["clips"][0]["dropped"]
    assert dropped[REPEATED] == "6"
    assert dropped[BLURRED] == "9"
    assert film["clips"][0]["kept"] == 10


def test_a_bad_video_is_reported_and_does_not_stop_the_rest(data):
    _, report, _ = data
    broken = next(video for video in report["videos"] if video["video"].endswith("broken.mp4"))
    assert "broken.mp4" in broken["error"]
    assert "\n" not in broken["error"]
    assert len(report["videos"]) == 3
    assert run.summarize(report).startswith("3 videos, 3 clips, 22 good frames; 1 failed: ")


def test_crops_are_matted_onto_black_around_the_head(data):
    folder, _, _ = data
    clip = folder / "two-shots-s001-p0"
    with VideoReader(clip / "crops.mp4") as crops:
        crop = next(iter(crops))
    boxes = read_boxes(clip / "motion.safetensors")
    assert boxes.shape == (6, 4)
    left, top, right, bottom = boxes[0]
    assert 0.5 < np.sqrt((right - left) * (bottom - top)) < 0.7  # 1 / 1.65 where the head does not move
    assert crop[:40, :40].max() < 12  # black
    inside = crop[int(top * 512) : int(bottom * 512), int(left * 512) : int(right * 512)]
    assert inside.mean() > 60


def test_motion_refers_to_the_crops(data, driver_images):
    """Landmarks of the motion lie where a fresh look at the crop finds them."""
    from gagavatar_nodes.tracking.faces import choose_face
    from gagavatar_nodes.tracking.landmarks import motion_landmarks
    from gagavatar_nodes.tracking.landmarks.face_model import INDICES

    folder, _, _ = data
    clip = folder / "two-shots-s000-p0"
    with VideoReader(clip / "crops.mp4") as crops:
        crop = next(iter(crops))
    placed = motion_landmarks(load_motion(clip / "motion.safetensors"))[0, :, :2] * 512 + 255.5
    seen = choose_face(crop).points[list(INDICES), :2]
    assert np.linalg.norm(placed - seen, axis=1).mean() < 4
    frames = load_beside(clip / "motion.safetensors")["frames"]
    np.testing.assert_array_equal(frames, [0, 1, 2, 3, 4, 5, 7, 8, 10, 11])


def test_a_second_run_leaves_finished_videos_and_redoes_half_made_ones(data):
    folder, _, sources = data
    whole, half = folder / "short-s000-p0" / "crops.mp4", folder / "two-shots-s000-p0"
    before = whole.stat().st_mtime_ns
    motion = load_motion(half / "motion.safetensors")
    (half / "motion.safetensors").unlink()
    report = prepare([sources["film"], sources["short"]], folder, QUICK, workers=2)
    assert whole.stat().st_mtime_ns == before
    np.testing.assert_array_equal(load_motion(half / "motion.safetensors").deltas, motion.deltas)
    assert len(report["videos"]) == 3  # those of earlier runs stay
    assert not (folder / ".work").exists()


def test_dataset_lists_every_frame_once(data):
    folder, _, _ = data
    dataset = json.loads((folder / "dataset.json").read_text())
    assert (dataset["format"], dataset["version"]) == ("gagavatar.dataset", 1)
    keys = [*dataset["train"], *dataset["val"], *dataset["test"]]
    assert len(keys) == len(set(keys)) == 22
    assert split_key(dataset["val"][0]) == ("two-shots-s000-p0", 6)
    assert key_of(*split_key(keys[0])) == keys[0]


def die(*_: object) -> None:
    """Stands for a decoder that crashes."""
    os._exit(9)


def test_a_process_that_dies_is_reported(tmp_path, driver_images, monkeypatch):
    film = encode_video(tmp_path / "film.mp4", driver_images[:2], fps=10)
    monkeypatch.setattr(run, "_work", die)
    report = prepare([film], tmp_path / "data", QUICK)
    assert "its process ended with code 9" in report["videos"][0]["error"]


def test_no_video_at_all(tmp_path):
    with pytest.raises(MediaError, match="holds no video"):
        prepare([tmp_path], tmp_path / "data", QUICK)
    with pytest.raises(MediaError, match="does not exist"):
        prepare([tmp_path / "no.mp4"], tmp_path / "data", QUICK)


def test_command_says_what_it_made(gagavatar, tmp_path, driver_images):
    film = encode_video(tmp_path / "film.mp4", driver_images[:5], fps=10)
    done = gagavatar("prepare", film, "-o", tmp_path / "data", "--fewest", 4, "--tracker", "embedded", "--quiet")
    assert done.code == 0
    assert done.out.strip() == f"{tmp_path / 'data'}: 1 videos, 1 clips, 5 good frames"


def test_codes_are_fitted_to_the_crops_with_the_bundled_head(tmp_path, driver_images):
    import torch

    from gagavatar_nodes.face.embedded_flame import embedded_flame
    from gagavatar_nodes.heads.flame import Flame
    from gagavatar_nodes.tracking.landmarks import motion_landmarks

    film = encode_video(tmp_path / "film.mp4", driver_images[:12:2], fps=10)
    settings = PrepareSettings(flame="embedded", matting="guided", fewest=4)
    prepare([film], tmp_path / "data", settings)
    motion = load_motion(tmp_path / "data" / "film-s000-p0" / "motion.safetensors")
    codes = motion.flame
    assert codes is not None
    assert codes.edition == "embedded"
    flame = Flame(embedded_flame())
    parts = (codes.shape[None], codes.expression, codes.jaw, codes.eyes)
    points = flame.landmarks(flame(*map(torch.from_numpy, parts))).numpy()
    view = points @ codes.transform[:, :, :3] + codes.transform[:, None, :, 3]
    placed = -12 * view[..., :2] / view[..., 2:] * 256
    seen = motion_landmarks(motion)[..., :2] * 512
    assert np.linalg.norm(placed - seen, axis=-1)[:, 17:].mean() < 4  # pixels


def test_cuts_are_found_and_movement_is_none(driver_images, portrait_frames):
    detector = CutDetector()
    frames = [*driver_images[:40], *portrait_frames, *driver_images[40:50]]
    assert [k for k, frame in enumerate(frames) if detector.feed(frame)] == [40, 46]


def test_two_persons_in_one_picture_are_told_apart(driver_images, portrait_frames):
    people = PeopleTracker(10)
    seen = [
        people.feed(np.concatenate([a, b], axis=1)) for a, b in zip(driver_images[:12:2], portrait_frames, strict=True)
    ]
    assert all(sorted(faces) == [0, 1] for faces in seen)
    width = driver_images[0].shape[1]
    sides = {number: face.box[0] < width for number, face in seen[0].items()}
    assert sorted(sides.values()) == [False, True]
    for faces in seen[1:]:
        assert {number: face.box[0] < width for number, face in faces.items()} == sides


def test_window_is_square_and_follows_slowly(driver_images):
    from gagavatar_nodes.tracking.faces import choose_face

    box = head_box(choose_face(driver_images[0]).points)
    window = HeadWindow()
    left, top, edge = window.move(box)
    assert edge == pytest.approx(np.sqrt((box[2:] - box[:2]).prod()) * 1.65, abs=1)
    moved = window.move(box + 100)
    assert moved == pytest.approx((left + 3, top + 3, edge), abs=1)


def test_repeated_pictures():
    image = np.random.default_rng(0).integers(0, 255, (40, 40, 3), np.uint8)
    assert same_picture(image.copy(), image)
    assert not same_picture(image, None)
    assert not same_picture(255 - image, image)


def test_ranges():
    assert ranges([3, 7, 8, 9, 12]) == "3, 7-9, 12"
    assert ranges([]) == ""
