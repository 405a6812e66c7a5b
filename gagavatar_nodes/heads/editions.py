"""FLAME's editions, whose codes do not mix."""

from __future__ import annotations

from .. import assets
from ..errors import GagavatarError

EMBEDDED_HEAD = "embedded"
"""Edition of the bundled head in FLAME's layout, see `embedded_flame`; it serves where a FLAME file is asked for."""
BUNDLED_HEAD = assets.path("head_cc0.npz")
"""The file that stands for it."""


def check_same_edition(a: str, b: str) -> None:
    """Raise `GagavatarError` when two editions differ: their codes mean different faces."""
    if a != b:
        raise GagavatarError(
            f"FLAME codes of edition {a} cannot be used with edition {b}: the same numbers mean another face. "
            f"Track the video again with the FLAME {b} file, or use the FLAME {a} file for the avatar"
        )
