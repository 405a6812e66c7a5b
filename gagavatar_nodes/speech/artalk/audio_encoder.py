"""The audio encoder: wav2vec 2.0 (arXiv 2006.11477) in the size of XLS-R 300M (arXiv 2111.09296).

Module names are those of the published state dict.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import weight_norm

SAMPLE_RATE = 16_000
CHUNK = 4 * SAMPLE_RATE
"""Samples that are encoded together: 4 seconds."""
FEATURES = 1024
"""Width of the features that come out."""
_CHANNELS, _KERNELS, _STRIDES = 512, (10, 3, 3, 3, 3, 2, 2), (5, 2, 2, 2, 2, 2, 2)
_DEPTH, _HEADS, _HIDDEN = 24, 16, 4096
_POSITION_KERNEL, _POSITION_GROUPS = 128, 16


def normalize_loudness(samples: Tensor) -> Tensor:
    """[B, N] samples with zero mean and unit deviation, each row by itself."""
    return (samples - samples.mean(-1, keepdim=True)) / (samples.std(-1, keepdim=True) + 1e-6)


class ConvolutionLayer(nn.Module):
    """Convolution over time, LayerNorm over channels, GELU."""

    def __init__(self, channels: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(channels, _CHANNELS, kernel, stride)
        self.layer_norm = nn.LayerNorm(_CHANNELS)

    def forward(self, x: Tensor) -> Tensor:
        """Return the module's output; see the class."""
        y = self.layer_norm(self.conv(x).transpose(1, 2))
        return functional.gelu(y.transpose(1, 2))


class FeatureExtractor(nn.Module):
    """Samples [B, N] to features [B, T, 512], 320 samples apart."""

    def __init__(self) -> None:
        super().__init__()
        inputs = (1, *[_CHANNELS] * (len(_KERNELS) - 1))
        self.conv_layers = nn.ModuleList(map(ConvolutionLayer, inputs, _KERNELS, _STRIDES))

    def forward(self, samples: Tensor) -> Tensor:
        """Return the module's output; see the class."""
        x = samples[:, None]
        for layer in self.conv_layers:
            x = layer(x)
        return x.transpose(1, 2)


class FeatureProjection(nn.Module):
    """Features [B, T, 512] to the encoder's width."""

    def __init__(self) -> None:
        super().__init__()
        self.layer_norm = nn.LayerNorm(_CHANNELS)
        self.projection = nn.Linear(_CHANNELS, FEATURES)

    def forward(self, x: Tensor) -> Tensor:
        """Return the module's output; see the class."""
        return self.projection(self.layer_norm(x))


class PositionalConvolution(nn.Module):
    """Where a frame is, told by a long convolution over its neighbors."""

    def __init__(self) -> None:
        super().__init__()
        padding = _POSITION_KERNEL // 2
        conv = nn.Conv1d(FEATURES, FEATURES, _POSITION_KERNEL, padding=padding, groups=_POSITION_GROUPS)
        self.conv = weight_norm(conv, dim=2)

    def forward(self, x: Tensor) -> Tensor:
        """Return the module's output; see the class."""
        y = self.conv(x.transpose(1, 2))[..., :-1]  # an even kernel gives a frame too many
        return functional.gelu(y).transpose(1, 2)


class Attention(nn.Module):
    """Multi-head self-attention."""

    def __init__(self) -> None:
        super().__init__()
        self.k_proj = nn.Linear(FEATURES, FEATURES)
        self.v_proj = nn.Linear(FEATURES, FEATURES)
        self.q_proj = nn.Linear(FEATURES, FEATURES)
        self.out_proj = nn.Linear(FEATURES, FEATURES)

    def forward(self, x: Tensor) -> Tensor:
        """Return the module's output; see the class."""
        q, k, v = (
            project(x).unflatten(-1, (_HEADS, -1)).transpose(1, 2)
            for project in (self.q_proj, self.k_proj, self.v_proj)
        )  # [B, heads, T, 64]
        y = functional.scaled_dot_product_attention(q, k, v)
        return self.out_proj(y.transpose(1, 2).flatten(2))


class FeedForward(nn.Module):
    """Two linear layers with a GELU between."""

    def __init__(self) -> None:
        super().__init__()
        self.intermediate_dense = nn.Linear(FEATURES, _HIDDEN)
        self.output_dense = nn.Linear(_HIDDEN, FEATURES)

    def forward(self, x: Tensor) -> Tensor:
        """Return the module's output; see the class."""
        return self.output_dense(functional.gelu(self.intermediate_dense(x)))


class EncoderLayer(nn.Module):
    """Pre-norm transformer block."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = Attention()
        self.layer_norm = nn.LayerNorm(FEATURES)
        self.feed_forward = FeedForward()
        self.final_layer_norm = nn.LayerNorm(FEATURES)

    def forward(self, x: Tensor) -> Tensor:
        """Return the module's output; see the class."""
        x = x + self.attention(self.layer_norm(x))
        return x + self.feed_forward(self.final_layer_norm(x))


class Encoder(nn.Module):
    """The transformer over frames [B, T, 1024]."""

    def __init__(self) -> None:
        super().__init__()
        self.pos_conv_embed = PositionalConvolution()
        self.layer_norm = nn.LayerNorm(FEATURES)
        self.layers = nn.ModuleList(EncoderLayer() for _ in range(_DEPTH))

    def forward(self, x: Tensor) -> Tensor:
        """Return the module's output; see the class."""
        x = x + self.pos_conv_embed(x)
        for layer in self.layers:
            x = layer(x)
        return self.layer_norm(x)


class AudioEncoder(nn.Module):
    """Samples [B, 64000] at 16 kHz to features [B, 199, 1024]."""

    def __init__(self) -> None:
        super().__init__()
        self.feature_extractor = FeatureExtractor()
        self.feature_projection = FeatureProjection()
        self.encoder = Encoder()

    def forward(self, samples: Tensor) -> Tensor:
        """Each row is normalized by itself: with the zeros that fill a last chunk, as published."""
        return self.encoder(self.feature_projection(self.feature_extractor(normalize_loudness(samples))))
