"""Unpacking `track_resources.tar` without trusting it: only the known files, as plain files, within size limits."""

from __future__ import annotations

import os
import shutil
import tarfile
from pathlib import Path, PurePosixPath
from typing import IO

from ...errors import FileFormatError
from ...media.files import readable_file
from ...temporary import replacement

EMICA = "emica/EMICA-CVT_flame2020_notexture.pt"
SCRFD = "emica/ins_scrfd_10g_bnkps.onnx"
VGGHEAD = "vgghead/vgg_heads_l.trcd"
LANDMARKS = "vgghead/lmks_2d.pt"
MATTE = "matting/stylematte_synth.pt"
FILES = (EMICA, SCRFD, VGGHEAD, LANDMARKS, MATTE)
"""What the archive holds, paths inside it."""
REQUIRED = (EMICA, SCRFD, VGGHEAD, LANDMARKS)
"""What tracking needs; without the matting network it sees the background too."""
MAX_FILE_BYTES = 3 << 30
MAX_MEMBERS = 1000

_BLOCK = 1 << 20


def unpack(archive: str | os.PathLike, folder: str | os.PathLike, max_file_bytes: int = MAX_FILE_BYTES) -> Path:
    """Unpack the known files of `archive` into `folder` and return the folder; it appears only when complete.

    Refuses the whole archive with a `FileFormatError` when a member's path is absolute or leaves the folder, when it
    is a link or a device, when a file is too large or comes twice, or when a required file is missing. Members of
    other names are left out.
    """
    archive, folder = readable_file(archive), Path(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        with replacement(folder) as staging:
            staging.mkdir()
            found = _extract(archive, staging, max_file_bytes)
            missing = [name for name in REQUIRED if name not in found]
            if missing:
                raise FileFormatError(
                    f"{archive} lacks {', '.join(missing)}: it is not the published track_resources.tar"
                )
            if folder.exists():
                shutil.rmtree(folder)
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise FileFormatError(f"{archive} is damaged ({error}); download it again") from error
    except OSError as error:
        raise FileFormatError(f"{archive} could not be unpacked to {folder}: {error.strerror or error}") from error
    return folder


def missing_files(folder: str | os.PathLike) -> list[str]:
    """Return the required files that `folder` lacks."""
    return [name for name in REQUIRED if not (Path(folder) / name).is_file()]


def _extract(archive: Path, staging: Path, max_file_bytes: int) -> set[str]:
    found: set[str] = set()
    with tarfile.open(archive, "r:") as tar:  # the published archive is not compressed
        for count, member in enumerate(tar, start=1):
            name = _check_name(archive, member)
            if count > MAX_MEMBERS:
                raise FileFormatError(f"{archive} has more than {MAX_MEMBERS} members: it is not track_resources.tar")
            if member.isdir() or name not in FILES:
                continue
            if name in found:
                raise FileFormatError(f"{archive} holds {name} twice; download it again")
            if not 0 < member.size <= max_file_bytes:
                raise FileFormatError(f"{archive}: {name} has {member.size} bytes, not 1 to {max_file_bytes}")
            source = tar.extractfile(member)
            assert source is not None  # a regular file
            _copy(source, staging / name, member.size)
            found.add(name)
    return found


def _check_name(archive: Path, member: tarfile.TarInfo) -> str:
    """Return the member's path inside the archive, without a leading folder such as `./` or `assets/`."""
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts or "\\" in member.name or ":" in member.name:
        raise FileFormatError(f"{archive} is unsafe: its member {member.name!r} points outside the folder")
    if not (member.isreg() or member.isdir()) or member.issparse():
        raise FileFormatError(f"{archive} is unsafe: its member {member.name!r} is not a plain file")
    return "/".join(path.parts[-2:])


def _copy(source: IO[bytes], target: Path, size: int) -> None:
    target.parent.mkdir(exist_ok=True)
    with source, open(target, "xb") as file:
        shutil.copyfileobj(source, file, _BLOCK)
        if file.tell() != size:
            raise EOFError(f"{target.name} ends early")
