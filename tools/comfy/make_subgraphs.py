"""Writes the subgraph blueprints in `subgraphs`, which ComfyUI's editor offers as building blocks.

The search of the editor knows a blueprint by the first words of its file's name alone: they are what is searched for.

python tools/comfy/make_subgraphs.py [FOLDER]
"""

from __future__ import annotations

import argparse
import json
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from graph import Graph, Output
from make_workflows import ROOT, G

_SPACE = uuid.UUID("5f1d6a3c-6f2b-4c6e-9a55-0d1d2c3b4a59")
_INPUTS, _OUTPUTS = -10, -20
_WIDTH, _SOCKET = 140, 20


@dataclass
class Blueprint:
    """A graph whose open ends are named; `save` makes one node of it."""

    name: str
    description: str
    graph: Graph = field(default_factory=Graph)
    inputs: list[tuple[str, dict[str, Any], str]] = field(default_factory=list)
    """Name outside, node and its input inside."""
    outputs: list[tuple[str, Output]] = field(default_factory=list)

    def save(self, folder: Path) -> None:
        """Write the file as the editor's own *Publish Subgraph* does."""
        for node in self.graph.nodes:  # every widget has a socket: older editors count them
            for name in self.graph.known[node["type"]].widgets:
                self.graph.socket(node, name)
        links = [_link(*link) for link in self.graph.links]
        inputs = [self._input(slot, *end, links) for slot, end in enumerate(self.inputs)]
        outputs = [self._output(slot, *end, links) for slot, end in enumerate(self.outputs)]
        last = {"lastGroupId": 0, "lastNodeId": len(self.graph.nodes), "lastLinkId": len(links), "lastRerouteId": 0}
        inside = {
            "id": self._id(""),
            "version": 1,
            "state": last,
            "revision": 0,
            "config": {},
            "name": self.name,
            "inputNode": {"id": _INPUTS, "bounding": [-260, 0, _WIDTH, 60 + _SOCKET * len(inputs)]},
            "outputNode": {"id": _OUTPUTS, "bounding": [self.graph.right + 60, 0, _WIDTH, 60 + _SOCKET * len(outputs)]},
            "inputs": inputs,
            "outputs": outputs,
            "widgets": [],
            "nodes": self.graph.nodes,
            "groups": self.graph.groups,
            "links": links,
            "extra": {},
            "category": "GAGAvatar",
            "description": self.description,
        }  # fmt: skip
        document = {
            "revision": 0,
            "last_node_id": 1,
            "last_link_id": 0,
            "nodes": [self._node(inputs, outputs)],
            "links": [],
            "version": 0.4,
            "definitions": {"subgraphs": [inside]},
            "extra": {"BlueprintDescription": self.description},
        }
        text = json.dumps(document, indent=1, ensure_ascii=False)
        (folder / f"{self.name}.json").write_text(text + "\n", encoding="utf-8")

    def _id(self, part: str) -> str:
        return str(uuid.uuid5(_SPACE, f"{self.name}/{part}"))

    def _node(self, inputs: list[dict[str, Any]], outputs: list[dict[str, Any]]) -> dict[str, Any]:
        widgets = [name for name, node, end in self.inputs if self.graph.known[node["type"]].is_widget(end)]
        return {
            "id": 1,
            "type": self._id(""),
            "pos": [0, 0],
            "size": [360, _SOCKET * len(inputs) + 60],
            "flags": {},
            "order": 0,
            "mode": 0,
            "inputs": [
                {"name": one["name"], "type": one["type"], "link": None}
                | ({"widget": {"name": one["name"]}} if one["name"] in widgets else {})
                for one in inputs
            ],
            "outputs": [{"name": one["name"], "type": one["type"], "links": []} for one in outputs],
            "title": self.name,
            "properties": {},
            "widgets_values": [],
        }

    def _input(
        self, slot: int, name: str, node: dict[str, Any], end: str, links: list[dict[str, Any]]
    ) -> dict[str, Any]:
        place = self.graph.socket(node, end)
        number = len(links) + 1
        kind = node["inputs"][place]["type"]
        node["inputs"][place]["link"] = number
        links.append(_link(number, _INPUTS, slot, node["id"], place, kind))
        return {"id": self._id(f"in {name}"), "name": name, "type": kind, "linkIds": [number],
                "pos": [-140, 20 + _SOCKET * slot]}  # fmt: skip

    def _output(self, slot: int, name: str, end: Output, links: list[dict[str, Any]]) -> dict[str, Any]:
        number = len(links) + 1
        kind = end.node["outputs"][end.slot]["type"]
        end.node["outputs"][end.slot]["links"].append(number)
        links.append(_link(number, end.node["id"], end.slot, _OUTPUTS, slot, kind))
        return {"id": self._id(f"out {name}"), "name": name, "type": kind, "linkIds": [number],
                "pos": [self.graph.right + 80, 20 + _SOCKET * slot]}  # fmt: skip


def _link(number: int, source: int, slot: int, target: int, place: int, kind: str) -> dict[str, Any]:
    return {
        "id": number, "origin_id": source, "origin_slot": slot, "target_id": target, "target_slot": place, "type": kind,
    }  # fmt: skip


def by_video() -> Blueprint:
    """Return a portrait that takes on a film's movement."""
    made = Blueprint(
        "Animate Talking Face by Video",
        "One picture takes on the movement of the face in a video, with its sound. Nothing is downloaded.",
    )
    graph = made.graph
    track, avatar = _avatar(graph)
    with graph.column("2 · Driver", "#88A"):
        driver = graph.add(f"{G}ExtractDriving")
        edit = graph.add(f"{G}EditMotion", motion=graph.out(driver, "motion"))
    render = _render(graph, avatar, graph.out(edit, "motion"), graph.out(driver, "audio"))
    made.inputs = [("image", track, "image"), ("video", driver, "video"), ("expression", edit, "expression"),
                   ("head_pose", edit, "head_pose")]  # fmt: skip
    return _finish(made, render, edit)


def by_voice() -> Blueprint:
    """Return a portrait that speaks."""
    made = Blueprint(
        "Lip Sync - Animate Talking Face",
        "One picture speaks a sound: lips, head, brows, gaze and blinks. Nothing is downloaded.",
    )
    graph = made.graph
    track, avatar = _avatar(graph)
    with graph.column("2 · Voice", "#88A"):
        voice = graph.add(f"{G}DriveByVoice")
    render = _render(graph, avatar, graph.out(voice, "motion"), graph.out(voice, "audio"))
    made.inputs = [("image", track, "image"), ("audio", voice, "audio"), ("text", voice, "text")]
    return _finish(made, render, voice)


def _avatar(graph: Graph) -> tuple[dict[str, Any], Output]:
    with graph.column("1 · Portrait", "#3f789e"):
        track = graph.add(f"{G}TrackPortrait")
        lift = graph.add(f"{G}LiftPortrait", portrait=graph.out(track, "portrait"))
    return track, graph.out(lift, "avatar")


def _render(graph: Graph, avatar: Output, motion: Output, audio: Output) -> dict[str, Any]:
    with graph.column("3 · Render", "#8A8"):
        return graph.add(f"{G}RenderAvatar", avatar=avatar, motion=motion, audio=audio)


def _finish(made: Blueprint, render: dict[str, Any], moving: dict[str, Any]) -> Blueprint:
    made.inputs += [(name, render, name) for name in ("width", "height", "background_color")]
    made.outputs = [(name, made.graph.out(render, name)) for name in ("video", "images", "audio")]
    made.outputs.append(("motion", made.graph.out(moving, "motion")))
    return made


BLUEPRINTS = (by_video, by_voice)


def main(folder: Path) -> None:
    """Write every blueprint into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for build in BLUEPRINTS:
        build().save(folder)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "subgraphs", help="default: subgraphs")
    main(parser.parse_args().folder)
