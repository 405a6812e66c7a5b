"""The embedded avatar in numbers: like its portrait, whole from all sides, and moved by what drives it."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from gagavatar_nodes.avatars import load_avatar
from gagavatar_nodes.driving.operations import add_arkit, neutral_motion
from gagavatar_nodes.driving.pose import rotation_of
from gagavatar_nodes.face.pose import NECK_PIVOT, solve_pose
from gagavatar_nodes.face.topology import CHIN, FACE_OVAL, eye_openness, mouth_aperture
from gagavatar_nodes.lifting.embedded import lift_portrait
from gagavatar_nodes.lifting.embedded.binding import Handle
from gagavatar_nodes.lifting.embedded.depth import MIDDLE_PLANE_CM
from gagavatar_nodes.rendering import rasterize
from gagavatar_nodes.tracking.faces import find_faces
from gagavatar_nodes.tracking.video import track_video
from gagavatar_nodes.types import ARKIT_NAMES, Motion
from synthetic import TRUTH

SIZE = 256
VIEWS = [(yaw, pitch) for yaw in (-30, 0, 30) for pitch in (-20, 0, 20)]
BLINK = {"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0}
ASIDE = {"eyeLookOutLeft": 0.8, "eyeLookInRight": 0.8}


@pytest.fixture(scope="module")
def fine_avatar(portrait, lift):
    """The example portrait, lifted as by default."""
    return lift(portrait)


def turned(views: list[tuple[float, float]]) -> Motion:
    """A face at rest under yaw and pitch in degrees."""
    yaw, pitch = np.radians(np.array(views, float)).T
    return replace(neutral_motion(len(views)), rotation=rotation_of(yaw, pitch))


def looks(*weights: dict[str, float]) -> Motion:
    """ARKit weights, frame by frame."""
    table = np.array([[frame.get(name, 0.0) for name in ARKIT_NAMES] for frame in weights])
    return add_arkit(neutral_motion(len(weights)), table)


def drawn(avatar, motion: Motion, size: int = SIZE) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(rgb.copy(), alpha.copy()) for rgb, alpha in avatar.perform(motion).frames(size, size)]


def on_gray(rgb: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    return np.clip((rgb + 0.5 * (1 - alpha[..., None])) * 255 + 0.5, 0, 255).astype(np.uint8)


def landmarks_on_screen(avatar, performance, index: int, size: int = SIZE) -> np.ndarray:
    """[478, 2] pixels of the avatar's landmarks, from the formulas of the stage."""
    source = performance.retargeter
    placement = source.placement(index)
    turn = placement.scale * placement.rotation
    pivot = avatar.stage.from_canonical(NECK_PIVOT[None])[0] + placement.shift
    points = (avatar.canonical + source.displacements(index) - NECK_PIVOT) @ turn.T + pivot
    return (avatar.stage.project(points)[:, :2] + 0.5) * size / avatar.stage.size - 0.5


def hull(points: np.ndarray, size: int, margin: int) -> np.ndarray:
    """[size, size] inside of the points' convex hull, `margin` pixels from its edge."""
    mask = np.zeros((size, size), np.uint8)
    cv2.fillConvexPoly(mask, cv2.convexHull(np.round(points).astype(np.int32)), 1)
    return cv2.erode(mask, np.ones((2 * margin + 1,) * 2)) > 0


def marked(performance, index: int, marks: np.ndarray, size: int = SIZE) -> np.ndarray:
    """[size, size] share 0..1 of each pixel that comes from the marked splats [N]."""
    gaussians = replace(performance.gaussians(index), features=np.repeat(marks.astype(np.float32)[:, None], 3, 1))
    return rasterize(gaussians, performance.camera(index), size, size)[0][..., 0]


def inside_of_the_mouth(avatar) -> np.ndarray:
    return np.arange(len(avatar)) >= len(avatar) - len(avatar.mouth_fade)


def moved_by(avatar, *handles: Handle) -> np.ndarray:
    """[N] the splats that handles move."""
    binding = avatar.layer.binding
    return (np.isin(binding.controls, handles) & (binding.weights > 0)).any(1)


def seen(rgb: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """[478, 3] canonical landmarks that the tracker sees in a drawing."""
    return solve_pose(find_faces(on_gray(rgb, alpha))[0].points)[1]


def test_the_source_view_is_the_portrait(fine_avatar, portrait):
    rgb, alpha = rasterize(fine_avatar.rest(), fine_avatar.camera(), portrait.size, portrait.size)
    inside = cv2.erode((portrait.alpha > 0.99).astype(np.uint8), np.ones((5, 5))) > 0
    error = np.square(rgb - portrait.crop / 255.0)[inside].mean()
    assert -10 * np.log10(error) > 30
    one, other = alpha > 0.5, portrait.alpha > 0.5
    assert (one & other).sum() / (one | other).sum() > 0.95


def test_hair_stays_as_soft_as_its_matte(fine_avatar, portrait):
    _, alpha = rasterize(fine_avatar.rest(), fine_avatar.camera(), portrait.size, portrait.size)
    soft = (portrait.alpha > 0.02) & (portrait.alpha < 0.98)
    assert np.abs(alpha - portrait.alpha)[soft].mean() < 0.06  # 0.024; 0.13 where opacities are not solved for


def test_a_portrait_driven_by_its_own_picture_is_itself(fine_avatar, portrait):
    motion = track_video([portrait.picture], 25.0)
    rgb, _ = next(iter(fine_avatar.perform(motion, "same").frames(portrait.size, portrait.size)))
    outline = np.zeros((portrait.size, portrait.size), np.uint8)
    cv2.fillPoly(outline, [portrait.landmarks[list(FACE_OVAL), :2].astype(np.int32)], 1)
    error = np.square(rgb - portrait.crop / 255.0)[outline > 0].mean()
    assert -10 * np.log10(error) > 38


def test_no_holes_in_the_head_from_any_side(fine_avatar):
    motion = turned(VIEWS)
    performance = fine_avatar.perform(motion)
    for index, (_, alpha) in enumerate(performance.frames(SIZE, SIZE)):
        face = hull(landmarks_on_screen(fine_avatar, performance, index)[:468], SIZE, 3)
        assert alpha[face].min() > 0.97, VIEWS[index]
        whole = cv2.morphologyEx((alpha > 0.5).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((9, 9)))
        head = cv2.erode(whole, np.ones((13, 13))) > 0
        assert (alpha[head] < 0.98).mean() < 0.004, VIEWS[index]


def test_the_back_of_the_head_does_not_show_through_the_face(fine_avatar):
    layer = fine_avatar.layer
    back = (layer.head > 0.99) & (layer.points[:, 2] < MIDDLE_PLANE_CM - 0.5)
    assert 0.05 < back.mean() < 0.5
    performance = fine_avatar.perform(turned(VIEWS))
    for index, view in enumerate(VIEWS):
        face = hull(landmarks_on_screen(fine_avatar, performance, index)[:468], SIZE, 4)
        share = marked(performance, index, back)[face]
        assert share.max() < 0.3, view
        assert (share > 0.05).mean() < 0.004, view


def test_the_mouth_opens_to_its_dark_inside_and_closes_fully(avatar):
    motion = looks({"jawOpen": 0.0}, {"jawOpen": 0.6})
    performance = avatar.perform(motion)
    (_, _), (rgb, _) = drawn(avatar, motion)
    inside = inside_of_the_mouth(avatar)
    shut, wide = (marked(performance, index, inside) for index in (0, 1))
    (x, top), (_, bottom) = np.round(landmarks_on_screen(avatar, performance, 1)[[13, 14]]).astype(int)
    throat = rgb[top:bottom, x].mean(-1)
    assert (shut > 0.5).sum() < 8  # of the line between the lips, at its corners
    assert (wide > 0.5).sum() > 150
    assert wide[top + 2 : bottom - 2, x].min() > 0.9
    assert 0.02 < throat.min() < 0.25


def test_the_tracker_sees_lids_and_lips_shut_and_open_in_the_drawing(avatar):
    rest, blink, gape = (seen(*drawing) for drawing in drawn(avatar, looks({}, BLINK, {"jawOpen": 0.5}), 384))
    assert (eye_openness(blink) < 0.45 * eye_openness(rest)).all()  # 0.18 to 0.28
    assert mouth_aperture(rest) < 0.6  # 0.4; she was taken with her mouth 1.1 cm open
    assert mouth_aperture(gape) > 1.0


def test_a_blink_of_one_frame_shuts_the_eyes_as_well(avatar):
    alone = avatar.perform(looks(BLINK)).retargeter.displacements(0)
    among_others = avatar.perform(looks({}, BLINK)).retargeter.displacements(1)
    assert np.abs(alone - among_others).max() < 1e-6
    assert (eye_openness(avatar.canonical + alone) < 0.1).all()


def test_an_iris_that_looks_aside_is_whole(avatar):
    performance = avatar.perform(looks({}, ASIDE))
    irises = moved_by(avatar, Handle.LEFT_GAZE, Handle.RIGHT_GAZE)
    ahead, aside = (marked(performance, index, irises).sum() for index in (0, 1))
    assert aside > 0.8 * ahead  # it sinks neither into the ball nor under the lids


def test_a_glance_moves_the_irises_alone(avatar):
    ahead, aside = drawn(avatar, looks({}, ASIDE))
    points = landmarks_on_screen(avatar, avatar.perform(looks({})), 0)
    eyes = hull(points[[33, 133, 159, 145]], SIZE, 0) | hull(points[[263, 362, 386, 374]], SIZE, 0)
    around = cv2.dilate(eyes.astype(np.uint8), np.ones((25, 25))) > 0
    change = np.abs(ahead[0] - aside[0]).max(2)
    assert change[eyes].max() > 0.15
    assert change[~around].max() < 0.05


def test_shoulders_stay_where_the_picture_cuts_them(avatar):
    views = drawn(avatar, turned(VIEWS))
    for rgb, alpha in views:
        low = slice(int(0.99 * SIZE), None)
        assert np.abs(rgb[low] - views[4][0][low]).mean() < 0.02
        assert np.abs(alpha[low] - views[4][1][low]).mean() < 0.02


def test_shoulders_follow_a_little(avatar):
    rest, turned_head = (avatar.perform(turned([(yaw, 0)])).gaussians(0).means for yaw in (0, 30))
    way = np.linalg.norm(turned_head - rest, axis=1)
    points = avatar.layer.points - avatar.canonical[CHIN]
    shoulders = (points[:, 1] < -5) & (points[:, 1] > -7) & (np.abs(points[:, 0]) > 8)
    crown = points[:, 1] > 18
    assert shoulders.sum() > 50
    assert 0.01 < np.median(way[shoulders]) / np.median(way[crown]) < 0.4


def test_a_still_driver_does_not_flicker(avatar, driver_motion):
    from gagavatar_nodes.driving.timeline import take

    frames = drawn(avatar, take(driver_motion, np.zeros(4, int)), 128)
    for rgb, alpha in frames[1:]:
        assert np.array_equal(rgb, frames[0][0])
        assert np.array_equal(alpha, frames[0][1])


def test_our_own_output_tracked_back_has_the_drivers_pose_and_expression(avatar, driver_motion):
    truth = np.load(TRUTH)
    pictures = (on_gray(rgb, alpha) for rgb, alpha in avatar.perform(driver_motion).frames(320, 320))
    back = track_video(pictures, driver_motion.fps, 0.0)
    yaw = np.arctan2(back.rotation[:, 0, 2], back.rotation[:, 2, 2])
    pitch = np.arcsin(-back.rotation[:, 1, 2])
    assert back.bridged == []
    assert np.degrees(np.abs(yaw - truth[:, 0])).mean() < 2.5
    assert np.degrees(np.abs(pitch - truth[:, 1])).mean() < 4
    faces = back.neutral + back.deltas.astype(np.float32)
    assert np.corrcoef(mouth_aperture(faces), truth[:, 2])[0, 1] > 0.87
    assert np.corrcoef(eye_openness(faces).mean(-1), truth[:, 3])[0, 1] < -0.88


def test_a_saved_avatar_is_the_same_avatar(avatar, avatar_file, driver_motion):
    loaded = load_avatar(avatar_file)
    assert loaded.model == "embedded"
    assert len(loaded) == len(avatar)
    one, other = (who.perform(driver_motion).gaussians(30) for who in (avatar, loaded))
    for name in ("means", "covariances", "opacities", "features"):
        assert np.array_equal(getattr(one, name), getattr(other, name)), name


def test_a_denser_lattice_has_more_splats_and_shows_more(avatar, fine_avatar, portrait):
    dense = lift_portrait(portrait, 512)
    assert len(avatar) < len(fine_avatar) < len(dense)
    errors = []
    for one in (avatar, fine_avatar, dense):
        rgb, _ = rasterize(one.rest(), one.camera(), portrait.size, portrait.size)
        errors.append(np.square(rgb - portrait.crop / 255.0)[portrait.alpha > 0.99].mean())
    assert errors[0] > errors[1] > errors[2]


@pytest.mark.parametrize("density", [147, 513, 0])
def test_a_density_out_of_range_is_refused(portrait, density):
    with pytest.raises(ValueError, match=f"density {density}"):
        lift_portrait(portrait, density)


def test_gaussians_are_sound_in_every_frame(avatar, driver_motion):
    performance = avatar.perform(driver_motion)
    for index in (0, 20, 71):
        gaussians = performance.gaussians(index)
        assert np.isfinite(gaussians.means).all()
        assert 0 <= gaussians.opacities.min() <= gaussians.opacities.max() <= 1
        xx, xy, xz, yy, yz, zz = gaussians.covariances.T.astype(np.float64)
        matrices = np.stack([np.stack(r, 1) for r in ((xx, xy, xz), (xy, yy, yz), (xz, yz, zz))], 1)
        values = np.linalg.eigvalsh(matrices)
        assert (values[:, 0] > -1e-6 * values[:, 2]).all()
