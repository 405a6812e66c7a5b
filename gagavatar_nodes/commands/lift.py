"""`gagavatar lift`: a portrait in, an avatar file out."""

from __future__ import annotations

import argparse
from typing import Any

from .options import add_command, add_lifting, add_published, finish, portrait_size, read_settings, tensor_output

_EXAMPLES = """\
  gagavatar lift photo.jpg -o photo.avatar.safetensors
  gagavatar lift photo.jpg -o photo.avatar.safetensors --avatar gagavatar
  gagavatar lift group.jpg -o second.avatar.safetensors --face 1 --density 400
"""


def add_parser(subparsers: Any) -> None:
    """Add `lift` to the subparsers of `gagavatar`."""
    parser = add_command(subparsers, "lift", run, "lift a portrait into an avatar file", _EXAMPLES)
    parser.add_argument("portrait", metavar="PORTRAIT", help="a picture with a face")
    parser.add_argument("-o", "--out", required=True, metavar="FILE", help="avatar file, .safetensors")
    add_lifting(parser)
    add_published(parser, renders=False)


def run(args: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    from .. import pipeline

    tensor_output(args.out, args.portrait)
    settings = read_settings(args)
    model, why = pipeline.check_model(args.avatar, settings)
    portrait = pipeline.read_portrait(args.portrait, args.face, portrait_size(model), settings)
    avatar = pipeline.lift(portrait, model, args.density, settings)
    avatar.save(args.out)
    summary = {"out": str(args.out), "avatar": model, "why": why, "gaussians": len(avatar)}
    return finish(args, summary, f"{args.out}: {model} avatar of {len(avatar):,} Gaussians ({why})")
