"""head_cc0.npz: the CC0 head, its 52 expression targets, and the face landmarks bound to its surface.

The binding is measured: the tracker looks at a painted view of the head, and each landmark is bound to the surface
point that it falls on. The lips are bound with the jaw half open, where upper and lower lip are told apart.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gagavatar_nodes.tracking.face_mesh import _LIPS

from .makehuman import MakeHuman, Mesh
from .painting import Painter, project, rasterize

_SIZE, _ZOOM = 1024, 400.0
_LANDMARKS = 468
_JAW_OPEN = 0.5
_WALL = 0.45  # decimeters behind the nearest surface around: the mouth's inside
_AROUND = 61  # pixels
_STEP = 1e-3  # of the stored targets, decimeters


def build(work: Path, out: Path) -> None:
    """Write `out/head_cc0.npz`."""
    source = MakeHuman(work)
    mesh, units = source.mesh, source.units
    triangles, weights = _bind(source)
    used, compact = np.unique(mesh.triangles, return_inverse=True)
    arrays = {
        "v": mesh.vertices[used].astype(np.float32),
        "f": compact.reshape(-1, 3).astype(np.uint16),
        "grp": mesh.parts.astype(np.uint8),
        "lm_tri": triangles.astype(np.uint16),
        "lm_bar": weights.astype(np.float16),
    }
    for name, offsets in units.items():
        steps = np.rint(offsets[used] / _STEP).astype(np.int16)
        moved = np.flatnonzero(steps.any(1))
        arrays[f"ui_{name}"] = moved.astype(np.uint16)
        arrays[f"ud_{name}"] = steps[moved]
    np.savez_compressed(out / "head_cc0.npz", **arrays)


def painter(source: MakeHuman) -> Painter:
    """Return the painter of this head."""
    import cv2

    lips = cv2.imdecode(np.frombuffer(source.lip_texture(), np.uint8), cv2.IMREAD_GRAYSCALE)
    return Painter(source.mesh, lips)


def _bind(source: MakeHuman) -> tuple[np.ndarray, np.ndarray]:
    """Triangle [468] under each landmark and its barycentric coordinates [468, 3]."""
    brush, mesh = painter(source), source.mesh
    triangles, weights = np.zeros(_LANDMARKS, int), np.zeros((_LANDMARKS, 3))
    lips = np.unique(_LIPS)
    others = np.setdiff1d(np.arange(_LANDMARKS), lips)
    for landmarks, jaw in ((others, 0.0), (lips, _JAW_OPEN)):
        vertices = mesh.vertices + jaw * source.units["jawOpen"]
        seen = _track(brush.paint(vertices, 0.0, 0.0, _SIZE, _ZOOM))[landmarks]
        triangles[landmarks], weights[landmarks] = _surface_under(mesh, vertices, seen)
    return triangles, weights


def _track(image: np.ndarray) -> np.ndarray:
    """Landmarks [468, 2] of the one face in `image`, pixels."""
    from gagavatar_nodes.tracking.detector import FaceDetector
    from gagavatar_nodes.tracking.face_mesh import FaceLandmarker, region_of_detection

    landmarker = FaceLandmarker()
    face = max(FaceDetector().detect_whole(image), key=lambda found: found.size)
    first = landmarker.detect(image, region_of_detection(face))
    return landmarker.refine(image, first, rounds=3).points[:_LANDMARKS, :2]


def _surface_under(mesh: Mesh, vertices: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the visible skin nearest to each of `points` [N, 2]: triangle [N], barycentric coordinates [N, 3]."""
    from scipy.ndimage import maximum_filter
    from scipy.spatial import cKDTree

    skin = np.flatnonzero(mesh.parts == 0)
    projected, _ = project(vertices, 0.0, 0.0, _SIZE, _ZOOM)
    raster = rasterize(projected, mesh.triangles[skin], _SIZE)
    front = raster.depth > maximum_filter(raster.depth, size=_AROUND) - _WALL
    rows, columns = np.nonzero((raster.triangles >= 0) & front)
    _, nearest = cKDTree(np.stack([columns, rows], 1)).query(points)
    hit = rows[nearest], columns[nearest]
    return skin[raster.triangles[hit]], raster.barycentric[hit]
