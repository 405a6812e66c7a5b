import cv2
import numpy as np
import pytest

from gagavatar_nodes import assets
from gagavatar_nodes.media.images import read_image
from gagavatar_nodes.tracking.closed_form import closed_form_alpha
from gagavatar_nodes.tracking.crop import cut_square, portrait_square
from gagavatar_nodes.tracking.face_mesh import FaceLandmarker, region_of_landmarks
from gagavatar_nodes.tracking.faces import choose_face
from gagavatar_nodes.tracking.foreground import estimate_foreground
from gagavatar_nodes.tracking.matting import METHODS, matte_person
from gagavatar_nodes.tracking.portrait import track_portrait


@pytest.fixture(scope="module")
def strands():
    """Image [96, 96, 3] uint8, true alpha and foreground colors: thin soft strands over a smooth background."""
    y, x = np.mgrid[0:96, 0:96].astype(np.float32)
    hair = np.clip(1.4 - np.abs((x + 4 * np.sin(y / 9)) % 12 - 6), 0, 1)
    alpha = np.where(x < 30, 1, np.where(x > 66, 0, hair)).astype(np.float32)
    foreground = np.stack([200 - 0.3 * y, 150 - 0.2 * x, 60 + 0 * x], axis=-1)
    background = np.stack([30 + 0.2 * x, 50 + 0.2 * y, 150 + 0 * x], axis=-1)
    image = alpha[..., None] * foreground + (1 - alpha[..., None]) * background
    return np.round(image).astype(np.uint8), alpha, foreground


def trimap_of(alpha):
    trimap = np.full(alpha.shape, 0.5, np.float32)
    trimap[:, :27] = 1
    trimap[:, 70:] = 0
    trimap[:, 27:70][alpha[:, 27:70] == 1] = 1  # scribbles: the strands' middles
    return trimap


def test_closed_form_recovers_soft_strands(strands):
    image, alpha, _ = strands
    trimap = trimap_of(alpha)
    start = np.where(trimap == 0.5, 0.5, trimap)
    solved = closed_form_alpha(image, trimap, start)
    unknown = trimap == 0.5
    assert np.abs(solved - alpha)[unknown].mean() < 0.03
    np.testing.assert_array_equal(solved[~unknown], trimap[~unknown])


def test_closed_form_leaves_a_trimap_without_unknown_pixels_alone(strands):
    image, alpha, _ = strands
    trimap = (alpha > 0.5).astype(np.float32)
    np.testing.assert_array_equal(closed_form_alpha(image, trimap, trimap), trimap)


def test_foreground_colors_hold_no_background(strands):
    image, alpha, truth = strands
    estimated = estimate_foreground(image, alpha).astype(float)
    soft = (alpha > 0.1) & (alpha < 0.9)
    bleeding = np.abs(image[soft] - truth[soft]).mean()
    assert np.abs(estimated[soft] - truth[soft]).mean() < 0.1 * bleeding
    np.testing.assert_array_equal(estimated[alpha == 1], image[alpha == 1])


@pytest.fixture(scope="module")
def crop_and_landmarks(example_portrait):
    square = portrait_square(choose_face(example_portrait).box, example_portrait.shape)
    crop = cut_square(example_portrait, square, 512)
    face = choose_face(crop)
    return crop, FaceLandmarker().detect(crop, region_of_landmarks(face)).points


def test_the_default_keeps_the_ringed_suit_and_drops_the_wall(crop_and_landmarks):
    crop, landmarks = crop_and_landmarks
    alpha = matte_person(crop, landmarks)
    assert alpha[460:, 100:380].mean() > 0.95
    assert alpha[:60].max() < 0.05
    assert alpha[100:250, 420:].max() < 0.05


@pytest.mark.parametrize("method", [m for m in METHODS if m != "pymatting"])
def test_a_background_swap_changes_the_matte_only_at_its_edge(crop_and_landmarks, method):
    crop, landmarks = crop_and_landmarks
    alpha = matte_person(crop, landmarks)
    swapped = alpha[..., None] * crop + (1 - alpha[..., None]) * np.array([30, 60, 160.0])
    again = matte_person(np.round(swapped).astype(np.uint8), landmarks, method)
    if method == "none":
        assert again.min() == 1
        return
    edge = cv2.dilate(((alpha > 0.02) & (alpha < 0.98)).astype(np.uint8), np.ones((41, 41))) > 0
    assert np.abs(again - alpha)[~edge].mean() < 0.01


@pytest.fixture(scope="module")
def long_strands(crop_and_landmarks):
    """True alpha [512, 512] and foreground [512, 512, 3] of the crop with hairs that stand far off, and a veil."""
    crop, landmarks = crop_and_landmarks
    matte = matte_person(crop, landmarks)
    foreground = estimate_foreground(crop, (matte > 0.97).astype(np.float32)).astype(np.float32)
    middle = landmarks[:468, :2].mean(0)
    outline = cv2.findContours((matte > 0.9).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
    roots = max(outline, key=len)[:, 0].astype(float)
    roots = roots[roots[:, 1] < middle[1]][::9]
    drawn = np.zeros((2048, 2048), np.uint8)
    for k, root in enumerate(roots):
        out = (root - middle) / np.linalg.norm(root - middle)
        bend = 0.6 * np.sin(1.7 * k) * np.array([-out[1], out[0]])
        way = np.linspace(0, 12 + 8 * (k % 3), 12)[:, None]
        points = root - 4 * out + way * (out + bend * way / 30)
        cv2.polylines(drawn, [np.round(4 * points).astype(np.int32)], False, 255, 5, cv2.LINE_AA)
    strands = cv2.resize(drawn, (512, 512), interpolation=cv2.INTER_AREA) / np.float32(255)
    body = cv2.GaussianBlur((matte > 0.6).astype(np.float32), (0, 0), 0.7)
    veil = np.zeros((512, 512), np.float32)
    beside = int(np.flatnonzero(body[170] > 0.5).max())
    veil[140:200, beside - 12 : beside + 20] = 0.55
    foreground[140:200, beside + 1 :] = foreground[140:200, beside - 3, None]
    veil = cv2.GaussianBlur(veil, (0, 0), 1.5)
    return np.maximum.reduce([body, strands, veil]), foreground


def _ground():
    """A plain green screen."""
    return np.full((512, 512, 3), [30, 180, 60], np.float32)


def _over(foreground, alpha, ground):
    return np.round(np.clip(alpha[..., None] * foreground + (1 - alpha[..., None]) * ground, 0, 255)).astype(np.uint8)


@pytest.mark.parametrize("white", [0, 255])
def test_a_new_background_shows_no_fringe_of_the_old_one(long_strands, crop_and_landmarks, white):
    alpha, foreground = long_strands
    picture = _over(foreground, alpha, _ground())
    solved = matte_person(picture, crop_and_landmarks[1])
    band = cv2.dilate(((alpha > 0.02) & (alpha < 0.98)).astype(np.uint8), np.ones((5, 5))) > 0

    def excess(colors, matte):
        seen = _over(colors.astype(np.float32), matte, np.float32(white)).astype(float)
        return np.maximum(seen[..., 1] - seen[..., ::2].max(-1), 0)[band].mean()

    assert excess(estimate_foreground(picture, solved), solved) < 0.1 * excess(picture, solved)
    assert excess(estimate_foreground(picture, alpha), alpha) < 0.02 * excess(picture, alpha)


@pytest.fixture(scope="module")
def composites():
    """Bundled portraits before another wall, by name and color [3]: crop, landmarks, matte, what is in the picture."""

    def compose(name, wall):
        picture = read_image(assets.path(name)).rgb
        portrait = track_portrait(picture)
        grain = cv2.GaussianBlur(np.random.default_rng(0).standard_normal((512, 512)).astype(np.float32), (0, 0), 2)
        ground = np.float32(wall) + 4 * (grain / grain.std())[..., None]
        square = portrait_square(choose_face(picture).box, picture.shape)
        inside = cut_square(np.ones(picture.shape[:2], np.float32), square, 512, outside=0) > 0.99
        crop = _over(portrait.crop.astype(np.float32), portrait.alpha, ground)
        return crop, portrait.landmarks, portrait.alpha, inside

    return compose


def _repeated(crop, inside):
    """The crop, beyond what is `inside` as at its edge."""
    rows, columns = (np.flatnonzero(inside.any(axis))[[0, -1]] for axis in (1, 0))
    return crop[np.ix_(np.clip(np.arange(512), *rows), np.clip(np.arange(512), *columns))]


def test_a_dark_wall_is_not_taken_for_clothes(composites):
    crop, landmarks, alpha, inside = composites("portrait_pocahontas.jpg", [8, 9, 14])
    solved = inside * matte_person(_repeated(crop, inside), landmarks, inside=inside)
    assert solved[alpha < 0.02].sum() < 400
    assert (alpha - solved)[alpha > 0.98].sum() < 400


def test_a_head_that_the_picture_cuts_is_opaque_up_to_the_cut(composites):
    crop, landmarks, alpha, inside = composites("example_portrait.jpg", [130, 40, 30])
    forehead, chin = landmarks[[10, 152], 1]
    cut = round(float(forehead - 0.18 * (chin - forehead)))
    inside[:cut] = False
    solved = inside * matte_person(_repeated(crop, inside), landmarks, inside=inside)
    assert np.abs(solved - alpha)[cut : cut + 8].mean() < 0.02


def test_strands_that_stand_far_off_are_kept(long_strands, crop_and_landmarks):
    alpha, foreground = long_strands
    landmarks = crop_and_landmarks[1]
    solved = matte_person(_over(foreground, alpha, _ground()), landmarks)
    body = cv2.morphologyEx((alpha > 0.9).astype(np.uint8), cv2.MORPH_OPEN, np.ones((9, 9)))
    far = cv2.distanceTransform(1 - body, cv2.DIST_L2, 5) > 6
    far[140:200] = False  # the veil
    far[round(float(landmarks[152, 1])) :] = False
    assert np.minimum(solved, alpha)[far].sum() > 0.7 * alpha[far].sum()
    assert np.abs(solved - alpha)[far].sum() < 0.3 * alpha[far].sum()


def test_an_unknown_method_is_refused(crop_and_landmarks):
    with pytest.raises(ValueError, match="matting must be one of auto"):
        matte_person(*crop_and_landmarks, "magic")
