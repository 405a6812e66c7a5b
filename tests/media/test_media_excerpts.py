"""A later part of a film is the same whether or not what comes before it was decoded."""

from fractions import Fraction

import av
import numpy as np
import pytest

from gagavatar_nodes.media import video_reader
from gagavatar_nodes.media.excerpt import Excerpt
from gagavatar_nodes.media.video_reader import VideoReader
from gagavatar_nodes.media.video_writer import VideoWriter

COUNT, GROUP = 96, 12
STEADY = [1000 * index // 25 for index in range(COUNT)]
UNEVEN = [round(time + 13 * np.sin(index)) for index, time in enumerate(STEADY)]
STANDING = [time + 3000 * (index > 20) for index, time in enumerate(STEADY)]
JUMPING = [time + 40_000 * (index > 20) for index, time in enumerate(STEADY)]


def film(path, codec="libx264", times=STEADY, pixels="yuv420p", **options):
    """A film of moving stripes with a key frame in each dozen."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options={key: str(value) for key, value in options.items()})
        stream.width, stream.height, stream.pix_fmt, stream.gop_size = 64, 48, pixels, GROUP
        stream.codec_context.time_base = Fraction(1, 1000) if len(set(np.diff(times))) > 1 else Fraction(1, 25)
        for index, time in enumerate(times):
            x, y = np.meshgrid(np.arange(64), np.arange(48))
            gray = 128 + 100 * np.sin(x / 5 + index / 3) * np.cos(y / 7 - index / 5)
            frame = av.VideoFrame.from_ndarray(np.repeat(gray[..., None], 3, 2).astype(np.uint8), format="rgb24")
            frame.pts, frame.time_base = time, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


FILMS = {
    "b_frames.mp4": {"bf": 3},
    "open_groups.mkv": {"bf": 3, "x264-params": "open-gop=1"},
    "refreshed_by_columns.ts": {"x264-params": "intra-refresh=1"},
    "transport.ts": {"bf": 2},
    "uneven.mkv": {"times": UNEVEN, "bf": 2},
    "standing.mp4": {"times": STANDING},
    "jumping.ts": {"times": JUMPING},
    "late.mkv": {"times": [time + 900 for time in STEADY]},
    "vp9.webm": {"codec": "libvpx-vp9", "cpu-used": 8, "deadline": "realtime"},
    "mpeg2.mpg": {"codec": "mpeg2video", "bf": 2},
    "mpeg4.avi": {"codec": "mpeg4"},
}


@pytest.mark.parametrize("name", FILMS)
def test_frames_are_those_of_the_whole_film(tmp_path, name):
    with VideoReader(film(tmp_path / name, **FILMS[name])) as video:
        whole = [frame.copy() for frame in video]
        for first in (1, GROUP, 37, 60, len(whole) - 1, len(whole) + 3):
            part = list(video.frames_from(first))
            assert len(part) == max(0, len(whole) - first)
            assert all(np.array_equal(one, other) for one, other in zip(part, whole[first:], strict=True))
            assert video.damage is None


def test_what_is_long_before_a_part_is_not_decoded(tmp_path, monkeypatch):
    shown = []
    convert = video_reader.frame_to_rgb
    monkeypatch.setattr(video_reader, "frame_to_rgb", lambda frame, *how: shown.append(0) or convert(frame, *how))
    with VideoReader(film(tmp_path / "a.mp4", bf=2)) as video:
        assert len(list(Excerpt(video, 80 / 25))) == COUNT - 80
    assert len(shown) < COUNT - 80 + 3 * GROUP


def test_a_part_of_a_part_lies_in_it(tmp_path):
    with VideoReader(film(tmp_path / "a.mkv")) as video:
        whole = [frame.copy() for frame in video]
        part = Excerpt(Excerpt(video, 1, 3), 0.4, 9)
        for first, count in ((0, 40), (7, 33), (50, 0)):
            frames = list(part.frames_from(first))
            assert len(frames) == count
            assert all(np.array_equal(one, other) for one, other in zip(frames, whole[35 + first :], strict=False))


def test_a_film_that_was_cut_off_says_so_of_its_later_part_too(tmp_path):
    path, rng = tmp_path / "a.mp4", np.random.default_rng(0)
    with VideoWriter(path, 25, (64, 48), keyframes=GROUP) as writer:  # its index comes first
        for _ in range(COUNT):
            writer.write(rng.integers(0, 256, (48, 64, 3), dtype=np.uint8))
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 3 // 4])
    with VideoReader(path) as video:
        whole = [frame.copy() for frame in video]
        told = video.damage
        assert "cut off" in told
        part = list(video.frames_from(40))
        assert video.damage == told
    assert all(np.array_equal(one, other) for one, other in zip(part, whole[40:], strict=True))
