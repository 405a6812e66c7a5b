"""`gagavatar export`: one moment of an avatar as a splat file."""

from __future__ import annotations

import argparse
from typing import Any

from .options import add_command, add_published, finish, read_settings

_EXAMPLES = """\
  gagavatar export photo.avatar.safetensors -o head.ply
  gagavatar export photo.avatar.safetensors -o laugh.splat --motion talking.safetensors --frame 40
"""


def add_parser(subparsers: Any) -> None:
    """Add `export` to the subparsers of `gagavatar`."""
    parser = add_command(subparsers, "export", run, "export an avatar as a 3D Gaussian splat file", _EXAMPLES)
    parser.add_argument("avatar", metavar="AVATAR", help="from `gagavatar lift`")
    parser.add_argument("-o", "--out", required=True, metavar="FILE", help=".ply .splat .spz")
    parser.add_argument("--motion", metavar="MOTION", help="motion file or built-in motion (default: a face at rest)")
    parser.add_argument("--frame", type=int, default=0, metavar="N", help="frame of the motion (default: 0)")
    add_published(parser)


def run(args: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    from .. import pipeline
    from ..avatars import load_avatar
    from ..driving.operations import neutral_motion
    from ..errors import GagavatarError
    from ..export.exporters import check_export, export_gaussians
    from ..media.files import check_writable

    check_export(args.out)
    check_writable(args.out, (args.avatar, args.motion))
    settings = read_settings(args)
    avatar = load_avatar(args.avatar, settings)
    motion = pipeline.read_driver(args.motion, settings=settings) if args.motion else neutral_motion()
    if not 0 <= args.frame < len(motion):
        has = f"{args.motion} has frames 0 to {len(motion) - 1}" if args.motion else "Without --motion there is frame 0"
        raise GagavatarError(f"{has}, but --frame is {args.frame}")
    count = export_gaussians(avatar.perform(motion).gaussians(args.frame), args.out)
    summary = {"out": str(args.out), "gaussians": count, "frame": args.frame}
    return finish(args, summary, f"{args.out}: {count:,} Gaussians")
