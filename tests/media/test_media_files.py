import errno
import os

import pytest

from gagavatar_nodes.errors import MediaError
from gagavatar_nodes.media.files import atomic_folder, atomic_output


def names(folder):
    return sorted(p.name for p in folder.iterdir())


def test_output_appears_only_at_the_end_and_keeps_its_extension_meanwhile(tmp_path):
    target = tmp_path / "out.mp4"
    target.write_text("old")
    with atomic_output(target) as temporary:
        temporary.write_text("new")
        assert temporary.suffix == ".mp4"
        assert temporary.parent == tmp_path
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    assert names(tmp_path) == ["out.mp4"]


def write_half(output, target, error):
    with output(target) as temporary:
        half = temporary / "1.png" if temporary.is_dir() else temporary
        half.write_text("half")
        raise error


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, SystemExit])
def test_any_way_out_removes_the_temporary_file_and_keeps_the_old_one(tmp_path, error):
    target = tmp_path / "out.bin"
    target.write_text("old")
    with pytest.raises(error):
        write_half(atomic_output, target, error)
    assert target.read_text() == "old"
    assert names(tmp_path) == ["out.bin"]


@pytest.mark.parametrize(
    ("number", "message"),
    [(errno.ENOSPC, "out.ply cannot be written: the disk is full"), (errno.EIO, "out.ply cannot be written")],
)
def test_disk_errors_are_explained(tmp_path, number, message):
    with pytest.raises(MediaError, match=message), atomic_output(tmp_path / "out.ply"):
        raise OSError(number, os.strerror(number))
    assert names(tmp_path) == []


def test_unrelated_os_errors_pass(tmp_path):
    with pytest.raises(FileNotFoundError), atomic_output(tmp_path / "out.ply"):
        (tmp_path / "another file").read_bytes()


def test_missing_folder_file_for_folder_and_folder_for_file_are_named_before_the_work(tmp_path):
    (tmp_path / "file").touch()
    for target, message in [
        (tmp_path / "no" / "a.mp4", "there is no folder"),
        (tmp_path / "file" / "a.mp4", "cannot be written"),
        (tmp_path, "is a folder"),
    ]:
        with pytest.raises(MediaError, match=message), atomic_output(target):
            pytest.fail("the work began")


def test_unwritable_folder_is_named(tmp_path, monkeypatch):
    def denied(*args, **kwargs):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr("pathlib.Path.touch", denied)  # a superuser may write anywhere
    with pytest.raises(MediaError, match="may not be written to"), atomic_output(tmp_path / "a.mp4"):
        pytest.fail("the work began")


def test_folder_is_made_whole_or_not_at_all(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        write_half(atomic_folder, tmp_path / "frames", KeyboardInterrupt)
    assert names(tmp_path) == []
    with atomic_folder(tmp_path / "frames") as temporary:
        (temporary / "1.png").write_text("1")
    assert names(tmp_path / "frames") == ["1.png"]
    assert names(tmp_path) == ["frames"]


def test_existing_folder_keeps_its_other_files(tmp_path):
    (tmp_path / "frames").mkdir()
    (tmp_path / "frames" / "mine.txt").write_text("mine")
    with atomic_folder(tmp_path / "frames") as temporary:
        (temporary / "1.png").write_text("1")
    assert names(tmp_path / "frames") == ["1.png", "mine.txt"]
