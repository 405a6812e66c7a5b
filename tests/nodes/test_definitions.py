import inspect

import pytest

from gagavatar_nodes.driving.macros import MACROS
from gagavatar_nodes.nodes import NODE_CLASS_MAPPINGS, NODE_DISPLAY_NAME_MAPPINGS
from gagavatar_nodes.types import ARKIT_NAMES

NODES = pytest.mark.parametrize("node", NODE_CLASS_MAPPINGS.values(), ids=NODE_CLASS_MAPPINGS)
WIDGETS = {"INT": int, "FLOAT": float, "STRING": str, "BOOLEAN": bool}


def fields(node):
    types = node.INPUT_TYPES()
    assert set(types) <= {"required", "optional", "hidden"}
    return [(name, field) for group in ("required", "optional") for name, field in types.get(group, {}).items()]


@NODES
def test_every_input_has_a_tooltip_that_ends_like_a_sentence(node):
    for name, (_, options) in fields(node):
        assert len(options["tooltip"]) > 10, name
        assert options["tooltip"].rstrip()[-1] in ".:", name


@NODES
def test_defaults_are_of_their_type_and_in_their_range(node):
    for name, (kind, options) in fields(node):
        if isinstance(kind, list):
            assert kind, name
            assert options.get("default", kind[0]) in kind, name
        elif kind in WIDGETS and not options.get("forceInput"):
            assert isinstance(options["default"], (WIDGETS[kind], int)), name
            if "min" in options:
                assert options["min"] <= options["default"] <= options["max"], name


@NODES
def test_the_function_takes_exactly_the_inputs(node):
    parameters = inspect.signature(getattr(node, node.FUNCTION)).parameters
    names = {name for name, _ in fields(node)}
    hidden = set(node.INPUT_TYPES().get("hidden", {}))
    names |= hidden
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        names -= {*ARKIT_NAMES, *MACROS}
    assert {n for n, p in parameters.items() if p.kind is p.POSITIONAL_OR_KEYWORD} - {"self"} == names
    optional = set(node.INPUT_TYPES().get("optional", {}))
    assert {n for n, p in parameters.items() if p.default is not p.empty} == (optional & names) | hidden


@NODES
def test_outputs_are_named_and_explained(node):
    assert len(node.RETURN_TYPES) == len(node.RETURN_NAMES) == len(node.OUTPUT_TOOLTIPS)
    assert len(set(node.RETURN_NAMES)) == len(node.RETURN_NAMES)


@NODES
def test_nodes_can_be_found_and_understood(node):
    assert node.CATEGORY.split("/")[0] == "GAGAvatar"
    assert len(node.DESCRIPTION) > 20
    assert node.SEARCH_ALIASES
    assert node.DISPLAY_NAME in NODE_DISPLAY_NAME_MAPPINGS.values()


def test_the_expression_node_has_every_blendshape_once():
    names = list(NODE_CLASS_MAPPINGS["GAGAvatarExpression"].INPUT_TYPES()["required"])
    assert sorted(name for name in names if name in ARKIT_NAMES) == sorted(ARKIT_NAMES)
