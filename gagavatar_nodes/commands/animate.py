"""`gagavatar animate`: a portrait and a driver in, a video out."""

from __future__ import annotations

import argparse
import time
from typing import Any

from ..choices import SUITED_TRACKER
from .options import (
    add_command,
    add_lifting,
    add_look,
    add_motion_editing,
    add_published,
    add_tracking,
    driver_tracker,
    edit_motion,
    finish,
    look,
    picture_output,
    portrait_size,
    read_settings,
    warn_bridged,
)
from .progress import Bar
from .voice import add_voice, dub_file, read_motion

_EXAMPLES = """\
  gagavatar animate photo.jpg talking.mp4 -o out.mp4
  gagavatar animate photo.jpg speech.wav -o out.mp4
  gagavatar animate photo.jpg talking.mp4 -o dubbed.mp4 --voice speech.wav
  gagavatar animate photo.jpg talk -o talk.mp4 --seconds 6
  gagavatar animate photo.jpg smile.jpg -o still.png
  gagavatar animate photo.jpg talking.mp4 -o out.webm --background transparent
  gagavatar animate photo.jpg talking.mp4 -o out.mp4 --stitch
  gagavatar animate photo.jpg talking.mp4 -o out.mp4 --compare --size 768
  gagavatar animate group.jpg nod -o out.mp4 --face 1
  gagavatar animate photo.jpg talking.mp4 -o out.mp4 --avatar gagavatar --weights D:/models/gagavatar
"""


def add_parser(subparsers: Any) -> None:
    """Add `animate` to the subparsers of `gagavatar`."""
    parser = add_command(subparsers, "animate", run, "animate a portrait with a face video or a voice", _EXAMPLES)
    parser.add_argument("portrait", metavar="PORTRAIT", help="a picture with a face")
    parser.add_argument(
        "driver", metavar="DRIVER", help="a video, a sound, a picture, a motion file, or a built-in motion"
    )
    parser.add_argument("-o", "--out", required=True, metavar="FILE", help=".mp4 .mov .webm .mkv .gif, %%05d.png, .png")
    layout = parser.add_mutually_exclusive_group()
    layout.add_argument(
        "--stitch", action="store_true", help="put the head back into the original picture, in its size"
    )
    layout.add_argument("--compare", action="store_true", help="portrait, driver (if a film) and result side by side")
    add_animation(parser)


def add_animation(parser: argparse.ArgumentParser) -> None:
    """Add the options of a portrait that is driven."""
    parser.add_argument("--no-audio", action="store_true", help="leave the driver's sound out")
    add_look(parser)
    add_lifting(parser)
    add_tracking(parser, "follows the driver; auto is landmarks, with FLAME codes, for GAGAvatar and else embedded")
    add_voice(parser)
    add_motion_editing(parser)
    add_published(parser)


def run(args: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    from .. import pipeline
    from ..background import Task
    from ..media.retiming import sound_file

    start = time.perf_counter()
    dub = dub_file(args)
    background = picture_output(args, args.portrait, args.driver, dub)
    pipeline.check_driver(args.driver)
    settings = read_settings(args)
    model, why = pipeline.check_model(args.avatar, settings)
    portrait = pipeline.read_portrait(args.portrait, args.face, portrait_size(model), settings)
    lifting = Task(lambda: pipeline.lift(portrait, model, args.density, settings), "lift")
    with Bar(args, "tracking") as bar:
        motion = read_motion(args, args.driver, bar, driver_tracker(args, SUITED_TRACKER[model]), settings)
    warn_bridged(motion, args.driver)
    avatar = lifting.result()
    motion = edit_motion(motion, args)
    performance = avatar.perform(motion, args.reference, args.stitch, args.seed, args.pose)
    is_media = pipeline.is_media(args.driver)
    film = args.driver if is_media and not pipeline.is_sound(args.driver) else None
    shown = avatar.frame_portrait(portrait) if args.stitch else portrait
    finished_look = look(args, background, shown, film, motion.times)
    sound = None if args.no_audio else dub or (args.driver if is_media else None)
    with sound_file(motion, sound) as heard, Bar(args, "rendering") as bar:
        count = pipeline.render(performance, args.out, finished_look, heard, bar)
    seconds = time.perf_counter() - start
    summary = {
        "out": str(args.out),
        "frames": count,
        "fps": motion.fps,
        "avatar": model,
        "why": why,
        "bridged": motion.bridged,
        "seconds": round(seconds, 3),
    }
    return finish(args, summary, f"{args.out}: {count} frames in {seconds:.1f} s, {model} avatar ({why})")
