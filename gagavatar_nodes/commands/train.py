"""`gagavatar train`: prepared data in, checkpoints out."""

from __future__ import annotations

import argparse
from typing import Any

from .options import add_command, finish
from .progress import Bar

_EXAMPLES = """\
  gagavatar train tiny --data data -o runs/tiny                    two cores, minutes
  gagavatar train full --data data -o runs/full --set start.backbone=GAGAvatar.pt
  gagavatar train full --data data -o runs/mine --set start.checkpoint=GAGAvatar.pt --set loop.steps=5000
  gagavatar train without_lifting_loss --data data -o runs/ablation --set loop.devices=4 --set loop.precision=bf16
  gagavatar train my.toml -o runs/mine                             goes on where it was stopped
"""


def add_parser(subparsers: Any) -> None:
    """Add `train` to the subparsers of `gagavatar`."""
    parser = add_command(subparsers, "train", run, "train GAGAvatar, or fine-tune it", _EXAMPLES)
    parser.add_argument(
        "config",
        metavar="CONFIG",
        help=".toml or .yaml file, or a bundled one: full, tiny, and each with one_plane, without_identity, "
        "without_refiner, without_lifting_loss (tiny_one_plane, ...)",
    )
    parser.add_argument(
        "-o", "--out", required=True, metavar="RUN", help="folder of the run; it goes on if it is there"
    )
    parser.add_argument("--data", metavar="DATA", help="data folder (of 'gagavatar prepare', or in published layout)")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="change a value, such as loop.batch=4"
    )
    parser.add_argument(
        "--accept-changes", action="store_true", help="go on in RUN with values that differ from those it began with"
    )


def run(args: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    from ..devices import require_torch

    require_torch()
    from ..training.config_files import load_config
    from ..training.trainer import train

    config = load_config(args.config, args.set).with_places(args.data)
    with Bar(args, "training", "step", dynamic_ncols=True, leave=True) as bar:

        def progress(step: int, total: int, values: dict[str, float]) -> None:
            bar(step, total, **{n.rpartition("/")[2]: f"{values[n]:.4g}" for n in _SHOWN if n in values})

        result = train(config, args.out, args.accept_changes, progress)
    if result is None:  # not the first of several processes
        return 0
    summary = {
        "out": str(args.out), "step": result.step, "weights": result.weights,
        "seconds_per_step": round(result.seconds_per_step, 4), "values": result.values,
    }  # fmt: skip
    values = [f"{name.rpartition('/')[2]} {result.values[name]:.4g}" for name in _SHOWN if name in result.values]
    line = f"{result.weights}: {result.step} steps, {result.seconds_per_step:.2f} s each"
    return finish(args, summary, ", ".join([line, *values]))


_SHOWN = ("train/total", "validation/fine_l1", "validation/psnr")
