"""How well the embedded avatar re-enacts a video: its first frame is the portrait, the others drive and are the truth.

    python tools/measure_reenactment.py talking.mp4 portrait.jpg ... [--sheet sheet.png]

First of all a portrait driven by its own picture must be itself: `itself_psnr`, in decibels inside the face's outline,
and `itself_alpha`, the least alpha there. For pictures that is the whole report.

For a video, inside the face's outline, the result is compared with the true frame, and so is the portrait merely moved
by the best similarity transform: PSNR and SSIM (more is better), and AKD, the mean distance of landmarks tracked again
on either. With `--truth truth.npy` (yaw, pitch, jaw opening and blink a frame) the motion is tracked back from the
output instead.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from skimage.metrics import structural_similarity

from gagavatar_nodes.face.topology import FACE_OVAL, eye_openness
from gagavatar_nodes.lifting.embedded import lift_portrait
from gagavatar_nodes.media.images import read_image, write_image
from gagavatar_nodes.media.video_reader import VideoReader
from gagavatar_nodes.rendering import rasterize
from gagavatar_nodes.rendering.compositing import composite
from gagavatar_nodes.tracking.crop import cut_square, portrait_square
from gagavatar_nodes.tracking.face_mesh import FaceLandmarker, Landmarks
from gagavatar_nodes.tracking.faces import choose_face
from gagavatar_nodes.tracking.portrait import track_portrait
from gagavatar_nodes.tracking.video import track_video
from gagavatar_nodes.types import ARKIT_NAMES

SIZE = 512
VIDEOS = (".mp4", ".mov", ".mkv", ".webm", ".avi")
GRAY = (128, 128, 128)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("media", type=Path, nargs="+", help="videos and pictures of a face")
    parser.add_argument("--every", type=int, default=6, help="compare every n-th frame")
    parser.add_argument("--truth", type=Path, help="[frames, 4] yaw, pitch, jaw opening and blink of the driver")
    parser.add_argument("--sheet", type=Path, help="write truth, result and moved still side by side")
    args = parser.parse_args()
    for path in args.media:
        report = itself(next(read(path)), args.sheet)
        if args.truth:
            report |= track_back(path, np.load(args.truth))
        elif path.suffix.lower() in VIDEOS:
            report |= compare(path, args.every, args.sheet)
        print(json.dumps({"name": path.name, **report}))


def itself(picture: np.ndarray, sheet: Path | None) -> dict[str, float]:
    """How much a portrait that is driven by its own picture resembles itself."""
    portrait = track_portrait(picture, size=SIZE)
    motion = track_video([picture], 25.0)
    rgb, alpha = next(iter(lift_portrait(portrait).perform(motion, "same").frames(SIZE, SIZE)))
    outline = inside_outline(portrait.landmarks)
    drawn = composite(rgb)
    if sheet:
        error = np.abs(drawn.astype(int) - portrait.crop).clip(0, 63).astype(np.uint8) * 4
        write_image(sheet.with_stem(sheet.stem + "_itself"), np.hstack([portrait.crop, drawn, error]))
    return {
        "itself_psnr": round(psnr(drawn, portrait.crop, outline), 2),
        "itself_alpha": round(float(alpha[outline].min()), 3),
    }


def compare(path: Path, every: int, sheet: Path | None) -> dict[str, float]:
    """Scores of the result and of the moved still over every n-th frame of a video."""
    frames = read(path)
    portrait = track_portrait(next(frames), size=SIZE)
    square = portrait_square(choose_face(portrait.picture).box, portrait.picture.shape)
    source = np.clip(cut_square(portrait.picture, square, SIZE), 0, 255).astype(np.uint8)
    avatar = lift_portrait(portrait)
    with VideoReader(path) as video:
        performance = avatar.perform(track_video(video, video.fps))
    rows, pictures = [], []
    for index, frame in enumerate(frames, 1):
        if index % every:
            continue
        truth = np.clip(cut_square(frame, square, SIZE), 0, 255).astype(np.uint8)
        points = landmarks(truth, portrait.landmarks)
        drawn = composite(
            *rasterize(performance.gaussians(index), performance.camera(index), SIZE, SIZE), background=source
        )
        still = moved_still(source, portrait.landmarks, points)
        outline = inside_outline(points)
        rows.append([score(image, truth, outline, points) for image in (drawn, still)])
        pictures.append(np.vstack([truth, drawn, still]))
    if sheet:
        write_image(sheet, np.hstack(pictures[:: max(1, len(pictures) // 8)]))
    ours, base = np.mean(rows, axis=0)
    names = ("psnr", "ssim", "akd")
    report = {
        f"{who}_{name}": round(float(v), 4)
        for who, row in (("ours", ours), ("still", base))
        for name, v in zip(names, row, strict=True)
    }
    report |= {"psnr_gain": round(float(ours[0] - base[0]), 3), "ssim_gain": round(float(ours[1] - base[1]), 4)}
    return report | {"akd_ratio": round(float(ours[2] / base[2]), 3), "frames": len(rows)}


def track_back(path: Path, truth: np.ndarray) -> dict[str, float]:
    """Errors of pose and expression tracked from the video of our output, against the driver's ground truth."""
    with VideoReader(path) as video:
        fps, motion = video.fps, track_video(video, video.fps)
    avatar = lift_portrait(track_portrait(next(read(path)), size=SIZE))
    performance = avatar.perform(motion)

    def output() -> Iterator[np.ndarray]:
        for index in range(len(performance)):
            yield composite(*rasterize(performance.gaussians(index), avatar.camera(), SIZE, SIZE), background=GRAY)

    back = track_video(output(), fps)
    turn = back.rotation.astype(np.float64)
    yaw = np.degrees(np.arctan2(turn[:, 0, 2], turn[:, 2, 2]))
    pitch = np.degrees(np.arctan2(-turn[:, 1, 2], np.hypot(turn[:, 0, 2], turn[:, 2, 2])))
    marks = back.neutral + back.deltas.astype(np.float64)
    jaw = back.arkit[:, ARKIT_NAMES.index("jawOpen")]
    correlation = lambda a, b: round(float(np.corrcoef(a, b)[0, 1]), 4)  # noqa: E731
    return {
        "yaw_error_degrees": round(float(np.abs(yaw - np.degrees(truth[:, 0])).mean()), 3),
        "pitch_error_degrees": round(float(np.abs(pitch - np.degrees(truth[:, 1])).mean()), 3),
        "jaw_correlation": correlation(jaw, truth[:, 2]),
        "blink_correlation": -correlation(eye_openness(marks).mean(1), truth[:, 3]),
        "frames": len(truth),
    }


def read(path: Path) -> Iterator[np.ndarray]:
    """Yield the frames of a video, or the picture."""
    if path.suffix.lower() not in VIDEOS:
        yield read_image(path).rgb
        return
    with VideoReader(path) as video:
        yield from video


def landmarks(image: np.ndarray, near: np.ndarray) -> np.ndarray:
    """[478, 3] landmarks of the face that was last seen at `near`."""
    return FaceLandmarker().refine(image, Landmarks(near, 1.0)).points


def moved_still(image: np.ndarray, source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return the portrait under the similarity transform that takes its landmarks nearest to the true ones."""
    a, b = (np.ascontiguousarray(points[:468, :2], np.float64) for points in (source, target))
    matrix, _ = cv2.estimateAffinePartial2D(a, b, method=cv2.LMEDS)
    return cv2.warpAffine(image, matrix, (SIZE, SIZE), borderMode=cv2.BORDER_REPLICATE)


def inside_outline(points: np.ndarray) -> np.ndarray:
    """[SIZE, SIZE] where the face with landmarks [478, 3] is."""
    canvas = np.zeros((SIZE, SIZE), np.uint8)
    return cv2.fillPoly(canvas, [points[list(FACE_OVAL), :2].astype(np.int32)], 1) > 0


def psnr(image: np.ndarray, truth: np.ndarray, outline: np.ndarray) -> float:
    """Decibels inside an outline."""
    return float(10 * np.log10(255**2 / np.mean(np.square(image[outline].astype(np.float64) - truth[outline]))))


def score(image: np.ndarray, truth: np.ndarray, outline: np.ndarray, points: np.ndarray) -> tuple[float, float, float]:
    """PSNR and SSIM inside the outline, and the mean distance of the landmarks in pixels."""
    _, similarity = structural_similarity(image, truth, channel_axis=2, full=True)
    distance = np.linalg.norm(landmarks(image, points)[:468, :2] - points[:468, :2], axis=1).mean()
    return psnr(image, truth, outline), similarity.mean(2)[outline].mean(), distance


if __name__ == "__main__":
    main()
