import numpy as np
import pytest
import torch

from gagavatar_nodes.heads.flame import Flame, rotation_matrices
from gagavatar_nodes.tracking.emica import optimize
from gagavatar_nodes.tracking.emica.geometry import (
    project,
    rotation_from_6d,
    rotation_to_6d,
    smooth,
    suppress,
)
from parity_recipe import synthetic_flame

FRAMES = 3


class Scene:
    """Heads with planted eyes and cameras, their projections, and codes whose global pose is slightly wrong."""

    def __init__(self, flame):
        rng = np.random.default_rng(0)

        def normal(*shape, scale=1.0):
            return torch.from_numpy(scale * rng.standard_normal(shape)).float()

        shape, expression = normal(1, 300, scale=0.5), normal(FRAMES, 100, scale=0.5)
        jaw, pose = normal(FRAMES, 3, scale=0.1), normal(FRAMES, 3, scale=0.3)
        self.eyes = normal(FRAMES, 6, scale=0.05)
        mirrored = pose * torch.tensor([-1.0, 1.0, -1.0])
        self.R = torch.diag(torch.tensor([-1.0, 1.0, -1.0])) @ rotation_matrices(mirrored).mT
        self.t = torch.cat([normal(FRAMES, 2, scale=0.05), 9 + normal(FRAMES, 1, scale=0.3)], 1)
        self.codes = optimize.HeadCodes(shape, expression, jaw, pose + normal(FRAMES, 3, scale=0.02))
        vertices = flame(shape, expression, jaw, self.eyes)
        self.pixels = project(vertices, self.R, self.t)
        self.landmarks = project(flame.landmarks(vertices), self.R, self.t)

    def targets(self, part, detected=None):
        detected = self.landmarks if detected is None else detected
        return optimize.Targets(self.pixels[part], self.landmarks[part], detected[part])


def degrees_between(a, b):
    cosine = ((torch.as_tensor(a).mT @ torch.as_tensor(b)).diagonal(dim1=-2, dim2=-1).sum(-1) - 1) / 2
    return torch.rad2deg(torch.arccos(cosine.clamp(-1, 1))).numpy()


@pytest.fixture(scope="module")
def flame():
    return Flame(synthetic_flame(0))


@pytest.fixture(scope="module")
def scene(flame):
    return Scene(flame)


def test_planted_poses_are_recovered(flame, scene):
    trusted = scene.targets(slice(None)).select_trusted().numpy()
    assert trusted.all()
    fit = optimize.fit_cameras(flame, scene.codes, scene.targets, trusted)
    R, t = torch.from_numpy(fit.transform[:, :, :3]), torch.from_numpy(fit.transform[:, :, 3])
    assert degrees_between(R, scene.R).max() < 1  # the codes were up to 3 degrees wrong
    assert (t - scene.t).abs().max() < 0.02
    codes = scene.codes
    seen = project(flame(codes.shape, codes.expression, codes.jaw, torch.from_numpy(fit.eyes)), R, t)
    assert (seen - scene.pixels).norm(dim=-1).mean(1).max() < 1
    assert np.abs(fit.eyes - scene.eyes.numpy()).max() < np.abs(scene.eyes.numpy()).max() / 2


def test_the_first_guess_centers_the_head_at_the_published_distance(flame, scene):
    codes = scene.codes
    vertices = flame(codes.shape, codes.expression, codes.jaw)
    start = optimize.initial_camera(codes.global_pose, vertices, scene.pixels)
    assert degrees_between(start[:, :, :3], scene.R).max() < 4
    np.testing.assert_allclose(start[:, 2, 3], 5000 / 512 * 12 / 13, rtol=1e-6)
    seen = project(vertices, start[:, :, :3], start[:, :, 3])
    assert (seen.mean(1) - scene.pixels.mean(1)).norm(dim=-1).max() < 15


def test_frames_with_lost_landmarks_follow_the_mesh_alone(flame, scene):
    detected = scene.landmarks.clone()
    detected[1] += 40
    trusted = scene.targets(slice(None), detected).select_trusted().numpy()
    np.testing.assert_array_equal(trusted, [True, False, True])
    fit = optimize.fit_cameras(flame, scene.codes, lambda part: scene.targets(part, detected), trusted, steps=150)
    t = torch.from_numpy(fit.transform[:, :, 3])
    assert (t - scene.t)[:, :2].abs().max() < 0.02  # 40 pixels would be 0.12
    assert np.abs(fit.eyes[1]).max() < 0.25


def test_the_result_does_not_depend_on_how_frames_are_batched(flame, scene, monkeypatch):
    trusted = np.array([True, True, False])
    done = []
    together = optimize.fit_cameras(flame, scene.codes, scene.targets, trusted, steps=10)
    monkeypatch.setattr(optimize, "_CHUNK", 2)
    apart = optimize.fit_cameras(flame, scene.codes, scene.targets, trusted, steps=10, progress=done.append)
    np.testing.assert_allclose(apart.transform, together.transform, rtol=0, atol=1e-4)
    assert done == [2, 3]


def test_points_project_as_a_pinhole_camera_with_x_to_the_left():
    point, R = torch.tensor([[[0.2, 0.1, 0.0]]]), torch.diag(torch.tensor([-1.0, 1.0, -1.0]))[None]
    seen = project(point, R, torch.tensor([[0.0, 0.0, 9.0]]))[0, 0]
    np.testing.assert_allclose(seen, [256 + 256 * 12 * 0.2 / 9, 256 - 256 * 12 * 0.1 / 9], rtol=1e-6)


def test_6d_rotations_round_trip_and_are_orthonormalized():
    R = rotation_matrices(torch.from_numpy(np.random.default_rng(3).standard_normal((5, 3))))
    torch.testing.assert_close(rotation_from_6d(rotation_to_6d(R)), R)
    rough = rotation_from_6d(torch.from_numpy(np.random.default_rng(4).standard_normal((5, 6))))
    torch.testing.assert_close(rough @ rough.mT, torch.eye(3, dtype=rough.dtype).expand(5, 3, 3))
    torch.testing.assert_close(torch.linalg.det(rough), torch.ones(5, dtype=rough.dtype))


def test_smoothing_keeps_still_frames_and_halves_jitter(scene):
    np.testing.assert_allclose(smooth(np.array([[0.0], [1.0], [1.0]]), 0.6), [[0], [0.6], [0.84]])
    camera = torch.cat([scene.R, scene.t[..., None]], -1)[:1].numpy()
    still = optimize.CameraFit(np.ones((9, 6), np.float32), np.repeat(camera, 9, 0))
    np.testing.assert_allclose(optimize.smooth_fit(still).transform, still.transform, atol=1e-6)
    noise = np.random.default_rng(0).standard_normal(still.transform.shape)
    jitter = still.transform + (0.01 * noise).astype(np.float32)
    smoothed = optimize.smooth_fit(optimize.CameraFit(still.eyes, jitter)).transform
    assert np.diff(smoothed, 2, axis=0).std() < 0.6 * np.diff(jitter, 2, axis=0).std()
    R = smoothed[:, :, :3]
    np.testing.assert_allclose(R @ R.transpose(0, 2, 1), np.broadcast_to(np.eye(3), R.shape), atol=1e-5)


def test_suppression_keeps_the_best_of_overlapping_boxes():
    boxes = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [20, 0, 30, 10], [0, 0, 10, 4]], float)
    np.testing.assert_array_equal(suppress(boxes, np.array([0.6, 0.9, 0.7, 0.8]), 0.5), [1, 3, 2])
