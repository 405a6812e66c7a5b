"""How well people are told apart in films: each file, a video or picture, shows another person.

    python tools/measure_identity.py one.mp4 two.mp4 three.jpg

Each film shows a person, cuts to another one, and back to the first under other light, in another size and place.
Pictures sway.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from itertools import product
from pathlib import Path

import numpy as np

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parent)]

_BEFORE, _BETWEEN, _AFTER = 30, 18, 18
"""Frames of a film's three shots."""
_OUTCOMES = ("another one followed", "followed as doubtful", "refused", "own refused", "own doubtful")


def main() -> int:
    """Print for each pair of people what became of the shot of the other one, and of the person's own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", metavar="FILE")
    args = parser.parse_args()
    films = {Path(file).stem: _frames(file) for file in args.files}
    counts: Counter[str] = Counter()
    for (one, frames), (two, others) in product(films.items(), repeat=2):
        if one != two:
            told = _outcomes(frames, others, np.random.default_rng(1))
            counts.update(told)
            print(f"{one} | {two}: {', '.join(told)}", flush=True)
    print(len(films) * (len(films) - 1), "films:", ", ".join(f"{name} {counts[name]}" for name in _OUTCOMES))
    return 0


def _outcomes(frames: list[np.ndarray], others: list[np.ndarray], random: np.random.Generator) -> list[str]:
    from gagavatar_nodes.tracking.video import track_video
    from gagavatar_nodes.types import DOUBTS

    again = _vary(frames[_BETWEEN : _BETWEEN + _AFTER], random)
    motion = track_video([*frames[:_BEFORE], *others[:_BETWEEN], *again], 24.0)
    seen = motion.confidence > 0
    between = float(seen[_BEFORE : _BEFORE + _BETWEEN].mean())
    after = float(seen[_BEFORE + _BETWEEN :].mean())
    starts = [int(part.split("-")[0]) for part in motion.extra.get(DOUBTS, "").split(", ") if part]
    told = ["refused"]
    if between > 0.1:
        told = [
            "followed as doubtful" if any(start < _BEFORE + _BETWEEN for start in starts) else "another one followed"
        ]
    if after < 0.7:
        told.append("own refused")
    elif between < 0.1 and any(start >= _BEFORE + _BETWEEN for start in starts):
        told.append("own doubtful")
    return told


def _frames(path: str) -> list[np.ndarray]:
    import films
    from gagavatar_nodes.media.images import read_image
    from gagavatar_nodes.media.kinds import media_kind
    from gagavatar_nodes.media.video_reader import VideoReader

    if media_kind(path) == "image":
        picture = _square(read_image(path).rgb)
        return [films.placed(picture, 1.05, 4 * np.sin(i / 5), 3 * np.sin(i / 7), picture) for i in range(60)]
    with VideoReader(path) as video:
        return [_square(frame) for _, frame in zip(range(60), video, strict=False)]


def _square(image: np.ndarray) -> np.ndarray:
    import cv2

    import films

    edge = min(image.shape[:2])
    top, left = (image.shape[0] - edge) // 4, (image.shape[1] - edge) // 2
    part = image[top : top + edge, left : left + edge]
    return cv2.resize(part, (films.SIZE, films.SIZE), interpolation=cv2.INTER_AREA)


def _vary(frames: list[np.ndarray], random: np.random.Generator) -> list[np.ndarray]:
    """Frames as another camera, lamp and editor might have them."""
    import films

    tint, gamma = random.uniform(0.93, 1.07, 3), random.uniform(0.75, 1.3)
    scale, right, down = random.choice([0.5, 0.7, 1.2]), *random.uniform(-60, 60, 2)
    mirrored = random.random() < 0.5
    varied = []
    for frame in frames:
        colored = np.uint8(255 * np.clip(frame / 255 * tint, 0, 1) ** (1 / gamma))
        placed = films.placed(colored, scale, right, down)
        varied.append(np.ascontiguousarray(placed[:, ::-1]) if mirrored else placed)
    return varied


if __name__ == "__main__":
    sys.exit(main())
