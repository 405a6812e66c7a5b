"""Finds or makes the compiled rasterizer: a library that came with the wheel, one in the user's cache, or a new build.

A build is keyed by everything that shapes its code: sources, flags, compiler, processor. Its file name carries its own
checksum, so that one rename publishes it and a damaged file is seen for what it is.
"""

from __future__ import annotations

import atexit
import hashlib
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

SOURCES = Path(__file__).parent / "native_source"
PREBUILT = Path(__file__).parent / "prebuilt"
SUFFIX = {"win32": ".dll", "darwin": ".dylib"}.get(sys.platform, ".so")
CODE_FLAGS = ("-O3", "-ffp-contract=fast", "-fno-math-errno", "-fno-trapping-math")
LINK_FLAGS = ("-shared", "-s")
PREBUILT_NEEDS = {"x86_64_v4": ("AVX512_SKX",), "x86_64_v3": ("AVX2", "FMA3"), "aarch64": ("NEON",)}
"""Processor features, in NumPy's names, without which a prebuilt library must not run; best library first."""
WHEELS = {
    "manylinux_2_17_x86_64": ("x86_64-linux-gnu.2.17", ".so", ("x86_64_v4", "x86_64_v3")),
    "manylinux_2_17_aarch64": ("aarch64-linux-gnu.2.17", ".so", ("aarch64",)),
    "macosx_11_0_x86_64": ("x86_64-macos.11.0", ".dylib", ("x86_64_v3",)),
    "macosx_11_0_arm64": ("aarch64-macos.11.0", ".dylib", ("aarch64",)),
    "win_amd64": ("x86_64-windows-gnu", ".dll", ("x86_64_v4", "x86_64_v3")),
}
"""Wheel platform -> zig target, library suffix and the processor levels that a wheel holds a library for."""
ARCHITECTURES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}
COMPILE_SECONDS = 300


class BuildError(Exception):
    """A compiler is missing or failed."""


@dataclass(frozen=True)
class Compiler:
    """A C compiler, and how it is called."""

    name: str
    command: tuple[str, ...]
    version: str
    flags: tuple[str, ...]
    without_libc: bool = False
    """Link apart and leave the C library's symbols to the process that loads the result and holds that library."""

    @property
    def key(self) -> str:
        """Names a build: 16 hexadecimal digits."""
        digest = hashlib.sha256()
        for part in (*self.command, self.version, *self.flags, *CODE_FLAGS, *LINK_FLAGS, _processor()):
            digest.update(part.encode() + b"\0")
        for source in sorted(SOURCES.iterdir()):
            digest.update(source.read_bytes())
        return digest.hexdigest()[:16]


def build_folder() -> Path:
    """Where builds are kept."""
    from ..cache import cache_folder  # not at the top: setup.py loads this file by itself

    return cache_folder() / "native"


def compilers() -> list[Compiler]:
    """Compilers at hand, the preferred first.

    The one from the `ziglang` package leads: it is the same everywhere, its code was as fast as GCC 12's or faster, and
    it never opens a system dialogue, as the `cc` of a Mac without developer tools does.
    """
    found = []
    spec = importlib.util.find_spec("ziglang")
    if spec and spec.origin:
        zig = Path(spec.origin).parent / ("zig.exe" if os.name == "nt" else "zig")
        architecture = ARCHITECTURES.get(platform.machine().lower())
        linux = sys.platform == "linux" and architecture is not None
        # With a target it brings the C library's headers along, which a machine without developer tools lacks.
        target = ("-target", f"{architecture}-linux-{_libc()}") if linux else ()
        tune = ("-mcpu=native",) if architecture == "x86_64" else ()
        found.append(Compiler("zig", (str(zig), "cc"), _fingerprint(zig), (*target, *tune), without_libc=linux))
    tune = ("-march=native",) if ARCHITECTURES.get(platform.machine().lower()) == "x86_64" else ()
    for name in ("cc", "gcc", "clang"):
        if path := shutil.which(name):
            found.append(Compiler(name, (path,), _fingerprint(Path(path)), (*tune, *_system_flags())))
    return found


def build_for_wheel(platform_tag: str, folder: Path) -> list[Path]:
    """Cross-compiles the libraries of one wheel of `WHEELS` into `folder`.

    Raises:
        BuildError: see `compile_library`, or there is no zig.
    """
    zig = next((c for c in compilers() if c.name == "zig"), None)
    if zig is None:
        raise BuildError("prebuilt libraries need the ziglang package")
    target, suffix, levels = WHEELS[platform_tag]
    folder.mkdir(parents=True, exist_ok=True)
    libraries = []
    for level in levels:
        flags = ("-target", target, f"-mcpu={'baseline' if level == 'aarch64' else level}")
        libraries.append(folder / f"rasterizer-{level}{suffix}")
        with tempfile.TemporaryDirectory() as work:
            cross = Compiler("zig", zig.command, zig.version, flags, without_libc="linux" in target)
            compile_library(cross, libraries[-1], Path(work))
    return libraries


def prebuilt() -> Path | None:
    """Return the best library that came with the wheel and that this processor can run."""
    features = _numpy_cpu_features()
    for level, needs in PREBUILT_NEEDS.items():
        path = PREBUILT / f"rasterizer-{level}{SUFFIX}"
        if path.is_file() and all(features.get(need) for need in needs):
            return path
    return None


def find_build(compiler: Compiler) -> Path | None:
    """Return an undamaged earlier build; damaged ones are removed."""
    for path in sorted(build_folder().glob(f"rasterizer-{compiler.key}-*{SUFFIX}")):
        with suppress(OSError):  # another process may be removing it too
            if path.stem.rpartition("-")[2] == _checksum(path):
                return path
            path.unlink()
    return None


def build(compiler: Compiler) -> Path:
    """Compile into the cache, or into a private folder where the cache cannot be written.

    Raises:
        BuildError: the compiler failed; the message ends with its first complaint.
    """
    try:
        folder = build_folder()
        folder.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(folder)
        work = tempfile.mkdtemp(prefix="building-", dir=folder)
    except OSError:
        work = tempfile.mkdtemp(prefix="gagavatar-")
        folder = Path(work)
        atexit.register(shutil.rmtree, work, ignore_errors=True)
    try:
        library = Path(work) / f"rasterizer{SUFFIX}"
        compile_library(compiler, library, Path(work))
        target = folder / f"rasterizer-{compiler.key}-{_checksum(library)}{SUFFIX}"
        try:
            os.replace(library, target)
        except OSError:  # Windows refuses while another process has the same build loaded
            if not target.exists():
                raise
        return target
    finally:
        if folder != Path(work):
            shutil.rmtree(work, ignore_errors=True)


def compile_library(compiler: Compiler, library: Path, work: Path) -> None:
    """Compile the rasterizer's source into `library`, with working files in `work`.

    Raises:
        BuildError: the compiler could not be run, failed, or took longer than `COMPILE_SECONDS`.
    """
    source = str(SOURCES / "rasterizer.c")
    if compiler.without_libc:
        # Linking the C library would make zig build its support code for it, 4 s where all else takes one.
        _run(compiler, [source, *compiler.flags, *CODE_FLAGS, "-fPIC", "-c", "-o", str(work / "rasterizer.o")], work)
        source = str(work / "rasterizer.o")
        _run(compiler, [source, *compiler.flags[:2], *LINK_FLAGS, "-nostdlib", "-o", str(library)], work)
    else:
        _run(compiler, [source, *compiler.flags, *CODE_FLAGS, *LINK_FLAGS, "-o", str(library)], work)
    if not library.is_file():
        raise BuildError(f"{compiler.name} wrote nothing")


def _remove_abandoned(folder: Path) -> None:
    """Working folders of builds that were killed."""
    for work in folder.glob("building-*"):
        with suppress(OSError):
            if time.time() - work.stat().st_mtime > 2 * COMPILE_SECONDS:
                shutil.rmtree(work, ignore_errors=True)


def _run(compiler: Compiler, arguments: list[str], work: Path) -> None:
    own_cache = {"ZIG_GLOBAL_CACHE_DIR": str(work / "zig"), "ZIG_LOCAL_CACHE_DIR": str(work / "zig")}
    try:
        done = subprocess.run(
            [*compiler.command, *arguments],
            env={**os.environ, **own_cache},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=COMPILE_SECONDS,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BuildError(f"{compiler.command[0]}: {error}") from error
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [""]
        complaint = next((line for line in lines if "error" in line.lower()), lines[0])
        raise BuildError(f"{compiler.command[0]} ended with status {done.returncode}: {complaint}")


def _libc() -> str:
    return "gnu" if platform.libc_ver()[0] == "glibc" else "musl"


def _system_flags() -> tuple[str, ...]:
    return () if os.name == "nt" else ("-fPIC", "-pthread", "-lm")


def _fingerprint(executable: Path) -> str:
    """Changes with the compiler, and costs no process to find out."""
    stat = executable.resolve().stat()
    return f"{stat.st_size}-{stat.st_mtime_ns}"


def _checksum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def _processor() -> str:
    """Return what `-march=native` may depend on."""
    described = f"{sys.platform} {platform.machine()} {platform.processor()}"
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
    except OSError:
        return described
    wanted = ("model name", "flags", "Features", "CPU part")
    return described + "".join(sorted({line for line in lines if line.startswith(wanted)}))


def _numpy_cpu_features() -> dict[str, bool]:
    try:
        from numpy._core._multiarray_umath import __cpu_features__ as features  # NumPy 2
    except ImportError:
        try:
            from numpy.core._multiarray_umath import __cpu_features__ as features  # type: ignore[no-redef]
        except ImportError:
            return {}
    return features
