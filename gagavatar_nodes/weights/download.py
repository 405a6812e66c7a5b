"""Download of weights from the Hugging Face hub: consent, resumption, verification, the lock file.

`hf_hub_download` starts a file anew after an interruption, so the bytes are fetched here into a `.partial` file that
survives one, by the library's own HTTP layer: its proxies, tokens, endpoint and offline switch all hold.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import WeightsError
from ..packages import program
from .explain import explain
from .locations import Folders, find_weight, hand_path, missing_message, target_folder
from .lockfile import LockFile, cache_name, check, lock_folder, published_sha256, sha256_of
from .manifest import WeightFile, weight
from .transfer import transfer

if TYPE_CHECKING:
    from ..types import Progress

_MISSING_HUB = 'Downloading weights needs huggingface_hub. Install it with: pip install "gagavatar-nodes[gagavatar]"'
_SHA256_DIGITS = 64


@dataclass(frozen=True)
class RemoteFile:
    """A file as the hub describes it."""

    url: str
    commit: str
    etag: str
    """The SHA-256 of large files, a git hash of small ones."""
    size: int | None

    @property
    def sha256(self) -> str | None:
        """SHA-256 that the hub announces, if it does."""
        return self.etag if len(self.etag) == _SHA256_DIGITS else None


def download(
    name: str,
    folder: Folders = None,
    accept_license: bool = False,
    ask: Callable[[WeightFile], bool] | None = None,
    progress: Progress | None = None,
    say: Callable[[str], None] | None = None,
) -> Path:
    """Fetch a weights file unless `find_weight` finds it, and verify it either way.

    Args:
        name: its name in the manifest.
        folder: where to put it; None means $GAGAVATAR_WEIGHTS if that is set, else the hub cache.
        accept_license: the user has accepted the license of a gated file.
        ask: asks the user to accept a gated file's license, showing its address.
        progress: called with the bytes there so far and the total, if known.
        say: called with a line when another process holds the download and this one waits.

    Returns:
        Path of the verified file.

    Raises:
        WeightsError: license not accepted, no huggingface_hub, no access, no network, no room, a broken or wrong file.
    """
    entry = weight(name)
    if found := find_weight(name, folder):
        check(entry, found)
        return found
    if entry.repo is None:
        raise WeightsError(missing_message(entry, folder))
    if entry.gated and not (accept_license or (ask is not None and ask(entry))):
        raise WeightsError(
            f"{entry.name} is under the {entry.license}: read it at {entry.license_url}, then run `{program()} weights "
            f"download {entry.name} --accept-license`, or place the file at {hand_path(entry.name, folder)}."
        )
    try:
        import huggingface_hub.utils  # noqa: F401
    except ImportError as error:
        raise WeightsError(_MISSING_HUB) from error
    target = target_folder(entry, folder)
    try:
        target.mkdir(parents=True, exist_ok=True)
        with _download_guard(target / f"{entry.name}.guard", entry, say):
            # Another process may have finished it while this one waited.
            return find_weight(name, folder) or _fetch(entry, target, progress)
    except WeightsError:
        raise
    except Exception as error:
        raise explain(error, entry, target, hand_path(entry.name, folder)) from error


def _fetch(entry: WeightFile, target: Path, progress: Progress | None) -> Path:
    known = LockFile(target).entry(entry.name) or {}
    remote = _describe(entry, entry.revision or known.get("commit") or "main")
    published = published_sha256(entry, known)
    if remote.sha256:  # refused before hundreds of megabytes are fetched
        _check_hash(entry, remote.sha256, [published, known.get("sha256")])
    partial = _open_partial(entry, target, remote)
    _check_room(remote, partial)
    transfer(remote.url, partial, remote.size, progress)
    sha256 = sha256_of(partial)
    try:
        _check_hash(entry, sha256, [remote.sha256, published, known.get("sha256")])
    except WeightsError:
        partial.unlink()
        raise
    path = _settle(entry, target, remote, partial)
    LockFile(lock_folder(entry, path)).record(entry, path, sha256, remote.commit)
    return path


def _describe(entry: WeightFile, revision: str) -> RemoteFile:
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    assert entry.repo is not None  # `download` has refused it
    metadata = get_hf_file_metadata(hf_hub_url(entry.repo, entry.path, revision=revision))
    if metadata.commit_hash is None or metadata.etag is None:
        raise WeightsError(
            f"The server asked for {entry.name} does not answer like the Hugging Face hub. "
            f"Check HF_ENDPOINT, the proxy and the firewall."
        )
    # The commit, not the branch: the bytes stay the described ones even if the branch moves during the download.
    url = hf_hub_url(entry.repo, entry.path, revision=metadata.commit_hash)
    return RemoteFile(url, metadata.commit_hash, metadata.etag, metadata.size)


def _open_partial(entry: WeightFile, target: Path, remote: RemoteFile) -> Path:
    """Return the file to continue; those begun from other contents are removed."""
    partial = target / f"{entry.name}.{remote.etag[:16]}.partial"
    for other in target.glob(f"{entry.name}.*.partial"):
        if other != partial:
            other.unlink()
    if partial.exists() and remote.size is not None and partial.stat().st_size > remote.size:
        partial.unlink()
    return partial


def _check_room(remote: RemoteFile, partial: Path) -> None:
    if remote.size is None:
        return
    missing = remote.size - (partial.stat().st_size if partial.exists() else 0)
    free = shutil.disk_usage(partial.parent).free
    if free < missing:
        raise WeightsError(
            f"{partial.parent} has {free / 1e6:,.0f} MB free, but {missing / 1e6:,.0f} MB are needed. "
            f"Free some space or name another folder with --folder."
        )


def _check_hash(entry: WeightFile, found: str, known: list[str | None]) -> None:
    for expected in known:
        if expected and expected != found:
            raise WeightsError(
                f"The download of {entry.name} has SHA-256 {found} instead of {expected}: it was damaged on its "
                f"way, or the hub serves another file than before. Try again; to take a changed file on purpose, "
                f"first run `{program()} weights verify {entry.name} --relock`."
            )


def _settle(entry: WeightFile, target: Path, remote: RemoteFile, partial: Path) -> Path:
    """Move the complete file to its place."""
    if target.name != cache_name(entry):
        path = target / entry.name
        os.replace(partial, path)
        return path
    from huggingface_hub import hf_hub_download

    blob = target / "blobs" / remote.etag
    blob.parent.mkdir(exist_ok=True)
    os.replace(partial, blob)
    # The library finds the blob and only makes the snapshot's entry for it.
    assert entry.repo is not None
    path = Path(hf_hub_download(entry.repo, entry.path, revision=remote.commit, cache_dir=target.parent))
    if not path.is_symlink():
        blob.unlink()  # the file system has no symbolic links: the snapshot holds a copy
    return path


@contextmanager
def _download_guard(path: Path, entry: WeightFile, say: Callable[[str], None] | None) -> Iterator[None]:
    from filelock import FileLock, Timeout

    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        if say is not None:
            say(f"Another process is downloading {entry.name}: waiting for it.")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
