"""Keeps the numeric libraries to one thread, refuses modules of one name, and makes what many tests use.

Results and builds go to a cache of the session: the user's stays as it is.
"""

from __future__ import annotations

import os

# On a busy machine threads that wait for each other make the tests ten times slower. NumPy and torch read it once.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import json
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from gagavatar_nodes import assets
from lifted import lifting, tracking
from once import Once
from synthetic import DRIVER

_PORTRAIT = assets.path("example_portrait.jpg")
_DRIVER = DRIVER


class Outcome(NamedTuple):
    """What a run of the command left."""

    code: int
    out: str
    err: str


def pytest_configure() -> None:
    """Refuse two test modules of one name, which pytest cannot import side by side."""
    seen: dict[str, Path] = {}
    for path in sorted(Path(__file__).parent.rglob("test_*.py")):
        if (other := seen.setdefault(path.name, path)) != path:
            raise pytest.UsageError(f"{other} and {path} have one name: rename one of them")


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that all processes of this run of the tests share."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def once(run_folder: Path) -> Once:
    """Function (name, make) -> a copy of what `make` returned the first time in this run of the tests."""
    return Once(run_folder / "once")


@pytest.fixture(scope="session", autouse=True)
def session_cache(run_folder: Path) -> Iterator[Path]:
    """The cache of this run: the rasterizer is compiled into it at most once, and a video is tracked once."""
    folder = run_folder / "cache"
    folder.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GAGAVATAR_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="session", autouse=True)
def stand_in_manifest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A manifest of the published names without sizes and hashes, for the tests' small files; its path."""
    module = import_module("gagavatar_nodes.weights.manifest")
    document = json.loads(module.manifest_path().read_text(encoding="utf-8"))
    document["files"] = [entry | {"size": None, "sha256": None} for entry in document["files"]]
    path = tmp_path_factory.mktemp("manifest") / "weights_manifest.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "manifest_path", lambda: path)
        module.manifest.cache_clear()
        yield path
    module.manifest.cache_clear()


@pytest.fixture
def gagavatar(capfd: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Function (*arguments) -> what `gagavatar` leaves, run in this process; C libraries' output is caught too."""
    from gagavatar_nodes.cli import main

    def run(*arguments: object) -> Outcome:
        capfd.readouterr()
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as leaving:
            code = leaving.code
        return Outcome(code, *capfd.readouterr())

    return run


@pytest.fixture(scope="session")
def track(once) -> Callable[..., Any]:
    """`track_portrait`, which tracks a picture once in this run of the tests."""
    return tracking(once)


@pytest.fixture(scope="session")
def lift(once) -> Callable[..., Any]:
    """`lift_portrait`, which lifts a portrait once in this run of the tests."""
    return lifting(once)


@pytest.fixture(scope="session")
def portrait(track):
    """The example portrait, tracked."""
    from gagavatar_nodes.media.images import read_image

    return track(read_image(_PORTRAIT).rgb)


@pytest.fixture(scope="session")
def avatar(portrait, lift):
    """The example portrait, lifted with the coarsest lattice."""
    return lift(portrait, 148)


@pytest.fixture
def lifted_once(track, lift, monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests of what comes after: what a test of this run has tracked and lifted is not tracked and lifted again."""
    monkeypatch.setattr("gagavatar_nodes.tracking.portrait.track_portrait", track)
    monkeypatch.setattr("gagavatar_nodes.lifting.embedded.lift_portrait", lift)


@pytest.fixture(scope="session")
def avatar_file(avatar, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`avatar` in a file."""
    path = tmp_path_factory.mktemp("avatar") / "example.safetensors"
    avatar.save(path)
    return path


@pytest.fixture(scope="session")
def driver_images() -> list[np.ndarray]:
    """72 frames [H, W, 3] uint8 of the synthetic head."""
    from gagavatar_nodes.media.video_reader import VideoReader

    with VideoReader(_DRIVER) as video:
        return list(video)


@pytest.fixture(scope="session")
def driver_motion(once):
    """The synthetic driver, tracked without smoothing."""
    from gagavatar_nodes import pipeline

    return once("driver", lambda: pipeline.track(_DRIVER, smoothing=0))


@pytest.fixture(scope="session")
def short_driver(driver_images, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six frames of the synthetic head at 10 a second, with a tone."""
    from media_files import encode_video

    path = tmp_path_factory.mktemp("driver") / "driver.mp4"
    return encode_video(path, driver_images[:60:10], fps=10, seconds_of_sound=0.6, pixels="yuv420p")
