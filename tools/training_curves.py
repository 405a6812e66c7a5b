"""Draws the held-out curves of training runs into one picture. Needs matplotlib.

python tools/training_curves.py runs/tiny runs/tiny_one_plane ... -o docs/training_curves.png
"""

from __future__ import annotations

import argparse
from pathlib import Path

from gagavatar_nodes.training.logs import read_csv_log

PANELS = {
    "validation/fine_l1": "L1 of the result, held-out frames",
    "validation/psnr": "PSNR of the result, held-out frames (dB)",
    "train/lifting": "lifting loss, training frames (unweighted)",
}


def main() -> None:
    """Read the runs, draw them, and print the first and the last value of each curve."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="folders of 'gagavatar train'")
    parser.add_argument("-o", "--out", required=True, type=Path, metavar="FILE", help="picture to write")
    args = parser.parse_args()
    curves = {run.name: read_csv_log(run / "log.csv") for run in args.runs}
    draw(curves, args.out)
    for run, values in curves.items():
        for name in PANELS:
            if name in values:
                steps, numbers = values[name]
                print(f"{run:30s} {name:22s} step {steps[0]}: {numbers[0]:.4f}   step {steps[-1]}: {numbers[-1]:.4f}")


def draw(curves: dict, out: Path) -> None:
    """Draw a panel for each of `PANELS`, a line for each run."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(1, len(PANELS), figsize=(15, 4.4), dpi=90, constrained_layout=True)
    for panel, (name, title) in zip(panels, PANELS.items(), strict=True):
        for number, (run, values) in enumerate(curves.items()):
            if name in values:
                panel.plot(*values[name], label=run, linewidth=1.4, color=f"C{number}")
        panel.set(title=title, xlabel="step")
        panel.grid(alpha=0.3)
        if name != "validation/psnr":
            panel.set_yscale("log")
    panels[0].legend(fontsize=8)
    figure.savefig(out)


if __name__ == "__main__":
    main()
