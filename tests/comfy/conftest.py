"""A real ComfyUI: `COMFYUI_DIR` names it, `COMFYUI_PYTHON` its Python; see tools/comfy/setup.sh. Skipped without."""

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def pytest_collection_modifyitems(items):
    if not os.environ.get("COMFYUI_DIR"):
        skip = pytest.mark.skip(reason="COMFYUI_DIR names no ComfyUI: run tools/comfy/setup.sh")
        for item in items:
            if Path(__file__).parent in Path(item.fspath).parents:
                item.add_marker(skip)


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    from server import Server

    base = tmp_path_factory.mktemp("comfy")
    comfy = Server(
        base, Path(os.environ["COMFYUI_DIR"]), "0-some_Other.name", os.environ.get("COMFYUI_PYTHON", sys.executable)
    )
    yield comfy
    comfy.stop()


@pytest.fixture(scope="session")
def chromium():
    pytest.importorskip("playwright")
    from server import CHROMIUM, browser

    if not Path(CHROMIUM).exists():
        pytest.skip(f"{CHROMIUM} is missing: apt-get install chromium")
    with browser() as one:
        yield one
