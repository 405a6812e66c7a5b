"""One photo becomes a 3D Gaussian head avatar that any face can drive (GAGAvatar, arXiv 2410.07971)."""

__version__ = "0.1.0"
