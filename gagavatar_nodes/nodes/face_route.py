"""What the page of this ComfyUI asks while a slider of the node Expression is moved: the face, as a picture.

`POST /gagavatar/face` takes JSON: `face`, the key that the node gave when it ran; `values` by name of its inputs, those
not named as at rest; `size`, the edge in pixels. It answers a JPEG, or a reason in words.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import defaultdict
from collections.abc import Mapping
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

from . import faces, host, validation

if TYPE_CHECKING:
    from aiohttp import web

SIZES = (64, 768)
LONGEST_REQUEST = 16_384
"""Bytes; all sliders of the node are 2,000."""
_QUALITY = 92
_UNCHANGED = ("frames", "fps", "size")
"""Inputs that do not change the face."""


class RefusedError(Exception):
    """A request without a picture: HTTP status and reason."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class FacePainter:
    """One picture at a time; of the requests that wait for the same face, only the newest is drawn."""

    def __init__(self, memory: faces.FaceMemory) -> None:
        self._memory = memory
        self._newest: defaultdict[str, int] = defaultdict(int)
        self._turn = asyncio.Lock()

    async def paint(self, request: Mapping[str, Any]) -> bytes:
        """Return the JPEG that a request asks for.

        Raises:
            RefusedError: it makes no sense (400), its face is gone (404), a newer one came (409), the drawing failed
                (500), or a network is at work for a graph (503).
        """
        key, values, size = read_request(request)
        if self._memory.find(key) is None:
            raise RefusedError(404, "Run the graph to see the face")
        self._newest[key] += 1
        number = self._newest[key]
        try:
            async with self._turn:
                sitter = self._memory.find(key)
                if number != self._newest[key] or sitter is None:
                    raise RefusedError(409, "A newer request took the place of this one")
                if sitter.avatar.network is not None and _is_running():
                    raise RefusedError(503, "The graph is running: the face follows after it")
                return await self._drawn(sitter, values, size)
        finally:
            if number == self._newest[key]:
                del self._newest[key]

    async def _drawn(self, sitter: faces.Sitter, values: Mapping[str, Any], size: int) -> bytes:
        try:
            return await asyncio.to_thread(_jpeg, sitter, values, size)
        except Exception as error:  # whatever it is: its text may name files of this machine
            logging.getLogger(__name__).exception("The face of the node Expression could not be drawn")
            raise RefusedError(500, "The face could not be drawn: run the graph to see why") from error


def read_request(request: Mapping[str, Any]) -> tuple[str, dict[str, Any], int]:
    """Return key, all of the node's values, and size.

    Raises:
        RefusedError: it is no such request.
    """
    key, given, size = (request.get(name) for name in ("face", "values", "size"))
    if not isinstance(key, str) or not isinstance(given, dict):
        raise RefusedError(400, "A request for a face has 'face', 'values' and 'size'")
    if type(size) is not int or not SIZES[0] <= size <= SIZES[1]:
        raise RefusedError(400, f"'size' is pixels, {SIZES[0]} to {SIZES[1]}")
    from .expression import Expression

    values = defaults()
    for name, value in given.items():
        if name not in values:
            raise RefusedError(400, f"There is no input '{name[:40]}'")
        values[name] = _checked(name, value, values[name])
    problem = validation.first_problem(Expression, None, **values)
    problem = problem or validation.look_problem(None, "color", values["background_color"])
    if problem:
        raise RefusedError(400, problem)
    return key, values, size


def defaults() -> dict[str, Any]:
    """Return what the node's inputs that change the face are at the start."""
    from .expression import Expression

    types = Expression.INPUT_TYPES()
    inputs = {**types["required"], **types["optional"]}
    found = {
        name: options.get("default", kind[0] if isinstance(kind, list) else None)
        for name, (kind, options) in inputs.items()
        if name not in _UNCHANGED
    }
    return {name: value for name, value in found.items() if value is not None}


def register() -> None:
    """Add the route to ComfyUI's server; nothing outside of it."""
    server = host.page_server()
    if server is None:
        return
    from aiohttp import web

    painter = FacePainter(faces.memory)

    @server.routes.post("/gagavatar/face")
    async def face(request: web.Request) -> web.Response:
        try:
            picture = await painter.paint(await _read(request))
        except RefusedError as error:
            return web.json_response({"error": str(error)}, status=error.status)
        return web.Response(body=picture, content_type="image/jpeg", headers={"Cache-Control": "no-store"})


async def _read(request: web.Request) -> dict[str, Any]:
    """Return the JSON of a request by this server's own page.

    A page of another address can send no JSON to here without asking first, which ComfyUI does not grant.
    """
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        raise RefusedError(403, "Faces are for this server's own page")
    if request.content_type != "application/json":
        raise RefusedError(415, "A request for a face is JSON")
    body = await request.content.read(LONGEST_REQUEST + 1)
    if len(body) > LONGEST_REQUEST:
        raise RefusedError(413, f"A request for a face has {LONGEST_REQUEST:,} bytes at most")
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise RefusedError(400, "A request for a face is JSON") from error
    if not isinstance(found, dict):
        raise RefusedError(400, "A request for a face is an object")
    return found


def _checked(name: str, value: Any, example: Any) -> Any:
    """Return a value of the kind that an input takes."""
    if isinstance(example, (str, bool)):
        if type(value) is not type(example):
            raise RefusedError(400, f"'{name}' is {'a text' if isinstance(example, str) else 'true or false'}")
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not np.isfinite(value):
        raise RefusedError(400, f"'{name}' is a number")
    return float(value)


def _is_running() -> bool:
    server = host.page_server()
    return server is not None and bool(server.prompt_queue.currently_running)


def _jpeg(sitter: faces.Sitter, values: Mapping[str, Any], size: int) -> bytes:
    from PIL import Image

    stream = BytesIO()
    Image.fromarray(sitter.draw(values, size)).save(stream, "JPEG", quality=_QUALITY, subsampling=0)
    return stream.getvalue()
