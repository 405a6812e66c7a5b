"""Every number of the published network's forward pass, whole chain and neural renderer alone."""

from __future__ import annotations

import numpy as np
import pytest

import gagavatar_recipe as recipe
from gagavatar_nodes.lifting.gagavatar import refine, trace
from parity_recipe import relative_error

NETWORK, IMAGE = 1e-4, 1e-3

SAMPLES = {
    "plane_points": np.s_[::997],
    "plane_dir": np.s_[:],
    "direction_encoding": np.s_[:],
    "backbone_local": np.s_[:, ::16, ::16],
    "backbone_global": np.s_[:],
    "view_matrix": np.s_[:],
    "proj_matrix": np.s_[:],
    "raster": np.s_[:, 4::8, 4::8],
    "alpha": np.s_[4::8, 4::8],
    "refined": np.s_[:, 2::4, 2::4],
}
GAUSSIANS = ("gs_colors", "gs_opacities", "gs_scales", "gs_rotations", "gs_xyz")


@pytest.fixture(scope="module", params=[0, 1])
def traced(request, state_dict):
    seed = request.param
    weights = state_dict if seed == 0 else recipe.published_state_dict(seed)
    with np.load(recipe.DATA / f"case{seed}.npz") as truth:
        return trace(weights, **recipe.case_inputs(seed)), dict(truth)


def test_every_published_number_is_reproduced(traced):
    results, truth = traced
    for name, sample in SAMPLES.items():
        tolerance = IMAGE if name in ("raster", "alpha", "refined") else NETWORK
        assert relative_error(results[name][sample], truth[name]) < tolerance, name
    for name in GAUSSIANS:
        assert relative_error(results[name][truth["index"]], truth[name]) < NETWORK, name


def test_the_trace_holds_whole_arrays(traced):
    results, truth = traced
    shapes = {
        "plane_points": (87616, 3), "plane_dir": (3,), "direction_encoding": (27,), "backbone_local": (256, 296, 296),
        "backbone_global": (768,), "gs_colors": (180255, 32), "gs_opacities": (180255, 1), "gs_scales": (180255, 3),
        "gs_rotations": (180255, 4), "gs_xyz": (180255, 3), "view_matrix": (4, 4), "proj_matrix": (4, 4),
        "raster": (32, 512, 512), "alpha": (512, 512), "refined": (3, 512, 512),
    }  # fmt: skip
    assert {name: value.shape for name, value in results.items()} == shapes
    assert {value.dtype for value in results.values()} == {np.dtype(np.float32)}
    assert set(results) == set(truth) - {"seed", "salt", "index", "source_camera", "target_camera"}


def test_the_neural_renderer_alone_is_reproduced(state_dict, rendered):
    with np.load(recipe.DATA / "refiner0.npz") as truth:
        assert relative_error(refine(state_dict, rendered)[0][:, 1::3, 1::3], truth["refined"]) < NETWORK


def test_inputs_of_another_shape_are_named(state_dict, case):
    with pytest.raises(ValueError, match=r"Got image \[3, 512, 512\] but expected \[3, 518, 518\]"):
        trace(state_dict, **{**case, "image": case["image"][:, :512, :512]})
