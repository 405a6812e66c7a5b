"""Runs graphs in ComfyUI's API form over `NODE_CLASS_MAPPINGS`, with results kept by what they were made from.

A graph is `{id: {"class_type": name, "inputs": {name: value or [id, output]}}}`. As in ComfyUI, an output may be a
list, and the nodes after it then run once for each of its items.
"""

from __future__ import annotations

import difflib
import hashlib
import inspect
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

from ..errors import GagavatarError
from ..nodes import NODE_CLASS_MAPPINGS, host
from ..packages import NO_MEMORY, lacks_memory
from ..recent import Recent
from .core_nodes import CORE_NODES
from .measuring import MEASURE, MeasureResult

Graph: TypeAlias = dict[str, dict[str, Any]]
Outputs: TypeAlias = list[list[Any]]
"""Of one node: for each of its outputs, the values of its runs."""

NODES: dict[str, Any] = {**CORE_NODES, MEASURE: MeasureResult, **NODE_CLASS_MAPPINGS}
"""Every node that graphs may hold."""

_MOST_NODES = 200
_MOST_RUNS = 1000
"""Of the nodes of a graph together, lists counted."""
_MOST_BYTES = 2 << 30
"""Of the pictures that the nodes of a graph hold together."""
_LONGEST_WORD = 80
_LARGEST_RESULT = 64 << 20


class ResultCache:
    """Results of nodes by the hash of all that they were made from; the least recently used ones go first."""

    def __init__(self, most: int = 24) -> None:
        self._entries: Recent[str, Outputs] = Recent(most)

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: str) -> Outputs | None:
        """Return the outputs, or None."""
        return self._entries.get(key)

    def put(self, key: str, outputs: Outputs) -> None:
        """Keep outputs, unless they hold long batches of pictures."""
        if _size(outputs) <= _LARGEST_RESULT:
            self._entries.put(key, outputs)


def execute(
    graph: Graph,
    program: host.Host,
    cache: ResultCache | None = None,
    on_node: Callable[[str, str], None] | None = None,
    wanted: list[str] | None = None,
) -> dict[str, Outputs]:
    """Run what a graph's output nodes need, in order.

    Args:
        graph: in API form.
        program: folders, progress and canceling.
        cache: results of earlier runs.
        on_node: called with the id and the class of each node before it runs.
        wanted: ids of the nodes whose results are wanted; None for all output nodes.

    Returns:
        The outputs of each node that was needed.

    Raises:
        GagavatarError: the graph holds unknown nodes, missing inputs or values out of range; or what a node raises.
    """
    check(graph)
    wanted = wanted or [id_ for id_, node in graph.items() if getattr(NODES[node["class_type"]], "OUTPUT_NODE", False)]
    if not wanted:
        raise GagavatarError("The graph has no output: add Render Avatar to Video, or a Save node")
    run = _Run(graph, ResultCache() if cache is None else cache, on_node, program)
    token = host.current.set(replace(program, room=run.room))
    try:
        return run.all(wanted)
    finally:
        host.current.reset(token)


def check(graph: Graph) -> None:
    """Find out what is wrong with a graph before it runs.

    Raises:
        GagavatarError: unknown nodes, inputs that are missing, of another kind, or out of range.
    """
    if not isinstance(graph, dict) or len(graph) > _MOST_NODES:
        raise GagavatarError(f"This is no graph of at most {_MOST_NODES} nodes in ComfyUI's API form")
    for id_, node in graph.items():
        if not isinstance(id_, str) or len(id_) > _LONGEST_WORD:
            raise GagavatarError("A node has no name, or one that is too long: save the graph again")
        if not isinstance(node, dict) or not isinstance(node.get("inputs"), dict):
            raise GagavatarError(f"Node {id_} has no 'class_type' and 'inputs': save the graph again")
        kind = node.get("class_type")
        if not isinstance(kind, str) or kind not in NODES:
            shown = str(_shown(kind))
            near = difflib.get_close_matches(shown, NODES, n=1)
            hint = f" Did you mean '{near[0]}'?" if near else " Take it out of the graph."
            raise GagavatarError(f"There is no node '{shown}' here.{hint}")
    for id_, node in graph.items():
        kind = node["class_type"]
        types = NODES[kind].INPUT_TYPES()
        for name in types.get("required", {}):
            if name not in node["inputs"]:
                raise GagavatarError(f"{title(kind)} (node {id_}) has nothing at its input '{name}': connect it")
        for name, spec in {**types.get("required", {}), **types.get("optional", {})}.items():
            if name in node["inputs"]:
                _check_input(graph, f"{title(kind)} (node {id_})", name, node["inputs"][name], spec)
        _check_node(graph, id_, NODES[kind])
    sort_nodes(graph, list(graph))


def sort_nodes(graph: Graph, wanted: list[str]) -> list[str]:
    """Return the wanted nodes and those that they need, each after those that it needs itself.

    Raises:
        GagavatarError: the graph goes round in a circle.
    """
    done: dict[str, None] = {}
    pending: set[str] = set()

    def visit(id_: str) -> None:
        if id_ in done:
            return
        if id_ in pending:
            raise GagavatarError("The graph goes round in a circle: take one of its links away")
        pending.add(id_)
        for value in graph[id_]["inputs"].values():
            if is_link(value) and value[0] in graph:
                visit(value[0])
        done[id_] = None

    for id_ in wanted:
        visit(id_)
    return list(done)


def title(kind: str) -> str:
    """Return the name of a node for people."""
    return getattr(NODES[kind], "DISPLAY_NAME", kind)


def is_link(value: Any) -> bool:
    """Whether an input is an output of another node."""
    return isinstance(value, list) and len(value) == 2 and isinstance(value[0], str) and type(value[1]) is int


def _check_node(graph: Graph, id_: str, node: Any) -> None:
    """Ask the node itself, as ComfyUI does: for the inputs that its `VALIDATE_INPUTS` names."""
    if not hasattr(node, "VALIDATE_INPUTS"):
        return
    types = node.INPUT_TYPES()
    declared = {**types.get("required", {}), **types.get("optional", {})}
    inputs = {name: value for name, value in graph[id_]["inputs"].items() if name in declared}
    links = {name: value for name, value in inputs.items() if is_link(value)}
    given = {name: value for name, value in inputs.items() if name not in links}
    given["input_types"] = {name: _type_of(graph, value) for name, value in links.items()}
    names = inspect.signature(node.VALIDATE_INPUTS).parameters
    answer = node.VALIDATE_INPUTS(**{name: value for name, value in given.items() if name in names})
    if answer is not True:
        raise GagavatarError(f"{title(graph[id_]['class_type'])} (node {id_}): {answer}")


def _type_of(graph: Graph, link: Any) -> str:
    return NODES[graph[link[0]]["class_type"]].RETURN_TYPES[link[1]]


def _check_input(graph: Graph, where: str, name: str, value: Any, spec: Any) -> None:
    kind = spec[0]
    options = spec[1] if len(spec) > 1 else {}
    if is_link(value):
        source, slot = value
        if source not in graph or not 0 <= slot < len(NODES[graph[source]["class_type"]].RETURN_TYPES):
            raise GagavatarError(f"{where}: the input '{name}' is connected to nothing")
        given = _type_of(graph, value)
        if kind != "*" and given != kind:
            raise GagavatarError(f"{where}: the input '{name}' takes {kind}, but {given} is connected")
    elif isinstance(kind, list):
        if kind and value not in kind:
            raise GagavatarError(f"{where}: '{name}' is {_shown(value)!r}, but can be {', '.join(map(str, kind))}")
    elif kind in ("INT", "FLOAT"):
        low, high = options.get("min", float("-inf")), options.get("max", float("inf"))
        number = isinstance(value, int if kind == "INT" else (int, float)) and not isinstance(value, bool)
        if not number or not low <= value <= high:
            raise GagavatarError(f"{where}: '{name}' is {_shown(value)!r}, but must be a number from {low} to {high}")
    elif kind in ("STRING", "BOOLEAN"):
        if not isinstance(value, str if kind == "STRING" else bool):
            raise GagavatarError(
                f"{where}: '{name}' is {_shown(value)!r}, but must be {'text' if kind == 'STRING' else 'on or off'}"
            )
    else:
        raise GagavatarError(f"{where}: the input '{name}' takes a connection to {kind}")


def _shown(value: Any) -> Any:
    """Return a value for a message, cut where it is long."""
    text = value if isinstance(value, str) else repr(value)
    return f"{text[:_LONGEST_WORD]}…" if len(text) > _LONGEST_WORD else value


class _Run:
    def __init__(
        self, graph: Graph, cache: ResultCache, on_node: Callable[[str, str], None] | None, program: host.Host
    ) -> None:
        self._graph, self._cache, self._on_node, self._program = graph, cache, on_node, program
        self._done: dict[str, Outputs] = {}
        self._keys: dict[str, str] = {}
        self._held = self._runs = 0

    def room(self) -> float:
        """Bytes that results may still take."""
        return float(_MOST_BYTES - self._held)

    def all(self, wanted: list[str]) -> dict[str, Outputs]:
        for id_ in sort_nodes(self._graph, wanted):
            self._program.check_canceled()
            self._done[id_] = self._node(id_)
            self._held += _size(self._done[id_])
            if self._held > _MOST_BYTES:
                raise GagavatarError(
                    f"The results of the nodes take more than {_MOST_BYTES >> 30} GB together: use fewer or smaller "
                    "pictures, or 'Render Avatar to Video', which holds no frames"
                )
        return self._done

    def _node(self, id_: str) -> Outputs:
        kind, inputs = self._graph[id_]["class_type"], self._graph[id_]["inputs"]
        cls = NODES[kind]
        known = {name for group in cls.INPUT_TYPES().values() for name in group}
        inputs = {name: value for name, value in inputs.items() if name in known}
        key = self._keys[id_] = self._key(cls, kind, inputs)
        writes = getattr(cls, "OUTPUT_NODE", False)
        found = None if writes else self._cache.get(key)
        if found is not None:
            return found
        if self._on_node is not None:
            self._on_node(id_, kind)
        outputs = self._call(cls, inputs)
        if not writes:
            self._cache.put(key, outputs)
        return outputs

    def _key(self, cls: Any, kind: str, inputs: dict[str, Any]) -> str:
        made_from: dict[str, Any] = {
            name: [self._keys[value[0]], value[1]] if is_link(value) else value for name, value in inputs.items()
        }
        changed = getattr(cls, "IS_CHANGED", None)
        if changed is not None:
            made_from[""] = changed(**{name: None if is_link(value) else value for name, value in inputs.items()})
        return hashlib.sha256(json.dumps([kind, made_from], sort_keys=True).encode()).hexdigest()

    def _call(self, cls: Any, inputs: dict[str, Any]) -> Outputs:
        lists = {name: self._done[value[0]][value[1]] if is_link(value) else [value] for name, value in inputs.items()}
        runs = max((len(values) for values in lists.values()), default=1)
        is_list: Sequence[bool] = getattr(cls, "OUTPUT_IS_LIST", (False,) * len(cls.RETURN_TYPES))
        outputs: Outputs = [[] for _ in cls.RETURN_TYPES]
        self._runs += runs
        if self._runs > _MOST_RUNS:
            raise GagavatarError(f"The lists of this graph make nodes run more than {_MOST_RUNS} times: shorten them")
        for run in range(runs):
            self._program.check_canceled()
            # Checked in `check`: a result without values comes only from a list that is empty.
            chosen = {name: values[min(run, len(values) - 1)] for name, values in lists.items() if values}
            result = _run(cls, chosen)
            result = result.get("result", ()) if isinstance(result, dict) else result
            for slot, value in enumerate(result):
                outputs[slot].extend(value if is_list[slot] else [value])
        return outputs


def _run(cls: Any, inputs: dict[str, Any]) -> Any:
    """Return what a node returns.

    Raises:
        GagavatarError: the node's own, or that there is not enough memory.
    """
    try:
        return getattr(cls(), cls.FUNCTION)(**inputs)
    except Exception as error:
        if lacks_memory(error):
            raise GagavatarError(NO_MEMORY) from error
        raise


def _size(outputs: Outputs) -> int:
    return sum(_weight(value) for values in outputs for value in values)


def _weight(value: Any) -> int:
    """Bytes of a batch of pictures; other values count nothing."""
    return getattr(value, "nbytes", 0)
