"""Every example graph fits the nodes, and so do those of earlier releases."""

import json
from pathlib import Path

import pytest

from gagavatar_nodes.nodes.files import NONE
from graph import definitions
from make_subgraphs import main as make_subgraphs
from make_workflows import WORKFLOWS, main

ROOT = Path(__file__).parents[2]

PRESENT = sorted((ROOT / "workflows").glob("*.json"))
FROZEN = sorted((ROOT / "tests/data/workflows").glob("*/*.json"))
CHANGING_LISTS = {("GAGAvatarLoadAvatar", "file"), ("GAGAvatarLoadMotion", "file")}
KINDS = {"INT": int, "FLOAT": (int, float), "STRING": str, "BOOLEAN": bool}


@pytest.fixture(scope="module")
def known():
    return definitions()


def test_the_graphs_are_what_the_tool_makes(tmp_path):
    main(tmp_path)
    assert [path.stem for path in PRESENT] == sorted(WORKFLOWS)
    for path in PRESENT:
        assert (tmp_path / path.name).read_text() == path.read_text(), "run tools/comfy/make_workflows.py"


@pytest.mark.parametrize("path", PRESENT, ids=lambda path: path.stem)
def test_every_graph_has_a_small_card_that_moves(path):
    """Under the only name that the template browser asks for."""
    from PIL import Image

    card = path.with_suffix(".jpg")
    with Image.open(card) as picture:
        assert min(picture.size) >= 128
        assert getattr(picture, "n_frames", 1) >= 10
    assert card.stat().st_size < 250_000
    assert (ROOT / "docs" / "graphs" / card.name).exists()


@pytest.mark.parametrize("path", PRESENT + FROZEN, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_graph_fits_the_nodes(path, known):
    graph = json.loads(path.read_text())
    nodes = {node["id"]: node for node in graph["nodes"] if node["type"] != "MarkdownNote"}
    assert any(known[node["type"]].output_node for node in nodes.values())
    linked = check_links(graph, nodes, known)
    for node in nodes.values():
        definition = known[node["type"]]
        sockets = {name for name in definition.required if not definition.is_widget(name)}
        missing = sockets - linked[node["id"]]
        assert not missing, (node["type"], missing)
        check_widgets(node, definition)


def test_the_building_blocks_are_what_the_tool_makes_and_fit_the_nodes(tmp_path, known):
    make_subgraphs(tmp_path)
    present = sorted((ROOT / "subgraphs").glob("*.json"))
    assert [path.name for path in present] == sorted(path.name for path in tmp_path.glob("*.json"))
    for path in present:
        assert (tmp_path / path.name).read_text() == path.read_text(), "run tools/comfy/make_subgraphs.py"
        document = json.loads(path.read_text())
        (block,), (inside,) = document["nodes"], document["definitions"]["subgraphs"]
        assert block["type"] == inside["id"]
        assert [one["name"] for one in block["inputs"]] == [one["name"] for one in inside["inputs"]]
        nodes = {node["id"]: node for node in inside["nodes"]}
        linked = {number: set() for number in nodes}
        for link in inside["links"]:
            ends = inside["inputs"] if link["origin_id"] == -10 else nodes[link["origin_id"]]["outputs"]
            assert ends[link["origin_slot"]]["type"] == link["type"]
            if link["target_id"] == -20:
                assert inside["outputs"][link["target_slot"]]["type"] == link["type"]
                continue
            entry = nodes[link["target_id"]]["inputs"][link["target_slot"]]
            assert (entry["type"], entry["link"]) == (link["type"], link["id"])
            linked[link["target_id"]].add(entry["name"])
        for number, node in nodes.items():
            definition = known[node["type"]]
            assert {name for name in definition.required if not definition.is_widget(name)} <= linked[number]
            check_widgets(node, definition)


def check_links(graph, nodes, known):
    linked = {number: set() for number in nodes}
    for number, source, output, target, slot, kind in graph["links"]:
        out_name, out_kind = known[nodes[source]["type"]].outputs[output]
        entry = nodes[target]["inputs"][slot]
        accepted, _ = known[nodes[target]["type"]].inputs[entry["name"]]
        assert out_kind == kind, (out_name, kind)
        assert accepted in (kind, "*") or (accepted, kind) == ("INT", "FLOAT"), (entry["name"], accepted, kind)
        assert entry["link"] == number
        assert number in nodes[source]["outputs"][output]["links"]
        linked[target].add(entry["name"])
    return linked


def check_widgets(node, definition):
    """Values are told apart by their places: widgets may be added behind the others, and never move."""
    values = node["widgets_values"]
    assert len(values) <= len(definition.widgets)
    for name, value in zip(definition.widgets, values, strict=False):
        kind, options = definition.inputs[name]
        if isinstance(kind, list):
            changing = (node["type"], name) in CHANGING_LISTS and value == NONE
            assert value in kind or changing, (node["type"], name, value)
            continue
        assert isinstance(value, KINDS[kind]), (node["type"], name, value)
        if "min" in options:
            assert options["min"] <= value <= options["max"], (node["type"], name, value)
