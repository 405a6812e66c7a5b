"""`gagavatar bench`: how fast avatars are drawn on this machine."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from .options import add_command, add_published, finish, read_settings, whole

_EXAMPLES = """\
  gagavatar bench --paper                 the paper's protocol on every device and in every precision at hand
  gagavatar bench --paper --json > speed.json
"""


def add_parser(subparsers: Any) -> None:
    """Add `bench` to the subparsers of `gagavatar`."""
    parser = add_command(subparsers, "bench", run, "measure frames a second on this machine", _EXAMPLES)
    parser.add_argument(
        "--paper",
        action="store_true",
        required=True,
        help="the paper's protocol: driving parameters computed before, 100 frames, their mean",
    )
    parser.add_argument("--frames", type=whole(2, 100_000), default=100, metavar="N", help="frames (default: 100)")
    add_published(parser)


def run(args: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    from ..evaluation.speed import measure_speed

    quiet = args.quiet or args.json or not sys.stderr.isatty()
    say = None if quiet else lambda line: print(f"measuring {line} ...", file=sys.stderr)
    report = measure_speed(read_settings(args), args.frames, say)
    return finish(args, report, "\n".join(_lines(report)))


def _lines(report: dict[str, Any]) -> list[str]:
    about = report["machine"]
    lines = [f"{about['processor']}, {about['cores']} processors; mean of {report['frames']} frames of 512 x 512"]
    for row in report["rows"]:
        name = f"{row['avatar']}, {row['device']}, {row['precision']}"
        lines.append(
            f"{name}: {row['fps']:g} frames a second" if "fps" in row else f"{name}: missing: {row['missing']}"
        )
    lines += [f"{row['avatar']}: {row['fps']:g} frames a second ({row['source']})" for row in report["published"]]
    return lines
