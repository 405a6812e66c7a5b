"""Turned heads: what the portrait does not show is closed, and nothing hangs in rags beside it."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from gagavatar_nodes import assets
from gagavatar_nodes.driving.operations import neutral_motion
from gagavatar_nodes.driving.pose import rotation_of
from gagavatar_nodes.face.pose import NECK_PIVOT
from gagavatar_nodes.face.topology import BROWS, CHIN, FACE_OVAL, FOREHEAD
from gagavatar_nodes.heads.canonical import canonical_face
from gagavatar_nodes.lifting.embedded.binding import head_weight
from gagavatar_nodes.lifting.embedded.complexion import skin_colors
from gagavatar_nodes.lifting.embedded.depth import landmark_mesh
from gagavatar_nodes.lifting.embedded.hair import outer_triangles
from gagavatar_nodes.lifting.embedded.head_fit import fit_head
from gagavatar_nodes.lifting.embedded.lift import parse_portrait
from gagavatar_nodes.lifting.embedded.mesh import sample_surface, vertex_normals
from gagavatar_nodes.lifting.embedded.stage import Stage
from gagavatar_nodes.media.images import read_image

SIZE = 256
CHEEKS = (205, 425)  # landmarks
VIEWS = [(-35, 0), (35, 0), (-35, 15), (35, 15), (-35, -15), (35, -15)]


@pytest.fixture(scope="module", params=["portrait_admiral.jpg", "portrait_franklin.jpg", "portrait_pocahontas.jpg"])
def avatar(request, track, lift):
    return lift(track(read_image(assets.path(request.param)).rgb), 148)


def turned(views: list[tuple[float, float]]):
    yaw, pitch = np.radians(np.array(views, float)).T
    return replace(neutral_motion(len(views)), rotation=rotation_of(yaw, pitch))


def views_of(avatar):
    """Placement of the head and alpha in each of `VIEWS`."""
    performance = avatar.perform(turned(VIEWS), pose="absolute")
    for index, (_, alpha) in enumerate(performance.frames(SIZE, SIZE)):
        yield performance.retargeter.placement(index), alpha.copy()


def pixels(avatar, points: np.ndarray, placement) -> np.ndarray:
    """[N, 2] of canonical points [N, 3] that turn with the head."""
    pivot = avatar.stage.from_canonical(NECK_PIVOT[None])[0] + placement.shift
    staged = (points - NECK_PIVOT) @ (placement.scale * placement.rotation).T + pivot
    return (avatar.stage.project(staged)[:, :2] + 0.5) * SIZE / avatar.stage.size - 0.5


def test_no_ragged_flap_beside_the_head(avatar):
    thin = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (11, 11))
    ragged = []
    for placement, alpha in views_of(avatar):
        rows = pixels(avatar, avatar.canonical[:468], placement)[:, 1]
        beside = slice(int(rows.min() + 0.4 * np.ptp(rows)), int(rows.max() + 0.25 * np.ptp(rows)))
        solid = (alpha > 0.5).astype(np.uint8)
        ragged.append((solid - cv2.morphologyEx(solid, cv2.MORPH_OPEN, thin))[beside].sum())
    assert np.mean(ragged) < 32  # pixels of fragments; 12 to 21 today


def test_no_gaps_in_the_face(avatar):
    holes = []
    for placement, alpha in views_of(avatar):
        face = np.zeros((SIZE, SIZE), np.uint8)
        outline = cv2.convexHull(np.round(pixels(avatar, avatar.canonical[:468], placement)).astype(np.int32))
        cv2.fillConvexPoly(face, outline, 1)
        holes.append((alpha[cv2.erode(face, np.ones((9, 9))) > 0] < 0.97).mean())
    assert max(holes) < 0.01


def test_the_nape_does_not_run_out_over_the_shoulders(avatar):
    """Where it ended it would stand over them as a spur."""
    points = (avatar.layer.points - avatar.canonical[CHIN])[avatar.layer.opacities > 0.5]
    points = points[np.abs(points[:, 0]) < 4]
    above, under = (points[(points[:, 1] > low) & (points[:, 1] < low + 1), 2].min() for low in (1, -2))
    assert under > above - 0.4  # centimeters


def test_the_far_cheek_has_the_near_ones_hue(avatar):
    """Neither hair nor cloth nor a patch of another color lies in the cheek that the portrait hardly shows."""
    yaw = -np.sign(avatar.stage.rotation[0, 2]) * 25 or 25
    performance = avatar.perform(turned([(yaw, 0)]), pose="absolute")
    rgb, _ = next(iter(performance.frames(SIZE, SIZE)))
    placed = np.round(pixels(avatar, avatar.canonical[:468], performance.retargeter.placement(0))).astype(int)
    cheeks = [np.median(rgb[y - 3 : y + 4, x - 3 : x + 4].reshape(-1, 3), axis=0) for x, y in placed[list(CHEEKS)]]
    one, other = (color / color.sum() for color in cheeks)
    assert np.abs(one - other).max() < 0.12


def test_the_lower_edge_of_a_picture_stays_where_it_ends_close_under_the_chin(portrait):
    stage, end = Stage.of(portrait), int(portrait.landmarks[CHIN, 1]) + 66
    ended = replace(portrait, alpha=np.where(np.arange(portrait.size)[:, None] <= end, portrait.alpha, 0))
    pixels = np.column_stack([np.linspace(0, portrait.size - 1, 50), np.full(50, end)])
    edge = stage.to_canonical(stage.unproject(pixels, np.zeros(50)))
    assert head_weight(edge, portrait, stage).max() > 0.2  # there the whole picture's neck turns
    assert head_weight(edge, ended, stage).max() < 0.1


def test_a_rim_of_light_along_the_outline_is_no_skin(portrait):
    """All of one color but for a line inside the matte's edge, from which nothing spreads over the hidden side."""
    stage, skin = Stage.of(portrait), np.array([190, 140, 120])
    end = portrait.landmarks[425, 0]  # on the cheek, where the head faces the camera still
    beyond = np.arange(portrait.size) - end
    crop = np.where((beyond > -2)[:, None], [255, 250, 160], skin).astype(np.uint8)
    painted = replace(
        portrait,
        crop=np.broadcast_to(crop, portrait.crop.shape),
        alpha=np.where(beyond > 0, 0, np.ones_like(portrait.alpha)),
    )
    head = fit_head(painted.canonical)
    regions, depth = parse_portrait(painted, stage, head)
    triangles = outer_triangles(head)
    used = np.unique(triangles)
    points, normals = head[used], vertex_normals(head, triangles)[used]
    colors, _ = skin_colors(points, normals, painted, stage, depth, head, regions)
    cheek = (points[:, 0] > 3) & (points[:, 2] > 0) & (np.abs(points[:, 1]) < 4)
    assert cheek.sum() > 20
    assert np.abs(colors[cheek] - skin / 255).max() < 0.05


def test_the_hidden_cheek_has_no_shadows_of_the_other_one(portrait):
    """All of one color but for the brow and a blot on the cheek, and seen but for the other half of the face."""
    stage, skin, marks = Stage.of(portrait), np.array([190, 140, 120], np.uint8), portrait.landmarks[:, :2]
    crop = np.broadcast_to(skin, portrait.crop.shape).copy()
    cv2.circle(crop, np.round(marks[50]).astype(int).tolist(), round(0.8 * stage.scale), (60, 40, 30), -1)
    cv2.fillPoly(crop, [cv2.convexHull(np.round(marks[list(BROWS[:10])]).astype(np.int32))], (60, 40, 30))
    seen = np.arange(portrait.size) < marks[FOREHEAD, 0]
    painted = replace(portrait, crop=crop, alpha=np.where(seen, np.ones_like(portrait.alpha), 0))
    head = fit_head(painted.canonical)
    regions, depth = parse_portrait(painted, stage, head)
    triangles = outer_triangles(head)
    points, normals = (values[np.unique(triangles)] for values in (head, vertex_normals(head, triangles)))
    colors, _ = skin_colors(points, normals, painted, stage, depth, head, regions)
    cheek, brow = (
        np.linalg.norm(points - painted.canonical[list(rows)].mean(0), axis=1) < 0.7 for rows in ((280,), BROWS[10:])
    )
    assert min(cheek.sum(), brow.sum()) > 3
    assert np.abs(colors[cheek] - skin / 255).max() < 0.1
    assert colors[brow].min() < 0.6 * skin.min() / 255


def test_hidden_hair_beside_skin_is_not_gray(portrait):
    """Dark around a face of one color, and seen but for the other half: its mirrored edge is as dark as the rest."""
    stage, skin, dyed = Stage.of(portrait), np.array([220, 170, 140]), np.array([40, 28, 20])
    marks = np.round(portrait.landmarks[:, :2]).astype(np.int32)
    bare = cv2.fillPoly(np.zeros((portrait.size,) * 2, np.uint8), [marks[list(FACE_OVAL)]], 1) > 0
    bare |= np.arange(portrait.size)[:, None] > marks[CHIN, 1] - 2 * stage.scale
    seen = np.arange(portrait.size) < marks[FOREHEAD, 0]
    painted = replace(
        portrait,
        crop=np.where(bare[..., None], skin, dyed).astype(np.uint8),
        alpha=np.where(seen, np.ones_like(portrait.alpha), 0),
    )
    head = fit_head(painted.canonical)
    regions, depth = parse_portrait(painted, stage, head)
    triangles = outer_triangles(head)
    normals = vertex_normals(head, triangles)
    triangles = triangles[(head[triangles][..., 2].mean(1) > -4) & (head[triangles][..., 1].mean(1) > -2)]
    face, weights = sample_surface(head, triangles, 12_000)
    points, normals = ((values[triangles[face]] * weights[..., None]).sum(1) for values in (head, normals))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    colors, unseen = skin_colors(points, normals, painted, stage, depth, head, regions)
    hidden = (points[:, 0] > 1) & (unseen > 0.95) & (points[:, 2] > -3)
    assert hidden.sum() > 500
    lightest = np.percentile(colors[hidden].mean(1), 95) / (dyed.mean() / 255)
    assert lightest < 1.14  # 1.01 today; 1.34 beside skin that leaked


@pytest.mark.parametrize(("deep", "light"), [(2.0, 1.0), (4.5, 0.85)])
def test_hair_is_seen_as_deep_as_it_may_be_thick(portrait, deep, light):
    """The skull so many centimeters under it has its color; what is deeper is hidden, and the head's back is darker."""
    stage, dyed = Stage.of(portrait), np.array([60, 80, 160])
    over = np.arange(portrait.size)[:, None] < portrait.landmarks[FOREHEAD, 1] - 4
    shown = replace(
        portrait,
        crop=np.where(over[..., None], dyed, portrait.crop).astype(np.uint8),
        alpha=np.where(over, 1, portrait.alpha).astype(np.float32),
    )
    head = fit_head(shown.canonical)
    regions, depth = parse_portrait(shown, stage, head)
    triangles = outer_triangles(head)
    used = np.unique(triangles)
    normals = vertex_normals(head, triangles)[used]
    above = (normals @ stage.rotation[2] > 0.5) & (head[used, 1] > shown.canonical[FOREHEAD, 1] + 1.5)
    points = head[used][above] - deep * stage.rotation[2]
    colors, _ = skin_colors(points, normals[above], shown, stage, depth, head, regions)
    assert len(points) > 20
    assert np.median(colors / (dyed / 255), axis=0) == pytest.approx(light, abs=0.05)


def test_the_hidden_side_of_a_nose_has_the_shade_that_is_seen_of_it(track):
    """Franklin's nose in plain skin, dark where it turns away: a pale side would begin beside a dark band."""
    franklin = track(read_image(assets.path("portrait_franklin.jpg")).rgb)
    stage, skin, shade = Stage.of(franklin), np.array([200, 150, 120]), np.array([70, 50, 40])
    marks = franklin.canonical
    face, _ = landmark_mesh(franklin)
    middle = marks[:468][canonical_face().triangles[face]].mean(-2)
    turns = (face >= 0) & (middle[..., 0] > 0.4) & (middle[..., 0] < 2)
    turns &= (middle[..., 2] > marks[129, 2]) & (np.abs(middle[..., 1] - marks[5, 1]) < 2)
    painted = replace(franklin, crop=np.where(turns[..., None], shade, skin).astype(np.uint8))
    head = fit_head(marks)
    regions, depth = parse_portrait(painted, stage, head)
    triangles = outer_triangles(head)
    points, normals = (values[np.unique(triangles)] for values in (head, vertex_normals(head, triangles)))
    colors, _ = skin_colors(points, normals, painted, stage, depth, head, regions)
    side = (normals[:, 0] > 0.6) & (np.abs(points[:, 0] - 1) < 0.5) & (np.abs(points[:, 1] - marks[5, 1]) < 1.5)
    side &= points[:, 2] > marks[129, 2]
    assert side.sum() > 10
    assert colors[side].mean() < 0.52  # .43 today; skin has .61, and shade .21


def test_what_gives_way_does_so_along_a_smooth_line(avatar):
    """A mesh of triangles would end in rags."""
    rows, normals, _ = avatar.poser.steep
    normals = normals / np.linalg.norm(normals, axis=1, keepdims=True)
    place = np.full(len(avatar), -1)
    place[rows] = np.arange(len(rows))
    right = place[avatar.layer.neighbors[rows, 1]]
    cosines = (normals * normals[right]).sum(1)[right >= 0]
    turn = np.degrees(np.arccos(np.clip(cosines, -1, 1)))
    assert np.percentile(turn, 99) < 12  # degrees; 7 to 10 today, 13 to 20 where it is the triangles'
