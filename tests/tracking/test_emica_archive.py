import io
import tarfile

import pytest

from gagavatar_nodes.errors import FileFormatError, GagavatarError
from gagavatar_nodes.tracking.emica import archive

CONTENT = {name: name.encode() * 50 for name in archive.FILES}


def member(name, content=b"x", **attributes):
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for key, value in attributes.items():
        setattr(info, key, value)
    return info, content


def good(prefix=""):
    return [member(prefix + name, content) for name, content in CONTENT.items()]


def write_tar(path, members):
    with tarfile.open(path, "w") as tar:
        for info, content in members:
            tar.addfile(info, io.BytesIO(content))
    return path


@pytest.mark.parametrize("prefix", ["", "./", "assets/"])
def test_the_known_files_arrive_whole(tmp_path, prefix):
    extra = [member(f"{prefix}emica", b"", type=tarfile.DIRTYPE), member(f"{prefix}notes.txt"), *good(prefix)]
    folder = archive.unpack(write_tar(tmp_path / "t.tar", extra), tmp_path / "tracker")
    files = {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    assert files == CONTENT
    assert archive.missing_files(folder) == []
    assert sorted(p.name for p in tmp_path.iterdir()) == ["t.tar", "tracker"]


HOSTILE = {
    "parent": (member("../emica/escaped.pt"), "outside"),
    "inner parent": (member("emica/../../escaped.pt"), "outside"),
    "absolute": (member("/escaped.pt"), "outside"),
    "backslash": (member("emica\\..\\escaped.pt"), "outside"),
    "drive": (member("C:/escaped.pt"), "outside"),
    "symlink": (member("emica/link", b"", type=tarfile.SYMTYPE, linkname="/etc/passwd"), "plain file"),
    "symlinked folder": (member("matting", b"", type=tarfile.SYMTYPE, linkname=".."), "plain file"),
    "hard link": (member(archive.MATTE, b"", type=tarfile.LNKTYPE, linkname="/etc/passwd"), "plain file"),
    "device": (member("emica/null", b"", type=tarfile.CHRTYPE, devmajor=1, devminor=3), "plain file"),
    "pipe": (member("emica/pipe", b"", type=tarfile.FIFOTYPE), "plain file"),
    "twice": (member(archive.SCRFD, b"second"), "twice"),
    "twice in another folder": (member("copy/" + archive.SCRFD, b"second"), "twice"),
}


@pytest.mark.parametrize("attack", HOSTILE)
def test_a_hostile_archive_is_refused_and_leaves_nothing(tmp_path, attack):
    inside = tmp_path / "inside"
    inside.mkdir()
    bad, message = HOSTILE[attack]
    tar = write_tar(tmp_path / "t.tar", [*good(), bad])
    with pytest.raises(FileFormatError, match=message):
        archive.unpack(tar, inside / "tracker")
    assert list(inside.iterdir()) == []
    assert sorted(p.name for p in tmp_path.iterdir()) == ["inside", "t.tar"]


def test_files_over_the_limit_are_refused(tmp_path):
    tar = write_tar(tmp_path / "t.tar", good())
    with pytest.raises(FileFormatError, match="bytes, not 1 to 100"):
        archive.unpack(tar, tmp_path / "tracker", max_file_bytes=100)


def test_too_many_members_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "MAX_MEMBERS", 3)
    with pytest.raises(FileFormatError, match="more than 3 members"):
        archive.unpack(write_tar(tmp_path / "t.tar", good()), tmp_path / "tracker")


def test_damaged_and_incomplete_archives_are_named(tmp_path):
    whole = write_tar(tmp_path / "t.tar", good()).read_bytes()
    (tmp_path / "cut.tar").write_bytes(whole[:2500])
    (tmp_path / "not.tar").write_bytes(b"hello" * 400)
    write_tar(tmp_path / "less.tar", good()[:1])
    for name in ("cut.tar", "not.tar", "less.tar", "missing.tar"):
        with pytest.raises(GagavatarError, match=name.replace(".", r"\.")):
            archive.unpack(tmp_path / name, tmp_path / "tracker")
        assert not (tmp_path / "tracker").exists()


def test_unpacking_again_replaces_what_was_there(tmp_path):
    (tmp_path / "tracker").mkdir()
    (tmp_path / "tracker" / "old").write_text("old")
    folder = archive.unpack(write_tar(tmp_path / "t.tar", good()), tmp_path / "tracker")
    assert not (folder / "old").exists()


def test_a_folder_tells_what_it_lacks(tmp_path):
    assert archive.missing_files(tmp_path) == list(archive.REQUIRED)
