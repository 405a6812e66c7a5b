"""The page where PyTorch cannot be imported, in a process of its own."""

import json
import subprocess
import sys

import numpy as np
import pytest

from gagavatar_nodes.app.executor import execute
from gagavatar_nodes.app.graphs import node
from gagavatar_nodes.media.images import read_image
from gagavatar_nodes.media.video_reader import VideoReader
from gagavatar_nodes.nodes import tensors

pytest.importorskip("gradio")
_PAGE = """
import sys
from importlib.machinery import PathFinder


class WithoutTorch(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] == "torch" else super().find_spec(name, path, target)


sys.meta_path[:] = [WithoutTorch if finder is PathFinder else finder for finder in sys.meta_path]
import json
from pathlib import Path

import numpy as np

from gagavatar_nodes import assets
from gagavatar_nodes.app.avatars import Live, lift_cached
from gagavatar_nodes.app.executor import execute
from gagavatar_nodes.app.graphs import AnimateOptions, Source, animate, expression
from gagavatar_nodes.app.limits import Limits
from gagavatar_nodes.app.sessions import Sessions
from gagavatar_nodes.app.tabs import models
from gagavatar_nodes.app.tabs.live import _CAMERA, _model, _tracker
from gagavatar_nodes.media.video_reader import VideoReader

sessions = Sessions(Path(sys.argv[1]))
session = sessions.of("visitor")
program = session.program(lambda done, total, picture: None)
small = AnimateOptions(width=96, height=96, seconds=0.4, compare=True)
outputs = execute(animate(Source("example"), Source("example"), small), program, session.results)
voice = AnimateOptions(width=96, height=96, seconds=0.4, background="original")
spoken = execute(animate(Source("example"), Source("voice"), voice), program, session.results)
face = execute(expression(Source("example"), {"jawOpen": 0.5}, 96), program, session.results)
live = Live(lift_cached(session, Source("example"), _model()), _tracker(_CAMERA))
with VideoReader(assets.path("example_driver.mp4")) as video:
    drawn = [live.feed(frame, 96) for frame, _ in zip(video, range(12))]
print(json.dumps({
    "videos": [outputs["render"][1][0], spoken["render"][1][0]], "picture": face["save"][0][0],
    "image": type(face["picture"][0][0]).__module__, "live": [list(d.shape) for d in drawn if d is not None],
    "told": models.choices(),
}))
"""


def test_animate_studio_and_live_work_and_the_models_tab_says_what_is_missing(tmp_path):
    done = subprocess.run([sys.executable, "-c", _PAGE, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout.splitlines()[-1])
    for path in report["videos"]:
        with VideoReader(path) as video:
            assert len(list(video)) == 10
    assert read_image(report["picture"]).rgb.std() > 20
    assert report["image"] == "numpy"
    assert len(report["live"]) > 3
    assert "PyTorch is not installed here" in report["told"]
    assert 'pip install "gagavatar-nodes[gagavatar]"' in report["told"]


def test_the_pages_pictures_are_arrays_of_the_values_that_comfyui_has(program):
    graph = {
        "photo": node("ExampleInputs", person="photo"),
        "face": node("TrackPortrait", image=["photo", 0]),
        "hidden": {"class_type": "InvertMask", "inputs": {"mask": ["face", 2]}},
        "cut": {"class_type": "JoinImageWithAlpha", "inputs": {"image": ["face", 1], "alpha": ["hidden", 0]}},
        "twice": {"class_type": "ImageBatch", "inputs": {"image1": ["cut", 0], "image2": ["photo", 0]}},
    }
    outputs = execute(graph, program, wanted=["face", "cut", "twice"])
    crop, alpha, cut, twice = (outputs[n][slot][0] for n, slot in (("face", 1), ("face", 2), ("cut", 0), ("twice", 0)))
    assert {type(one) for one in (crop, alpha, cut, twice)} == {np.ndarray}
    assert (crop.dtype, cut.shape, twice.shape) == (np.float32, (*crop.shape[:3], 4), (2, *crop.shape[1:]))
    np.testing.assert_allclose(cut[..., 3], alpha, atol=1e-6)
    np.testing.assert_array_equal(cut[..., :3], crop)
    torch = pytest.importorskip("torch")
    assert isinstance(tensors.to_comfy(crop), torch.Tensor)  # outside of the page
    np.testing.assert_array_equal(tensors.to_array(tensors.to_comfy(crop)), crop)
    np.testing.assert_array_equal(tensors.rgb_frame(torch.from_numpy(cut), 0), tensors.rgb_frame(crop, 0))
