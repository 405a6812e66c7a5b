"""Colors that still pictures name by the code points of ITU-T H.273: PNG, AVIF and HEIC, where HDR comes from.

PNG has them in the chunk `cICP` (PNG, third edition, 11.3.2.6), AVIF and HEIC in the property `colr` of their primary
item (ISO/IEC 14496-12, 12.1.5, and 23008-12, 6.5.5).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

_HEAD = 1 << 18
"""Bytes in which a file says what it is."""
_PNG = b"\x89PNG\r\n\x1a\n"


def read_code_points(file: Path) -> tuple[int, int] | None:
    """Return transfer characteristics and color primaries that a picture names; None where it does not."""
    with open(file, "rb") as stream:
        head = stream.read(_HEAD)
    try:
        if head.startswith(_PNG):
            return _of_png(head)
        if head[4:8] == b"ftyp":
            return _of_heif(head)
    except (struct.error, IndexError):  # a damaged head: the decoder has more to say about it
        pass
    return None


def _of_png(head: bytes) -> tuple[int, int] | None:
    at = len(_PNG)
    while at + 8 <= len(head):
        length, name = struct.unpack_from(">I4s", head, at)
        if name == b"IDAT":
            return None
        if name == b"cICP":
            return head[at + 9], head[at + 8]
        at += length + 12
    return None


def _of_heif(head: bytes) -> tuple[int, int] | None:
    meta = next((head[start + 4 : end] for name, start, end in _boxes(head) if name == b"meta"), b"")
    parts = {name: meta[start:end] for name, start, end in _boxes(meta)}
    if not {b"pitm", b"iprp"} <= set(parts):
        return None
    primary = struct.unpack_from(">I" if parts[b"pitm"][0] else ">H", parts[b"pitm"], 4)[0]
    properties = {name: parts[b"iprp"][start:end] for name, start, end in _boxes(parts[b"iprp"])}
    known = properties.get(b"ipco", b"")
    boxes = [(name, known[start:end]) for name, start, end in _boxes(known)]
    for number in _properties_of(primary, properties.get(b"ipma", b"")):
        name, body = boxes[number - 1]
        if name == b"colr" and body[:4] == b"nclx":
            primaries, transfer = struct.unpack_from(">HH", body, 4)
            return transfer, primaries
    return None


def _boxes(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, start and end of the contents of the boxes that lie in a row."""
    at = 0
    while at + 8 <= len(data):
        size, name = struct.unpack_from(">I4s", data, at)
        start = at + 8
        if size == 1:
            size, start = struct.unpack_from(">Q", data, at + 8)[0], at + 16
        end = len(data) if size == 0 else at + size
        if end < start:
            return
        yield name, start, min(end, len(data))
        at = end


def _properties_of(item: int, associations: bytes) -> list[int]:
    """Return the numbers, from 1, of an item's properties, by the contents of a box `ipma`."""
    version, wide = associations[0], associations[3] & 1
    count, at = struct.unpack_from(">I", associations, 4)[0], 8
    for _ in range(count):
        number = struct.unpack_from(">I" if version else ">H", associations, at)[0]
        at += 4 if version else 2
        entries = associations[at]
        at += 1
        form = f">{entries}{'H' if wide else 'B'}"
        if number == item:
            return [entry & (0x7FFF if wide else 0x7F) for entry in struct.unpack_from(form, associations, at)]
        at += struct.calcsize(form)
    return []
