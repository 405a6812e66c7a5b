"""The embedded avatar: dual lifting without a network."""

from .avatar import EmbeddedAvatar, EmbeddedPerformance
from .lift import DENSITY, lift_portrait

__all__ = ["DENSITY", "EmbeddedAvatar", "EmbeddedPerformance", "lift_portrait"]
