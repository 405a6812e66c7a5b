"""How a rebuilt file compares with the shipped one, beyond its bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

_ONNX_TOLERANCE = 1e-4  # of the outputs' range: kernels may add in another order
_LANDMARK_TOLERANCE = 0.01  # decimeters on the head, mean: the tracker's own noise
_SOUND_TOLERANCE = 0.05  # of full scale: builds of the synthesizer round in other ways
_WEIGHT_TOLERANCE = 0.02  # of a performance: the synthesizer's and the recognizer's rounding
_PICTURE_PSNR = 34.0  # dB: encoders differ between builds
_BINDING = ("lm_tri", "lm_bar")
_PERFORMANCE = ("weights", "angles", "gaze")


def compare(shipped: Path, rebuilt: Path) -> tuple[bool, str]:
    """Whether two files hold the same content, and in what sense."""
    if shipped.read_bytes() == rebuilt.read_bytes():
        return True, "identical bytes"
    kinds = {
        ".npz": _archives, ".npy": _arrays, ".onnx": _models, ".mp4": _pictures, ".jpg": _pictures, ".txt": _texts,
        ".js": _texts, ".flac": _sounds,
    }  # fmt: skip
    return kinds[shipped.suffixes[0]](shipped, rebuilt)


def _sounds(shipped: Path, rebuilt: Path) -> tuple[bool, str]:
    from gagavatar_nodes.media.sound import SoundReader

    a, b = (np.concatenate(list(SoundReader(path)), axis=1) for path in (shipped, rebuilt))
    same = a.shape == b.shape and bool(np.abs(a - b).max() < _SOUND_TOLERANCE)
    return same, f"{a.shape[1]} and {b.shape[1]} samples"


def _texts(shipped: Path, rebuilt: Path) -> tuple[bool, str]:
    import lzma

    same = lzma.decompress(shipped.read_bytes()) == lzma.decompress(rebuilt.read_bytes())
    return same, "equal text" if same else "another text"


def _arrays(shipped: Path, rebuilt: Path) -> tuple[bool, str]:
    a, b = np.load(shipped), np.load(rebuilt)
    same = a.shape == b.shape and bool(np.allclose(a, b, rtol=0, atol=1e-12))
    return same, f"largest difference {np.abs(a - b).max():.1e}" if a.shape == b.shape else f"{a.shape} {b.shape}"


def _archives(shipped: Path, rebuilt: Path) -> tuple[bool, str]:
    with np.load(shipped) as a, np.load(rebuilt) as b:
        if sorted(a.files) != sorted(b.files):
            return False, f"other arrays: {sorted(set(a.files) ^ set(b.files))}"
        other = [name for name in a.files if a[name].dtype != b[name].dtype or not np.array_equal(a[name], b[name])]
        if not other:
            return True, "equal arrays"
        if set(other) <= set(_PERFORMANCE) and all(a[name].shape == b[name].shape for name in other):
            worst = max(float(np.abs(a[name] - b[name]).max()) for name in other)
            return worst < _WEIGHT_TOLERANCE, f"largest difference {worst:.1e}"
        if not set(other) <= set(_BINDING):
            return False, f"arrays differ: {other}"
        distance = np.linalg.norm(_landmarks(a) - _landmarks(b), axis=1)
        text = f"all arrays equal but the landmark binding, which moves {distance.mean():.4f} dm (at most "
        return bool(distance.mean() < _LANDMARK_TOLERANCE), text + f"{distance.max():.3f})"


def _landmarks(head: np.lib.npyio.NpzFile) -> np.ndarray:
    weights = head["lm_bar"].astype(float)
    corners = head["v"][head["f"][head["lm_tri"]]]
    return (corners * (weights / weights.sum(1, keepdims=True))[..., None]).sum(1)


def _models(shipped: Path, rebuilt: Path) -> tuple[bool, str]:
    """Outputs on a photo-like and on a random input."""
    import onnxruntime

    sessions = [
        onnxruntime.InferenceSession(_unpacked(path), providers=["CPUExecutionProvider"]) for path in (shipped, rebuilt)
    ]
    (source,) = sessions[0].get_inputs()
    random = np.random.default_rng(0)
    smooth = np.cumsum(np.cumsum(random.normal(size=source.shape), 1), 2)
    worst = 0.0
    for image in (random.random(source.shape), (smooth - smooth.min()) / np.ptp(smooth)):
        a, b = (session.run(None, {source.name: image.astype(np.float32)}) for session in sessions)
        worst = max(worst, *(float(np.abs(x - y).max() / max(np.ptp(x), 1e-6)) for x, y in zip(a, b, strict=True)))
    if worst == 0:
        return True, "outputs equal to the last bit on two inputs"
    return worst < _ONNX_TOLERANCE, f"outputs differ by at most {worst:.1e} of their range"


def _unpacked(path: Path) -> bytes:
    import lzma

    return lzma.decompress(path.read_bytes()) if path.suffix == ".xz" else path.read_bytes()


def _pictures(shipped: Path, rebuilt: Path) -> tuple[bool, str]:
    a, b = _frames(shipped), _frames(rebuilt)
    if a.shape != b.shape:
        return False, f"frames {a.shape} against {b.shape}"
    psnr = 10 * np.log10(255**2 / max(((a.astype(float) - b) ** 2).mean(), 1e-9))
    return bool(psnr > _PICTURE_PSNR), f"frames differ by {psnr:.1f} dB PSNR"


def _frames(path: Path) -> np.ndarray:
    import cv2

    video, frames = cv2.VideoCapture(str(path)), []
    while (got := video.read())[0]:
        frames.append(got[1])
    return np.stack(frames)
