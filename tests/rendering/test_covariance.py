import numpy as np
from scipy.spatial.transform import Rotation

from gagavatar_nodes.rendering.covariance import covariances_from_quaternions, quaternions_from_covariances

UPPER = np.triu_indices(3)


def random_shapes(count: int = 200) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    g = np.random.default_rng(3)
    rotations = Rotation.random(count, random_state=3)
    scales = np.exp(g.uniform(-7, 0, (count, 3)))
    R = rotations.as_matrix()
    return rotations.as_quat()[:, [3, 0, 1, 2]], scales, (R * scales[:, None] ** 2) @ R.transpose(0, 2, 1)


def test_unit_quaternions_turn_the_axes():
    quaternions, scales, truth = random_shapes()
    got = covariances_from_quaternions(quaternions, scales)
    np.testing.assert_allclose(got, truth[:, UPPER[0], UPPER[1]], atol=1e-14)


def test_quaternions_are_not_normalized():
    """Twice a half turn about z: 1 - 2 * 2^2 = -7 on x and y."""
    got = covariances_from_quaternions(np.array([[0.0, 0, 0, 2]]), np.ones((1, 3)))
    np.testing.assert_allclose(got, [[49, 0, 0, 49, 0, 1]])


def test_tensors_give_the_same_as_arrays():
    import torch

    quaternions, scales, _ = random_shapes()
    got = covariances_from_quaternions(torch.from_numpy(quaternions), torch.from_numpy(scales))
    np.testing.assert_allclose(got.numpy(), covariances_from_quaternions(quaternions, scales), atol=1e-15)


def test_decomposition_gives_the_covariances_back():
    quaternions, scales, _ = random_shapes()
    covariances = covariances_from_quaternions(quaternions, scales)
    got_quaternions, got_scales = quaternions_from_covariances(covariances)
    np.testing.assert_allclose(np.linalg.norm(got_quaternions, axis=1), 1, atol=1e-6)
    assert (got_quaternions[:, 0] >= 0).all()
    again = covariances_from_quaternions(got_quaternions.astype(np.float64), got_scales)
    np.testing.assert_allclose(again, covariances, atol=1e-6)
    np.testing.assert_allclose(got_scales, np.sort(scales, axis=1), rtol=1e-3)


def test_decomposition_of_raw_quaternions_and_flat_shapes_holds():
    g = np.random.default_rng(4)
    scales = g.uniform(0, 0.1, (50, 3)) * [1, 1, 0]
    covariances = covariances_from_quaternions(g.standard_normal((50, 4)), scales)
    quaternions, got_scales = quaternions_from_covariances(covariances)
    assert np.isfinite(quaternions).all()
    again = covariances_from_quaternions(quaternions.astype(np.float64), got_scales)
    np.testing.assert_allclose(again, covariances, atol=1e-5 * covariances.max())
