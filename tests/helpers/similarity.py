"""How alike two pictures are."""

import cv2
import numpy as np


def psnr(image, other):
    """Decibels between pictures [H, W, 3] of 0..1."""
    return -10 * np.log10(np.mean(np.square(image.astype(float) - other)))


def ssim(image, other):
    """Structural similarity of the luminance of [H, W, 3] in 0..1 (Wang et al. 2004), Gaussian windows of sigma 1.5."""
    x, y = (picture.astype(float) @ [0.299, 0.587, 0.114] for picture in (image, other))
    mean = lambda picture: cv2.GaussianBlur(picture, (11, 11), 1.5)  # noqa: E731
    mx, my = mean(x), mean(y)
    vx, vy, both = mean(x * x) - mx**2, mean(y * y) - my**2, mean(x * y) - mx * my
    c1, c2 = 0.01**2, 0.03**2
    return float(np.mean((2 * mx * my + c1) * (2 * both + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2))))
