"""Folders instead of ComfyUI's, and what most tests of nodes start from, made once."""

import numpy as np
import pytest
import torch

from gagavatar_nodes.assets import path as asset
from gagavatar_nodes.media.images import read_image
from gagavatar_nodes.nodes import NODE_CLASS_MAPPINGS


@pytest.fixture(autouse=True)
def folders(tmp_path, monkeypatch):
    """`output` and `input` lie in the current folder where there is no ComfyUI."""
    monkeypatch.chdir(tmp_path)
    for name in ("output", "input"):
        (tmp_path / name).mkdir()
    return tmp_path


@pytest.fixture
def run():
    """Runs a node by its name, with the defaults of the inputs that are not given."""

    def call(name, /, **inputs):
        node = NODE_CLASS_MAPPINGS[f"GAGAvatar{name}"]
        values = {key: default(field) for key, field in node.INPUT_TYPES()["required"].items() if key not in inputs}
        return getattr(node(), node.FUNCTION)(**values, **inputs)

    return call


def default(field):
    kind, options = field
    return options.get("default", kind[0] if isinstance(kind, list) else None)


@pytest.fixture(scope="session")
def photo():
    """IMAGE [1, H, W, 3] of the bundled portrait."""
    rgb = read_image(asset("example_portrait.jpg")).rgb
    return torch.from_numpy(rgb.astype(np.float32) / 255)[None]


@pytest.fixture(scope="session")
def portrait(photo, once):
    node = NODE_CLASS_MAPPINGS["GAGAvatarTrackPortrait"]()
    return once("node's portrait", lambda: node.run(photo, 0, "guided", 512)[0][0])


@pytest.fixture(scope="session")
def avatar(portrait, once):
    model = NODE_CLASS_MAPPINGS["GAGAvatarLoadAvatarModel"]().run("embedded", "auto", "auto", 148)[0]
    node = NODE_CLASS_MAPPINGS["GAGAvatarLiftPortrait"]()
    return once("node's avatar", lambda: node.run(portrait, model)[0])


@pytest.fixture(scope="session")
def motion():
    """Three frames of a talking head."""
    return NODE_CLASS_MAPPINGS["GAGAvatarBuiltinMotion"]().run("talk", 0.12, 25.0)[0]
