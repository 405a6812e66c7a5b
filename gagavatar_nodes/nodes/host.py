"""What ComfyUI offers while it runs: folders, VIDEO and SPLAT objects, memory. Outside of it there are stand-ins."""

from __future__ import annotations

import contextvars
import importlib
import json
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from ..packages import available_memory

MODELS_FOLDER = "gagavatar"
"""Name of the folder for weights inside ComfyUI's models folder."""
_WORKING_MEMORY = 2 << 30
"""Bytes that lifting and a batch of frames need on a GPU beside the weights."""


@dataclass(frozen=True)
class Host:
    """Another program that runs the nodes, in ComfyUI's place."""

    output: Path
    input: Path
    temporary: Path
    show: Callable[[int, int | None, np.ndarray | None], None]
    """Called with the number of steps done, how many there are (or None), a picture [H, W, 3 or 4] uint8 (or None)."""
    check_canceled: Callable[[], None]
    """Raises where the user has canceled."""
    open_video: Callable[[Path], Any]
    """A VIDEO that reads a file."""
    join_video: Callable[[Any, Any, float], Any]
    """A VIDEO of an IMAGE batch, AUDIO (or None) and frames a second, with `get_components` as ComfyUI's has it."""
    room: Callable[[], float] = lambda: float("inf")
    """Bytes that results of nodes may still take."""


current: contextvars.ContextVar[Host | None] = contextvars.ContextVar("host", default=None)
"""The other program; None in ComfyUI, and where nodes are called one by one."""


def _require(name: str) -> Any:
    """Return a module of ComfyUI's that is there wherever ComfyUI is."""
    return importlib.import_module(name)


def module(name: str) -> ModuleType | None:
    """Return a module of ComfyUI, or None where there is none."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def register_models_folder() -> None:
    """Tell ComfyUI of its `models/gagavatar`, so that extra model paths of that name are found as well."""
    paths = module("folder_paths")
    if paths is not None:
        paths.add_model_folder_path(MODELS_FOLDER, os.path.join(paths.models_dir, MODELS_FOLDER))


def models_folders() -> list[Path]:
    """Return the folders for weights, the one to place files in first; empty outside of ComfyUI."""
    paths = module("folder_paths")
    return [] if paths is None else [Path(one) for one in paths.get_folder_paths(MODELS_FOLDER)]


def output_folder() -> Path:
    """Where results are saved."""
    host = current.get()
    return _folder("get_output_directory", Path("output")) if host is None else host.output


def input_folder() -> Path:
    """Where users put files."""
    host = current.get()
    return _folder("get_input_directory", Path("input")) if host is None else host.input


def temporary_folder() -> Path:
    """Where files for one session lie."""
    host = current.get()
    folder = (
        host.temporary if host is not None else _folder("get_temp_directory", Path(tempfile.gettempdir()) / "gagavatar")
    )
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def next_output(prefix: str, width: int = 0, height: int = 0) -> tuple[Path, str, int, str]:
    """Folder, file name, next number and subfolder for a prefix such as `gagavatar/avatar`, in the output folder."""
    paths = module("folder_paths")
    if paths is not None:
        folder, name, number, subfolder, _ = paths.get_save_image_path(prefix, str(output_folder()), width, height)
        return Path(folder), name, number, subfolder
    wanted = output_folder() / prefix
    wanted.parent.mkdir(parents=True, exist_ok=True)
    number = 1 + sum(path.name.startswith(f"{wanted.name}_") for path in wanted.parent.iterdir())
    return wanted.parent, wanted.name, number, os.path.dirname(prefix)


def torch_device() -> str:
    """Return the device that ComfyUI computes on; "auto" outside of it."""
    management = module("comfy.model_management")
    return "auto" if management is None else str(management.get_torch_device())


def manage(owner: Any, network: Any, let_go: Callable[[], None]) -> None:
    """Bring a torch module to ComfyUI's device in a way that ComfyUI can undo, when memory is short or on `/free`.

    `owner` keeps what ComfyUI needs for that. `let_go` is called when ComfyUI takes the module off its device: what
    `owner` keeps there besides is to go as well.
    """
    management = module("comfy.model_management")
    if management is None:
        return
    if not hasattr(owner, "comfy_patcher"):
        device, offload = management.get_torch_device(), management.unet_offload_device()
        patcher = _require("comfy.model_patcher").ModelPatcher(network, device, offload)
        patcher.add_callback(_require("comfy.patcher_extension").CallbacksMP.ON_DETACH, lambda *_: let_go())
        owner.comfy_patcher = patcher
    management.load_models_gpu([owner.comfy_patcher], memory_required=_WORKING_MEMORY)


def intermediate_device() -> Any:
    """Return the device on which nodes hand over their results."""
    management = module("comfy.model_management")
    return "cpu" if management is None else management.intermediate_device()


def free_memory() -> float:
    """Bytes of main memory that are free; infinite where nobody knows."""
    host = current.get()
    room = float("inf") if host is None else host.room()
    psutil = module("psutil")
    return min(room, available_memory() if psutil is None else float(psutil.virtual_memory().available))


def is_components(video: Any) -> bool:
    """Whether a VIDEO holds its frames in memory rather than in a file."""
    if current.get() is not None:
        return hasattr(video, "get_components")
    api = module("comfy_api.latest")
    return api is not None and isinstance(video, api.InputImpl.VideoFromComponents)


def video_from_file(path: Path) -> Any:
    """Return a VIDEO that reads a file; None outside of ComfyUI and programs in its place."""
    host = current.get()
    if host is not None:
        return host.open_video(path)
    api = module("comfy_api.latest")
    return None if api is None else api.InputImpl.VideoFromFile(str(path))


def video_from_images(images: Any, audio: dict[str, Any] | None, fps: float) -> Any:
    """Return a VIDEO of an IMAGE batch, which it shares; None outside of ComfyUI and programs in its place."""
    host = current.get()
    if host is not None:
        return host.join_video(images, audio, fps)
    api = module("comfy_api.latest")
    if api is None:
        return None
    rate = Fraction(fps).limit_denominator(1001)
    parts = _require("comfy_api.util").VideoComponents(images=images, audio=audio, frame_rate=rate)
    return api.InputImpl.VideoFromComponents(parts)


def workflow_notes(prompt: Any, extra: dict[str, Any] | None) -> dict[str, str]:
    """Return what ComfyUI's own nodes keep in files: the graph as it runs and as the editor shows it.

    Nothing where ComfyUI was started with --disable-metadata.
    """
    options = module("comfy.cli_args")
    if options is not None and options.args.disable_metadata:
        return {}
    kept = {**(extra or {}), **({} if prompt is None else {"prompt": prompt})}
    return {name: json.dumps(value) for name, value in kept.items()}


def fits(given: str, wanted: Any) -> bool:
    """Whether an output of one type may be connected to an input of another."""
    if not isinstance(wanted, str):
        return True
    validation = module("comfy_execution.validation")
    if validation is not None:
        return bool(validation.validate_node_input(given, wanted))
    return "*" in (given, wanted) or given == wanted


def blocked(why: str) -> Any:
    """Return what stands for an output that is not there, and tells so at the node that wants it; None elsewhere."""
    graph = module("comfy_execution.graph")
    return None if graph is None or current.get() is not None else graph.ExecutionBlocker(why)


def page_server() -> Any:
    """Return ComfyUI's web server, to which routes can be added; None outside of it."""
    server = getattr(sys.modules.get("server"), "PromptServer", None)  # loaded long before, if this is ComfyUI
    return getattr(server, "instance", None)


def has_type(name: str) -> bool:
    """Whether this ComfyUI knows a value class, such as SPLAT or File3D."""
    api = module("comfy_api.latest")
    return api is not None and hasattr(getattr(api, "Types", None), name)


def make_value(name: str, *args: Any, **fields: Any) -> Any:
    """Return a value of a class that `has_type`."""
    return getattr(_require("comfy_api.latest").Types, name)(*args, **fields)


def _folder(getter: str, fallback: Path) -> Path:
    paths = module("folder_paths")
    return fallback.absolute() if paths is None else Path(getattr(paths, getter)())
