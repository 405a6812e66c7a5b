"""Sound to motion codes: chunk after chunk of four seconds, in memory that does not grow with the sound."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import torch

from .audio_encoder import CHUNK, SAMPLE_RATE
from .motion import FPS
from .network import ARTalk
from .smoothing import LONGEST_WINDOW, hold_jaw_straight, smooth

_SAMPLES_A_FRAME = SAMPLE_RATE // FPS


def speak(
    network: ARTalk,
    blocks: Iterable[np.ndarray],
    style: np.ndarray | None = None,
    progress: Callable[[int], None] | None = None,
) -> np.ndarray:
    """Motion codes [T, 106] float32 at 25 frames a second of sound, smoothed as published.

    Args:
        network: on any device.
        blocks: the sound, mono at 16 kHz, in float32 arrays of any length.
        style: [50, 106] of somebody's motion, or None.
        progress: called after each chunk with the frames so far.

    Nothing is drawn at random. No sound at all gives no frames.
    """
    parts: list[np.ndarray] = []
    frames = 0
    for motion, samples in _decode_chunks(network, blocks, style):
        parts.append(motion)
        frames += -(-samples // _SAMPLES_A_FRAME)
        if progress is not None:
            progress(frames)
    if not parts:
        return np.zeros((0, network.basic_vae.motion_mean.shape[0]), np.float32)
    # A clip shorter than the filter borrows what the network makes of the silence after it.
    raw = np.concatenate(parts)[: max(frames, LONGEST_WINDOW)]
    return hold_jaw_straight(smooth(raw))[:frames]


@torch.inference_mode()
def _decode_chunks(
    network: ARTalk, blocks: Iterable[np.ndarray], style: np.ndarray | None
) -> Iterator[tuple[np.ndarray, int]]:
    """Raw motion [100, 106] of each chunk, and how many of its samples are the sound's."""
    device = network.pos_embed.device
    token = network.style(None if style is None else torch.from_numpy(style).to(device))
    previous = network.silence()
    for samples in chunks(blocks):
        padded = np.pad(samples, (0, CHUNK - len(samples)))
        motion, previous = network.step(torch.from_numpy(padded).to(device), token, previous)
        yield motion.cpu().numpy(), len(samples)


def chunks(blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Arrays of 64,000 samples from arrays of any length; the last is what is left."""
    kept: list[np.ndarray] = []
    count = 0
    for block in blocks:
        kept.append(np.asarray(block, np.float32))
        count += len(block)
        while count >= CHUNK:
            joined = np.concatenate(kept)
            yield joined[:CHUNK]
            kept, count = [joined[CHUNK:]], count - CHUNK
    if count:
        yield np.concatenate(kept)
