import threading

import numpy as np
import pytest
from PIL import Image

from gagavatar_nodes.errors import MediaError
from gagavatar_nodes.media.video_reader import VideoReader
from gagavatar_nodes.media.video_writer import VideoWriter
from media_files import encode_sound, encode_video, gradient, gray_levels
from odd_films import trimmed, with_matrix


def gray_frames(count, height=48, width=64):
    return [np.full((height, width, 3), level, np.uint8) for level in gray_levels(count)]


def shown(reader, count):
    """Which of `gray_frames(count)` each frame of the reader shows."""
    levels = np.array(gray_levels(count))
    return [int(np.abs(levels - frame[5, 5, 1]).argmin()) for frame in reader]


def test_frames_come_in_order_at_the_videos_rate(tmp_path):
    path = encode_video(tmp_path / "a.mp4", gray_frames(12), fps=12)
    with VideoReader(path) as video:
        assert (video.fps, video.size, video.frame_count, video.has_audio) == (12.0, (64, 48), 12, False)
        assert video.duration == pytest.approx(1.0, abs=0.1)
        assert shown(video, 12) == list(range(12))
        assert shown(video, 12) == list(range(12)), "the second pass starts at the beginning"
        assert video.damage is None


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.mov", "a.avi", "a.ts"])
def test_colors_survive_any_container(tmp_path, name):
    path = encode_video(tmp_path / name, [gradient(48, 64)] * 3, fps=25)
    with VideoReader(path) as video:
        frames = list(video)
    assert len(frames) == 3
    assert all(frame.dtype == np.uint8 and frame.shape == (48, 64, 3) for frame in frames)
    assert np.abs(frames[1].astype(int) - gradient(48, 64)).max() <= 6


def test_odd_sizes_are_kept(tmp_path):
    path = encode_video(tmp_path / "a.mkv", [gradient(37, 51)] * 2)
    with VideoReader(path) as video:
        assert video.size == (51, 37)
        assert next(iter(video)).shape == (37, 51, 3)


@pytest.mark.parametrize("degrees", [90, 180, -90])
def test_rotation_flag_is_applied(tmp_path, degrees):
    upright = gradient(48, 64)
    stored = np.ascontiguousarray(np.rot90(upright, -degrees // 90))
    try:
        path = encode_video(tmp_path / "a.mp4", [stored] * 2, rotation=degrees)
    except AttributeError:
        pytest.skip("this PyAV cannot write a rotation flag")
    with VideoReader(path) as video:
        assert video.size == (64, 48)
        assert np.abs(next(iter(video)).astype(int) - upright).max() <= 6


DISPLAYED = {
    (1, 0, 0, 1): lambda a: a,
    (0, 1, -1, 0): lambda a: np.rot90(a, -1),  # x' = -y, y' = x: clockwise
    (-1, 0, 0, -1): lambda a: np.rot90(a, 2),
    (0, -1, 1, 0): lambda a: np.rot90(a, 1),
    (-1, 0, 0, 1): np.fliplr,
    (1, 0, 0, -1): np.flipud,
    (0, 1, 1, 0): lambda a: a.transpose(1, 0, 2),
    (0, -1, -1, 0): lambda a: np.rot90(a, 2).transpose(1, 0, 2),
}
"""a, b, c, d of a file's matrix, (x', y') = (a x + c y, b x + d y), -> what players show."""


@pytest.mark.parametrize("matrix", DISPLAYED)
def test_the_display_matrix_is_applied_whole(tmp_path, matrix):
    stored = gradient(48, 64)
    path = with_matrix(encode_video(tmp_path / "a.mp4", [stored] * 2), matrix)
    expected = DISPLAYED[matrix](stored)
    with VideoReader(path) as video:
        assert video.size == expected.shape[1::-1]
        assert np.abs(next(iter(video)).astype(int) - expected).max() <= 6


def test_variable_frame_rate_is_resampled_by_the_frames_times(tmp_path):
    path = encode_video(tmp_path / "a.mp4", gray_frames(5), times=[0, 0.1, 0.2, 0.7, 0.8])
    with VideoReader(path, fps=10) as video:
        assert shown(video, 5) == [0, 1, 2, 2, 2, 2, 2, 3, 4]


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_a_frozen_frame_keeps_its_time(tmp_path, name):
    path = encode_video(tmp_path / name, gray_frames(3), times=[0, 0.1, 30.0])
    with VideoReader(path) as video:
        assert video.fps == 10
        seen = shown(video, 3)
    assert (len(seen), seen.index(2)) == (301, 300)


@pytest.mark.parametrize(("fps", "expected"), [(5, [0, 2, 4, 6, 8]), (20, [i // 2 for i in range(20)])])
def test_another_rate_drops_or_repeats_frames(tmp_path, fps, expected):
    path = encode_video(tmp_path / "a.mp4", gray_frames(10), fps=10)
    with VideoReader(path, fps=fps) as video:
        assert shown(video, 10) == expected


def test_large_frames_are_shrunk_while_decoding(tmp_path):
    path = encode_video(tmp_path / "a.mp4", [gradient(96, 128)] * 2)
    with VideoReader(path, max_edge=64) as video:
        assert video.size == (64, 48)
        frame = next(iter(video))
    assert frame.shape == (48, 64, 3)
    assert np.abs(frame.astype(int) - gradient(48, 64)).max() <= 8


def test_non_square_pixels_are_squared(tmp_path):
    import av

    with av.open(str(tmp_path / "a.mkv"), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.sample_aspect_ratio = 2
        container.mux(stream.encode(av.VideoFrame.from_ndarray(gradient(48, 64), format="rgb24")))
        container.mux(stream.encode(None))
    with VideoReader(tmp_path / "a.mkv") as video:
        assert video.size == (128, 48)


def test_one_frame_video_and_picture_give_one_frame(tmp_path):
    path = encode_video(tmp_path / "a.mp4", [gradient(48, 64)])
    Image.fromarray(gradient(48, 64)).save(tmp_path / "b.png")
    for file in (path, tmp_path / "b.png"):
        with VideoReader(file) as video:
            frames = list(video)
            assert len(frames) == video.frame_count == 1
            assert np.abs(frames[0].astype(int) - gradient(48, 64)).max() <= 6


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.png"])
def test_animated_pictures_play_with_their_durations(tmp_path, name):
    frames = [Image.fromarray(frame) for frame in gray_frames(3)]
    options = {"lossless": True} if name == "a.webp" else {}
    frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:], duration=[100, 200, 100], **options)
    with VideoReader(tmp_path / name, fps=10) as video:
        assert video.size == (64, 48)
        assert video.duration == pytest.approx(0.4)
        assert shown(video, 3) == [0, 1, 1, 2]


def test_sound_without_picture_is_an_error_also_with_a_cover(tmp_path):
    with pytest.raises(MediaError, match="holds only sound"):
        VideoReader(encode_sound(tmp_path / "a.m4a"))


def test_sound_is_noticed(tmp_path):
    path = encode_video(tmp_path / "a.mp4", gray_frames(5), seconds_of_sound=0.5)
    with VideoReader(path) as video:
        assert video.has_audio
        assert len(list(video)) == 5


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.mp4", b"", r"a\.mp4 is empty"),
        ("a.mp4", b"no film, only words\n" * 50, "is not a video or picture"),
        ("a.txt", b"no film, only words\n" * 50, "is not a video or picture"),
        ("a.m3u8", b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n", "is not a video"),
    ],
)
def test_files_that_are_no_videos_are_named(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(MediaError, match=message):
        VideoReader(tmp_path / name)


def noisy_video(path):
    rng = np.random.default_rng(0)
    return encode_video(path, [rng.integers(0, 256, (48, 64, 3), dtype=np.uint8) for _ in range(20)])


def test_video_cut_off_before_its_index_is_an_error(tmp_path):
    path = noisy_video(tmp_path / "a.mp4")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(MediaError, match=r"a\.mp4 (is not a video|has no frame)"):
        VideoReader(path)


def test_video_cut_off_later_gives_the_frames_before_and_says_so(tmp_path, caplog):
    from gagavatar_nodes.media.video_writer import VideoWriter

    rng = np.random.default_rng(0)
    with VideoWriter(tmp_path / "a.mp4", 10, (64, 48)) as writer:  # its index comes first
        for _ in range(40):
            writer.write(rng.integers(0, 256, (48, 64, 3), dtype=np.uint8))
    data = (tmp_path / "a.mp4").read_bytes()
    (tmp_path / "a.mp4").write_bytes(data[: len(data) * 6 // 10])
    with VideoReader(tmp_path / "a.mp4") as video:
        count = len(list(video))
        assert 10 < count < 40
        assert "cut off" in video.damage
    assert "a.mp4 is damaged or cut off" in caplog.text


def test_closing_early_ends_the_decoding_thread(tmp_path):
    path = encode_video(tmp_path / "a.mp4", gray_frames(30))
    before = threading.active_count()
    with VideoReader(path) as video:
        next(iter(video))
    assert threading.active_count() == before


def test_errors_while_decoding_reach_the_consumer_after_the_good_frames():
    from gagavatar_nodes.background import Prefetch

    def items():
        yield 1
        yield 2
        raise MediaError("broken")

    seen = []

    def consume():
        for item in Prefetch(items(), depth=1):
            seen.append(item)

    with pytest.raises(MediaError, match="broken"):
        consume()
    assert seen == [1, 2]


def test_a_stream_of_no_size_is_said_to_be_damaged(tmp_path):
    path = encode_video(tmp_path / "raw.avi", gray_frames(3), codec="rawvideo", pixels="bgr24")
    raw = bytearray(path.read_bytes())
    header = raw.index(b"strf") + 8
    raw[header + 4 : header + 12] = bytes(8)  # width and height
    path.write_bytes(raw)
    with pytest.raises(MediaError, match=r"raw\.avi has no frame that can be decoded"):
        VideoReader(path)


@pytest.mark.parametrize("fps", [0, -1, 1e-300, 1e300, float("inf"), float("nan")])
def test_a_rate_that_makes_no_sense_is_refused(tmp_path, fps):
    path = encode_video(tmp_path / "a.mp4", gray_frames(3))
    with pytest.raises(MediaError, match=r"frames a second are not possible: choose 0\.01 to 1000"):
        VideoReader(path, fps=fps)
    with pytest.raises(MediaError, match="frames a second are not possible"):
        VideoWriter(tmp_path / "b.mp4", fps, (64, 48))


def test_a_film_that_was_trimmed_without_being_encoded_again_is_whole(tmp_path, caplog):
    path = trimmed(encode_video(tmp_path / "trimmed.mp4", gray_frames(30), fps=10), 1.0, 1.0)
    with VideoReader(path) as video:
        frames = shown(video, 30)
        assert 9 <= len(frames) <= 11
        assert frames[0] == 10
        assert video.damage is None
    assert caplog.text == ""
