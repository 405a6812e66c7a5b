"""The `gagavatar` command."""

from __future__ import annotations

import argparse
import errno
import os
import platform
import signal
import sys
from collections.abc import Sequence

from . import __version__
from .commands import (
    animate,
    app,
    batch,
    bench,
    demo,
    evaluate,
    export,
    info,
    lift,
    prepare,
    reexpress,
    render,
    serve,
    track,
    train,
    weights,
)
from .commands.options import Parser
from .errors import GagavatarError
from .packages import NO_MEMORY, check_memory, lacks_memory
from .stopping import stop_on_signals
from .temporary import remove_rest

_EXAMPLES = """\
examples:
  gagavatar animate photo.jpg talking.mp4 -o out.mp4      one photo, one driving video
  gagavatar animate photo.jpg talk -o out.mp4             no driver at all: a built-in motion
  gagavatar lift photo.jpg -o me.safetensors              lift once ...
  gagavatar render me.safetensors talking.mp4 -o out.mp4  ... drive many times
  gagavatar COMMAND --help                                every option of a command

exit codes: 0 done, 1 something to mend (one line says what), 2 wrong usage, 130 interrupted, 143 terminated
"""
_BY_SIGNAL = 128
INTERRUPTED = _BY_SIGNAL + signal.SIGINT
_LIGHT = ("info", "weights")
"""Commands that neither track nor draw."""
_REFUSALS = ("ENOSPC", "EDQUOT", "EFBIG", "EACCES", "EPERM", "EROFS", "EIO", "EMFILE", "ENAMETOOLONG")
_REFUSED = {getattr(errno, name) for name in _REFUSALS if hasattr(errno, name)}
"""Numbers of errors that are the machine's and not the program's, wherever they turn up."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code.

    It is 0, 1 for an error that the user can mend, 2 for usage, 130 for Ctrl-C, 143 for SIGTERM.
    """
    args = _parser().parse_args(argv)
    try:
        if args.command not in _LIGHT:
            check_memory()
        code = args.run(args)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt as stop:
        print("gagavatar: interrupted", file=sys.stderr)
        return getattr(stop, "exit_code", INTERRUPTED)
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - Python flushes it once more on exit
        return 1
    except Exception as error:
        if line := _explain(error):
            return _complain(line)
        raise


def _explain(error: Exception) -> str | None:
    """Return what the user can do about an error; None where it is the program's fault."""
    if lacks_memory(error):
        return NO_MEMORY
    if isinstance(error, GagavatarError):
        return str(error)
    if isinstance(error, OSError) and error.errno in _REFUSED:
        return f"{error.filename or 'A file'}: {error.strerror}: check the disk, the path and its permissions"
    return None


def _complain(message: str) -> int:
    """One line on stderr, whatever the names and libraries that the message quotes contain."""
    print("gagavatar: " + " ".join(message.splitlines()), file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="gagavatar",
        description="One photo becomes a 3D Gaussian head avatar that any face can drive.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"gagavatar-nodes {__version__}")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for add in (
        animate.add_parser,
        reexpress.add_parser,
        track.add_parser,
        lift.add_parser,
        render.add_render_parser,
        render.add_orbit_parser,
        export.add_parser,
        weights.add_parser,
        batch.add_parser,
        prepare.add_parser,
        train.add_parser,
        evaluate.add_parser,
        bench.add_parser,
        info.add_parser,
        demo.add_parser,
        app.add_parser,
        serve.add_parser,
    ):
        add(subparsers)
    return parser


def run() -> None:
    """Entry point: leaves at once after Ctrl-C or SIGTERM, without waiting for threads that are still at work."""
    # NumPy's products are small here, and threads that spin while they wait for more take the cores from the rest.
    if platform.machine() in ("x86_64", "AMD64"):  # elsewhere those of PyTorch are OpenBLAS's as well
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    stop_on_signals()
    for stream in (sys.stdout, sys.stderr):
        # A file's name may hold what the terminal cannot show.
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    code = main()
    sys.stderr.flush()
    if code >= _BY_SIGNAL:
        remove_rest()
        os._exit(code)
    sys.exit(code)


if __name__ == "__main__":
    run()
