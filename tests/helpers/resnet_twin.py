"""ResNet-50 with two linear layers behind it, in float64 NumPy, from the published state dict's names alone.

He et al., "Deep residual learning for image recognition", CVPR 2016, table 1, with the stride on the 3x3 convolutions.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from parity_recipe import listed_tensors, weight

BLOCKS = (3, 4, 6, 3)
_EPSILON = 1e-5
_PREFIX = "deca_encoder.encoder."


def drawn_encoder(outputs: int) -> dict[str, np.ndarray]:
    """A state dict of the encoder with so many outputs, drawn from the names of its tensors."""
    state = {}
    for name, (shape, dtype) in listed_tensors("emica").items():
        if not name.startswith(_PREFIX):
            continue
        key = name.removeprefix(_PREFIX)
        shape = [outputs, *shape[1:]] if key.startswith("layers.2.") else shape
        values = weight(key, shape) if dtype == "float32" else np.zeros(shape, np.int64)
        if key.endswith("running_var"):
            values = 1 + np.float32(0.1) * abs(values)
        state[key] = values
    return state


def encode(state: Mapping[str, np.ndarray], pictures: np.ndarray) -> np.ndarray:
    """Outputs [B, K] of pictures [B, 3, H, W]."""
    w = {name: np.asarray(values, np.float64) for name, values in state.items()}
    x = _relu(
        _normalize(_convolve(np.asarray(pictures, np.float64), w["encoder.conv1.weight"], 2, 3), w, "encoder.bn1")
    )
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=-np.inf)
    x = _windows(padded, 3, 2).max((-2, -1))
    for stage, blocks in enumerate(BLOCKS, 1):
        for block in range(blocks):
            x = _bottleneck(x, w, f"encoder.layer{stage}.{block}", 2 if block == 0 and stage > 1 else 1)
    hidden = _relu(x.mean((2, 3)) @ w["layers.0.weight"].T + w["layers.0.bias"])
    return hidden @ w["layers.2.weight"].T + w["layers.2.bias"]


def _bottleneck(x: np.ndarray, w: Mapping[str, np.ndarray], name: str, stride: int) -> np.ndarray:
    y = _relu(_normalize(_convolve(x, w[f"{name}.conv1.weight"]), w, f"{name}.bn1"))
    y = _relu(_normalize(_convolve(y, w[f"{name}.conv2.weight"], stride, 1), w, f"{name}.bn2"))
    y = _normalize(_convolve(y, w[f"{name}.conv3.weight"]), w, f"{name}.bn3")
    if f"{name}.downsample.0.weight" in w:
        x = _normalize(_convolve(x, w[f"{name}.downsample.0.weight"], stride), w, f"{name}.downsample.1")
    return _relu(x + y)


def _convolve(x: np.ndarray, kernel: np.ndarray, stride: int = 1, padding: int = 0) -> np.ndarray:
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    windows = _windows(x, kernel.shape[2], stride)
    return np.moveaxis(np.tensordot(windows, kernel, ((1, 4, 5), (1, 2, 3))), -1, 1)


def _windows(x: np.ndarray, edge: int, stride: int) -> np.ndarray:
    view = np.lib.stride_tricks.sliding_window_view(x, (edge, edge), (2, 3))
    return view[:, :, ::stride, ::stride]


def _normalize(x: np.ndarray, w: Mapping[str, np.ndarray], name: str) -> np.ndarray:
    mean, variance, gain, shift = (
        w[f"{name}.{part}"][:, None, None] for part in ("running_mean", "running_var", "weight", "bias")
    )
    return (x - mean) / np.sqrt(variance + _EPSILON) * gain + shift


def _relu(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0)
