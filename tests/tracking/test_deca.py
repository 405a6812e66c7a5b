"""DECA's encoder and its cameras, on drawn and on planted weights."""

import numpy as np
import pytest
import torch

import films
from flame_standin import standin_flame
from gagavatar_nodes.errors import FileFormatError
from gagavatar_nodes.face.arkit_flame import eye_codes
from gagavatar_nodes.heads.flame import Flame
from gagavatar_nodes.tracking.emica.crops import face_rectangle
from gagavatar_nodes.tracking.emica.deca import PARTS, Deca, look_with_deca, with_deca_codes
from gagavatar_nodes.tracking.landmarks.face_model import INDICES
from gagavatar_nodes.tracking.landmarks.fit import flame_square
from gagavatar_nodes.tracking.sightings import Sightings
from gagavatar_nodes.tracking.video import track_video
from parity_recipe import relative_error
from resnet_twin import drawn_encoder, encode

CODES = sum(PARTS.values())


@pytest.fixture(scope="module")
def drawn():
    return drawn_encoder(CODES)


@pytest.fixture
def write(tmp_path):
    """Function (content) -> path of a checkpoint."""

    def save(content):
        torch.save(content, tmp_path / "deca_model.tar")
        return tmp_path / "deca_model.tar"

    return save


def tensors(state):
    return {name: torch.from_numpy(values) for name, values in state.items()}


def track(frames, fps, flame, deca, sightings=None, **how):
    """A video's motion with DECA's codes."""
    sightings = sightings or Sightings()
    look_with_deca(deca, sightings)
    return with_deca_codes(track_video(frames, fps, sightings=sightings, **how), sightings, flame)


def test_the_encoder_equals_its_float64_twin(drawn, write):
    faces = np.random.default_rng(3).random((2, 3, 96, 96), np.float32)
    codes = Deca(write({"E_flame": tensors(drawn), "E_detail": {}, "D_detail": {}})).encode(torch.from_numpy(faces))
    assert [codes[name].shape for name in PARTS] == [(2, size) for size in PARTS.values()]
    truth = encode(drawn, faces)
    assert relative_error(np.concatenate(list(codes.values()), 1), truth) < 1e-4
    assert np.abs(truth[0] - truth[1]).max() > 0.01


def test_other_files_are_named_and_nothing_of_them_is_run(drawn, write, tmp_path):
    class Planted:
        def __reduce__(self):
            return (tmp_path.joinpath("witness").touch, ())

    with pytest.raises(FileFormatError, match="refused and nothing of it was run"):
        Deca(write({"E_flame": Planted()}))
    assert not (tmp_path / "witness").exists()
    with pytest.raises(FileFormatError, match="has no 'E_flame'"):
        Deca(write({"state_dict": {}}))
    short = tensors(drawn) | {"layers.2.bias": torch.zeros(86)}
    with pytest.raises(FileFormatError, match=rf"layers\.2\.bias has shape \(86,\), not \({CODES},\)"):
        Deca(write({"E_flame": short}))


def test_a_video_gets_decas_codes_in_cameras_that_see_the_face_where_deca_does(drawn, write, driver_frames):
    rng = np.random.default_rng(5)
    planted = {
        "shape": 0.5 * rng.standard_normal(100), "texture": np.zeros(50), "expression": rng.standard_normal(50),
        "pose": np.array([0.15, -0.35, 0.1, 0.2, 0.02, 0.0]), "camera": np.array([7.5, 0.012, -0.02]),
        "light": np.zeros(27),
    }  # fmt: skip
    state = tensors(drawn) | {"layers.2.weight": torch.zeros(CODES, 1024)}
    state["layers.2.bias"] = torch.from_numpy(np.concatenate([planted[name] for name in PARTS]).astype(np.float32))
    flame, landmarks = Flame(standin_flame()), {}

    def seen(index, frame, points, bridged):
        if not bridged:
            landmarks[index] = points

    frames = [*driver_frames[:2], np.zeros_like(driver_frames[0]), driver_frames[3]]
    motion = track(frames, 24, flame, Deca(write({"E_flame": state})), smoothing=0, on_frame=seen)
    codes = motion.flame
    assert (motion.bridged, sorted(landmarks)) == ([2], [0, 1, 3])
    assert (codes.edition, codes.shape.shape, codes.expression.shape) == ("stand-in", (300,), (4, 100))
    np.testing.assert_allclose(codes.shape[:100], planted["shape"], atol=1e-5)
    np.testing.assert_allclose(codes.expression[:, :50], np.tile(planted["expression"], (4, 1)), atol=1e-5)
    assert not codes.shape[100:].any()
    assert not codes.expression[:, 50:].any()
    np.testing.assert_allclose(codes.jaw, np.tile(planted["pose"][3:], (4, 1)), atol=1e-5)
    np.testing.assert_allclose(codes.eyes, eye_codes(motion.arkit), atol=1e-6)

    shape, expression, jaw = (torch.from_numpy(part[None]) for part in (codes.shape, codes.expression[0], codes.jaw[0]))
    turned = flame(shape, expression, jaw, root=torch.tensor(planted["pose"][None, :3], dtype=torch.float32), scale=1.0)
    world = flame.landmarks(turned)[0, :68].numpy()
    scale, *shift = planted["camera"]
    plane = scale * (world[:, :2] + shift) * [1, -1]  # DECA's scaled orthographic camera, in its crop
    height, width = frames[0].shape[:2]
    center, half = flame_square(motion)
    rest = flame.landmarks(flame(shape, expression, jaw))[0, :68].numpy()
    for index, points in landmarks.items():
        left, top, edge = face_rectangle(points[list(INDICES[:68]), :2])
        theirs = [left + edge / 2, top + edge / 2] + plane * edge / 2
        view = rest @ codes.transform[index, :, :3] + codes.transform[index, :, 3]
        ours = (center - half * 12 * view[:, :2] / view[:, 2:]) * height + [width / 2, height / 2]
        assert np.linalg.norm((ours - theirs).mean(0)) < 0.01 * edge
        assert np.linalg.norm(ours - theirs, axis=1).max() < 0.05 * edge  # perspective


def test_what_deca_saw_is_kept_while_smoothing_changes_and_a_video_in_pieces_goes_on(drawn, write, driver_frames):
    flame, deca, looks = Flame(standin_flame()), Deca(write({"E_flame": tensors(drawn)})), []
    encode_ = deca.encode
    deca.encode = lambda faces: looks.append(1) or encode_(faces)
    frames = [*driver_frames[:3], np.zeros_like(driver_frames[0]), driver_frames[5]]
    whole = Sightings()
    rough = track(frames, 24, flame, deca, smoothing=0, sightings=whole)
    smooth = track(iter(()), 24, flame, deca, smoothing=0.8, sightings=whole)  # nobody looks at a frame again
    assert len(looks) == 4
    np.testing.assert_array_equal(smooth.flame.expression, rough.flame.expression)
    assert np.abs(smooth.deltas - rough.deltas).max() > 0
    begun = Sightings()
    track(frames[:2], 24, flame, deca, smoothing=0, sightings=begun)
    pieces = track(frames[2:], 24, flame, deca, smoothing=0, sightings=begun.to_be_continued())
    assert len(looks) == 8
    np.testing.assert_allclose(pieces.flame.expression, rough.flame.expression, atol=1e-5)
    seen_by_others = Sightings()
    track_video(frames, 24, sightings=seen_by_others)
    late = track(frames, 24, flame, deca, smoothing=0, sightings=seen_by_others)
    np.testing.assert_allclose(late.flame.jaw, rough.flame.jaw, atol=1e-5)


def test_a_head_keeps_its_size_and_place_over_a_cut(drawn, write):
    planted = np.zeros(CODES, np.float32)
    planted[[206, 207, 208]] = 8.0, 0.0, 0.0  # the camera
    state = tensors(drawn) | {"layers.2.weight": torch.zeros(CODES, 1024), "layers.2.bias": torch.from_numpy(planted)}
    flame = Flame(standin_flame())
    motion = track(films.jump_cut(0.45)[::6], 4, flame, Deca(write({"E_flame": state})), smoothing=0)
    place, distance = motion.flame.transform[:, :2, 3], motion.flame.transform[:, 2, 3]
    assert np.median(distance[6:]) == pytest.approx(np.median(distance[:6]), rel=0.1)
    assert np.abs(np.median(place[6:], axis=0) - np.median(place[:6], axis=0)).max() < 0.1
