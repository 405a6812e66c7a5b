"""The embedded avatar: dual lifting without a network."""

from .avatar import GeometricAvatar, Performance
from .lift import DENSITY, lift_portrait

__all__ = ["DENSITY", "GeometricAvatar", "Performance", "lift_portrait"]
