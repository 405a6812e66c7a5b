"""What is told of odd workflows and of failures nobody foresaw, over HTTP; skipped without Gradio."""

import asyncio
import html
import json
import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from gagavatar_nodes.app.limits import Limits

pytest.importorskip("gradio")
from page_client import Visitor

SAVE = {"class_type": "SaveImage", "inputs": {"images": ["load", 0], "filename_prefix": "x"}}
LOAD = {"class_type": "LoadImage", "inputs": {"image": "me.png"}}
EXAMPLE = {"class_type": "GAGAvatarExampleInputs", "inputs": {"person": "photo"}}
LINK = "<img src=x onerror=alert(1)>[here](http://evil.example)"


def saved(**changes):
    return {"load": EXAMPLE, "save": {**SAVE, "inputs": SAVE["inputs"] | changes}}


def deep(levels):
    return "[" * levels + "]" * levels


def circle():
    batch = {"class_type": "ImageBatch", "inputs": {"image1": ["b", 0], "image2": ["b", 0]}}
    return {
        "a": batch,
        "b": {**batch, "inputs": {"image1": ["a", 0], "image2": ["a", 0]}},
        "save": saved(images=["a", 0])["save"],
    }


ODD = {
    "nothing": ("", "is no JSON"),
    "bytes": (b"\xff\xfe\x00", "is no JSON"),
    "a number": ("3", "is no workflow"),
    "an empty graph": ("{}", "is no workflow"),
    "a list": (json.dumps([LOAD]), "is no workflow"),
    "deep": (deep(100_000), "is no JSON"),
    "deep values": (json.dumps(saved(filename_prefix=json.loads(deep(200)))), "must be text"),
    "a deep link": (json.dumps(saved(images=json.loads(deep(200)))), "."),
    "a link that is too long": (json.dumps(saved(images=["load", 0, 0])), "."),
    "a link to a socket that is not there": (json.dumps(saved(images=["load", 10**30])), "."),
    "NaN": (json.dumps({"1": {"class_type": "LoadImage", "inputs": {"image": float("nan")}}}), "is no JSON"),
    "null": (json.dumps({"1": None}), "has no 'class_type'"),
    "null inputs": (json.dumps({"1": {"class_type": "LoadImage", "inputs": None}}), "has no 'class_type'"),
    "null value": (json.dumps(saved(filename_prefix=None)), "must be text"),
    "wrong type": (json.dumps(saved(filename_prefix=3)), "must be text"),
    "a class that is a list": (json.dumps({"1": {"class_type": ["LoadImage"], "inputs": {}}}), "There is no node"),
    "a class that is unknown": (json.dumps({"1": {"class_type": LINK, "inputs": {}}}), "There is no node"),
    "a long class": (json.dumps({"1": {"class_type": "x" * 5000, "inputs": {}}}), "There is no node"),
    "a long id": (json.dumps({"x" * 5000: LOAD}), "no name, or one that is too long"),
    "nodes that are no list": (json.dumps({"nodes": 3, "links": {}}), "damaged workflow"),
    "links to nowhere": (json.dumps({"nodes": [{"id": 1, "type": "LoadImage", "inputs": [{"link": 9}]}], "links": []}),
                         "damaged workflow"),
    "a circle": (json.dumps(circle()), "goes round in a circle"),
    "many nodes": (json.dumps({str(number): LOAD for number in range(300)}), "at most 200 nodes"),
    "surrogates": (json.dumps(saved(filename_prefix="\ud800")), "no name can have"),
    "a null byte": (json.dumps(saved(filename_prefix="a\0b")), "leaves ComfyUI's folders"),
    "a long prefix": (json.dumps(saved(filename_prefix="y" * 5000)), "too long for a name"),
    "a path": (json.dumps(saved(filename_prefix="/etc/passwd")), "leaves ComfyUI's folders"),
    "stars in a file": (json.dumps({"load": {**LOAD, "inputs": {"image": "**"}}, "save": SAVE}), r"\*\*"),
    "a surrogate in a file": (json.dumps({"load": {**LOAD, "inputs": {"image": "\ud800"}}, "save": SAVE}), "."),
    "a null byte in a file": (json.dumps({"load": {**LOAD, "inputs": {"image": "a\0"}}, "save": SAVE}), "."),
    "a long file": (json.dumps({"load": {**LOAD, "inputs": {"image": "z" * 5000}}, "save": SAVE}), "."),
}  # fmt: skip
"""What is dropped, and what is said of it."""


def told_of(visitor, content):
    """The words of the toast, and all that the page showed."""
    assert visitor.join("run_workflow", dropped(visitor, content)).status_code == 200
    messages = visitor.messages()
    last = next(one for one in messages if one["msg"] == "process_completed")
    assert not last["success"]
    shown = [one["output"] for one in messages if one["msg"] == "process_generating"]
    return last["output"]["error"], json.dumps(shown)


def dropped(visitor, content):
    data = content if isinstance(content, bytes) else content.encode()
    return [{"path": visitor.upload("w.json", data), "meta": {"_type": "gradio.FileData"}}, None, None, None]


def test_each_odd_workflow_is_told_of_in_its_own_words(serving, tmp_path, caplog):
    visitor = Visitor(serving())
    for name, (content, expected) in ODD.items():
        toast, status = told_of(visitor, content)
        assert re.search(expected, html.unescape(toast)), (name, toast)
        assert "reference" not in toast, (name, toast)
        assert "That did not work" in status, (name, status)
        for words in (toast, status):
            assert str(tmp_path) not in words, (name, words)
            assert "Traceback" not in words, (name, words)
            assert "<img" not in words, (name, words)
        assert "](http" not in status, (name, status)  # which is Markdown, as the toast is HTML
        assert len(toast) < 1000, name
    assert "Traceback" not in caplog.text


def test_a_name_with_odd_letters_is_a_name(serving):
    visitor = Visitor(serving())
    graph = {"load": EXAMPLE, "save": {**SAVE, "inputs": {"images": ["load", 0], "filename_prefix": "a_**_[b]"}}}
    done, words = visitor.call("run_workflow", dropped(visitor, json.dumps(graph)))
    assert done, words


def test_what_nobody_foresaw_has_a_number_that_leads_to_the_log(serving, monkeypatch, caplog):
    from gagavatar_nodes.app.context import Context

    visitor = Visitor(serving())
    path = visitor.upload("w.json", json.dumps({"load": LOAD, "save": SAVE}).encode())

    def fail(self, session, upload):
        raise ZeroDivisionError("/srv/secret/file <b>bold</b>")

    monkeypatch.setattr(Context, "portrait", fail)
    monkeypatch.setattr(Context, "take_in", fail)
    portrait = visitor.defaults("animate")[0]
    for handler, data in (
        ("animate", visitor.defaults("animate")),
        ("run_workflow", [{"path": path}, portrait, None, None]),
        ("splat", visitor.defaults("splat")),
    ):
        done, words = visitor.call(handler, data)
        assert not done
        assert "secret" not in words
        (number,) = re.findall(r"reference ([0-9a-f]{8})", words)
        record = next(one.getMessage() for one in caplog.records if f"Reference {number}" in one.getMessage())
        assert "ZeroDivisionError: /srv/secret/file" in record


def test_a_server_that_fails_answers_with_a_number_that_leads_to_the_log(caplog):
    import httpx

    from gagavatar_nodes.app.edge import Edge, Hosts

    async def fails(scope, receive, send):
        """Answer as Starlette does where an exception passes through it."""
        await send({"type": "http.response.start", "status": 500, "headers": []})
        await send({"type": "http.response.body", "body": b"Internal Server Error /srv/secret/file"})
        raise ZeroDivisionError("/srv/secret/file")

    async def ask():
        edge = Edge(fails, None, Hosts(), None, lambda: None)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(edge), base_url="http://localhost") as web:
            return await web.get("/config")

    reply = asyncio.run(ask())
    assert reply.status_code == 500
    assert "secret" not in reply.text
    number = re.search(r"reference ([0-9a-f]{8})", reply.text)[1]
    record = next(one.getMessage() for one in caplog.records if f"Reference {number}" in one.getMessage())
    assert "ZeroDivisionError: /srv/secret/file" in record


def test_fifty_visitors_at_once_are_all_answered_or_told_to_wait(serving):
    address = serving(limits=Limits(waiting=20))
    graph = {"load": EXAMPLE, "save": {**SAVE, "inputs": {"images": ["load", 0], "filename_prefix": "blank"}}}

    def visit(number):
        visitor = Visitor(address, f"visitor{number}")
        reply = visitor.join("run_workflow", dropped(visitor, json.dumps(graph)))
        if reply.status_code == 503:
            assert int(reply.headers["retry-after"]) > 0
            return "later"
        assert reply.status_code == 200, reply.text
        last = [one for one in visitor.messages() if one["msg"] == "process_completed"][-1]
        if not last["success"]:
            assert re.search(r"jobs are waiting already: come back in about \d+ s", last["output"]["error"])
            return "later"
        return "done"

    with ThreadPoolExecutor(50) as pool:
        found = list(pool.map(visit, range(50)))
    assert len(found) == 50
    assert found.count("done") >= 20
