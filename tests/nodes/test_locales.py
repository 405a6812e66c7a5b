"""Translations say everything that the nodes say."""

import json
from pathlib import Path

import pytest

from gagavatar_nodes.nodes import NODE_CLASS_MAPPINGS
from gagavatar_nodes.types import ARKIT_NAMES

ROOT = Path(__file__).parents[2]
LANGUAGES = sorted(path.name for path in (ROOT / "locales").iterdir())


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", NODE_CLASS_MAPPINGS)
def test_a_translation_is_complete(language, name):
    translated = json.loads((ROOT / "locales" / language / "nodeDefs.json").read_text(encoding="utf-8"))[name]
    node = NODE_CLASS_MAPPINGS[name]
    types = node.INPUT_TYPES()
    inputs = {**types["required"], **types.get("optional", {})}
    assert set(translated["inputs"]) == set(inputs)
    assert set(translated["outputs"]) >= {str(slot) for slot in range(len(node.RETURN_TYPES))}
    texts = [translated["display_name"], translated["description"]]
    for entry in (*translated["inputs"].values(), *translated["outputs"].values()):
        texts += [entry["name"], entry["tooltip"]]
    assert all(texts)
    assert translated["description"] != node.DESCRIPTION


@pytest.mark.parametrize("name", NODE_CLASS_MAPPINGS)
def test_every_node_has_a_help_page_with_a_picture(name):
    page = ROOT / "web" / "docs" / f"{name}.md"
    text = page.read_text(encoding="utf-8")
    assert text.startswith(f"# {NODE_CLASS_MAPPINGS[name].DISPLAY_NAME}\n")
    assert f"](images/{name}.jpg)" in text
    assert (page.parent / "images" / f"{name}.jpg").stat().st_size > 2000
    types = NODE_CLASS_MAPPINGS[name].INPUT_TYPES()
    named = [key for key in {**types["required"], **types.get("optional", {})} if key[0].islower()]
    named = [key for key in named if key not in ARKIT_NAMES]  # one line stands for all of them
    assert all(f"**{key}**" in text for key in named), [key for key in named if f"**{key}**" not in text]
