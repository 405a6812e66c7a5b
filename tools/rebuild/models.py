"""The tracker's ONNX models, out of mediapipe's TFLite ones: converted, custom operators rewritten, weights as fp16."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from .custom_ops import rewrite
from .sources import MEDIAPIPE, Archive

MODELS = {
    "face_detection.onnx": "face_detection/face_detection_short_range",
    "face_landmarks.onnx": "face_landmark/face_landmark_with_attention",
    "person_segmentation.onnx": "selfie_segmentation/selfie_segmentation",
}
_OPSET, _IR_VERSION = 17, 8
_KEEP_FP32 = 64  # elements: small tensors are shapes, scales and biases


def builder(name: str) -> Callable[[Path, Path], None]:
    """Builder of one model, a key of MODELS."""

    def build(work: Path, out: Path) -> None:
        import onnx

        member = MODELS[name]
        tflite = work / f"{Path(member).name}.tflite"
        tflite.write_bytes(Archive(MEDIAPIPE, work).read(f"mediapipe/modules/{member}.tflite"))
        model = onnx.load(_convert(tflite))
        rewrite(model)
        del model.opset_import[:]
        model.opset_import.append(onnx.helper.make_opsetid("", _OPSET))
        model.ir_version = _IR_VERSION
        del model.graph.value_info[:]
        _store_as_fp16(model)
        for node in model.graph.node:
            node.name = ""
        onnx.checker.check_model(model)
        onnx.save(model, out / name)

    return build


def _convert(tflite: Path) -> Path:
    onnx_file = tflite.with_suffix(".raw.onnx")
    command = [sys.executable, "-m", "tf2onnx.convert", "--opset", str(_OPSET), "--tflite", str(tflite)]
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    done = subprocess.run(
        [*command, "--output", str(onnx_file)], env=os.environ | quiet, capture_output=True, text=True, check=False
    )
    # It names the custom operators as unsupported, leaves them in place, and goes on.
    if done.returncode or not onnx_file.exists():
        sys.exit(f"tf2onnx failed on {tflite.name}:\n{done.stderr}")
    return onnx_file


def _store_as_fp16(model) -> None:
    """Halve the file: large float tensors as fp16, cast back when the model is loaded."""
    from onnx import TensorProto, helper, numpy_helper

    casts = []
    for tensor in model.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT and np.prod(tensor.dims) >= _KEEP_FP32:
            name = tensor.name
            half = numpy_helper.to_array(tensor).astype(np.float16)
            tensor.CopyFrom(numpy_helper.from_array(half, f"{name}_h"))
            casts.append(helper.make_node("Cast", [f"{name}_h"], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
