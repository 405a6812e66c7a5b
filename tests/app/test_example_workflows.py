"""The example graphs, as files of ComfyUI's editor, in the demo's executor."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gagavatar_nodes.app.executor import execute
from gagavatar_nodes.app.workflows import read_workflow
from gagavatar_nodes.assets import path as asset
from gagavatar_nodes.errors import WeightsError
from gagavatar_nodes.media.video_reader import VideoReader
from gagavatar_nodes.nodes import examples
from media_files import cut_film

GRAPHS = sorted((Path(__file__).parents[2] / "workflows").glob("*.json"))
DRIVER = "example_driver.mp4"
NEEDS_WEIGHTS = "10_gagavatar_with_weights"
MADE = {
    "01_animate_with_a_video": {".mp4": 2}, "02_expression_editor": {".png": 1}, "03_builtin_motion": {".mp4": 1},
    "04_orbit": {".mp4": 1}, "05_stitch_back": {".mp4": 1}, "06_transparent": {".webp": 1, ".webm": 1},
    "07_two_people": {".mp4": 2}, "08_save_and_reuse": {".mp4": 1, ".safetensors": 2},
    "09_splat": {".ply": 1, ".mp4": 1}, "11_talking_portrait_from_a_voice": {".mp4": 1},
    "12_animate_portrait": {".mp4": 1}, "13_dub_a_film": {".mp4": 2},
    "15_living_page": {".html": 1},
}  # fmt: skip
"""Graph -> extension -> files that its run leaves."""


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """The first 40 frames of the bundled driver, with its sound."""
    return cut_film(tmp_path_factory.mktemp("driver") / "driver.mp4", asset(DRIVER), 40)


@pytest.fixture(autouse=True)
def quick_driver(begun, monkeypatch):
    """Ten seconds of it would be tracked by each graph that it drives."""
    monkeypatch.setattr(examples, "asset", lambda name: begun if name == DRIVER else asset(name))


def small(graph):
    """The same graph, quick: little pictures."""
    for node in graph.values():
        for edge in ("width", "height", *(["size"] if node["class_type"] == "GAGAvatarAnimatePortrait" else [])):
            if isinstance(node["inputs"].get(edge), int):
                node["inputs"][edge] = 128
    return graph


@pytest.mark.parametrize("path", GRAPHS, ids=lambda path: path.stem)
def test_a_dropped_workflow_runs(path, program, monkeypatch, tmp_path):
    monkeypatch.setenv("GAGAVATAR_WEIGHTS", str(tmp_path / "none"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "none"))
    graph = small(read_workflow(path))
    if path.stem == NEEDS_WEIGHTS:
        with pytest.raises(WeightsError, match=r"FLAME_with_eye\.pt is missing"):
            execute(graph, program)
        return
    execute(graph, program)
    made = [file for file in program.output.rglob("*") if file.is_file()]
    found = {}
    for file in made:
        found[file.suffix] = found.get(file.suffix, 0) + 1
        check(file)
    assert found == MADE[path.stem]


def check(file):
    """Something is to be seen, and in films it moves."""
    if file.suffix in (".html", ".ply", ".safetensors"):
        assert file.stat().st_size > 10_000
    elif file.suffix == ".png":
        assert np.asarray(Image.open(file)).std() > 20
    else:
        with VideoReader(file) as video:
            frames = list(video)
        assert len(frames) > 20
        assert frames[0].std() > 10
        assert np.abs(frames[0].astype(int) - frames[len(frames) // 2]).mean() > 0.2


def test_transparency_reaches_the_webp(program):
    graph = small(read_workflow(next(path for path in GRAPHS if path.stem == "06_transparent")))
    execute({id_: node for id_, node in graph.items() if "ToVideo" not in node["class_type"]}, program)
    with Image.open(next(program.output.rglob("*.webp"))) as picture:
        alpha = np.asarray(picture.convert("RGBA"))[..., 3]
    assert (alpha == 0).mean() > 0.2
    assert (alpha > 250).mean() > 0.2
