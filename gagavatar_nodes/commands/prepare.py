"""`gagavatar prepare`: raw videos in, training data out."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from .options import DEVICES, add_command, add_tracker, finish, number, whole
from .progress import Bar

_EXAMPLES = """\
  gagavatar prepare talk1.mp4 talk2.mp4 -o data
  gagavatar prepare videos/ -o data --workers 8 --flame FLAME_with_eye.pt
  gagavatar prepare videos/ -o data --flame embedded      without a FLAME file: the bundled head
"""


def add_parser(subparsers: Any) -> None:
    """Add `prepare` to the subparsers of `gagavatar`."""
    parser = add_command(subparsers, "prepare", run, "prepare raw videos for training", _EXAMPLES)
    parser.add_argument("videos", nargs="+", metavar="VIDEOS", help="videos, or folders of them")
    parser.add_argument("-o", "--out", required=True, metavar="DATA", help="data folder; a broken run goes on in it")
    parser.add_argument("--workers", type=whole(1, 512), default=0, metavar="N", help="processes (default: cores / 2)")
    group = parser.add_argument_group("tracking")
    add_tracker(group, "auto is landmarks, with FLAME codes; embedded gives none, and so nothing to train with")
    group.add_argument(
        "--flame",
        metavar="FILE",
        help="FLAME file (default: the one in the weights folder, else 'embedded', the bundled head)",
    )
    group.add_argument("--weights", metavar="DIR", help="look for FLAME and networks here first")
    group.add_argument("--device", choices=DEVICES, default="auto", help="where the tracker emica runs (default: auto)")
    group.add_argument(
        "--smoothing", type=number(0, 1), default=0.1, metavar="0..1", help="of landmarks; 0 is raw (default: 0.1)"
    )
    group = parser.add_argument_group("crops")
    group.add_argument(
        "--matting", default="auto", metavar="M", help="auto, closed-form, guided (faster), pymatting (default: auto)"
    )
    group.add_argument(
        "--smallest", type=whole(32, 2048), default=256, metavar="PX", help="least edge before scaling (default: 256)"
    )
    group.add_argument(
        "--fewest", type=whole(2, 10**6), default=16, metavar="N", help="least good frames of a clip (default: 16)"
    )
    group = parser.add_argument_group("validation and test")
    group.add_argument(
        "--held-out",
        choices=("auto", "clips", "frames"),
        default="auto",
        help="all clips of some videos, or the end of every clip (default: auto, clips from 20 videos on)",
    )
    group.add_argument("--share", type=number(0, 0.4), default=0.1, metavar="S", help="of each (default: 0.1)")


def run(args: argparse.Namespace) -> int:
    """Run the command; returns the exit code: 1 where no video gave a clip."""
    from ..training.preparation import PrepareSettings, prepare
    from ..training.preparation.run import summarize

    settings = PrepareSettings(
        args.tracker, args.flame, args.weights, args.device, args.matting, args.smoothing, args.smallest, args.fewest
    )
    with Bars(args) as bars:
        report = prepare(args.videos, args.out, settings, args.workers, args.held_out, args.share, bars)
    for video in report["videos"]:
        if "error" in video:
            print(f"{video['video']}: {video['error']}", file=sys.stderr)
    finish(args, report, f"{args.out}: {summarize(report)}")
    return 0 if any("name" in clip for video in report["videos"] for clip in video.get("clips", ())) else 1


class Bars:
    """A progress bar for each video at work."""

    def __init__(self, args: argparse.Namespace) -> None:
        self._args = args
        self._bars: dict[str, Bar] = {}

    def __enter__(self) -> Bars:
        return self

    def __call__(self, name: str, done: int, total: int | None) -> None:
        """Show `done` of `total` frames of a video."""
        bar = self._bars.setdefault(name, Bar(self._args, name))
        bar(done, total)
        if done == total:
            self._bars.pop(name).close()

    def __exit__(self, *exc: object) -> None:
        for bar in self._bars.values():
            bar.close()
