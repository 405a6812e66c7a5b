import cv2
import numpy as np

from gagavatar_nodes.face.topology import CHIN, IRISES
from gagavatar_nodes.tracking.face_mesh import FaceLandmarker, Region, region_of_landmarks
from gagavatar_nodes.tracking.faces import choose_face


def moved(image, linear, shift):
    matrix = np.column_stack([linear, shift])
    return cv2.warpAffine(image, matrix, image.shape[1::-1], flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def test_region_maps_its_middle_and_its_turned_corners_into_the_picture():
    to_picture = Region(np.array([100.0, 50.0]), 96.0, np.pi / 2).to_picture()
    np.testing.assert_allclose(to_picture @ [96, 96, 1], [100, 50], atol=1e-9)
    np.testing.assert_allclose(to_picture @ [192, 96, 1], [100, 98], atol=1e-9)


def test_landmarks_lie_on_irises_and_chin(example_portrait):
    face = choose_face(example_portrait)
    assert face.score > 0.99
    np.testing.assert_allclose(face.points[IRISES[0].start, :2], [323, 201], atol=6)
    np.testing.assert_allclose(face.points[IRISES[1].start, :2], [416, 205], atol=6)
    np.testing.assert_allclose(face.points[CHIN, :2], [362, 355], atol=12)


def test_landmarks_turn_with_the_picture(example_portrait):
    angle = np.radians(25)
    linear = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    shift = np.array([360.0, 300.0]) - linear @ [360, 250]
    upright = choose_face(example_portrait).points[:, :2]
    turned = choose_face(moved(example_portrait, linear, shift)).points[:, :2]
    error = np.linalg.norm(turned - (upright @ linear.T + shift), axis=1)
    assert error.mean() < 2.0  # pixels, of a face of 220


def test_a_large_face_is_sampled_without_aliasing(example_portrait):
    face = choose_face(example_portrait)
    large = cv2.resize(example_portrait, None, fx=5, fy=5, interpolation=cv2.INTER_LINEAR)
    checker = np.indices(large.shape[:2]).sum(0) % 2 * 60 - 30  # unseen once averaged, ruinous when pixels are skipped
    large = np.clip(large + checker[..., None], 0, 255).astype(np.uint8)
    start = region_of_landmarks(face)
    found = FaceLandmarker().detect(large, Region(start.center * 5 + 2, start.edge * 5, start.angle))
    expected = FaceLandmarker().detect(example_portrait, start)
    error = np.linalg.norm((found.points[:, :2] - 2) / 5 - expected.points[:, :2], axis=1)
    assert error.mean() < 0.7


def test_a_region_without_a_face_scores_low(empty_room):
    assert FaceLandmarker().detect(empty_room, Region(np.array([750.0, 500.0]), 300.0, 0.0)).score < 0.3
