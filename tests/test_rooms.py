"""The picture of the rooms in docs/architecture.md is what the imports of the package say."""

import ast
import re
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "gagavatar_nodes"
MODULES = {
    path.relative_to(PACKAGE).with_suffix("").as_posix().removesuffix("__init__").rstrip("/"): path
    for path in PACKAGE.rglob("*.py")
}


def rows():
    """Room -> its row in the picture, counted from above; `processes.py` is `processes`, `face/` is `face`."""
    picture = (ROOT / "docs" / "architecture.md").read_text().split("```text", 1)[1].split("```", 1)[0]
    lines = [re.findall(r"(?<!\S)([a-z_/]+?)(?:\.py|/)(?=,|\s|$)", line) for line in picture.splitlines()]
    return {room: index for index, line in enumerate(lines) for room in line}


@cache
def parse(module):
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


def imports(module, *, types=True):
    """Modules of the package that a module imports, at its head or when it runs; `types`: for annotations too."""
    tree = parse(module)
    hidden = {
        id(one)
        for node in ast.walk(tree)
        if not types and isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for one in ast.walk(node)
    }
    inside = module.split("/") if MODULES[module].name == "__init__.py" else module.split("/")[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level and id(node) not in hidden:
            base = [*inside[: len(inside) - node.level + 1], *(node.module or "").split(".")]
            for alias in node.names:
                names = ("/".join(filter(None, [*base, alias.name])), "/".join(filter(None, base)))
                found = next((name for name in names if name and name in MODULES), None)
                if found is not None and found != module:
                    yield found


def room(module):
    parts = module.split("/")
    return "/".join(parts[:2]) if parts[0] == "lifting" else parts[0]


def circle(graph):
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return " -> ".join(error.args[1])
    return None


def test_every_room_is_in_the_picture():
    rooms = {room(module) for module in MODULES} - {"", "__main__", "lifting"}
    assert rooms - set(rows()) == set()
    assert {name for name in rows() if not (PACKAGE / name).is_dir()} - rooms == set()


def test_no_import_goes_up():
    row = rows()
    arrows = [(module, other) for module in MODULES if room(module) in row for other in imports(module)]
    assert len(arrows) > 500, "the imports were read"
    assert [(a, b) for a, b in arrows if room(b) in row and row[room(b)] < row[room(a)]] == []


def test_nothing_imports_in_a_circle():
    assert circle({module: set(imports(module, types=False)) for module in MODULES}) is None
    rooms = {}
    for module in MODULES:
        rooms.setdefault(room(module), set()).update({room(other) for other in imports(module)} - {room(module)})
    assert circle(rooms) is None
