"""What visitors must not be able to do, tried over HTTP against the real server; skipped without Gradio."""

import json
import os
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from gagavatar_nodes.app.limits import Limits
from gagavatar_nodes.assets import path as asset

pytest.importorskip("gradio")
from page_client import Visitor

PORTRAIT = asset("example_portrait.jpg").read_bytes()


@pytest.fixture
def secret(tmp_path):
    path = tmp_path / "secret.jpg"
    path.write_bytes(PORTRAIT + b"secret")
    return path


@pytest.fixture(scope="module")
def usual(written):
    """The page by its defaults, for those who leave nothing there."""
    from gagavatar_nodes.app.page import Serving, serve

    page, url = serve(Serving(), block=False)
    yield url
    page.close()


def files_below(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def test_files_that_a_visitor_has_not_uploaded_do_not_enter(serving, secret, tmp_path):
    visitor = Visitor(serving())
    other = Visitor(visitor.address, "other")
    theirs = other.upload("me.jpg", PORTRAIT + b"theirs")
    assert other.animate(Portrait={"path": theirs})[0]
    link = tmp_path / "gradio" / "link.jpg"
    link.symlink_to(secret)
    folder = os.path.dirname(theirs)
    climbing = f"{folder}/../{os.path.basename(folder)}/me.jpg"
    pipe = tmp_path / "gradio" / "pipe"
    os.mkfifo(pipe)
    outside = (
        secret, "/etc/hostname", "/dev/zero", link, pipe, theirs, folder, climbing,
        "http://127.0.0.1:1/x.jpg", "", ".", "a\0b", "\ud800", "x" * 5000, "**", 3, [], {"path": str(secret)},
    )  # fmt: skip
    for path in outside:
        for value in ({"path": str(path) if isinstance(path, os.PathLike) else path}, {"path": str(path), "meta": {}}):
            done, words = visitor.animate(Portrait=value)
            assert not done, path
            assert str(tmp_path) not in words, words
    done, _ = visitor.animate(**{"Background": "Picture", "Background picture": {"path": str(secret)}})
    assert not done
    assert not visitor.animate(Portrait={"path": None, "url": f"file://{secret}"})[0]


def test_a_workflow_reads_no_files_of_the_server(serving, secret, tmp_path):
    visitor = Visitor(serving())
    for name in (str(secret), "/etc/hostname", "../../secret.jpg"):
        graph = {
            "1": {"class_type": "LoadVideo", "inputs": {"file": name}},
            "2": {
                "class_type": "SaveVideo",
                "inputs": {"video": ["1", 0], "filename_prefix": "x", "format": "auto", "codec": "auto"},
            },
        }
        file = visitor.upload("w.json", json.dumps(graph).encode())
        done, words = visitor.call("run_workflow", [{"path": file}, None, None, None])
        assert not done
        assert str(tmp_path) not in words


def test_uploads_are_bounded_and_leave_nothing_when_they_fail(serving, tmp_path):
    address = serving(limits=Limits(megabytes=1))
    visitor = Visitor(address)
    before = len(files_below(tmp_path / "gradio"))
    reply = visitor.web.post("/gradio_api/upload", files={"files": ("big", b"x" * 1_100_000)})
    assert reply.status_code == 413
    statuses = [
        visitor.web.post("/gradio_api/upload", files={"files": (f"{number}", b"x" * 900_000)}).status_code
        for number in range(7)
    ]
    assert statuses == [200] * 5 + [413] * 2, "five times the largest upload is a visitor's share"
    host, port = visitor.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as line:
        head = f"POST /gradio_api/upload HTTP/1.1\r\nHost: {host}\r\nContent-Length: 900000\r\n"
        line.sendall(f"{head}Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\n".encode() + b"x" * 1000)
    for body in (b"", b"--b\r\n", b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--"):
        kind = {"Content-Type": "multipart/form-data; boundary=b"}
        assert visitor.web.post("/gradio_api/upload", content=body, headers=kind).status_code < 500
    assert len(files_below(tmp_path / "gradio")) == before + 5


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "10.0.0.1", "", "[::2]", "127.0.0.1@evil"])
def test_other_names_of_the_server_are_refused(usual, host):
    web = Visitor(usual).web
    for path in ("/", "/config", "/gradio_api/info", "/gradio_api/queue/data?session_hash=x", "/gradio_api/upload"):
        assert 400 <= web.get(path, headers={"Host": host}).status_code < 500, path


def test_pages_of_other_servers_may_not_call(serving):
    visitor = Visitor(serving(root_path="https://heads.example/demo"))
    for origin in ("http://evil.example", "null", "https://heads.example.evil", "file://"):
        for method in ("GET", "POST", "OPTIONS"):
            reply = visitor.web.request(
                method, "/config", headers={"Origin": origin, "Access-Control-Request-Method": "POST"}
            )
            assert reply.status_code == 403, (origin, method)
            assert "access-control-allow-origin" not in reply.headers
    for host in ("heads.example", "localhost:1", "127.0.0.1"):
        assert visitor.web.get("/config", headers={"Host": host, "Origin": f"https://{host}"}).status_code == 200


def test_what_is_not_for_visitors_is_not_callable(usual, serving):
    visitor = Visitor(usual)
    private = [one for one in visitor.handlers.values() if one["api_visibility"] == "private"]
    assert private
    for one in private:
        assert visitor.join(one["id"], [None] * len(one["inputs"]), page=False).status_code == 404
    for number in (-1, 10**9, "0", 1.5, True):
        body = {"data": [], "fn_index": number, "session_hash": "x"}
        assert visitor.web.post("/gradio_api/queue/join", json=body).status_code == 404
    for path in ("component_server", "vibe-edit", "process_recording", "proxy=https://x.hf.space", "deep_link"):
        assert visitor.web.post(f"/gradio_api/{path}", json={}).status_code == 404, path
    assert visitor.web.get("/gradio_api/file=http://127.0.0.1:1/x").status_code == 404
    shared = Visitor(serving(listen="0.0.0.0").replace("0.0.0.0", "127.0.0.1"))
    names = [one["props"].get("elem_id") for one in shared.components.values()]
    assert "studio-random" in names
    assert "models-download" not in names


def test_calls_beside_the_queue_are_not_served_for_heavy_work(usual):
    visitor = Visitor(usual)
    for path in ("run/animate", "api/animate", "run/x"):
        body = {"data": visitor.defaults("animate"), "fn_index": visitor.handlers["animate"]["id"]}
        assert visitor.web.post(f"/gradio_api/{path}", json=body).status_code == 404


def test_calls_without_a_session_get_their_own_results(serving, tmp_path):
    visitor = Visitor(serving())
    values = dict(zip(visitor.labels("animate"), visitor.defaults("animate"), strict=True))
    values |= {"Width": 128, "Height": 128, "Seconds": 0.4}

    def call(motion):
        data = list((values | {"Motion": motion}).values())
        event = visitor.web.post("/gradio_api/call/animate", json={"data": data}).json()["event_id"]
        text = visitor.web.get(f"/gradio_api/call/animate/{event}").text
        last = text.strip().split("\n")[-1]
        return json.loads(last.removeprefix("data: "))[2]

    with ThreadPoolExecutor(4) as pool:
        videos = list(pool.map(call, ["nod", "smile", "talk", "nod"]))
    paths = [video["path"] for video in videos]
    assert len(set(paths[:3])) == 3
    folders = [path for path in tmp_path.glob("gagavatar-app-*/*") if (path / "output").is_dir()]
    assert len(folders) >= 4


def test_logins_are_throttled(serving):
    address = serving(auth=("me", "secret"))
    import httpx

    statuses = [
        httpx.post(f"{address}login", data={"username": "me", "password": str(number)}).status_code
        for number in range(8)
    ]
    assert statuses == [400] * 5 + [429] * 3


def test_bodies_that_are_no_calls_are_refused(serving):
    web = Visitor(serving()).web
    deep = b'{"data":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    for body in (
        b"",
        b"[]",
        b"{",
        deep,
        b'{"data": 3, "fn_index": 0}',
        b"\xff",
        b"\xf6\x00",
        b'{"session_hash": {}}',
        b"null",
    ):
        for path in ("queue/join", "run/animate", "call/animate", "call/v2/animate", "cancel", "reset", "stream/x"):
            reply = web.post(f"/gradio_api/{path}", content=body, headers={"Content-Type": "application/json"})
            assert reply.status_code < 500, (path, body[:20])
