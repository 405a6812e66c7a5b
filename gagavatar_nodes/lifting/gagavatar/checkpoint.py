"""Checkpoints: reading `GAGAvatar.pt` safely, checking every tensor, and the one-file safetensors form."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import FileFormatError
from ...temporary import replacement
from ...torch_file import load_torch_file
from .config import GAGAvatarConfig

if TYPE_CHECKING:
    from torch import Tensor

    from .model import GAGAvatarNetwork

TRAINING_PREFIX = "percep_loss."
"""Names of the published state dict that only training reads."""
CONVERTED_VERSION = 1
_SHOWN = 4
_HALF_MAX = 65504.0
_AGAIN = "Download assets/GAGAvatar.pt of xg-chu/GAGAvatar again, or name another file."

_log = logging.getLogger(__name__)


def load_checkpoint(path: str | Path, *, half: bool = False, cache: str | Path | None = None) -> dict[str, Tensor]:
    """State dict of the checkpoint at `path`, checked name by name and shape by shape.

    A `.pt` file is read without running any code of it, and converted once to a safetensors file that later loads
    take: beside it, or in the folder `cache`. `half` stores that file in float16, half the size. Where it cannot be
    written, a warning says so and the checkpoint loads all the same.

    Raises FileFormatError where the file is missing, damaged, of another model, or wants to run code.
    """
    path = Path(path)
    if not path.is_file():
        raise FileFormatError(f"{path}: there is no such checkpoint. {_AGAIN}")
    if path.suffix == ".safetensors":
        state, header = _read_safetensors(path)
        return check(state, path, _config_of(header, path))
    target = Path(cache or path.parent) / f"{path.stem}.{'fp16' if half else 'fp32'}.safetensors"
    stamp = _stamp(path)
    found = _read_conversion(target, stamp)
    if found is not None:
        return check(found, target)
    state = check(_read_pickle(path), path)
    try:
        convert(state, target, half=half, stamp=stamp)
    except OSError as error:
        _log.warning("%s: the converted checkpoint could not be stored (%s); the next start reads the slower .pt.",
                     target, error.strerror or error)  # fmt: skip
        return state
    return _read_safetensors(target)[0]


def load_config(path: str | Path) -> GAGAvatarConfig:
    """Return the variant of the network that the checkpoint at `path` belongs to: the published one unless it says so.

    Raises FileFormatError where it names a variant that cannot be.
    """
    path = Path(path)
    return _config_of(_read_safetensors(path)[1], path) if path.suffix == ".safetensors" else GAGAvatarConfig()


def save_network(network: GAGAvatarNetwork, path: str | Path, notes: Mapping[str, str] | None = None) -> None:
    """Write a network with its config as one safetensors file, whole or not at all, and read it back to compare.

    `notes` are texts for its header. Raises as `convert` does.
    """
    header = {**(notes or {}), "config": json.dumps(network.config.to_dict())}
    convert({name: value.detach().cpu() for name, value in network.state_dict().items()}, Path(path), notes=header)


def load_perceptual_weights(path: str | Path) -> dict[str, Tensor]:
    """Return the tensors of the perceptual networks in the published `GAGAvatar.pt` at `path`, without their prefix.

    Raises FileFormatError where the file is missing or damaged, or has none: converted and own files leave them out.
    """
    path = Path(path)
    if not path.is_file():
        raise FileFormatError(f"{path}: there is no such checkpoint. {_AGAIN}")
    state = _read_safetensors(path)[0] if path.suffix == ".safetensors" else _read_pickle(path)
    found = {key.removeprefix(TRAINING_PREFIX): v for key, v in state.items() if key.startswith(TRAINING_PREFIX)}
    if not found:
        raise FileFormatError(
            f"{path} holds no perceptual networks ({TRAINING_PREFIX}*): name the published GAGAvatar.pt itself, or "
            "take another perceptual loss (lpips, none)"
        )
    return found


def check(state: Mapping[str, Tensor], name: str | Path = "checkpoint", config: GAGAvatarConfig | None = None
          ) -> dict[str, Tensor]:  # fmt: skip
    """`state` without the training-only tensors; FileFormatError lists what is missing, unexpected or misshapen."""
    state = {key: value for key, value in state.items() if not key.startswith(TRAINING_PREFIX)}
    expected = expected_shapes(config)
    missing = [key for key in expected if key not in state]
    unexpected = [key for key in state if key not in expected]
    misshapen = [
        f"{key}: got {list(state[key].shape)} but expected {list(shape)}"
        for key, shape in expected.items()
        if key in state and tuple(state[key].shape) != shape
    ]
    problems = [
        _list_names(label, names)
        for label, names in (("missing", missing), ("unexpected", unexpected), ("of another shape", misshapen))
        if names
    ]
    if problems:
        raise FileFormatError(f"{name} is not a GAGAvatar checkpoint: tensors {'; '.join(problems)}. {_AGAIN}")
    return state


def expected_shapes(config: GAGAvatarConfig | None = None) -> dict[str, tuple[int, ...]]:
    """Name -> shape of every tensor that the network of `config` has."""
    import torch

    from .model import GAGAvatarNetwork

    with torch.device("meta"):
        return {name: tuple(value.shape) for name, value in GAGAvatarNetwork(config).state_dict().items()}


def build_network(state: Mapping[str, Any], config: GAGAvatarConfig | None = None) -> GAGAvatarNetwork:
    """Return the network of `config` with the tensors (or arrays) of `state` in float32, ready for inference.

    Raises FileFormatError, see `check`.
    """
    import torch

    from .model import GAGAvatarNetwork

    tensors = check({name: torch.as_tensor(value) for name, value in state.items()}, "the state dict", config)
    with torch.device("meta"):
        network = GAGAvatarNetwork(config)
    network.load_state_dict({name: value.detach().float() for name, value in tensors.items()}, assign=True)
    return network.eval().requires_grad_(False)


def convert(
    state: Mapping[str, Tensor], target: Path, *, half: bool = False, stamp: str = "",
    notes: Mapping[str, str] | None = None,
) -> None:  # fmt: skip
    """Write `state` as one safetensors file, read it back and compare every tensor; then move it to `target`.

    Weights beyond float16's range keep the file in float32, with a warning. Raises OSError where it cannot be
    written, FileFormatError where what was read back differs.
    """
    import torch
    from safetensors.torch import save_file

    largest = max(float(value.abs().max()) for value in state.values())
    if half and not largest <= _HALF_MAX:
        _log.warning("A weight of %g does not fit float16; %s keeps float32.", largest, target)
        half = False
    dtype = torch.float16 if half else torch.float32
    stored = {name: value.to(dtype).contiguous() for name, value in state.items()}
    header = {**(notes or {}), "format": "gagavatar-checkpoint", "version": str(CONVERTED_VERSION), "source": stamp}
    target.parent.mkdir(parents=True, exist_ok=True)
    with replacement(target) as temporary:
        try:
            save_file(stored, temporary, metadata=header)
        except Exception as error:  # the library has its own error type for a full disk
            raise OSError(f"writing failed: {error}") from error
        written, _ = _read_safetensors(temporary)
        if written.keys() != stored.keys() or not all(torch.equal(written[name], stored[name]) for name in stored):
            raise FileFormatError(f"{target}: what was written does not read back the same. Check the disk.")
        del written  # Windows cannot rename a file that is still mapped


def _list_names(label: str, names: list[str]) -> str:
    shown = ", ".join(names[:_SHOWN])
    rest = f", and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{label} ({len(names)}): {shown}{rest}"


def _stamp(path: Path) -> str:
    """Identify the source of a converted file: a changed checkpoint is converted again."""
    status = path.stat()
    return json.dumps([path.name, status.st_size, status.st_mtime_ns])


def _read_conversion(target: Path, stamp: str) -> dict[str, Tensor] | None:
    """Tensors of an earlier conversion of the same file, or None."""
    if not target.is_file():
        return None
    try:
        state, header = _read_safetensors(target)
    except FileFormatError:
        _log.warning("%s is damaged and is converted again.", target)
        return None
    return state if header.get("source") == stamp else None


def _read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), framework="pt") as file:
            header = file.metadata() or {}
            version = header.get("version", "1")
            if not version.isdecimal() or int(version) > CONVERTED_VERSION:
                raise FileFormatError(f"{path} is of version {version}, newer than this program's. Update it.")
            return {name: file.get_tensor(name) for name in file.keys()}, header  # noqa: SIM118
    except SafetensorError as error:
        raise FileFormatError(f"{path} is truncated or no safetensors file ({error}). {_AGAIN}") from error


def _config_of(header: Mapping[str, str], path: Path) -> GAGAvatarConfig:
    try:
        return GAGAvatarConfig.from_dict(json.loads(header.get("config", "{}")))
    except (ValueError, TypeError, AttributeError) as error:
        raise FileFormatError(
            f"{path} describes a network that cannot be ({error}). Train or convert it again."
        ) from error


def _read_pickle(path: Path) -> dict[str, Tensor]:
    """Return the dict `model` of a PyTorch file, of which only tensors and plain containers are read."""
    import torch

    data = load_torch_file(path, _AGAIN)
    state = data.get("model", data) if isinstance(data, dict) else None
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise FileFormatError(f"{path} holds no state dict under 'model'. {_AGAIN}")
    return state
