"""The server's edge: which hosts, pages, routes and handlers are served at all, before Gradio sees a request."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import re
import secrets
import socket
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .context import JOBS
from .gate import Gate, UploadError
from .words import explain

API = "/gradio_api"
_SERVED = re.compile(
    r"(info|openapi\.json|startup-events|user|app_id|login_check|upload|upload_progress|queue/(join|data|status)"
    r"|(run|api|call)/[^/]+(/[^/]+)?|call/v2/[^/]+(/[^/]+)?|stream/.+|heartbeat/[^/]+|cancel|reset|theme\.css"
    r"|file=(?!(?i:https?:)).+)/?"
)
"""Gradio's routes that the page and its API use. Others read, fetch or run more than visitors need."""
_CALLS = re.compile(r"(queue/join|run/(?P<run>[^/]+)|api/(?P<api>[^/]+)|call/(v2/)?(?P<call>[^/]+))/?")
_MESSAGES = re.compile(r"(cancel|reset|stream/[^/]+)/?")
"""What is sent of a call that runs."""
_SESSION = re.compile(r"[A-Za-z0-9_-]{1,64}")
_LARGEST_CALL = 16 << 20
"""Bytes of a call, pictures of the webcam included."""
_LOGINS, _LOGIN_SECONDS = 5, 60.0
"""Attempts of one address in so many seconds."""
_ALL_LOGINS = 60
"""The same for all addresses."""
_AT_ONCE = 3
"""Calls of one session beside the queue."""
_RETRY = 15
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_EVERYWHERE = ("0.0.0.0", "::")


class RefusedError(Exception):
    """A request that is not served."""

    def __init__(self, status: int, words: str, retry: int | None = None) -> None:
        super().__init__(words)
        self.status, self.words, self.retry = status, words, retry

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Say so."""
        headers = {} if self.retry is None else {"Retry-After": str(self.retry)}
        await JSONResponse({"error": self.words, "detail": self.words}, self.status, headers)(scope, receive, send)


@dataclass
class Hosts:
    """The names under which the page is served."""

    names: set[str] = field(default_factory=lambda: set(_LOOPBACK))
    addresses: bool = False
    """Whether any IP address is one: it cannot be bound to another one, as a name can."""

    @classmethod
    def of(cls, listen: str, others: Iterable[str] = ()) -> Hosts:
        """Return the names of a page at the address `listen`, and `others` by which it is reached."""
        hosts = cls()
        if listen in _EVERYWHERE:
            name = socket.gethostname().lower()
            hosts.addresses = True
            hosts.names |= {name, f"{name}.local", socket.getfqdn().lower()}
        for other in (listen, *others):
            hosts.add(other)
        return hosts

    def add(self, address: str) -> None:
        """Serve another name; a whole address gives its host."""
        host = None if address.startswith("/") else _host(address if "//" in address else f"//{address}")
        if host:
            self.names.add(host)

    def serves(self, authority: str | None) -> bool:
        """Whether the host of a request, with or without a port, is one of these."""
        host = _host(f"//{authority}")
        return host is not None and (host in self.names or (self.addresses and _is_address(host)))

    def trusts(self, origin: str, forwarded: str | None) -> bool:
        """Whether a page of this origin may call; `forwarded` is the host that a proxy was asked for.

        No page of another origin can set that: browsers ask first, and are refused.
        """
        host = _host(origin)
        return self.serves(host if host is None or ":" not in host else f"[{host}]") or (
            host is not None and forwarded is not None and host == _host(f"//{forwarded}")
        )


class Edge:
    """ASGI middleware around the whole page."""

    def __init__(self, app: ASGIApp, page: Any, hosts: Hosts, gate: Gate, full: Callable[[], int | None]) -> None:
        """Put the edge around a page.

        Args:
            app: the page's server.
            gate: which files belong to whom.
            hosts: names under which the page may be asked for.
            page: Gradio's `Blocks`, whose handlers are called.
            full: seconds after which to come back where no more jobs can wait, else None.
        """
        self._app, self._page, self._hosts, self._gate, self._full = app, page, hosts, gate, full
        self._logins: dict[str, deque[float]] = defaultdict(deque)
        self._running: dict[str, int] = defaultdict(int)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        try:
            self._check_names(Headers(scope=scope))
            if scope["type"] != "http":
                raise RefusedError(404, "There is no such connection here.")
            await self._answer(scope, receive, _Answer(send))
        except RefusedError as refusal:
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
            else:
                await refusal.answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, answer: _Answer) -> None:
        """Serve a request; what goes wrong that nobody foresaw is logged under a number that the answer tells."""
        try:
            await self._serve(scope, receive, answer)
        except RefusedError:
            raise
        except Exception as error:
            if answer.began:
                raise
            raise RefusedError(500, explain(error)) from error
        await answer.release()

    def _check_names(self, headers: Headers) -> None:
        if len(headers.getlist("host")) != 1 or not self._hosts.serves(headers.get("host")):
            raise RefusedError(
                421, "This page is not served under this name: use the address it told, or start it with --host-name"
            )
        origin = headers.get("origin")
        if origin is not None and not self._hosts.trusts(origin, headers.get("x-forwarded-host")):
            raise RefusedError(403, "Pages of other servers may not call this one.")

    async def _serve(self, scope: Scope, receive: Receive, send: _Answer) -> None:
        path: str = scope["path"].removeprefix(scope.get("root_path") or "")
        inner = path[len(API) + 1 :] if path.startswith(f"{API}/") else None
        if inner is None:
            if path.startswith(("/monitoring", "/mcp")):
                raise RefusedError(404, "There is no such page.")
            if path.startswith("/login") and scope["method"] == "POST":
                await self._login(scope, receive, send)
            else:
                await self._app(scope, receive, send)
        elif not _SERVED.fullmatch(inner):
            raise RefusedError(404, "There is no such page.")
        elif inner.rstrip("/") == "upload" and scope["method"] == "POST":
            await self._upload(scope, receive, send)
        elif scope["method"] == "POST" and (call := _CALLS.fullmatch(inner)):
            await self._call(call, scope, receive, send)
        elif scope["method"] == "POST" and _MESSAGES.fullmatch(inner):
            data = json.dumps(await _read(receive)).encode()
            await self._app(_resize(scope, data), _replay(data, receive), send)
        else:
            await self._app(scope, _Bounded(receive, _LARGEST_CALL), send)

    async def _login(self, scope: Scope, receive: Receive, send: _Answer) -> None:
        """Let somebody log in, unless there were too many failures; what succeeds does not count."""
        now, client = time.monotonic(), _client(scope)
        for whose, most in ((client, _LOGINS), ("", _ALL_LOGINS)):
            tries = self._logins[whose]
            while tries and tries[0] < now - _LOGIN_SECONDS:
                tries.popleft()
            if len(tries) >= most:
                wait = 1 + int(tries[0] + _LOGIN_SECONDS - now)
                raise RefusedError(429, f"Too many attempts: try again in {wait} s.", wait)
        held = _Held(send)
        await self._app(scope, _Bounded(receive, _LARGEST_CALL), held)
        if held.status != 200:
            for whose in (client, ""):
                self._logins[whose].append(now)
        for whose in [one for one, tries in self._logins.items() if not tries or tries[-1] < now - _LOGIN_SECONDS]:
            del self._logins[whose]
        await held.release()

    async def _upload(self, scope: Scope, receive: Receive, send: _Answer) -> None:
        try:
            with self._gate.receiving(_client(scope)) as token:
                counted = _Bounded(receive, None, lambda size: self._gate.grow(token, size))
                held = _Held(send)
                try:
                    await self._app(scope, counted, held)
                except Exception as error:
                    if counted.failure is None and not counted.left:
                        raise RefusedError(400, "This upload is damaged: send it again.") from error
                if counted.failure is not None:
                    raise counted.failure
                if held.status == 200:
                    await asyncio.to_thread(self._gate.keep, token)
                elif held.status >= 500:
                    raise RefusedError(400, "This upload is damaged: send it again.")
                await held.release()
        except UploadError as error:
            raise RefusedError(413, str(error), _RETRY) from error

    async def _call(self, call: re.Match[str], scope: Scope, receive: Receive, send: _Answer) -> None:
        body = await _read(receive)
        handler = self._handler(body, call, Headers(scope=scope))
        if handler.concurrency_id == JOBS and (wait := self._full()) is not None:
            raise RefusedError(503, f"Too many jobs are waiting: come back in about {wait} s.", wait)
        beside = (call["run"] or call["api"]) is not None
        if beside:
            body["session_hash"] = body.get("session_hash") or secrets.token_hex(16)
        whose = body.get("session_hash") or ""
        if beside and handler.queue:
            raise RefusedError(404, "This handler waits in the queue: call it by way of queue/join or call/.")
        if beside and self._running[whose] >= _AT_ONCE:
            raise RefusedError(503, "Too many calls at once: wait for the others.", 1)
        self._running[whose] += beside
        held = _Held(send)
        try:
            await self._app(_resize(scope, data := json.dumps(body).encode()), _replay(data, receive), held)
        except Exception as error:
            raise RefusedError(422, explain(error)) from error
        finally:
            self._running[whose] -= beside
            if self._running[whose] <= 0:
                del self._running[whose]
        await held.release()

    def _handler(self, body: dict[str, Any], call: re.Match[str], headers: Headers) -> Any:
        """Return the handler that a call means; those of the page itself are called by the page alone."""
        session, number = body.get("session_hash"), body.get("fn_index")
        if session is not None and not (isinstance(session, str) and _SESSION.fullmatch(session)):
            raise RefusedError(422, "'session_hash' must be 1 to 64 letters and digits.")
        handlers = self._page.fns
        api_name = call["run"] or call["api"] or call["call"]
        if call["call"] or (number is None and api_name is not None):
            found = next((one for one in handlers.values() if one.api_name == api_name), None)
        else:
            found = handlers.get(number) if type(number) is int else None
        if found is None or found.fn is None or (found.api_visibility != "public" and "origin" not in headers):
            raise RefusedError(404, "There is no such handler.")
        return found


class _Answer:
    """Sends an answer: failures of a call are no failures of the server, and who is to wait is told how long.

    That of a failure is kept back: where an exception follows, it is answered in words.
    """

    def __init__(self, send: Send) -> None:
        self._send = send
        self._kept: list[Message] | None = None
        self.began = False
        """Whether something was sent."""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            names = {name.lower() for name, _ in message.get("headers", [])}
            if message["status"] == 503 and b"retry-after" not in names:
                message["headers"] = [*message.get("headers", []), (b"retry-after", str(_RETRY).encode())]
            if message["status"] == 500:
                message["status"], self._kept = 422, []
        if self._kept is None:
            self.began = True
            await self._send(message)
        else:
            self._kept.append(message)

    async def release(self) -> None:
        """Send what was kept back."""
        for message in self._kept or []:
            await self._send(message)


class _Held:
    """Keeps an answer back until it is released."""

    def __init__(self, send: _Answer) -> None:
        self._send = send
        self._messages: list[Message] = []

    async def __call__(self, message: Message) -> None:
        self._messages.append(message)

    @property
    def status(self) -> int:
        return int(self._messages[0]["status"]) if self._messages else 499

    async def release(self) -> None:
        for message in self._messages:
            await self._send(message)


class _Bounded:
    """Receives a body; where it is too large the connection seems to end."""

    def __init__(self, receive: Receive, most: int | None, grow: Callable[[int], None] | None = None) -> None:
        self._receive, self._most, self._grow = receive, most, grow
        self._size = 0
        self.failure: UploadError | None = None
        self.left = False

    async def __call__(self) -> Message:
        message = await self._receive()
        self.left = message["type"] == "http.disconnect"
        self._size += len(message.get("body", b""))
        if self._most is not None and self._size > self._most:
            return {"type": "http.disconnect"}
        try:
            if self._grow is not None and not self.left:
                self._grow(self._size)
        except UploadError as error:
            self.failure = error
            return {"type": "http.disconnect"}
        return message


async def _read(receive: Receive) -> dict[str, Any]:
    """Return the JSON object of a call."""
    data, more = bytearray(), True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise RefusedError(400, "The connection has ended.")
        data += message.get("body", b"")
        more = message.get("more_body", False)
        if len(data) > _LARGEST_CALL:
            raise RefusedError(413, f"A call may have {_LARGEST_CALL >> 20} MB: upload files by way of upload.")
    try:
        body = json.loads(data, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        raise RefusedError(422, "The body must be a JSON object.") from None
    if not isinstance(body, dict):
        raise RefusedError(422, "The body must be a JSON object.")
    return body


def _resize(scope: Scope, data: bytes) -> Scope:
    headers = [(name, value) for name, value in scope["headers"] if name.lower() != b"content-length"]
    return {**scope, "headers": [*headers, (b"content-length", str(len(data)).encode())]}


def _replay(data: bytes, receive: Receive) -> Receive:
    """Receive a body that was read already."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": data, "more_body": False}

    return replay


def _client(scope: Scope) -> str:
    return str((scope.get("client") or ("",))[0])


def _host(address: str) -> str | None:
    """Return the host of an address, in lower case and without a dot at its end."""
    try:
        host = urlsplit(address).hostname
    except ValueError:
        return None
    return host.rstrip(".") if host else None


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
