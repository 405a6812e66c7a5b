"""The `gagavatar` command."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from . import __version__
from .commands import animate, export, info, lift, render, track, weights
from .errors import GagavatarError

_EXAMPLES = """\
examples:
  gagavatar animate photo.jpg talking.mp4 -o out.mp4      one photo, one driving video
  gagavatar animate photo.jpg talk -o out.mp4             no driver at all: a built-in motion
  gagavatar lift photo.jpg -o me.safetensors              lift once ...
  gagavatar render me.safetensors talking.mp4 -o out.mp4  ... drive many times
  gagavatar COMMAND --help                                every option of a command

exit codes: 0 done, 1 something to mend (one line says what), 2 wrong usage, 130 interrupted
"""
INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit code: 0, 1 for an error the user can mend, 2 for usage, 130 for Ctrl-C."""
    args = _parser().parse_args(argv)
    try:
        return args.run(args)
    except GagavatarError as error:
        print(f"gagavatar: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("gagavatar: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - Python flushes it once more on exit
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gagavatar",
        description="One photo becomes a 3D Gaussian head avatar that any face can drive.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"gagavatar-nodes {__version__}")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for add in (
        animate.add_parser,
        track.add_parser,
        lift.add_parser,
        render.add_render_parser,
        render.add_orbit_parser,
        export.add_parser,
        weights.add_parser,
        info.add_parser,
    ):
        add(subparsers)
    return parser


def run() -> None:
    """Entry point: leaves at once after Ctrl-C, without waiting for threads that are still at work."""
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    if code == INTERRUPTED:
        os._exit(code)
    sys.exit(code)


if __name__ == "__main__":
    run()
