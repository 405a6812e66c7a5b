"""ARTalk's files: the checkpoint and the styles, found, verified, and read without running code."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from ...errors import FileFormatError, GagavatarError
from ...packages import program
from ...torch_file import fill_network, load_torch_file
from ...weights import find_weight, manifest, require_weight
from ...weights.locations import Folders
from .codec import MOTION
from .network import UNUSED, ARTalk
from .style_encoder import STYLE_FRAMES

CHECKPOINT = "ARTalk_wav2vec.pt"
_STYLES = "style_motion/"
DEFAULT_STYLE, NO_STYLE = "natural_0", "none"
"""The published application's style, and the name of the network's own way without any."""


def load_network(folders: Folders = None) -> ARTalk:
    """Return the published network in float32 on the CPU, mapped from its file.

    Raises:
        WeightsError: the checkpoint is missing, truncated or changed.
        FileFormatError: it is no ARTalk checkpoint.
    """
    path = require_weight(CHECKPOINT, folders)
    advice = f"Download it again: {program()} weights download {CHECKPOINT}"
    state = load_torch_file(path, advice)
    if not isinstance(state, dict):
        raise FileFormatError(f"{path} holds no state dict. {advice}")
    needed = {key: value for key, value in state.items() if key not in UNUSED}
    return fill_network(ARTalk, needed, path, advice)


def style_names() -> list[str]:
    """Return the published styles."""
    return [Path(entry.name).stem for entry in manifest().values() if entry.path.startswith(_STYLES)]


def find_style(style: str | os.PathLike[str] | None, folders: Folders = None) -> Path | None:
    """Return the file of a style: one of `style_names`, a path, None for the default; None of `NO_STYLE`.

    Raises:
        WeightsError: a published style that is missing, truncated or changed.
        GagavatarError: there is no such style and no such file.
    """
    name = DEFAULT_STYLE if style is None else os.fspath(style)
    if name == NO_STYLE:
        return None
    if Path(name).is_file():
        return Path(name)
    if name not in style_names():
        known = ", ".join([NO_STYLE, *style_names()])
        raise GagavatarError(f"There is no style or file '{name}': take {known}, or a file of FLAME motion")
    found = find_weight(f"{name}.pt", folders)
    return require_weight(f"{name}.pt", folders if found is None else [found.parent])


def load_style(path: Path) -> np.ndarray:
    """Return a style [50, 106]: the first two seconds of a motion, at 25 frames a second.

    Raises:
        FileFormatError: the file holds no motion, or less than that.
    """
    from ...driving.motion_file import is_motion_file, load_motion
    from ...driving.operations import resample
    from .motion import FPS, codes_of

    codes = codes_of(resample(load_motion(path), FPS), path) if is_motion_file(path) else read_codes(path)
    if len(codes) < STYLE_FRAMES:
        raise FileFormatError(f"{path} has {len(codes)} frames, but a style needs {STYLE_FRAMES}: give a longer motion")
    return codes[:STYLE_FRAMES]


def read_codes(path: Path) -> np.ndarray:
    """Return the motion [T, 106] float32 in a published style file, which holds one tensor.

    Raises:
        FileFormatError: it holds something else, or wants to run code.
    """
    import torch

    advice = "Give one of ARTalk's style files, or a motion file"
    value = load_torch_file(path, advice)
    if not isinstance(value, torch.Tensor) or not value.is_floating_point() or value.shape[-1:] != (MOTION,):
        raise FileFormatError(f"{path} holds no motion of {MOTION} numbers a frame. {advice}")
    codes = value.reshape(-1, MOTION).float().numpy().copy()  # the tensor is a view into a longer take
    if len(codes) == 0 or not np.isfinite(codes).all():
        raise FileFormatError(f"{path} holds no finite motion. {advice}")
    return codes
