"""Options for drivers that are a voice, and the motion of any driver."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..speech import VOICE_FPS, VOICES
from ..speech.manner import PARTS, Manner, split_voices
from .options import number, whole

if TYPE_CHECKING:
    from ..pipeline import Progress
    from ..settings import Settings
    from ..types import Motion


def add_voice(parser: argparse.ArgumentParser, dubbing: bool = True) -> None:
    """How a sound moves the face."""
    group = parser.add_argument_group("voice (for a driver with sound)")
    group.add_argument(
        "--drive",
        choices=("auto", "picture", "sound"),
        default="auto",
        help="what of the driver moves the head: its picture, or its sound, the picture ignored (default: the picture "
        "where there is one)",
    )
    names = " or ".join(VOICES)
    dubbed = "; or a FILE with sound: the mouth says it, all else follows the driver; may be given twice"
    group.add_argument(
        "--voice",
        action="append",
        default=[],
        metavar="NAME|FILE" if dubbing else "NAME",
        help=f"the model, {names} (default: embedded){dubbed if dubbing else ''}",
    )
    group.add_argument(
        "--voice-style",
        metavar="NAME|FILE",
        help="how ARTalk's speaker talks: natural_0 to natural_7, happy_0, angry_0, ..., none, or a motion file "
        "(default: natural_0)",
    )
    group.add_argument(
        "--text",
        default="",
        metavar="TEXT|FILE",
        help="what is said, in English: the embedded voice keeps to it",
    )
    group.add_argument(
        "--voice-strength",
        action="append",
        default=[],
        type=_strength,
        metavar="PART=S",
        help=f"0 to 2 of {', '.join(PARTS)}, such as head=0.5; may be given several times (default: 1)",
    )
    group.add_argument(
        "--voice-seed", type=whole(0, 2**32 - 1), default=0, metavar="N", help="another performance (default: 0)"
    )


def read_motion(args: argparse.Namespace, source: str, progress: Progress, tracker: str, settings: Settings) -> Motion:
    """Return the motion of a driver under the options of `add_voice`, `add_tracking` and `add_motion_editing`.

    Raises:
        GagavatarError: see `pipeline.read_driver` and `pipeline.read_voice`; or an option makes no sense.
    """
    from .. import pipeline
    from ..driving.mixing import replace_mouth

    model, dub = _find_voices(args.voice)
    fps = getattr(args, "fps", None)
    how: dict[str, Any] = {"voice": model, "manner": _manner(args), "text": read_text(args.text)}
    how |= {"progress": progress, "style": args.voice_style}
    if driven_by_sound(args, source):
        motion = pipeline.read_voice(source, fps=fps or VOICE_FPS, **how, settings=settings)
    else:
        motion = pipeline.read_driver(
            source, args.smoothing, args.driver_face, getattr(args, "seconds", None), fps, progress, not args.no_cache,
            tracker, settings,
        )  # fmt: skip
    if dub is None:
        return motion
    return replace_mouth(motion, pipeline.read_voice(dub, fps=motion.fps, **how, settings=settings))


def driven_by_sound(args: argparse.Namespace, source: str) -> bool:
    """Whether a driver's sound moves the head, rather than its picture."""
    from .. import pipeline

    return args.drive == "sound" or (args.drive == "auto" and pipeline.is_sound(source))


def dub_file(args: argparse.Namespace) -> str | None:
    """Return the file whose words the mouth takes, if one was given."""
    return _find_voices(args.voice)[1]


def _find_voices(given: Sequence[str]) -> tuple[str, str | None]:
    from ..errors import GagavatarError

    model, file = split_voices(given)
    if file is not None and not Path(file).is_file():
        raise GagavatarError(f"--voice {file}: there is no such file, and the models are {', '.join(VOICES)}")
    return model, file


def _manner(args: argparse.Namespace) -> Manner:
    return Manner(seed=args.voice_seed, **dict(args.voice_strength))


def read_text(given: str) -> str:
    """Return a text, or what is in the file of that name."""
    try:
        return Path(given).read_text("utf-8", "replace") if given and Path(given).is_file() else given
    except OSError:  # such as a text that is too long for a name
        return given


def _strength(text: str) -> tuple[str, float]:
    part, separator, value = text.partition("=")
    if not separator or part not in PARTS:
        raise argparse.ArgumentTypeError(f"'{text}' is none of {', '.join(f'{part}=S' for part in PARTS)}")
    return part, number(0, 2)(value)
