"""A server that is stopped in the middle."""

import os
import sys
import threading
from pathlib import Path

import pytest

pytest.importorskip("websocket")


def test_nothing_half_written_is_left_under_its_name(tmp_path):
    from comfy_prompts import builtin, graph, to_video
    from server import Server

    python = os.environ.get("COMFYUI_PYTHON", sys.executable)
    server = Server(tmp_path, Path(os.environ["COMFYUI_DIR"]), python=python)
    reached = threading.Event()
    prompt = to_video(graph(builtin("idle", 400.0)), "half")
    del prompt["5"], prompt["6"]

    def follow(data):
        if data["node"] == "7" and data["value"] > 20:
            reached.set()

    def run():
        try:
            server.run(prompt, on_progress=follow)
        except Exception:  # the server goes away
            reached.set()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert reached.wait(600)
    server.process.kill()
    server.process.wait()
    assert not [path for path in server.files() if not path.name.startswith(".")]
    again = Server(tmp_path, Path(os.environ["COMFYUI_DIR"]), python=python)
    try:
        assert not again.run(to_video(graph(builtin()), "half")).problems
        assert "half_00001_.mp4" in [path.name for path in again.files()]
    finally:
        again.stop()


def test_ctrl_c_leaves_nothing_that_is_half_written(tmp_path):
    import signal

    from comfy_prompts import builtin, graph, to_video
    from server import Server

    python = os.environ.get("COMFYUI_PYTHON", sys.executable)
    server = Server(tmp_path, Path(os.environ["COMFYUI_DIR"]), python=python)
    reached = threading.Event()
    prompt = to_video(graph(builtin("idle", 400.0)), "half")
    del prompt["5"], prompt["6"]

    def run():
        try:
            server.run(prompt, on_progress=lambda data: reached.set() if data["node"] == "7" else None)
        except Exception:  # the server goes away
            reached.set()

    threading.Thread(target=run, daemon=True).start()
    assert reached.wait(600)
    assert server.files()
    server.process.send_signal(signal.SIGINT)
    server.process.wait(300)
    assert server.files() == []
