import json
from pathlib import Path

import pytest

from gagavatar_nodes.app.graphs import AnimateOptions, Source, animate, expression, splat, with_uploads
from gagavatar_nodes.app.graphs import node as made_node
from gagavatar_nodes.app.limits import Limits
from gagavatar_nodes.app.workflows import from_ui, note_for, read_workflow, to_ui
from gagavatar_nodes.errors import GagavatarError

CORE = json.loads((Path(__file__).parents[1] / "data" / "workflows" / "core_nodes.json").read_text())
GRAPHS = {
    "builtin": animate(Source("example"), Source("builtin", "talk"), AnimateOptions(seconds=2.0)),
    "video": animate(
        Source("file", "me.jpg"), Source("file", "drive.mp4"), AnimateOptions(compare=True, expression=1.5)
    ),
    "people": animate(
        Source("file", "group.jpg"),
        Source("file", "drive.mp4"),
        AnimateOptions(portrait_person="me.jpg", driver_person="actor.jpg"),
    ),
    "stitched": animate(Source("example"), Source("example"), AnimateOptions(background="original", seconds=1.0)),
    "picture": animate(
        Source("file", "me.jpg"),
        Source("example"),
        AnimateOptions(background="image", background_file="b.png", model="embedded"),
    ),
    "voice": animate(
        Source("file", "me.jpg"), Source("voice", "speech.wav"), AnimateOptions(text="Hello", seconds=1.0)
    ),
    "bundled voice": animate(Source("file", "me.jpg"), Source("voice")),
    "expression": expression(Source("example"), {"jawOpen": 0.4, "yaw": 10.0}),
    "splat": splat(Source("example")),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_a_graph_survives_the_editor_form(name):
    graph = GRAPHS[name]
    order = {str(number): id_ for number, id_ in enumerate(graph, 1)}
    back = from_ui(json.loads(json.dumps(to_ui(graph, note_for(graph)))))
    assert {order[id_] for id_ in back} == set(graph)
    for id_, node in back.items():
        inputs = {k: [order[v[0]], v[1]] if isinstance(v, list) else v for k, v in node["inputs"].items()}
        assert node["class_type"] == graph[order[id_]]["class_type"]
        assert {k: v for k, v in inputs.items() if k in graph[order[id_]]["inputs"]} == graph[order[id_]]["inputs"]


@pytest.mark.parametrize("name", GRAPHS)
def test_links_of_the_editor_form_fit_together(name):
    document = to_ui(GRAPHS[name])
    nodes = {node["id"]: node for node in document["nodes"]}
    for number, source, slot, target, socket, type_ in document["links"]:
        output = nodes[source]["outputs"][slot]
        assert number in output["links"]
        assert output["type"] == type_ == nodes[target]["inputs"][socket]["type"]
        assert nodes[target]["inputs"][socket]["link"] == number


def test_stand_ins_have_the_inputs_and_outputs_of_comfyui():
    from gagavatar_nodes.app.core_nodes import CORE_NODES

    for name, node in CORE_NODES.items():
        if not node.INPUT_TYPES()["required"]:
            continue
        known = CORE[name]["input"]
        assert list(node.INPUT_TYPES()["required"]) == list(known["required"]), name
        assert list(node.INPUT_TYPES().get("optional", {})) == list(known.get("optional", {})), name
        if CORE[name]["output"]:
            assert list(node.RETURN_TYPES) == CORE[name]["output"], name


def test_the_note_names_the_files_that_comfyui_needs():
    assert "me.jpg, drive.mp4" in note_for(GRAPHS["video"])
    assert "Runs as it is" in note_for(GRAPHS["builtin"])


def test_uploads_take_the_place_of_the_files_that_a_workflow_names():
    graph = with_uploads(GRAPHS["video"], "you.png", "other.mp4")
    assert graph["portrait"]["inputs"]["image"] == "you.png"
    assert graph["video"]["inputs"]["file"] == "other.mp4"
    assert GRAPHS["video"]["portrait"]["inputs"]["image"] == "me.jpg"


@pytest.mark.parametrize(
    ("kind", "values", "words"),
    [
        ("BuiltinMotion", {"name": "talk", "seconds": 61.0}, "'seconds' is 61, but can be 60"),
        ("OrbitCamera", {"seconds": 600.0}, "'seconds' is 600"),
        ("Expression", {"frames": 5000, "fps": 25.0}, "'seconds' is 200"),
        ("RenderAvatar", {"width": 2048}, "'width' is 2048, but can be 1024"),
    ],
)
def test_dropped_workflows_keep_to_the_limits(kind, values, words):
    Limits().check_graph(GRAPHS["builtin"])
    with pytest.raises(GagavatarError, match=words):
        Limits().check_graph({"n": made_node(kind, **values)})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("no json", "no JSON"),
        ("[1]", "no workflow"),
        ('{"nodes": 3}', "damaged"),
        ('{"nodes": [{"type": "KSampler", "id": 1}], "links": []}', "no node 'KSampler'"),
        ('{"1": {"class_type": "LoadImage"}}', "no 'class_type' and 'inputs'"),
    ],
)
def test_what_is_no_workflow_is_named(tmp_path, text, words):
    path = tmp_path / "w.json"
    path.write_text(text)
    with pytest.raises(GagavatarError, match=words):
        read_workflow(path)
