"""The compiled rasterizer under AddressSanitizer and UndefinedBehaviorSanitizer, on hostile scenes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from gagavatar_nodes.rendering import native_build
from gagavatar_nodes.rendering.native import NOT_FINITE
from gagavatar_nodes.rendering.view import View
from gagavatar_nodes.types import Gaussians
from scenes import CAMERA, scene

DRIVER = Path(__file__).parent / "sanitized" / "driver.c"
ROUNDS = int(os.environ.get("GAGAVATAR_SANITIZED_ROUNDS", "1"))
HOSTILE = np.float32([0, -0.0, 1, -1, 1e-38, 1e-45, -1e-20, 1e10, -1e10, 3e38, -3e38])
BITS = {name: bit for bit, name in NOT_FINITE.items()}


class Build(NamedTuple):
    """How the driver is compiled."""

    command: list[str]
    flags: list[str]


def builds() -> dict[str, Build]:
    """A system's compiler with its sanitizers, for this processor's vectors and for the plainest. GCC leads: Clang
    does not watch the lanes of vectors, and zig brings no runtimes."""
    path = shutil.which("gcc") or shutil.which("clang") or "gcc"
    both = ["-fsanitize=address,undefined,float-cast-overflow", "-fno-sanitize-recover=all", "-pthread"]
    return {"native vectors": Build([path], [*both, "-march=native"]), "plain vectors": Build([path], both)}


class Case(NamedTuple):
    """A scene, and the problem that the library must find in it."""

    gaussians: Gaussians
    view: View
    threads: int = 2
    problem: int = 0


def cases(seed: int) -> Iterator[Case]:
    g = np.random.default_rng(seed)
    view = View.of(CAMERA, int(g.integers(1, 90)), int(g.integers(1, 70)))
    for channels in (1, 3, 4, 7, 16, 32, 50):
        yield Case(scene(300, channels, seed), view)
    usual = scene(200, 5, seed)
    yield Case(usual, View.of(CAMERA, 1, 1))
    yield Case(Gaussians(*(a[:0] for a in vars(usual).values())), view, threads=3)
    yield Case(Gaussians(*(a[:1] for a in vars(usual).values())), view, threads=5)
    yield Case(replace(usual, covariances=usual.covariances * 0), view)
    yield Case(replace(usual, opacities=usual.opacities * 0), view)
    yield Case(replace(usual, covariances=usual.covariances * 1e6), view)
    yield Case(replace(usual, means=usual.means * np.float32([1, 1, 0]), opacities=np.ones(200, np.float32)), view)
    crowd = scene(1500, 3, seed, scales=(0.01, 0.1), spread=(0.02, 0.02, 0.5))
    yield Case(replace(crowd, opacities=crowd.opacities * 0.05), view)
    yield Case(scene(60, 3, seed, scales=(0.01, 10.0)), View.of(CAMERA, 333, 222), threads=4)
    yield Case(usual, replace(view, background=g.random(5).astype(np.float32)))
    yield Case(usual, replace(view, background=g.random((view.height, view.width, 5)).astype(np.float32)))
    yield Case(usual, replace(view, transform=view.transform * 1e18))
    yield Case(usual, replace(view, focal=1e-20))
    for field in ("means", "covariances", "opacities", "features"):
        values = getattr(usual, field)
        for share in (0.02, 1.0):
            wild = np.where(g.random(values.shape) < share, g.choice(HOSTILE, values.shape), values)
            yield Case(replace(usual, **{field: wild}), view, problem=-1)
        broken = values.copy()
        broken[17] = g.choice([np.nan, np.inf, -np.inf])
        # Features are looked at where they are drawn.
        yield Case(replace(usual, **{field: broken}), view, problem=-1 if field == "features" else BITS[field])


def write(path: Path, scenes: list[Case]) -> None:
    with path.open("wb") as file:
        for case in scenes:
            g, view = case.gaussians, case.view
            kind = 0 if view.background is None else 1 if view.background.ndim == 1 else 2
            sizes = (*g.features.shape, view.width, view.height, case.threads, kind)
            file.write(np.int32(sizes).tobytes())
            toward = np.random.default_rng(0).standard_normal(view.width * view.height * (sizes[1] + 1))
            under = [] if view.background is None else [view.background]
            for array in ([view.focal], view.transform, *vars(g).values(), *under, toward):
                file.write(np.asarray(array, np.float32).tobytes())


@pytest.mark.skipif(sys.platform == "win32", reason="the sanitizers' runtimes are those of Unix")
@pytest.mark.parametrize("kind", builds())
def test_hostile_scenes_raise_no_alarm(kind, tmp_path):
    build, program = builds()[kind], tmp_path / "driver"
    source = [str(DRIVER), f"-I{native_build.SOURCES}", "-O1", "-g", "-ffp-contract=fast", "-fno-math-errno"]
    if shutil.which(build.command[0]) is None:
        pytest.skip("no system compiler")
    command = [*build.command, *source, *build.flags, "-o", str(program), "-lm"]
    made = subprocess.run(command, capture_output=True, text=True)
    if made.returncode:
        pytest.skip(f"a compiler without sanitizers: {made.stderr.strip()[-300:]}")
    scenes = [case for seed in range(ROUNDS) for case in cases(seed)]
    write(tmp_path / "scenes", scenes)
    done = subprocess.run([str(program), str(tmp_path / "scenes")], capture_output=True, text=True, timeout=1500)
    assert done.returncode == 0, done.stderr[-3000:]
    results = np.array([line.split() for line in done.stdout.splitlines()], int)
    assert results.shape == (len(scenes), 2)
    for case, (drawn, differentiated) in zip(scenes, results, strict=True):
        if case.problem >= 0:
            assert drawn == differentiated == case.problem
