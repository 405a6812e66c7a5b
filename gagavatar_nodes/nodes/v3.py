"""The nodes as ComfyUI's V3 classes, made of the same declarations as the V1 ones.

Ids, names of inputs and outputs, and with them saved graphs, are those of V1. Dynamic combos and autogrow would give
inputs names of their own, such as `background.color`, so nodes have none.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from . import host, spec

_TYPES = {"INT": "Int", "FLOAT": "Float", "STRING": "String", "BOOLEAN": "Boolean"}
_HOOKS = {"VALIDATE_INPUTS": "validate_inputs", "IS_CHANGED": "fingerprint_inputs"}
"""V1's class methods -> V3's."""
_ARGUMENTS = {"dynamicPrompts": "dynamic_prompts", "forceInput": "force_input", "display": "display_mode"}
"""Options of V1 inputs whose argument in V3 has another name."""


def available() -> ModuleType | None:
    """Return ComfyUI's API, or None where its V3 has no word for the other names by which nodes are searched for."""
    api = host.module("comfy_api.latest")
    schema = getattr(getattr(api, "io", None), "Schema", None)
    if api is None or schema is None or not hasattr(api, "ComfyExtension"):
        return None
    return api if any(field.name == "search_aliases" for field in dataclasses.fields(schema)) else None


def extension(api: Any, nodes: Mapping[str, Any]) -> Any:
    """Return the `ComfyExtension` that serves nodes, which come by their ids."""

    class Extension(api.ComfyExtension):  # type: ignore[misc]
        async def get_node_list(self) -> list[Any]:
            return [served(api.io, id_, node) for id_, node in nodes.items()]

    return Extension()


def served(io: Any, id_: str, node: Any) -> Any:
    """Return a V3 class that does what the V1 class `node` does."""

    def define_schema(cls: Any) -> Any:
        return _schema(io, id_, node)

    def execute(cls: Any, **inputs: Any) -> Any:
        wanted = node.INPUT_TYPES().get("hidden", {})
        hidden = {name: getattr(cls.hidden, io.Hidden(kind).name) for name, kind in wanted.items()}
        made = getattr(node(), node.FUNCTION)(**inputs, **hidden)
        if isinstance(made, dict):  # which some versions take, and read wrongly
            return io.NodeOutput(*made.get("result", ()), ui=made.get("ui"))
        return made

    methods: dict[str, Any] = {"define_schema": define_schema, "execute": execute}
    for old, new in _HOOKS.items():
        if hasattr(node, old):
            methods[new] = _of_node(getattr(node, old))
    members: dict[str, Any] = {name: classmethod(method) for name, method in methods.items()}
    return type(node.__name__, (io.ComfyNode,), {**members, "__module__": node.__module__, "__doc__": node.__doc__})


def _of_node(method: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function for a V3 class that calls a V1 class method; ComfyUI looks at the names of its parameters."""

    def call(cls: Any, **inputs: Any) -> Any:
        return method(**inputs)

    own = inspect.signature(method)
    first = inspect.Parameter("cls", inspect.Parameter.POSITIONAL_ONLY)
    parameters = [first, *own.parameters.values()]
    call.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
    return call


def _schema(io: Any, id_: str, node: Any) -> Any:
    types = node.INPUT_TYPES()
    inputs = [
        _input(io, name, field, group == "optional")
        for group in ("required", "optional")
        for name, field in types.get(group, {}).items()
    ]
    lists = getattr(node, "OUTPUT_IS_LIST", (False,) * len(node.RETURN_TYPES))
    described = zip(node.RETURN_TYPES, node.RETURN_NAMES, node.OUTPUT_TOOLTIPS, lists, strict=True)
    return io.Schema(
        node_id=id_,
        display_name=node.DISPLAY_NAME,
        category=node.CATEGORY,
        description=node.DESCRIPTION,
        search_aliases=list(node.SEARCH_ALIASES),
        inputs=inputs,
        outputs=[io.Custom(kind).Output(None, name, tip, is_list) for kind, name, tip, is_list in described],
        hidden=[io.Hidden(kind) for kind in types.get("hidden", {}).values()],
        is_output_node=getattr(node, "OUTPUT_NODE", False),
    )


def _input(io: Any, name: str, field: spec.Spec, optional: bool) -> Any:
    kind, options = field
    given: dict[str, Any] = {_ARGUMENTS.get(key, key): value for key, value in options.items()}
    plain = {"advanced": True} if given.pop("advanced", False) else {}  # V3's own argument for it came later
    if given.pop("color", False) and hasattr(io, "Color"):  # a text with another widget: links of texts still fit
        plain["widgetType"] = io.Color.io_type
    if "display_mode" in given:
        given["display_mode"] = io.NumberDisplay(given["display_mode"])
    if isinstance(kind, list):
        made = io.Combo.Input(name, kind, optional=optional, **given)
    else:
        type_ = getattr(io, _TYPES[kind]) if kind in _TYPES else io.Custom(kind)
        made = type_.Input(name, optional=optional, **given)
    made.extra_dict.update(plain)
    return made
