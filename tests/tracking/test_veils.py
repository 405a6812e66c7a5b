import cv2
import numpy as np
import pytest

from gagavatar_nodes import assets
from gagavatar_nodes.media.images import read_image
from gagavatar_nodes.rendering import rasterize
from gagavatar_nodes.tracking.matting import matte_person
from gagavatar_nodes.tracking.veils import find_veils

WHITE, BLACK = (242, 237, 230), (20, 18, 15)
PORTRAITS = [
    "example_portrait.jpg", "portrait_admiral.jpg", "portrait_franklin.jpg", "portrait_pocahontas.jpg"
]  # fmt: skip


def _wall(grain):
    """[512, 512, 3] a green wall that grows brighter to the right, with bricks or without."""
    y, x = np.mgrid[:512, :512].astype(np.float32)
    wall = np.dstack([90 + y / 20, 128 + 0 * x, 100 + x / 20])
    joints = (y % 24 < 3) | ((x + 24 * (y // 24 % 2)) % 48 < 3)
    return wall + grain * cv2.GaussianBlur(joints.astype(np.float32), (0, 0), 1)[..., None]


def _veiled(portrait, color, opacity, grain):
    """The portrait with a veil around before a wall, [512, 512, 3] uint8; its opacity [512, 512] beside the person."""
    person = (portrait.alpha > 0.5).astype(np.uint8)
    wide = cv2.dilate(person, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (61, 61))).astype(np.float32)
    folds = 1 + 0.2 * np.sin(np.arange(512) / 9)
    veil = cv2.GaussianBlur(wide, (0, 0), 1.5) * (opacity * folds).astype(np.float32)
    ground = _wall(grain) * (1 - veil[..., None]) + np.float32(color) * veil[..., None]
    alpha = portrait.alpha[..., None]
    picture = portrait.crop * alpha + ground * (1 - alpha) + np.random.default_rng(0).normal(0, 1.5, (512, 512, 1))
    return np.round(np.clip(picture, 0, 255)).astype(np.uint8), veil


def _beside(portrait, veil):
    """[512, 512] bool: the veil away from the person and from its own edge."""
    inner = cv2.erode((veil > 0.1).astype(np.uint8), np.ones((9, 9))) > 0
    return inner & (cv2.dilate(portrait.alpha, np.ones((13, 13))) < 0.02)


@pytest.mark.parametrize(("color", "grain"), [(WHITE, 0), (BLACK, 0), (WHITE, 25)])
def test_a_veil_is_about_as_transparent_as_it_was_drawn(portrait, color, grain):
    picture, veil = _veiled(portrait, color, 0.35, grain)
    beside = _beside(portrait, veil)
    solved = matte_person(picture, portrait.landmarks)
    assert np.abs(solved - veil)[beside].mean() < 0.15
    assert (np.abs(solved - veil)[beside] < 0.12).mean() > 0.55
    assert solved[portrait.alpha > 0.98].mean() > 0.97
    assert solved[cv2.dilate(veil, np.ones((25, 25))) < 0.02].max() < 0.1


def test_through_a_veil_of_an_avatar_a_new_background_shines(portrait, track, lift):
    picture, _ = _veiled(portrait, WHITE, 0.35, 0)
    veiled = track(picture)
    avatar = lift(veiled, 200)
    _, alpha = rasterize(avatar.rest(), avatar.camera(), 512, 512)
    half = (veiled.alpha > 0.15) & (veiled.alpha < 0.6)
    assert half.sum() > 5000
    assert np.abs(alpha - veiled.alpha)[half].mean() < 0.05


@pytest.mark.parametrize("name", PORTRAITS)
def test_where_there_is_no_veil_none_is_found(track, name):
    portrait = track(read_image(assets.path(name)).rgb)
    rows, columns = (
        portrait.crop_to_picture[[1, 0], 2, None] + np.arange(512) * portrait.crop_to_picture[0, 0]
    ).round()
    height, width = portrait.picture.shape[:2]
    inside = ((rows >= 0) & (rows < height))[:, None] & ((columns >= 0) & (columns < width))
    at = np.ix_(np.clip(rows, 0, height - 1).astype(int), np.clip(columns, 0, width - 1).astype(int))
    mask = (portrait.alpha > 0.5).astype(np.float32)
    assert find_veils(portrait.picture[at], mask, portrait.landmarks, inside) is None


@pytest.mark.parametrize("aside", [22, 40])
def test_a_shadow_on_the_wall_is_no_veil(portrait, aside):
    shade = cv2.GaussianBlur(np.roll(portrait.alpha, (aside // 3, aside), (0, 1)), (0, 0), 3)
    ground = _wall(0) * (1 - 0.4 * shade[..., None])
    alpha = portrait.alpha[..., None]
    picture = np.round(portrait.crop * alpha + ground * (1 - alpha)).astype(np.uint8)
    assert find_veils(picture, (portrait.alpha > 0.5).astype(np.float32), portrait.landmarks) is None


def test_a_glow_around_a_head_is_no_veil(portrait):
    glow = cv2.GaussianBlur(cv2.dilate(portrait.alpha, np.ones((61, 61))), (0, 0), 25)[..., None]
    ground = _wall(0) * (1 - 0.4 * glow) + 255 * 0.4 * glow
    alpha = portrait.alpha[..., None]
    picture = np.round(portrait.crop * alpha + ground * (1 - alpha)).astype(np.uint8)
    assert find_veils(picture, (portrait.alpha > 0.5).astype(np.float32), portrait.landmarks) is None
