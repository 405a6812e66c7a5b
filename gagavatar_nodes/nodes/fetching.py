"""Downloads of published files inside the nodes that need them: never without the user's consent to their licenses."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ..errors import WeightsError
from ..weights import WeightFile, find_weight, weight
from . import host, spec
from .progress import NodeProgress, run_cancellable


def download_inputs(names: Iterable[str]) -> dict[str, spec.Spec]:
    """Return the two widgets of a node that can fetch the files `names`."""
    files = " ".join(f"{_describe(weight(name))}." for name in names)
    return {
        "download": spec.switch(
            False, f"Fetches files of the choice that are missing, into models/gagavatar: {files}", advanced=True
        ),
        "accept_licenses": spec.switch(
            False,
            f"For download: I have read and accept the licenses of these files. {files}",
            advanced=True,
        ),
    }


def fetch_missing(names: Iterable[str], folders: list[Path], accepted: bool) -> None:
    """Download the files that are nowhere, with the progress on the node; a canceled one is continued the next time.

    Raises:
        WeightsError: the licenses are not accepted; or see `weights.download.download`.
    """
    from ..weights.download import download

    if host.current.get() is not None:  # a page for visitors
        raise WeightsError("Files are downloaded in ComfyUI, on the tab Models or by `gagavatar weights download`")
    missing = [weight(name) for name in names if find_weight(name, folders) is None]
    if missing and not accepted:
        listed = "; ".join(map(_describe, missing))
        raise WeightsError(f"Read the licenses of what is to be downloaded, then turn accept_licenses on: {listed}")
    for entry in missing:
        progress = NodeProgress(entry.size)

        def fetch(entry: WeightFile = entry, progress: NodeProgress = progress) -> Path:
            return download(entry.name, folders, True, progress=progress)

        run_cancellable(fetch)


def _describe(entry: WeightFile) -> str:
    size = "size unknown" if entry.size is None else f"{entry.size / 1e6:,.0f} MB"
    return f"{entry.name} ({size}, {entry.license}, {entry.license_url})"
