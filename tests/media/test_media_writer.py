import errno
import os
import threading

import av
import numpy as np
import pytest
from PIL import Image

from gagavatar_nodes.errors import MediaError
from gagavatar_nodes.media.encoders import FileEncoder
from gagavatar_nodes.media.video_reader import VideoReader
from gagavatar_nodes.media.video_writer import VideoWriter
from media_files import (
    encode_flash_and_beep,
    encode_sound,
    encode_video,
    gradient,
    gray_levels,
    read_tone,
    seen_and_heard,
)


def names(folder):
    return sorted(p.name for p in folder.iterdir())


def write(path, frames, fps=10, **options):
    height, width = frames[0].shape[:2]
    with VideoWriter(path, fps, (width, height), **options) as video:
        for frame in frames:
            video.write(frame)


def smooth(height=64, width=96):
    """Colors without sharp edges, which survive 4:2:0."""
    return gradient(height, width)


@pytest.mark.parametrize(("name", "tolerance"), [("a.mp4", 3), ("a.mov", 3), ("a.mkv", 3), ("a.webm", 5), ("a.gif", 9)])
def test_frames_read_back_in_order_and_color(tmp_path, name, tolerance):
    levels = gray_levels(8)
    frames = [np.clip(smooth().astype(int) // 2 + level // 2, 0, 255).astype(np.uint8) for level in levels]
    write(tmp_path / name, frames)
    with VideoReader(tmp_path / name) as video:
        assert video.fps == 10
        read = list(video)
    assert len(read) == 8
    for got, truth in zip(read, frames, strict=True):
        assert np.abs(got.astype(int) - truth).mean() < tolerance
    assert names(tmp_path) == [name]


def test_mp4_is_what_browsers_and_players_expect(tmp_path):
    write(tmp_path / "a.mp4", [smooth()] * 5, fps=30000 / 1001)
    with av.open(str(tmp_path / "a.mp4")) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        assert (context.name, context.pix_fmt, str(stream.average_rate)) == ("h264", "yuv420p", "30000/1001")
        assert (context.colorspace, context.color_primaries, context.color_trc, context.color_range) == (1, 1, 1, 1)
    data = (tmp_path / "a.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


@pytest.mark.parametrize("name", ["a.mp4", "a.webm", "a.mov", "a.mkv", "a.gif"])
def test_odd_sizes_become_even(tmp_path, name):
    write(tmp_path / name, [gradient(37, 51)] * 2)
    with VideoReader(tmp_path / name) as video:
        assert video.size == (52, 38)
        assert np.abs(next(iter(video))[:37, :51].astype(int) - gradient(37, 51)).mean() < 8


def alpha_frame():
    y, x = np.mgrid[:48, :64]
    alpha = np.clip(16 * (20 - np.hypot(x - 32, y - 24)), 0, 255).astype(np.uint8)
    return np.dstack([smooth(48, 64), alpha])


@pytest.mark.parametrize(("name", "decoder"), [("a.webm", "libvpx-vp9"), ("a.mov", "prores")])
def test_alpha_reads_back(tmp_path, name, decoder):
    truth = alpha_frame()
    write(tmp_path / name, [truth] * 3, alpha=True)
    with av.open(str(tmp_path / name)) as container:
        context = av.CodecContext.create(decoder, "r")
        stream = container.streams.video[0]
        context.extradata = stream.codec_context.extradata
        context.width, context.height = stream.width, stream.height
        context.codec_tag = stream.codec_context.codec_tag
        frames = [f for packet in container.demux(stream) if packet.size for f in context.decode(packet)]
        got = frames[0].to_ndarray(format="rgba")
    assert np.abs(got[..., 3].astype(int) - truth[..., 3]).mean() < 3
    inside = truth[..., 3] == 255
    assert np.abs(got[inside][:, :3].astype(int) - truth[inside][:, :3]).mean() < 5


def test_png_sequence_is_exact_and_numbered_from_one(tmp_path):
    truth = alpha_frame()
    write(tmp_path / "frames" / "head_%03d.png", [truth] * 3, alpha=True)
    assert names(tmp_path / "frames") == ["head_001.png", "head_002.png", "head_003.png"]
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "frames" / "head_002.png")), truth)
    assert names(tmp_path) == ["frames"]


def frames_of(seconds, fps=10):
    return [smooth()] * round(seconds * fps)


@pytest.mark.parametrize(
    ("source", "codec", "target", "expected"),
    [
        ("s.mp4", "aac", "a.mp4", "aac"),
        ("s.mkv", "pcm_s16le", "a.mp4", "aac"),
        ("s.mp4", "aac", "a.webm", "opus"),
        ("s.mkv", "libopus", "a.webm", "opus"),
        ("s.mkv", "libopus", "a.mov", "aac"),
    ],
)
def test_sound_is_carried_over_and_ends_with_the_picture(tmp_path, source, codec, target, expected):
    path = encode_video(tmp_path / source, frames_of(2), seconds_of_sound=2.0, audio_codec=codec)
    write(tmp_path / target, frames_of(1), audio_from=path)
    tone, name = read_tone(tmp_path / target)
    assert name == expected
    assert len(tone) / 48000 == pytest.approx(1.0, abs=0.07)
    middle = tone[12000:36000]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
    assert np.argmax(spectrum) * 48000 / len(middle) == pytest.approx(440, abs=3)
    assert middle.std() == pytest.approx(12000 / 32768 / np.sqrt(2), rel=0.1)


def test_copied_sound_is_the_same_bytes(tmp_path):
    path = encode_video(tmp_path / "s.mp4", frames_of(1), seconds_of_sound=1.0)
    write(tmp_path / "a.mp4", frames_of(1), audio_from=path)

    def packets(file):
        with av.open(str(file)) as container:
            return [bytes(p) for p in container.demux(container.streams.audio[0]) if p.size]

    copied = packets(tmp_path / "a.mp4")
    assert len(copied) > 40
    assert copied == packets(path)[: len(copied)]


ONE_CLOCK = [
    ("plain.mp4", {}),
    ("late_picture.mp4", {"picture_starts": 1.0}),
    ("late_picture.mkv", {"picture_starts": 0.7, "codec": "mp3"}),
    ("gap.mkv", {"silent": (0.2, 1.2)}),
    ("late_sound.mkv", {"silent": (-1.0, 0.8)}),
]


@pytest.mark.parametrize("target", ["a.mp4", "a.webm"])
@pytest.mark.parametrize("start", [0.0, 0.5])
@pytest.mark.parametrize(("source", "faults"), ONE_CLOCK)
def test_sound_stays_in_step_with_the_picture(tmp_path, target, start, source, faults):
    path = encode_flash_and_beep(tmp_path / source, **faults)
    with VideoReader(path) as video:
        frames = list(video)[round(10 * start) :]
    write(tmp_path / target, frames, audio_from=path, audio_start=start)
    seen, heard = seen_and_heard(tmp_path / target)
    assert seen == pytest.approx(1.5 - start, abs=0.02)
    assert heard == pytest.approx(seen, abs=0.04)


def test_source_without_sound_and_formats_without_sound_are_fine(tmp_path):
    silent = encode_video(tmp_path / "s.mp4", frames_of(1))
    write(tmp_path / "a.mp4", frames_of(1), audio_from=silent)
    write(tmp_path / "a.gif", frames_of(1), audio_from=encode_sound(tmp_path / "s.m4a"))
    with av.open(str(tmp_path / "a.mp4")) as container:
        assert not container.streams.audio


def test_unreadable_sound_is_named_and_leaves_nothing_behind(tmp_path):
    (tmp_path / "s.mp3").write_bytes(bytes(5000))
    with pytest.raises(MediaError, match=r"s\.mp3 has no sound that can be read"):
        VideoWriter(tmp_path / "a.mp4", 25, (64, 48), audio_from=tmp_path / "s.mp3")
    assert names(tmp_path) == ["s.mp3"]


@pytest.mark.parametrize(
    ("name", "alpha", "message"),
    [
        ("a.xyz", False, r"a\.xyz has no video extension.*\.mp4.*\.webm.*a_%05d\.png"),
        ("a", False, "has no video extension"),
        ("a.mp4", True, r"\.mp4 has no transparency, use \.webm, \.mov"),
        ("no/such/a.mp4", False, "there is no folder"),
        ("", False, "extension|folder"),
    ],
)
def test_impossible_outputs_are_named_before_the_work(tmp_path, name, alpha, message):
    with pytest.raises(MediaError, match=message):
        VideoWriter(tmp_path / name, 25, (64, 48), alpha=alpha)
    assert names(tmp_path) == []


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.webm", "frames/a_%03d.png"])
def test_ctrl_c_leaves_nothing_behind(tmp_path, name):
    threads = threading.active_count()

    def interrupted():
        with VideoWriter(tmp_path / name, 25, (96, 64)) as video:
            for _ in range(20):
                video.write(smooth())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert names(tmp_path) == []
    assert threading.active_count() == threads


@pytest.mark.parametrize("after", [0, 12])
def test_full_disk_is_one_line_and_leaves_nothing_behind(tmp_path, monkeypatch, after):
    real, calls = FileEncoder.write, []

    def fill(self, frame):
        calls.append(frame)
        if len(calls) > after:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(self, frame)

    monkeypatch.setattr(FileEncoder, "write", fill)
    with pytest.raises(MediaError, match=r"a\.mp4 cannot be written: the disk is full"):
        write(tmp_path / "a.mp4", [smooth()] * 40)
    assert names(tmp_path) == []


def test_video_without_frames_is_an_error(tmp_path):
    with pytest.raises(MediaError, match="no frame to write"), VideoWriter(tmp_path / "a.mp4", 25, (64, 48)):
        pass
    assert names(tmp_path) == []


def test_frames_of_another_size_or_type_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"Got a frame \(64, 96, 3\) uint8 but expected \(48, 64, 3\)"):
        write_wrong(tmp_path / "a.mp4", smooth())
    with pytest.raises(ValueError, match="float32"):
        write_wrong(tmp_path / "a.mp4", np.zeros((48, 64, 3), np.float32))
    assert names(tmp_path) == []


def write_wrong(path, frame):
    with VideoWriter(path, 25, (64, 48)) as video:
        video.write(frame)


def test_caller_may_reuse_the_frames_buffer(tmp_path):
    buffer = np.empty((48, 64, 3), np.uint8)
    with VideoWriter(tmp_path / "a.mp4", 10, (64, 48)) as video:
        for level in gray_levels(8):
            buffer[:] = level
            video.write(buffer)
            buffer[:] = 0
    with VideoReader(tmp_path / "a.mp4") as video:
        read = [int(frame.mean()) for frame in video]
    assert np.abs(np.subtract(read, gray_levels(8))).max() <= 2


def test_key_frames_come_as_often_as_asked(tmp_path):
    path = tmp_path / "often.mp4"
    with VideoWriter(path, 25, (32, 32), keyframes=4) as video:
        for level in range(10):
            video.write(np.full((32, 32, 3), 20 * level, np.uint8))
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    shown = sorted(packet.pts for packet in packets)
    keys = sorted(shown.index(packet.pts) for packet in packets if packet.is_keyframe)
    assert np.diff([*keys, 10]).max() <= 4
