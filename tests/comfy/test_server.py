"""Prompts in API form: what artists meet, through HTTP and websocket."""

import json
import os
import threading
from pathlib import Path

import pytest

from comfy_prompts import G, builtin, graph, node, to_video
from gagavatar_nodes.media.sound import find_sound
from gagavatar_nodes.media.video_reader import VideoReader
from gagavatar_nodes.nodes import NODE_CLASS_MAPPINGS
from served_nodes import differences, is_v3

pytest.importorskip("websocket")


def driving(**links):
    return node("ExtractDriving", smoothing=0.3, face=0, fps=25.0, preview_frames=4, **links)


def test_the_pack_is_loaded_without_complaints(server):
    nodes = {name: info for name, info in server.get("/object_info").items() if name.startswith(G)}
    assert sorted(nodes) == sorted(NODE_CLASS_MAPPINGS)
    log = server.log.read_text(errors="replace")
    assert "IMPORT FAILED" not in log
    assert "Cannot import" not in log
    assert nodes["GAGAvatarRenderAvatar"]["description"]
    assert nodes["GAGAvatarRenderAvatar"]["output_tooltips"]


def test_nodes_are_served_as_they_are_declared_and_as_v3_where_it_has_the_words_for_that(server):
    info = server.get("/object_info")
    source = Path(os.environ["COMFYUI_DIR"], "comfy_api/latest/_io.py").read_text()
    assert is_v3(info) == ("search_aliases: list[str]" in source)
    assert differences(info) == []
    color = info["GAGAvatarRenderAvatar"]["input"]["required"]["background_color"][1]
    assert ("widgetType" in color) == is_v3(info)


def test_progress_and_previews_arrive_and_a_second_run_is_cached(server):
    prompt = graph(builtin())
    first = server.run(prompt)
    assert not first.problems
    assert first.progress["5"][-1] == (10, 10)
    assert len(first.progress["5"]) >= 2  # newer versions leave some out
    assert first.previews > 0
    assert len(first.outputs["6"]["images"]) == 10
    assert server.run(prompt).executed == []


def test_a_new_background_renders_and_does_not_track_or_lift_again(server):
    server.run(graph(builtin()))
    assert server.run(graph(builtin(), background_color="red")).executed == ["5", "6"]


def test_a_new_driver_does_not_lift_again(server):
    server.run(graph(builtin()))
    assert sorted(server.run(graph(builtin("shake"))).executed) == ["4", "5", "6"]


def test_a_film_takes_another_expression_and_is_saved_with_its_sound(server):
    prompt = {
        "1": node("ExampleInputs", person="photo"),
        "2": builtin("talk", 0.4),
        "3": node("ReexpressVideo", motion=["2", 0], video=["1", 1], eyes=0.0, mouth=1.0),
        "4": node("SaveVideo", video=["3", 0], filename_prefix="film", format="auto", codec="auto"),
    }
    run = server.run(prompt)
    assert not run.problems
    made = max((path for path in server.files() if path.name.startswith("film")), key=lambda path: path.stat().st_mtime)
    with VideoReader(made) as video:
        assert sum(1 for _ in video) == 10
    assert find_sound(made) is not None
    prompt["3"]["inputs"]["eyes"] = 1.0
    assert server.run(prompt).executed == ["3", "4"]


@pytest.mark.parametrize("stage", ["render", "video", "track"])
def test_canceling_stops_within_a_few_frames_and_leaves_no_file(server, stage):
    waiting = "5" if stage == "render" else "7" if stage == "video" else "4"
    long = driving(video=["1", 1]) if stage == "track" else builtin("idle", 400.0 if stage == "video" else 60.0)
    prompt = graph(long)
    if stage == "video":
        prompt = to_video(prompt, "canceled")
        del prompt["5"], prompt["6"]
    canceled = []

    def cancel(data):
        if data["node"] == waiting and data["value"] >= 3 and not canceled:
            canceled.append(data["value"])
            server.post("/interrupt", {})

    run = server.run(prompt, on_progress=cancel)
    assert run.interrupted
    assert run.progress[waiting][-1][0] < canceled[0] + 150  # some two seconds' work of the quickest stage
    assert not [path for path in server.files() if "canceled" in path.name]


def test_our_message_reaches_the_client(server):
    prompt = graph(builtin())
    prompt["1"] = {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 64, "batch_size": 1, "color": 0}}
    run = server.run(prompt)
    assert len(run.problems) == 1
    assert "No face was found: use a picture in which the face is well lit" in run.problems[0]


def test_missing_weights_name_comfyuis_models_folder(server):
    prompt = graph(builtin())
    prompt["8"] = node("LoadAvatarModel", model="gagavatar", checkpoint="auto", precision="auto", density=296)
    prompt["3"]["inputs"]["model"] = ["8", 0]
    run = server.run(prompt)
    assert str(server.base / "models" / "gagavatar") in run.problems[0]
    assert "https://huggingface.co/xg-chu/GAGAvatar" in run.problems[0]


def test_names_do_not_leave_comfyuis_folders(server):
    prompt = graph(builtin())
    prompt["7"] = node("SaveAvatar", avatar=["3", 0], filename_prefix="../../escaped")
    assert "filename_prefix" in server.run(prompt).problems[0]
    prompt["7"] = node("LoadAvatar", file="../../server.log")
    prompt["5"]["inputs"]["avatar"] = ["7", 0]
    assert "leaves ComfyUI's folders" in server.run(prompt).problems[0]
    assert not list(server.base.parent.rglob("escaped*"))


def test_two_prompts_queued_at_once_both_finish(server):
    runs = {}
    prompts = {name: to_video(graph(builtin(name)), f"at_once_{name}") for name in ("smile", "blink")}
    threads = [threading.Thread(target=lambda n=name: runs.__setitem__(n, server.run(prompts[n]))) for name in prompts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [run.problems for run in runs.values()] == [[], []]
    assert {path.name for path in server.files() if "at_once" in path.name} == {
        "at_once_smile_00001_.mp4", "at_once_blink_00001_.mp4"
    }  # fmt: skip


def test_freeing_memory_and_running_again_works(server):
    assert not server.run(graph(builtin("surprise"))).problems
    server.post("/free", {"unload_models": True, "free_memory": True})
    assert not server.run(graph(builtin("surprise"), background_color="blue")).problems


def test_pages_for_help_and_translations_are_served(server):
    import urllib.request

    module = server.get("/object_info/GAGAvatarLiftPortrait")["GAGAvatarLiftPortrait"]["python_module"]
    name = module.split(".", 1)[1].replace(" ", "%20")
    with urllib.request.urlopen(f"{server.url}/extensions/{name}/docs/GAGAvatarLiftPortrait.md") as page:
        assert b"# Lift Portrait" in page.read()
    translated = server.get("/i18n")["fr"]["nodeDefs"]
    assert translated["GAGAvatarLiftPortrait"]["display_name"]
    assert json.dumps(translated)
