"""GAGAvatar inside ComfyUI, with drawn weights of the published shapes."""

import os
import sys
import time
from pathlib import Path

import pytest

from comfy_prompts import published_base, published_prompt

pytest.importorskip("websocket")

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    from server import Server

    base = published_base(tmp_path_factory.mktemp("published"))
    python = os.environ.get("COMFYUI_PYTHON", sys.executable)
    comfy = Server(base, Path(os.environ["COMFYUI_DIR"]), python=python)
    yield comfy
    comfy.stop()


def test_auto_takes_gagavatar_renders_it_and_lets_go_of_it_when_asked(server):
    from server import MemoryWatch

    run = server.run(published_prompt(), limit=600)
    assert run.problems == []
    assert run.outputs["9"]["text"][0].startswith("gagavatar: ")
    assert len(run.outputs["6"]["images"]) == 2
    again = server.run(published_prompt(background_color="white", refine=False), limit=600)
    assert again.problems == []
    assert again.executed == ["5", "6"]
    memory = MemoryWatch(server.process.pid)
    loaded = memory.now()
    server.post("/free", {"unload_models": True, "free_memory": True})
    for _ in range(100):
        if memory.now() < loaded - 300e6:
            break
        time.sleep(0.1)
    assert memory.now() < loaded - 300e6
    assert server.run(published_prompt(background_color="blue"), limit=600).problems == []
