"""Rebuild the bundled data in gagavatar_nodes/assets from the packages it comes from.

    python -m venv rebuild && rebuild/bin/pip install -r tools/rebuild/requirements.txt
    rebuild/bin/python tools/rebuild_assets.py --check            # compare, overwrite nothing
    rebuild/bin/python tools/rebuild_assets.py head_cc0.npz       # rebuild one file

Inputs are fetched by pip, npm and apt-get into --work and verified by SHA-256. Shipped files are verified against
tools/rebuild/SHA256SUMS; rebuilt ones are compared with them by content where bytes may differ (encoder builds, the
tracker's rounding).
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ASSETS = ROOT / "gagavatar_nodes" / "assets"
TEST_DATA = ROOT / "tests" / "data"
FOR_TESTS = ("synthetic_driver.mp4", "synthetic_driver_truth.npy")
SUMS = ROOT / "tools" / "rebuild" / "SHA256SUMS"
sys.path[:0] = [str(ROOT), str(ROOT / "tools")]


def main() -> int:
    """Exit code 1 if a file is not what it should be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="files to rebuild; default: all")
    parser.add_argument("--check", action="store_true", help="compare with the shipped files, overwrite nothing")
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "rebuild", help="folder for inputs and results")
    args = parser.parse_args()
    builders = _builders()
    if unknown := set(args.names) - set(builders):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(builders)}")
    out = args.work / "assets"
    out.mkdir(parents=True, exist_ok=True)
    built: set[Callable[[Path, Path], None]] = set()
    good = True
    for name in args.names or builders:
        if builders[name] not in built:
            builders[name](args.work.resolve(), out.resolve())
            built.add(builders[name])
        good &= _check(name, out) if args.check else _install(name, out)
    return int(not good)


def _builders() -> dict[str, Callable[[Path, Path], None]]:
    from build_web_viewer import build_asset
    from make_example_portrait import make_example_portrait
    from rebuild import (
        canonical,
        driver,
        example_driver,
        head,
        models,
        perceptual,
        portraits,
        recognition,
        speech,
        voice,
        words,
    )

    return {
        "canonical.npz": canonical.build,
        **{name: models.builder(name) for name in models.MODELS},
        "head_cc0.npz": head.build,
        "synthetic_driver.mp4": driver.build,
        "synthetic_driver_truth.npy": driver.build,
        "example_driver.mp4": example_driver.build,
        "example_driver_truth.npz": example_driver.build,
        "speech_phones.npz": speech.build,
        "english_words.txt.xz": words.build,
        "example_voice.flac": voice.build,
        "lpips_heads.npz": perceptual.build,
        "face_recognition.onnx.xz": recognition.build,
        **dict.fromkeys(portraits.PORTRAITS, portraits.build),
        "web_viewer.js.xz": build_asset,
        "example_portrait.jpg": lambda _, out: make_example_portrait(out / "example_portrait.jpg"),
    }


def shipped(name: str) -> Path:
    """Where a file lies: in the package, or beside the tests that alone need it."""
    return (TEST_DATA if name in FOR_TESTS else ASSETS) / name


def _check(name: str, out: Path) -> bool:
    from rebuild.compare import compare

    expected = _sums()[name]
    intact = _sha256(shipped(name)) == expected
    same, how = compare(shipped(name), out / name)
    how += "" if intact else "; the shipped file has another hash"
    print(f"{'ok  ' if intact and same else 'FAIL'} {name}: {how}")
    return intact and same


def _install(name: str, out: Path) -> bool:
    shutil.copyfile(out / name, shipped(name))
    sums = _sums() | {name: _sha256(shipped(name))}
    SUMS.write_text("".join(f"{digest}  {file}\n" for file, digest in sums.items()))
    print(f"{sums[name]}  {name}")
    return True


def _sums() -> dict[str, str]:
    """File name -> SHA-256 of the shipped files."""
    return {name: digest for digest, name in (line.split() for line in SUMS.read_text().splitlines())}


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
