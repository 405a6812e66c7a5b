"""ARTalk (arXiv 2502.20323): speech to FLAME motion by the published network, for who has its files.

PyTorch is imported when something is used, not with this package.
"""

from .drive import check_artalk, drive_artalk

__all__ = ["check_artalk", "drive_artalk"]
