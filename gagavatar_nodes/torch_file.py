"""PyTorch files read as tensors and plain containers: no code of theirs runs. Networks filled with what they hold."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from .errors import FileFormatError

if TYPE_CHECKING:
    from torch import nn

    Network = TypeVar("Network", bound=nn.Module)


def load_torch_file(path: Path, advice: str) -> Any:
    """Return what a `.pt` file holds, on the CPU; tensors are mapped from the file where its format allows it.

    Raises FileFormatError, which ends in the `advice`, where the file is damaged or wants to run code.
    """
    import torch

    try:
        return torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path) or None)
    except pickle.UnpicklingError as error:
        if "GLOBAL" in str(error) or _is_pickle(path):
            raise FileFormatError(
                f"{path} holds more than tensors, such as a pickle that runs code; it was refused and nothing of it "
                f"was run. {advice}"
            ) from error
        raise FileFormatError(f"{path} is damaged or no PyTorch checkpoint. {advice}") from error
    except (RuntimeError, EOFError, ValueError, KeyError, OSError) as error:
        raise FileFormatError(f"{path} is truncated, damaged, or no PyTorch checkpoint. {advice}") from error


def fill_network(build: Callable[[], Network], state: Mapping[str, Any], name: object, advice: str) -> Network:
    """`build()` with the tensors of `state`, which are not copied, in evaluation mode, without gradients.

    Raises FileFormatError with the first name that is missing, unknown or of another shape; `name` is the file's.
    """
    import torch

    with torch.device("meta"):
        network = build()
    tensors = {key: torch.as_tensor(value) for key, value in state.items()}
    expected = network.state_dict()
    for key in [*expected, *tensors]:
        got, wanted = (tuple(d[key].shape) if key in d else None for d in (tensors, expected))
        if got != wanted:
            what = "is missing" if got is None else "is unknown" if wanted is None else f"has shape {got}, not {wanted}"
            raise FileFormatError(f"{name}: tensor {key} {what}. {advice}")
    network.load_state_dict(tensors, assign=True)
    return network.eval().requires_grad_(False)


def _is_pickle(path: Path) -> bool:
    """Whether the file itself is a pickle of protocol 2 or later, as opposed to PyTorch's zip archive."""
    with path.open("rb") as file:
        return file.read(1) == pickle.PROTO
