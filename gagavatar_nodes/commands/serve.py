"""`gagavatar serve`: avatars over HTTP."""

from __future__ import annotations

import argparse
import importlib.util
from pathlib import Path
from typing import Any

from ..errors import GagavatarError
from .options import add_command, add_published, number, read_settings, whole

_NEEDED = ("fastapi", "uvicorn", "prometheus_client", "python_multipart")
_LOCAL = ("127.0.0.1", "::1", "localhost")
_EXAMPLES = """\
  gagavatar serve                                         on this machine alone, see http://127.0.0.1:8000/docs
  gagavatar serve --host 0.0.0.0 --keys keys.txt          name:key or name:key:quota a line
"""


def add_parser(subparsers: Any) -> None:
    """Add `serve` to the subparsers of `gagavatar`."""
    parser = add_command(subparsers, "serve", run, "serve avatars, motions and clips over HTTP", _EXAMPLES)
    parser.add_argument("--host", default="127.0.0.1", metavar="ADDRESS", help="default: 127.0.0.1")
    parser.add_argument("--port", type=whole(1, 65535), default=8000, metavar="N", help="default: 8000")
    parser.add_argument(
        "--data", default="gagavatar-data", metavar="DIR", help="uploads, results, ledger (default: gagavatar-data)"
    )
    parser.add_argument("--workers", type=whole(1, 4096), metavar="N", help="tasks at a time (default: by the machine)")
    access = parser.add_argument_group("access")
    access.add_argument("--keys", metavar="FILE", help="API keys; also from the variable GAGAVATAR_API_KEYS")
    access.add_argument("--no-keys", action="store_true", help="serve everybody, even beyond this machine")
    access.add_argument(
        "--quota", type=whole(0, 10**9), default=0, metavar="N", help="tasks an hour (default: 0, none)"
    )
    limits = parser.add_argument_group("limits")
    limits.add_argument("--max-upload", type=whole(1, 10_000), default=200, metavar="MB", help="default: 200")
    limits.add_argument("--max-pixels", type=whole(1, 100), default=40, metavar="MP", help="million (default: 40)")
    limits.add_argument("--max-seconds", type=number(1, 3600), default=60.0, metavar="S", help="of a driver: 60")
    limits.add_argument("--max-size", type=whole(128, 2048), default=1024, metavar="PX", help="of a clip: 1024")
    limits.add_argument("--max-queue", type=whole(1, 10**6), default=64, metavar="N", help="tasks (default: 64)")
    limits.add_argument("--max-live", type=whole(0, 1000), default=2, metavar="N", help="connections (default: 2)")
    limits.add_argument("--max-task", type=number(1, 86400), default=3600.0, metavar="S", help="seconds of one: 3600")
    limits.add_argument("--keep", type=number(0.01, 10**5), default=24.0, metavar="H", help="hours (default: 24)")
    limits.add_argument("--grace", type=number(0, 3600), default=30.0, metavar="S", help="to finish on stop: 30")
    add_published(parser)


def run(args: argparse.Namespace) -> int:
    """Run the command; returns the exit code.

    Raises:
        GagavatarError: a package is missing, the port is taken, or the service would be open to everybody.
    """
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise GagavatarError(
            f"The service needs {', '.join(missing)}: install with pip install 'gagavatar-nodes[serve]', then try again"
        )
    from ..service.serving import serve

    config = _config(args)
    if not len(config.keys) and args.host not in _LOCAL and not args.no_keys:
        raise GagavatarError(f"Everybody could use the service at {args.host}: give --keys, or --no-keys")
    try:
        serve(config, args.host, args.port)
    except OSError as error:
        raise GagavatarError(f"The service cannot start: {error}: choose another --port, --host or --data") from error
    return 0


def _config(args: argparse.Namespace) -> Any:
    from .. import pipeline
    from ..batch.sizing import pool_size, this_machine
    from ..service.config import Config
    from ..service.keys import Keys

    settings = read_settings(args)
    model = pipeline.check_model("auto", settings)[0]
    workers: int | None = args.workers
    devices: tuple[str, ...] = ()
    if workers is None:
        size = pool_size(this_machine(model == "gagavatar"), {model}, args.device)
        workers, devices = size.workers, size.devices
    return Config(
        data=Path(args.data).resolve(),
        workers=workers,
        devices=devices,
        keys=Keys.read(args.keys),
        settings=settings,
        megabytes=args.max_upload,
        pixels=args.max_pixels * 1_000_000,
        seconds=args.max_seconds,
        edge=args.max_size,
        queue=args.max_queue,
        quota=args.quota,
        lifetime=args.keep * 3600,
        task_seconds=args.max_task,
        live=args.max_live,
        grace=args.grace,
    )
