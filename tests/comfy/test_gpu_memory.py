"""GAGAvatar's memory on a GPU is ComfyUI's to take back."""

import os
import sys
import time
from pathlib import Path

import pytest
import torch

if not torch.cuda.is_available():
    pytest.skip("there is no GPU", allow_module_level=True)

from comfy_prompts import published_base, published_prompt

KEPT = 150e6
"""Bytes that may stay: FLAME, which belongs to the avatar, and PyTorch's own workspaces, 32 MB for each stream."""


@pytest.fixture(scope="module", params=[(), ("--novram",)], ids=["usual", "novram"])
def server(request, tmp_path_factory):
    from server import Server

    python = os.environ.get("COMFYUI_PYTHON", sys.executable)
    base = published_base(tmp_path_factory.mktemp("gpu"))
    comfy = Server(base, Path(os.environ["COMFYUI_DIR"]), python=python, device=request.param)
    yield comfy
    comfy.stop()


def allocated(server) -> float:
    """Bytes that tensors of the server take on the GPU."""
    device = server.get("/system_stats")["devices"][0]
    assert device["type"] == "cuda"
    return device["torch_vram_total"] - device["torch_vram_free"]


def test_unloading_takes_the_network_off_the_gpu_and_the_next_run_brings_it_back(server):
    idle = allocated(server)
    assert server.run(published_prompt(), limit=600).problems == []
    assert allocated(server) > idle + 500e6
    server.post("/free", {"unload_models": True, "free_memory": False})
    for _ in range(100):
        if allocated(server) < idle + KEPT:
            break
        time.sleep(0.1)
    assert allocated(server) < idle + KEPT
    again = server.run(published_prompt(background_color="white"), limit=600)
    assert again.problems == []
    assert again.executed == ["5", "6"]
