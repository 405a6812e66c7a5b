"""Hand-made motions whose every number is known."""

import numpy as np

from gagavatar_nodes.face.bundled_face import bundled_neutral
from gagavatar_nodes.types import FlameCodes, Motion

FACING = np.diag([-1.0, 1.0, -1.0])


def about_y(degrees) -> np.ndarray:
    """[..., 3, 3] a yaw, written out."""
    angle = np.radians(np.asarray(degrees, float))
    c, s, zero, one = np.cos(angle), np.sin(angle), np.zeros_like(angle), np.ones_like(angle)
    rows = [[c, zero, s], [zero, one, zero], [-s, zero, c]]
    return np.stack([np.stack(row, -1) for row in rows], -2)


def yaw_degrees(rotations: np.ndarray) -> np.ndarray:
    return np.degrees(np.arctan2(rotations[..., 0, 2], rotations[..., 2, 2]))


def ramp(frames: int = 10, fps: float = 25.0, flame: bool = False, first_yaw: float = 0.0) -> Motion:
    """Frame i: yaw 2 i degrees, x = i cm, scale 0.02 (1 + i / 10), every landmark delta 0.01 i, weights i / 100."""
    index = np.arange(frames, dtype=np.float64)
    yaw = about_y(first_yaw + 2 * index)
    codes = None
    if flame:
        codes = FlameCodes(
            edition="test",
            shape=np.arange(300, dtype=np.float32),
            expression=np.tile(index[:, None] / 10, (1, 100)).astype(np.float32),
            jaw=np.tile(index[:, None] / 50, (1, 3)).astype(np.float32),
            eyes=np.tile(index[:, None] / 60, (1, 6)).astype(np.float32),
            transform=np.concatenate(
                [yaw.swapaxes(1, 2) @ FACING, np.stack([index, 0 * index, 9 + 0 * index], 1)[..., None]], axis=2
            ).astype(np.float32),
        )
    return Motion(
        fps=fps,
        rotation=yaw.astype(np.float32),
        translation=np.stack([index, 0 * index, 0 * index], 1).astype(np.float32),
        scale=(0.02 * (1 + index / 10)).astype(np.float32),
        neutral=bundled_neutral().astype(np.float32),
        deltas=np.tile(0.01 * index[:, None, None], (1, 478, 3)).astype(np.float16),
        arkit=np.tile(index[:, None] / 100, (1, 52)).astype(np.float32),
        gaze=np.tile(index[:, None, None] / 100, (1, 2, 2)).astype(np.float32),
        confidence=np.where(index == 3, 0, 0.9).astype(np.float32),
        flame=codes,
        source="ramp",
        extra={"note": "made by hand"},
    )


def check_consistent(motion: Motion, frames: int) -> None:
    """Shapes and types as `Motion` says, rotations that are rotations."""
    shapes = {
        "rotation": (frames, 3, 3),
        "translation": (frames, 3),
        "scale": (frames,),
        "neutral": (478, 3),
        "deltas": (frames, 478, 3),
        "arkit": (frames, 52),
        "gaze": (frames, 2, 2),
        "confidence": (frames,),
    }
    for name, shape in shapes.items():
        array = getattr(motion, name)
        assert array.shape == shape, name
        assert array.dtype == (np.float16 if name == "deltas" else np.float32), name
        assert np.isfinite(array).all(), name
    assert np.allclose(motion.rotation @ motion.rotation.swapaxes(1, 2), np.eye(3), atol=1e-5)
    assert np.linalg.det(motion.rotation).min() > 0
    if motion.flame is not None:
        codes = motion.flame
        assert codes.expression.shape == (frames, 100)
        assert codes.jaw.shape == (frames, 3)
        assert codes.eyes.shape == (frames, 6)
        assert codes.transform.shape == (frames, 3, 4)
        assert codes.added is None or codes.added.shape == (frames, 52)
        assert codes.shape.shape in ((300,), (frames, 300))
        assert all(getattr(codes, name).dtype == np.float32 for name in ("expression", "jaw", "eyes", "transform"))
