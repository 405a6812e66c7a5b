"""The checkout as ComfyUI loads it: a folder of any name, a link, an installed package."""

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from gagavatar_nodes.nodes import NODE_CLASS_MAPPINGS

ROOT = Path(__file__).parents[2]
LOAD = """
import importlib.util, json, sys
spec = importlib.util.spec_from_file_location({name!r}, {path!r})
pack = importlib.util.module_from_spec(spec)
sys.modules[{name!r}] = pack
spec.loader.exec_module(pack)
print(json.dumps([len(pack.NODE_CLASS_MAPPINGS), pack.WEB_DIRECTORY, "torch" in sys.modules, "cv2" in sys.modules]))
"""


@pytest.mark.parametrize("name", ["pack", "0 odd-name_x_1", "gagavatar_nodes"])
def test_the_pack_loads_from_a_link_of_any_name_without_heavy_imports(tmp_path, name):
    (tmp_path / name).symlink_to(ROOT, target_is_directory=True)
    code = LOAD.format(name=f"/somewhere/{name}".replace(".", "_x_"), path=str(tmp_path / name / "__init__.py"))
    found = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert found.returncode == 0, found.stderr
    assert json.loads(found.stdout) == [len(NODE_CLASS_MAPPINGS), "./web", False, False]


def test_imports_inside_the_package_are_relative():
    absolute = re.compile(r"^\s*(from|import) gagavatar_nodes\b", re.M)
    for file in (ROOT / "gagavatar_nodes").rglob("*.py"):
        code = re.sub(r'""".*?"""', "", file.read_text(encoding="utf-8"), flags=re.S)
        assert not absolute.search(code), file


def test_requirements_leave_users_flavors_alone():
    lines = [line.split("#")[0].strip() for line in (ROOT / "requirements.txt").read_text().splitlines()]
    names = {re.split(r"[<>=]", line)[0] for line in lines if line}
    assert not names & {"torch", "torchvision", "onnxruntime", "opencv-python", "opencv-python-headless"}
    spec = importlib.util.spec_from_file_location("install", ROOT / "install.py")
    install = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(install)
    plain = {re.split(r"[<>=]", requirement)[0] for requirement in install.PLAIN.values()}
    project = (ROOT / "pyproject.toml").read_text()
    declared = re.search(r"^dependencies = \[(.*?)\]", project, re.S | re.M)[1]
    assert {re.split(r"[<>=]", item)[0] for item in re.findall(r'"(.*?)"', declared)} == names | plain


def test_install_adds_only_what_cannot_be_imported(monkeypatch):
    spec = importlib.util.spec_from_file_location("install", ROOT / "install.py")
    install = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(install)
    assert install.missing() == []
    monkeypatch.setattr(install, "PLAIN", {"no_such_module": "a>=1", "json": "b>=1"})
    calls = []
    monkeypatch.setattr(install.subprocess, "call", lambda command: calls.append(command) or 0)
    assert install.main() == 0
    assert calls == [[sys.executable, "-m", "pip", "install", "a>=1"]]


@pytest.mark.parametrize("page", ["README.md", "docs/comfyui.md"])
def test_pages_count_the_nodes_and_graphs_that_there_are(page):
    counted = re.search(r"(\d+) nodes, (\d+) example graphs", (ROOT / page).read_text(encoding="utf-8"))
    assert [int(count) for count in counted.groups()] == [
        len(NODE_CLASS_MAPPINGS),
        len([*ROOT.glob("workflows/*.json")]),
    ]
