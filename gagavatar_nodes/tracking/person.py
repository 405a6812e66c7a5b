"""Which pixels of a crop show a person, and where a second look doubts it."""

from __future__ import annotations

import numpy as np

from .around import mean_around
from .onnx_session import session
from .opencv import opencv

_EDGE = 256
"""Of the model's pictures."""
_BEYOND = 0.5
"""Gray beyond the picture's edges."""
_BLURRED = 4
"""Pixels by which edges of what it shows are blurred."""
_NO_ONE, _SURE = 0.03, 0.9
"""Beliefs under which there is no person for sure, and over which further looks are asked."""
_HARDLY, _PERHAPS = 0.4, 0.6
"""What is left of a belief that almost all looks, or one, deny."""
_NO = 0.1
"""Belief under which a look denies a person."""
_SPREAD = 1 / 8
"""Of the edge, over which the background's colors are looked at."""
_NOISE, _ALIKE = 3.0, 2.0
"""CIELAB units by which any background varies, and standard deviations within which a color is like it."""
_STEP = 2.0
"""CIELAB units between neighbors from which there is an edge."""


def segment_person(small: np.ndarray, inside: np.ndarray | None = None) -> np.ndarray:
    """Probability [256, 256] float32 0..1 of each pixel of `small` [256, 256, 3] uint8 RGB to show a person.

    Its edges are blocky. `inside` [256, 256] bool is what of the crop is in the picture; what is not has the
    probability of the nearest pixel that is.
    """
    belief = _look(small.astype(np.float32) / 255)
    if inside is None:
        inside = np.ones(belief.shape, bool)
    most = _second_belief(small, inside, inside & (belief < _NO_ONE))
    belief = np.where(belief > _SURE, np.minimum(belief, most), belief).astype(np.float32)
    # Else what is repeated of a head that the picture cuts would teach that hair is background.
    return belief[np.ix_(*(_clipped(np.any(inside, axis=axis)) for axis in (1, 0)))]


def _clipped(inside: np.ndarray) -> np.ndarray:
    """[N] indices, each moved to the nearest of the interval that is well `inside` [N]; the crop's ends are."""
    first, last = np.flatnonzero(inside)[[0, -1]]
    low, high = first + (_BLURRED if first else 0), last - (_BLURRED if last < len(inside) - 1 else 0)
    return np.clip(np.arange(len(inside)), low, max(low, high))


def _second_belief(small: np.ndarray, inside: np.ndarray, background: np.ndarray) -> np.ndarray:
    """[256, 256] how far what the first look shows of a person in `small` [256, 256, 3] uint8 RGB may be believed.

    A cat on the shoulder, a dark corner or a red wall is taken for clothes, but hardly so at every look: with the
    repeated pixels beyond the picture's edge gray, mirrored, without colors, brighter, from farther away.
    What all but two of them deny is rather background; what one denies that goes on from the `background` [256, 256]
    in its color may be.
    """
    first = small.astype(np.float32) / 255
    seen = np.where(inside[..., None], first, np.float32(_BEYOND))
    gray = np.repeat(seen.mean(-1, keepdims=True), 3, axis=-1)
    looks = [_look(seen), _look(seen[:, ::-1])[:, ::-1], _look(gray), _look(np.sqrt(seen))]
    looks += [
        _look_from_afar(seen, 1.3, opencv().BORDER_CONSTANT),
        _look_from_afar(first, 1.6, opencv().BORDER_REPLICATE),
    ]
    denied = np.min(looks, axis=0) < _NO
    unsure = np.where(_goes_on(background, denied, small), _PERHAPS, 1)
    return np.where(np.sort(looks, axis=0)[-3] < 0.5, _HARDLY, unsure)


def _look(unit: np.ndarray) -> np.ndarray:
    """Probability [256, 256] of the pixels of a picture [256, 256, 3] float32 0..1."""
    tensor = np.ascontiguousarray(unit[None], np.float32)
    (probability,) = session("person_segmentation.onnx").run(None, {"input_1": tensor})
    return np.clip(probability[0, :, :, 0], 0, 1)


def _look_from_afar(unit: np.ndarray, times: float, border: int) -> np.ndarray:
    cv2 = opencv()
    far = cv2.getRotationMatrix2D(((_EDGE - 1) / 2,) * 2, 0, 1 / times)
    wide = cv2.warpAffine(
        unit, far, (_EDGE, _EDGE), flags=cv2.INTER_AREA, borderMode=border, borderValue=(_BEYOND,) * 3
    )
    return cv2.warpAffine(_look(wide), far, (_EDGE, _EDGE), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)


def _goes_on(background: np.ndarray, where: np.ndarray, small: np.ndarray) -> np.ndarray:
    """[256, 256] bool `where` the background goes on: in its color, with no edge between."""
    cv2 = opencv()
    lab = cv2.cvtColor(small.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    alike = where & _like(lab, background)
    lab = cv2.GaussianBlur(lab, (0, 0), 1)
    slopes = [cv2.Sobel(lab, cv2.CV_32F, *axis, scale=1 / 8) for axis in ((1, 0), (0, 1))]
    even = np.square(slopes).sum((0, -1)) < _STEP**2
    _, pieces = cv2.connectedComponents(((background | alike) & even).astype(np.uint8), connectivity=4)
    return alike & np.isin(pieces, np.setdiff1d(pieces[background], [0]))


def _like(lab: np.ndarray, background: np.ndarray) -> np.ndarray:
    """[256, 256] bool: colors [256, 256, 3] are like that of the background near them."""
    moments, _ = mean_around(np.dstack([lab, lab**2]), background, _SPREAD)
    mean, square = moments[..., :3], moments[..., 3:]
    variance = np.maximum(square - mean**2, 0) + _NOISE**2
    like: np.ndarray = ((lab - mean) ** 2 / variance).max(-1) < _ALIKE**2
    return like
