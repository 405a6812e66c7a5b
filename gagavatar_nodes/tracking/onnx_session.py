"""onnxruntime sessions of the bundled models, shared by the whole process."""

from __future__ import annotations

import lzma
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from .. import assets
from ..errors import WeightsError
from ..packages import load_package

if TYPE_CHECKING:
    import onnxruntime

_sessions: dict[str, onnxruntime.InferenceSession] = {}
_lock = threading.Lock()


def session(name: str) -> onnxruntime.InferenceSession:
    """Return the session of a bundled model such as ``"face_landmarks.onnx"``.

    One per process, safe to run from many threads.

    The models are so small that one thread is the fastest, and threads that spin while they wait would take the cores
    from rendering.

    Raises:
        GagavatarError: no flavor of onnxruntime is installed, or it cannot be loaded.
    """
    with _lock:
        if name not in _sessions:
            _sessions[name] = open_session(assets.path(name))
        return _sessions[name]


def open_session(path: str | os.PathLike[str]) -> onnxruntime.InferenceSession:
    """Return a new session of a model file, on one thread.

    Raises:
        GagavatarError: no flavor of onnxruntime is installed, or it cannot be loaded.
        WeightsError: the file holds no network.
    """
    remedy = "run `pip install onnxruntime` (onnxruntime-gpu or onnxruntime-directml do as well)"
    onnxruntime = load_package("onnxruntime", "Tracking", "onnxruntime", remedy)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        model = Path(path).read_bytes()
        model = lzma.decompress(model) if Path(path).suffix == ".xz" else model
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its errors have no class in common
        raise WeightsError(f"{path} is damaged, or no ONNX network: get the file again") from error
