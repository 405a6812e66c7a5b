"""A person known from a picture, by a stand-in network that OpenCV's real file would take the place of."""

from dataclasses import replace
from functools import partial

import cv2
import numpy as np
import pytest

from gagavatar_nodes import assets, pipeline
from gagavatar_nodes.errors import FaceError
from gagavatar_nodes.media.images import read_image, write_image
from gagavatar_nodes.settings import Settings
from gagavatar_nodes.tracking.arcface import arcface_picture, five_points
from gagavatar_nodes.tracking.detector import FaceDetector
from gagavatar_nodes.tracking.faces import choose_face, find_faces
from gagavatar_nodes.tracking.insight import detect_faces
from gagavatar_nodes.tracking.recognition import SFACE
from gagavatar_nodes.tracking.reference import PersonTracker, read_reference
from gagavatar_nodes.tracking.video import track_video
from gagavatar_nodes.tracking.video_tracker import VideoTracker

PEOPLE = ("photo", "admiral", "pocahontas")
CELL = 16


@pytest.fixture(scope="module")
def pictures():
    """Name -> picture [H, W, 3] uint8 of one person."""
    return {name: read_image(assets.path(assets.PORTRAITS[name])).rgb for name in PEOPLE}


@pytest.fixture(scope="module")
def heads(pictures):
    """Name -> the square around a person's head, 300 pixels."""
    cut = {}
    for name, picture in pictures.items():
        left, top, right, bottom = choose_face(picture).box
        x, y, half = (left + right) / 2, (top + bottom) / 2, 0.9 * max(right - left, bottom - top)
        x0, y0, x1, y1 = (round(v) for v in (max(0, x - half), max(0, y - half), x + half, y + half))
        cut[name] = cv2.resize(picture[y0:y1, x0:x1], (300, 300), interpolation=cv2.INTER_AREA)
    return cut


@pytest.fixture(scope="module")
def settings(pictures, tmp_path_factory):
    """A weights folder with a network that compares the light and dark of faces, less what all have in common."""
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper, numpy_helper

    faces = [arcface_picture(rgb, five_points(choose_face(rgb).points)).astype(np.float32) for rgb in pictures.values()]
    cells = [f.reshape(112 // CELL, CELL, 112 // CELL, CELL, 3).mean((1, 3)).transpose(2, 0, 1).ravel() for f in faces]
    usual = np.mean(cells, 0, keepdims=True).astype(np.float32)
    nodes = [
        helper.make_node("AveragePool", ["data"], ["p"], kernel_shape=[CELL, CELL], strides=[CELL, CELL]),
        helper.make_node("Flatten", ["p"], ["f"]),
        helper.make_node("Sub", ["f", "usual"], ["fc1"]),
    ]
    graph = helper.make_graph(
        nodes, "sface", [helper.make_tensor_value_info("data", TensorProto.FLOAT, [1, 3, 112, 112])],
        [helper.make_tensor_value_info("fc1", TensorProto.FLOAT, [1, usual.size])],
        [numpy_helper.from_array(usual, "usual")],
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("weights")
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=8), folder / SFACE)
    return Settings(weights=folder)


def scene(heads, *placed):
    """[480, 960, 3] heads on gray, each (name, left, top, edge)."""
    picture = np.full((480, 960, 3), 120, np.uint8)
    for name, left, top, edge in placed:
        picture[top : top + edge, left : left + edge] = cv2.resize(heads[name], (edge, edge))
    return picture


@pytest.mark.parametrize("name", ["photo", "pocahontas"])
def test_the_person_of_a_picture_is_chosen_in_a_group(heads, pictures, settings, tmp_path, name):
    write_image(tmp_path / "me.png", pictures[name])
    group = (("admiral", 20, 60, 300), ("photo", 400, 100, 200), ("pocahontas", 700, 140, 220))
    write_image(tmp_path / "group.png", scene(heads, *group))
    portrait = pipeline.read_portrait(tmp_path / "group.png", tmp_path / "me.png", settings=settings)
    center = portrait.crop_to_picture @ [portrait.size / 2, portrait.size / 2, 1]
    left, top, edge = next(place for who, *place in group if who == name)
    assert np.linalg.norm(center - [left + edge / 2, top + edge / 2]) < 0.3 * edge
    largest = pipeline.read_portrait(tmp_path / "group.png")
    assert (largest.crop_to_picture @ [largest.size / 2, largest.size / 2, 1])[0] < 320


def test_who_is_not_there_is_not_replaced_by_another(heads, pictures, settings, tmp_path):
    write_image(tmp_path / "me.png", pictures["photo"])
    write_image(tmp_path / "others.png", scene(heads, ("admiral", 20, 60, 300), ("pocahontas", 600, 100, 220)))
    with pytest.raises(FaceError, match=r"that of the person in me\.png: 2 faces were found"):
        pipeline.read_portrait(tmp_path / "others.png", str(tmp_path / "me.png"), settings=settings)
    reference = read_reference(tmp_path / "me.png", settings)
    film = [scene(heads, ("admiral", 20 + 3 * i, 60, 300)) for i in range(4)]
    with pytest.raises(FaceError, match=r"the person of me\.png was not recognized in any of the 4 frames"):
        track_video(film, 25, face=reference)


def test_a_person_is_followed_across_cuts_and_no_other_is_taken_for_them(heads, pictures, settings, tmp_path):
    write_image(tmp_path / "me.png", pictures["photo"])
    reference = read_reference(tmp_path / "me.png", settings)
    shots = [
        [(("admiral", 30 + 2 * i, 60, 300), ("photo", 600 - 3 * i, 100, 220)) for i in range(12)],
        [(("admiral", 580, 80, 280), ("photo", 60 + 2 * i, 120, 200)) for i in range(12)],  # they change places
        [(("admiral", 60, 60, 300),) for _ in range(20)],  # one is gone
        [(("photo", 300 + i, 60, 320), ("pocahontas", 700, 100, 200)) for i in range(12)],
    ]
    tracker, plain, right, others, missed = PersonTracker(25, 0.0, reference), VideoTracker(25, 0.0), 0, 0, 0
    for placed in (frame for shot in shots for frame in shot):
        picture = scene(heads, *placed)
        found, largest = tracker.feed(picture), plain.feed(picture)
        place = next((where for who, *where in placed if who == "photo"), None)
        if place is None:
            assert found is None
        elif found is None:
            missed += 1
        else:
            left, top, edge = place
            assert np.linalg.norm(found.points[:, :2].mean(0) - [left + edge / 2, top + edge / 2]) < 0.3 * edge
            right += 1
        others += largest is not None and place is not None and abs(largest.points[:, 0].mean() - place[0]) > place[2]
    assert right >= 34
    assert missed <= 2
    assert others >= 12, "without the reference another one is followed"


class Scrfd:
    """What insightface's FaceAnalysis gives of detections: boxes from the forehead down, five points."""

    def __init__(self, faces):
        self.faces, self.det_model, self.asked = faces, self, 0

    def detect(self, picture, max_num):
        self.asked += 1
        boxes = [np.append(face.box - [0, 0.25 * np.ptp(face.box[1::2]), 0, 0], 0.9) for face in self.faces]
        return np.reshape(boxes, (-1, 5)), np.reshape([five_points(face.points) for face in self.faces], (-1, 5, 2))


def test_the_detector_of_insightface_is_asked_first_and_the_bundled_one_where_it_fails(
    heads, pictures, settings, tmp_path, monkeypatch
):
    write_image(tmp_path / "me.png", pictures["photo"])
    picture = scene(heads, ("admiral", 20, 60, 300), ("photo", 500, 100, 220))
    theirs, mine = find_faces(picture, small=True)
    reference = read_reference(tmp_path / "me.png", settings)
    for seen in ([mine], [theirs, mine], [theirs], []):
        analysis = Scrfd(seen)
        found, _ = replace(reference, detect=partial(detect_faces, analysis)).search(picture)
        assert np.abs(found.box - mine.box).max() < 0.1 * mine.size
        assert analysis.asked == 1
    monkeypatch.setattr(FaceDetector, "detect_tiles", lambda *_: pytest.fail("the bundled detector was asked"))
    only = replace(reference, detect=partial(detect_faces, Scrfd([mine])))
    assert np.abs(choose_face(picture, only).box - mine.box).max() < 0.1 * mine.size


def test_without_a_download_the_bundled_network_knows_the_person(heads, pictures, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    write_image(tmp_path / "me.png", pictures["photo"])
    group = (("admiral", 20, 60, 300), ("photo", 400, 100, 200), ("pocahontas", 700, 140, 220))
    write_image(tmp_path / "group.png", scene(heads, *group))
    portrait = pipeline.read_portrait(tmp_path / "group.png", tmp_path / "me.png", settings=Settings(weights=tmp_path))
    center = portrait.crop_to_picture @ [portrait.size / 2, portrait.size / 2, 1]
    assert np.linalg.norm(center - [500, 200]) < 60
    write_image(tmp_path / "others.png", scene(heads, ("admiral", 20, 60, 300), ("pocahontas", 600, 100, 220)))
    with pytest.raises(FaceError, match=r"that of the person in me\.png: 2 faces were found"):
        pipeline.read_portrait(tmp_path / "others.png", tmp_path / "me.png", settings=Settings(weights=tmp_path))


def test_a_broken_network_is_named(pictures, tmp_path, gagavatar):
    write_image(tmp_path / "me.png", pictures["photo"])
    (tmp_path / SFACE).write_bytes(b"version https://git-lfs.github.com/spec/v1")
    left = gagavatar(
        "lift", tmp_path / "me.png", "-o", tmp_path / "me.safetensors", "--face", tmp_path / "me.png",
        "--weights", tmp_path,
    )  # fmt: skip
    assert left.code == 1
    assert SFACE in left.err
    assert "Traceback" not in left.err
