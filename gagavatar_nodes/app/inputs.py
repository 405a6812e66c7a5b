"""Pictures and sounds that visitors hand over. The package reads them itself, within bounds; Gradio reads anything."""

from __future__ import annotations

import base64
import binascii
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from PIL import Image

from ..errors import MediaError
from ..media import budget
from ..media.decoding import PILLOW_ERRORS
from ..media.sound import SoundReader

_SHOT = 16 << 20, 34_000_000
"""Bytes and pixels of a picture that a webcam takes once: 8K."""
_FRAME = 2 << 20, 2_100_000
"""The same of one that follows another: 1080p."""
_PIECE = 1 << 20, 5.0
"""Bytes and seconds of a piece of sound."""
_FORMATS = ("JPEG", "PNG", "WEBP")
"""Of pictures that browsers make of a webcam."""


def picture_input(**options: Any) -> gr.Image:
    """Return a picture as an uploaded file, as it is: whether it can be read is said by the package, not by Gradio."""
    image = gr.Image(type="filepath", sources=["upload", "webcam", "clipboard"], **options)
    image.preprocess = _path_of(image.preprocess)  # type: ignore[method-assign]
    return image


def camera_input(**options: Any) -> gr.Image:
    """Return a webcam whose pictures [H, W, 3] uint8 come one after the other."""
    image = gr.Image(sources=["webcam"], streaming=True, type="numpy", **options)
    image.preprocess = _frame_of  # type: ignore[method-assign]
    return image


def microphone_input(**options: Any) -> gr.Audio:
    """Return a microphone whose pieces come one after the other: samples a second, and samples [N, C] of -1..1."""
    audio = gr.Audio(sources=["microphone"], streaming=True, type="numpy", **options)
    audio.preprocess = _sound_of  # type: ignore[method-assign]
    return audio


def _path_of(preprocess: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def path(payload: Any) -> Any:
        if payload is None:
            return None
        if payload.path is None:
            _open(_sent(payload.url, _SHOT[0]), _SHOT[1])
            return preprocess(payload)
        return payload.path

    return path


def _frame_of(payload: Any) -> np.ndarray | None:
    if payload is None:
        return None
    most, pixels = _FRAME
    data = _sent(payload.url, most) if payload.path is None else _read(Path(payload.path), most)
    try:
        return np.asarray(_open(data, pixels).convert("RGB"))
    except PILLOW_ERRORS as error:
        raise MediaError("A picture of the webcam is damaged: start it again") from error


def _sound_of(payload: Any) -> tuple[int, np.ndarray] | None:
    if payload is None or payload.path is None:
        return None
    most, seconds = _PIECE
    _read(Path(payload.path), most)
    with budget.within(budget.Budget(seconds)):
        sound = SoundReader(payload.path)
        blocks = [block.T for block in sound]
    return sound.rate, np.concatenate(blocks) if blocks else np.zeros((0, sound.channels), np.float32)


def _sent(url: str | None, most: int) -> bytes:
    """Return what a `data:` address holds.

    Raises:
        MediaError: it is no such address, or too large.
    """
    head, _, body = (url or "").partition(",")
    try:
        if not head.startswith("data:image/") or len(body) > most * 4 // 3 + 4:
            raise ValueError
        return base64.b64decode(body, validate=True)
    except (ValueError, binascii.Error):
        raise MediaError(f"A picture of the webcam must be a JPEG, PNG or WebP of {most >> 20} MB at most") from None


def _read(path: Path, most: int) -> bytes:
    if path.stat().st_size > most:
        raise MediaError(f"{path.name} has {path.stat().st_size / 1e6:.1f} MB, too many for a part of a stream")
    return path.read_bytes()


def _open(data: bytes, most: int) -> Image.Image:
    """Return a picture that is not decoded yet.

    Raises:
        MediaError: it is none, or has more than `most` pixels.
    """
    try:
        image = Image.open(io.BytesIO(data), formats=_FORMATS)
    except Image.DecompressionBombError as error:
        raise MediaError("A picture of the webcam has too many pixels: choose a smaller size") from error
    except PILLOW_ERRORS as error:
        raise MediaError("A picture of the webcam is damaged: start it again") from error
    if image.width * image.height > most:
        raise MediaError(f"A picture of the webcam has {image.width} x {image.height} pixels: choose a smaller size")
    return image
