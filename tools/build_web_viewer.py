"""Bundle web_viewer/ into gagavatar_nodes/assets/web_viewer.js.xz, which pages of living avatars carry.

python tools/build_web_viewer.py [--check]

Needs Node.js 20 or newer. Every input is pinned: package-lock.json names versions and hashes.
"""

from __future__ import annotations

import argparse
import hashlib
import lzma
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent / "web_viewer"
ASSET = SOURCE.parent / "gagavatar_nodes" / "assets" / "web_viewer.js.xz"
SUMS = Path(__file__).resolve().parent / "rebuild" / "SHA256SUMS"
_FORBIDDEN = ("<!--", "eval(", "new Function", "WebAssembly.")
"""What must not stand in a script inside a page, or needs a weaker policy."""


def build() -> str:
    """Return the bundle, made in `SOURCE` from what its lock file names."""
    subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--silent"], cwd=SOURCE, check=True)
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder, "viewer.js")
        subprocess.run(["node", "build.mjs", str(made)], cwd=SOURCE, check=True)
        script = made.read_text(encoding="utf-8")
    found = [text for text in _FORBIDDEN if text in script]
    if found:
        raise SystemExit(f"The bundle holds {', '.join(found)}: mend it first")
    return script.replace("</script", "<\\/script")


def build_asset(_: Path, out: Path) -> None:
    """Write the asset into a folder, as `rebuild_assets` asks for it."""
    (out / ASSET.name).write_bytes(lzma.compress(build().encode("utf-8"), preset=9))


def _record_sum() -> None:
    """Write the asset's checksum where those of all shipped files are."""
    checksum = hashlib.sha256(ASSET.read_bytes()).hexdigest()
    lines = SUMS.read_text(encoding="utf-8").splitlines()
    lines = [f"{checksum}  {ASSET.name}" if line.endswith(f"  {ASSET.name}") else line for line in lines]
    SUMS.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")


def main() -> int:
    """Run; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare with the committed file instead of writing it")
    args = parser.parse_args()
    script = build()
    if args.check:
        same = ASSET.exists() and lzma.decompress(ASSET.read_bytes()).decode("utf-8") == script
        print(f"{ASSET.name} is {'the bundle of' if same else 'not what comes of'} web_viewer/")
        return 0 if same else 1
    ASSET.write_bytes(lzma.compress(script.encode("utf-8"), preset=9))
    _record_sum()
    print(f"{ASSET}: {len(script):,} bytes, {ASSET.stat().st_size:,} compressed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
