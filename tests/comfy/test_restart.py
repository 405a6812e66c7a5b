"""A server that is stopped in the middle."""

import os
import signal
import sys
import threading
from pathlib import Path

import pytest

from comfy_prompts import builtin, graph, to_video

pytest.importorskip("websocket")


def write_on(server, is_reached):
    """Start to write a film of many minutes, and come back once `is_reached`, of a node's progress, holds."""
    reached = threading.Event()
    prompt = to_video(graph(builtin("idle", 400.0)), "half")
    del prompt["5"], prompt["6"]

    def run():
        try:
            server.run(prompt, on_progress=lambda data: reached.set() if is_reached(data) else None)
        except Exception:  # the server goes away
            reached.set()

    threading.Thread(target=run, daemon=True).start()
    assert reached.wait(900)


def test_nothing_half_written_is_left_under_its_name_by_a_killed_server_and_nothing_at_all_by_ctrl_c(tmp_path):
    from server import Server

    python = os.environ.get("COMFYUI_PYTHON", sys.executable)
    server = Server(tmp_path, Path(os.environ["COMFYUI_DIR"]), python=python)
    write_on(server, lambda data: data["node"] == "7" and data["value"] > 20)
    server.process.kill()
    server.process.wait()
    assert not [path for path in server.files() if not path.name.startswith(".")]

    again = Server(tmp_path, Path(os.environ["COMFYUI_DIR"]), python=python)
    try:
        assert not again.run(to_video(graph(builtin()), "half")).problems
        before = set(again.files())
        assert "half_00001_.mp4" in [path.name for path in before]
        write_on(again, lambda data: data["node"] == "7")
        assert set(again.files()) - before
        again.process.send_signal(signal.SIGINT)
        again.process.wait(300)
        assert not set(again.files()) - before
    finally:
        again.stop()
