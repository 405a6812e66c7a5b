"""The mouth: teeth, tongue and throat between its lips, and what portraits with open mouths show there."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from gagavatar_nodes.driving.operations import add_arkit, neutral_motion
from gagavatar_nodes.driving.pose import rotation_of
from gagavatar_nodes.face.pose import NECK_PIVOT
from gagavatar_nodes.face.topology import INNER_LIPS, OUTER_LIPS, UPPER_LIP
from gagavatar_nodes.lifting.embedded import lift_portrait
from gagavatar_nodes.lifting.embedded.binding import Handle
from gagavatar_nodes.lifting.embedded.head_fit import fit_head
from gagavatar_nodes.lifting.embedded.lift import parse_portrait
from gagavatar_nodes.lifting.embedded.lip_edges import refine_lips
from gagavatar_nodes.lifting.embedded.lips import LOWER_CURVE, UPPER_CURVE
from gagavatar_nodes.lifting.embedded.mouth import mouth_interior
from gagavatar_nodes.lifting.embedded.own_mouth import own_mouth
from gagavatar_nodes.lifting.embedded.pixels import polygon
from gagavatar_nodes.lifting.embedded.stage import Stage
from gagavatar_nodes.lifting.embedded.tones import portrait_tones
from gagavatar_nodes.rendering import rasterize
from gagavatar_nodes.tracking.video import track_video
from gagavatar_nodes.types import ARKIT_NAMES

SIZE = 384
LAUGH = {"mouthSmileLeft": 0.9, "mouthSmileRight": 0.9, "mouthUpperUpLeft": 0.4, "mouthUpperUpRight": 0.4}
WIDE = {"jawOpen": 1.0}
FUNNEL = {"mouthFunnel": 0.9, "jawOpen": 0.15}
JAWS = ({"jawOpen": 0.0}, {"jawOpen": 0.3}, {"jawOpen": 0.6}, WIDE, LAUGH, {**LAUGH, "jawOpen": 0.4}, WIDE, FUNNEL)
YAWS = np.radians([0, 0, 0, 0, 0, 0, 28, 0])


class Face:
    """A lifted portrait under `JAWS` or others, turned by `YAWS`."""

    def __init__(self, avatar, jaws=JAWS) -> None:
        self.avatar = avatar
        table = np.array([[frame.get(name, 0.0) for name in ARKIT_NAMES] for frame in jaws])
        yaws = YAWS[: len(jaws)]
        turned = replace(neutral_motion(len(jaws)), rotation=rotation_of(yaws, 0 * yaws))
        self.performance = self.avatar.perform(add_arkit(turned, table))
        self.drawings = [(rgb.copy(), alpha.copy()) for rgb, alpha in self.performance.frames(SIZE, SIZE)]

    def between(self, index: int, ring: tuple[int, ...] = INNER_LIPS) -> np.ndarray:
        """[SIZE, SIZE] bool inside of the lips."""
        return polygon(self.pixels(index)[list(ring)], SIZE) > 0.9

    def pixels(self, index: int) -> np.ndarray:
        """[478, 2] where the landmarks are drawn."""
        source, stage = self.performance.retargeter, self.avatar.stage
        placement = source.placement(index)
        turn = placement.scale * placement.rotation
        pivot = stage.from_canonical(NECK_PIVOT[None])[0] + placement.shift
        points = (self.avatar.canonical + source.displacements(index) - NECK_PIVOT) @ turn.T + pivot
        return (stage.project(points)[:, :2] + 0.5) * SIZE / stage.size - 0.5

    def share(self, index: int, *handles: Handle) -> np.ndarray:
        """[SIZE, SIZE] share of each pixel that comes from what handles move."""
        binding = self.avatar.layer.binding
        return self.share_of((np.isin(binding.controls, handles) & (binding.weights > 0)).any(1), index)

    def share_of(self, marks: np.ndarray, index: int) -> np.ndarray:
        """[SIZE, SIZE] share of each pixel that comes from splats by their `marks` [N] bool."""
        gaussians = replace(
            self.performance.gaussians(index), features=np.repeat(marks[:, None], 3, 1).astype(np.float32)
        )
        return rasterize(gaussians, self.performance.camera(index), SIZE, SIZE)[0][..., 0]


@pytest.fixture(scope="module")
def smiling(portrait, lift):
    """The example portrait shows her teeth."""
    return Face(lift(portrait))


@pytest.fixture(scope="module")
def closed_portrait(track):
    """A painting with closed lips."""
    from gagavatar_nodes import assets
    from gagavatar_nodes.media.images import read_image

    return track(read_image(assets.path("portrait_admiral.jpg")).rgb)


@pytest.fixture(scope="module")
def closed(closed_portrait, lift):
    return Face(lift(closed_portrait))


@pytest.fixture(params=["smiling", "closed"])
def face(request):
    return request.getfixturevalue(request.param)


def test_closed_lips_show_neither_teeth_nor_tongue(face):
    seen = face.share(0, Handle.UPPER_TEETH, Handle.LOWER_TEETH, Handle.TONGUE)
    assert seen[face.between(0, OUTER_LIPS)].max() < 0.3
    assert (seen > 0.1).sum() < 12


def test_opening_shows_upper_teeth_then_the_tongue_and_both_rows_of_teeth(face):
    pixels = lambda index, handle: (face.share(index, handle) > 0.5).sum()  # noqa: E731
    assert pixels(1, Handle.UPPER_TEETH) > 40
    assert pixels(2, Handle.TONGUE) > 40
    for handle in (Handle.UPPER_TEETH, Handle.LOWER_TEETH):
        assert pixels(3, handle) > 8


def test_a_laugh_shows_a_row_of_teeth_with_gaps_between_them(closed):
    rgb, _ = closed.drawings[5]
    teeth = closed.share(5, Handle.UPPER_TEETH) > 0.9
    assert teeth.sum() > 150
    row = np.argmax(teeth.sum(1))
    light = rgb[row, teeth[row]].mean(-1)
    smooth = cv2.GaussianBlur(light[None], (0, 0), 3)[0]
    assert np.abs(light - smooth)[3:-3].max() > 0.02  # a strip has none
    # White in this light, not blue: as the cheeks have red over blue.
    red, _, blue = rgb[teeth].mean(0)
    assert red > blue


def test_teeth_lie_in_the_shadow_of_the_upper_lip(closed):
    """What stands before them darkens them toward it, and hides none."""
    gaussians, camera = closed.performance.gaussians(5), closed.performance.camera(5)
    binding, depth = closed.avatar.layer.binding, closed.avatar.layer.points[:, 2]
    lit = gaussians.features.mean(1)
    teeth = (binding.controls[:, 0] == Handle.UPPER_TEETH) & (binding.weights[:, 0] > 0)
    veil = (gaussians.opacities > 0.02) & (gaussians.opacities < 0.35) & (lit < 0.15)
    veil[: closed.avatar.inside.start] = False
    assert veil.sum() > 50
    assert np.median(depth[veil]) > np.median(depth[teeth])
    bare = replace(gaussians, opacities=np.where(veil, 0, gaussians.opacities).astype(np.float32))
    without = rasterize(bare, camera, SIZE, SIZE)[0].mean(-1)
    shade = (closed.drawings[5][0].mean(-1) / np.maximum(without, 1e-3))[closed.between(5)]
    assert np.percentile(shade, 5) < 0.88
    assert np.median(shade) > 0.95


def test_teeth_behind_lips_pushed_forward_lie_in_their_shade(closed):
    """The round of a funnel hides the light that a laugh lets in."""
    funnel, laugh = (np.percentile(closed.drawings[index][0].mean(-1)[closed.between(index)], 50) for index in (7, 5))
    assert funnel < 0.9 * laugh


def test_the_throat_is_darker_than_the_lips_soft_and_not_black(face):
    rgb, _ = face.drawings[3]
    inside, outside = face.between(3), face.between(3, OUTER_LIPS)
    light = rgb.mean(-1)
    throat = light[inside & (face.share(3, Handle.CAVITY) > 0.9)]
    lips = light[outside & ~cv2.dilate(inside.astype(np.uint8), np.ones((5, 5))).astype(bool)]
    assert 0.005 < throat.min() < 0.15
    assert np.median(throat) < 0.6 * np.median(lips)
    assert np.ptp(throat) > 0.04
    color = rgb[inside & (face.share(3, Handle.CAVITY) > 0.9)].mean(0)
    assert color[0] > 1.3 * color[2]


@pytest.fixture(scope="module")
def lined(closed_portrait):
    """The same painting with even skin and a dark line between its lips, which goes on over both cheeks."""
    line = closed_portrait.landmarks[[61, *UPPER_CURVE[::-1], 291], :2]
    beyond = 0.015 * closed_portrait.size * np.array([[-1, 0], [1, 0]])
    line = np.concatenate([line[:1] + beyond[:1], line, line[-1:] + beyond[1:]]).round().astype(np.int32)
    crop = cv2.GaussianBlur(closed_portrait.crop, (0, 0), 3)
    cv2.polylines(crop, [line], False, (20, 10, 10), 1)
    return Face(lift_portrait(replace(closed_portrait, crop=crop)), JAWS[:4])


def test_the_dark_line_of_closed_lips_is_gone_where_they_part(lined):
    """It is their shade: around an open mouth lips go on as they are beside it."""
    opened = lined.between(2).astype(np.uint8)
    edge = lined.between(2, OUTER_LIPS) & (cv2.dilate(opened, np.ones((3, 3))) > opened)
    assert np.percentile(lined.drawings[2][0].mean(-1)[edge], 10) > 0.09


def test_the_line_of_closed_lips_does_not_stay_on_the_cheeks_of_a_wide_mouth(lined):
    for corner, beyond in ((61, -4), (291, 4)):
        darker = []
        for index in (0, 3):
            x, y = lined.pixels(index)[corner].round().astype(int)
            light = lined.drawings[index][0][y - 10 : y + 11, x + beyond - 1 : x + beyond + 2].mean((1, 2))
            darker.append(np.median(light) - light.min())
        assert darker[1] < 0.5 * darker[0]


def test_no_holes_within_the_lips_at_any_opening(face):
    for index, (_, alpha) in enumerate(face.drawings):
        assert alpha[face.between(index, OUTER_LIPS)].min() > 0.97, JAWS[index]


def test_a_turned_head_shows_no_skin_through_the_far_corner_of_its_mouth(closed):
    gaussians = closed.performance.gaussians(6)
    behind_lips = gaussians.opacities.copy()
    behind_lips[: closed.avatar.inside.start] = 0
    alone = replace(gaussians, opacities=behind_lips)
    covered = rasterize(alone, closed.performance.camera(6), SIZE, SIZE)[1]
    inside = cv2.erode(closed.between(6).astype(np.uint8), np.ones((3, 3))) > 0
    assert (covered[inside] < 0.8).mean() < 0.01


def test_no_skin_hangs_in_a_wide_mouth(closed):
    """The inner sides of lips face down or up: no portrait sees them from their side alone."""
    outside = np.arange(len(closed.avatar)) < closed.avatar.inside.start
    inside = cv2.erode(closed.between(3).astype(np.uint8), np.ones((3, 3))) > 0
    assert (closed.share_of(outside, 3)[inside] > 0.3).mean() < 0.007


def test_a_mouth_drawn_into_a_picture_of_one_hue_has_that_hue(portrait):
    drawn = np.array([[0.6, 0.3, 0.3], [0.9, 0.88, 0.8], [0.1, 0.03, 0.03]])
    np.testing.assert_array_equal(portrait_tones(portrait)(drawn), drawn)
    gray = np.repeat(portrait.crop.mean(-1, keepdims=True), 3, -1)
    assert np.ptp(portrait_tones(replace(portrait, crop=gray.astype(np.uint8)))(drawn), axis=1).max() < 0.01
    dark, light = np.array([40, 24, 12]), np.array([242, 226, 190])
    sepia = (dark + gray / 255 * (light - dark)).round().astype(np.uint8)
    toned = portrait_tones(replace(portrait, crop=sepia))(drawn)
    assert (np.diff(toned, axis=1) < 0).all()
    assert np.abs((toned - drawn) @ [0.21, 0.72, 0.07]).max() < 0.05  # as light as it was


def test_what_a_half_open_mouth_shows_does_not_stand_in_a_wider_one(smiling):
    """One opening: skin, lips and the portrait's own gap leave its middle to throat, tongue and drawn teeth."""
    inside = cv2.erode(smiling.between(3).astype(np.uint8), np.ones((5, 5))) > 0
    mouth = smiling.share(3, Handle.UPPER_TEETH, Handle.LOWER_TEETH, Handle.TONGUE, Handle.CAVITY)
    assert (mouth[inside] > 0.8).mean() > 0.92
    teeth = (smiling.share(3, Handle.UPPER_TEETH) > 0.5).astype(np.uint8)
    rows = np.flatnonzero(teeth.any(1))
    assert np.ptp(rows) < 0.5 * np.ptp(np.flatnonzero(inside.any(1)))  # they stay up, with the skull


def test_a_mouth_with_teeth_is_its_own_at_rest(smiling, portrait):
    motion = track_video([portrait.picture], 25.0)
    rgb, _ = next(iter(smiling.avatar.perform(motion, "same").frames(portrait.size, portrait.size)))
    lips = cv2.dilate(polygon(portrait.landmarks[list(OUTER_LIPS), :2], portrait.size), np.ones((9, 9))) > 0.5
    error = np.square(rgb - portrait.crop / 255.0)[lips].mean()
    assert -10 * np.log10(error) > 36


def test_own_teeth_are_neither_gray_as_lips_close_nor_glaring_as_they_open(smiling):
    """They are lit in the portrait already."""
    light = lambda opening: smiling.avatar.shade(opening)[-1] / smiling.avatar.shade(smiling.avatar.opening())[-1]  # noqa: E731
    assert 0.72 < light(0.06) < 1
    assert 0.99 < light(2.0) < 1.1


def test_own_teeth_go_on_under_the_upper_lip(portrait):
    """A laugh lifts it: what it hid is as light as what it showed, up to the gum."""
    lips = list(UPPER_CURVE[1:-1]), list(LOWER_CURVE[1:-1])
    landmarks, canonical = portrait.landmarks.copy(), portrait.canonical.copy()
    for points in (landmarks, canonical):  # a lip that hides more of them
        points[lips[0]] += 0.35 * (points[lips[1]] - points[lips[0]])
    own = own_mouth(replace(portrait, landmarks=landmarks, canonical=canonical), Stage.of(portrait))
    middle = np.abs(own.hidden.points[:, 0] - canonical[UPPER_LIP, 0]) < 0.8
    over = middle & (own.hidden.points[:, 1] > canonical[UPPER_LIP, 1] + 0.1)
    assert over.sum() > 20
    assert np.median(own.hidden.opacities[over]) > 0.5
    assert own.hidden.points[over, 1].max() < own.edge + 1.2
    assert np.abs(own.hidden.colors[over].mean(0) - own.enamel).max() < 0.15


def test_what_closed_lips_hide_takes_on_none_of_their_colors(closed, closed_portrait):
    stage = Stage.of(closed_portrait)
    _, depth = parse_portrait(closed_portrait, stage, fit_head(closed_portrait.canonical))
    drawn = mouth_interior(closed_portrait, stage, depth).layer.colors
    np.testing.assert_allclose(closed.avatar.layer.colors[closed.avatar.inside], drawn, atol=1e-4)


def test_lower_teeth_of_an_open_mouth_lie_behind_the_upper_ones_and_its_tongue_is_none(portrait):
    """Painted between the lips, from above: teeth, throat, tongue, teeth."""
    ring = portrait.landmarks[list(INNER_LIPS), :2]
    rows, columns = np.nonzero(polygon(ring, portrait.size) > 0.5)
    edges = [portrait.landmarks[list(lip), :2] for lip in (UPPER_CURVE, LOWER_CURVE)]
    upper, lower = (np.interp(columns, *edge[np.argsort(edge[:, 0])].T) for edge in edges)
    share = (rows - upper) / np.maximum(lower - upper, 1)
    crop = portrait.crop.copy()
    for start, color in ((0, (240, 235, 225)), (0.35, (40, 10, 10)), (0.5, (225, 150, 150)), (0.7, (240, 235, 225))):
        crop[rows[share >= start], columns[share >= start]] = color
    corners = np.abs(2 * columns - columns.min() - columns.max()) > 0.6 * np.ptp(columns)
    crop[rows[corners], columns[corners]] = 40, 10, 10
    own = own_mouth(replace(portrait, crop=crop), Stage.of(portrait))
    handle, depth = own.teeth.binding.controls[:, 0], own.teeth.points[:, 2]
    above, below = (depth[handle == jaw] for jaw in (Handle.UPPER_TEETH, Handle.LOWER_TEETH))
    assert min(len(above), len(below)) > 20
    assert np.median(below) < np.median(above) - 0.2
    shown = own.teeth.colors[own.teeth.opacities > 0.5]
    assert (shown[:, 1] > 0.75 * shown[:, 0]).all()


def test_a_lip_that_was_taken_for_the_opening_is_found(portrait):
    wrong = portrait.landmarks.copy()
    lower = [88, 178, 87, 14, 317, 402, 318]
    wrong[lower, 1] += 0.012 * portrait.size  # into the lower lip
    gap = lambda points: np.abs(points[lower, 1] - portrait.landmarks[lower, 1]).mean()  # noqa: E731
    found = refine_lips(replace(portrait, landmarks=wrong))
    assert gap(found.landmarks) < 0.6 * gap(wrong)
    same = refine_lips(portrait)
    assert gap(same.landmarks) < 0.005 * portrait.size
