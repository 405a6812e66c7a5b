"""The bundled network of face recognition."""

from pathlib import Path

import numpy as np
import pytest

from gagavatar_nodes import assets
from gagavatar_nodes.media.images import read_image
from gagavatar_nodes.tracking.faces import choose_face
from gagavatar_nodes.tracking.onnx_session import session
from gagavatar_nodes.tracking.recognition import dlib_picture

DLIB = Path(__file__).parents[1] / "data" / "dlib_embeddings.npz"
"""What dlib 20.0.1 gives with its own file, in 32 bits, of the same faces. Other people are 0.6 and more apart."""


@pytest.fixture(scope="module")
def pairs():
    """Name -> our embedding and dlib's, [128] each."""
    both = {}
    with np.load(DLIB) as dlib:
        for name, file in assets.PORTRAITS.items():
            image = read_image(assets.path(file)).rgb
            face = dlib_picture(image, choose_face(image).points)
            both[name] = session("face_recognition.onnx.xz").run(None, {"face": face})[0][0], dlib[name]
    return both


def test_faces_lie_to_each_other_as_dlib_has_them(pairs):
    ours, theirs = (np.stack(one) for one in zip(*pairs.values(), strict=True))
    shift = (theirs - ours).mean(0)  # the usual face, which is taken off
    assert np.linalg.norm(ours + shift - theirs, axis=1).max() < 0.2
