import numpy as np
import pytest
import torch
from torch import nn

from gagavatar_nodes.tracking.emica.landmarks98 import TO_70, Landmarks98, detect
from parity_recipe import DATA, relative_error, tracker_state_dict


@pytest.fixture(scope="module")
def state_dict():
    return tracker_state_dict("landmark")


def test_landmarks_equal_the_published_code(state_dict):
    crop = np.random.default_rng(300).standard_normal((1, 3, 256, 256), np.float32)
    with np.load(DATA / "landmark0.npz") as case:
        assert relative_error(detect(state_dict, crop), case["landmarks98"]) < 1e-4


def test_names_and_shapes_are_the_published_ones(state_dict):
    with torch.device("meta"):
        ours = Landmarks98().state_dict()
    assert {k: v.shape for k, v in ours.items()} == {k: v.shape for k, v in state_dict.items()}


def test_planted_heatmap_peaks_are_found_to_a_fraction_of_a_cell():
    rng = np.random.default_rng(0)
    truth = rng.uniform(3, 60, (98, 2))
    y, x = np.mgrid[:64, :64]
    squared = (x - truth[:, :1, None]) ** 2 + (y - truth[:, 1:, None]) ** 2
    heatmaps = np.concatenate([100 * rng.random((98, 64, 64)), -squared])[None]  # the first half must not matter
    head = Landmarks98().heatmap_head
    head.head.layers = nn.Identity()
    found = head(torch.from_numpy(heatmaps)).numpy()[0] / 4
    assert np.abs(found - truth).max() < 0.12


def test_the_70_landmarks_are_in_the_ibug_order():
    assert len(TO_70) == 70
    assert TO_70[:17] == tuple(range(0, 33, 2))  # every second point of the outline
    assert TO_70[27:36] == tuple(range(51, 60))  # nose
    assert TO_70[36] == 60  # outer corners of the eyes
    assert TO_70[45] == 72
    assert TO_70[48:] == tuple(range(76, 98))  # mouth, then the pupils
