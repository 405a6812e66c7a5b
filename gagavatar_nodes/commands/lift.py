"""`gagavatar lift`: a portrait in, an avatar file out."""

from __future__ import annotations

import argparse
from typing import Any

from .options import add_command, add_lifting, finish, tensor_output

_EXAMPLES = """\
  gagavatar lift photo.jpg -o photo.avatar.safetensors
  gagavatar lift group.jpg -o second.avatar.safetensors --face 1 --density 400
"""


def add_parser(subparsers: Any) -> None:
    """Add `lift` to the subparsers of `gagavatar`."""
    parser = add_command(subparsers, "lift", run, "lift a portrait into an avatar file", _EXAMPLES)
    parser.add_argument("portrait", metavar="PORTRAIT", help="a picture with a face")
    parser.add_argument("-o", "--out", required=True, metavar="FILE", help="avatar file, .safetensors")
    add_lifting(parser)


def run(args: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    from .. import pipeline

    tensor_output(args.out, args.portrait)
    avatar = pipeline.lift(pipeline.read_portrait(args.portrait, args.face), args.avatar, args.density)
    avatar.save(args.out)
    summary = {"out": str(args.out), "avatar": avatar.model, "gaussians": len(avatar)}
    return finish(args, summary, f"{args.out}: {avatar.model} avatar of {len(avatar):,} Gaussians")
