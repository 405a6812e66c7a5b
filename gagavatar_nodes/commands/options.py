"""Options and helpers that several commands share."""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from ..choices import (
    BACKGROUND,
    DENSITIES,
    DEVICES,
    MOST_STRENGTH,
    PORTRAIT_SIZE,
    PORTRAIT_TRACKERS,
    POSES,
    PRECISIONS,
    PUBLISHED_PORTRAIT_SIZE,
    RATES,
    REFERENCES,
    REFINERS,
    SIZE,
    SIZES,
    SMOOTHING,
    STRENGTH,
    TRACKERS,
)
from ..choices import SECONDS as LENGTHS

if TYPE_CHECKING:
    import numpy as np

    from ..media.backgrounds import Background
    from ..pipeline import Look
    from ..settings import Settings
    from ..types import Motion, Portrait

USAGE = 2


class Parser(argparse.ArgumentParser):
    """A parser whose complaints are one line, without the usage of all options before it."""

    def error(self, message: str) -> NoReturn:
        """Leave with the exit code 2."""
        self.exit(USAGE, f"{self.prog}: {message} (see '{self.prog} --help')\n")


def add_command(subparsers: Any, name: str, run: Any, summary: str, examples: str = "") -> argparse.ArgumentParser:
    """Add a subcommand of `gagavatar` with the options that every command has."""
    parser = subparsers.add_parser(
        name,
        help=summary,
        description=summary[0].upper() + summary[1:] + ".",
        epilog=f"examples:\n{examples}" if examples else None,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="print a JSON summary for machines, no progress bars")
    parser.add_argument("--quiet", action="store_true", help="no progress bars")
    parser.set_defaults(run=run)
    return parser


def add_face(parser: Any, flag: str, whose: str) -> None:
    """`--face` and its kin."""
    parser.add_argument(
        flag,
        type=parse_face,
        metavar="N|X,Y|FILE",
        help=f"which face of the {whose}: 0 for the largest, a point on it, or a picture of the person",
    )


def add_lifting(parser: argparse.ArgumentParser) -> None:
    """How a portrait becomes an avatar."""
    group = parser.add_argument_group("avatar")
    group.add_argument(
        "--avatar",
        default="auto",
        metavar="MODEL",
        help="embedded, gagavatar, or auto: GAGAvatar where its files are, else embedded (default: auto)",
    )
    group.add_argument(
        "--density", type=whole(*DENSITIES), metavar="N", help="lattice nodes a side, 148 to 512 (default: 296)"
    )
    group.add_argument(
        "--portrait-tracker",
        choices=PORTRAIT_TRACKERS,
        default="landmarks",
        help="fits FLAME to the portrait for GAGAvatar: landmarks, or emica as published (default: landmarks)",
    )
    add_face(group, "--face", "portrait")


def add_published(parser: argparse.ArgumentParser, renders: bool = True) -> None:
    """Where the published model's files are, and how it runs; without its renderer for what never `renders`."""
    group = parser.add_argument_group("published model and trackers (no effect on the embedded avatar)")
    group.add_argument("--weights", metavar="DIR", help="look for weights here first (see 'gagavatar weights path')")
    group.add_argument(
        "--flame", metavar="FILE", help="FLAME file (default: the one in the weights folder), or 'embedded'"
    )
    group.add_argument("--device", choices=DEVICES, default="auto", help="where networks run (default: auto)")
    if not renders:
        return
    group.add_argument("--precision", choices=PRECISIONS, default="auto", help="of the renderer (default: auto)")
    group.add_argument("--batch", type=whole(1, 64), default=0, metavar="N", help="frames at a time (default: auto)")
    group.add_argument("--refiner", choices=REFINERS, default="torch", help="runs it (default: torch)")


def read_settings(args: argparse.Namespace) -> Settings:
    """Return the options of `add_published` and `add_lifting` as settings."""
    from dataclasses import fields

    from ..settings import Settings

    return Settings(**{one.name: getattr(args, one.name) for one in fields(Settings) if hasattr(args, one.name)})


def add_tracker(group: Any, auto: str) -> None:
    """`--tracker`; `auto` tells what that means."""
    group.add_argument("--tracker", choices=TRACKERS, default="auto", help=f"{auto} (default: auto)")


def add_tracking(parser: argparse.ArgumentParser, auto: str) -> None:
    """How a driver becomes a motion; `auto` tells what the tracker `auto` is."""
    group = parser.add_argument_group("driver")
    add_tracker(group, auto)
    add_face(group, "--driver-face", "driver")
    group.add_argument(
        "--smoothing",
        type=number(0, 1),
        default=SMOOTHING,
        metavar="0..1",
        help="of the tracked landmarks; 0 is raw (default: 0.25)",
    )
    group.add_argument("--no-cache", action="store_true", help="track again, even if the same file was tracked before")


def add_motion_editing(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what to do with a motion before it is performed."""
    group = parser.add_argument_group("motion")
    group.add_argument("--expression", type=_STRENGTH, default=STRENGTH, metavar="S", help="strength (default: 1)")
    group.add_argument(
        "--head-pose", type=_STRENGTH, default=STRENGTH, metavar="S", help="strength; 0 looks ahead (default: 1)"
    )
    group.add_argument("--fps", type=FPS, metavar="F", help="frames a second (default: the driver's)")
    group.add_argument("--seconds", type=SECONDS, metavar="T", help="length of a built-in motion")
    group.add_argument("--loop", action="store_true", help="fade the end into the beginning")
    group.add_argument(
        "--reference",
        type=_reference,
        default="auto",
        metavar="auto|neutral|same|FRAME",
        help="the driver's moment that matches the portrait's expression (default: auto)",
    )
    group.add_argument(
        "--pose",
        choices=POSES,
        default="auto",
        help="absolute: the driver's head pose; relative: the portrait's own, turned by the driver's change; auto: "
        "relative as far as the portrait is turned away, bounded; GAGAvatar is always absolute (default: auto)",
    )


def add_look(parser: argparse.ArgumentParser) -> None:
    """Size and background of what is rendered."""
    group = parser.add_argument_group("picture")
    group.add_argument("--size", type=parse_size, default=(SIZE, SIZE), metavar="N|WxH", help="pixels (default: 512)")
    group.add_argument(
        "--background",
        default=BACKGROUND,
        metavar="B",
        help="#rrggbb, a color's name, a picture, a video, or 'transparent' (default: black)",
    )
    group.add_argument(
        "--seed",
        type=whole(0, 2**32 - 1),
        metavar="N",
        help="GAGAvatar's renderer draws fresh noise in each frame (default: its stored noise, which is still)",
    )


def number(low: float, high: float) -> Callable[[str], float]:
    """Return an option's type: a number from `low` to `high`."""

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"'{text}' is no number from {low:g} to {high:g}")
        return value

    return parse


def whole(low: int, high: int) -> Callable[[str], int]:
    """Return an option's type: a whole number from `low` to `high`."""

    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = low - 1
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"'{text}' is no whole number from {low} to {high}")
        return value

    return parse


FPS = number(*RATES)
SECONDS = number(*LENGTHS)
_EDGE = whole(*SIZES)
_STRENGTH = number(0, MOST_STRENGTH)


def parse_face(text: str) -> int | tuple[float, float] | str:
    """Return an index, a point x,y in pixels, or the path of a picture of the person."""
    if os.path.isfile(text):
        return text
    try:
        if "," not in text:
            return int(text)
        x, y = (float(part) for part in text.split(","))
        if not math.isfinite(x + y):
            raise ValueError
        return x, y
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is no index, no point like 320,200, and no picture") from None


def parse_size(text: str) -> tuple[int, int]:
    """Width and height from `N` or `WxH`."""
    parts = text.lower().split("x")
    if len(parts) > 2 or not all(part.isdecimal() for part in parts):
        raise argparse.ArgumentTypeError(f"'{text}' is no size: give 512, or 1280x720")
    return _EDGE(parts[0]), _EDGE(parts[-1])


def portrait_size(model: str) -> int:
    """Edge of the portrait's crop that suits an avatar model."""
    return PUBLISHED_PORTRAIT_SIZE if model == "gagavatar" else PORTRAIT_SIZE


def driver_tracker(args: argparse.Namespace, suited: str) -> str:
    """Return the tracker for a driver: "auto" is the one that is `suited` to the avatar."""
    return suited if args.tracker == "auto" else args.tracker


def edit_motion(motion: Motion, args: argparse.Namespace) -> Motion:
    """Return the motion after the options of `add_motion_editing`."""
    from ..driving.operations import loop, scale_expression, scale_head_pose

    motion = scale_head_pose(scale_expression(motion, args.expression), args.head_pose)
    return loop(motion) if args.loop else motion


def picture_output(args: argparse.Namespace, *inputs: str | None) -> Background:
    """The background of `--background`, once it is sure that it and `--out` go together and `--out` can be written.

    Raises:
        MediaError: see `pipeline.check_output` and `media.backgrounds.parse_background`.
    """
    from .. import pipeline
    from ..errors import MediaError
    from ..media.backgrounds import is_transparent, parse_background

    transparent = is_transparent(args.background)
    if transparent and getattr(args, "compare", False):
        raise MediaError(f"{args.out}: --compare has no transparency, choose another --background")
    keeps_alpha = transparent and not getattr(args, "stitch", False)
    pipeline.check_output(args.out, keeps_alpha, (*inputs, args.background))
    return parse_background(args.background)


def tensor_output(path: str, *inputs: str, extensions: Sequence[str] = (".safetensors",)) -> None:
    """Find out before the work that a motion or avatar file can be written.

    Raises:
        MediaError: the name has another extension; see also `media.files.check_writable`.
    """
    from ..errors import MediaError
    from ..media.files import check_writable

    if not path.lower().endswith(tuple(extensions)):
        raise MediaError(f"{path}: motion and avatar files end in {' or '.join(extensions)}, choose such a name")
    check_writable(path, inputs)


def look(
    args: argparse.Namespace,
    background: Background,
    portrait: Portrait | None = None,
    driver: str | None = None,
    times: np.ndarray | None = None,
) -> Look:
    """Size, background and layout from the options of `add_look`, `--stitch` and `--compare`.

    `times` are those of the driver's frames, see `Motion.times`.
    To stitch, the portrait must be framed as the avatar's pictures are; see `Avatar.frame_portrait`.
    """
    from ..pipeline import Comparison, Look
    from ..rendering.stitching import Stitcher

    stitcher = Stitcher(portrait) if portrait is not None and getattr(args, "stitch", False) else None
    comparison = None
    if portrait is not None and getattr(args, "compare", False):
        comparison = Comparison(portrait.picture, driver, times)
    width, height = args.size
    return Look(width, height, background, stitcher, comparison)


def finish(args: argparse.Namespace, summary: dict[str, Any], line: str) -> int:
    """Say what was done, as JSON or as a line."""
    if args.json:
        import json

        print(json.dumps(summary, indent=2))
    else:
        print(line)
    return 0


def warn_bridged(motion: Motion, name: object) -> None:
    """Tell which frames had no face, or not the followed person's."""
    from ..tracking.bridging import faults

    for fault in faults(motion):
        print(f"{name}: {fault}", file=sys.stderr)


def _reference(text: str) -> str | int:
    if text in REFERENCES:
        return text
    if text.isdecimal():
        return int(text)
    raise argparse.ArgumentTypeError(f"'{text}' is none of auto, neutral, same and a frame's number")
