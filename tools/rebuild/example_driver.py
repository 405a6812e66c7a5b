"""example_driver.mp4: a young woman speaks the example sentence; example_driver_truth.npz: what her face does.

The mouth is that of the embedded voice driver; brows, blinks and the head's turns are written here.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

FPS, SIZE = 25, 448
_LEAD, _TAIL = 0.3, 0.2  # seconds of silence around the sentence
_EASE = 0.8  # seconds in which the head leaves its rest, and comes back
_BLINKS = (1.05, 2.7, 4.35, 5.2, 6.6)  # seconds
_BLINK = 0.11  # seconds from open to closed
_CRF = 14


def build(work: Path, out: Path) -> None:
    """Write `out/example_driver.mp4` and `out/example_driver_truth.npz`, see `perform`."""
    from scipy.spatial.transform import Rotation

    from .figure import Figure
    from .studio import Studio

    truth = perform(work, out)
    figure, pictures = Figure(work), work / "example_driver"
    pictures.mkdir(exist_ok=True)
    studio = Studio(figure, SIZE, work)
    for i, (weights, angles, gaze) in enumerate(zip(truth["weights"], truth["angles"], truth["gaze"], strict=True)):
        named = dict(zip(truth["names"].tolist(), weights.tolist(), strict=True))
        vertices = figure.pose(named, Rotation.from_euler("YXZ", angles, degrees=True), gaze)
        studio.draw(vertices, pictures / f"{i:04d}.png")
    encode([pictures / f"{i:04d}.png" for i in range(len(truth["weights"]))], out)
    np.savez_compressed(out / "example_driver_truth.npz", **truth)


def perform(work: Path, out: Path) -> dict[str, np.ndarray]:
    """What the face does in each of T frames.

    Returns:
        weights [T, 52] float32 of the ARKit `names`, angles [T, 3] of the head in degrees: yaw to the figure's left,
        pitch down, roll to the figure's right; gaze [T, 2] radians to the figure's left, and down.
    """
    from gagavatar_nodes.face.arkit import ARKIT_NAMES
    from gagavatar_nodes.speech.sound import Sound
    from gagavatar_nodes.speech.voices import drive

    from . import voice

    voice.build(work, out)
    spoken = drive(Sound.open(out / "example_voice.flac"), fps=FPS, text=voice.SENTENCE).arkit
    assert spoken is not None
    lead, tail = int(_LEAD * FPS), int(_TAIL * FPS)
    weights = np.pad(spoken.astype(float), ((lead, tail), (0, 0)))
    columns = {name: i for i, name in enumerate(ARKIT_NAMES)}
    weights[:, columns["jawOpen"]] = np.clip(weights[:, columns["jawOpen"]] * 1.5, 0, 0.7)
    for name, column in columns.items():
        if name.startswith(("eyeBlink", "eyeLook", "brow")):
            weights[:, column] = 0
    times = np.arange(len(weights)) / FPS
    for name, curve in _expression(times).items():
        weights[:, columns[name]] = np.clip(weights[:, columns[name]] + curve, 0, 1)
    angles = _head(times)
    gaze = np.radians(angles[:, :2]) * [-0.35, -0.3]  # towards the camera
    arrays = {"weights": weights, "angles": angles, "gaze": gaze}
    return {"names": np.array(ARKIT_NAMES), **{name: array.astype(np.float32) for name, array in arrays.items()}}


def encode(pictures: list[Path], out: Path) -> None:
    """Write `out/example_driver.mp4`, with the sentence of `out/example_voice.flac`."""
    import cv2

    from gagavatar_nodes.media.video_writer import VideoWriter

    sound = {"audio_from": out / "example_voice.flac", "audio_start": -int(_LEAD * FPS) / FPS}
    with VideoWriter(out / "example_driver.mp4", FPS, (SIZE, SIZE), crf=_CRF, **sound) as video:
        for picture in pictures:
            video.write(np.ascontiguousarray(cv2.imread(str(picture))[..., ::-1]))


def _expression(times: np.ndarray) -> dict[str, np.ndarray]:
    """Smiles at the greeting and the question, raised brows, blinks: ARKit name -> [T] weights."""
    end = times[-1] + 1 / FPS
    smile = 0.18 + 0.3 * _bump(times, 0.8, 0.6) + 0.45 * _bump(times, end - 1, 0.7)
    brows = 0.5 * _bump(times, 0.75, 0.3) + 0.35 * _bump(times, 3.1, 0.4) + 0.7 * _bump(times, end - 1.3, 0.5)
    blink = np.max([np.clip(1.25 - np.abs(times - center) / _BLINK, 0, 1) for center in _BLINKS], axis=0)
    curves = {"browInnerUp": 0.7 * brows + 0.25}
    for side in ("Left", "Right"):
        curves |= {f"mouthSmile{side}": smile, f"cheekSquint{side}": 0.4 * smile}
        curves |= {f"browOuterUp{side}": 0.7 * brows, f"eyeBlink{side}": blink}
    return curves


def _head(times: np.ndarray) -> np.ndarray:
    """Yaw, pitch and roll [T, 3], degrees."""
    ease = np.clip(times / _EASE, 0, 1) * np.clip((times[-1] + 1 / FPS - times) / _EASE, 0, 1)
    ease = ease**2 * (3 - 2 * ease)

    def wave(hertz: float, phase: float) -> np.ndarray:
        return np.sin(2 * np.pi * hertz * times + phase)

    yaw = 19 * wave(0.27, -2 * np.pi * 0.27 * 0.3) * np.clip(times / 1.5, 0, 1) + 4 * wave(0.71, 1)
    pitch = 6 * wave(0.38, 0.4) + 3 * wave(1.1, 0)
    return ease[:, None] * np.stack([yaw, pitch, 3.5 * wave(0.21, 0.5)], 1)


def _bump(times: np.ndarray, center: float, width: float) -> np.ndarray:
    return np.exp(-(((times - center) / width) ** 2))
