import numpy as np
import pytest
import torch

import films
from gagavatar_nodes.errors import FaceError, FileFormatError
from gagavatar_nodes.heads.flame import Flame
from gagavatar_nodes.lifting.gagavatar.image import prepare_image
from gagavatar_nodes.tracking.emica import archive, tracker
from gagavatar_nodes.tracking.emica.optimize import initial_camera
from gagavatar_nodes.tracking.faces import find_faces
from gagavatar_nodes.types import STRANGERS
from parity_recipe import synthetic_flame, tracker_state_dict


class HeadStub(torch.nn.Module):
    """A head in the middle of every picture that is not dark."""

    def forward(self, x: torch.Tensor):
        codes = torch.zeros(1, 1, 413)
        codes[0, 0, 403] = 1.0  # x axis
        codes[0, 0, 407] = -1.0  # y axis points up, the picture's down
        codes[0, 0, 409:411] = 320.0
        codes[0, 0, 412] = 1500.0
        return torch.tensor([[[200.0, 200.0, 440.0, 440.0]]]), (x[0, 0, 320, 320] > 0.1).float().reshape(1, 1, 1), codes


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tracker")
    for name in archive.REQUIRED:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()
    torch.jit.script(HeadStub()).save(str(folder / archive.VGGHEAD))
    weights = {archive.EMICA: "emica", archive.LANDMARKS: "landmark"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tracker, "_weights", lambda path: tracker_state_dict(weights["/".join(path.parts[-2:])]))
        patch.setattr(tracker, "Scrfd", lambda path: lambda picture: None)
        return tracker.EmicaTracker(folder, Flame(synthetic_flame(0)))


def clip(dark=()):
    frames = np.random.default_rng(0).integers(60, 256, (4, 300, 300, 3), np.uint8)
    frames[list(dark)] = 0
    return frames


def test_a_video_becomes_flame_codes_and_frames_without_a_head_are_filled_in(published):
    motion = published.track(clip(dark=[2]), fps=25, source="clip.mp4", steps=3)
    np.testing.assert_array_equal(motion.confidence, [1, 1, 0, 1])
    assert motion.bridged == [2]
    flame = motion.flame
    assert (flame.edition, flame.shape.shape, flame.expression.shape) == ("2020", (300,), (4, 100))
    np.testing.assert_allclose(flame.expression[2], (flame.expression[1] + flame.expression[3]) / 2, atol=1e-5)
    np.testing.assert_allclose(flame.jaw[2], (flame.jaw[1] + flame.jaw[3]) / 2, atol=1e-5)
    R = flame.transform[:, :, :3]
    np.testing.assert_allclose(R @ R.transpose(0, 2, 1), np.broadcast_to(np.eye(3), R.shape), atol=1e-4)
    assert np.isfinite(flame.transform).all()


def test_codes_of_one_person_share_the_mean_shape(published):
    crops = [published.crop(frame, published.find_head(frame))[0] for frame in clip()[:2]]
    seen = [published.observe(crop) for crop in crops]
    shape, _, _ = published.solve(seen, steps=1)
    np.testing.assert_allclose(shape, (seen[0].shape + seen[1].shape) / 2, atol=1e-6)
    shapes, codes, fit = published.solve(seen, one_person=False, steps=0)
    assert shapes.shape == (2, 300)
    flame = published._flame
    vertices = flame(codes.shape, codes.expression, codes.jaw)
    pixels = tracker.reproject(flame, [s.head for s in seen])[0]
    start = initial_camera(codes.global_pose, vertices, pixels).numpy()
    np.testing.assert_allclose(fit.transform, start, atol=1e-5)


def test_a_picture_gives_its_crop_and_the_codes_of_one_frame(published):
    picture = np.zeros((300, 400, 3), np.uint8)
    picture[..., 0] = 60 + np.arange(400) // 3  # red tells the column
    crop, alpha, (left, top, width, height), codes = published.track_picture(picture)
    assert (alpha == 1).all(), "there is no matting network"
    assert (left + width / 2, top + height / 2) == pytest.approx((200, 150), abs=1)
    assert (width, height) == pytest.approx((240 / 1.6 * 1.65,) * 2, abs=1)
    assert crop[256, 256, 0] * 255 == pytest.approx(60 + 200 / 3, abs=1)
    assert (codes.shape.shape, codes.expression.shape, codes.transform.shape) == ((300,), (1, 100), (1, 3, 4))
    with pytest.raises(FaceError, match="no face"):
        published.track_picture(np.zeros((300, 400, 3), np.uint8))


def test_the_network_is_shown_the_crop_as_published_without_rounding(published):
    """As published: cut, resized to 512 and to 518 with antialiasing, in floating-point numbers all the way."""
    picture = np.random.default_rng(5).integers(60, 256, (300, 400, 3), np.uint8)
    image, _, (left, top, width, height), _ = published.track_picture(picture)
    cut = torch.from_numpy(picture[top : top + height, left : left + width]).permute(2, 0, 1)[None].float()

    def resized(pictures, edge):
        return torch.nn.functional.interpolate(pictures, (edge, edge), mode="bilinear", antialias=True)

    wanted = resized(resized(cut, 512) / 255, 518)[0].numpy()
    np.testing.assert_allclose(prepare_image(image), wanted, atol=1e-6)
    rounded = prepare_image(np.round(image * 255).astype(np.uint8))
    assert np.abs(rounded - wanted).max() > 5e-4, "rounding would be seen"


def test_with_the_matting_network_heads_are_seen_on_black(published, monkeypatch):
    class HalfMatte:
        def alpha(self, picture):
            alpha = torch.zeros_like(picture[0])
            alpha[:, 200:] = 1
            return alpha

    monkeypatch.setattr(published, "_matte", HalfMatte())
    assert published.mattes
    seen, observe = [], published.observe
    monkeypatch.setattr(published, "observe", lambda crop: seen.append(crop) or observe(crop))
    image, alpha, *_ = published.track_picture(clip()[0])
    assert (alpha[:, :200] == 0).all()
    assert image[:, :200].max() == 0
    assert image[:, 200:].mean() > 100 / 255
    published.track(clip()[:2], fps=25, steps=1)
    assert [float(crop[:, :, :200].max()) for crop in seen] == [0.0] * 3


def test_a_video_without_a_head_is_an_error_that_names_it(published):
    with pytest.raises(FaceError, match=r"dark\.mp4 shows no face in any of its 4 frames"):
        published.track(clip(dark=range(4)), fps=25, source="dark.mp4")


def test_an_incomplete_folder_is_named(tmp_path):
    with pytest.raises(FileFormatError, match="lacks emica/EMICA"):
        tracker.EmicaTracker(tmp_path, Flame(synthetic_flame(0)))


def test_crops_of_training_data_get_codes_of_the_frames_in_which_a_head_is_found(published, monkeypatch):
    from gagavatar_nodes.training.preparation.codes import NetworkTracker

    monkeypatch.setattr(published, "solve", lambda seen: tracker.EmicaTracker.solve(published, seen, steps=2))
    of_clip = NetworkTracker(published, "2020")
    crops = np.random.default_rng(0).integers(60, 256, (3, 512, 512, 3), np.uint8)
    crops[1] = 0
    assert [of_clip.look(crop) for crop in crops] == [True, False, True]
    codes = of_clip.codes(None, np.array([0, 2]))
    assert (codes.edition, codes.shape.shape, codes.expression.shape) == ("2020", (300,), (2, 100))
    assert (codes.jaw.shape, codes.eyes.shape, codes.transform.shape) == ((2, 3), (2, 6), (2, 3, 4))
    assert np.isfinite(codes.transform).all()


def heads_of_faces(frame, near=None):
    """Box of the head around a picture's largest face, in the place of the detector's."""
    faces = find_faces(frame)
    if not faces:
        return None
    left, top, right, bottom = faces[0].box
    return np.array([left, top - 0.3 * (bottom - top), right, bottom], np.float32)


def followed(published, monkeypatch, frames):
    """The motion of a film, and each frame's crop; the networks see one and the same head wherever there is a face."""
    seen, rectangles = published.observe(published.crop(clip()[0], np.array([80.0, 80, 220, 220]))[0]), []
    monkeypatch.setattr(published, "find_head", heads_of_faces)
    monkeypatch.setattr(published, "observe", lambda crop: seen)
    motion = published.track(frames, fps=4, steps=1, on_frame=lambda _, rectangle: rectangles.append(rectangle))
    return motion, rectangles


def test_over_a_cut_the_crop_keeps_to_the_head(published, monkeypatch):
    frames = films.jump_cut(0.45)[::6]
    _, rectangles = followed(published, monkeypatch, frames)
    sizes = np.array([width for _, _, width, _ in rectangles], float)
    assert sizes[6:].mean() / sizes[:6].mean() == pytest.approx(0.45, abs=0.05)
    assert np.ptp(sizes[6:]) < 0.1 * sizes[6:].mean(), "at once"


def test_another_person_is_not_tracked_and_named(published, monkeypatch):
    film = films.cut_away(films.other())[::6]
    motion, rectangles = followed(published, monkeypatch, film)
    assert motion.bridged == [5, 6, 7, 8]
    assert [index for index, rectangle in enumerate(rectangles) if rectangle is None] == [5, 6, 7, 8]
    assert motion.extra[STRANGERS] == "5-8"
