"""`gagavatar demo`: the bundled portrait, driven by the bundled driver; nothing to give, nothing to download."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .options import add_command, finish
from .progress import Bar

if TYPE_CHECKING:
    import numpy as np

    from ..avatars import Avatar, Performance
    from ..types import Motion, Portrait

_COLUMNS = 6
_ORBIT_DEGREES = 30.0
_BLINK_COUNTS = 0.01
_BUILTINS = ("smile", "surprise", "talk", "blink", "nod", "look_around")
_GRAY = (128, 128, 128)


def add_parser(subparsers: Any) -> None:
    """Add `demo` to the subparsers of `gagavatar`."""
    parser = add_command(subparsers, "demo", run, "animate the bundled portrait and show a contact sheet")
    parser.add_argument("-o", "--out", default="output", metavar="DIR", help="folder to write to (default: output)")
    parser.add_argument("--portrait", metavar="FILE", help="another portrait")
    parser.add_argument("--driver", metavar="FILE", help="another driving video")


def run(args: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    from .. import assets, pipeline
    from ..background import Task
    from ..export.web_page import PageOptions
    from ..living import write_page
    from ..media.images import write_image

    start = time.perf_counter()
    folder = Path(args.out)
    folder.mkdir(parents=True, exist_ok=True)
    source = args.portrait or assets.path("example_portrait.jpg")
    driver = args.driver or assets.path("example_driver.mp4")
    video, sheet, page = folder / "demo.mp4", folder / "contact_sheet.png", folder / "avatar.html"
    portrait = pipeline.read_portrait(source)
    lifting = Task(lambda: pipeline.lift(portrait, "embedded"), "lift")
    with Bar(args, "tracking") as bar:
        motion = pipeline.read_driver(driver, progress=bar)
    avatar = lifting.result()
    performance = avatar.perform(motion)
    with Bar(args, "rendering") as bar:
        look = pipeline.Look(comparison=pipeline.Comparison(portrait.picture, driver))
        count = pipeline.render(performance, video, look, driver, bar)
    write_image(sheet, contact_sheet(portrait, avatar, performance, driver))
    voice = assets.path("example_voice.flac")
    motions = {"voice": pipeline.read_voice(voice), "driver": motion}
    write_page(page, avatar, motions, voice, PageOptions(Path(source).stem.replace("_", " ")))
    seconds = time.perf_counter() - start
    made = {"video": video, "contact_sheet": sheet, "page": page}
    summary = {**{name: str(path) for name, path in made.items()}, "frames": count, "seconds": round(seconds, 3)}
    lines = [f"{name.replace('_', ' ')}: {path}" for name, path in made.items()]
    return finish(args, summary, "\n".join([*lines, f"{count} frames in {seconds:.1f} s"]))


def contact_sheet(portrait: Portrait, avatar: Avatar, performance: Performance, driver: Any) -> np.ndarray:
    """[H, W, 3] uint8: portrait, driver's frames, results, and an orbit with some built-in expressions."""
    import numpy as np

    from ..driving.builtin import builtin_motion
    from ..driving.operations import neutral_motion, orbit
    from ..media.video_reader import VideoReader
    from ..rendering.compositing import composite
    from ..rendering.layout import contact_sheet as laid_out

    chosen = np.linspace(0, len(performance) - 1, _COLUMNS + 1).round().astype(int)[:-1].tolist()
    with VideoReader(driver, fps=performance.fps) as video:
        driving = [frame for index, frame in enumerate(video) if index in chosen]
    turning = avatar.perform(orbit(neutral_motion(1), "sweep", _ORBIT_DEGREES, 0.0, 4.0))
    quarter = len(turning) // 4
    sides = [int(k) for k in np.linspace(-quarter, quarter, _COLUMNS)]
    expressions = []
    for name in _BUILTINS:
        motion = builtin_motion(name)
        expressions += _pictures(avatar.perform(motion), [_liveliest(motion)])
    matted = portrait.crop / np.float32(255) * portrait.alpha[..., None]
    rows = [
        [portrait.picture, composite(matted, portrait.alpha, _GRAY)],
        driving,
        _pictures(performance, chosen),
        _pictures(turning, [index % len(turning) for index in sides]),
        expressions,
    ]
    return laid_out(rows, [["portrait", "matted"], "driver", "result", "orbit", _BUILTINS])


def _liveliest(motion: Motion) -> int:
    """Return the frame that is farthest from a face at rest that looks ahead; a blink only where nothing else moves."""
    import numpy as np

    from ..types import ARKIT_NAMES

    turn = np.abs(motion.rotation - np.eye(3)).sum((1, 2))
    weight = np.where(["Blink" in name for name in ARKIT_NAMES], _BLINK_COUNTS, 1.0)
    return int(np.argmax(motion.arkit @ weight + 3 * turn))


def _pictures(performance: Performance, indices: list[int]) -> list[np.ndarray]:
    from ..rendering.compositing import composite

    return [composite(rgb, alpha, _GRAY) for rgb, alpha in performance.frames(512, 512, indices)]
