"""`gagavatar app`: the demo in the browser."""

from __future__ import annotations

import argparse
import importlib.util
from typing import Any

from ..errors import GagavatarError
from .options import add_command, number, whole


def add_parser(subparsers: Any) -> None:
    """Add `app` to the subparsers of `gagavatar`."""
    parser = add_command(
        subparsers,
        "app",
        run,
        "open the demo in a browser",
        "  gagavatar app                                  on this machine alone\n"
        "  gagavatar app --listen 0.0.0.0 --auth me:pass  for the local network, with a password\n",
    )
    parser.add_argument(
        "--listen", default="127.0.0.1", metavar="ADDRESS", help="address to serve (default: 127.0.0.1)"
    )
    parser.add_argument("--port", type=whole(1, 65535), metavar="N", help="default: the first free one from 7860")
    parser.add_argument("--share", action="store_true", help="also make a public link, by way of Gradio's servers")
    parser.add_argument("--auth", type=_credentials, metavar="USER:PASSWORD", help="ask visitors for these")
    parser.add_argument(
        "--root-path", metavar="PATH", help="path under which a proxy shows the page, such as /gagavatar"
    )
    parser.add_argument(
        "--host-name", action="append", default=[], metavar="NAME",
        help="name under which a proxy or a router shows the page, such as heads.example.org; may be given repeatedly",
    )  # fmt: skip
    parser.add_argument("--no-browser", action="store_true", help="do not open the page")
    limits = parser.add_argument_group("limits")
    limits.add_argument("--max-upload", type=whole(1, 10_000), default=200, metavar="MB", help="default: 200")
    limits.add_argument(
        "--max-seconds", type=number(1, 3600), default=60.0, metavar="S", help="of a driver (default: 60)"
    )
    limits.add_argument("--max-size", type=whole(128, 2048), default=1024, metavar="PX", help="default: 1024")
    limits.add_argument("--max-jobs", type=whole(1, 1000), default=20, metavar="N", help="that wait (default: 20)")


def run(args: argparse.Namespace) -> int:
    """Run the command; returns the exit code.

    Raises:
        GagavatarError: Gradio is missing, or the port is taken.
    """
    if importlib.util.find_spec("gradio") is None:
        raise GagavatarError('The page needs Gradio: run pip install "gagavatar-nodes[app]", then try again')
    from ..app.limits import Limits
    from ..app.page import Serving, serve

    limits = Limits(args.max_upload, args.max_seconds, args.max_size, args.max_jobs)
    serving = Serving(
        args.listen,
        args.port,
        args.share,
        args.auth,
        args.root_path,
        tuple(args.host_name),
        not args.no_browser,
        limits,
    )
    try:
        serve(serving)
    except OSError as error:
        raise GagavatarError(f"The page cannot be served: {error}. Choose another --port or --listen") from error
    return 0


def _credentials(text: str) -> tuple[str, str]:
    user, separator, password = text.partition(":")
    if not (separator and user and password):
        raise argparse.ArgumentTypeError("must be USER:PASSWORD, both not empty")
    return user, password
