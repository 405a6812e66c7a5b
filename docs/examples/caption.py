"""Two takes of one head on a colored wall, with a caption.

    python docs/examples/caption.py photo.jpg talking.mp4 out.mp4

Needs MoviePy: pip install "gagavatar-nodes[moviepy]"
"""

from __future__ import annotations

import sys

from moviepy import ColorClip, CompositeVideoClip, TextClip, concatenate_videoclips

from gagavatar_nodes import pipeline

SIZE = 512


def caption(portrait: str, driver: str, output: str, seconds: float = 3.0) -> None:
    """Write the film to `output`."""
    avatar = pipeline.lift(pipeline.read_portrait(portrait), "embedded")
    clip = pipeline.clip(avatar, pipeline.read_driver(driver), audio_from=driver)
    take = clip.subclipped(0, min(seconds, clip.duration) / 2)
    takes = concatenate_videoclips([take, take.resized(0.75).with_position(("center", "bottom"))], method="compose")
    wall = ColorClip((SIZE, SIZE), color=(40, 60, 90), duration=takes.duration)
    words = TextClip(text="One photo.", font_size=40, color="white", margin=(10, 10), duration=takes.duration)
    film = CompositeVideoClip([wall, takes.with_position("center"), words.with_position(("center", "top"))])
    film.write_videofile(output, fps=clip.fps, logger=None)


if __name__ == "__main__":
    caption(*sys.argv[1:4])
