"""`gagavatar app`, as far as its options and its failures go; skipped without Gradio."""

import os
import signal
import socket
import subprocess
import sys

import pytest

gradio = pytest.importorskip("gradio")


@pytest.fixture
def leaving(monkeypatch):
    """Pages are closed at once where the command would wait for Ctrl-C."""
    from gagavatar_nodes.app import page

    monkeypatch.setattr(page, "_wait", lambda page: page.close())


def test_a_public_link_that_fails_is_told_in_one_line(gagavatar, leaving, monkeypatch):
    def unreachable(*_):
        raise RuntimeError("no network")

    monkeypatch.setattr(gradio.networking, "setup_tunnel", unreachable)
    left = gagavatar("app", "--share", "--no-browser")
    assert left.code == 0
    assert "There is no public link" in left.err
    assert "The page is at http://127.0.0.1:" in left.out
    assert "Could not create" not in left.out + left.err


def test_a_port_that_is_taken_is_told_in_one_line(gagavatar, leaving):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        left = gagavatar("app", "--no-browser", "--port", taken.getsockname()[1])
    assert left.code == 1
    assert "Choose another --port" in left.err
    assert "Traceback" not in left.err


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal")
def test_a_page_that_is_terminated_removes_its_folder(tmp_path):
    command = [sys.executable, "-m", "gagavatar_nodes.cli", "app", "--no-browser"]
    with subprocess.Popen(
        command, env={**os.environ, "TMPDIR": str(tmp_path)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert "The page is at" in process.stdout.readline()
        assert len(list(tmp_path.glob("gagavatar-app-*"))) == 1
        process.send_signal(signal.SIGTERM)
        error = process.communicate(timeout=300)[1]
    assert process.returncode == 143
    assert error == "gagavatar: interrupted\n"
    assert list(tmp_path.glob("gagavatar-app-*")) == []
