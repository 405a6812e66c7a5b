"""Where a matte may be soft, and what colors say of it there: strands and veils beyond the edge of a binary mask."""

from __future__ import annotations

import numpy as np

from ..easing import smoothstep
from .foreground import estimate_layers
from .opencv import opencv

_REACH = 40 / 512
"""Of the crop's edge: strands are looked for so far from the mask."""
_BESIDE = 20 / 512
"""Of the crop's edge: what is so near to the band is not yet known to be background."""
_UNLIKE = (3.0, 6.0)
"""Deviations from the background around at which a pixel may be, and surely is, none of it."""
_LIKE = (0.5, 2.5)
"""Such deviations up to which a pixel surely is background, and from which it is what its color says."""
_GRAIN = 4 / 255
"""Least deviation of a background."""
_SPREAD = 8 / 512
"""Of the crop's edge: background is compared over this width."""
_FAINT = 0.6
"""Pixels of a crop of 512 over which grain is smoothed."""
_COARSE = 4
"""What describes the background is smooth, and computed at this part of the size."""
_DEEP = 4 / 512
"""Of the crop's edge: so deep inside of the mask its edge is no edge of the person."""
_SEPARATE = 0.12
"""Distance of foreground and background colors, 0..1, at which a pixel's place between them is half believed."""


def widen_trimap(crop: np.ndarray, trimap: np.ndarray) -> np.ndarray:
    """Return a trimap [S, S] float32 that also leaves open what stands out from the background near its edge.

    The background beside the band is known. What differs from it and hangs together with the band is strands.
    """
    cv2 = opencv()
    size = len(crop)
    background = trimap <= 0
    near = background & (cv2.dilate((~background).astype(np.uint8), _disc(_REACH * size)) > 0)
    beside = cv2.dilate((~background).astype(np.uint8), _disc(_BESIDE * size)) > 0
    distance = _distance_to(crop, background & ~beside)
    # What is beside the band may be a veil: it is background after all where it is like what lies farther out.
    distance = _distance_to(crop, background & ~(near & (distance > _UNLIKE[0])))
    doubtful = near & (distance > _UNLIKE[0])
    _, pieces = cv2.connectedComponents((~background | doubtful).astype(np.uint8))
    doubtful &= np.isin(pieces, pieces[~background])
    sure = cv2.dilate((doubtful & (distance > _UNLIKE[1])).astype(np.uint8), np.ones((5, 5)))
    strands = cv2.dilate((doubtful & (sure > 0)).astype(np.uint8), np.ones((3, 3))) > 0
    return np.where(strands & background, np.float32(0.5), trimap)


def _distance_to(crop: np.ndarray, known: np.ndarray) -> np.ndarray:
    """[S, S] deviations (Mahalanobis) of each pixel's color from the known background around it."""
    cv2 = opencv()
    size = len(crop)
    small = (max(1, size // _COARSE),) * 2
    image = cv2.GaussianBlur(crop, (0, 0), _FAINT * size / 512).astype(np.float32) / 255
    i, j = np.triu_indices(3)
    moments = np.concatenate([np.ones_like(image[..., :1]), image, image[..., i] * image[..., j]], -1)
    moments = cv2.resize(moments * known[..., None].astype(np.float32), small, interpolation=cv2.INTER_AREA)
    total = sum(
        part * cv2.GaussianBlur(moments, (0, 0), share * small[0])
        for share, part in ((_SPREAD, 1.0), (4 * _SPREAD, 0.05), (16 * _SPREAD, 1e-3))
    )
    total = total / np.maximum(total[..., :1], 1e-9)
    mean = total[..., 1:4]
    covariance = np.empty((*mean.shape, 3), np.float32)
    covariance[..., i, j] = covariance[..., j, i] = total[..., 4:] - mean[..., i] * mean[..., j]
    inverse = np.linalg.inv(covariance + np.float32(_GRAIN**2) * np.eye(3, dtype=np.float32))
    difference = image - cv2.resize(mean, (size, size), interpolation=cv2.INTER_LINEAR)
    spread = cv2.resize(inverse[..., i, j], (size, size), interpolation=cv2.INTER_LINEAR)
    twice = np.where(i == j, 1, 2).astype(np.float32)
    return np.sqrt(np.maximum((spread * twice * difference[..., i] * difference[..., j]).sum(-1), 0))


def guess_alpha(crop: np.ndarray, trimap: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a guess of the matte 0..1, and how far it can be believed, 0..1, [S, S] each.

    Outside of the mask [S, S] 0..1 it is each pixel's place between the colors of both sides, which are the trimap's
    known parts, spread smoothly over what is unknown. Inside, where the foreground has more colors than one, it is 1,
    believed the deeper inside the more and the more the color is none of the background. Shades of the background
    itself count for nothing.
    """
    cv2 = opencv()
    unknown = (trimap > 0) & (trimap < 1)
    image = crop.astype(np.float32) / 255
    background = _spread(crop, trimap <= 0)
    way = _spread(crop, trimap >= 1) - background
    length = (way**2).sum(-1)
    alpha = np.clip(((image - background) * way).sum(-1) / np.maximum(length, 1e-6), 0, 1)
    shade = smoothstep((_distance_to(crop, trimap <= 0) - _LIKE[0]) / (_LIKE[1] - _LIKE[0]))
    beside = ((image - background - alpha[..., None] * way) ** 2).sum(-1)
    separate = length / (length + _SEPARATE**2 + 4 * beside)
    depth = cv2.distanceTransform((mask > 0.5).astype(np.uint8), cv2.DIST_L2, 5) / (_DEEP * len(crop))
    unlike = ((image - background) ** 2).sum(-1)
    within = np.clip(depth - 0.5, 0, 1) * unlike / (unlike + _SEPARATE**2)
    inside = mask > 0.5
    guess = np.where(unknown, np.where(inside, np.maximum(alpha, np.minimum(depth, 1)), shade * alpha), trimap)
    return guess.astype(np.float32), (unknown * np.where(inside, within, separate)).astype(np.float32)


def _spread(crop: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Colors [S, S, 3] float32 0..1 of the known part [S, S] bool, spread over the rest."""
    layer, _ = estimate_layers(crop, known.astype(np.float32))
    return layer


def _disc(radius: float) -> np.ndarray:
    size = 2 * max(1, round(radius)) + 1
    return opencv().getStructuringElement(opencv().MORPH_ELLIPSE, (size, size))
