import numpy as np
import pytest

from gagavatar_nodes.errors import FaceError
from gagavatar_nodes.tracking.detector import FaceDetector
from gagavatar_nodes.tracking.faces import choose_face, find_faces

LARGE, MIDDLE, SMALL = (420, 60, 100), (300, 700, 300), (200, 1150, 500)  # height, left, top in the room


def center_of(head):
    height, left, top = head
    return np.array([left + 0.40 * height, top + 0.62 * height])


def middle(face):
    return face.box.reshape(2, 2).mean(0)


def test_detector_boxes_the_face_and_marks_its_eyes(example_portrait):
    (face,) = FaceDetector().detect_whole(example_portrait)
    left_eye, right_eye, nose, mouth = face.keypoints[:4]
    assert face.score > 0.9
    np.testing.assert_allclose(left_eye, [317, 200], atol=15)
    np.testing.assert_allclose(right_eye, [410, 205], atol=15)
    assert left_eye[1] < nose[1] < mouth[1] < face.box[3]
    assert face.box[0] < left_eye[0] < right_eye[0] < face.box[2]


@pytest.mark.parametrize("share", [0.04, 0.06, 0.1, 0.3])
def test_faces_down_to_4_percent_of_the_height_are_found_anywhere(paste_face, share):
    face_height = share * 1000
    head_height = round(face_height / 0.5)  # brows to chin is half of the head with its hair
    for left, top in ((3, 5), (777, 391), (1500 - head_height, 1000 - head_height)):
        head = (head_height, left, top)
        (face,) = find_faces(paste_face(head))
        assert np.linalg.norm(middle(face) - center_of(head)) < 0.25 * head_height


def test_a_face_that_fills_the_picture_is_found(example_portrait):
    close_up = example_portrait[90:360, 250:480]
    (face,) = find_faces(np.ascontiguousarray(close_up))
    assert face.size > 0.7 * close_up.shape[0]


def test_several_faces_come_largest_first_and_each_once(paste_face):
    faces = find_faces(paste_face(SMALL, LARGE, MIDDLE), small=True)
    assert len(faces) == 3
    for face, head in zip(faces, (LARGE, MIDDLE, SMALL), strict=True):
        assert np.linalg.norm(middle(face) - center_of(head)) < 0.15 * head[0]


def test_a_face_is_chosen_by_size_index_or_point(paste_face):
    picture = paste_face(LARGE, MIDDLE, SMALL)
    for choice, head in ((None, LARGE), (0, LARGE), (1, MIDDLE), (2, SMALL), (tuple(center_of(SMALL)), SMALL)):
        assert np.linalg.norm(middle(choose_face(picture, choice)) - center_of(head)) < 0.15 * head[0]


def test_a_small_face_beside_a_large_one_is_found_by_its_point(paste_face):
    tiny = (100, 1200, 700)
    face = choose_face(paste_face(LARGE, tiny), tuple(center_of(tiny)))
    assert 30 < face.size < 90


def test_an_index_out_of_range_says_how_many_faces_there_are(paste_face):
    with pytest.raises(FaceError, match="no face 3: 2 faces were found, so choose 0 to 1"):
        choose_face(paste_face(LARGE, MIDDLE), 3)


def test_a_point_away_from_faces_names_where_they_are(paste_face):
    with pytest.raises(FaceError, match=r"no face at \(1400, 100\): 1 face was found, at \(2\d\d, 3\d\d\)"):
        choose_face(paste_face(LARGE), (1400.0, 100.0))


def test_a_picture_without_a_face_is_refused(empty_room):
    with pytest.raises(FaceError, match="No face was found"):
        choose_face(empty_room)
