from dataclasses import fields

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter1d

from flame_standin import standin_flame
from gagavatar_nodes.errors import GagavatarError
from gagavatar_nodes.face.pose import yaw_pitch_roll
from gagavatar_nodes.heads.flame import Flame
from gagavatar_nodes.tracking.crop import chain, inverse
from gagavatar_nodes.tracking.landmarks import (
    FlameOverlay,
    fit_landmarks,
    fit_motion,
    fit_shape,
    view_portrait,
)
from gagavatar_nodes.tracking.landmarks.face_model import INDICES, landmark_model, project
from gagavatar_nodes.tracking.landmarks.rotations import axis_angle_of, rotation_of
from gagavatar_nodes.tracking.landmarks.solver import solve_tied
from gagavatar_nodes.tracking.portrait import track_portrait
from gagavatar_nodes.tracking.video import track_video
from parity_recipe import synthetic_flame

SIZE, NOISE, FACING = 512, 0.5, np.diag([-1.0, 1.0, -1.0])


class Scene:
    """A person of random shape, moving at random, seen by random cameras with half a pixel of noise."""

    def __init__(self, flame, frames, smooth=0.0, seed=0, amount=1.0):
        rng = np.random.default_rng(seed)

        def moving(width, deviations):
            x = rng.standard_normal((frames, width))
            if smooth:
                x = gaussian_filter1d(x, smooth, axis=0, mode="wrap")
                x /= x.std()
            return amount * x * deviations

        self.flame, self.shape = flame, 0.5 * rng.standard_normal(300)
        self.expression, jaw, gaze = moving(100, 0.5), moving(3, [0.15, 0.03, 0.03]), moving(3, [0.1, 0.2, 0])
        self.joints = np.concatenate([jaw, gaze, gaze], 1)
        self.rotation = FACING @ rotation_of(moving(3, [0.2, 0.4, 0.1]))
        self.translation = moving(3, [0.05, 0.05, 0.3]) + np.array([0, 0, 9.6])
        view = self.heads(self.shape, self.expression, self.joints) @ self.rotation + self.translation[:, None]
        self.clean = pixels(view)
        self.landmarks = np.zeros((frames, 478, 3), np.float32)
        depth = (view[..., 2] - self.translation[:, None, 2]) * SIZE / 2 * 12 / self.translation[:, None, 2]
        self.landmarks[:, list(INDICES)] = np.concatenate([self.clean, depth[..., None]], -1)
        self.landmarks[:, list(INDICES)] += NOISE * rng.standard_normal((frames, 70, 3))

    def heads(self, shape, expression, joints):
        """[T, 70, 3] by the full model."""
        codes = [torch.as_tensor(np.asarray(a, np.float32)) for a in (shape[None], expression, joints)]
        with torch.no_grad():
            return self.flame.landmarks(self.flame(codes[0], codes[1], codes[2][:, :3], codes[2][:, 3:])).numpy()

    def reprojected(self, codes):
        """[T, 70, 2] pixels of fitted codes by the full model."""
        heads = self.heads(codes.shape, codes.expression, np.concatenate([codes.jaw, codes.eyes], 1))
        return pixels(heads @ codes.transform[:, :, :3] + codes.transform[:, None, :, 3])

    def errors(self, codes):
        """[T, 70] pixels from the true, noiseless landmarks."""
        return np.linalg.norm(self.reprojected(codes) - self.clean, axis=-1)

    def turned(self, codes):
        """[T, 3] axis-angle in degrees between the true and the fitted camera."""
        return np.degrees(axis_angle_of(self.rotation.swapaxes(-1, -2) @ codes.transform[:, :, :3]))


def pixels(view):
    return (SIZE - 1) / 2 + SIZE / 2 * project(view)


def jitter(points):
    return np.sqrt((np.diff(points, 2, axis=0) ** 2).sum(-1).mean())


@pytest.fixture(scope="module")
def flame():
    return Flame(synthetic_flame(0))


@pytest.fixture(scope="module")
def standin():
    return Flame(standin_flame())


def test_landmark_model_is_flame_and_its_derivatives_are_exact(flame):
    rng = np.random.default_rng(1)
    model, T = landmark_model(flame), 3
    codes, joints = 0.3 * rng.standard_normal((T, 400)), 0.3 * rng.standard_normal((T, 9))
    joints[0, :3] = 0
    R, t = FACING @ rotation_of(0.3 * rng.standard_normal((T, 3))), np.array([[0.1, -0.2, 9.6]] * T)
    scene = Scene(flame, 1)
    wanted = scene.heads(np.zeros(300), codes[:, 300:], joints)
    codes[:, :300] = 0
    np.testing.assert_allclose(model.points(codes, joints), wanted, atol=2e-6)
    points, J = model.linearize(codes, joints, R, t)
    np.testing.assert_allclose(points, model.project(codes, joints, R, t), atol=1e-12)
    for column in (0, 299, 300, 399, *range(400, 415)):
        step = np.zeros(415)
        step[column] = 1e-6

        def moved(d):
            return model.project(codes + d[:400], joints + d[400:409], R @ rotation_of(d[409:412]).T, t + d[412:])

        slope = (moved(step) - moved(-step)).reshape(T, -1) / 2e-6
        np.testing.assert_allclose(J[:, :, column], slope, atol=1e-8)


def test_tied_frames_are_solved_exactly():
    rng = np.random.default_rng(0)
    T, D = 5, 4
    blocks = rng.standard_normal((T, D, 7))
    link = rng.uniform(0.1, 1, (T - 1, D))
    H = blocks @ blocks.swapaxes(1, 2) + 2 * np.eye(D)
    g = rng.standard_normal((T, D))
    whole = np.zeros((T * D, T * D))
    for i in range(T):
        whole[i * D : (i + 1) * D, i * D : (i + 1) * D] = H[i]
    for i in range(T - 1):
        here, ahead = np.arange(i * D, (i + 1) * D), np.arange((i + 1) * D, (i + 2) * D)
        whole[here, ahead] = whole[ahead, here] = -link[i]
    np.testing.assert_allclose(solve_tied(H, link, g).ravel(), np.linalg.solve(whole, g.ravel()), rtol=1e-9)


def test_planted_faces_are_found_to_a_pixel_and_heads_to_a_degree(flame):
    scene = Scene(flame, 64)
    codes = fit_landmarks(flame, scene.landmarks, SIZE, shape=scene.shape, smoothing=0)
    assert scene.errors(codes).mean() < 1
    assert np.median(np.linalg.norm(scene.turned(codes), axis=1)) < 1
    assert np.abs(codes.transform[:, 2, 3] - scene.translation[:, 2]).mean() < 0.05
    assert np.corrcoef(codes.jaw[:, 0], scene.joints[:, 0])[0, 1] > 0.9


def test_shape_is_found_together_with_the_motion(flame):
    scene = Scene(flame, 120, smooth=12)
    codes = fit_landmarks(flame, scene.landmarks, SIZE)
    assert scene.errors(codes).mean() < 1
    turned = scene.turned(codes)
    assert np.median(np.linalg.norm(turned - turned.mean(0), axis=1)) < 1  # a random head has no front of its own
    found = fit_shape(flame, scene.landmarks, SIZE)
    np.testing.assert_array_equal(found, codes.shape)
    assert np.linalg.norm(found - scene.shape) < 0.85 * np.linalg.norm(scene.shape)  # 210 numbers show 300 codes


def test_a_still_face_stays_still(flame):
    scene = Scene(flame, 60, amount=0)
    codes = fit_landmarks(flame, scene.landmarks, SIZE, shape=scene.shape, smoothing=0.6)
    assert jitter(scene.reprojected(codes)) < 0.33 * jitter(scene.landmarks[:, list(INDICES), :2])


def test_a_sudden_movement_is_kept(flame):
    scene = Scene(flame, 30, amount=0)
    moved = Scene(flame, 30, seed=0)
    scene.clean[15:], scene.landmarks[15:] = moved.clean[20], moved.landmarks[20]
    codes = fit_landmarks(flame, scene.landmarks, SIZE, shape=scene.shape)
    assert scene.errors(codes)[14:16].mean() < 1.5


def test_outliers_do_not_pull_the_face(flame):
    scene = Scene(flame, 40, smooth=12)
    wrong = np.array(INDICES)[[20, 33, 50, 60]]
    scene.landmarks[:, wrong, :2] += 60
    codes = fit_landmarks(flame, scene.landmarks, SIZE, shape=scene.shape)
    others = ~np.isin(INDICES, wrong)
    assert scene.errors(codes)[:, others].mean() < 2.5


def test_unseen_frames_are_filled_in_from_their_neighbors(flame):
    scene = Scene(flame, 40, smooth=12)
    confidence = np.ones(40)
    confidence[[0, 1, 20, 21, 22, 39]] = 0
    scene.landmarks[confidence == 0] += 40
    codes = fit_landmarks(flame, scene.landmarks, SIZE, shape=scene.shape, confidence=confidence)
    errors = scene.errors(codes).mean(1)
    assert errors[confidence > 0].mean() < 1
    assert errors[[0, 21, 39]].max() < 10


def test_long_videos_have_no_seams(flame):
    scene = Scene(flame, 130, amount=0)
    whole = fit_landmarks(flame, scene.landmarks, SIZE, shape=scene.shape)
    changes = np.linalg.norm(np.diff(scene.reprojected(whole), axis=0), axis=-1).mean(1)
    assert changes[95] < np.percentile(changes, 95)
    start = fit_landmarks(flame, scene.landmarks[:112], SIZE, shape=scene.shape)
    np.testing.assert_allclose(whole.expression[:96], start.expression[:96], atol=1e-6)


def test_a_file_without_landmarks_is_refused(flame):
    asset = synthetic_flame(0) | {"lmk_embeddings": None}
    with pytest.raises(GagavatarError, match="landmark embedding"):
        fit_landmarks(Flame(asset), np.zeros((1, 478, 3)), SIZE)


def test_head_and_jaw_of_the_synthetic_driver_are_read(standin, driver_frames, driver_truth):
    """The stand-in has this driver's own head, so that the truth is known in its terms."""
    tracked = track_video(driver_frames, 24)
    motion = fit_motion(tracked, standin)
    for field in fields(motion):
        if field.name != "flame":
            assert getattr(motion, field.name) is getattr(tracked, field.name)
    codes = motion.flame
    assert codes.edition == "stand-in"
    shapes = [a.shape for a in (codes.shape, codes.expression, codes.jaw, codes.eyes, codes.transform)]
    assert shapes == [(300,), (72, 100), (72, 3), (72, 6), (72, 3, 4)]
    yaw, pitch, _ = yaw_pitch_roll(FACING @ codes.transform[:, :, :3].swapaxes(-1, -2)).T
    assert np.degrees(np.abs(yaw - driver_truth[:, 0])).mean() < 3
    assert np.corrcoef(yaw, driver_truth[:, 0])[0, 1] > 0.99
    assert np.corrcoef(pitch, driver_truth[:, 1])[0, 1] > 0.9
    assert np.corrcoef(codes.jaw[:, 0], driver_truth[:, 2])[0, 1] > 0.8
    assert 9 < np.median(codes.transform[:, 2, 3]) < 10.5


def test_the_overlay_lies_on_the_face(standin, driver_frames):
    landmarks = []
    tracked = track_video(driver_frames[:3], 24, smoothing=0, on_frame=lambda *seen: landmarks.append(seen[2]))
    motion = fit_motion(tracked, standin, smoothing=0)
    overlay = FlameOverlay(standin, motion)
    height, width = driver_frames[0].shape[:2]
    fitted = overlay.project(1)[1] * height + (np.array([width, height]) - 1) / 2
    assert np.linalg.norm(fitted - landmarks[1][list(INDICES), :2], axis=1)[17:].mean() < 2
    drawn = overlay(1, driver_frames[1])
    changed = np.abs(drawn.astype(int) - driver_frames[1]).max(-1) > 8
    x, y = landmarks[1][list(INDICES[17:68]), :2].round().astype(int).T
    assert changed[y, x].all()
    assert not changed[:, :10].any()


def test_a_portrait_is_seen_as_the_published_network_wants_it(standin, example_portrait):
    portrait = track_portrait(example_portrait)
    view = view_portrait(portrait, standin)
    assert view.image.shape == (512, 512, 3)
    assert view.image.dtype == np.uint8
    assert view.image[2, 2].max() == 0
    assert view.image[250:300, 230:280].min() > 60
    codes = view.codes
    scene = Scene(standin, 1)
    to_crop = chain(inverse(portrait.crop_to_picture), view.to_picture)
    seen = (portrait.landmarks[list(INDICES), :2] - to_crop[:, 2]) / to_crop[0, 0]
    assert np.linalg.norm(scene.reprojected(codes)[0] - seen, axis=-1)[17:].mean() < 1.5
    assert 9 < codes.transform[0, 2, 3] < 10.5
    assert np.abs(codes.transform[0, :2, 3]).max() < 0.3
