import errno
import os
import socket
import subprocess
import sys
import time

import pytest

from gagavatar_nodes import temporary
from gagavatar_nodes.errors import MediaError
from gagavatar_nodes.media.files import atomic_folder, atomic_output, check_writable, readable_file

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="Windows has none of these")


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


@posix_only
def test_pipes_sockets_and_devices_are_no_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
        for name, kind in [("pipe", "a pipe"), ("socket", "a socket"), (os.devnull, "a device")]:
            message = f"{name} is {kind} and not a file: give the name of a file"
            for use in (readable_file, check_writable, lambda path: atomic_output(path).__enter__()):
                with pytest.raises(MediaError, match=message):
                    use(name)


def test_a_name_that_no_file_can_have_is_named():
    with pytest.raises(MediaError, match=r"cannot be opened .*: check the path"):
        readable_file("a\0b")


@posix_only
def test_the_file_that_a_link_leads_to_is_replaced_and_the_link_stays(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    target, link = tmp_path / "elsewhere" / "real.mp4", tmp_path / "out.mp4"
    link.symlink_to(target)
    for content in ("first", "second"):  # the target is missing at first
        check_writable(link)
        with atomic_output(link) as temporary_file:
            temporary_file.write_text(content)
            assert temporary_file.parent == target.parent
            assert temporary_file.suffix == ".mp4"
        assert link.readlink() == target
        assert target.read_text() == content
    with pytest.raises(KeyboardInterrupt):
        write_half(atomic_output, link, KeyboardInterrupt)
    assert target.read_text() == "second"
    assert names(target.parent) == ["real.mp4"]


@posix_only
def test_links_in_a_folder_of_pictures_stay_too(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "frames").symlink_to(tmp_path / "real")
    (tmp_path / "real" / "1.png").symlink_to(tmp_path / "kept.png")
    with atomic_folder(tmp_path / "frames") as temporary_folder:
        (temporary_folder / "1.png").write_text("1")
    assert (tmp_path / "frames").is_symlink()
    assert (tmp_path / "real" / "1.png").is_symlink()
    assert (tmp_path / "kept.png").read_text() == "1"


@posix_only
def test_a_link_that_leads_nowhere_useful_is_named(tmp_path):
    (tmp_path / "circle.mp4").symlink_to(tmp_path / "circle.mp4")
    with pytest.raises(MediaError, match="leads to itself"):
        check_writable(tmp_path / "circle.mp4")
    (tmp_path / "far.mp4").symlink_to(tmp_path / "none" / "far.mp4")
    with pytest.raises(MediaError, match="there is no folder"):
        check_writable(tmp_path / "far.mp4")


def test_pictures_on_another_drive_are_copied(tmp_path, monkeypatch):
    replace = os.replace
    crossings = []

    def crossing(source, target):
        if os.path.dirname(source) != os.path.dirname(target):
            crossings.append(target)
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        replace(source, target)

    (tmp_path / "frames").mkdir()
    monkeypatch.setattr(os, "replace", crossing)
    with atomic_folder(tmp_path / "frames") as temporary_folder:
        (temporary_folder / "1.png").write_text("1")
    assert len(crossings) == 1
    assert (tmp_path / "frames" / "1.png").read_text() == "1"
    assert names(tmp_path / "frames") == ["1.png"]


@pytest.fixture
def dead_process() -> int:
    """The number of a process that is no more."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def left_behind(path, process: int, seconds: float, folder: bool = False):
    """A temporary file or folder as `process` would have left it that long ago."""
    path = path.with_name(temporary.temporary_path(path).name.replace(f"-{os.getpid()}-", f"-{process}-"))
    if folder:
        path.mkdir()
        (path / "1.png").touch()
    else:
        path.touch()
    os.utime(path, (time.time() - seconds,) * 2)
    return path


def test_what_killed_programs_left_is_removed_and_nothing_else(tmp_path, dead_process, monkeypatch):
    old = 2 * 3600
    gone = [left_behind(tmp_path / "a.mp4", dead_process, old), left_behind(tmp_path / "b", dead_process, old, True)]
    kept = [
        left_behind(tmp_path / "at work.mp4", os.getppid(), old),
        left_behind(tmp_path / "just now.mp4", dead_process, 0),
        tmp_path / ".mine.tmp",
        tmp_path / ".mine.mp4",
    ]
    monkeypatch.setattr(temporary.platform, "node", lambda: "another machine")
    kept.append(left_behind(tmp_path / "elsewhere.mp4", dead_process, old))
    gone.append(left_behind(tmp_path / "elsewhere.mp4", dead_process, 25 * 3600))
    monkeypatch.undo()
    for path in kept[2:4]:
        path.touch()
    with atomic_output(tmp_path / "out.mp4"):
        pass
    assert [path for path in gone if path.exists()] == []
    assert [path for path in kept if not path.exists()] == []
