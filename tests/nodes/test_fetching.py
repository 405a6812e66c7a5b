"""Downloads in the nodes, from a local server that imitates the hub."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gagavatar_nodes.errors import WeightsError
from gagavatar_nodes.nodes import NODE_CLASS_MAPPINGS, host
from gagavatar_nodes.weights import weight
from hub_server import FLAME, Hub, serve

ROOT = Path(__file__).parents[2]
RUN = """
import sys
from importlib import import_module
from pathlib import Path
folder = Path(sys.argv[1])
import_module("gagavatar_nodes.weights.manifest").manifest_path = lambda: folder / "manifest.json"
from gagavatar_nodes.nodes import NODE_CLASS_MAPPINGS, host
host.models_folders = lambda: [folder / "models"]
from gagavatar_nodes.nodes import fetching
shown = []
fetching.NodeProgress.__call__ = lambda self, done, total=None, picture=None: shown.append((done, total))
try:
    fetching.fetch_missing(["FLAME_with_eye.pt"], [folder / "models"], sys.argv[2] == "accepted")
except Exception as error:
    sys.exit(str(error))
print(shown[-1], (folder / "models" / "FLAME_with_eye.pt").stat().st_size)
"""


@pytest.mark.parametrize("name", ["LoadAvatarModel", "LoadHeadTracker", "DriveByVoice"])
def test_license_and_address_of_every_file_are_on_the_widgets_which_are_off_at_first(name):
    optional = NODE_CLASS_MAPPINGS[f"GAGAvatar{name}"].INPUT_TYPES()["optional"]
    for widget in ("download", "accept_licenses"):
        _, options = optional[widget]
        assert options["default"] is False
        assert weight("FLAME_with_eye.pt").license_url in options["tooltip"]
        assert weight("FLAME_with_eye.pt").license in options["tooltip"]


def test_nothing_is_fetched_without_consent(run, monkeypatch, tmp_path):
    monkeypatch.setattr(host, "models_folders", lambda: [tmp_path / "models"])
    monkeypatch.setenv("GAGAVATAR_WEIGHTS", str(tmp_path / "none"))
    with pytest.raises(WeightsError, match=r"accept_licenses on: .*FLAME license, https://flame.is.tue.mpg.de"):
        run("LoadAvatarModel", model="gagavatar", download=True)
    assert not (tmp_path / "models").exists()


def test_visitors_of_a_page_download_nothing(run):
    place = host.current.set(host.Host(Path(), Path(), Path(), None, lambda: None, None, None))
    try:
        with pytest.raises(WeightsError, match="tab Models"):
            run("LoadHeadTracker", tracker="landmarks", download=True, accept_licenses=True)
    finally:
        host.current.reset(place)


def test_an_accepted_file_comes_into_the_models_folder_with_progress(tmp_path):
    import json

    content = os.urandom(300_000)
    entry = json.loads((ROOT / "weights_manifest.json").read_text())
    entry["files"] = [
        one | {"size": len(content), "sha256": None} for one in entry["files"] if one["name"] == "FLAME_with_eye.pt"
    ]
    (tmp_path / "manifest.json").write_text(json.dumps(entry))
    with serve(Hub({FLAME: content})) as hub:
        kept = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
        environment = kept | {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "hf"), "PYTHONPATH": str(ROOT)}
        environment |= {"HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_XET": "1", "GAGAVATAR_WEIGHTS": str(tmp_path / "none")}
        for consent, expected in (("no", 1), ("accepted", 0)):
            command = [sys.executable, "-c", RUN, str(tmp_path), consent]
            done = subprocess.run(command, capture_output=True, text=True, env=environment)
            assert done.returncode == expected, done.stderr
    assert done.stdout.split() == [f"({len(content)},", f"{len(content)})", str(len(content))]


@pytest.mark.parametrize("how", ["folder", "module"])
def test_the_command_runs_from_a_pack_of_any_name_that_was_not_installed(tmp_path, how):
    link = tmp_path / "0 odd-name_x"
    link.symlink_to(ROOT, target_is_directory=True)
    place = [str(link)] if how == "folder" else ["-m", "gagavatar_nodes"]
    command = [sys.executable, *place, "weights", "list"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=link if how == "module" else tmp_path)
    assert done.returncode == 0, done.stderr
    assert "FLAME_with_eye.pt" in done.stdout
