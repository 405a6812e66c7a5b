"""Structured logs: one JSON object a line, each with the request that it belongs to."""

from __future__ import annotations

import json
import logging
import re
import secrets
import sys
import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOG = logging.getLogger("gagavatar.service")
HEADER = "x-request-id"
request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
_GIVEN = re.compile(r"[A-Za-z0-9._-]{1,64}")

OnRequest = Callable[[str, str, int, float], None]
"""Called with method, route, status and seconds."""


class JsonFormatter(logging.Formatter):
    """Writes a record and its `fields` as JSON; errors with their traces, which stay in the log."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line."""
        entry: dict[str, Any] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "message": record.getMessage(),
        }
        if (known := request_id.get()) is not None:
            entry["request_id"] = known
        entry |= getattr(record, "fields", {})
        if record.exc_info:
            entry["error"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str)


def set_up_logs(level: str = "INFO") -> None:
    """Have this service's and its server's records written to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    for name in ("gagavatar.service", "uvicorn", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(level)
    logging.getLogger("uvicorn.access").disabled = True  # requests are logged below, with their ids


class RequestLog:
    """Gives each request an id, which its answer and all of its log lines carry; one line for each answer."""

    def __init__(self, app: ASGIApp, on_request: OnRequest) -> None:
        self._app, self._on_request = app, on_request

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get(HEADER, "")
        one = given if _GIVEN.fullmatch(given) else secrets.token_hex(8)
        token, began, status = request_id.set(one), time.perf_counter(), 500
        scope.setdefault("state", {})["request_id"] = one

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[HEADER] = one
            elif message["type"] == "websocket.accept":
                status = 101
            await send(message)

        try:
            await self._app(scope, receive, answer)
        finally:
            route = getattr(scope.get("route"), "path", "none")
            seconds = time.perf_counter() - began
            method = scope.get("method", "WS")
            fields = {"method": method, "route": route, "status": status, "seconds": round(seconds, 4)}
            client = scope["state"].get("client")
            LOG.info("request", extra={"fields": fields | ({"client": client} if client else {})})
            self._on_request(method, route, status, seconds)
            request_id.reset(token)


class BodyLimit:
    """Refuses bodies that are larger than allowed, as soon as that is known."""

    def __init__(self, app: ASGIApp, megabytes: int) -> None:
        self._app, self._most = app, megabytes * 1_000_000 + 100_000  # and a form's own lines
        self._message = f"At most {megabytes} MB can be uploaded: shorten the file, or make it smaller."

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        from starlette.exceptions import HTTPException

        declared = Headers(scope=scope).get("content-length", "")
        seen = int(declared) if declared.isdecimal() and len(declared) < 20 else 0
        too_large, seen = seen > self._most, 0

        async def bounded() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if too_large or seen > self._most:
                raise HTTPException(413, self._message)
            return message

        await self._app(scope, bounded, send)
