"""`gagavatar info`: what is installed, what was chosen, and why."""

from __future__ import annotations

import argparse
from typing import Any

from .options import add_command

_LIBRARIES = (
    "numpy", "onnxruntime", "onnxruntime-gpu", "onnxruntime-directml", "opencv-python-headless", "opencv-python", "av",
    "scipy", "torch", "gsplat", "ziglang",
)  # fmt: skip


def add_parser(subparsers: Any) -> None:
    """Add `info` to the subparsers of `gagavatar`."""
    add_command(subparsers, "info", run, "show versions, rasterizers, weights and folders")


def run(args: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    report = collect()
    if args.json:
        import json

        print(json.dumps(report, indent=2))
        return 0
    print(f"gagavatar-nodes {report['version']} on Python {report['python']}, {report['platform']}")
    print("libraries: " + ", ".join(f"{name} {version}" for name, version in report["libraries"].items()))
    for name, state in report["rasterizers"].items():
        details = ", ".join(f"{key} {value}" for key, value in state.items() if key != "available")
        print(f"rasterizer {name}: {'ready' if state['available'] else 'no'}{', ' + details if details else ''}")
    for name, path in report["weights"].items():
        print(f"weights {name}: {path or 'not here'}")
    print(f"avatar model: {report['model']} ({report['why']})\ntracker: {report['tracker']}\ncache: {report['cache']}")
    return 0


def collect() -> dict[str, Any]:
    """Everything `info` shows, for machines."""
    import platform
    from importlib import metadata

    from .. import __version__, pipeline
    from ..cache import cache_folder
    from ..rendering import describe
    from ..settings import Settings
    from ..trackers import choose_tracker
    from ..weights import find_weight, manifest

    libraries = {}
    for name in _LIBRARIES:
        try:
            libraries[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    model, why = pipeline.choose_model()
    weights = {name: find_weight(name) for name in manifest()}
    return {
        "version": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "libraries": libraries,
        "rasterizers": describe(),
        "weights": {name: str(path) if path else None for name, path in weights.items()},
        "model": model,
        "why": why,
        "tracker": choose_tracker("auto", Settings())[0],
        "cache": str(cache_folder()),
    }
