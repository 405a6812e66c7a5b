"""MediaPipe's custom TFLite operators in terms of standard ONNX operators.

Definitions: mediapipe/util/tflite/operations (landmarks_to_transform_matrix, transform_tensor_bilinear,
transform_landmarks, transpose_conv_bias).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

_EPSILON = np.float32(1e-12)


class _Graph:
    """Appends nodes and constants."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self._count = 0

    def constant(self, value: Any, dtype: Any = np.float32) -> str:
        self._count += 1
        name = f"constant_{self._count}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def op(self, kind: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        self._count += 1
        output = output or f"value_{self._count}"
        self.nodes.append(helper.make_node(kind, list(inputs), [output], name=f"rewritten_{self._count}", **attributes))
        return output

    def reshape(self, value: str, shape: list[int], output: str | None = None) -> str:
        return self.op("Reshape", value, self.constant(shape, np.int64), output=output)

    def slice(self, value: str, starts: list[int], ends: list[int], axes: list[int]) -> str:
        return self.op("Slice", value, *(self.constant(part, np.int64) for part in (starts, ends, axes)))

    def transpose(self, value: str) -> str:
        return self.op("Transpose", value, perm=[1, 0])

    def gather(self, value: str, indices: Any) -> str:
        return self.op("Gather", value, self.constant(indices, np.int64), axis=0)

    def unsqueeze(self, value: str, axis: int) -> str:
        return self.op("Unsqueeze", value, self.constant([axis], np.int64))


def rewrite(model: onnx.ModelProto) -> None:
    """Replace every custom operator of `model` in place."""
    graph = model.graph
    producers = {output: node for node in graph.node for output in node.output}
    consumers: dict[str, list[onnx.NodeProto]] = {}
    for node in graph.node:
        for name in node.input:
            consumers.setdefault(name, []).append(node)
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    built, absorbed = _Graph(), set()
    for node in graph.node:
        attributes = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
        if node.op_type == "TFL_Landmarks2TransformMatrix":
            _landmarks_to_matrix(built, node.input[0], node.output[0], attributes)
        elif node.op_type == "TFL_TransformTensorBilinear":
            (after,) = consumers[node.output[0]]
            features = _channels_first(producers[node.input[0]])
            _transform_tensor(built, features, node.input[1], _transposed(after), attributes, _edge(model, features))
            absorbed.add(after.output[0])
        elif node.op_type == "TFL_TransformLandmarks":
            _transform_landmarks(built, node.input[0], node.input[1], node.output[0])
        elif node.op_type == "TFL_Convolution2DTransposeBias":
            features = _channels_first(producers[node.input[0]])
            _transposed_convolution(built, features, weights[node.input[1]], node.input[2], node.output[0])
        elif node.output[0] not in absorbed:
            built.nodes.append(node)
    _replace_nodes(graph, built)


def _landmarks_to_matrix(g: _Graph, landmarks: str, output: str, attributes: dict[str, Any]) -> None:
    """[1, 4, 4] matrix from pixels of an upright window around some landmarks to pixels of the feature map.

    The window's x axis runs along the line between two landmarks; its size is that of the landmarks' box, scaled.
    """
    points = g.slice(g.reshape(landmarks, [-1, 3]), [0], [2], [1])
    left, right = (g.gather(points, attributes[f"{side}_rotation_idx"]) for side in ("left", "right"))
    along = g.op("Sub", right, left)
    dx, dy = (g.gather(along, axis) for axis in (0, 1))
    squares = g.op("Add", g.op("Mul", dx, dx), g.op("Mul", dy, dy))
    length = g.op("Sqrt", g.op("Add", squares, g.constant(_EPSILON)))
    cos, sin = g.op("Div", dx, length), g.op("Div", dy, length)
    first = g.op("Concat", g.unsqueeze(cos, 0), g.unsqueeze(sin, 0), axis=0)
    second = g.op("Concat", g.unsqueeze(g.op("Neg", sin), 0), g.unsqueeze(cos, 0), axis=0)
    rotation = g.op("Concat", g.unsqueeze(first, 1), g.unsqueeze(second, 1), axis=1)
    turned = g.op("MatMul", g.gather(points, attributes["subset_idxs"]), rotation)
    high, low = (g.op(kind, turned, axes=[0], keepdims=1) for kind in ("ReduceMax", "ReduceMin"))
    middle = g.op("Mul", g.op("Add", high, low), g.constant(0.5))
    center = g.op("MatMul", middle, g.transpose(rotation))
    width, height = attributes["output_width"], attributes["output_height"]
    scale = g.constant([[attributes["scale_x"] / width, attributes["scale_y"] / height]])
    linear = g.op("Mul", rotation, g.op("Mul", g.op("Sub", high, low), scale))
    to_middle = g.op("MatMul", g.constant([[width / 2, height / 2]]), g.transpose(linear))
    shift = g.transpose(g.op("Sub", center, to_middle))
    top = g.op("Concat", linear, g.constant(np.zeros((2, 1))), shift, axis=1)
    full = g.op("Concat", top, g.constant([[0, 0, 1, 0], [0, 0, 0, 1]]), axis=0)
    g.reshape(full, [1, 4, 4], output=output)


def _transform_tensor(
    g: _Graph, features: str, matrix: str, output: str, attributes: dict[str, Any], edge: tuple[int, int]
) -> None:
    """Sample [1, C, H, W] features bilinearly in the window that `matrix` spans; zeros outside."""
    width, height = attributes["output_width"], attributes["output_height"]
    y, x = np.mgrid[0:height, 0:width]
    pixels = np.stack([x + 0.5, y + 0.5, np.zeros_like(x), np.ones_like(x)], -1).reshape(-1, 4)
    rows = g.slice(g.reshape(matrix, [4, 4]), [0], [2], [0])
    positions = g.op("MatMul", g.constant(pixels), g.transpose(rows))
    unit = g.op("Mul", positions, g.constant([[2 / edge[0], 2 / edge[1]]]))
    grid = g.reshape(g.op("Sub", unit, g.constant(1)), [1, height, width, 2])
    g.op("GridSample", features, grid, output=output, mode="bilinear", padding_mode="zeros", align_corners=0)


def _transform_landmarks(g: _Graph, landmarks: str, matrix: str, output: str) -> None:
    """Take landmarks [1, N, 2] of a window to the feature map."""
    square = g.reshape(matrix, [4, 4])
    linear = g.slice(square, [0, 0], [2, 2], [0, 1])
    shift = g.slice(square, [0, 3], [2, 4], [0, 1])
    g.op("Add", g.op("MatMul", landmarks, g.transpose(linear)), g.transpose(shift), output=output)


def _transposed_convolution(g: _Graph, features: str, weights: np.ndarray, bias: str, output: str) -> None:
    """2x2 transposed convolution of stride 2 with bias; `weights` [O, H, W, I], the output has channels last."""
    kernel = g.constant(weights.transpose(3, 0, 1, 2))
    result = g.op("ConvTranspose", features, kernel, bias, strides=[2, 2], kernel_shape=[2, 2])
    g.op("Transpose", result, perm=[0, 2, 3, 1], output=output)


def _channels_first(transpose: onnx.NodeProto) -> str:
    """Return the value before the transposition to channels last that the converter put before a custom operator."""
    assert transpose.op_type == "Transpose", transpose.op_type
    return transpose.input[0]


def _transposed(node: onnx.NodeProto) -> str:
    """Return the output of the transposition back to channels first that follows a custom operator."""
    assert node.op_type == "Transpose", node.op_type
    return node.output[0]


def _edge(model: onnx.ModelProto, features: str) -> tuple[int, int]:
    """Width and height of a [1, C, H, W] value that depends on no custom operator."""
    inferred = onnx.shape_inference.infer_shapes(model)
    (value,) = (value for value in inferred.graph.value_info if value.name == features)
    height, width = (dimension.dim_value for dimension in value.type.tensor_type.shape.dim[2:])
    return width, height


def _replace_nodes(graph: onnx.GraphProto, built: _Graph) -> None:
    """Install the new nodes without those, and without the constants, that nothing uses any more."""
    nodes = built.nodes
    while True:
        used = {name for node in nodes for name in node.input} | {value.name for value in graph.output}
        alive = [node for node in nodes if any(output in used for output in node.output)]
        if len(alive) == len(nodes):
            break
        nodes = alive
    constants = [tensor for tensor in [*graph.initializer, *built.constants] if tensor.name in used]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend(constants)
