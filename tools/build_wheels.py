"""Cross-builds the wheels of all platforms, or of those named, into dist/; needs `ziglang` and `setuptools`.

python tools/build_wheels.py [--out dist] [PLATFORM ...]
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

from gagavatar_nodes.rendering.native_build import WHEELS

ROOT = Path(__file__).parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("platforms", nargs="*", metavar="PLATFORM", help=f"of: {', '.join(WHEELS)} (default: all)")
    parser.add_argument("--out", type=Path, default=ROOT / "dist")
    options = parser.parse_args()
    if unknown := set(options.platforms) - set(WHEELS):
        parser.error(f"unknown platform: {', '.join(sorted(unknown))}")
    for platform in options.platforms or WHEELS:
        shutil.rmtree(ROOT / "build", ignore_errors=True)  # it holds the libraries of the platform before
        command = [
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "--no-build-isolation",
            "--no-deps",
            "-q",
            "-w",
            str(options.out),
        ]
        subprocess.run([*command, str(ROOT)], env={**os.environ, "GAGAVATAR_WHEEL_PLATFORM": platform}, check=True)
    print(*sorted(path.name for path in options.out.glob("*.whl")), sep="\n")


if __name__ == "__main__":
    main()
