"""From raw videos to training data: found, cut into shots and persons, cropped, matted and tracked."""

from .run import prepare
from .settings import PrepareSettings

__all__ = ["PrepareSettings", "prepare"]
