"""The compiled rasterizer against the reference, on scenes of all kinds."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from gagavatar_nodes.rendering import describe, native, rasterize
from gagavatar_nodes.types import Camera, Gaussians
from scenes import CAMERA, assert_same_image, scene

SCENES = {
    "usual": scene(),
    "huge splats": scene(60, seed=1, scales=(1.0, 8.0)),
    "sub-pixel splats": scene(4000, seed=2, scales=(1e-4, 3e-3)),
    "behind and around the camera": scene(1500, seed=3, spread=(8.0, 8.0, 16.0)),
    "off screen": scene(300, seed=4, scales=(0.01, 0.3), spread=(3.0, 0.1, 0.1)),
    "all off screen": Gaussians(**(vars(scene(50)) | {"means": np.full((50, 3), 30, np.float32)})),
    "empty": scene(0),
    "one Gaussian": scene(1, seed=6, scales=(0.2, 0.2), spread=(0.1, 0.1, 0.1)),
    "zero opacity": Gaussians(**(vars(scene(100)) | {"opacities": np.zeros(100, np.float32)})),
    "opacity of one": Gaussians(**(vars(scene(800)) | {"opacities": np.ones(800, np.float32)})),
    "points": Gaussians(**(vars(scene(500)) | {"covariances": np.zeros((500, 6), np.float32)})),
    "needles": scene(500, seed=7, scales=(1e-6, 1.0)),
    "negative variances": Gaussians(**(vars(scene(50)) | {"covariances": np.full((50, 6), -1, np.float32)})),
    "one depth": Gaussians(**(vars(scene(700)) | {"means": scene(700).means * np.float32([1, 1, 0])})),
}


@pytest.mark.parametrize("kind", SCENES)
def test_compiled_rasterizer_equals_the_reference(kind):
    gaussians = SCENES[kind]
    expected, expected_alpha = rasterize(gaussians, CAMERA, 96, 80, backend="torch")
    image, alpha = rasterize(gaussians, CAMERA, 96, 80, backend="native")
    assert_same_image(image, expected)
    assert_same_image(alpha, expected_alpha)


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5, 8, 15, 16, 17, 31, 32, 33, 48, 50, 64, 100])
def test_every_number_of_channels_is_drawn(channels):
    gaussians = scene(600, channels=channels, seed=channels)
    expected, _ = rasterize(gaussians, CAMERA, 70, 50, backend="torch")
    image, _ = rasterize(gaussians, CAMERA, 70, 50, backend="native")
    assert_same_image(image, expected)


@pytest.mark.parametrize(("width", "height"), [(1, 1), (16, 16), (17, 33), (200, 9), (5, 120), (640, 360)])
def test_every_shape_of_image_is_drawn(width, height):
    gaussians = scene(900, channels=7, seed=9)
    expected, expected_alpha = rasterize(gaussians, CAMERA, width, height, backend="torch")
    image, alpha = rasterize(gaussians, CAMERA, width, height, backend="native")
    assert_same_image(image, expected)
    assert_same_image(alpha, expected_alpha)


def test_images_wider_than_four_thousand_pixels_are_drawn():
    gaussians = scene(300, seed=10)
    camera = Camera(CAMERA.transform, focal=2.0)
    image, alpha = rasterize(gaussians, camera, 4400, 24, backend="native")
    expected, expected_alpha = rasterize(gaussians, camera, 4400, 24, backend="torch")
    assert alpha[:, 2100:2300].max() > 0.5
    assert_same_image(image, expected)
    assert_same_image(alpha, expected_alpha)


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
def test_result_does_not_depend_on_the_number_of_threads(threads):
    gaussians = scene(3000, channels=4, seed=11)
    expected, _ = rasterize(gaussians, CAMERA, 100, 90, backend="native", threads=1)
    image, _ = rasterize(gaussians, CAMERA, 100, 90, backend="native", threads=threads)
    np.testing.assert_array_equal(image, expected)


def test_splats_that_cover_everything_are_drawn_in_bands():
    """6,000 splats on each of 128 x 64 tiles, more pairs than are held at once; the same at every pixel."""
    g = np.random.default_rng(12)
    flat = np.tile(np.float32([1e4, 0, 0, 1e4, 0, 1e4]), (6000, 1))
    gaussians = Gaussians(
        np.zeros((6000, 3), np.float32), flat, np.full(6000, 0.3, np.float32), g.random((6000, 3), np.float32)
    )
    image, alpha = rasterize(gaussians, CAMERA, 2048, 1024, backend="native")
    weights = 0.3 * 0.7 ** np.arange(int(np.log(1e-4) / np.log(0.7)))
    np.testing.assert_allclose(alpha, weights.sum(), atol=1e-3)
    np.testing.assert_allclose(
        image, np.broadcast_to(weights @ gaussians.features[: len(weights)], image.shape), atol=2e-3
    )


def test_more_pairs_of_splats_and_tiles_than_anyone_waits_for_are_refused():
    """150,000 splats, each on all of 65,536 tiles."""
    count = 150_000
    flat = np.tile(np.float32([1e4, 0, 0, 1e4, 0, 1e4]), (count, 1))
    gaussians = Gaussians(
        np.zeros((count, 3), np.float32), flat, np.full(count, 0.9, np.float32), np.ones((count, 1), np.float32)
    )
    with pytest.raises(ValueError, match=r"150000 Gaussians at 4096x4096 .* use a smaller image, or smaller or fewer"):
        rasterize(gaussians, CAMERA, 4096, 4096, backend="native")


def test_concurrent_callers_do_not_disturb_each_other():
    scenes = [scene(1500, channels=c, seed=c) for c in (1, 3, 4, 16, 20, 32)]
    expected = [rasterize(g, CAMERA, 90, 70, backend="native", threads=1)[0] for g in scenes]
    with ThreadPoolExecutor(6) as pool:
        for _ in range(3):
            images = pool.map(lambda g: rasterize(g, CAMERA, 90, 70, backend="native", threads=2)[0], scenes)
            for image, truth in zip(images, expected, strict=True):
                np.testing.assert_array_equal(image, truth)


def test_number_of_threads_comes_from_the_environment(monkeypatch):
    monkeypatch.setenv("GAGAVATAR_THREADS", "3")
    assert native.default_threads() == 3
    assert describe()["native"]["threads"] == 3
    monkeypatch.setenv("GAGAVATAR_THREADS", "many")
    with pytest.raises(ValueError, match="'many'"):
        native.default_threads()
