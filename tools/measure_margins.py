"""How near the tests' numeric bounds are to what they bound, and how much that differs between machines.

    python tools/measure_margins.py run plain build/plain tests/tracking     # note the sides of every comparison
    python tools/measure_margins.py run avx2 build/avx2 tests/tracking       # as a processor without AVX-512
    python tools/measure_margins.py compare build/plain build/avx2           # which margins are small

A margin is the distance of a value from its bound. It is small when it is less than four times as large as the
differences between the variants. Another Python (`--python`) brings other versions of NumPy, OpenCV and onnxruntime.
onnxruntime cannot be lowered by its environment; other versions of it differ as much as other processors.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

TOOLS = Path(__file__).parent
_NUMPY_512 = "X86_V4 AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL AVX512_SPR"
VARIANTS: dict[str, dict[str, str]] = {
    "plain": {},
    "avx2": {
        "NPY_DISABLE_CPU_FEATURES": _NUMPY_512,
        "OPENBLAS_CORETYPE": "Haswell",
        "OPENCV_CPU_DISABLE": "AVX512-SKX",
        "ATEN_CPU_CAPABILITY": "avx2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
        "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX512BW",
        "RASTERIZER_PROCESSOR": "x86_64_v3",
    },
    "baseline": {
        "NPY_DISABLE_CPU_FEATURES": f"X86_V3 AVX2 FMA3 {_NUMPY_512}",
        "OPENBLAS_CORETYPE": "Nehalem",
        "OPENCV_CPU_DISABLE": "AVX512-SKX,AVX2,AVX,FP16,SSE4.2,SSE4.1",
        "ATEN_CPU_CAPABILITY": "default",
        "ONEDNN_MAX_CPU_ISA": "SSE41",
        "MKL_ENABLE_INSTRUCTIONS": "SSE4_2",
        "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX512F,-AVX2,-AVX,-FMA,-FMA4",
        "RASTERIZER_PROCESSOR": "x86_64_v2",
    },
    "threads": {"OMP_NUM_THREADS": "2", "GAGAVATAR_THREADS": "2"},
}
"""Environments that lower what the libraries make of the processor. NumPy passes over names of its other versions."""
_TIMES = 4.0


def main() -> int:
    """Exit code of the tests, or 1 where a margin is small."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    actions = parser.add_subparsers(dest="action", required=True)
    run = actions.add_parser("run", help="run tests and note both sides of their comparisons")
    run.add_argument("variant", choices=VARIANTS)
    run.add_argument("folder", type=Path, help="for the notes")
    run.add_argument("tests", nargs="+", help="files, folders and options of pytest")
    run.add_argument("--python", default=sys.executable)
    compare = actions.add_parser("compare", help="list small margins")
    compare.add_argument("folders", nargs="+", type=Path)
    args, more = parser.parse_known_args()
    if args.action == "run":
        return _run(args, [*args.tests, *more])
    lines = list(small_margins([read_notes(folder) for folder in args.folders]))
    print("\n".join(lines) or "no margin is small")
    return int(bool(lines))


def _run(args: argparse.Namespace, tests: list[str]) -> int:
    shutil.rmtree(args.folder, ignore_errors=True)
    paths = os.pathsep.join([str(TOOLS), *filter(None, [os.environ.get("PYTHONPATH")])])
    variant = VARIANTS[args.variant]
    plugins = ["-p", "margins_plugin", *(["-p", "lowered_rasterizer"] if "RASTERIZER_PROCESSOR" in variant else [])]
    command = [args.python, "-m", "pytest", "-q", *plugins, *tests]
    folder = str(args.folder.resolve())
    return subprocess.call(command, env={**os.environ, **variant, "PYTHONPATH": paths, "MARGINS_FOLDER": folder})


def read_notes(folder: Path) -> dict[str, tuple[float, float]]:
    """Place of a comparison -> the side that should be smaller, and the larger."""
    notes: dict[str, tuple[float, float]] = {}
    for file in folder.glob("*.json"):
        notes |= json.loads(file.read_text())
    return notes


def small_margins(runs: list[dict[str, tuple[float, float]]]) -> Iterable[str]:
    """One line for each comparison that failed, or whose margin is small, the smallest first."""
    found = []
    for place in sorted(set().union(*runs)):
        sides = [run[place] for run in runs if place in run]
        margins = [larger - smaller for smaller, larger in sides]
        spread = max(margins) - min(margins)
        if max(margins) >= 0 and min(margins) < _TIMES * spread:  # what never holds is part of a larger condition
            values = ", ".join(f"{smaller:.6g}|{larger:.6g}" for smaller, larger in sides)
            found.append((min(margins) / spread, f"{min(margins) / spread:6.2f} x  {place}  {values}"))
    return [line for _, line in sorted(found)]


if __name__ == "__main__":
    sys.exit(main())
