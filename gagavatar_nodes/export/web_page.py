"""A rig as one HTML file that lives in any browser: no server, no network, nothing to install."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import lzma
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from typing import Any

import numpy as np

from .. import assets
from ..errors import GagavatarError
from .rig import Rig
from .rig_file import Take, pack_rig, pack_take

MEDIAPIPE = {
    "source": "https://cdn.jsdelivr.net/npm/@mediapipe/tasks-vision@0.10.35",
    "model": "https://storage.googleapis.com/mediapipe-models/face_landmarker/face_landmarker/float16/1/"
    "face_landmarker.task",
}
"""Where a page with a camera takes MediaPipe and its face landmarker from, when its visitor asks for it."""
_LARGEST_BACKGROUND = 1920
_SOCKET = re.compile(r"wss?://[A-Za-z0-9.\-]+(:\d{1,5})?(/[A-Za-z0-9._~/\-]*)?")


@dataclass(frozen=True)
class Scene:
    """A take with what is heard during it."""

    take: Take
    sound: bytes | None = None
    """MP3."""


@dataclass(frozen=True)
class PageOptions:
    """What a page shows beside the avatar, and what it may reach."""

    title: str = ""
    background: tuple[int, int, int] | np.ndarray | None = None
    """RGB, or a picture [H, W, 3] uint8; None for a plain one, light or dark as the visitor's system is."""
    live: str = ""
    """Address of a WebSocket whose JSON drives it, such as `ws://localhost:8765`; none unless given."""
    webcam: bool = False
    """Offer the visitor's camera, read by MediaPipe, which the page then fetches from the network."""


def page_html(rig: Rig, scenes: Sequence[Scene] = (), options: PageOptions | None = None) -> str:
    """Return the whole page as text.

    Raises:
        GagavatarError: the address of the live source is no WebSocket's.
    """
    options = options or PageOptions()
    if options.live and not _SOCKET.fullmatch(options.live):
        raise GagavatarError(f"'{options.live}' is no address of a WebSocket: give one such as ws://localhost:8765")
    script, style = _script(), assets.path("web_page.css").read_text(encoding="utf-8")
    parts = {
        "policy": escape(_policy(script, style, options)),
        "title": escape(options.title or "Avatar"),
        "style": style,
        "about": _json(_about(scenes, options)),
        "rig": _pack(pack_rig(rig)),
        "script": script,
    }
    template = assets.path("web_page.html").read_text(encoding="utf-8")
    return re.sub(r"\{(\w+)\}", lambda match: parts[match[1]], template)


def _about(scenes: Sequence[Scene], options: PageOptions) -> dict[str, Any]:
    return {
        "title": options.title,
        "background": _background(options.background),
        "live": options.live,
        "webcam": MEDIAPIPE if options.webcam else None,
        "takes": [
            {
                "data": _pack(pack_take(scene.take)),
                "sound": scene.sound and f"data:audio/mpeg;base64,{base64.b64encode(scene.sound).decode()}",
            }
            for scene in scenes
        ],
    }


def _background(given: tuple[int, int, int] | np.ndarray | None) -> str | None:
    if isinstance(given, np.ndarray):
        from PIL import Image

        picture, buffer = Image.fromarray(given), io.BytesIO()
        picture.thumbnail((_LARGEST_BACKGROUND, _LARGEST_BACKGROUND))
        picture.save(buffer, "JPEG", quality=85)
        return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
    return None if given is None else "#{:02x}{:02x}{:02x}".format(*given)


def _policy(script: str, style: str, options: PageOptions) -> str:
    """Return the Content-Security-Policy: this page's own script and style, and no network that was not asked for."""
    scripts, reached = [_digest(script)], []
    if options.live:
        reached.append(options.live)
    if options.webcam:
        hosts = ["/".join(address.split("/")[:3]) for address in MEDIAPIPE.values()]
        scripts += [hosts[0], "'wasm-unsafe-eval'"]  # MediaPipe is WebAssembly
        reached += hosts
    rules: Mapping[str, Sequence[str]] = {
        "default-src": ["'none'"],
        "script-src": scripts,
        "style-src": [_digest(style)],
        "img-src": ["data:", "blob:"],
        "media-src": ["data:", "blob:"],
        "worker-src": ["blob:"],
        "connect-src": reached or ["'none'"],
        "base-uri": ["'none'"],
        "form-action": ["'none'"],
    }
    return "; ".join(f"{name} {' '.join(values)}" for name, values in rules.items())


@cache
def _script() -> str:
    with lzma.open(assets.path("web_viewer.js.xz"), "rt", encoding="utf-8") as file:
        return file.read()


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _json(values: Mapping[str, Any]) -> str:
    """Return JSON in which nothing can end the element that holds it."""
    return json.dumps(values).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _pack(content: bytes) -> str:
    return base64.b64encode(gzip.compress(content, mtime=0)).decode()
