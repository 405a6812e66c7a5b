"""`gagavatar weights`: list, status, download, verify, path, import-flame."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .progress import Bar

if TYPE_CHECKING:
    from ..weights.manifest import WeightFile

_EXAMPLES = """\
examples:
  gagavatar weights list
  gagavatar weights download GAGAvatar.pt
  gagavatar weights download FLAME_with_eye.pt --accept-license
  gagavatar weights download GAGAvatar.pt --folder D:/models/gagavatar
  gagavatar weights import-flame generic_model.pkl

HF_TOKEN, HF_ENDPOINT, HF_HUB_OFFLINE, HF_HUB_CACHE and proxy variables hold. GAGAVATAR_WEIGHTS names a folder for good.
"""


def add_parser(subparsers: Any) -> None:
    """Add `weights` to the subparsers of `gagavatar`. Each action sets `run`, a function of the parsed arguments."""
    parser = subparsers.add_parser(
        "weights",
        help="list, download and verify the files of the published network",
        description="Files that do not ship with the package: where they come from, their licenses, their download.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    _action(actions, "list", _list, "what can be downloaded, under which license")
    _action(actions, "status", _status, "what is here, and in which state")
    download = _action(actions, "download", _download, "fetch files from the hub; goes on where it was interrupted")
    download.add_argument("names", nargs="+", metavar="NAME", help="a name from `weights list`, or 'all'")
    download.add_argument(
        "--accept-license",
        "--accept-licence",
        action="store_true",
        help="I have read and accepted the licenses that `weights list` names",
    )
    verify = _action(actions, "verify", _verify, "read every byte and compare with the recorded hashes")
    verify.add_argument("names", nargs="*", metavar="NAME", help="default: every file that is here")
    verify.add_argument(
        "--relock",
        action="store_true",
        help="take the present or next file on purpose, whatever hash was expected",
    )
    path = _action(
        actions, "path", _path, "print where a file lies; without a name, the folder for files placed by hand"
    )
    path.add_argument("name", nargs="?", metavar="NAME")
    flame = _action(actions, "import-flame", _import_flame, "convert an official FLAME file that you have downloaded")
    flame.add_argument("file", metavar="PATH", help="generic_model.pkl, flame2023.pkl, ... from flame.is.tue.mpg.de")
    flame.add_argument(
        "--landmarks", metavar="FILE", help="landmark embedding; default: that of FLAME_with_eye.pt, if here"
    )
    flame.add_argument("--edition", metavar="NAME", help="2020, 2023, ... where the file does not tell")
    flame.add_argument("-o", "--out", metavar="FILE", help="default: FLAME.safetensors in the weights folder")


def _action(actions: Any, name: str, run: Any, help_text: str) -> argparse.ArgumentParser:
    parser = actions.add_parser(name, help=help_text, description=help_text)
    parser.add_argument("--folder", metavar="DIR", help="look in, or download into, this folder")
    parser.add_argument("--json", action="store_true", help="print JSON for machines")
    parser.set_defaults(run=run)
    return parser


def _list(args: argparse.Namespace) -> int:
    from dataclasses import asdict

    from ..weights import manifest

    if args.json:
        return _print_json([asdict(entry) | {"address": entry.address} for entry in manifest().values()])
    for entry in manifest().values():
        size = "size unknown" if entry.size is None else f"{entry.size / 1e6:,.1f} MB"
        consent = "; needs --accept-license" if entry.gated else ""
        print(f"{entry.name}\n  {entry.purpose}\n  {entry.license} ({entry.license_url}){consent}")
        print(f"  {entry.address} ({size})")
    return 0


def _status(args: argparse.Namespace) -> int:
    from ..weights import manifest

    report = [_state(entry, args.folder) for entry in manifest().values()]
    if args.json:
        return _print_json(report)
    for one in report:
        print(f"{one['name']}: {one['state']}" + (f"  {one['path']}" if one["path"] else ""))
    return 0


def _state(entry: WeightFile, folder: str | None) -> dict[str, Any]:
    """State of one file, without hashing it: absent, partial, unrecorded, recorded, or damaged."""
    from ..weights.locations import find_weight, hand_path, partial_file
    from ..weights.lockfile import LockFile, lock_folder

    path, partial = find_weight(entry.name, folder), partial_file(entry, folder)
    report: dict[str, Any] = {"name": entry.name, "state": "absent", "path": None, "size": None, "sha256": None}
    report["hand_path"] = str(hand_path(entry.name, folder))
    if path is not None:
        record = LockFile(lock_folder(entry, path)).entry(entry.name)
        size = path.stat().st_size
        report |= {"state": "unrecorded", "path": str(path), "size": size}
        if record is not None and "size" in record:
            report |= {"state": "recorded" if size == record["size"] else "damaged", "sha256": record["sha256"]}
    elif partial is not None:
        report |= {"state": "partial", "path": str(partial), "size": partial.stat().st_size}
    return report


def _download(args: argparse.Namespace) -> int:
    from ..weights import manifest
    from ..weights.download import download

    everything = [name for name, entry in manifest().items() if entry.repo is not None]
    names = everything if args.names == ["all"] else args.names
    done = {}
    for name in names:
        with Bar(args, name, "B", unit_scale=True, leave=True) as bar:
            path = download(name, args.folder, args.accept_license, _ask, bar, _say)
        done[name] = str(path)
        if not args.json:
            print(path)
    return _print_json(done) if args.json else 0


def _verify(args: argparse.Namespace) -> int:
    from ..errors import WeightsError
    from ..weights import manifest, weight
    from ..weights.locations import find_weight, missing_message, record_folder
    from ..weights.lockfile import LockFile, check

    report, failed = [], False
    for entry in [weight(name) for name in args.names] or list(manifest().values()):
        path = find_weight(entry.name, args.folder)
        if path is None and not args.names:
            continue
        result = {"name": entry.name, "path": str(path) if path else None, "sha256": None, "error": None}
        try:
            if args.relock:
                LockFile(record_folder(entry, args.folder)).accept(entry.name)
            if path is not None:
                result["sha256"] = check(entry, path, full=True)
            elif not args.relock:
                raise WeightsError(missing_message(entry, args.folder))
        except WeightsError as error:
            result["error"], failed = str(error), True
        report.append(result)
    if args.json:
        _print_json(report)
    for one in () if args.json else report:
        line = one["error"] or f"{one['name']}: {one['sha256'] or 'forgotten'}"
        print(line, file=sys.stderr if one["error"] else sys.stdout)
    return int(failed)


def _path(args: argparse.Namespace) -> int:
    from ..errors import WeightsError
    from ..weights.locations import default_folder, find_weight, missing_message
    from ..weights.manifest import weight

    path = Path(args.folder) if args.folder else default_folder()
    if args.name:
        found = find_weight(args.name, args.folder)
        if found is None:
            raise WeightsError(missing_message(weight(args.name), args.folder))
        path = found
    return _print_json({"path": str(path)}) if args.json else print(path) or 0


def _import_flame(args: argparse.Namespace) -> int:
    from ..heads.flame_files import import_flame
    from ..weights.locations import IMPORTED_FLAME, find_weight, hand_path

    published = "FLAME_with_eye.pt"
    out = args.out or hand_path(published, args.folder).with_name(IMPORTED_FLAME)
    path = import_flame(args.file, out, args.landmarks or find_weight(published, args.folder), args.edition)
    return _print_json({"path": str(path)}) if args.json else print(path) or 0


def _ask(entry: WeightFile) -> bool:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    print(f"{entry.name} is under the {entry.license}: {entry.license_url}", file=sys.stderr)
    print("Have you read and accepted it? [yes/no] ", end="", file=sys.stderr, flush=True)
    return input().strip().lower() == "yes"


def _say(line: str) -> None:
    print(line, file=sys.stderr)


def _print_json(document: Any) -> int:
    json.dump(document, sys.stdout, indent=2)
    print()
    return 0
