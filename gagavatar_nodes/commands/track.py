"""`gagavatar track`: a video in, a motion file out."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from .options import (
    FPS,
    add_command,
    add_published,
    add_tracking,
    finish,
    read_settings,
    tensor_output,
    warn_bridged,
)
from .progress import Bar
from .voice import add_voice, driven_by_sound, read_motion

if TYPE_CHECKING:
    from ..settings import Settings

_EXAMPLES = """\
  gagavatar track talking.mp4 -o talking.safetensors
  gagavatar track talking.mp4 -o take.csv
  gagavatar track speech.wav -o speech.safetensors
  gagavatar track talking.mp4 -o raw.safetensors --smoothing 0 --preview overlay.mp4
  gagavatar track talking.mp4 -o codes.safetensors --tracker landmarks --flame FLAME_with_eye.pt
"""


def add_parser(subparsers: Any) -> None:
    """Add `track` to the subparsers of `gagavatar`."""
    parser = add_command(subparsers, "track", run, "track a face video, or hear a voice, into a motion file", _EXAMPLES)
    parser.add_argument("video", metavar="VIDEO", help="a video or picture of a face, or a sound")
    parser.add_argument(
        "-o",
        "--out",
        required=True,
        metavar="FILE",
        help="motion file: .safetensors; .csv (Live Link Face) or .json for ARKit's curves alone",
    )
    parser.add_argument("--preview", metavar="FILE", help="also write the video with mesh, box and axes drawn on it")
    add_tracking(
        parser,
        "embedded: landmarks, pose, ARKit weights. landmarks: FLAME codes too. emica: the published networks, slow. "
        "auto: landmarks where a FLAME file is, else embedded",
    )
    add_voice(parser, dubbing=False)
    parser.add_argument("--fps", type=FPS, metavar="F", help="frames a second of a voice's motion (default: 25)")
    add_published(parser, renders=False)


def run(args: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    from .. import pipeline
    from ..driving.motion_file import SUFFIXES, save_motion
    from ..trackers import choose_tracker

    tensor_output(args.out, args.video, extensions=SUFFIXES)
    if args.preview:
        pipeline.check_output(args.preview, inputs=(args.video,))
    settings = read_settings(args)
    if driven_by_sound(args, args.video):
        return _hear(args, settings)
    tracker, why = choose_tracker(args.tracker, settings)
    with Bar(args, "tracking") as bar:
        motion = pipeline.track(
            args.video, args.smoothing, args.driver_face, bar, None, tracker, args.preview, settings=settings
        )
        save_motion(motion, args.out)
    warn_bridged(motion, args.video)
    summary = {
        "out": str(args.out),
        "frames": len(motion),
        "fps": motion.fps,
        "bridged": motion.bridged,
        "tracker": tracker,
        "why": why,
        "flame_edition": motion.flame.edition if motion.flame else None,
    }
    line = f"{args.out}: {len(motion)} frames at {motion.fps:g} a second, tracker {tracker} ({why})"
    return finish(args, summary, line)


def _hear(args: argparse.Namespace, settings: Settings) -> int:
    """Return the motion of a voice."""
    from ..driving.motion_file import save_motion
    from ..errors import GagavatarError

    if args.preview:
        raise GagavatarError(f"{args.video}: a sound has no picture to preview: leave --preview out")
    with Bar(args, "listening") as bar:
        motion = read_motion(args, args.video, bar, "embedded", settings)
        save_motion(motion, args.out)
    summary = {"out": str(args.out), "frames": len(motion), "fps": motion.fps, "voice": motion.source}
    return finish(args, summary, f"{args.out}: {len(motion)} frames at {motion.fps:g} a second, from its sound")
