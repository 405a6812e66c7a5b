"""ComfyUI graphs in the form of its editor, laid out in titled columns."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CORE_NODES = Path(__file__).parents[2] / "tests" / "data" / "workflows" / "core_nodes.json"
WIDGET_TYPES = ("INT", "FLOAT", "STRING", "BOOLEAN")
PREVIEWING = (
    "TrackPortrait", "LiftPortrait", "ExtractDriving", "RenderAvatar", "RenderAvatarToVideo", "StitchBack",
    "CompareLayout", "AnimatePortrait",
)  # fmt: skip
"""Nodes that show pictures while they run, and so grow: they are given room for that."""
FOLDING = ("GAGAvatarExpression",)
"""Nodes that fold their advanced widgets by themselves, where older editors show all."""
_PREVIEW = 260
_WIDTH, _GAP, _MARGIN, _TITLE = 330, 40, 20, 60
_SLOT, _WIDGET, _HEADER = 20, 32, 34  # a widget of Nodes 2.0 is higher than one of the classic way


@dataclass(frozen=True)
class Definition:
    """What a node takes and gives."""

    inputs: dict[str, tuple[Any, dict[str, Any]]]
    required: tuple[str, ...]
    outputs: tuple[tuple[str, str], ...]
    """Name and type."""
    output_node: bool

    def is_widget(self, name: str) -> bool:
        """Whether an input is a value on the node rather than a socket."""
        kind, options = self.inputs[name]
        return (isinstance(kind, list) or kind in WIDGET_TYPES) and not options.get("forceInput")

    @property
    def widgets(self) -> list[str]:
        """Names in the order of a saved graph's `widgets_values`."""
        return [name for name in self.inputs if self.is_widget(name)]


def definitions() -> dict[str, Definition]:
    """Of the pack's nodes and of those of ComfyUI's own that the graphs use."""
    from gagavatar_nodes.nodes import NODE_CLASS_MAPPINGS

    found = {}
    for name, core in json.loads(CORE_NODES.read_text()).items():
        outputs = tuple(zip(core["output_name"], core["output"], strict=True))
        found[name] = _definition(core["input"], outputs, core["output_node"])
    for name, node in NODE_CLASS_MAPPINGS.items():
        outputs = tuple(zip(node.RETURN_NAMES, node.RETURN_TYPES, strict=True))
        found[name] = _definition(node.INPUT_TYPES(), outputs, getattr(node, "OUTPUT_NODE", False))
    return found


def _definition(types: dict[str, Any], outputs: tuple[tuple[str, str], ...], output_node: bool) -> Definition:
    fields = {**types.get("required", {}), **types.get("optional", {})}
    inputs = {name: (value[0], value[1] if len(value) > 1 else {}) for name, value in fields.items()}
    return Definition(inputs, tuple(types.get("required", {})), outputs, output_node)


@dataclass
class Output:
    """One output of a node of the graph, to be given as input to another."""

    node: dict[str, Any]
    slot: int


@dataclass
class Graph:
    """A graph that grows column by column, from left to right."""

    known: dict[str, Definition] = field(default_factory=definitions)
    nodes: list[dict[str, Any]] = field(default_factory=list)
    links: list[list[Any]] = field(default_factory=list)
    groups: list[dict[str, Any]] = field(default_factory=list)
    _left: float = 0.0
    _top: float = 0.0
    _width: float = _WIDTH

    @contextmanager
    def column(self, title: str, color: str, width: float = _WIDTH) -> Iterator[None]:
        """A titled group; nodes that are added inside are stacked in it."""
        self._top, self._width = _TITLE, width
        yield
        bounds = [self._left - _MARGIN, 0, width + 2 * _MARGIN, self._top - _GAP + _MARGIN]
        self.groups.append(
            {
                "id": len(self.groups) + 1,
                "title": title,
                "bounding": bounds,
                "color": color,
                "font_size": 24,
                "flags": {},
            }
        )
        self._left += width + 2 * _MARGIN + _GAP

    def add(self, kind: str, title: str | None = None, extra: float = 0, **values: Any) -> dict[str, Any]:
        """Return a node of one type.

        `values` are its widgets' values, or outputs of other nodes; `extra` is room below, at least that for a preview.
        """
        definition = self.known[kind]
        unknown = set(values) - set(definition.inputs)
        if unknown:
            raise ValueError(f"{kind} has no inputs {sorted(unknown)}")
        extra = max(extra, _PREVIEW if kind.removeprefix("GAGAvatar") in PREVIEWING else 0)
        linked = {name: value for name, value in values.items() if isinstance(value, Output)}
        node = self._node(kind, title, self._height(definition, kind in FOLDING) + extra)
        for name in definition.inputs:
            if name in linked or not definition.is_widget(name):
                self._add_input(node, definition, name, linked.get(name))
        outputs = [{"name": name, "type": type_, "links": []} for name, type_ in definition.outputs]
        node["outputs"] = outputs
        node["widgets_values"] = [
            _value(definition.inputs[name], None if name in linked else values.get(name)) for name in definition.widgets
        ]
        return node

    def note(self, text: str, height: float) -> None:
        """Add a note in Markdown."""
        node = self._node("MarkdownNote", "Note", height)
        node |= {"outputs": [], "widgets_values": [text], "color": "#432", "bgcolor": "#653"}

    def out(self, node: dict[str, Any], name: str) -> Output:
        """Return an output by its name."""
        names = [output["name"] for output in node["outputs"]]
        return Output(node, names.index(name))

    @property
    def right(self) -> float:
        """Where the last column ends."""
        return self._left

    def socket(self, node: dict[str, Any], name: str) -> int:
        """Return the place of an input among the node's sockets, where it is put if it is a widget without one."""
        names = [entry["name"] for entry in node["inputs"]]
        if name not in names:
            self._add_input(node, self.known[node["type"]], name, None)
            return len(names)
        return names.index(name)

    def save(self, path: Path) -> None:
        """Write the graph as ComfyUI's editor does."""
        document = {
            "last_node_id": len(self.nodes),
            "last_link_id": len(self.links),
            "nodes": self.nodes,
            "links": self.links,
            "groups": self.groups,
            "config": {},
            "extra": {},
            "version": 0.4,
        }
        path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    def _node(self, kind: str, title: str | None, height: float) -> dict[str, Any]:
        number = len(self.nodes) + 1
        node = {
            "id": number,
            "type": kind,
            "pos": [self._left, self._top],
            "size": [self._width, height],
            "flags": {},
            "order": number - 1,
            "mode": 0,
            "inputs": [],
            "properties": {} if kind == "MarkdownNote" else {"Node name for S&R": kind},
        }
        if title:
            node["title"] = title
        self.nodes.append(node)
        self._top += height + _GAP + _HEADER
        return node

    def _height(self, definition: Definition, folded: bool) -> float:
        sockets = sum(not definition.is_widget(name) for name in definition.inputs)
        shown = [name for name in definition.widgets if not (folded and definition.inputs[name][1].get("advanced"))]
        return _SLOT * max(sockets, len(definition.outputs)) + _WIDGET * len(shown) + 12

    def _add_input(self, node: dict[str, Any], definition: Definition, name: str, source: Output | None) -> None:
        kind = definition.inputs[name][0]
        entry: dict[str, Any] = {"name": name, "type": "COMBO" if isinstance(kind, list) else kind, "link": None}
        if definition.is_widget(name):
            entry["widget"] = {"name": name}
        if source is not None:
            number = len(self.links) + 1
            output = source.node["outputs"][source.slot]
            self.links.append([number, source.node["id"], source.slot, node["id"], len(node["inputs"]), output["type"]])
            output["links"].append(number)
            entry["link"] = number
        node["inputs"].append(entry)


def _value(spec: tuple[Any, dict[str, Any]], given: Any) -> Any:
    kind, options = spec
    if given is not None:
        return given
    if isinstance(kind, list):
        return options.get("default", kind[0] if kind else "")
    return options.get("default", {"STRING": "", "BOOLEAN": False}.get(kind, 0))
