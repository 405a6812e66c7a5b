"""Graphs to and from the form that ComfyUI's editor saves and opens."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import FileFormatError
from .executor import NODES, Graph, check, is_link, sort_nodes

_WIDTH, _COLUMN, _GAP = 330, 410, 74
_WIDGETS = ("INT", "FLOAT", "STRING", "BOOLEAN")
_NOTES = ("MarkdownNote", "Note")
_MUTED, _BYPASSED = 2, 4
_LARGEST = 4 << 20


def to_ui(graph: Graph, note: str = "") -> dict[str, Any]:
    """Return a graph as ComfyUI's editor saves it, in columns from left to right.

    `note` in Markdown stands beside it.
    """
    check(graph)
    order = list(graph)
    numbers = {id_: number for number, id_ in enumerate(order, 1)}
    depths = _depths(graph)
    nodes: list[dict[str, Any]] = []
    links: list[list[Any]] = []
    tops = dict.fromkeys(depths.values(), 0)
    for id_ in order:
        kind = graph[id_]["class_type"]
        specs, inputs = _specs(kind), graph[id_]["inputs"]
        sockets: list[dict[str, Any]] = []
        widgets: list[Any] = []
        for name, spec in specs.items():
            value = inputs.get(name)
            widget = _is_widget(spec)
            if widget:
                widgets.append(_default(spec) if value is None or is_link(value) else value)
            if widget and not is_link(value):
                continue
            socket = {"name": name, "type": "COMBO" if isinstance(spec[0], list) else spec[0], "link": None}
            socket |= {"widget": {"name": name}} if widget else {}
            if is_link(value):
                type_ = NODES[graph[value[0]]["class_type"]].RETURN_TYPES[value[1]]
                links.append([len(links) + 1, numbers[value[0]], value[1], numbers[id_], len(sockets), type_])
                socket["link"] = len(links)
            sockets.append(socket)
        height = 46 + 20 * max(len(sockets), len(NODES[kind].RETURN_TYPES)) + 26 * len(widgets)
        nodes.append(
            {
                "id": numbers[id_], "type": kind, "pos": [depths[id_] * _COLUMN, tops[depths[id_]]],
                "size": [_WIDTH, height], "flags": {}, "order": depths[id_], "mode": 0, "inputs": sockets,
                "outputs": _outputs(kind), "properties": {"Node name for S&R": kind}, "widgets_values": widgets,
            }
        )  # fmt: skip
        tops[depths[id_]] += height + _GAP
    for number, source, slot, *_ in links:
        nodes[source - 1]["outputs"][slot]["links"].append(number)
    if note:
        nodes.append(_note(len(nodes) + 1, note))
    return {
        "last_node_id": len(nodes), "last_link_id": len(links), "nodes": nodes, "links": links, "groups": [],
        "config": {}, "extra": {}, "version": 0.4,
    }  # fmt: skip


def read_workflow(path: Path) -> Graph:
    """Return the graph of a file that ComfyUI saved, in either form.

    Raises:
        FileFormatError: it is no workflow.
        GagavatarError: it holds nodes that do not run here, or values out of range.
    """
    if path.stat().st_size > _LARGEST:
        raise FileFormatError(f"{path.name} is too large for a workflow: choose a .json file that ComfyUI saved")
    try:
        document = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise FileFormatError(f"{path.name} is no JSON: choose a workflow that ComfyUI saved") from error
    if not isinstance(document, dict) or not document:
        raise FileFormatError(f"{path.name} is no workflow: choose a .json file that ComfyUI saved")
    try:
        graph = from_ui(document) if "nodes" in document else document
    except (KeyError, TypeError, IndexError, AttributeError, ValueError) as error:
        raise FileFormatError(f"{path.name} is a damaged workflow: save it again in ComfyUI") from error
    check(graph)
    return graph


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number of JSON")


def from_ui(document: Mapping[str, Any]) -> Graph:
    """Return a graph in API form, of one that the editor saved. Notes and muted nodes are left out."""
    sources = {link[0]: [str(link[1]), link[2]] for link in document["links"]}
    used = [node for node in document["nodes"] if node["type"] not in _NOTES and node.get("mode", 0) != _MUTED]
    graph: Graph = {}
    for node in used:
        if node.get("mode", 0) == _BYPASSED:
            raise FileFormatError(f"{node['type']} (node {node['id']}) is bypassed: take it out, and save again")
        inputs: dict[str, Any] = {}
        if node["type"] in NODES:
            values = iter(node.get("widgets_values") or [])
            widgets = [name for name, spec in _specs(node["type"]).items() if _is_widget(spec)]
            inputs = dict(zip(widgets, values, strict=False))
        for socket in node.get("inputs") or []:
            if socket.get("link") is not None:
                inputs[socket["name"]] = sources[socket["link"]]
        graph[str(node["id"])] = {"class_type": node["type"], "inputs": inputs}
    return graph


def files_needed(graph: Graph) -> list[str]:
    """Files of the input folder that a graph reads."""
    names = {"LoadImage": "image", "LoadVideo": "file"}
    return [one["inputs"][names[one["class_type"]]] for one in graph.values() if one["class_type"] in names]


def note_for(graph: Graph) -> str:
    """Return what somebody who opens the graph in ComfyUI should know."""
    lines = ["## From the GAGAvatar demo", ""]
    needed = files_needed(graph)
    if needed:
        lines.append("Put these into ComfyUI's **input** folder, or choose them again: " + ", ".join(needed) + ".")
    else:
        lines.append("Runs as it is. Put **Load Image** and **Load Video** in the place of *Example Inputs*.")
    return "\n".join(lines)


def _specs(kind: str) -> dict[str, Any]:
    types = NODES[kind].INPUT_TYPES()
    specs = {**types.get("required", {}), **types.get("optional", {})}
    return {name: (spec[0], spec[1] if len(spec) > 1 else {}) for name, spec in specs.items()}


def _is_widget(spec: Any) -> bool:
    kind, options = spec
    return (isinstance(kind, list) or kind in _WIDGETS) and not options.get("forceInput")


def _default(spec: Any) -> Any:
    kind, options = spec
    if isinstance(kind, list):
        return options.get("default", kind[0] if kind else "")
    return options.get("default", {"STRING": "", "BOOLEAN": False}.get(kind, 0))


def _outputs(kind: str) -> list[dict[str, Any]]:
    cls = NODES[kind]
    names = getattr(cls, "RETURN_NAMES", cls.RETURN_TYPES)
    if kind.startswith("Save"):  # ComfyUI's own ones give nothing on
        return []
    return [{"name": name, "type": type_, "links": []} for name, type_ in zip(names, cls.RETURN_TYPES, strict=True)]


def _depths(graph: Graph) -> dict[str, int]:
    """Return how many links each node is away from the beginning, at most."""
    depths: dict[str, int] = {}
    for id_ in sort_nodes(graph, list(graph)):
        depths[id_] = max(
            (1 + depths[value[0]] for value in graph[id_]["inputs"].values() if is_link(value)), default=0
        )
    return depths


def _note(number: int, text: str) -> dict[str, Any]:
    return {
        "id": number, "type": "MarkdownNote", "pos": [0, -220], "size": [2 * _WIDTH, 150], "flags": {}, "order": 0,
        "mode": 0, "inputs": [], "outputs": [], "properties": {}, "widgets_values": [text], "color": "#432",
        "bgcolor": "#653",
    }  # fmt: skip
