"""Who drives whom."""

import numpy as np
import pytest

from gagavatar_nodes.errors import FileFormatError, MediaError
from gagavatar_nodes.evaluation.frames import open_frames
from gagavatar_nodes.evaluation.pairs import add_results, find_videos, make_pairs, read_pairs
from gagavatar_nodes.media.images import write_image


@pytest.fixture
def folder(tmp_path):
    for name in ("b.mp4", "a.mp4"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "c").mkdir()
    for index in range(3):
        write_image(tmp_path / "c" / f"{index:02d}.png", np.full((8, 12, 3), index, np.uint8))
    (tmp_path / "notes.txt").write_text("no video")
    return tmp_path


def test_videos_of_a_folder_are_sorted_and_a_folder_of_pictures_is_one(folder):
    assert [one.name for one in find_videos([folder])] == ["a.mp4", "b.mp4", "c"]
    with pytest.raises(MediaError, match="does not exist"):
        find_videos([folder / "none.mp4"])
    (folder / "empty").mkdir()
    with pytest.raises(MediaError, match="holds no video"):
        find_videos([folder / "empty"])


def test_pictures_come_in_the_order_of_their_names(folder):
    with open_frames(folder / "c") as frames:
        assert frames.size == (12, 8)
        assert frames.frame_count == 3
        assert [int(frame[0, 0, 0]) for frame in frames] == [0, 1, 2]
        assert [int(frame[0, 0, 0]) for frame in frames.frames_from(1)] == [1, 2]


def test_protocols(folder):
    videos = find_videos([folder])
    own = make_pairs(videos, "self")
    assert [(pair.source, pair.driver) for pair in own] == [(one, one) for one in videos]
    cross = make_pairs(videos, "cross")
    assert [pair.name for pair in cross] == ["a--b", "b--c", "c--a"]
    assert {pair.protocol for pair in cross} == {"cross"}
    with pytest.raises(MediaError, match="at least two videos"):
        make_pairs(videos[:1], "cross")


def test_names_stay_apart(tmp_path):
    for name in ("x", "y"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "clip.mp4").write_bytes(b"x")
    videos = find_videos([tmp_path / "x", tmp_path / "y"])
    assert [pair.name for pair in make_pairs(videos, "self")] == ["clip", "clip.2"]


def test_pairs_file(folder):
    file = folder / "pairs.csv"
    file.write_text("source,driver,name\na.mp4,b.mp4,\nc,c,still\n")
    assert [(pair.name, pair.protocol) for pair in read_pairs(file)] == [("a--b", "cross"), ("still", "self")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("source\na.mp4\n", "line 2: give a source and a driver"),
        ("source,driver\na.mp4,gone.mp4\n", r"line 2: .*gone.mp4 does not exist"),
        ("source,driver,name\na.mp4,b.mp4,../x\n", "'../x' is no file name"),
        ("source,driver\n", "holds no pair"),
    ],
)
def test_broken_pairs_file_is_said(folder, text, message):
    file = folder / "pairs.csv"
    file.write_text(text)
    with pytest.raises(FileFormatError if "exist" not in message else MediaError, match=message):
        read_pairs(file)


def test_results_are_found_by_name_and_a_missing_one_is_named(folder, tmp_path):
    results = tmp_path / "theirs"
    results.mkdir()
    (results / "a.webm").write_bytes(b"x")
    pairs = make_pairs(find_videos([folder / "a.mp4", folder / "b.mp4"]), "self")
    assert add_results(pairs[:1], results)[0].result == results / "a.webm"
    with pytest.raises(MediaError, match=r"holds no result for b: expected b.mp4"):
        add_results(pairs, results)
