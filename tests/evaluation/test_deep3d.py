"""Deep3DFaceRecon's alignment and its network's shapes, on drawn weights."""

import numpy as np
import pytest
from scipy.io import savemat

from gagavatar_nodes.errors import WeightsError
from gagavatar_nodes.evaluation import deep3d
from gagavatar_nodes.settings import Settings

MEAN = np.array([[-0.3, 0.3, 0.3], [0.3, 0.3, 0.3], [0, 0, 0.6], [-0.25, -0.35, 0.35], [0.25, -0.35, 0.35]])


@pytest.mark.parametrize(("scale", "x", "y"), [(150, 256, 256), (90, 300, 200)])
def test_aligned_face_has_the_mean_faces_size_and_place(scale, x, y):
    """A dot at each projected point comes to where the mean face has it: 102 pixels a unit about the middle."""
    points = MEAN[:, :2] * [scale, -scale] + [x, y]
    picture = np.zeros((512, 512, 3), np.uint8)
    for px, py in points.round().astype(int):
        picture[py - 2 : py + 3, px - 2 : px + 3] = 255
    face = deep3d.align(picture, points, MEAN)
    assert face.shape == (224, 224, 3)
    for px, py in MEAN[:, :2] * [102, -102] + 112:
        near = face[int(py) - 4 : int(py) + 5, int(px) - 4 : int(px) + 5]
        assert near.max() > 120, (px, py)


def test_missing_files_are_said(tmp_path, monkeypatch):
    monkeypatch.setenv("GAGAVATAR_WEIGHTS", str(tmp_path))
    with pytest.raises(WeightsError, match=r"place epoch_20.pth and similarity_Lm3D_all.mat in .*deep3d"):
        deep3d.load_deep3d(Settings())


def test_codes_are_the_published_parts_of_the_output(tmp_path, portrait):
    torch = pytest.importorskip("torch")
    folder = tmp_path / deep3d.FOLDER
    folder.mkdir()
    state = deep3d.make_network().state_dict()
    state = {name: torch.zeros_like(value) for name, value in state.items()}
    state["final_layers.1.bias"] += torch.arange(64.0)
    state["final_layers.3.bias"] += torch.tensor([0.1, 0.2, 0.3])
    torch.save({"net_recon": state}, folder / deep3d.WEIGHTS)
    lm = np.zeros((68, 3))
    lm[[36, 39]], lm[[42, 45]], lm[30], lm[48], lm[54] = MEAN
    savemat(folder / deep3d.LANDMARKS, {"lm": lm})
    codes = deep3d.load_deep3d(Settings(weights=tmp_path))(portrait.crop, portrait.landmarks)
    np.testing.assert_allclose(codes.expression, np.arange(64))
    np.testing.assert_allclose(codes.angles, [0.1, 0.2, 0.3], atol=1e-6)
