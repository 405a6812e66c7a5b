"""How well looks tell people apart: each file, a video or picture, shows another person.

    python tools/measure_identity.py one.mp4 two.mp4 three.jpg

A person is learned from half of the frames as they are and compared with all people's frames under other light, colors,
sizes and mirrored (tools/rebuild/looks.py).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from gagavatar_nodes.tracking.identity import Person

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parent)]

_FRAMES, _VARIATIONS = 16, 2


def main() -> int:
    """Print the distances of each person to each, and how many decisions are wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", metavar="FILE")
    args = parser.parse_args()
    from gagavatar_nodes.tracking.identity import SAME

    people, varied = zip(*map(_measure, args.files), strict=True)
    distances = [[[person.distance(look) for look in looks] for looks in varied] for person in people]
    for name, row in zip(args.files, distances, strict=True):
        print(f"{Path(name).name:24}", *(f"{np.median(d):.2f} ({min(d):.2f}-{max(d):.2f})" for d in row))
    own = np.concatenate([row[i] for i, row in enumerate(distances)])
    print(f"own: median {np.median(own):.2f}, 95 % {np.quantile(own, 0.95):.2f}; refused {(own > SAME).mean():.1%}")
    if len(people) > 1:
        other = np.concatenate([d for i, row in enumerate(distances) for j, d in enumerate(row) if i != j])
        print(
            f"others: median {np.median(other):.2f}, 5 % {np.quantile(other, 0.05):.2f}; "
            f"taken for the person {(other <= SAME).mean():.1%}"
        )
    return 0


def _measure(path: str) -> tuple[Person, list[np.ndarray]]:
    from gagavatar_nodes.media.images import read_image
    from gagavatar_nodes.media.kinds import media_kind
    from gagavatar_nodes.media.video_reader import VideoReader
    from gagavatar_nodes.tracking.faces import find_faces
    from gagavatar_nodes.tracking.identity import Person, look_of
    from rebuild.looks import vary

    if media_kind(path) == "image":
        frames = [read_image(path).rgb] * _FRAMES
    else:
        with VideoReader(path) as video:
            frames = list(video)
            frames = [frames[i] for i in np.linspace(0, len(frames) - 1, _FRAMES).astype(int)]
    random, person, looks = np.random.default_rng(1), Person(), []
    for index, frame in enumerate(frames):
        for image in (frame, *(vary(frame, random) for _ in range(_VARIATIONS))):
            if faces := find_faces(image):
                look = look_of(faces[0])
                if image is not frame:
                    looks.append(look)
                elif index < _FRAMES // 2:
                    person.learn(look)
    return person, looks


if __name__ == "__main__":
    sys.exit(main())
