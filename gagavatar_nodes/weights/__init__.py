"""Downloadable weights: the manifest, where they lie, their download and their verification."""

from .locations import cached_path, default_folder, find_weight, hand_path, require_flame, require_weight
from .manifest import WeightFile, manifest, weight

__all__ = [
    "WeightFile",
    "cached_path",
    "default_folder",
    "find_weight",
    "hand_path",
    "manifest",
    "require_flame",
    "require_weight",
    "weight",
]
