"""The compressed `.spz` format: about a tenth of the `.ply`. Version 4 has room for records of others."""

from __future__ import annotations

import gzip
import os
import struct
from collections.abc import Sequence

import numpy as np

from ..choices import SPZ_VERSIONS
from ..media.files import atomic_output
from ..packages import load_package
from ..types import Gaussians
from .rig import Rig
from .rig_file import pack_rig
from .splats import SH_C0, Splats, to_splats

RIG_RECORD = 0x47410001
"""Type of the record that holds a rig: vendor 0x4741, record 1."""

_MAGIC = 0x5053474E
_FRACTION_BITS = 12  # a 4096th of a head unit is 0.05 mm
_COLOR_SCALE = 0.15
_HEADER = struct.Struct("<IIIBBBBI12x")
_HAS_RECORDS = 2
_LEVEL = 12


def write_spz(
    gaussians: Gaussians, path: str | os.PathLike[str], version: int = SPZ_VERSIONS[0], rig: Rig | None = None
) -> int:
    """Write Gaussians as `.spz`: 24-bit fixed-point means, 8 bits for most else; y up. See `write_ply`.

    Args:
        gaussians: at any moment.
        path: to write to.
        version: 2 is read everywhere; 3 and 4 have finer rotations, and 4 is compressed with Zstandard.
        rig: put into a record of its own, which plain viewers skip; version 4 only.

    Returns:
        The number of Gaussians written.

    Raises:
        ValueError: there is none to write, no such version, or a rig in a version that cannot hold it.
        GagavatarError: version 4 is asked for, and there is no package for Zstandard.
        MediaError: the file cannot be written.
    """
    if version not in SPZ_VERSIONS:
        raise ValueError(f"Got version {version} of .spz but expected one of {SPZ_VERSIONS}")
    if rig is not None and version < 4:
        raise ValueError(f"Got a rig for version {version} of .spz, which has no records: use 4")
    splats = to_splats(gaussians)
    streams = _streams(splats, version)
    if version < 4:
        head = struct.pack("<IIIBBBB", _MAGIC, version, len(splats), 0, _FRACTION_BITS, 0, 0)
        content = gzip.compress(head + b"".join(streams), mtime=0)
    else:
        records = b"" if rig is None else _record(RIG_RECORD, gzip.compress(pack_rig(rig), mtime=0))
        content = _version_4(len(splats), streams, records)
    with atomic_output(path) as temporary:
        temporary.write_bytes(content)
    return len(splats)


def _streams(splats: Splats, version: int) -> list[bytes]:
    fixed = np.clip(np.round(splats.means * 2**_FRACTION_BITS), -(2**23), 2**23 - 1).astype("<i4")
    harmonics = (splats.colors - 0.5) / SH_C0
    return [
        fixed.view(np.uint8).reshape(-1, 3, 4)[:, :, :3].tobytes(),
        _bytes(255 * splats.opacities),
        _bytes(255 * (_COLOR_SCALE * harmonics + 0.5)),
        _bytes(16 * (np.log(splats.scales) + 10)),
        (_first_three if version < 3 else _smallest_three)(splats.quaternions),
    ]


def _version_4(count: int, streams: Sequence[bytes], records: bytes) -> bytes:
    """A plain header, records and a table of sizes; then the streams, each compressed."""
    zstandard = load_package("zstandard", "Version 4 of .spz", "Zstandard", 'pip install "gagavatar-nodes[spz]"')
    packed = [zstandard.ZstdCompressor(level=_LEVEL).compress(stream) for stream in streams]
    flags = _HAS_RECORDS if records else 0
    table = _HEADER.size + len(records)
    header = _HEADER.pack(_MAGIC, 4, count, 0, _FRACTION_BITS, flags, len(streams), table)
    sizes = [struct.pack("<QQ", len(small), len(plain)) for small, plain in zip(packed, streams, strict=True)]
    return b"".join([header, records, *sizes, *packed])


def _record(kind: int, payload: bytes) -> bytes:
    return struct.pack("<II", kind, len(payload)) + payload


def _first_three(quaternions: np.ndarray) -> bytes:
    """x, y, z: the reader takes w to be positive."""
    return _bytes(127.5 * (quaternions[:, 1:] * np.where(quaternions[:, :1] < 0, -1, 1) + 1))


def _smallest_three(quaternions: np.ndarray) -> bytes:
    """Index of the largest of x, y, z, w in two bits, then sign and nine bits of each other one, from the top down."""
    xyzw = quaternions[:, [1, 2, 3, 0]].astype(np.float64)
    largest = np.abs(xyzw).argmax(1)
    signs = np.where(xyzw[np.arange(len(xyzw)), largest] < 0, -1, 1)
    magnitudes = np.clip(np.round(511 * np.abs(xyzw) * np.sqrt(2)), 0, 511).astype(np.uint32)
    negative = (xyzw * signs[:, None] < 0).astype(np.uint32)
    code = largest.astype(np.uint32)
    for axis in range(4):
        longer = (code << 10) | (negative[:, axis] << 9) | magnitudes[:, axis]
        code = np.where(largest == axis, code, longer)
    return code.astype("<u4").tobytes()


def _bytes(values: np.ndarray) -> bytes:
    return np.clip(np.round(values), 0, 255).astype(np.uint8).tobytes()
