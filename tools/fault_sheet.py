"""A sheet that shows where the embedded avatar breaks: far turns, wide mouths, shut eyes, on several backgrounds.

    python tools/fault_sheet.py portrait.jpg ... --out sheets/ [--photo background.jpg]

For each portrait a PNG of the portrait driven by itself, then yaw -35 to 35 and pitch -20 to 20 degrees, the mouth from
closed to wide, half and fully shut eyes, glances aside, and a laughing and a rounded mouth on a turned head.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from gagavatar_nodes import assets
from gagavatar_nodes.driving.operations import add_arkit, neutral_motion
from gagavatar_nodes.driving.pose import rotation_of
from gagavatar_nodes.lifting.embedded import lift_portrait
from gagavatar_nodes.media.images import read_image, write_image
from gagavatar_nodes.rendering.compositing import composite
from gagavatar_nodes.tracking.portrait import track_portrait
from gagavatar_nodes.tracking.video import track_video
from gagavatar_nodes.types import ARKIT_NAMES, Motion

SIZE = 512
YAWS, PITCHES = (-35, -25, -12, 12, 25, 35), (-20, -12, -6, 6, 12, 20)
MOUTHS = (0.0, 0.1, 0.25, 0.45, 0.7, 1.0)
LAUGH = {"mouthSmileLeft": 0.9, "mouthSmileRight": 0.9, "mouthUpperUpLeft": 0.4, "mouthUpperUpRight": 0.4}
EXPRESSIONS = (
    {"eyeBlinkLeft": 0.5, "eyeBlinkRight": 0.5},
    {"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0},
    {"eyeWideLeft": 1.0, "eyeWideRight": 1.0, "browInnerUp": 0.8},
    {"eyeLookOutLeft": 0.9, "eyeLookInRight": 0.9},
    {"eyeLookInLeft": 0.9, "eyeLookOutRight": 0.9},
    {"eyeLookUpLeft": 0.8, "eyeLookUpRight": 0.8},
)
SPEECH = (
    LAUGH,
    {**LAUGH, "jawOpen": 0.3},
    {"mouthPucker": 0.9},
    {"mouthFunnel": 0.8, "jawOpen": 0.25},
    {**LAUGH, "jawOpen": 0.5},
    {"jawOpen": 0.5},
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("portraits", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, default=Path("sheets"), help="folder")
    parser.add_argument("--photo", type=Path, default=assets.path("example_portrait.jpg"), help="picture to lie behind")
    args = parser.parse_args()
    photo = cv2.resize(read_image(args.photo).rgb, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    args.out.mkdir(parents=True, exist_ok=True)
    for path in args.portraits:
        write_image(args.out / f"{path.stem}.png", sheet(read_image(path).rgb, photo))


def sheet(picture: np.ndarray, photo: np.ndarray) -> np.ndarray:
    """Return the rows of one portrait, each with the portrait or itself driven by itself at its left."""
    portrait = track_portrait(picture, size=SIZE)
    avatar = lift_portrait(portrait)
    itself = avatar.perform(track_video([picture], 25.0), "same")
    rows = [
        (turned([(yaw, 0) for yaw in YAWS]), (0, 0, 0)),
        (turned([(yaw, 0) for yaw in YAWS]), (255, 255, 255)),
        (turned([(0, pitch) for pitch in PITCHES]), photo),
        (looks([{"jawOpen": jaw} for jaw in MOUTHS]), (0, 0, 0)),
        (looks(list(EXPRESSIONS)), (0, 0, 0)),
        (replace(looks(list(SPEECH)), rotation=turned([(20 * (-1) ** k, 0) for k in range(6)]).rotation), photo),
    ]
    pictures = []
    for motion, background in rows:
        cells = [composite(*drawing, background) for drawing in itself.frames(SIZE, SIZE)]
        cells += [composite(*drawing, background) for drawing in avatar.perform(motion).frames(SIZE, SIZE)]
        pictures.append(np.hstack(cells))
    return np.vstack(pictures)


def turned(views: list[tuple[float, float]]) -> Motion:
    """Return a face at rest under yaw and pitch in degrees."""
    yaw, pitch = np.radians(np.array(views, float)).T
    return replace(neutral_motion(len(views)), rotation=rotation_of(yaw, pitch))


def looks(weights: list[dict[str, float]]) -> Motion:
    """ARKit weights, frame by frame."""
    table = np.array([[frame.get(name, 0.0) for name in ARKIT_NAMES] for frame in weights])
    return add_arkit(neutral_motion(len(weights)), table)


if __name__ == "__main__":
    main()
