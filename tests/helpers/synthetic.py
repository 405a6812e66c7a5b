"""The synthetic head of the tests: 72 painted frames at 24 a second, with what was painted."""

from pathlib import Path

_DATA = Path(__file__).parents[1] / "data"
DRIVER = _DATA / "synthetic_driver.mp4"
TRUTH = _DATA / "synthetic_driver_truth.npy"
"""[72, 4]: yaw, pitch (radians), jawOpen, blink."""
