"""Mouth shapes of speech as ARKit weights."""

from __future__ import annotations

VISEMES: dict[str, dict[str, float]] = {
    "rest": {},
    "aa": {"jawOpen": 0.32, "mouthLowerDown": 0.2, "mouthUpperUp": 0.1},
    "ae": {"jawOpen": 0.3, "mouthStretch": 0.2, "mouthLowerDown": 0.25, "mouthUpperUp": 0.15},
    "uh": {"jawOpen": 0.24, "mouthLowerDown": 0.15, "mouthUpperUp": 0.08},
    "eh": {"jawOpen": 0.25, "mouthStretch": 0.2, "mouthUpperUp": 0.15, "mouthLowerDown": 0.2},
    "ee": {"jawOpen": 0.18, "mouthSmile": 0.25, "mouthStretch": 0.2, "mouthLowerDown": 0.25, "mouthUpperUp": 0.15},
    "ih": {"jawOpen": 0.2, "mouthSmile": 0.15, "mouthStretch": 0.15, "mouthLowerDown": 0.2, "mouthUpperUp": 0.12},
    "oh": {"jawOpen": 0.27, "mouthFunnel": 0.45, "mouthPucker": 0.35},
    "oo": {"jawOpen": 0.17, "mouthPucker": 0.9, "mouthFunnel": 0.25},
    "ou": {"jawOpen": 0.19, "mouthPucker": 0.65, "mouthFunnel": 0.25},
    "er": {"jawOpen": 0.2, "mouthFunnel": 0.3, "mouthPucker": 0.3},
    "mm": {"mouthPress": 0.3, "mouthRollLower": 0.2, "mouthRollUpper": 0.15},
    "ff": {"jawOpen": 0.05, "mouthRollLower": 0.45, "mouthUpperUp": 0.35},
    "th": {"jawOpen": 0.06, "mouthLowerDown": 0.2, "mouthUpperUp": 0.1, "tongueOut": 0.25},
    "tt": {"jawOpen": 0.05, "mouthLowerDown": 0.2, "mouthUpperUp": 0.1},
    "nn": {"jawOpen": 0.06, "mouthLowerDown": 0.15, "mouthUpperUp": 0.08},
    "kk": {"jawOpen": 0.07, "mouthLowerDown": 0.12},
    "ss": {"jawOpen": 0.03, "mouthStretch": 0.2, "mouthSmile": 0.12, "mouthLowerDown": 0.5, "mouthUpperUp": 0.25},
    "ch": {"jawOpen": 0.05, "mouthFunnel": 0.5, "mouthPucker": 0.35, "mouthLowerDown": 0.15},
    "rr": {"jawOpen": 0.07, "mouthFunnel": 0.3, "mouthPucker": 0.4},
    "ww": {"jawOpen": 0.05, "mouthPucker": 0.9, "mouthFunnel": 0.2},
    "yy": {"jawOpen": 0.06, "mouthSmile": 0.15, "mouthStretch": 0.15, "mouthLowerDown": 0.15},
    "hh": {"jawOpen": 0.15},
}
"""By name. A name without Left or Right is for both sides."""
