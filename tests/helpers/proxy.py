"""A reverse proxy of a few lines: shows a server under a path, as nginx or Caddy would, streams included."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "host", "upgrade"}


@contextmanager
def proxied(port: int, prefix: str) -> Iterator[str]:
    """Address under which the server at `port` of this machine is shown below `prefix`, which it does not see."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def _forward(self):
            if not self.path.startswith(prefix):
                self.send_error(404)
                return
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP}
            headers |= {"Host": self.headers["Host"], "X-Forwarded-Host": self.headers["Host"]}
            upstream = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
            upstream.request(self.command, self.path[len(prefix) :] or "/", body or None, headers)
            reply = upstream.getresponse()
            self.send_response(reply.status)
            for name, value in reply.getheaders():
                if name.lower() not in _HOP:
                    self.send_header(name, value)
            self.send_header("Connection", "close")
            self.end_headers()
            try:
                while block := reply.read1(65536):
                    self.wfile.write(block)
                    self.wfile.flush()
            except OSError:  # the browser has gone
                pass
            finally:
                upstream.close()

        do_GET = do_POST = do_HEAD = _forward  # noqa: N815

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}{prefix}/"
    finally:
        server.shutdown()
        server.server_close()
