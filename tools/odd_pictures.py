"""Portraits as people have them: colors, depths, transparency and orientations of every kind. Makers (path) -> path."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np

from gagavatar_nodes.media.color import PQ, gamut_matrix, pq_decode, pq_encode

EDGE = 360
DISPLAY_P3, BT2020 = 12, 9
_D50 = np.array([0.9642, 1.0, 0.8249])
_REFERENCE_WHITE = 203.0
_PARAMETER_SETS = (32, 33, 34)
"""NAL unit types of HEVC: VPS, SPS, PPS."""


@cache
def photo(edge: int = EDGE) -> np.ndarray:
    """[edge, edge, 3] uint8: the bundled portrait, which every maker shows."""
    import cv2

    from gagavatar_nodes import assets
    from gagavatar_nodes.media.images import read_image

    return cv2.resize(read_image(assets.path("example_portrait.jpg")).rgb, (edge, edge), interpolation=cv2.INTER_AREA)


def save(path: Path, pixels: np.ndarray | None = None, **options: object) -> Path:
    """Write uint8 pixels of any layout by Pillow, nearly without loss."""
    from PIL import Image

    near = {
        ".jpg": {"quality": 98},
        ".webp": {"lossless": True, "exact": True},
        ".avif": {"quality": 98, "subsampling": "4:4:4"},
    }
    Image.fromarray(photo() if pixels is None else pixels).save(path, **near.get(path.suffix, {}), **options)
    return path


def with_alpha(alpha: np.ndarray) -> Callable[[Path], Path]:
    """Return a maker of a portrait with this alpha channel [EDGE, EDGE] uint8."""
    return lambda path: save(path, np.dstack([photo(), alpha]))


def rounded_corners() -> np.ndarray:
    """Alpha of a rounded square."""
    y, x = np.abs(np.mgrid[:EDGE, :EDGE] - (EDGE - 1) / 2) - (EDGE / 2 - 60)
    outside = np.hypot(np.maximum(x, 0), np.maximum(y, 0)) - 60
    return np.uint8(255 * np.clip(0.5 - outside, 0, 1))


def few_transparent() -> np.ndarray:
    """Alpha with some holes beside the head."""
    alpha = np.full((EDGE, EDGE), 255, np.uint8)
    alpha[4:12, 4:20] = 0
    return alpha


def level(value: int) -> np.ndarray:
    """Alpha of one value."""
    return np.full((EDGE, EDGE), value, np.uint8)


def palette(path: Path) -> Path:
    """250 colors, one of them transparent."""
    from PIL import Image

    image = Image.fromarray(photo()).quantize(250)
    image.save(path, transparency=image.getpixel((2, 2)))
    return path


def turned(orientation: int) -> Callable[[Path], Path]:
    """Return a maker of a portrait that is stored in another way, as its EXIF orientation says."""
    stored = {
        2: lambda a: a[:, ::-1], 3: lambda a: a[::-1, ::-1], 4: lambda a: a[::-1], 5: lambda a: a.transpose(1, 0, 2),
        6: lambda a: np.rot90(a), 7: lambda a: np.rot90(a[:, ::-1], -1), 8: lambda a: np.rot90(a, -1),
    }[orientation]  # fmt: skip

    def make(path: Path) -> Path:
        from PIL import Image

        exif = Image.Exif()
        exif[0x0112] = orientation
        return save(path, np.ascontiguousarray(stored(photo())), exif=exif)

    return make


def quarter_turns(turns: int) -> Callable[[Path], Path]:
    """Return a maker of a portrait on its side or upside down that does not say so."""
    return lambda path: save(path, np.ascontiguousarray(np.rot90(photo(), turns)))


def cmyk(path: Path) -> Path:
    """Write four colors, as printers have them."""
    from PIL import Image

    Image.fromarray(photo()).convert("CMYK").save(path, quality=98)
    return path


def gray16(path: Path) -> Path:
    """Write gray of 16 bits."""
    from PIL import Image

    Image.fromarray((photo() @ [0.299, 0.587, 0.114] * 257).astype(np.uint16)).save(path)
    return path


def deep(bits: int) -> Callable[[Path], Path]:
    """Return a maker of 16-bit color that fills only so many bits, as cameras write it."""
    return lambda path: _write16(path, photo().astype(np.uint16) * 257 >> 16 - bits)


def wide_gamut(primaries: int, gamma: float = 2.2) -> Callable[[Path], Path]:
    """Return a maker of a portrait whose ICC profile has these primaries of H.273."""

    def make(path: Path) -> Path:
        light = (photo() / 255) ** gamma @ np.linalg.inv(gamut_matrix(primaries)).T
        pixels = np.round(255 * np.clip(light, 0, 1) ** (1 / gamma)).astype(np.uint8)
        return save(path, pixels, icc_profile=icc_profile(primaries, gamma))

    return make


def icc_profile(primaries: int, gamma: float) -> bytes:
    """Return a matrix profile of version 2 (ICC.1:2001-04)."""
    from gagavatar_nodes.media import color

    cone = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
    columns = color._to_xyz(primaries)
    columns = np.linalg.inv(cone) @ np.diag(cone @ _D50 / (cone @ columns.sum(1))) @ cone @ columns

    def xyz(values: np.ndarray) -> bytes:
        return b"XYZ \0\0\0\0" + struct.pack(">3i", *np.round(values * 65536).astype(int))

    curve = b"curv\0\0\0\0" + struct.pack(">IHH", 1, round(gamma * 256), 0)
    name = b"desc\0\0\0\0" + struct.pack(">I", 5) + b"Wide\0" + bytes(79)
    tags = {b"desc": name, b"cprt": b"text\0\0\0\0CC0\0", b"wtpt": xyz(_D50)}
    tags |= {letter + b"XYZ": xyz(column) for letter, column in zip((b"r", b"g", b"b"), columns.T, strict=True)}
    tags |= {letter + b"TRC": curve for letter in (b"r", b"g", b"b")}
    at, table, body = 132 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for tag, data in tags.items():
        table += tag + struct.pack(">II", at + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    head = b"lcms" + struct.pack(">I", 0x02200000) + b"mntrRGB XYZ " + struct.pack(">6H", 2024, 1, 1, 0, 0, 0)
    head += b"acsp" + bytes(28) + struct.pack(">3i", *np.round(_D50 * 65536).astype(int)) + bytes(48)
    return struct.pack(">I", at + len(body)) + head + table + body


def adobe_rgb(path: Path) -> Path:
    """Write Adobe RGB of which cameras' metadata alone tell."""
    from gagavatar_nodes.media.color import ADOBE_RGB

    exif = b"Exif\0\0II*\0" + struct.pack("<IH2H3I", 8, 1, 0x8769, 4, 1, 26, 0)
    exif += struct.pack("<H2H2I2H3I", 2, 0xA001, 3, 1, 0xFFFF, 0xA005, 4, 1, 56, 0)
    exif += struct.pack("<H2HI4sI", 1, 1, 2, 4, b"R03\0", 0)
    light = (photo() / 255) ** 2.2 @ np.linalg.inv(gamut_matrix(ADOBE_RGB[1])).T
    return save(path, np.round(255 * np.clip(light, 0, 1) ** (1 / 2.2)).astype(np.uint8), exif=exif)


def erased(path: Path) -> Path:
    """Write a picture that is transparent throughout, and has no colors left."""
    return save(path, np.zeros((EDGE, EDGE, 4), np.uint8))


def pq_signal() -> np.ndarray:
    """[EDGE, EDGE, 3] 0..1: the portrait in HDR (PQ, BT.2020), its white at the reference white."""
    srgb = photo() / 255
    light = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    return pq_encode(_REFERENCE_WHITE * np.maximum(light @ np.linalg.inv(gamut_matrix(BT2020)).T, 0))


def hlg_signal() -> np.ndarray:
    """[EDGE, EDGE, 3] 0..1: the same picture in HLG (BT.2100-2, table 5), for a screen of 1000 candelas."""
    light = pq_decode(pq_signal()) / 1000
    luminance = np.maximum(light @ [0.2627, 0.6780, 0.0593], 1e-6)[..., None]
    scene = light * luminance ** (1 / 1.2 - 1)
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return np.where(scene <= 1 / 12, np.sqrt(3 * scene), a * np.log(np.maximum(12 * scene - b, 1e-6)) + c)


def pq_png(path: Path) -> Path:
    """HDR of 16 bits; a chunk tells of it."""
    _write16(path, np.round(65535 * pq_signal()).astype(np.uint16))
    data, chunk = path.read_bytes(), b"cICP" + bytes([BT2020, PQ, 0, 1])
    path.write_bytes(data[:33] + struct.pack(">I", 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) + data[33:])
    return path


def pq_avif(path: Path) -> Path:
    """Return HDR in an AVIF; a property tells of it."""
    save(path, np.round(255 * pq_signal()).astype(np.uint8))
    data = path.read_bytes()
    at = data.index(b"colrnclx") + 8
    path.write_bytes(data[:at] + struct.pack(">HH", BT2020, PQ) + data[at + 4 :])
    return path


def heic(path: Path, pixels: np.ndarray | None = None, points: tuple[int, int] = (1, 13)) -> Path:
    """Write an HEIC of one HEVC picture, with primaries and transfer characteristics of H.273 (ISO/IEC 23008-12)."""
    pixels = photo() if pixels is None else pixels
    units = _hevc_units(pixels)
    parameters = [next(unit for unit in units if unit[0] >> 1 == kind) for kind in _PARAMETER_SETS]
    coded = b"".join(struct.pack(">I", len(unit)) + unit for unit in units if unit[0] >> 1 < _PARAMETER_SETS[0])
    path.write_bytes(_heic_file(_hevc_config(parameters), coded, pixels.shape, points))
    return path


def _hevc_units(pixels: np.ndarray) -> list[bytes]:
    """NAL units of one picture."""
    import av

    context = av.CodecContext.create("libx265", "w")
    context.height, context.width = pixels.shape[:2]
    context.pix_fmt, context.time_base = "yuv420p", Fraction(1)
    context.options = {"crf": "4", "x265-params": "log-level=none"}
    frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
    frame = frame.reformat(format="yuv420p", dst_colorspace=1, dst_color_range=2)
    frame.pts, frame.time_base = 0, Fraction(1)
    stream = b"".join(bytes(packet) for packet in [*context.encode(frame), *context.encode(None)])
    return [unit.rstrip(b"\0") for unit in stream.split(b"\0\0\1")[1:]]


def _hevc_config(parameters: list[bytes]) -> bytes:
    """Return the box `hvcC` of VPS, SPS and PPS (ISO/IEC 14496-15, 8.3.3.1)."""
    level = parameters[1].replace(b"\0\0\3", b"\0\0")[3:15]
    body = b"\1" + level + bytes.fromhex("f000fcfdf8f800000f03")
    for kind, unit in zip(_PARAMETER_SETS, parameters, strict=True):
        body += struct.pack(">BHH", 0x80 | kind, 1, len(unit)) + unit
    return struct.pack(">I4s", 8 + len(body), b"hvcC") + body


def pq_heic(path: Path) -> Path:
    """Write HDR in an HEIC."""
    return heic(path, np.round(255 * pq_signal()).astype(np.uint8), (BT2020, PQ))


def _heic_file(config: bytes, coded: bytes, shape: tuple[int, ...], points: tuple[int, int]) -> bytes:
    def box(name: bytes, *parts: bytes, version: int | None = None) -> bytes:
        body = b"".join(parts) if version is None else struct.pack(">I", version << 24) + b"".join(parts)
        return struct.pack(">I4s", 8 + len(body), name) + body

    handler = box(b"hdlr", bytes(4), b"pict", bytes(13), version=0)
    item = box(b"infe", struct.pack(">HH", 1, 0), b"hvc1\0", version=2)
    size = box(b"ispe", struct.pack(">II", shape[1], shape[0]), version=0)
    color = box(b"colr", b"nclx", struct.pack(">HHHB", *points, 1, 128))
    properties = box(b"ipco", config, size, color)
    associations = box(b"ipma", struct.pack(">IHB3B", 1, 1, 3, 0x81, 2, 3), version=0)
    head = box(b"ftyp", b"heic", bytes(4), b"mif1heic")

    def meta(at: int) -> bytes:
        location = box(b"iloc", struct.pack(">BBHHHHII", 0x44, 0, 1, 1, 0, 1, at, len(coded)), version=0)
        primary, items = box(b"pitm", struct.pack(">H", 1), version=0), box(b"iinf", b"\0\1", item, version=0)
        return box(b"meta", handler, primary, location, items, box(b"iprp", properties, associations), version=0)

    return head + meta(len(head) + len(meta(0)) + 8) + box(b"mdat", coded)


def _write16(path: Path, pixels: np.ndarray) -> Path:
    import cv2

    path.write_bytes(cv2.imencode(path.suffix, pixels[..., ::-1])[1].tobytes())
    return path
