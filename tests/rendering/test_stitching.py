import numpy as np
import pytest

from gagavatar_nodes.rendering.inpainting import fill
from gagavatar_nodes.rendering.stitching import Stitcher
from gagavatar_nodes.types import HeadPose, Portrait

SKIN = np.array([220, 150, 120])


def scene(height, width):
    """A smooth background [H, W, 3] float."""
    y, x = np.mgrid[:height, :width]
    return np.stack([40 + 60 * x / width, 90 + 50 * y / height, np.full((height, width), 140.0)], -1)


def person(height, width, center, radius):
    """Soft-edged matte [H, W] of a disc that stands on a body reaching the bottom of the picture."""
    y, x = np.mgrid[:height, :width]
    disc = np.clip(radius - np.hypot(x - center[0], y - center[1]) + 0.5, 0, 1)
    body = np.clip(1.5 * radius - np.abs(x - center[0]), 0, 1) * (y > center[1] + 1.3 * radius)
    return np.maximum(disc, body).astype(np.float32)


def portrait(matrix, size=128, height=240, width=320):
    """A portrait whose crop is taken exactly by sampling the scene at the crop's pixels."""
    import cv2

    matte = person(height, width, (150, 110), 30)
    picture = scene(height, width) * (1 - matte[..., None]) + SKIN * matte[..., None]
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    alpha = cv2.warpAffine(matte, matrix, (size, size), flags=flags)
    return Portrait(
        picture=picture.round().astype(np.uint8),
        crop=np.broadcast_to(SKIN, (size, size, 3)).astype(np.uint8),
        alpha=alpha,
        crop_to_picture=matrix,
        landmarks=np.zeros((478, 3), np.float32),
        pose=HeadPose(1.0, np.eye(3), np.zeros(3)),
        canonical=np.zeros((478, 3), np.float32),
    )


def turned(degrees, scale, size=128, center=(150, 120)):
    c, s = scale * np.cos(np.radians(degrees)), scale * np.sin(np.radians(degrees))
    linear = np.array([[c, -s], [s, c]])
    middle = np.full(2, (size - 1) / 2)
    return np.concatenate([linear, (np.array(center) - linear @ middle)[:, None]], 1)


@pytest.mark.parametrize("degrees", [0, 12])
@pytest.mark.parametrize("edge", [128, 64, 200])
def test_rendering_of_the_source_itself_gives_the_picture_back(degrees, edge):
    import cv2

    source = portrait(turned(degrees, 1.25))
    alpha = cv2.resize(source.alpha, (edge, edge), interpolation=cv2.INTER_AREA if edge < 128 else cv2.INTER_LINEAR)
    rgb = (alpha[..., None] * SKIN / 255).astype(np.float32)
    result = Stitcher(source).stitch(rgb, alpha)
    difference = np.abs(result.astype(int) - source.picture)
    assert result.shape == source.picture.shape
    assert difference.mean() < 0.5
    sharp = person(240, 320, (150, 110), 30)
    away_from_edges = (sharp == 0) | (sharp == 1)
    assert np.quantile(difference[away_from_edges], 0.98) <= 4


def test_picture_outside_the_crop_is_untouched():
    import cv2

    source = portrait(turned(0, 1.25))
    result = Stitcher(source).stitch(np.ones((128, 128, 3), np.float32), np.ones((128, 128), np.float32))
    inside = cv2.warpAffine(np.ones((128, 128), np.uint8), source.crop_to_picture, (320, 240)) > 0
    inside = cv2.dilate(inside.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    np.testing.assert_array_equal(result[~inside], source.picture[~inside])
    assert (result[120, 150] == 255).all()


def test_person_does_not_show_behind_an_empty_rendering():
    source = portrait(turned(0, 1.25))
    result = Stitcher(source).stitch(np.zeros((128, 128, 3), np.float32), np.zeros((128, 128), np.float32))
    head = person(240, 320, (150, 110), 32)[:140] > 0
    error = np.abs(result[:140][head] - scene(240, 320)[:140][head])
    assert error.max() < 30, "the fill is near the true background"
    assert np.abs(SKIN - scene(240, 320)[110, 150]).max() > 100, "which the person is not"


def test_background_is_what_an_empty_rendering_leaves():
    source = portrait(turned(0, 1.25))
    stitcher = Stitcher(source)
    empty = stitcher.stitch(np.zeros((128, 128, 3), np.float32), np.zeros((128, 128), np.float32))
    assert np.abs(stitcher.background.astype(int) - empty).max() <= 1
    assert np.abs(stitcher.background[110, 150] - scene(240, 320)[110, 150]).max() < 30  # and not skin


def test_body_that_the_crop_cuts_continues_below_it():
    source = portrait(turned(0, 1.0))
    alpha = source.alpha
    result = Stitcher(source).stitch((alpha[..., None] * SKIN / 255).astype(np.float32), alpha)
    column = result[155:, 150].astype(int)
    assert np.abs(column - SKIN).max() <= 3


def test_picture_is_shrunk_to_the_longest_edge_asked_for():
    import cv2

    source = portrait(turned(8, 1.25))
    stitcher = Stitcher(source, max_edge=160)
    assert stitcher.size == (160, 120)
    result = stitcher.stitch((source.alpha[..., None] * SKIN / 255).astype(np.float32), source.alpha)
    truth = cv2.resize(source.picture, (160, 120), interpolation=cv2.INTER_AREA)
    assert np.abs(result.astype(int) - truth).mean() < 0.6


def test_crop_that_leaves_the_picture_is_fine():
    source = portrait(turned(0, 3.0, center=(100, 60)))
    result = Stitcher(source).stitch((source.alpha[..., None] * SKIN / 255).astype(np.float32), source.alpha)
    assert np.abs(result.astype(int) - source.picture).mean() < 1.0


def test_fine_detail_is_averaged_when_the_crop_is_shrunk():
    source = portrait(turned(0, 0.25, size=128))
    checker = np.float32(np.indices((512, 512)).sum(0) % 2)
    result = Stitcher(source).stitch(np.dstack([checker] * 3), np.ones((512, 512), np.float32))
    middle = result[110:130, 140:160].astype(int)
    assert np.abs(middle - 127.5).max() <= 1


def test_non_square_rendering_is_refused():
    with pytest.raises(ValueError, match=r"alpha \(64, 32\)"):
        Stitcher(portrait(turned(0, 1.0))).stitch(np.zeros((64, 32, 3), np.float32), np.zeros((64, 32), np.float32))


def test_fill_continues_a_gradient_and_keeps_what_is_known():
    truth = scene(200, 260).round().astype(np.uint8)
    known = person(200, 260, (120, 90), 40) == 0
    image = np.where(known[..., None], truth, 255).astype(np.uint8)
    filled = fill(image, known)
    np.testing.assert_array_equal(filled[known], truth[known])
    near = ~known & (person(200, 260, (120, 90), 34) == 0)
    assert np.abs(filled[near].astype(int) - truth[near]).max() < 12
    assert np.abs(filled[~known].astype(int) - truth[~known]).mean() < 12


def test_fill_of_nothing_known_is_refused():
    with pytest.raises(ValueError, match="nothing is known"):
        fill(np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8), bool))


def test_hair_near_the_border_leaves_no_ghost_when_the_head_moves_away():
    source = portrait(turned(0, 1.0, center=(150, 140)))  # the head's top is 4 pixels under the crop's top
    result = Stitcher(source).stitch(np.zeros((128, 128, 3), np.float32), np.zeros((128, 128), np.float32))
    top = result[84:100, 140:160].astype(int)
    assert np.abs(top - scene(240, 320)[84:100, 140:160]).max() < 30
