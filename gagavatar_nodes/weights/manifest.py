"""The manifest: every file that can be downloaded, with its origin, license and, where known, size and hash."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ..errors import WeightsError

NAME = "weights_manifest.json"
"""At the top level of the repository; a wheel holds a copy beside this module."""


@dataclass(frozen=True)
class WeightFile:
    """One downloadable file. `None` marks what is not known; the lock file fills it in at the first download."""

    name: str
    """File name, unique in the manifest."""
    purpose: str
    repo: str | None
    """Repository on the Hugging Face hub; None for a file that its authors give out elsewhere."""
    revision: str | None
    """Pinned commit, or None: the first download takes the newest and the lock file pins it."""
    path: str
    """Path inside `repo`."""
    size: int | None
    """Bytes."""
    sha256: str | None
    """Lower-case hexadecimal."""
    license: str
    license_url: str
    gated: bool
    """True if the user must accept the license before the file may be fetched."""

    @property
    def address(self) -> str:
        """Web page of the file, or of its authors' terms, for people."""
        if self.repo is None:
            return self.license_url
        return f"https://huggingface.co/{self.repo}/blob/{self.revision or 'main'}/{self.path}"


def manifest_path() -> Path:
    """Return where the manifest lies: in the installed package, else beside it."""
    inside = Path(__file__).with_name(NAME)
    return inside if inside.is_file() else Path(__file__).parents[2] / NAME


def read_manifest(path: Path) -> dict[str, WeightFile]:
    """Read a manifest: name -> entry, in its order."""
    document = json.loads(path.read_text(encoding="utf-8"))
    return {entry["name"]: WeightFile(**entry) for entry in document["files"]}


@cache
def manifest() -> dict[str, WeightFile]:
    """Return the published files: name -> entry, in the manifest's order."""
    return read_manifest(manifest_path())


def weight(name: str) -> WeightFile:
    """Return the entry called `name`, which may differ in case or lack its extension.

    Raises:
        WeightsError: no such entry.
    """
    for entry in manifest().values():
        if name.lower() in (entry.name.lower(), Path(entry.name).stem.lower()):
            return entry
    raise WeightsError(f"No weights file is called '{name}'. Known: {', '.join(manifest())}.")
