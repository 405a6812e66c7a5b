"""Embeddings: the face is aligned as OpenCV's recognizer does it, and what is missing is said."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from gagavatar_nodes.errors import WeightsError
from gagavatar_nodes.evaluation.csim import cosine, embed_by_insight, load_sface
from gagavatar_nodes.evaluation.sights import Sight
from gagavatar_nodes.evaluation.variants import Instruments
from gagavatar_nodes.settings import Settings
from gagavatar_nodes.tracking.arcface import arcface_picture, five_points
from gagavatar_nodes.tracking.insight import load_insight
from gagavatar_nodes.tracking.recognition import SFACE, SFace


def drawn_sface(path: Path) -> Path:
    """A network of SFace's shapes: a convolution of stride 16, and what comes out as 128 numbers."""
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(0)
    weight = (rng.standard_normal((4, 3, 16, 16)) / 4000).astype(np.float32)
    project = (rng.standard_normal((196, 128)) / 14).astype(np.float32)
    nodes = [
        helper.make_node("Conv", ["data", "w"], ["c"], strides=[16, 16]),
        helper.make_node("Flatten", ["c"], ["f"]),
        helper.make_node("MatMul", ["f", "p"], ["fc1"]),
    ]
    graph = helper.make_graph(
        nodes, "sface", [helper.make_tensor_value_info("data", TensorProto.FLOAT, [1, 3, 112, 112])],
        [helper.make_tensor_value_info("fc1", TensorProto.FLOAT, [1, 128])],
        [numpy_helper.from_array(weight, "w"), numpy_helper.from_array(project, "p")],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=8)
    onnx.save(model, path)
    return path


def test_embedding_is_that_of_opencvs_own_recognizer(tmp_path, portrait):
    path = drawn_sface(tmp_path / SFACE)
    ours = SFace(Settings(weights=tmp_path))(portrait.crop, portrait.landmarks)
    recognizer = cv2.FaceRecognizerSF.create(str(path), "")
    bgr = np.ascontiguousarray(portrait.crop[..., ::-1])
    face = np.zeros((1, 15), np.float32)
    face[0, 4:14] = five_points(portrait.landmarks).ravel()
    theirs = recognizer.feature(recognizer.alignCrop(bgr, face)).ravel()
    assert np.linalg.norm(ours) == pytest.approx(1, abs=1e-5)
    assert float(ours @ theirs / np.linalg.norm(theirs)) > 0.9999


def test_aligned_face_is_the_same_however_the_picture_is_turned(portrait):
    size = portrait.size
    turn = cv2.getRotationMatrix2D((size / 2, size / 2), 25, 0.9)
    turned = cv2.warpAffine(portrait.crop, turn, (size, size))
    points = portrait.landmarks.copy()
    points[:, :2] = points[:, :2] @ turn[:, :2].T + turn[:, 2]
    faces = [arcface_picture(rgb, five_points(p)) for rgb, p in ((portrait.crop, portrait.landmarks), (turned, points))]
    assert np.abs(faces[0].astype(float) - faces[1]).mean() < 4


def test_missing_recognizers_say_how_to_get_them(tmp_path, monkeypatch):
    monkeypatch.setenv("GAGAVATAR_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(WeightsError, match=rf"gagavatar weights download {SFACE}"):
        load_sface(Settings())
    with pytest.raises(WeightsError, match="non-commercial research only"):
        load_insight(Settings())


def test_no_face_has_no_cosine(portrait):
    assert np.isnan(cosine(None, np.ones(3)))
    instruments = Instruments()
    instruments._made[load_insight] = type("Blind", (), {"get": lambda self, image: []})()
    assert embed_by_insight(Sight(portrait.crop, None, instruments)) is None
