from itertools import islice

import numpy as np
import pytest
from PIL import Image

from gagavatar_nodes.errors import MediaError
from gagavatar_nodes.media.backgrounds import cover, parse_background, parse_color
from media_files import encode_video, gradient, gray_levels


@pytest.mark.parametrize(
    ("text", "color"),
    [
        ("#ff8000", (255, 128, 0)),
        ("#F80", (255, 136, 0)),
        ("#ff800040", (255, 128, 0)),
        (" White ", (255, 255, 255)),
        ("12, 34,56", (12, 34, 56)),
        ("rgb(1, 2, 3)", (1, 2, 3)),
        ("300,0,0", None),
        ("#12345", None),
        ("beach.jpg", None),
    ],
)
def test_colors_are_parsed(text, color):
    assert parse_color(text) == color
    if color is not None:
        assert list(islice(parse_background(text).frames((4, 4), 25), 2)) == [color, color]


def test_transparency_is_none():
    assert next(parse_background("transparent").frames((4, 4), 25)) is None


def test_picture_covers_the_frame_and_is_centerd(tmp_path):
    Image.fromarray(gradient(100, 300)).save(tmp_path / "a.png")
    frame = next(parse_background(tmp_path / "a.png").frames((50, 50), 25))
    assert frame.shape == (50, 50, 3)
    assert abs(int(frame[25, 25, 0]) - 127) <= 3
    assert 80 <= frame[25, 0, 0] <= 90, "the middle third is left of 300 columns"


@pytest.mark.parametrize(
    ("size", "shape"), [((64, 48), (48, 64, 3)), ((31, 77), (77, 31, 3)), ((700, 11), (11, 700, 3))]
)
def test_cover_gives_the_exact_size(size, shape):
    assert cover(gradient(37, 51), size).shape == shape


def test_video_plays_at_the_outputs_rate_and_repeats(tmp_path):
    levels = gray_levels(4)
    frames = [np.full((48, 64, 3), level, np.uint8) for level in levels]
    path = encode_video(tmp_path / "a.mp4", frames, fps=10)
    shown = parse_background(path).frames((32, 32), fps=20)
    got = [int(np.abs(np.array(levels) - frame.mean()).argmin()) for frame in islice(shown, 12)]
    shown.close()
    assert got == [0, 0, 1, 1, 2, 2, 3, 3, 0, 0, 1, 1]


def test_misspelled_color_is_named():
    with pytest.raises(MediaError, match=r"Background bleu is neither a color.*check its spelling"):
        parse_background("bleu")


def test_file_that_is_no_media_is_named(tmp_path):
    (tmp_path / "a.txt").write_text("words\n" * 20)
    with pytest.raises(MediaError, match=r"a\.txt is not a video or picture"):
        parse_background(tmp_path / "a.txt")
