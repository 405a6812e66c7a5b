"""ARTalk (arXiv 2502.20323): speech to FLAME motion, four seconds after four seconds.

Within a chunk the bits come level by level, coarse to fine; each level sees the coarser ones, the sound, and the bits
of the chunk before. Nothing is sampled: the same sound gives the same motion. Module names are those of the published
state dict.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from .audio_encoder import AudioEncoder
from .codec import MOTION, MotionCodec
from .levels import BITS, FRAMES, LEVELS, SPANS, TOKENS, coarser_features, code_of, pool, stretch
from .style_encoder import STYLE, StyleEncoder
from .transformer import DEPTH, WIDTH, Block, HeadNorm, Memory, bits_of

UNUSED = ("audio_encoder.masked_spec_embed", "attn_bias_for_masking", "lvl_idx")
"""Tensors of the checkpoint that only training, or a pass over all levels at once, reads."""
_GUIDANCE = 1.1
"""Weight of the style against none (classifier-free guidance)."""


class ARTalk(nn.Module):
    """The published network."""

    def __init__(self) -> None:
        super().__init__()
        self.null_style_cond = nn.Parameter(torch.zeros(1, 1, WIDTH))
        self.pos_embed = nn.Parameter(torch.zeros(1, TOKENS, WIDTH))
        self.prev_pos_embed = nn.Parameter(torch.zeros(1, TOKENS, WIDTH))
        self.lvl_embed = nn.Embedding(len(LEVELS), WIDTH)
        self.basic_vae = MotionCodec()
        self.vqfeat_embed = nn.Linear(BITS, WIDTH)
        self.style_encoder = StyleEncoder()
        self.style_cond_embed = nn.Linear(STYLE, WIDTH)
        self.audio_encoder = AudioEncoder()
        self.attn_blocks = nn.ModuleList(Block() for _ in range(DEPTH))
        self.cond_logits_head = HeadNorm()
        self.logits_head = nn.Linear(WIDTH, 2 * BITS)

    def style(self, motion: Tensor | None = None) -> Tensor:
        """Return the style's token [1, 1, 768]: of a motion [50, 106], or none."""
        if motion is None:
            return self.null_style_cond
        found = self.style_cond_embed(self.style_encoder(motion[None]))[:, None]
        return _GUIDANCE * found + (1 - _GUIDANCE) * self.null_style_cond

    def sound(self, samples: Tensor) -> Tensor:
        """Return what is heard at each token [1, 181, 1024], of 64,000 samples."""
        features = self.audio_encoder(samples[None])
        return torch.cat([pool(features, length) for length in LEVELS], 1)

    def silence(self) -> Tensor:
        """Bits [1, 181, 32] that stand before the first chunk: motionless, and not the mean motion, as published."""
        return self.basic_vae.encode(self.pos_embed.new_zeros(1, FRAMES, MOTION))

    def predict(self, sound: Tensor, style: Tensor, previous: Tensor) -> Tensor:
        """Bits [1, 181, 32] of a chunk from its sound, the style and the previous chunk's bits."""
        return torch.cat([bits_of(logits) for logits in self.logits(sound, style, previous)], 1)

    def logits(self, sound: Tensor, style: Tensor, previous: Tensor, forced: Tensor | None = None) -> Iterator[Tensor]:
        """Level by level the logits [1, length, 64] of its bits. A level sees the coarser ones, or the `forced` bits.

        Keys and values of earlier tokens are kept, so that each token is worked on once.
        """
        memories = self.remember(style, previous)
        total = sound.new_zeros(1, FRAMES, BITS)
        for index, (length, span) in enumerate(zip(LEVELS, SPANS, strict=True)):
            tokens = style if index == 0 else self.vqfeat_embed(pool(total, length))
            x = tokens + self.pos_embed[:, span] + self.lvl_embed.weight[index]
            for block, memory in zip(self.attn_blocks, memories, strict=True):
                x = block(x, sound[:, span], memory)
            logits = self.logits_head(self.cond_logits_head(x, sound[:, span]))
            yield logits
            bits = bits_of(logits) if forced is None else forced[:, span]
            total = total + stretch(code_of(bits))

    def remember(self, style: Tensor, previous: Tensor) -> list[Memory]:
        """Return what each block knows of the previous chunk.

        Its tokens as they enter, neither normed nor worked on.
        """
        tokens = [style, *map(self.vqfeat_embed, coarser_features(previous))]
        levels = torch.cat(
            [level.expand(length, -1) for level, length in zip(self.lvl_embed.weight, LEVELS, strict=True)]
        )
        x = torch.cat(tokens, 1) + self.prev_pos_embed + levels
        return [block.attn.remember(x) for block in self.attn_blocks]

    def step(self, samples: Tensor, style: Tensor, previous: Tensor) -> tuple[Tensor, Tensor]:
        """Return the next chunk: motion [100, 106] of 64,000 samples, and the bits that stand before the chunk after.

        These are of the decoded motion, encoded again, and not the predicted ones.
        """
        bits = self.predict(self.sound(samples), style, previous)
        motion = self.basic_vae.decode(previous, bits)
        return motion[0], self.basic_vae.encode(motion)
