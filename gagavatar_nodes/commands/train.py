"""`gagavatar train`: prepared data in, checkpoints out."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from .options import add_command, finish

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
    with _Bar(args) as bar:
        result = train(config, args.out, args.accept_changes, bar)
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


class _Bar:
    """A progress bar with the time left and the latest losses; silent with --quiet, --json, or without a terminal."""

    def __init__(self, args: argparse.Namespace) -> None:
        self._hidden = args.quiet or args.json or not sys.stderr.isatty()
        self._bar: Any = None

    def __enter__(self) -> _Bar:
        return self

    def __call__(self, step: int, total: int, values: dict[str, float]) -> None:
        """Show `step` of `total`."""
        if self._hidden:
            return
        if self._bar is None:
            from tqdm import tqdm

            self._bar = tqdm(total=total, initial=step - 1, desc="training", unit="step", dynamic_ncols=True)
        self._bar.set_postfix({n.rpartition("/")[2]: f"{values[n]:.4g}" for n in _SHOWN if n in values}, refresh=False)
        self._bar.update(step - self._bar.n)

    def __exit__(self, *exc: object) -> None:
        if self._bar is not None:
            self._bar.close()
