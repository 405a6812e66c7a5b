"""Named landmarks of the 478-point face model. Left and right are the image's, as seen in a frontal picture."""

import numpy as np

LEFT_EYE_RING = (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246)
RIGHT_EYE_RING = (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466)
LEFT_IRIS = slice(468, 473)
RIGHT_IRIS = slice(473, 478)
"""An iris is its center, then four points on its rim."""

EYE_RINGS = (LEFT_EYE_RING, RIGHT_EYE_RING)
IRISES = (LEFT_IRIS, RIGHT_IRIS)
EYE_CORNERS = ((33, 133), (263, 362))
"""Outer and inner corner of each eye."""

UPPER_LIDS = ((246, 161, 160, 159, 158, 157, 173), (466, 388, 387, 386, 385, 384, 398))
LOWER_LIDS = ((7, 163, 144, 145, 153, 154, 155), (249, 390, 373, 374, 380, 381, 382))
"""Lid edges from the outer to the inner corner; the fourth point is the middle."""
LID_CREASES = ((247, 30, 29, 27, 28, 56, 190), (467, 260, 259, 257, 258, 286, 414))
LID_FOLDS = ((113, 225, 224, 223, 222, 221, 189), (342, 445, 444, 443, 442, 441, 413))
"""Rows over the upper lids: the crease, then the fold under the brow."""
BROW_EDGES = ((46, 53, 52, 65, 55), (276, 283, 282, 295, 285))
"""Lower edges of the brows, from the outer to the inner end."""

BROWS = (70, 63, 105, 66, 107, 55, 65, 52, 53, 46, 300, 293, 334, 296, 336, 285, 295, 282, 283, 276)

UPPER_LIP_ROWS = (
    0, 11, 12, 13, 37, 72, 38, 82, 39, 73, 41, 81, 40, 74, 42, 80, 185, 184, 183, 191,
    267, 302, 268, 312, 269, 303, 271, 311, 270, 304, 272, 310, 409, 408, 407, 415,
)  # fmt: skip
LOWER_LIP_ROWS = (
    17, 16, 15, 14, 84, 85, 86, 87, 181, 180, 179, 178, 91, 90, 89, 88, 146, 77, 96, 95,
    314, 315, 316, 317, 405, 404, 403, 402, 321, 320, 319, 318, 375, 307, 325, 324,
)  # fmt: skip
"""All landmarks of a lip, from outer edge to inner edge."""
CHIN_ROWS = (
    18, 83, 313, 182, 406, 200, 199, 175, 152, 201, 421, 148, 377, 171, 396, 208, 428, 140, 369, 194, 418,
)  # fmt: skip

OUTER_LIPS = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185)
INNER_LIPS = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191)
UPPER_LIP, LOWER_LIP = 13, 14
"""Middle of the inner lips."""
NOSE = (168, 48, 98, 327, 278)
"""Its bridge between the eyes, and its wings."""
UNDER_NOSE = 2
MOUTH_CORNERS = (61, 291)
CHIN = 152
FOREHEAD = 10

FACE_OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148,
    176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip


def mouth_aperture(landmarks: np.ndarray) -> np.ndarray:
    """Distance of the inner lips' middles, [...] from landmarks [..., 478, 3]."""
    return np.linalg.norm(landmarks[..., UPPER_LIP, :] - landmarks[..., LOWER_LIP, :], axis=-1)


def eye_widths(landmarks: np.ndarray) -> np.ndarray:
    """[2] distance between the corners of each eye, of landmarks [478, 3]."""
    return np.array([np.linalg.norm(landmarks[outer] - landmarks[inner]) for outer, inner in EYE_CORNERS])


def eye_openness(landmarks: np.ndarray) -> np.ndarray:
    """Lid opening over eye width, [..., 2] from landmarks [..., 478, 3]: about 0.3 when open, under 0.1 when closed."""
    sides = []
    for side in (0, 1):
        upper, lower = landmarks[..., UPPER_LIDS[side][3], :], landmarks[..., LOWER_LIDS[side][3], :]
        outer, inner = (landmarks[..., i, :] for i in EYE_CORNERS[side])
        sides.append(np.linalg.norm(upper - lower, axis=-1) / np.linalg.norm(outer - inner, axis=-1))
    return np.stack(sides, axis=-1)
