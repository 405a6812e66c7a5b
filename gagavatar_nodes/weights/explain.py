"""What a failed download means for the user."""

from __future__ import annotations

import errno
from pathlib import Path

from ..errors import WeightsError
from .manifest import WeightFile

_NO_ROOM = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}


def explain(error: Exception, entry: WeightFile, target: Path, hand: Path) -> WeightsError:
    """One line: what went wrong with the download of `entry` into `target`, and the next step."""
    by_hand = f"or place the file from {entry.address} at {hand}"
    status = getattr(getattr(error, "response", None), "status_code", None)
    # 416: nothing lies past the part that is here, though more was announced.
    if status == 416 or "Consistency check failed" in str(error):
        return WeightsError(
            f"The download of {entry.name} is truncated: the server has fewer bytes than it announces. Run the same "
            f"command again later, {by_hand}."
        )
    if status is not None:
        return WeightsError(f"{_server_message(status, error, entry)}, {by_hand}.")
    if isinstance(error, OSError) and error.errno in _NO_ROOM:
        return WeightsError(
            f"{target} is full: {entry.name} could not be stored. Free some space or name another folder with "
            f"--folder; the next download goes on from the part that is there."
        )
    if isinstance(error, PermissionError) or getattr(error, "errno", None) == errno.EROFS:
        return WeightsError(f"{target} cannot be written. Name another folder with --folder, {by_hand}.")
    if type(error).__name__ == "OfflineModeIsEnabled":
        return WeightsError(f"{entry.name} is not here and HF_HUB_OFFLINE forbids its download: unset it, {by_hand}.")
    return WeightsError(
        f"{entry.name} could not be downloaded ({type(error).__name__}: {_first_line(error)}). Check the network "
        f"and the proxy and run the same command again, which goes on where it stopped, {by_hand}."
    )


def _server_message(status: int, error: Exception, entry: WeightFile) -> str:
    page = f"https://huggingface.co/{entry.repo}"
    if status == 401:
        return (
            f"The hub refuses {entry.name} (401): it wants an account. Set HF_TOKEN to a token from "
            f"https://huggingface.co/settings/tokens (if it is set, it is not valid)"
        )
    if status == 403:
        return f"The hub refuses {entry.name} (403): your account has no access. Accept the conditions at {page}"
    if status == 404:
        revision = entry.revision or "main"
        return f"The hub has no {entry.path} in {entry.repo} at revision {revision} (404). Look for it at {page}"
    return f"The hub answered {status} for {entry.name} ({_first_line(error)}). Try again later"


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else "no details"
