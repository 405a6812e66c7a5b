"""The pack as V3 nodes, in old versions too: those that package registries have would serve it as V1."""

import os
import sys
from pathlib import Path

import pytest

from comfy_prompts import builtin, graph, node, to_video
from older_v3 import put_around
from served_nodes import differences, is_v3

pytest.importorskip("websocket")

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    from server import Server

    base = tmp_path_factory.mktemp("v3")
    put_around(ROOT, base / "custom_nodes" / "gagavatar")
    comfy = Server(base, Path(os.environ["COMFYUI_DIR"]), python=os.environ.get("COMFYUI_PYTHON", sys.executable))
    yield comfy
    comfy.stop()


def test_nodes_are_served_as_they_are_declared(server):
    info = server.get("/object_info")
    assert is_v3(info)
    assert differences(info) == []


def test_a_run_shows_progress_and_the_next_one_renders_only_what_changed(server):
    first = server.run(graph(builtin()))
    assert first.problems == []
    assert first.progress["5"][-1] == (10, 10)
    assert first.previews > 0
    assert len(first.outputs["6"]["images"]) == 10
    assert server.run(graph(builtin(), background_color="red")).executed == ["5", "6"]


def test_a_batch_of_portraits_makes_a_list(server):
    prompt = graph(builtin(seconds=0.08))
    prompt["8"] = {"class_type": "ImageBatch", "inputs": {"image1": ["1", 0], "image2": ["1", 0]}}
    prompt["2"]["inputs"]["image"] = ["8", 0]
    run = server.run(prompt)
    assert run.problems == []
    assert len(run.outputs["6"]["images"]) == 4


def test_a_written_video_carries_its_graph(server):
    import av

    prompt = to_video(graph(builtin()), "carries")
    assert server.run(prompt).problems == []
    (made,) = (path for path in server.files() if "carries" in path.name)
    with av.open(str(made)) as file:
        metadata = {name.lower(): text for name, text in file.metadata.items()}
    assert '"filename_prefix": "carries"' in metadata["prompt"]


def test_what_cannot_end_well_is_refused_before_any_work(server):
    prompt = to_video(graph(builtin("shake")), "refused", background="transparent")
    del prompt["5"], prompt["6"]
    run = server.run(prompt)
    assert "mp4 has no transparency" in run.problems[0]
    assert (run.prompt_id, run.executed) == ("", [])


def test_a_file_that_was_written_anew_is_read_anew(server):
    def save(name):
        kept = {"4": builtin(name), "7": node("SaveMotion", motion=["4", 0], filename_prefix="anew")}
        run = server.run(kept)
        assert run.problems == []
        return next(path for path in server.files() if "anew" in path.name and path not in known)

    known = set()
    first = save("nod")
    load = {"1": node("LoadMotion", file=f"{first.name} [output]"),
            "2": {"class_type": "PreviewAny", "inputs": {"source": ["1", 2]}}}  # fmt: skip
    assert server.run(load).problems == []
    assert server.run(load).executed == []
    known.add(first)
    os.replace(save("smile"), first)
    assert server.run(load).executed == ["1", "2"]
