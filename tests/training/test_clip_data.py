"""Our own layout: crops of a video and a motion file, read frame by frame in any order."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import numpy as np
import pytest
import torch

from gagavatar_nodes.driving.motion_file import save_motion
from gagavatar_nodes.errors import FileFormatError, GagavatarError, MediaError
from gagavatar_nodes.face.embedded_flame import embedded_flame
from gagavatar_nodes.heads.flame import Flame
from gagavatar_nodes.lifting.gagavatar.config import TINY
from gagavatar_nodes.media.video_writer import VideoWriter
from gagavatar_nodes.tracking.emica.results import flame_motion
from gagavatar_nodes.training.data import open_dataset, open_frames, random_access
from gagavatar_nodes.training.data.random_access import VideoFrames
from gagavatar_nodes.types import Camera, FlameCodes

FRAMES = {"talk_one": 20, "talk_two": 6}
SIZE = 64


def picture(clip: int, number: int) -> np.ndarray:
    """A gray of its own for each frame, in the middle of black."""
    image = np.zeros((SIZE, SIZE, 3), np.uint8)
    image[8:-8, 8:-8] = 30 + 9 * number + 4 * clip
    return image


def codes(frames: int, seed: int) -> FlameCodes:
    generator = np.random.default_rng(seed)

    def drawn(*shape: int) -> np.ndarray:
        return (0.1 * generator.standard_normal(shape)).astype(np.float32)

    transform = np.repeat(Camera.frontal(9.3).transform[None], frames, 0)
    transform[:, :, 3] += drawn(frames, 3)
    return FlameCodes("embedded", drawn(300), np.abs(drawn(frames, 100)), drawn(frames, 3), drawn(frames, 6), transform)


def boxes(frames: int) -> np.ndarray:
    return np.linspace([0.1, 0.2, 0.7, 0.8], [0.2, 0.3, 0.8, 0.9], frames).astype(np.float32)


def write_clip(folder, number: int, name: str, frames: int, given: FlameCodes | None = None) -> None:
    (folder / name).mkdir(parents=True)
    with VideoWriter(folder / name / "crops.mp4", 25, (SIZE, SIZE), crf=1) as writer:
        for frame in range(frames):
            writer.write(picture(number, frame))
    beside = {"boxes": boxes(frames), "frames": np.arange(frames, dtype=np.int32)}
    save_motion(flame_motion(given or codes(frames, number), 25), folder / name / "motion.safetensors", beside)


def write_list(folder, **splits: list[str]) -> None:
    (folder / "dataset.json").write_text(json.dumps({"format": "gagavatar.dataset", "version": 1, **splits}))


def keys(name: str) -> list[str]:
    return [f"{name}_{frame:06d}" for frame in range(FRAMES[name])]


@pytest.fixture
def folder(tmp_path):
    for number, (name, frames) in enumerate(FRAMES.items()):
        write_clip(tmp_path, number, name, frames)
    write_list(tmp_path, train=keys("talk_one"), val=keys("talk_two"), test=[])
    return tmp_path


@pytest.fixture(scope="module")
def flame():
    return Flame(embedded_flame())


def test_frames_come_in_any_order(folder):
    frames = open_frames(folder)
    order = keys("talk_one") + keys("talk_two")
    random.Random(0).shuffle(order)
    for key in order:
        clip, number = int("two" in key), int(key[-6:])
        np.testing.assert_allclose(frames.picture(key)[20:40, 20:40], picture(clip, number)[20:40, 20:40], atol=3)


def test_forgotten_frames_are_decoded_again(folder, monkeypatch):
    monkeypatch.setattr(random_access, "_cache", random_access._FrameCache(3 * SIZE * SIZE * 3))
    video = VideoFrames(folder / "talk_one" / "crops.mp4")
    assert len(video) == FRAMES["talk_one"]
    for number in (19, 3, 4, 3, 0, 19, 11):
        assert video.frame(number)[32, 32, 0] == pytest.approx(picture(0, number)[32, 32, 0], abs=3)
    with pytest.raises(FileFormatError, match="has 20 frames and no frame 20"):
        video.frame(20)


def test_a_pair_has_the_codes_of_its_frames(folder, flame):
    pair = open_dataset(folder, "val", flame, TINY)[2]
    assert pair.source_keys == ("talk_two_000000",)
    assert pair.target_keys == ("talk_two_000003",)
    given = codes(FRAMES["talk_two"], 1)
    np.testing.assert_array_equal(pair.source_camera[0], given.transform[0])
    np.testing.assert_array_equal(pair.target_camera[0], given.transform[3])
    np.testing.assert_array_equal(pair.target_box[0], boxes(FRAMES["talk_two"])[3])
    parts = (given.shape, given.expression[3], given.jaw[3], given.eyes[3])
    torch.testing.assert_close(pair.target_points, flame(*(torch.from_numpy(part)[None] for part in parts)))
    assert pair.source_image.shape == (1, 3, TINY.image_size, TINY.image_size)
    middle = TINY.render_size // 2
    assert pair.target_image[0, 0, middle, middle].item() * 255 == pytest.approx(picture(1, 3)[32, 32, 0], abs=3)


def test_a_shape_for_each_frame_is_taken_by_frame(tmp_path, flame):
    given = codes(4, 0)
    shapes = np.random.default_rng(1).standard_normal((4, 300)).astype(np.float32)
    write_clip(tmp_path, 0, "talk_one", 4, replace(given, shape=shapes))
    write_list(tmp_path, train=keys("talk_one")[:4])
    np.testing.assert_array_equal(open_frames(tmp_path).codes("talk_one_000002").shape, shapes[2])


def test_another_head_model_is_refused(folder):
    from parity_recipe import synthetic_flame

    with pytest.raises(GagavatarError, match="edition embedded cannot be used with edition 2020"):
        open_dataset(folder, "train", Flame(synthetic_flame(0)))


def test_clips_of_two_editions_do_not_mix(folder):
    (folder / "talk_two" / "motion.safetensors").unlink()
    (folder / "talk_two" / "crops.mp4").unlink()
    (folder / "talk_two").rmdir()
    write_clip(folder, 1, "talk_two", 6, replace(codes(6, 1), edition="2020"))
    with pytest.raises(FileFormatError, match=r"2020 \(talk_two\), embedded \(talk_one\)"):
        open_frames(folder)


def test_a_frame_beyond_the_motion_is_named(folder):
    write_list(folder, train=[*keys("talk_one"), "talk_one_000020"])
    with pytest.raises(FileFormatError, match="lists frame talk_one_000020 under train, but talk_one has 20 frames"):
        open_frames(folder)


def test_a_video_of_another_length_than_its_motion_is_named(folder):
    save_motion(
        flame_motion(codes(21, 0), 25), folder / "talk_one" / "motion.safetensors",
        {"boxes": boxes(21), "frames": np.arange(21, dtype=np.int32)},
    )  # fmt: skip
    with pytest.raises(FileFormatError, match=r"crops\.mp4 has 20 frames, but its motion file 21"):
        open_frames(folder).picture("talk_one_000000")


def test_a_damaged_or_missing_video_is_named(folder):
    (folder / "talk_one" / "crops.mp4").write_bytes(b"nothing")
    with pytest.raises(FileFormatError, match=r"talk_one.crops\.mp4 cannot be read as a video"):
        open_frames(folder).picture("talk_one_000000")
    (folder / "talk_two" / "motion.safetensors").unlink()
    with pytest.raises(MediaError, match=r"motion\.safetensors"):
        open_frames(folder)


def test_a_list_without_frames_is_refused(folder):
    for lists in ({"train": []}, {"train": ["frame"]}, {"train": "all"}, []):
        (folder / "dataset.json").write_text(json.dumps(lists))
        with pytest.raises(FileFormatError, match="lists no frames"):
            open_frames(folder)
