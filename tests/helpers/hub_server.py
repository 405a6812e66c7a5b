"""A local server that imitates the parts of the Hugging Face hub that downloads use, and its faults."""

from __future__ import annotations

import hashlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "0123456789abcdef0123456789abcdef01234567"
NETWORK = "xg-chu/GAGAvatar", "assets/GAGAvatar.pt"
FLAME = "xg-chu/GAGAvatar", "assets/FLAME_with_eye.pt"


@dataclass
class Request:
    method: str
    target: str
    range: str | None
    authorization: str | None


@dataclass
class Hub:
    """What the server serves, how it fails, and what it was asked."""

    files: dict[tuple[str, str], bytes] = field(default_factory=dict)
    status: int = 200
    error_code: str | None = None
    etag: str | None = None
    """Announced hash, where it is not the contents'."""
    announced_size: int | None = None
    cut_after: int | None = None
    """Bytes of a body after which the first `cuts` downloads break off."""
    cuts: int = 0
    reset: bool = False
    """Break off with a connection reset instead of an orderly close."""
    stall_after: int | None = None
    """Bytes of a body after which the server says nothing more until `release` is set."""
    redirect_to: str | None = None
    """Origin of a content network that downloads are redirected to."""
    stalled: threading.Event = field(default_factory=threading.Event)
    release: threading.Event = field(default_factory=threading.Event)
    requests: list[Request] = field(default_factory=list)
    url: str = ""

    def downloads(self) -> list[Request]:
        """The requests for contents that reached a body."""
        return [r for r in self.requests if r.method == "GET"]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, *args: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        hub = self.hub
        headers = self.headers
        hub.requests.append(Request(self.command, self.path, headers.get("Range"), headers.get("Authorization")))
        contents = self._contents()
        if hub.status != 200 or contents is None:
            return self._refuse(hub.status if hub.status != 200 else 404, hub.error_code or "EntryNotFound")
        etag = hub.etag or hashlib.sha256(contents).hexdigest()
        size = hub.announced_size or len(contents)
        if hub.redirect_to and not self.path.startswith("/cdn/"):
            self.send_response(302)
            self.send_header("Location", f"{hub.redirect_to}/cdn{self.path}")
            self._describe(etag, size, 0)
            return None
        start = int((headers.get("Range") or "bytes=0-").removeprefix("bytes=").split("-")[0]) if body else 0
        if start >= len(contents):
            self.send_response(416)
            self._describe(etag, size, 0)
            return None
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(contents) - 1}/{len(contents)}")
        self._describe(etag, size, len(contents) - start)
        if body:
            self._send(contents[start:])
        return None

    def _contents(self) -> bytes | None:
        for (repo, path), contents in self.hub.files.items():
            if any(f"/{repo}/resolve/{revision}/{path}" in self.path for revision in ("main", COMMIT)):
                return contents
        return None

    def _describe(self, etag: str, size: int, length: int) -> None:
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("X-Linked-Etag", f'"{etag}"')
        self.send_header("X-Linked-Size", str(size))
        self.send_header("ETag", f'"{etag}"')
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def _refuse(self, status: int, code: str) -> None:
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _send(self, data: bytes) -> None:
        hub = self.hub
        try:
            if hub.cut_after is not None and hub.cuts > 0:
                hub.cuts -= 1
                self.wfile.write(data[: hub.cut_after])
                return self._break_off()
            if hub.stall_after is not None:
                self.wfile.write(data[: hub.stall_after])
                self.wfile.flush()
                hub.stalled.set()
                hub.release.wait(30)
                data = data[hub.stall_after :]
            self.wfile.write(data)
        except OSError:
            self.close_connection = True  # the client is gone
        return None

    def _break_off(self) -> None:
        self.wfile.flush()
        if self.hub.reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        self.close_connection = True
        self.connection.close() if self.hub.reset else self.connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def serve(hub: Hub) -> Iterator[Hub]:
    """Serve `hub` on a free port of the loopback interface; its `url` is set."""
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.release.set()
        server.shutdown()
        server.server_close()
