"""All variants by their ids."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..errors import GagavatarError
from . import aed, akd, apd, correlation, csim, drift, jitter, known_motion, lpips, psnr, ssim
from .variants import Instruments, Variant

VARIANTS: dict[str, Variant] = {
    one.id: one
    for module in (psnr, ssim, lpips, csim, drift, aed, apd, akd, jitter, correlation, known_motion)
    for one in module.VARIANTS
}
"""Id -> variant, in the order of tables."""


def choose(names: Iterable[str] = (), protocol: str | None = None, known: bool = False) -> list[Variant]:
    """Return the variants that ids, or beginnings of ids up to a dot, mean; all without names.

    Those that a `protocol` has no use for are left out, and those that want a driver's `known` motion without one.

    Raises:
        GagavatarError: a name means none.
    """
    names = list(names)
    for name in names:
        if not any(_means(name, one) for one in VARIANTS):
            groups = ", ".join(dict.fromkeys(one.split(".")[0] for one in VARIANTS))
            raise GagavatarError(f"There is no metric '{name}': give an id of `gagavatar evaluate --list`, or {groups}")
    chosen = [one for one in VARIANTS.values() if not names or any(_means(name, one.id) for name in names)]
    chosen = [one for one in chosen if known or one.id.split(".")[0] != "known"]
    return [one for one in chosen if protocol is None or protocol in one.protocols]


def _means(name: str, id: str) -> bool:
    return id == name or id.startswith(name + ".")


def group_reasons(missing: dict[str, str]) -> dict[str, list[str]]:
    """Return reason -> ids, of what `split_missing` found missing."""
    reasons: dict[str, list[str]] = {}
    for name, why in missing.items():
        reasons.setdefault(why, []).append(name)
    return reasons


def split_missing(variants: Sequence[Variant], instruments: Instruments) -> tuple[list[Variant], dict[str, str]]:
    """Return the variants that can be computed here, and why each of the others cannot: how to get what it lacks."""
    there, missing = [], {}
    for one in variants:
        try:
            if one.instrument is not None:
                instruments.get(one.instrument)
            there.append(one)
        except GagavatarError as error:
            missing[one.id] = str(error)
    return there, missing
