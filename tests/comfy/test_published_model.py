"""GAGAvatar inside ComfyUI, with drawn weights of the published shapes."""

import gc
import os
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("websocket")
torch = pytest.importorskip("torch")
ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))


def published_base(base: Path) -> Path:
    """A base folder of ComfyUI whose models folder has a checkpoint and a FLAME file."""
    import gagavatar_recipe
    from parity_recipe import synthetic_flame
    from safetensors.torch import save_file

    folder = base / "models" / "gagavatar"
    folder.mkdir(parents=True)
    save_file(gagavatar_recipe.published_state_dict(0), folder / "GAGAvatar.safetensors")
    torch.save(synthetic_flame(0), folder / "FLAME_with_eye.pt")
    gc.collect()
    return base


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    from server import Server

    base = published_base(tmp_path_factory.mktemp("published"))
    python = os.environ.get("COMFYUI_PYTHON", sys.executable)
    comfy = Server(base, Path(os.environ["COMFYUI_DIR"]), python=python)
    yield comfy
    comfy.stop()


def prompt(**values):
    from test_server import builtin, graph, node

    nodes = graph(builtin("nod", 0.08), **({"width": 512, "height": 512} | values))
    nodes["8"] = node("LoadAvatarModel", model="auto", checkpoint="auto", precision="fp32", density=296)
    nodes["9"] = {"class_type": "PreviewAny", "inputs": {"source": ["8", 1]}}
    nodes["3"]["inputs"]["model"] = ["8", 0]
    return nodes


def test_auto_takes_gagavatar_renders_it_and_lets_go_of_it_when_asked(server):
    from server import MemoryWatch

    run = server.run(prompt(), limit=600)
    assert run.problems == []
    assert run.outputs["9"]["text"][0].startswith("gagavatar: ")
    assert len(run.outputs["6"]["images"]) == 2
    again = server.run(prompt(background_color="white", refine=False), limit=600)
    assert again.problems == []
    assert again.executed == ["5", "6"]
    memory = MemoryWatch(server.process.pid)
    loaded = memory.now()
    server.post("/free", {"unload_models": True, "free_memory": True})
    for _ in range(100):
        if memory.now() < loaded - 300e6:
            break
        time.sleep(0.1)
    assert memory.now() < loaded - 300e6
    assert server.run(prompt(background_color="blue"), limit=600).problems == []
