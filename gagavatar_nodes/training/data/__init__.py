"""Training data: pairs of frames of tracked videos, in the published layout or in our own."""

from .dataset import FramePairs, open_dataset, open_frames

__all__ = ["FramePairs", "open_dataset", "open_frames"]
