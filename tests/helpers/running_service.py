"""A `gagavatar serve` in a process of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class RunningService:
    """Starts, kills and restarts a service on one folder and one port."""

    def __init__(self, data: Path, *options: object, keys: str = "") -> None:
        """`keys` as in the variable GAGAVATAR_API_KEYS."""
        self.data, self.port = data, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._options, self._keys = options, keys
        self.log = data.with_suffix(".log")
        self.start()

    def start(self) -> None:
        """Start it, and wait until it is ready."""
        command = [sys.executable, "-m", "gagavatar_nodes.cli", "serve", "--port", self.port, "--data", self.data]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [str(one) for one in (*command, *self._options)],
                stderr=log,
                env={**os.environ, "GAGAVATAR_API_KEYS": self._keys},
            )
        for _ in range(3000):
            if self.process.poll() is not None:
                raise RuntimeError(self.log.read_text())
            try:
                with urllib.request.urlopen(f"{self.url}/readyz", timeout=60):
                    return
            except OSError:
                time.sleep(0.1)
        raise RuntimeError(self.log.read_text())

    def kill(self) -> None:
        """End it as a power failure does."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """End it in order; return its exit code."""
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(300)
