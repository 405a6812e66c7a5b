"""`gagavatar reexpress`: a film and a driver in, the film with another expression out."""

from __future__ import annotations

import argparse
import time
from typing import Any

from ..choices import MOMENTS
from .options import (
    SECONDS,
    add_command,
    add_face,
    add_published,
    add_tracking,
    driver_tracker,
    finish,
    number,
    read_settings,
    warn_bridged,
)
from .progress import Bar
from .voice import add_voice, read_motion

_EXAMPLES = """\
  gagavatar reexpress film.mp4 speech.wav -o dubbed.mp4 --eyes 0
  gagavatar reexpress film.mp4 acting.mp4 -o out.mp4
  gagavatar reexpress film.mp4 acting.mp4 -o out.mp4 --mouth 0 --eyes 0.5
  gagavatar reexpress film.mp4 speech.wav -o scene.mp4 --start 62.5 --end 70
"""


def add_parser(subparsers: Any) -> None:
    """Add `reexpress` to the subparsers of `gagavatar`."""
    parser = add_command(subparsers, "reexpress", run, "give the face in a film another expression", _EXAMPLES)
    parser.add_argument("film", metavar="FILM", help="a video with a face, whose head pose and picture stay")
    parser.add_argument(
        "driver", metavar="DRIVER", help="a video, a sound, a picture, a motion file, or a built-in motion"
    )
    parser.add_argument("-o", "--out", required=True, metavar="FILE", help=".mp4 .mov .webm .mkv .gif, %%05d.png")
    share = number(0, 1)
    parser.add_argument(
        "--eyes",
        type=share,
        default=1.0,
        metavar="0..1",
        help="share of the driver's eyes and brows (default: 1)",
    )
    parser.add_argument("--mouth", type=share, default=1.0, metavar="0..1", help="of its mouth and jaw (default: 1)")
    second = number(*MOMENTS)
    parser.add_argument("--start", type=second, default=0.0, metavar="T", help="second of the film to begin at")
    parser.add_argument("--end", type=second, metavar="T", help="second of it to end at")
    sound = parser.add_mutually_exclusive_group()
    sound.add_argument("--keep-audio", action="store_true", help="the film's sound, where the driver has one too")
    sound.add_argument("--no-audio", action="store_true", help="no sound")
    parser.add_argument("--seconds", type=SECONDS, metavar="T", help="length of a built-in motion")
    add_face(parser, "--face", "film")
    add_tracking(parser, "follows the driver; auto is embedded")
    add_voice(parser, dubbing=False)
    add_published(parser, renders=False)


def run(args: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    from .. import pipeline
    from ..media.retiming import sound_file
    from ..reexpression import last_second

    start = time.perf_counter()
    pipeline.check_output(args.out, inputs=(args.film, args.driver))
    pipeline.check_driver(args.driver)
    settings = read_settings(args)
    args.fps = pipeline.film_rate(args.film)
    with Bar(args, "tracking") as bar:
        driver = read_motion(args, args.driver, bar, driver_tracker(args, "embedded"), settings)
    warn_bridged(driver, args.driver)
    with Bar(args, "watching") as bar:
        film = pipeline.watch_film(
            args.film, args.smoothing, args.face, bar, settings, args.start, last_second(driver, args.start, args.end)
        )
    warn_bridged(film.motion, args.film)
    sound = None if args.no_audio else _sound(args)
    driven = sound == args.driver
    with sound_file(driver if driven else film.motion, sound) as heard, Bar(args, "rendering") as bar:
        count = pipeline.reexpress(film, driver, args.out, args.eyes, args.mouth, heard, bar)
    seconds = time.perf_counter() - start
    summary = {
        "out": str(args.out),
        "frames": count,
        "fps": film.motion.fps,
        "bridged": film.motion.bridged,
        "seconds": round(seconds, 3),
    }
    return finish(args, summary, f"{args.out}: {count} frames in {seconds:.1f} s")


def _sound(args: argparse.Namespace) -> str:
    """Return the file whose sound goes along: the driver, where it has one, else the film."""
    from .. import pipeline
    from ..media.sound import find_sound

    spoken = pipeline.is_media(args.driver) and find_sound(args.driver) is not None
    return args.driver if spoken and not args.keep_audio else args.film
