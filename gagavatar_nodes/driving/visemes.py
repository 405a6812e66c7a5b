"""Mouth shapes of speech as ARKit weights."""

from __future__ import annotations

VISEMES: dict[str, dict[str, float]] = {
    "rest": {},
    "aa": {"jawOpen": 0.31, "mouthLowerDown": 0.2, "mouthUpperUp": 0.1},
    "ae": {"jawOpen": 0.29, "mouthStretch": 0.2, "mouthLowerDown": 0.25, "mouthUpperUp": 0.15},
    "uh": {"jawOpen": 0.25, "mouthLowerDown": 0.15, "mouthUpperUp": 0.08},
    "eh": {"jawOpen": 0.26, "mouthStretch": 0.2, "mouthUpperUp": 0.15, "mouthLowerDown": 0.2},
    "ee": {"jawOpen": 0.21, "mouthSmile": 0.25, "mouthStretch": 0.2, "mouthLowerDown": 0.25, "mouthUpperUp": 0.15},
    "ih": {"jawOpen": 0.22, "mouthSmile": 0.15, "mouthStretch": 0.15, "mouthLowerDown": 0.2, "mouthUpperUp": 0.12},
    "oh": {"jawOpen": 0.3, "mouthFunnel": 0.45, "mouthPucker": 0.35},
    "oo": {"jawOpen": 0.22, "mouthPucker": 0.9, "mouthFunnel": 0.25},
    "ou": {"jawOpen": 0.24, "mouthPucker": 0.65, "mouthFunnel": 0.25},
    "er": {"jawOpen": 0.22, "mouthFunnel": 0.3, "mouthPucker": 0.3},
    "mm": {"mouthPress": 0.3, "mouthRollLower": 0.2, "mouthRollUpper": 0.15},
    "ff": {"jawOpen": 0.04, "mouthRollLower": 0.45, "mouthUpperUp": 0.35},
    "th": {"jawOpen": 0.05, "mouthLowerDown": 0.2, "mouthUpperUp": 0.1, "tongueOut": 0.25},
    "tt": {"jawOpen": 0.03, "mouthLowerDown": 0.14, "mouthUpperUp": 0.06},
    "nn": {"jawOpen": 0.04, "mouthLowerDown": 0.1, "mouthUpperUp": 0.05},
    "kk": {"jawOpen": 0.05, "mouthLowerDown": 0.08},
    "ss": {"jawOpen": 0.02, "mouthStretch": 0.2, "mouthSmile": 0.12, "mouthLowerDown": 0.42, "mouthUpperUp": 0.18},
    "ch": {"jawOpen": 0.03, "mouthFunnel": 0.5, "mouthPucker": 0.35, "mouthLowerDown": 0.1},
    "rr": {"jawOpen": 0.05, "mouthFunnel": 0.3, "mouthPucker": 0.4},
    "ww": {"jawOpen": 0.04, "mouthPucker": 0.9, "mouthFunnel": 0.2},
    "yy": {"jawOpen": 0.05, "mouthSmile": 0.15, "mouthStretch": 0.15, "mouthLowerDown": 0.1},
    "hh": {"jawOpen": 0.15},
}
"""By name. A name without Left or Right is for both sides."""
