"""The pack as V3 nodes in versions whose V3 lacks one word only, `search_aliases`: a pack of its own around it.

ComfyUI's releases that have the word cannot be had from package registries. All else of V3 is that version's own.
"""

from __future__ import annotations

from pathlib import Path

_AROUND = """
from dataclasses import dataclass, field

from comfy_api.latest import io

if "search_aliases" not in io.Schema.__dataclass_fields__:

    @dataclass
    class Schema(io.Schema):
        search_aliases: list = field(default_factory=list)

    io.Schema = Schema

__path__.append({root!r})
from .gagavatar_nodes.nodes import comfy_entrypoint

WEB_DIRECTORY = {web!r}
"""


def put_around(root: Path, folder: Path) -> None:
    """Make `folder` a pack for ComfyUI that serves the nodes of the checkout at `root` as V3."""
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text(_AROUND.format(root=str(root), web=str(root / "web")))
