import cv2
import numpy as np
import pytest
import torch

from gagavatar_nodes.assets import PORTRAITS
from gagavatar_nodes.errors import FaceError, GagavatarError


def test_a_batch_gives_a_portrait_for_each_picture(run, photo):
    pair = torch.cat([photo, photo.flip(2)])
    portraits, crop, matte, overlay = run("TrackPortrait", image=pair, matting="none", size=256)
    assert len(portraits) == 2
    assert crop.shape == (2, 256, 256, 3)
    assert matte.shape == (2, 256, 256)
    assert overlay.shape == pair.shape
    assert not torch.equal(crop[0], crop[1])
    assert (overlay - pair).abs().max() > 0.5


def test_the_crop_shows_what_the_picture_shows(run, photo, portrait):
    crop = run("TrackPortrait", image=photo, matting="none")[1][0].numpy() * 255
    inside = portrait.alpha > 0.99
    assert np.abs(crop[inside] - portrait.crop[inside]).mean() < 2


@pytest.fixture(scope="session")
def person(photo, portrait):
    """MASK [1, 90, 90] of the person in the photo, a little wider than the truth."""
    height, width = photo.shape[1:3]
    matte = cv2.warpAffine(portrait.alpha, portrait.crop_to_picture, (width, height))
    small = cv2.resize(cv2.dilate(matte, np.ones((15, 15))), (90, 90), interpolation=cv2.INTER_AREA)
    return torch.from_numpy(small)[None]


def test_a_mask_of_another_size_becomes_the_matte(run, photo, person):
    matte = run("TrackPortrait", image=photo, mask=person)[2][0]
    assert matte[200:300, 200:300].min() == 1
    assert matte[:100, :100].max() == 0


def test_a_mask_that_is_white_where_there_is_nobody_is_inverted(run, photo, person, caplog):
    given, inverted = (run("TrackPortrait", image=photo, mask=mask)[2][0] for mask in (person, 1 - person))
    assert (given - inverted).abs().max() < 1e-3
    assert "leaves the face out and is taken the other way round" in caplog.text


def test_a_mask_that_leaves_the_face_out_is_refused(run, photo):
    mask = torch.zeros(1, 90, 90)
    mask[:, 60:, :45] = 1
    with pytest.raises(FaceError, match="The mask leaves the face out: give one that is white where the person is"):
        run("TrackPortrait", image=photo, mask=mask)


def test_an_empty_mask_is_ignored(run, photo, portrait):
    matte = run("TrackPortrait", image=photo, mask=torch.zeros(1, 64, 64), matting="guided")[2][0]
    assert np.array_equal(matte.numpy(), portrait.alpha)


def test_transparency_of_the_image_is_the_matte(run, photo, person):
    alpha = torch.nn.functional.interpolate(person[None], photo.shape[1:3], mode="bilinear")[0, ..., None]
    matte = run("TrackPortrait", image=torch.cat([photo, alpha], -1))[2][0]
    assert matte[:100, :100].max() == 0
    assert matte.max() == 1


def test_gray_pictures_are_tracked(run, photo):
    crop = run("TrackPortrait", image=photo.mean(-1, keepdim=True), matting="none")[1]
    assert torch.equal(crop[..., 0], crop[..., 2])


def test_a_picture_without_a_face_says_so(run):
    with pytest.raises(FaceError, match="No face was found"):
        run("TrackPortrait", image=torch.full((1, 96, 96, 3), 0.5))


def test_the_picture_of_a_batch_without_a_face_is_named(run, photo):
    with pytest.raises(FaceError, match="Picture 1 of the batch"):
        run("TrackPortrait", image=torch.cat([photo, torch.zeros_like(photo)]), matting="none")


def test_a_face_that_is_not_there_says_how_many_there_are(run, photo):
    with pytest.raises(FaceError, match="There is no face 3: 1 face was found"):
        run("TrackPortrait", image=photo, face=3)


@pytest.mark.parametrize("shape", [(96, 96, 3), (1, 96, 96, 2), (0, 96, 96, 3)])
def test_what_is_no_image_is_refused(run, shape):
    with pytest.raises(GagavatarError, match=r"'image' has the shape"):
        run("TrackPortrait", image=torch.zeros(shape))


def test_too_few_masks_are_refused(run, photo):
    with pytest.raises(GagavatarError, match="2 masks"):
        run("TrackPortrait", image=photo.repeat(3, 1, 1, 1), mask=torch.ones(2, 8, 8), matting="none")


def test_the_density_of_the_model_reaches_the_avatar(run, portrait, avatar):
    model = run("LoadAvatarModel", model="embedded", density=176)[0]
    assert len(run("LiftPortrait", portrait=portrait, model=model)[0]) > len(avatar)


@pytest.mark.parametrize("bundled", [name for name in PORTRAITS if name != "photo"])
def test_the_other_bundled_portraits_show_one_face_that_looks_ahead(run, bundled):
    tracked = run("TrackPortrait", image=run("ExampleInputs", person=bundled)[0])[0][0]
    assert tracked.alpha.mean() > 0.2
    turned = np.degrees(np.arccos(np.clip(tracked.pose.rotation[2, 2], -1, 1)))
    assert turned < 40
