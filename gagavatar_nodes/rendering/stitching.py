"""Putting the rendered head back into the picture that it was taken from."""

from __future__ import annotations

import numpy as np

from ..easing import smoothstep
from ..types import Portrait
from .compositing import to_uint8
from .inpainting import fill

_PERSON = 0.04
"""Matte above which a pixel shows some of the person."""
_BODY = 2.5
"""Feather widths from the crop's border within which the body that it cuts stays in the picture."""
_SEAM = 0.3
"""Feather widths in which the removal of the person fades out at the crop's border."""
_HALO = 0.02
"""Width, in crop edges, of the strip around the matte that is replaced too: hair and blur reach past it."""


class Stitcher:
    """Puts renderings of a portrait's crop into its picture: made once, then `stitch` for each frame.

    The person is removed from the picture inside the crop, so that nothing of it shows beside the moved head. Toward
    the crop's border the rendering gives way to the picture, so that a body which the crop cuts goes on.
    """

    def __init__(self, portrait: Portrait, max_edge: int | None = None, feather: float = 0.06) -> None:
        """Prepare the picture of a portrait.

        Args:
            portrait: whose crop the avatar's pictures show.
            max_edge: shrink the picture until its longer edge is at most this; None keeps its size.
            feather: width of the strip along the crop's border, in crop edges, in which the rendering gives way.
        """
        picture, self._matrix = _shrunk(portrait.picture, portrait.crop_to_picture, max_edge)
        self._edge, self._feather = portrait.size, feather
        self._picture = picture
        self._left, self._top, right, bottom = _bounds(self._matrix, self._edge, picture.shape)
        self._size = right - self._left, bottom - self._top
        inside = picture[self._top : bottom, self._left : right]
        removed = _border(self._edge, 0.0, _SEAM * feather) * (1 - _cut_body(portrait.alpha, feather))
        self._plate = _mix(inside, self._without_person(inside, portrait.alpha), self._warp(removed))
        self._borders: dict[int, np.ndarray] = {}

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the results."""
        return self._picture.shape[1], self._picture.shape[0]

    @property
    def edge(self) -> int:
        """Edge of the crop in pixels, at which a rendering loses nothing."""
        return self._edge

    @property
    def background(self) -> np.ndarray:
        """[H, W, 3] uint8 the picture without the person, but for a body that the crop cuts; a new array."""
        return self._place(self._plate)

    def stitch(self, rgb: np.ndarray, alpha: np.ndarray) -> np.ndarray:
        """Return the picture with a rendering in the crop's place.

        Args:
            rgb: [S, S, 3] float32 0..1 multiplied by alpha, a rendering of the whole crop at any size.
            alpha: [S, S] float32 0..1.

        Returns:
            [H, W, 3] uint8, a new array.
        """
        import cv2

        if alpha.shape[0] != alpha.shape[1] or rgb.shape != (*alpha.shape, 3):
            raise ValueError(f"Got rgb {rgb.shape} and alpha {alpha.shape} but expected [S, S, 3] and [S, S]")
        border = self._borders.get(len(alpha))
        if border is None:
            border = self._borders[len(alpha)] = _border(len(alpha), 0.0, self._feather)
        premultiplied = cv2.merge([*cv2.split(np.ascontiguousarray(rgb, np.float32)), np.ascontiguousarray(alpha)])
        warped = self._warp(to_uint8(cv2.multiply(premultiplied, cv2.merge([border] * 4))))
        rest = cv2.bitwise_not(cv2.extractChannel(warped, 3))
        seen = cv2.multiply(self._plate, cv2.merge([rest, rest, rest]), scale=1 / 255)
        return self._place(cv2.add(seen, cv2.cvtColor(warped, cv2.COLOR_RGBA2RGB)))

    def _without_person(self, inside: np.ndarray, alpha: np.ndarray) -> np.ndarray:
        import cv2

        halo = max(1, round(_HALO * self._edge * _scale(self._matrix)))
        person = (self._warp(alpha.astype(np.float32)) > _PERSON).astype(np.uint8)
        outline = cv2.dilate(person, disc(halo))
        # What lies outside the crop may be the same person's body: the fill learns from the crop alone.
        known = (cv2.dilate(outline, disc(halo // 2)) == 0) & (self._warp(np.ones_like(alpha)) > 0.5)
        if not known.any():
            return inside
        soft = cv2.GaussianBlur(outline.astype(np.float32), (0, 0), max(0.5, halo / 4))
        return _mix(inside, fill(inside, known), soft)

    def _warp(self, image: np.ndarray) -> np.ndarray:
        """Return a square image of the crop, of any size, to the crop's rectangle in the picture."""
        import cv2

        matrix = _from_size(self._matrix, len(image), self._edge)
        scale = _scale(matrix)
        if scale < 1:  # bilinear sampling alone would skip pixels
            edge = max(1, round(len(image) * scale))
            matrix = _from_size(matrix, edge, len(image))
            image = cv2.resize(image, (edge, edge), interpolation=cv2.INTER_AREA)
        matrix[:, 2] -= self._left, self._top
        return cv2.warpAffine(image, matrix, self._size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)

    def _place(self, inside: np.ndarray) -> np.ndarray:
        result = self._picture.copy()
        result[self._top : self._top + self._size[1], self._left : self._left + self._size[0]] = inside
        return result


def _mix(image: np.ndarray, other: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """[H, W, 3] uint8, `other` where `weight` [H, W] is 1."""
    mixed = image + weight[..., None] * (other.astype(np.float32) - image)
    return np.clip(mixed + 0.5, 0, 255).astype(np.uint8)


def _border(edge: int, low: float, high: float) -> np.ndarray:
    """[edge, edge] float32: 0 within `low` edges of the border, 1 from `high` edges on, smooth between."""
    distance = np.minimum(np.arange(edge), np.arange(edge)[::-1]) / edge
    ramp = smoothstep((distance - low) / max(1e-6, high - low)).astype(np.float32)
    return np.minimum(ramp[:, None], ramp[None, :])


def _cut_body(alpha: np.ndarray, feather: float) -> np.ndarray:
    """[S, S] float32: 1 where the rendering gives way to a person whom the crop's border cuts, 0 elsewhere."""
    import cv2

    edge = len(alpha)
    ramp = np.arange(edge, dtype=np.float32)[:, None] / max(1e-6, feather * edge)
    near = np.clip((_BODY - ramp) / (_BODY - 1), 0, 1)
    kept = np.zeros_like(alpha, np.float32)
    for turns in range(4):
        border = np.rot90(alpha, turns)[:1].astype(np.float32)
        reach = cv2.GaussianBlur(border, (0, 0), max(0.5, feather * edge / 2), borderType=cv2.BORDER_REPLICATE)
        kept = np.maximum(kept, np.rot90(near * np.clip(2 * reach, 0, 1), -turns))
    return kept


def _shrunk(picture: np.ndarray, matrix: np.ndarray, max_edge: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Return the picture with its longer edge at most `max_edge`, and the crop's [2, 3] matrix into it."""
    import cv2

    height, width = picture.shape[:2]
    scale = min(1.0, (max_edge or max(height, width)) / max(height, width))
    if scale == 1.0:
        return picture, matrix.astype(np.float64)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    factors = np.array([[size[0] / width], [size[1] / height]])
    shrunk = factors * matrix
    shrunk[:, 2:] += (factors - 1) / 2  # pixel centers are at integers
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA), shrunk


def _from_size(matrix: np.ndarray, edge: int, full: int) -> np.ndarray:
    """[2, 3] `matrix` from a square of `full` pixels, made to take pixels of that square resized to `edge`."""
    ratio = full / edge
    resized = matrix.copy()
    resized[:, 2] += matrix[:, :2].sum(1) * (ratio - 1) / 2
    resized[:, :2] *= ratio
    return resized


def _bounds(matrix: np.ndarray, edge: int, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """left, top, right, bottom of the crop in the picture, at least one pixel."""
    low, high = -0.5, edge - 0.5
    corners = matrix[:, :2] @ np.array([[low, high, low, high], [low, low, high, high]]) + matrix[:, 2:]
    left, top = np.floor(corners.min(1)).astype(int)
    right, bottom = np.ceil(corners.max(1)).astype(int) + 1
    left, top = min(max(0, left), shape[1] - 1), min(max(0, top), shape[0] - 1)
    return left, top, max(left + 1, min(right, shape[1])), max(top + 1, min(bottom, shape[0]))


def _scale(matrix: np.ndarray) -> float:
    return float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))


def disc(radius: float) -> np.ndarray:
    """[D, D] uint8 a disc of so many pixels, at least one, to grow masks by."""
    import cv2

    edge = 2 * max(1, round(radius)) + 1
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (edge, edge))
