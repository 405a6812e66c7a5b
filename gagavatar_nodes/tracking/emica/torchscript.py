"""TorchScript files are programs: one is looked through before it is loaded, and a changed one is not run.

The published head detector comes in this form alone. What keeps it from doing harm is, first, the hash: the archive it
comes in is verified, and the detector is recorded when it is first used and compared ever after. Second, its code may
name no operation that reaches out of the process, which `check_script` looks for without running any of it.
"""

from __future__ import annotations

import os
import re
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import FileFormatError, WeightsError
from ...media.files import readable_file

if TYPE_CHECKING:
    import torch

_LOCAL_FILE = b"PK\x03\x04"
_LARGEST_CODE = 16 << 20
_DOT = rb"\s*\.\s*"
_REACHING_OUT = re.compile(
    rb"\.\s*(?:save|from_file|load_tensor)\b"  # write, map and read files
    rb"|\brpc_\w+|\btorch" + _DOT + rb"classes\b"  # other machines, and classes of compiled extensions
    rb"|\bops" + _DOT + rb"(?!(?:aten|prim|quantized|torchvision)\b)\w+"
)  # fmt: skip


def load_script(path: str | os.PathLike[str], device: str) -> torch.jit.ScriptModule:
    """Return the network of a TorchScript file, once `check_script` has found nothing in it.

    Raises:
        FileFormatError: it is damaged, of another kind, or names what it may not.
    """
    import torch

    check_script(path)
    try:
        return torch.jit.load(os.fspath(path), map_location=device).eval()
    except (RuntimeError, OSError, ValueError) as error:
        raise _no_script(path) from error


def check_script(path: str | os.PathLike[str]) -> None:
    """Look through the code of a TorchScript file without running it.

    Raises:
        FileFormatError: it is damaged, of another kind, or names an operation that reaches out of the process.
    """
    file = readable_file(path)
    try:
        with open(file, "rb") as stream:
            # PyTorch goes by the first bytes, zipfile by the last.
            if stream.read(len(_LOCAL_FILE)) != _LOCAL_FILE:
                raise _no_script(path)
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            if len({member.filename for member in members}) < len(members):
                raise FileFormatError(f"{path} is unsafe: it holds two files of one name; unpack the archive again")
            code = [member for member in members if "/code/" in member.filename]
            if not code or sum(member.file_size for member in code) > _LARGEST_CODE:
                raise _no_script(path)
            for member in code:
                found = _REACHING_OUT.search(archive.read(member))
                if found is not None:
                    name = re.sub(r"\s", "", found[0].decode("latin1"))
                    raise FileFormatError(
                        f"{path} is unsafe and was not run: {member.filename} names {name}, which a detector does not "
                        "need; get track_resources.tar from its publisher again"
                    )
    except (zipfile.BadZipFile, OSError, EOFError, RuntimeError, NotImplementedError, ValueError) as error:
        raise _no_script(path) from error


def check_recorded(file: Path) -> None:
    """Compare a program with the one that was first used in its place; the first is recorded.

    Raises:
        WeightsError: it is another one.
    """
    from ...weights import weight
    from ...weights.lockfile import LOCK_NAME, check

    entry = replace(weight("track_resources.tar"), name=file.name, path=file.name, size=None, sha256=None)
    try:
        check(entry, file)
    except WeightsError as error:
        raise WeightsError(
            f"{file} is not the one that was first used here. It is a program (TorchScript) and was not run: delete "
            f"the folder {file.parent.parent}, so that track_resources.tar is unpacked anew, or, if you trust the new "
            f"one, {file.with_name(LOCK_NAME)} alone"
        ) from error


def _no_script(path: str | os.PathLike[str]) -> FileFormatError:
    return FileFormatError(f"{path} is not a TorchScript file; unpack track_resources.tar again")
