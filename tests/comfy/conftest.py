"""A real ComfyUI: `COMFYUI_DIR` names it, `COMFYUI_PYTHON` its Python; see tools/comfy/setup.sh. Skipped without."""

import os
import sys
from contextlib import contextmanager
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
    from comfy_prompts import write_short_inputs
    from server import Server

    base = tmp_path_factory.mktemp("comfy")
    (base / "input").mkdir()
    write_short_inputs(base / "input")
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


class Editor:
    """The server's page, which is loaded anew only for the other way of drawing nodes and after a failure."""

    def __init__(self, server, chromium):
        self._server, self._chromium = server, chromium
        self._page, self._is_vue = None, False

    @contextmanager
    def __call__(self, graph, size=(1800, 1100), is_vue=False):
        """A page with the graph in it, which has nothing to complain of in the end."""
        try:
            self._show(graph, size, is_vue)
            yield self._page
            assert self._page.errors == []
            self._page.leave()
        except BaseException:
            self.close()
            raise

    def _show(self, graph, size, is_vue):
        from server import Page

        if self._page is not None and is_vue == self._is_vue:
            self._page.open(graph, size)
            return
        self.close()
        self._server.set({"Comfy.VueNodes.Enabled": is_vue})
        self._page, self._is_vue = Page(self._chromium, self._server, graph, size), is_vue

    def close(self):
        """Close the page, if there is one."""
        if self._page is not None:
            self._page.close()
        self._page = None


@pytest.fixture(scope="session")
def editor(server, chromium):
    one = Editor(server, chromium)
    yield one
    one.close()


@pytest.fixture(scope="module", params=[False, True], ids=["classic", "nodes2"])
def is_vue(request):
    """Both ways of drawing nodes."""
    return request.param
