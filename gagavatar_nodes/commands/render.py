"""`gagavatar render` and `gagavatar orbit`: an avatar file performs."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from ..choices import FPS as RATE
from ..choices import ORBIT_PITCH, ORBIT_SECONDS, ORBIT_YAW, ORBITS
from .options import (
    FPS,
    SECONDS,
    add_command,
    add_look,
    add_motion_editing,
    add_published,
    add_tracking,
    driver_tracker,
    edit_motion,
    finish,
    look,
    number,
    picture_output,
    read_settings,
    warn_bridged,
)
from .progress import Bar
from .voice import add_voice, driven_by_sound, dub_file, read_motion

if TYPE_CHECKING:
    from ..avatars import Performance

_RENDER_EXAMPLES = """\
  gagavatar render photo.avatar.safetensors talking.safetensors -o out.mp4 --audio talking.mp4
  gagavatar render photo.avatar.safetensors speech.wav -o out.mp4
  gagavatar render photo.avatar.safetensors look_around -o out.mp4 --size 1024 --background white
  gagavatar render photo.avatar.safetensors talking.safetensors -o frames/head_%05d.png --background transparent
"""
_ORBIT_EXAMPLES = """\
  gagavatar orbit photo.avatar.safetensors -o orbit.mp4
  gagavatar orbit photo.avatar.safetensors -o orbit.gif --path circle --yaw 25 --pitch 12
"""


def add_render_parser(subparsers: Any) -> None:
    """Add `render` to the subparsers of `gagavatar`."""
    parser = add_command(subparsers, "render", run_render, "render an avatar with a motion", _RENDER_EXAMPLES)
    parser.add_argument("avatar", metavar="AVATAR", help="from `gagavatar lift`")
    parser.add_argument("motion", metavar="MOTION", help="from `gagavatar track`, or what `animate` takes as a driver")
    parser.add_argument("-o", "--out", required=True, metavar="FILE", help=".mp4 .mov .webm .mkv .gif, %%05d.png, .png")
    parser.add_argument(
        "--audio", metavar="FILE", help="sound to carry over (default: the voice, where a voice moves the head)"
    )
    add_look(parser)
    add_tracking(parser, "follows a video; auto is landmarks, with FLAME codes, for GAGAvatar and else embedded")
    add_voice(parser)
    add_motion_editing(parser)
    add_published(parser)


def add_orbit_parser(subparsers: Any) -> None:
    """Add `orbit` to the subparsers of `gagavatar`."""
    parser = add_command(subparsers, "orbit", run_orbit, "show an avatar from all sides", _ORBIT_EXAMPLES)
    parser.add_argument("avatar", metavar="AVATAR", help="from `gagavatar lift`")
    parser.add_argument("-o", "--out", required=True, metavar="FILE", help=".mp4 .mov .webm .mkv .gif, %%05d.png")
    parser.add_argument("--path", choices=ORBITS, default="sweep", help="the way of the head (default: sweep)")
    parser.add_argument(
        "--yaw", type=number(-90, 90), default=ORBIT_YAW, metavar="DEG", help="to either side (default: 30)"
    )
    parser.add_argument(
        "--pitch", type=number(-90, 90), default=ORBIT_PITCH, metavar="DEG", help="up and down (default: 0)"
    )
    parser.add_argument("--seconds", type=SECONDS, default=ORBIT_SECONDS, metavar="T", help="length (default: 4)")
    parser.add_argument("--fps", type=FPS, default=float(RATE), metavar="F", help="frames a second (default: 25)")
    add_look(parser)
    add_published(parser)


def run_render(args: argparse.Namespace) -> int:
    """Run `render`; returns the exit code."""
    from .. import pipeline
    from ..avatars import load_avatar
    from ..media.files import readable_file
    from ..media.retiming import sound_file

    dub = dub_file(args)
    background = picture_output(args, args.avatar, args.motion, args.audio, dub)
    pipeline.check_driver(args.motion)
    if args.audio:
        readable_file(args.audio)
    settings = read_settings(args)
    avatar = load_avatar(args.avatar, settings)
    with Bar(args, "tracking") as bar:
        motion = read_motion(args, args.motion, bar, driver_tracker(args, avatar.tracker), settings)
    warn_bridged(motion, args.motion)
    motion = edit_motion(motion, args)
    performance = avatar.perform(motion, args.reference, seed=args.seed, pose=args.pose)
    sound = args.audio or dub or (args.motion if driven_by_sound(args, args.motion) else None)
    with sound_file(motion, sound, own=not args.audio) as heard:
        return _write(args, performance, background, heard)


def run_orbit(args: argparse.Namespace) -> int:
    """Run `orbit`; returns the exit code."""
    from ..avatars import load_avatar
    from ..driving.operations import neutral_motion, orbit

    background = picture_output(args, args.avatar)
    motion = orbit(neutral_motion(1, args.fps), args.path, args.yaw, args.pitch, args.seconds)
    performance = load_avatar(args.avatar, read_settings(args)).perform(motion, seed=args.seed, pose="relative")
    return _write(args, performance, background)


def _write(args: argparse.Namespace, performance: Performance, background: Any, audio: Any = None) -> int:
    from .. import pipeline

    with Bar(args, "rendering") as bar:
        count = pipeline.render(performance, args.out, look(args, background), audio, bar)
    return finish(args, {"out": str(args.out), "frames": count, "fps": performance.fps}, f"{args.out}: {count} frames")
