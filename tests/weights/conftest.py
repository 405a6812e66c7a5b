"""A fresh process for each download: huggingface_hub reads its environment once, at import."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

_RUN = """
import argparse, os, sys
from importlib import import_module
from pathlib import Path
import_module("gagavatar_nodes.weights.manifest").manifest_path = lambda: Path(os.environ["STAND_IN_MANIFEST"])
from gagavatar_nodes.commands.weights import add_parser
from gagavatar_nodes.errors import GagavatarError
parser = argparse.ArgumentParser()
add_parser(parser.add_subparsers())
arguments = parser.parse_args(["weights", *sys.argv[1:]])
try:
    sys.exit(arguments.run(arguments))
except GagavatarError as error:
    sys.exit(f"error: {error}")
"""


@dataclass(frozen=True)
class Weights:
    """Runs `gagavatar weights` in processes of their own, with an environment of their own."""

    home: Path
    environment: dict[str, str]

    def start(self, *arguments: str, limit: int | None = None, **environment: str) -> subprocess.Popen[str]:
        """Start one; `limit` bounds the bytes that a file it writes may have."""

        def bound() -> None:
            import resource

            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

        if limit is not None:
            environment |= {"PYTHONDONTWRITEBYTECODE": "1"}  # compiled modules would be kept, and cut off
        return subprocess.Popen(
            [sys.executable, "-c", _RUN, *arguments],
            env=self.environment | environment,
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=bound if limit is not None else None,
        )

    def __call__(self, *arguments: str, limit: int | None = None, **environment: str) -> tuple[int, str, str]:
        """Run one to its end: exit code, standard output, standard error."""
        process = self.start(*arguments, limit=limit, **environment)
        out, err = process.communicate(timeout=300)
        return process.returncode, out, err

    @property
    def cache(self) -> Path:
        return self.home / "hub"


@pytest.fixture
def weights(tmp_path: Path, stand_in_manifest: Path) -> Callable[[str], Weights]:
    """A maker of runners for the server at a given address."""
    pytest.importorskip("huggingface_hub")

    def make(endpoint: str) -> Weights:
        kept = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy") and not k.startswith("HF_")}
        kept.pop("GAGAVATAR_WEIGHTS", None)
        return Weights(
            tmp_path,
            kept
            | {
                "PYTHONPATH": str(ROOT),
                "STAND_IN_MANIFEST": str(stand_in_manifest),
                "HF_ENDPOINT": endpoint,
                "HF_HOME": str(tmp_path / "hf"),
                "HF_HUB_CACHE": str(tmp_path / "hub"),
                "HF_HUB_DISABLE_XET": "1",
                "HF_HUB_DISABLE_TELEMETRY": "1",
                "XDG_DATA_HOME": str(tmp_path / "data"),
                "NO_PROXY": "",
            },
        )

    return make
