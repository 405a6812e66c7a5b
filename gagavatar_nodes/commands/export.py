"""`gagavatar export`: an avatar as a splat file, or as a page that lives."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..choices import SPZ_VERSIONS
from .options import add_command, add_published, finish, read_settings

if TYPE_CHECKING:
    from ..export.web_page import PageOptions

_EXAMPLES = """\
  gagavatar export photo.avatar.safetensors -o head.ply
  gagavatar export photo.avatar.safetensors -o laugh.splat --motion talking.safetensors --frame 40
  gagavatar export photo.avatar.safetensors -o head.spz --spz 4
  gagavatar export photo.avatar.safetensors -o me.html --motion talking.mp4
  gagavatar export photo.avatar.safetensors -o me.html --motion smile --motion look_around --background white
"""


def add_parser(subparsers: Any) -> None:
    """Add `export` to the subparsers of `gagavatar`."""
    parser = add_command(subparsers, "export", run, "export an avatar as a splat file or a living web page", _EXAMPLES)
    parser.add_argument("avatar", metavar="AVATAR", help="from `gagavatar lift`")
    parser.add_argument("-o", "--out", required=True, metavar="FILE", help=".html .ply .splat .spz .glb")
    parser.add_argument(
        "--motion",
        action="append",
        default=[],
        metavar="MOTION",
        help="motion file, built-in motion, video or sound; several times for a page that offers several (default: a "
        "face at rest)",
    )
    parser.add_argument("--frame", type=int, default=0, metavar="N", help="frame of the motion (default: 0)")
    parser.add_argument(
        "--spz",
        type=int,
        choices=SPZ_VERSIONS,
        default=SPZ_VERSIONS[0],
        help="version of .spz; 4 carries the rig too, which plain viewers skip (default: 2)",
    )
    page = parser.add_argument_group("web page (.html)")
    page.add_argument("--audio", metavar="FILE", help="sound of the first motion (default: its file's own)")
    page.add_argument("--background", metavar="COLOR|FILE", help="color or picture (default: light or dark)")
    page.add_argument("--title", metavar="TEXT", help="of the page (default: the avatar file's name)")
    page.add_argument("--live", default="", metavar="URL", help="WebSocket whose JSON drives it, ws://localhost:8765")
    page.add_argument(
        "--webcam", action="store_true", help="offer the visitor's camera; the page then fetches MediaPipe when asked"
    )
    add_published(parser, renders=False)


def run(args: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    from ..export.exporters import check_export
    from ..media.files import check_writable

    living = Path(args.out).suffix.lower() == ".html"
    if not living:
        check_export(args.out)
    check_writable(args.out, (args.avatar, args.audio, args.background, *args.motion))
    return _page(args) if living else _splat(args)


def _splat(args: argparse.Namespace) -> int:
    from .. import pipeline
    from ..avatars import load_avatar
    from ..driving.operations import neutral_motion
    from ..errors import GagavatarError
    from ..export.exporters import export_gaussians
    from ..export.spz import write_spz

    if args.spz != SPZ_VERSIONS[0] and Path(args.out).suffix.lower() != ".spz":
        raise GagavatarError(f"--spz {args.spz} is for files that end in .spz, not for {args.out}")
    if len(args.motion) > 1:
        raise GagavatarError(f"{args.out} holds one moment: give one --motion")
    settings = read_settings(args)
    avatar = load_avatar(args.avatar, settings)
    given = args.motion[0] if args.motion else None
    motion = pipeline.read_driver(given, settings=settings) if given else neutral_motion()
    if not 0 <= args.frame < len(motion):
        has = f"{given} has frames 0 to {len(motion) - 1}" if given else "Without --motion there is frame 0"
        raise GagavatarError(f"{has}, but --frame is {args.frame}")
    gaussians = avatar.perform(motion).gaussians(args.frame)
    if args.spz == SPZ_VERSIONS[0]:
        count = export_gaussians(gaussians, args.out)
    else:
        rig = avatar.rig() if args.spz == SPZ_VERSIONS[-1] and avatar.network is None else None
        count = write_spz(gaussians, args.out, args.spz, rig)
    summary = {"out": str(args.out), "gaussians": count, "frame": args.frame}
    return finish(args, summary, f"{args.out}: {count:,} Gaussians")


def _page(args: argparse.Namespace) -> int:
    from .. import pipeline
    from ..avatars import load_avatar
    from ..living import write_page

    settings = read_settings(args)
    options = _options(args)
    avatar = load_avatar(args.avatar, settings)
    avatar.rig()  # to fail before tracking
    motions = {Path(motion).stem: pipeline.read_driver(motion, settings=settings) for motion in args.motion}
    first = args.motion[0] if args.motion else None
    sound = args.audio or (first if first and pipeline.is_media(first) else None)
    size = write_page(args.out, avatar, motions, sound, options)
    summary = {"out": str(args.out), "bytes": size, "motions": list(motions)}
    return finish(args, summary, f"{args.out}: {size / 1e6:.1f} MB, opens in any browser")


def _options(args: argparse.Namespace) -> PageOptions:
    from ..errors import MediaError
    from ..export.web_page import PageOptions
    from ..media.backgrounds import parse_color
    from ..media.images import read_image

    color = parse_color(args.background) if args.background else None
    if args.background and color is None and not Path(args.background).exists():
        raise MediaError(
            f"Background {args.background} is neither a color nor a picture that exists: check its spelling"
        )
    picture = read_image(args.background).rgb if args.background and color is None else None
    title = args.title if args.title is not None else Path(args.avatar).name.split(".")[0]
    return PageOptions(title, color if picture is None else picture, args.live, args.webcam)
