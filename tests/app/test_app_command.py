"""`gagavatar app`, as far as its options and its failures go; skipped without Gradio."""

import socket

import pytest

gradio = pytest.importorskip("gradio")


@pytest.fixture
def leaving(monkeypatch):
    """Pages are closed at once where the command would wait for Ctrl-C."""
    monkeypatch.setattr(gradio.Blocks, "block_thread", lambda page: page.close())


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
