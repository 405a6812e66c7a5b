"""`gagavatar evaluate`: how good results are, by the field's metrics."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .options import add_command, add_published, finish, read_settings, whole

if TYPE_CHECKING:
    from ..evaluation.pairs import Pair

_EXAMPLES = """\
  gagavatar evaluate talking.mp4 -o scores                    the first frame driven by the video
  gagavatar evaluate videos/ -o scores --protocol cross       each person driven by the next
  gagavatar evaluate videos/ -o scores --results theirs/      what another program made of the same videos
  gagavatar evaluate --list                                   every metric: id, definition, source, papers
"""


def add_parser(subparsers: Any) -> None:
    """Add `evaluate` to the subparsers of `gagavatar`."""
    parser = add_command(subparsers, "evaluate", run, "measure how good results are, by the field's metrics", _EXAMPLES)
    parser.add_argument("videos", nargs="*", metavar="VIDEOS", help="videos, folders of them, or folders of pictures")
    parser.add_argument("-o", "--out", metavar="DIR", help="folder of the reports; a broken run goes on in it")
    parser.add_argument("--list", action="store_true", help="list the metrics and leave")
    group = parser.add_argument_group("what is compared")
    group.add_argument(
        "--protocol",
        choices=("self", "cross"),
        default="self",
        help="self: the first frame is driven by the video; cross: by the next video (default: self)",
    )
    group.add_argument("--pairs", metavar="FILE", help="CSV file with the columns source, driver, name, result instead")
    group.add_argument("--results", metavar="DIR", help="score another program's NAME.mp4 or folders NAME of pictures")
    group.add_argument(
        "--results-start",
        type=whole(0, 10**6),
        default=0,
        metavar="N",
        help="driver's frame of a result's first (default: 0)",
    )
    group.add_argument("--data", default="", metavar="NAME", help="name of the data, such as 'VFHQ test'")
    group.add_argument("--known", metavar="FILE", help="NumPy file of the driver's true motion, see docs/evaluation.md")
    group = parser.add_argument_group("how")
    group.add_argument("--metrics", default="", metavar="IDS", help="ids or beginnings, by commas (default: all)")
    group.add_argument("--every", type=whole(1, 1000), default=1, metavar="N", help="each n-th frame only (default: 1)")
    group.add_argument("--frames", type=whole(2, 10**9), metavar="N", help="so many frames of a video at most")
    group.add_argument("--no-baseline", action="store_true", help="leave out the portrait moved by a similarity")
    group.add_argument(
        "--background",
        choices=("auto", "portrait", "black"),
        default="auto",
        help="behind results: the portrait's own, or black, behind the truth too (default: auto, black for GAGAvatar)",
    )
    group.add_argument("--workers", type=whole(1, 512), default=0, metavar="N", help="processes (default: cores / 2)")
    group.add_argument("--avatar", default="auto", metavar="MODEL", help="embedded, gagavatar or auto (default: auto)")
    add_published(parser)


def run(args: argparse.Namespace) -> int:
    """Run the command; returns the exit code: 1 where a video could not be scored."""
    if args.list:
        return _list(args)
    from ..errors import GagavatarError
    from ..evaluation.registry import choose
    from ..evaluation.run import PAGE, evaluate
    from ..evaluation.scoring import Work, read_known
    from ..evaluation.staging import Recipe
    from .prepare import Bars

    if args.out is None:
        raise GagavatarError("Name a folder for the reports: --out DIR")
    names = tuple(name.strip() for name in args.metrics.split(",") if name.strip())
    choose(names)
    if args.known is not None:
        read_known(Path(args.known))
    pairs = _pairs(args)
    settings = read_settings(args)
    recipe = Recipe(args.avatar, settings, args.background, args.results_start)
    work = Work(recipe, names, args.every, args.frames, not args.no_baseline, args.known)
    if any(pair.result is None for pair in pairs):
        from .. import pipeline

        pipeline.check_model(args.avatar, settings)
    with Bars(args) as bars:
        report = evaluate(pairs, Path(args.out), work, args.workers, args.data, bars)
    for name, why in report["errors"].items():
        print(f"{name}: {why}", file=sys.stderr)
    lines = [_line(protocol, methods) for protocol, methods in report["mean"].items()]
    if report["missing"]:
        lines.append(f"{len(report['missing'])} metrics are missing what they need: the report says how to get it")
    finish(args, report, "\n".join([*lines, str(Path(args.out) / PAGE)]))
    return 1 if report["errors"] else 0


def _pairs(args: argparse.Namespace) -> list[Pair]:
    from ..errors import GagavatarError
    from ..evaluation.pairs import add_results, find_videos, make_pairs, read_pairs

    if args.pairs and args.videos:
        raise GagavatarError("Give videos or --pairs, not both")
    if not args.pairs and not args.videos:
        raise GagavatarError("Give videos, or --pairs FILE")
    pairs = (
        read_pairs(Path(args.pairs)) if args.pairs else make_pairs(find_videos(map(Path, args.videos)), args.protocol)
    )
    return add_results(pairs, Path(args.results)) if args.results else pairs


def _line(protocol: str, methods: dict[str, Any]) -> str:
    """The first numbers, for people."""
    shown = []
    for method, values in methods.items():
        numbers = ", ".join(f"{name} {values[name]['mean']:.4g}" for name in _SHOWN if name in values)
        shown.append(f"{method}: {numbers}")
    return f"{protocol}: " + "; ".join(shown)


_SHOWN = ("psnr.face", "ssim.face", "akd.l2.landmarks478", "csim.sface", "aed.l1.arkit", "apd.geodesic.landmarks478",
          "jitter.ratio.landmarks478", "expression.correlation")  # fmt: skip


def _list(args: argparse.Namespace) -> int:
    from ..evaluation.registry import VARIANTS

    kept = ("id", "title", "definition", "source", "unit", "better", "papers", "protocols")
    rows = [{name: getattr(one, name) for name in kept} for one in VARIANTS.values()]
    lines = []
    for one in VARIANTS.values():
        papers = f" Used by {', '.join(one.papers)}." if one.papers else ""
        better = f", {one.better} is better" if one.better else ""
        unit = f", {one.unit}" if one.unit else ""
        lines.append(f"{one.id}{unit}{better}\n    {one.definition}. {one.source}.{papers}")
    return finish(args, {"metrics": rows}, "\n".join(lines))
