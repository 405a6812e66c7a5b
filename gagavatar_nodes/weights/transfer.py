"""Resumable transfer of one file into a partial file."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from ..types import Progress

_PAUSE = 1.0


class _ReportingFile:
    """A file that reports its size after each write: the library's own bar cannot be steered in all its versions."""

    def __init__(self, file: BinaryIO, total: int | None, progress: Progress | None) -> None:
        self._file = file
        self._total = total
        self._progress = progress
        self._report()

    def write(self, data: bytes) -> int:
        written = self._file.write(data)
        self._file.flush()  # what has arrived outlives this process
        self._report()
        return written

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def truncate(self, size: int | None = None) -> int:
        return self._file.truncate(size)

    def _report(self) -> None:
        if self._progress is not None:
            self._progress(self._file.tell(), self._total)


def transfer(url: str, partial: Path, size: int | None, progress: Progress | None = None) -> None:
    """Fetch `url` into `partial`, from where that file ends.

    A connection that breaks is taken up again as long as each attempt brings new bytes.

    Args:
        url: on the hub's endpoint; the token goes with it, and not to other hosts it redirects to.
        partial: is created or appended to.
        size: bytes of the whole file, if known.
        progress: called after each chunk.

    Raises:
        OSError, or an error of the HTTP library: as they come, with the bytes so far kept in `partial`.
    """
    while True:
        before = partial.stat().st_size if partial.exists() else 0
        try:
            return _attempt(url, partial, before, size, progress)
        except OSError as error:
            refused = getattr(error, "response", None) is not None
            if refused or error.errno is not None:
                raise  # the server's or the disk's last word, not a broken connection
            if partial.stat().st_size <= before:
                raise
        except _transport_errors():
            if partial.stat().st_size <= before:
                raise
        time.sleep(_PAUSE)


def _attempt(url: str, partial: Path, start: int, size: int | None, progress: Progress | None) -> None:
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers, disable_progress_bars

    disable_progress_bars("huggingface_hub.http_get")
    with partial.open("r+b" if start else "wb") as file:
        file.seek(start)
        reported: Any = _ReportingFile(file, size, progress)
        http_get(url, reported, resume_size=start, headers=build_hf_headers(), expected_size=size)


def _transport_errors() -> tuple[type[BaseException], ...]:
    """Base classes of the errors of the HTTP library that huggingface_hub is built on (requests, httpx)."""
    from huggingface_hub.errors import HfHubHTTPError

    return tuple(base for base in HfHubHTTPError.__bases__ if base is not OSError)
