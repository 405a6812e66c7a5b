"""Bounds on what is decoded hold while it is decoded, whatever a file says of itself."""

import itertools
import struct

import av
import numpy as np
import pytest
from PIL import Image

from gagavatar_nodes.assets import path as asset
from gagavatar_nodes.errors import MediaError
from gagavatar_nodes.media import budget
from gagavatar_nodes.media.sound import SoundReader
from gagavatar_nodes.media.video_reader import VideoReader

_DURATION = b"\x44\x89\x88"
"""Matroska's element: its id, and that 8 bytes follow."""


def bounded(*values, **options):
    return budget.within(budget.Budget(*values, **options))


def film(path, frames, size=64, options=None):
    with av.open(str(path), "w", format="matroska", options=options or {}) as file:
        stream = file.add_stream("mpeg4", rate=25)
        stream.width = stream.height = size
        for _ in range(frames):
            file.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((size, size, 3), np.uint8))))
        file.mux(stream.encode(None))
    return path


def test_a_film_whose_head_says_that_it_is_short_keeps_to_the_bound(tmp_path):
    path = film(tmp_path / "film.mkv", 100)
    data = path.read_bytes()
    at = data.index(_DURATION) + len(_DURATION)
    path.write_bytes(data[:at] + struct.pack(">d", 500.0) + data[at + 8 :])  # milliseconds
    with bounded(2.0):
        video = VideoReader(path)
        assert video.duration < 1
        seen = itertools.count()
        with pytest.raises(MediaError, match=r"film\.mkv is longer than 2 s"):
            list(zip(video, seen, strict=False))
        assert next(seen) < 70
    assert sum(1 for _ in VideoReader(path)) == 100, "it has that many where there is no bound"


def test_a_film_of_large_pictures_is_refused_before_it_is_read(tmp_path):
    path = film(tmp_path / "film.mkv", 3, 256)
    with bounded(2.0, pixels=200 * 200), pytest.raises(MediaError, match="256 x 256 pixels"):
        VideoReader(path)
    with bounded(2.0):
        assert sum(1 for _ in VideoReader(path)) == 3


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_a_small_file_of_many_pictures_keeps_to_the_bound(tmp_path, kind):
    path = tmp_path / f"many.{kind.lower()}"
    frames = [Image.new("RGB", (300, 300), (4 * number, 0, 0)) for number in range(60)]
    frames[0].save(path, kind, save_all=True, append_images=frames[1:], duration=20)
    assert path.stat().st_size < 92_000
    with bounded(60.0, total=1e6), pytest.raises(MediaError, match="too many pixels"):
        VideoReader(path)
    with bounded(0.3), pytest.raises(MediaError, match=r"longer than 0\.3 s"):
        VideoReader(path)
    with bounded(60.0):
        VideoReader(path).close()


def test_sound_keeps_to_the_bound():
    with bounded(1.0), pytest.raises(MediaError, match="longer than 1 s"):
        list(SoundReader(asset("example_voice.flac")))
    assert sum(block.shape[1] for block in SoundReader(asset("example_voice.flac"))) > 16000
