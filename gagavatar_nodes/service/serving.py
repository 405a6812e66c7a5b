"""The service in a web server."""

from __future__ import annotations

import socket
from contextlib import suppress

import uvicorn

from .app import make_app
from .config import Config
from .live import LARGEST_MESSAGE
from .logs import set_up_logs

_STREAMS_SECONDS = 5
"""For open answers to end when the service stops."""


def serve(config: Config, host: str, port: int) -> None:
    """Serve until the program is interrupted or terminated; then running tasks finish, or go back into the queue.

    Raises:
        OSError: the address is taken, or the folder cannot be written.
        GagavatarError: another service works with the folder.
    """
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
    set_up_logs()
    config.data.mkdir(parents=True, exist_ok=True)
    servers: list[uvicorn.Server] = []
    app = make_app(config, lambda: servers[0].should_exit)
    servers.append(
        uvicorn.Server(
            uvicorn.Config(
                app,
                host=host,
                port=port,
                log_config=None,
                access_log=False,
                server_header=False,
                ws_max_size=LARGEST_MESSAGE,
                timeout_graceful_shutdown=_STREAMS_SECONDS,
            )
        )
    )
    with suppress(KeyboardInterrupt):  # the signal that ended it, once more; all is in order by now
        servers[0].run()
