"""Inputs and results by address: paths of this machine as they are, others (`s3://`, `gs://`, `hf://`) by fsspec."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Any

from ..errors import MediaError
from ..media.formats import frame_name, is_png_sequence
from ..packages import load_package
from ..recent import Recent
from ..temporary import owned_name, sweep

_CHUNK = 1 << 20
_KEPT = 8
"""Fetched files that a worker keeps for the next tasks."""
_WHOLE_AT_ONCE = {"s3", "s3a", "gs", "gcs", "hf", "abfs", "abfss", "az", "adl", "oci", "r2", "memory"}
"""Stores where an object appears when all of it is there."""
_PACKAGES = {"s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "hf": "huggingface-hub", "abfs": "adlfs"}
"""What fsspec needs for them."""


def is_remote(address: str | os.PathLike[str]) -> bool:
    """Whether an address is not a path of this machine."""
    return "://" in str(address) and not str(address).startswith("file://")


def local_path(address: str | os.PathLike[str]) -> Path:
    """Return the path that a local address means."""
    return Path(str(address).removeprefix("file://"))


def join_address(folder: str, *names: str) -> str:
    """Return the address of something in a folder."""
    if is_remote(folder):
        return "/".join([folder.rstrip("/"), *names])
    return str(local_path(folder).joinpath(*names))


def name_of(address: str) -> str:
    """Return the last part of an address."""
    return PurePosixPath(address).name if is_remote(address) else local_path(address).name


def matching(pattern: str) -> list[str]:
    """Return the files that a pattern such as `faces/*.jpg` or `s3://bucket/*.mp4` means, sorted.

    Raises:
        MediaError: there is none, or the store cannot be asked.
    """
    import glob

    if is_remote(pattern):
        system, path = _system(pattern)
        with _explain_errors(pattern):
            found = sorted(system.unstrip_protocol(one) for one in system.glob(path))
    else:
        paths = sorted(glob.glob(str(local_path(pattern)), recursive=True))
        found = [path for path in paths if os.path.isfile(path)]
    if not found:
        raise MediaError(f"{pattern} means no file: check the pattern, and put it in quotes")
    return found


def fingerprint(address: str) -> tuple[str, str]:
    """Return a stamp that changes when a file is written, and, of a store's, what stands for its content.

    Of a local file the latter is empty: `content_print` reads it.

    Raises:
        MediaError: it does not exist, or cannot be asked.
    """
    if is_remote(address):
        system, path = _system(address)
        with _explain_errors(address):
            stamp = str(system.ukey(path))
        return stamp, stamp
    try:
        status = local_path(address).stat()
    except OSError as error:
        raise MediaError(f"{address} does not exist: check the path") from error
    return f"{status.st_size}-{status.st_mtime_ns}", ""


def content_print(path: Path) -> str:
    """Return the hash of a local file's content."""
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
    except OSError as error:
        raise MediaError(f"{path} cannot be opened ({error.strerror}): check its permissions") from error
    return digest.hexdigest()


def sizes(addresses: Iterable[str]) -> dict[str, int]:
    """Return the bytes of those files that exist."""
    found: dict[str, int] = {}
    folders: dict[str, dict[str, Any]] = {}
    for address in addresses:
        if is_remote(address):
            system, path = _system(address)
            folder = path.rpartition("/")[0]
            if folder not in folders:
                with _explain_errors(address), suppress(FileNotFoundError):
                    folders[folder] = {one["name"]: one for one in system.ls(folder, detail=True, refresh=True)}
            entry = folders.get(folder, {}).get(path)
            if entry is not None:
                found[address] = int(entry["size"])
            continue
        first = local_path(address)
        first = first.with_name(frame_name(first.name, 1)) if is_png_sequence(first) else first
        with suppress(OSError):
            found[address] = first.stat().st_size
    return found


def remove(address: str) -> None:
    """Remove a file; one that is not there is none to remove."""
    if is_remote(address):
        system, path = _system(address)
        with suppress(FileNotFoundError, OSError):
            system.rm_file(path)
        return
    with suppress(OSError):
        local_path(address).unlink()


def make_folder(folder: str) -> None:
    """Make a local folder where it is missing; stores have none.

    Raises:
        MediaError: it cannot be made.
    """
    if is_remote(folder):
        return
    try:
        local_path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MediaError(f"{folder} cannot be made ({error.strerror}): choose another folder") from error


class Files:
    """The files of a worker: fetched ones in a temporary folder, and results on their way."""

    def __init__(self) -> None:
        sweep(Path(tempfile.gettempdir()))
        self._folder = Path(tempfile.mkdtemp(prefix="gagavatar-", suffix=f"-{owned_name()}"))
        self._fetched: Recent[str, Path] = Recent(_KEPT, on_drop=lambda file: file.unlink(missing_ok=True))

    def close(self) -> None:
        """Remove what was fetched."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def path_of(self, address: str) -> Path:
        """Return where the content of an address is, or would be, on this machine."""
        if not is_remote(address):
            return local_path(address)
        return self._folder / (hashlib.sha256(address.encode()).hexdigest()[:16] + PurePosixPath(address).suffix)

    def fetch(self, address: str) -> Path:
        """Return a local file with the content of an address.

        Raises:
            MediaError: it cannot be fetched.
        """
        file = self.path_of(address)
        if not is_remote(address):
            return file

        def download() -> Path:
            system, path = _system(address)
            with _explain_errors(address):
                system.get_file(path, str(file))
            return file

        return self._fetched.get_or_make(address, download)

    @contextmanager
    def publish(self, address: str) -> Iterator[Path]:
        """Path to write a result to, which is at its address, whole and on the disk, when the block ends well.

        What writes to a local path sees to it that it appears whole, as all of `pipeline` does.

        Raises:
            MediaError: it cannot be stored.
        """
        if not is_remote(address):
            target = local_path(address)
            yield target
            _flush(target)
            return
        if is_png_sequence(address):
            raise MediaError(f"{address}: numbered pictures are written to folders of this machine only")
        temporary = self._folder / f"result{PurePosixPath(address).suffix}"
        try:
            yield temporary
            _store(temporary, address)
        finally:
            temporary.unlink(missing_ok=True)


def _store(file: Path, address: str) -> None:
    system, path = _system(address)
    protocols = {system.protocol} if isinstance(system.protocol, str) else set(system.protocol)
    with _explain_errors(address):
        if protocols & _WHOLE_AT_ONCE:
            system.put_file(str(file), path)
            return
        system.makedirs(path.rpartition("/")[0], exist_ok=True)
        unfinished = f"{path}.{owned_name()}"
        system.put_file(str(file), unfinished)
        system.mv(unfinished, path)


def _flush(path: Path) -> None:
    """Have the operating system write a file, and its name, to the disk: after that it survives a power failure."""
    if os.name == "nt" or is_png_sequence(path):
        return
    for one in (path, path.parent):
        with suppress(OSError):
            handle = os.open(one, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)


def _system(address: str) -> tuple[Any, str]:
    remedy = 'pip install "gagavatar-nodes[batch]"'
    core = load_package("fsspec.core", address, "fsspec", remedy)
    try:
        return core.url_to_fs(address)
    except ImportError as error:
        package = _PACKAGES.get(address.partition("://")[0], "")
        how = f"pip install {package}, on every machine that works on it" if package else str(error)
        raise MediaError(f"{address}: what reads such a store is not installed: {how}") from error
    except ValueError as error:
        raise MediaError(f"{address}: {error}: use s3://, gs://, hf:// or a path") from error


@contextmanager
def _explain_errors(address: str) -> Iterator[None]:
    """Turn what a store says into one line."""
    try:
        yield
    except FileNotFoundError as error:
        raise MediaError(f"{address} does not exist: check the address and the rights to read it") from error
    except MediaError:
        raise
    except Exception as error:  # every store has errors of its own
        why = " ".join(str(error).splitlines()) or type(error).__name__
        raise MediaError(
            f"{address} cannot be reached ({why}): check the address, the network and the rights"
        ) from error
