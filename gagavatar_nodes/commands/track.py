"""`gagavatar track`: a video in, a motion file out."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from typing import Any

from .options import Bar, add_command, add_tracking, finish, tensor_output, warn_bridged

_EXAMPLES = """\
  gagavatar track talking.mp4 -o talking.safetensors
  gagavatar track talking.mp4 -o raw.safetensors --smoothing 0 --preview overlay.mp4
"""


def add_parser(subparsers: Any) -> None:
    """Add `track` to the subparsers of `gagavatar`."""
    parser = add_command(subparsers, "track", run, "track a face video into a motion file", _EXAMPLES)
    parser.add_argument("video", metavar="VIDEO", help="a video or picture of a face")
    parser.add_argument("-o", "--out", required=True, metavar="FILE", help="motion file, .safetensors")
    parser.add_argument("--preview", metavar="FILE", help="also write the video with mesh, box and axes drawn on it")
    add_tracking(parser)


def run(args: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    from .. import pipeline
    from ..driving.motion_file import save_motion
    from ..media.video_reader import VideoReader
    from ..media.video_writer import VideoWriter
    from ..tracking.overlay import draw_overlay

    tensor_output(args.out, args.video)
    if args.preview:
        pipeline.check_output(args.preview, inputs=(args.video,))
    with ExitStack() as stack:
        bar = stack.enter_context(Bar(args, "tracking"))
        draw = None
        if args.preview:
            with VideoReader(args.video) as video:
                fps, size = video.fps, video.size
            preview = stack.enter_context(VideoWriter(args.preview, fps, size, audio_from=args.video))

            def draw(_: int, image: Any, points: Any, bridged: bool) -> None:
                preview.write(draw_overlay(image, points, bridged=bridged))

        motion = pipeline.track(args.video, args.smoothing, args.driver_face, bar, draw)
        save_motion(motion, args.out)
    warn_bridged(motion, args.video)
    summary = {"out": str(args.out), "frames": len(motion), "fps": motion.fps, "bridged": motion.bridged}
    return finish(args, summary, f"{args.out}: {len(motion)} frames at {motion.fps:g} a second")
