import pickle

import numpy as np
import pytest

from gagavatar_nodes.driving.motion_file import load_motion, save_motion
from gagavatar_nodes.errors import FileFormatError
from gagavatar_nodes.tracking.emica.results import flame_motion, read_results
from gagavatar_nodes.types import Camera, FlameCodes


def frame(rng, shape, number):
    transform = np.concatenate([np.diag([-1.0, 1, -1]), [[0.1], [0.05], [9 + number]]], 1)
    return {
        "bbox": rng.random(4).astype(np.float32),
        "shapecode": shape,
        "expcode": rng.standard_normal(100).astype(np.float32),
        "posecode": np.concatenate([np.zeros(3), rng.standard_normal(3)]).astype(np.float32),
        "eyecode": rng.standard_normal(6).astype(np.float32),
        "transform_matrix": transform.astype(np.float32),
    }


@pytest.fixture
def results():
    rng = np.random.default_rng(0)
    shape = rng.standard_normal(300).astype(np.float32)
    return {f"my_clip_{n}": frame(rng, shape, n) for n in (10, 9, 0, 1, 2)}


def write(path, value):
    path.write_bytes(pickle.dumps(value))
    return path


def test_frames_come_in_the_order_of_their_numbers(results, tmp_path):
    motion = read_results(write(tmp_path / "smoothed.pkl", results), fps=30)
    assert (len(motion), motion.fps, motion.flame.edition) == (5, 30, "2020")
    ordered = [results[f"my_clip_{n}"] for n in (0, 1, 2, 9, 10)]
    np.testing.assert_array_equal(motion.flame.expression, [f["expcode"] for f in ordered])
    np.testing.assert_array_equal(motion.flame.jaw, [f["posecode"][3:] for f in ordered])
    np.testing.assert_array_equal(motion.flame.eyes, [f["eyecode"] for f in ordered])
    np.testing.assert_array_equal(motion.flame.transform, [f["transform_matrix"] for f in ordered])
    np.testing.assert_array_equal(motion.flame.shape, ordered[0]["shapecode"])


def test_the_head_pose_comes_from_the_camera(results, tmp_path):
    motion = read_results(write(tmp_path / "optim.pkl", results))
    np.testing.assert_allclose(motion.rotation, np.broadcast_to(np.eye(3), (5, 3, 3)), atol=1e-6)
    np.testing.assert_allclose(motion.translation[0], [-2, 1, 0], atol=1e-5)  # view x points left; 0.05 units a cm
    np.testing.assert_allclose(motion.scale[0] / motion.scale[1], 10 / 9, rtol=1e-6)


def test_a_turned_head_has_the_angle_of_its_camera():
    yaw = 0.4  # to the image's right
    R = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    camera = Camera.frontal(9.0).transform.copy()
    camera[:, :3] = R.T @ camera[:, :3]
    codes = FlameCodes("2020", np.zeros(300), np.zeros((1, 100)), np.zeros((1, 3)), np.zeros((1, 6)), camera[None])
    np.testing.assert_allclose(flame_motion(codes, 25).rotation[0], R, atol=1e-6)


def test_results_become_a_motion_file_without_loss(results, tmp_path):
    motion = read_results(write(tmp_path / "optim.pkl", results))
    save_motion(motion, tmp_path / "clip.motion.safetensors")
    again = load_motion(tmp_path / "clip.motion.safetensors")
    for name in ("shape", "expression", "jaw", "eyes", "transform"):
        np.testing.assert_array_equal(getattr(again.flame, name), getattr(motion.flame, name))
    assert (again.flame.edition, again.source) == ("2020", "optim.pkl")


def test_several_videos_need_a_choice(results, tmp_path):
    two = {**results, "other_0": results["my_clip_0"]}
    path = write(tmp_path / "optim.pkl", two)
    with pytest.raises(FileFormatError, match="2 videos; choose one of them: my_clip, other"):
        read_results(path)
    assert len(read_results(path, video="other")) == 1


def test_damaged_results_are_named_with_their_frame(results, tmp_path):
    lacking = {k: dict(v) for k, v in results.items()}
    del lacking["my_clip_9"]["eyecode"]
    with pytest.raises(FileFormatError, match=r"optim\.pkl, frame my_clip_9 has no eyecode"):
        read_results(write(tmp_path / "optim.pkl", lacking))
    for wrong in (np.zeros(99, np.float32), np.full(100, np.nan, np.float32), "text"):
        bad = {**results, "my_clip_1": {**results["my_clip_1"], "expcode": wrong}}
        with pytest.raises(FileFormatError, match="frame my_clip_1: expcode is not 100 finite numbers"):
            read_results(write(tmp_path / "optim.pkl", bad))
    for other in ([1, 2], {}, {"a": 3}):
        with pytest.raises(FileFormatError, match="holds no tracked frames"):
            read_results(write(tmp_path / "optim.pkl", other))
