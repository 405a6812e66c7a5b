"""Numbers that were published, with their sources, and the variants that they are of.

A cell whose variant is not settled has the id None: nothing compares with it.
"""

from __future__ import annotations

from dataclasses import dataclass

from .variants import CROSS, SELF

VFHQ = "VFHQ test"
"""The data set of all rows: clips of talking people, source = first frame, 512 x 512."""


@dataclass(frozen=True)
class Row:
    """One line of a published table."""

    method: str
    table: str
    source: str
    values: dict[str, dict[str, tuple[float, str | None]]]
    """Protocol -> column -> value and the id of its variant."""


_PAPER = "arXiv 2410.07971"
_FLEX = "github.com/tobias-kirschstein/flexavatar"
_CHU = {
    "PSNR": "psnr.crop",
    "SSIM": None,  # the window is not published
    "LPIPS": "lpips.squeeze.crop",
    "CSIM": "csim.mica",
    "AED": None,  # mean or sum: not settled, see github.com/xg-chu/GAGAvatar, issue 36
    "APD": None,
    "AKD": "akd.l2.insightface3d68",
}
_FLEXAVATAR = {
    "PSNR": "psnr.crop",
    "SSIM": None,
    "LPIPS": "lpips.squeeze.crop",
    "CSIM": None,  # a recognizer of its own
    "AED": "aed.l1.deep3d",
    "APD": "apd.l1.deep3d",
    "AKD": "akd.l2.insightface3d68",
}
_SELF, _CROSS = ("PSNR", "SSIM", "LPIPS", "CSIM", "AED", "APD", "AKD"), ("CSIM", "AED", "APD")


def _row(
    method: str, table: str, source: str, ids: dict[str, str | None], own: tuple[float, ...],
    other: tuple[float, ...] = (),
) -> Row:  # fmt: skip
    values = {SELF: {name: (value, ids[name]) for name, value in zip(_SELF, own, strict=True)}}
    if other:
        values[CROSS] = {name: (value, ids[name]) for name, value in zip(_CROSS, other, strict=True)}
    return Row(method, table, source, values)


ROWS = (
    _row(
        "GAGAvatar", "Table 1", _PAPER, _CHU, (21.83, 0.818, 0.122, 0.816, 0.111, 0.135, 3.349), (0.633, 0.253, 0.247),
    ),
    _row("one-plane lifting", "Table 3", _PAPER, _CHU, (21.34, 0.802, 0.158, 0.781, 0.127, 0.170, 3.810)),
    _row("without identity feature", "Table 3", _PAPER, _CHU, (21.13, 0.807, 0.155, 0.774, 0.125, 0.155, 3.722)),
    _row("without neural renderer", "Table 3", _PAPER, _CHU, (20.34, 0.789, 0.138, 0.788, 0.147, 0.202, 4.763)),
    _row(
        "FlexAvatar FLEX-1", "README", _FLEX, _FLEXAVATAR, (23.32, 0.835, 0.099, 0.828, 0.087, 0.010, 3.007),
        (0.650, 0.247, 0.026),
    ),
)  # fmt: skip
"""What could be verified. The rows of other methods in the paper's Table 1 are not among it."""

FPS = {"GAGAvatar, one A100": (67.12, f"{_PAPER}, Table 2: 100 frames, driving parameters computed before")}
"""Frames a second."""
