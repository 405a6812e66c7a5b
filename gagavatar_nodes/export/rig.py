"""A rig: the avatar at rest as Gaussians, and all that moves them, in a form that other programs can evaluate.

`docs/rig_format.md` describes it for readers; this is the same in NumPy, the truth that viewers are compared with.
Lengths are canonical centimeters, see docs/conventions.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..easing import smoothstep
from ..types import ARKIT_NAMES, HEAD_UNITS_PER_CM, Camera, Gaussians

BALL = 0.62
"""Radius of an eyeball in eye widths."""
SIGMA = 0.5
"""Standard deviation of a lattice Gaussian in distances between its neighbors."""
MOST_STRETCH = 2.5
"""A lattice Gaussian grows no longer than this many lengths at rest."""
TURN = (0.06, 0.22)
"""Growth of the cosine to the camera over which Gaussians that the portrait saw from their side give way."""
SHADE = (0.75, 0.25, 0.6)
"""Light in the mouth: the first plus the second times the opening over the third, from the first to 1. What a portrait
shows there is lit, so that little may be added as it opens and taken as it closes."""
LIP_EDGE_CM = 0.06
TORSO_PIVOT = (0.0, -6.0, -7.0)
"""Canonical place of the skull's base, whose way the torso goes along,"""
TORSO_SHARE = (0.5, 0.3)
"""by these shares of it aside and up."""
TORSO_SOFT_CM = 4.5
"""From where the portrait cuts the torso, over which it comes to move."""
UPPER_LIP, LOWER_LIP = 13, 14
LOWER_CURVE = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
UPPER_CURVE = (308, 415, 310, 311, 312, 13, 82, 81, 80, 191, 78)


@dataclass(frozen=True)
class Shape:
    """Offsets of controls, by the product of the activations of one or two units."""

    units: tuple[int, ...]
    """None: always 1. One: its weight w; the same one twice: 4 w (1 - w), an in-between. Two: the product of both."""
    offsets: np.ndarray
    """[C, 3] centimeters."""


@dataclass(frozen=True)
class Eye:
    """One eyeball, which turns its iris; the image's left one comes first."""

    control: int
    own: np.ndarray
    """[2] where the iris is at rest, eye widths from the eye's middle, x right and y up."""
    width: float
    """Centimeters between the eye's corners."""
    low: np.ndarray
    """[2] least and"""
    high: np.ndarray
    """[2] greatest place of the iris, eye widths."""


@dataclass(frozen=True)
class Rig:
    """N Gaussians, bound to C controls that 52 ARKit weights move, and the joints of head and eyes."""

    points: np.ndarray
    """[N, 3] float32."""
    controls: np.ndarray
    """[N, 4] the controls that move each point."""
    weights: np.ndarray
    """[N, 4] how much; a row need not sum to one."""
    head: np.ndarray
    """[N] 0..1 share of the neck's joint in each point; the rest stays with the torso."""
    torso: np.ndarray
    """[4] where the torso ends in the portrait: left, right and below, centimeters on the stage as seen on its plane
    z = 0, and 1 where the picture goes on under that, else 0."""
    colors: np.ndarray
    """[N, 3] RGB 0..1, or above where the mouth's shade darkens them."""
    opacities: np.ndarray
    """[N] 0..1."""
    covariances: np.ndarray
    """[N, 6] square centimeters; what is added to the neighbors' share in the lattice."""
    neighbors: np.ndarray
    """[L, 4] left, right, upper and lower neighbor of the first L Gaussians, the lattice; the own row for none."""
    steep: np.ndarray
    """[S] rows of Gaussians that the portrait saw from their side,"""
    normals: np.ndarray
    """[S, 3] their normals in canonical space, shorter where they give way slowly,"""
    facing: np.ndarray
    """[S] and the cosines to the camera, as much less, beyond which they give way."""
    fade: np.ndarray
    """[M, 2] of the last M Gaussians, the mouth's inside: opening in centimeters at which each starts to change, and
    over which it fades in (out where negative; 0: it is always there). A start under 0: the same from minus it, and not
    only between the lips."""
    landmarks: np.ndarray
    """[478, 3] the portrait's canonical landmarks, the rest positions of the first controls."""
    jaw: np.ndarray
    """[C] 0..1 share of the jaw's joint in each control."""
    shapes: tuple[Shape, ...]
    eyes: tuple[Eye, Eye]
    gaze: np.ndarray
    """[52, 2, 2] change of both irises' places by each unit, eye widths."""
    rotation: np.ndarray
    """[3, 3] the portrait's own head pose, and"""
    translation: np.ndarray
    """[3] where its canonical origin is on the stage, centimeters."""
    rest_rotation: np.ndarray
    """[3, 3] of the neck's joint of a face at rest that looks ahead; the head keeps a share of a turned portrait's."""
    neck_pivot: np.ndarray
    """[3] canonical joints,"""
    head_pivot: np.ndarray
    jaw_pivot: np.ndarray
    camera_distance: float
    """Centimeters from the stage's origin to the source camera on its z axis."""
    name: str = ""

    def __len__(self) -> int:
        return len(self.points)

    @property
    def inside(self) -> slice:
        """The mouth's inside."""
        return slice(len(self) - len(self.fade), None)

    def camera(self) -> Camera:
        """Return the portrait's camera."""
        return Camera.frontal(self.camera_distance * HEAD_UNITS_PER_CM)


@dataclass(frozen=True)
class RigPose:
    """What moves a rig at one moment."""

    weights: np.ndarray = field(default_factory=lambda: np.zeros(len(ARKIT_NAMES)))
    """[52] ARKit weights."""
    rotation: np.ndarray | None = None
    """[3, 3] of the neck's joint, which the head follows, absolute; None for the rig's `rest_rotation`."""
    scale: float = 1.0
    shift: np.ndarray = field(default_factory=lambda: np.zeros(3))
    """[3] centimeters that the neck's pivot moves."""
    gaze: np.ndarray | None = None
    """[2, 2] change of the irises' places, eye widths; None for that of the weights."""
    offsets: np.ndarray | None = None
    """[C, 3] added to the controls, such as a take's own shapes."""
    jaw: np.ndarray = field(default_factory=lambda: np.zeros(3))
    """[3] axis-angle rotation of the jaw's joint beside what the weights do, radians."""
    nod: np.ndarray = field(default_factory=lambda: np.zeros(3))
    """[3] axis-angle rotation of the head's joint on the neck, radians."""


def pose_rig(rig: Rig, pose: RigPose) -> Gaussians:
    """Return the Gaussians of a pose, in head units on the stage."""
    rotation = rig.rest_rotation if pose.rotation is None else pose.rotation
    controls = control_offsets(rig, pose)
    moved = rig.points + (controls[rig.controls] * rig.weights[..., None]).sum(1)
    placed, turn = _place(rig, moved, pose, rotation)
    opacities = rig.opacities.astype(np.float64)
    gain = rig.normals @ rotation[2] - rig.facing
    opacities[rig.steep] *= np.clip(1 - (gain - TURN[0]) / (TURN[1] - TURN[0]), 0, 1)
    landmarks = rig.landmarks + controls[: len(rig.landmarks)]
    opacities[rig.inside] *= _mouth_visibility(moved[rig.inside], rig.fade, landmarks)
    opening = landmarks[UPPER_LIP, 1] - landmarks[LOWER_LIP, 1]
    colors = np.array(rig.colors, np.float32)
    colors[rig.inside] *= mouth_light(opening)
    return Gaussians(
        (placed * HEAD_UNITS_PER_CM).astype(np.float32),
        (_covariances(rig, placed, turn) * HEAD_UNITS_PER_CM**2).astype(np.float32),
        opacities.astype(np.float32),
        colors,
    )


def activations(shapes: tuple[Shape, ...], weights: np.ndarray) -> np.ndarray:
    """[..., K] how much of each shape ARKit weights [..., 52] ask for."""
    columns = []
    for shape in shapes:
        w = [weights[..., unit] for unit in shape.units]
        if not w:
            columns.append(np.ones(weights.shape[:-1]))
        elif len(w) == 1:
            columns.append(w[0])
        else:
            columns.append(4 * w[0] * (1 - w[0]) if shape.units[0] == shape.units[1] else w[0] * w[1])
    return np.stack(columns, -1)


def control_offsets(rig: Rig, pose: RigPose) -> np.ndarray:
    """[C, 3] offsets of the controls, the eyes' among them."""
    active = activations(rig.shapes, np.asarray(pose.weights, np.float64))
    offsets = np.tensordot(active, np.stack([shape.offsets for shape in rig.shapes]).astype(np.float64), 1)
    if pose.offsets is not None:
        offsets += pose.offsets
    count = len(rig.landmarks)
    arm = rig.landmarks + offsets[:count] - rig.jaw_pivot
    offsets[:count] += rig.jaw[:count, None] * (arm @ _turn(pose.jaw).T - arm)
    gaze = np.tensordot(pose.weights, rig.gaze, 1) if pose.gaze is None else pose.gaze
    for eye, change in zip(rig.eyes, gaze, strict=True):
        offsets[eye.control] = _glance(eye, change, rig.rotation)
    return offsets


def _glance(eye: Eye, change: np.ndarray, rotation: np.ndarray) -> np.ndarray:
    """[3] offset of an iris that goes round its ball; the balls face the source camera."""
    seen = np.clip(eye.own + change, eye.low, eye.high)
    aside = np.append((seen - eye.own) * eye.width, 0) @ rotation.T
    aside[2] = (_depth(eye.own) - _depth(seen)) * eye.width
    return aside @ rotation


def _depth(place: np.ndarray) -> float:
    return BALL - float(np.sqrt(max(BALL**2 - np.square(place).sum(), 0.05 * BALL**2)))


def _place(rig: Rig, points: np.ndarray, pose: RigPose, rotation: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Stage positions [N, 3], and the rotation and scale [3, 3] of what is rigid."""
    nod = _turn(pose.nod)
    if pose.nod.any():
        arm = points - rig.head_pivot
        points = points + skull_share(points, rig)[:, None] * (arm @ nod.T - arm)
    pivot = rig.rotation @ rig.neck_pivot + rig.translation + pose.shift
    turn = pose.scale * rotation
    rest = rig.points @ rig.rotation.T + rig.translation
    turned = (points - rig.neck_pivot) @ turn.T + pivot
    placed = rest + rig.head[:, None] * (turned - rest)
    way = torso_way(pose.shift, turn - rig.rotation, rig.neck_pivot)
    placed[:, :2] += torso_follow(rest, rig.head, rig.torso, rig.camera_distance) * way
    return placed, turn


def mouth_light(opening: float) -> float:
    """How much light falls into a mouth opened by some centimeters."""
    return float(np.clip(SHADE[0] + SHADE[1] * opening / SHADE[2], SHADE[0], 1))


def torso_way(shift: np.ndarray, turned: np.ndarray, neck_pivot: np.ndarray) -> np.ndarray:
    """[2] centimeters aside and up that the torso goes where nothing holds it.

    Measured on talking people: it goes by a share of what the skull's base does, about which heads turn and tilt. The
    head moves by `shift` [3], and its rotation and scale change by `turned` [3, 3].
    """
    way: np.ndarray = (shift + turned @ (np.array(TORSO_PIVOT) - neck_pivot))[:2] * TORSO_SHARE
    return way


def torso_follow(rest: np.ndarray, head: np.ndarray, torso: np.ndarray, distance: float) -> np.ndarray:
    """[N, 2] 0..1 how far points `rest` [N, 3] of the stage go along with the torso in x and y.

    Nothing must be uncovered where the picture or its crop cuts the torso: there it stays, but that it slides along the
    lower edge of a picture. `head` [N] and `torso` [4] are those of `Rig`, `distance` is the camera's.
    """
    left, right, lower, goes_on = torso
    seen = rest[:, :2] / (1 - rest[:, 2:] / distance)
    side = smoothstep(np.minimum(seen[:, 0] - left, right - seen[:, 0]) / TORSO_SOFT_CM)
    over = smoothstep((seen[:, 1] - lower) / TORSO_SOFT_CM)
    follow: np.ndarray = ((1 - head) * side)[:, None] * np.stack([over if goes_on else np.ones_like(over), over], 1)
    return follow


def skull_share(points: np.ndarray, rig: Rig) -> np.ndarray:
    """[N] 0..1 how much points move with the head's joint on the neck: all above the chin, none 5 cm under it."""
    return smoothstep((points[:, 1] - rig.landmarks[152, 1]) / 5 + 1)


def _covariances(rig: Rig, placed: np.ndarray, turn: np.ndarray) -> np.ndarray:
    """[N, 6] of the lattice from its neighbors' places, of the rest from its own shape, turned."""
    row, column = np.triu_indices(3)
    lattice = len(rig.neighbors)
    out = np.empty((len(placed), 6))
    out[:lattice] = rig.covariances[:lattice]
    for axis in (0, 1):
        tangent = _tangent(rig, placed, axis)
        out[:lattice] += tangent[:, row] * tangent[:, column]
    full = rig.covariances[lattice:][:, [0, 1, 2, 1, 3, 4, 2, 4, 5]].reshape(-1, 3, 3)
    out[lattice:] = (turn @ full @ turn.T)[:, row, column]
    return out


def _tangent(rig: Rig, placed: np.ndarray, axis: int) -> np.ndarray:
    """[L, 3] one standard deviation along a lattice line."""
    own = np.arange(len(rig.neighbors))
    before, after = rig.neighbors[:, 2 * axis], rig.neighbors[:, 2 * axis + 1]
    factor = SIGMA / np.maximum((before != own).astype(int) + (after != own), 1)[:, None]
    tangent = (placed[after] - placed[before]) * factor
    rest = np.linalg.norm((rig.points[after] - rig.points[before]) * factor, axis=1)
    length = np.linalg.norm(tangent, axis=1)
    return tangent * np.minimum(1, MOST_STRETCH * rest / np.maximum(length, 1e-12))[:, None]


def _mouth_visibility(points: np.ndarray, fade: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """[M] 0..1 between the inner lips."""
    x, y = points[:, 0], points[:, 1]
    lower, upper = (_curve(landmarks[list(rows)], x) for rows in (LOWER_CURVE, UPPER_CURVE))
    opening = max(landmarks[UPPER_LIP, 1] - landmarks[LOWER_LIP, 1], 0.0)
    inside = np.clip((y - lower) / LIP_EDGE_CM + 1, 0, 1) * np.clip((upper - y) / LIP_EDGE_CM + 1, 0, 1)
    inside = inside * ((x > landmarks[LOWER_CURVE[0], 0]) & (x < landmarks[LOWER_CURVE[-1], 0]))
    start, width = fade.T
    change = np.clip((opening - np.abs(start)) / np.maximum(np.abs(width), 1e-3), 0, 1)
    return np.where(start < 0, 1, inside) * np.where(width > 0, change, np.where(width < 0, 1 - change, 1))


def _curve(points: np.ndarray, x: np.ndarray) -> np.ndarray:
    order = np.argsort(points[:, 0])
    return np.interp(x, points[order, 0], points[order, 1])


def _turn(vector: np.ndarray) -> np.ndarray:
    """[3, 3] rotation of an axis-angle vector (Rodrigues)."""
    angle = float(np.linalg.norm(vector))
    x, y, z = np.asarray(vector, np.float64) / max(angle, 1e-12)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
