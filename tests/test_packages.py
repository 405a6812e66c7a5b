"""Packages that are missing or broken, and memory that is short: one line that says which."""

from __future__ import annotations

import errno
import subprocess
import sys

import pytest

from gagavatar_nodes import assets, packages
from gagavatar_nodes.errors import GagavatarError, MediaError

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limits")


def test_a_package_that_cannot_be_loaded_is_not_called_missing(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "broken_package.py").write_text("raise ImportError('libGL.so.1: cannot open shared object file')")
    with pytest.raises(GagavatarError, match=r"is installed but cannot be loaded \(libGL\.so\.1.*reinstall it, or eat"):
        packages.load_package("broken_package", "Tracking", "Broken", "eat cake")
    with pytest.raises(GagavatarError, match="needs None Such, which is not installed: eat cake"):
        packages.load_package("no_such_package", "Tracking", "None Such", "eat cake")
    (tmp_path / "large_package.py").write_text("raise ImportError('x.so: failed to map segment from shared object')")
    with pytest.raises(ImportError, match="failed to map"):
        packages.load_package("large_package", "Tracking", "Large", "eat cake")


def from_another(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), True),
        (ImportError("DLL load failed: The paging file is too small for this operation to complete."), True),
        (RuntimeError("[ONNXRuntimeError] : 6 : Exception during initialization: std::bad_alloc"), True),
        (RuntimeError("[enforce fail at alloc_cpu.cpp:117] . DefaultCPUAllocator: can't allocate memory"), True),
        (RuntimeError("(-4:Insufficient memory) Failed to allocate 3 bytes in function 'OutOfMemoryError'"), True),
        (RuntimeError("can't start new thread"), True),
        (from_another(MediaError("a.jpg is damaged"), MemoryError()), True),
        (MediaError("out of memory.mp4 does not exist"), False),
        (ImportError("libGL.so.1: cannot open shared object file"), False),
        (ValueError("wrong"), False),
    ],
    ids=lambda value: str(value)[-30:],
)  # fmt: skip
def test_lack_of_memory_is_recognized_in_the_words_of_many_libraries(error, expected):
    assert packages.lacks_memory(error) is expected


def test_lack_of_memory_is_one_line_of_the_command(gagavatar, monkeypatch):
    def fail(*_arguments: object, **_options: object) -> None:
        raise RuntimeError("std::bad_alloc")

    monkeypatch.setattr("gagavatar_nodes.pipeline.read_portrait", fail)
    done = gagavatar("lift", assets.path("example_portrait.jpg"), "-o", "none.safetensors")
    assert (done.code, done.err) == (1, f"gagavatar: {packages.NO_MEMORY}\n")


@posix_only
@pytest.mark.parametrize("megabytes", [300, 600])
def test_a_limit_that_is_too_low_is_named_before_the_work(tmp_path, megabytes):
    code = (
        "import resource\n"
        "from gagavatar_nodes.cli import run\n"
        f"resource.setrlimit(resource.RLIMIT_AS, ({megabytes} << 20, resource.RLIM_INFINITY))\n"
        "run()"
    )
    lift = ["lift", assets.path("example_portrait.jpg"), "-o", tmp_path / "a.safetensors"]
    done = subprocess.run([sys.executable, "-c", code, *map(str, lift)], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith(
        f"gagavatar: There is not enough memory: this program may reserve {megabytes} MB, and"
    )
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_container_with_little_memory_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(packages, "_allowed_addresses", lambda: None)
    monkeypatch.setattr(packages, "_CGROUP", tmp_path / "memory.max")
    packages.check_memory()
    (tmp_path / "memory.max").write_text("max\n")
    packages.check_memory()
    (tmp_path / "memory.max").write_text(f"{256 << 20}\n")
    with pytest.raises(GagavatarError, match="this container may use 256 MB, and 500 are needed"):
        packages.check_memory()


def test_an_error_that_is_its_own_cause_is_looked_at_once():
    error = ValueError("no face")
    error.__cause__ = error
    assert packages.lacks_memory(error) is False
