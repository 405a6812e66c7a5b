"""What a user without one of the optional or clobbered packages is told."""

import sys

import numpy as np
import pytest

from gagavatar_nodes.errors import GagavatarError
from gagavatar_nodes.tracking import onnx_session
from gagavatar_nodes.tracking.faces import choose_face
from gagavatar_nodes.tracking.matting import matte_person
from gagavatar_nodes.tracking.onnx_session import session
from gagavatar_nodes.tracking.opencv import opencv


def test_a_missing_onnxruntime_is_named_with_its_remedy(monkeypatch):
    monkeypatch.setattr(onnx_session, "_sessions", {})
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(GagavatarError, match="pip install onnxruntime"):
        session("face_detection.onnx")


def test_a_missing_opencv_is_named_with_its_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(GagavatarError, match="pip install opencv-python-headless"):
        opencv()


def test_pymatting_is_asked_for_only_by_name(monkeypatch, example_portrait):
    monkeypatch.setitem(sys.modules, "pymatting", None)
    crop = np.ascontiguousarray(example_portrait[:512, 100:612])
    landmarks = choose_face(crop).points
    with pytest.raises(GagavatarError, match="pip install pymatting"):
        matte_person(crop, landmarks, "pymatting")
    first, second = matte_person(crop, landmarks), matte_person(crop, landmarks)
    np.testing.assert_array_equal(first, second)


def test_sessions_are_shared():
    assert session("face_landmarks.onnx") is session("face_landmarks.onnx")
