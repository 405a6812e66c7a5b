"""Finding, building and keeping the compiled rasterizer."""

import dataclasses
import logging
import os
import platform
import shutil
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import numpy as np
import pytest

from gagavatar_nodes.errors import GagavatarError
from gagavatar_nodes.rendering import backends, native, native_build

pytestmark = pytest.mark.skipif(not native_build.compilers(), reason="no compiler")

DRAW = textwrap.dedent(
    """
    import sys
    import numpy as np
    from gagavatar_nodes.rendering import rasterize_arrays
    from gagavatar_nodes.rendering.native import load
    camera = np.array([[-1, 0, 0], [0, 1, 0], [0, 0, -1], [0, 0, 9]], np.float32)
    camera = np.concatenate([camera[:3], camera[3:].T], 1)
    unit = np.array([[1, 0, 0, 0]], np.float32)
    _, alpha = rasterize_arrays(np.zeros((1, 3)), unit, np.full((1, 3), 0.1), [0.5], np.ones((1, 3)), camera, 33, 33)
    print(round(float(alpha[16, 16]), 3), "torch" in sys.modules, load().path)
    """
)


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("GAGAVATAR_CACHE", str(tmp_path))
    return tmp_path / "native"


@pytest.fixture
def quick(cache, monkeypatch) -> native_build.Compiler:
    """A compiler that need not optimize, for what becomes of its files."""
    monkeypatch.setattr(native_build, "CODE_FLAGS", ("-O0",))
    return native_build.compilers()[0]


def draw_in_new_processes(count: int = 1) -> list[str]:
    running = [
        subprocess.Popen([sys.executable, "-c", DRAW], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for _ in range(count)
    ]
    return [process.communicate(timeout=600)[0].strip() for process in running]


def test_second_process_uses_the_build_of_the_first(cache):
    (first,) = draw_in_new_processes()
    (library,) = cache.iterdir()  # nothing but the library stays
    built = library.stat().st_mtime_ns
    (second,) = draw_in_new_processes()
    assert first == second == f"0.5 False {library}"
    assert library.stat().st_mtime_ns == built


def test_two_processes_building_at_once_both_draw(cache):
    results = draw_in_new_processes(2)
    assert all(result.startswith("0.5 False") for result in results), results
    assert not list(cache.glob("building-*"))


def test_damaged_cache_entries_are_removed_and_built_again(quick):
    library = native_build.build(quick)
    whole = library.read_bytes()
    for damaged in (whole[: len(whole) // 2], b"", whole[:-9] + b"garbage!!"):
        library.write_bytes(damaged)
        assert native_build.find_build(quick) is None
        assert not library.exists()
    assert native_build.build(quick) == library
    assert native_build.find_build(quick) == library


def test_library_that_does_not_load_is_built_again(cache):
    compiler = native_build.compilers()[0]
    cache.mkdir(parents=True)
    other = cache / "other"
    other.write_bytes(b"not a library")
    other.rename(cache / f"rasterizer-{compiler.key}-{native_build._checksum(other)}{native_build.SUFFIX}")
    library = native._load_once.__wrapped__()
    assert isinstance(library, native.Library)
    assert library.origin == compiler.name


def test_every_compiler_at_hand_builds_a_library_that_loads(cache):
    for compiler in native_build.compilers():
        library = native._open(native_build.build(compiler), compiler.name)
        assert library.lanes in (8, 16)


def test_build_is_keyed_by_source_and_compiler(monkeypatch, tmp_path):
    compiler = native_build.compilers()[0]
    copied = tmp_path / "source"
    shutil.copytree(native_build.SOURCES, copied)
    key = compiler.key
    monkeypatch.setattr(native_build, "SOURCES", copied)
    assert compiler.key == key
    with (copied / "rasterizer.c").open("a") as source:
        source.write("/* changed */")
    assert compiler.key != key
    assert native_build.Compiler("cc", ("cc",), "1", ()).key != native_build.Compiler("cc", ("cc",), "2", ()).key


def test_failing_compiler_leaves_nothing_behind(cache):
    broken = native_build.Compiler("python", (sys.executable, "-c", "import sys; sys.exit('error: no')"), "1", ())
    with pytest.raises(native_build.BuildError, match="error: no"):
        native_build.build(broken)
    assert list(cache.iterdir()) == []


def test_unwritable_cache_builds_in_a_private_folder(quick, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("GAGAVATAR_CACHE", str(tmp_path / "file"))
    library = native_build.build(quick)
    assert library.is_file()
    assert tmp_path not in library.parents


@pytest.fixture
def rasterize_module(monkeypatch):
    """The dispatcher as in a process that found no compiler."""
    caches = (backends.backend_problem, backends._cpu_backend)
    for cached in caches:
        cached.cache_clear()
    monkeypatch.setattr(native_build, "compilers", list)
    monkeypatch.setattr(native_build, "prebuilt", lambda: None)
    monkeypatch.setattr(native, "_load_once", native._load_once.__wrapped__)
    yield sys.modules["gagavatar_nodes.rendering.rasterize"]
    for cached in caches:
        cached.cache_clear()


def test_without_a_compiler_pytorch_draws_and_says_so_once(rasterize_module, caplog):
    from scenes import CAMERA, scene

    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            _, alpha = rasterize_module.rasterize(scene(50), CAMERA, 32, 32)
    assert np.asarray(alpha).max() > 0.1
    (record,) = caplog.records
    assert "PyTorch" in record.message
    assert "pip install ziglang" in record.message


def test_without_compiler_and_pytorch_the_error_names_the_step(rasterize_module, monkeypatch):
    from scenes import CAMERA, scene

    monkeypatch.setattr(backends, "_import_torch", lambda: None)
    with pytest.raises(GagavatarError, match="pip install ziglang"):
        rasterize_module.rasterize(scene(10), CAMERA, 16, 16)


def test_libraries_of_a_wheel_run_here(tmp_path):
    tag = {"linux": "manylinux_2_17_", "win32": "win_", "darwin": "macosx_11_0_"}[sys.platform]
    wheels = [
        name for name in native_build.WHEELS if name.startswith(tag) and name.endswith(platform.machine().lower())
    ]
    if not wheels or native_build.compilers()[0].name != "zig":
        pytest.skip("no wheel is made for this machine, or no zig")
    for path in native_build.build_for_wheel(wheels[0], tmp_path):
        level = path.stem.partition("-")[2]
        if all(native_build._numpy_cpu_features()[need] for need in native_build.PREBUILT_NEEDS[level]):
            assert native._open(path, "prebuilt").lanes == (16 if level == "x86_64_v4" else 8)


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="x86 processor levels")
@pytest.mark.parametrize("level", ["x86_64_v2", "x86_64_v3", "x86_64_v4"])
def test_every_width_of_vector_draws_the_same(level, cache, monkeypatch):
    """v2 has no code of its own: it stands for all processors whose vectors the compiler alone takes care of."""
    from gagavatar_nodes.rendering import rasterize
    from gagavatar_nodes.rendering.view import View
    from published_gradient import differentiate
    from scenes import CAMERA, CLOSE, assert_same_image, gentle, gradient_errors, scene

    zig = native_build.compilers()[0]
    needs = native_build.PREBUILT_NEEDS.get(level, ())
    if zig.name != "zig" or not all(native_build._numpy_cpu_features()[need] for need in needs):
        pytest.skip(f"no zig, or a processor below {level}")
    flags = (*(flag for flag in zig.flags if not flag.startswith("-mcpu")), f"-mcpu={level}")
    library = native._open(native_build.build(dataclasses.replace(zig, flags=flags)), "zig")
    assert library.lanes == (16 if level == "x86_64_v4" else 8)
    monkeypatch.setattr(native, "load", lambda: library)
    monkeypatch.setattr(native, "_contexts", threading.local())
    for channels in (3, 4, 20, 32):
        gaussians = scene(1500, channels=channels, seed=channels)
        expected, expected_alpha = rasterize(gaussians, CAMERA, 90, 70, backend="torch")
        image, alpha = rasterize(gaussians, CAMERA, 90, 70, backend="native")
        assert_same_image(image, expected)
        assert_same_image(alpha, expected_alpha)
        view, directed = View.of(CLOSE, 53, 37), np.random.default_rng(0).standard_normal((37, 53, channels + 1))
        truth = differentiate(gentle(channels), view, directed[..., :-1], directed[..., -1])
        found = native.gradient(gentle(channels), view, directed[..., :-1], directed[..., -1])
        assert max(gradient_errors(found, truth.gradients).values()) < 1e-4


def test_splats_and_gradients_do_not_depend_on_the_bands_they_are_taken_in(cache, monkeypatch):
    """With lists of 300 splats and a row of gradients for 60, a band is part of a row of tiles, or a single tile."""
    from gagavatar_nodes.rendering import rasterize
    from gagavatar_nodes.rendering.view import View
    from scenes import CAMERA, scene

    gaussians, view = scene(1500, channels=8, scales=(0.01, 0.3)), View.of(CAMERA, 90, 70)
    directed = np.random.default_rng(0).standard_normal((70, 90, 8)), np.random.default_rng(1).standard_normal((70, 90))
    expected = rasterize(gaussians, CAMERA, 90, 70, backend="native"), native.gradient(gaussians, view, *directed)
    compiler = native_build.compilers()[0]
    small = dataclasses.replace(compiler, flags=(*compiler.flags, "-DMAX_LIST=300", "-DROW_MEMORY=6000"))
    library = native._open(native_build.build(small), small.name)
    monkeypatch.setattr(native, "load", lambda: library)
    monkeypatch.setattr(native, "_contexts", threading.local())
    for got, one_band in zip(rasterize(gaussians, CAMERA, 90, 70, backend="native"), expected[0], strict=True):
        np.testing.assert_array_equal(got, one_band)
    for threads in (1, 3):
        for key, got in vars(native.gradient(gaussians, view, *directed, threads=threads)).items():
            one_band = getattr(expected[1], key)
            np.testing.assert_allclose(got, one_band, atol=1e-5 * np.abs(one_band).max())


def test_working_folders_of_killed_builds_are_removed(cache):
    abandoned, current = cache / "building-old", cache / "building-new"
    for folder in (abandoned, current):
        folder.mkdir(parents=True)
    os.utime(abandoned, (0, 0))
    native_build._remove_abandoned(cache)
    assert list(cache.iterdir()) == [current]


@pytest.mark.parametrize("features", [{}, {"AVX2": True, "FMA3": False}])
def test_prebuilt_library_needs_the_features_it_was_built_for(tmp_path, monkeypatch, features):
    monkeypatch.setattr(native_build, "PREBUILT", tmp_path)
    for level in native_build.PREBUILT_NEEDS:
        (tmp_path / f"rasterizer-{level}{native_build.SUFFIX}").write_bytes(b"")
    monkeypatch.setattr(native_build, "_numpy_cpu_features", lambda: features)
    assert native_build.prebuilt() is None
    monkeypatch.setattr(native_build, "_numpy_cpu_features", lambda: {"AVX2": True, "FMA3": True})
    assert native_build.prebuilt().stem == "rasterizer-x86_64_v3"
