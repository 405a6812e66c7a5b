"""ARKit weights: the basis on landmarks, the fit, and what they do to eyes and mouth."""

import numpy as np
import pytest

from gagavatar_nodes.errors import GagavatarError
from gagavatar_nodes.face import arkit
from gagavatar_nodes.face.arkit import (
    arkit_basis,
    arkit_deltas,
    arkit_weights,
    bundled_neutral,
    fit_arkit,
    gaze_of,
    part_lids,
)
from gagavatar_nodes.face.topology import (
    CHIN,
    EYE_RINGS,
    LEFT_IRIS,
    LOWER_LIP,
    MOUTH_CORNERS,
    RIGHT_IRIS,
    UPPER_LIP,
    eye_openness,
)
from gagavatar_nodes.heads.canonical import canonical_face
from gagavatar_nodes.types import ARKIT_NAMES
from synthetic import DRIVER, TRUTH


def face(**weights: float) -> np.ndarray:
    return bundled_neutral() + arkit_deltas(weights)


def lip_gap(landmarks: np.ndarray) -> float:
    return float(landmarks[UPPER_LIP, 1] - landmarks[LOWER_LIP, 1])


def test_neutral_is_a_symmetric_face_near_the_canonical_one_with_closed_lips_and_open_eyes():
    neutral = bundled_neutral()
    canonical = canonical_face().vertices
    mirror = np.linalg.norm((canonical * [-1, 1, 1])[:, None] - canonical, axis=-1).argmin(1)
    asymmetry = np.linalg.norm(neutral[:468] - neutral[mirror] * [-1, 1, 1], axis=1)
    assert asymmetry.max() < 0.02
    assert np.linalg.norm(neutral[:468] - canonical, axis=1).mean() < 0.6
    assert 0 <= lip_gap(neutral) < 0.06
    assert np.all(eye_openness(neutral) > 0.25)


def test_irises_lie_in_their_eyes_and_are_as_large_as_the_tracker_draws_them():
    neutral = bundled_neutral()
    for iris, ring in zip((LEFT_IRIS, RIGHT_IRIS), EYE_RINGS, strict=True):
        points, eye = neutral[iris], neutral[list(ring)]
        assert np.all(points[0, :2] > eye[:, :2].min(0))
        assert np.all(points[0, :2] < eye[:, :2].max(0))
        assert np.allclose(np.linalg.norm(points[1:] - points[0], axis=1), 0.57)


def test_basis_mirrors_left_onto_right():
    canonical = canonical_face().vertices
    mirror = np.linalg.norm((canonical * [-1, 1, 1])[:, None] - canonical, axis=-1).argmin(1)
    basis = arkit_basis()[:, :468]
    for i, name in enumerate(ARKIT_NAMES):
        if name.endswith("Left"):
            j = ARKIT_NAMES.index(name[:-4] + "Right")
            assert np.abs(basis[j] - basis[i][mirror] * [-1, 1, 1]).max() < 0.05, name


@pytest.mark.parametrize(("name", "shut"), [("eyeBlinkRight", 0), ("eyeBlinkLeft", 1)])
def test_a_blink_shuts_its_own_eye_only(name, shut):
    openness = eye_openness(face(**{name: 1.0}))
    assert openness[shut] < 0.1
    assert openness[1 - shut] > 0.25


def test_half_a_blink_is_half_shut():
    full, half = eye_openness(bundled_neutral())[0], eye_openness(face(eyeBlinkRight=0.5))[0]
    assert half / full == pytest.approx(0.5, abs=0.06)


def test_open_jaw_lowers_the_chin_and_parts_the_lips():
    opened = face(jawOpen=1.0)
    assert lip_gap(opened) > 3
    assert opened[CHIN, 1] < bundled_neutral()[CHIN, 1] - 2


def test_mouth_close_undoes_the_parting_of_an_open_jaw():
    assert lip_gap(face(jawOpen=1.0, mouthClose=1.0)) < 0.25 * lip_gap(face(jawOpen=1.0))


@pytest.mark.parametrize("open_mouth", [{"jawOpen": 1.0}, {"mouthFunnel": 0.8, "jawOpen": 0.25}])
def test_open_lips_are_round_and_come_to_no_point(open_mouth):
    lower = face(**open_mouth)[[402, 317, 14, 87, 178], :2]  # the inner edge around its middle
    slope = np.diff(lower[:, 1]) / np.diff(lower[:, 0])
    bends = np.abs(np.diff(slope))
    assert bends[1] < 1.25 * bends[[0, 2]].mean()  # 0.8; 1.7 to 2.8 where it does


def test_rolled_lips_stay_closed():
    for name in ("mouthRollLower", "mouthRollUpper"):
        assert lip_gap(face(**{name: 1.0})) < 0.1


def test_a_smile_raises_and_widens_the_corners_of_the_mouth():
    rest, smiling = bundled_neutral(), face(mouthSmileLeft=1.0, mouthSmileRight=1.0)
    left, right = MOUTH_CORNERS
    assert smiling[left, 1] > rest[left, 1] + 0.5
    assert smiling[right, 1] > rest[right, 1] + 0.5
    assert smiling[right, 0] - smiling[left, 0] > rest[right, 0] - rest[left, 0] + 0.5


def test_gaze_follows_the_eyes_in_all_four_directions():
    rest = gaze_of(bundled_neutral())
    right = gaze_of(face(eyeLookOutLeft=1.0, eyeLookInRight=1.0)) - rest
    left = gaze_of(face(eyeLookInLeft=1.0, eyeLookOutRight=1.0)) - rest
    up = gaze_of(face(eyeLookUpLeft=1.0, eyeLookUpRight=1.0)) - rest
    down = gaze_of(face(eyeLookDownLeft=1.0, eyeLookDownRight=1.0)) - rest
    assert np.all(right[:, 0] > 0.15)
    assert np.all(left[:, 0] < -0.15)
    assert np.all(up[:, 1] > 0.05)
    assert np.all(down[:, 1] < -0.05)


def test_deltas_are_linear_in_the_weights():
    rng = np.random.default_rng(0)
    a, b = rng.random((2, 3, 52), np.float32)
    assert np.allclose(arkit_deltas(0.3 * a + 2 * b), 0.3 * arkit_deltas(a) + 2 * arkit_deltas(b), atol=1e-4)
    assert arkit_deltas(a).shape == (3, 478, 3)


def reference_fit(deltas: np.ndarray) -> np.ndarray:
    """The same least squares by an active-set solver, from the basis and the weights alone."""
    from scipy.optimize import lsq_linear

    seen = [i for i, name in enumerate(ARKIT_NAMES) if name not in ("mouthClose", "tongueOut")]
    rows = arkit._row_weights().reshape(-1)
    design = arkit_basis()[seen].reshape(len(seen), -1).T * rows[:, None]
    ridge = np.diag([0.6 if ARKIT_NAMES[i] in arkit._LEADING else 3.0 for i in seen])
    target = np.concatenate([deltas.reshape(-1) * rows, np.zeros(len(seen))])
    weights = np.zeros(52)
    weights[seen] = lsq_linear(np.vstack([design, ridge]), target, (0, 1), method="bvls", tol=1e-12).x
    return weights


def test_fit_equals_an_active_set_solver():
    rng = np.random.default_rng(1)
    true = rng.random((6, 52)) * (rng.random((6, 52)) < 0.2)
    deltas = arkit_deltas(true) + rng.normal(0, 0.05, (6, 478, 3))
    deltas[0] *= 3  # far enough to reach the upper bound
    fitted = fit_arkit(deltas)
    reference = np.stack([reference_fit(d) for d in deltas])
    assert (reference > 0.999).any()
    assert (reference == 0).any()
    assert np.abs(fitted - reference).max() < 5e-3


def test_fit_equals_nnls_where_no_upper_bound_is_reached():
    from scipy.optimize import nnls

    deltas = arkit_deltas({"jawOpen": 0.3, "eyeBlinkLeft": 0.5, "mouthPucker": 0.2})
    seen = [i for i, name in enumerate(ARKIT_NAMES) if name not in ("mouthClose", "tongueOut")]
    rows = arkit._row_weights().reshape(-1)
    design = arkit_basis()[seen].reshape(len(seen), -1).T * rows[:, None]
    ridge = np.diag([0.6 if ARKIT_NAMES[i] in arkit._LEADING else 3.0 for i in seen])
    solution, _ = nnls(np.vstack([design, ridge]), np.concatenate([deltas.reshape(-1) * rows, np.zeros(len(seen))]))
    assert np.abs(fit_arkit(deltas[None])[0][seen] - solution).max() < 5e-3


def test_fit_recovers_the_leading_expressions():
    for name in arkit._LEADING:
        weights = fit_arkit(arkit_deltas({name: 0.7})[None])[0]
        assert weights[ARKIT_NAMES.index(name)] == pytest.approx(0.7, abs=0.1), name


def test_fit_is_float32_in_range_and_the_same_alone_as_among_others():
    rng = np.random.default_rng(2)
    deltas = rng.normal(0, 0.5, (5, 478, 3)).astype(np.float16)
    weights = fit_arkit(deltas)
    assert weights.dtype == np.float32
    assert weights.shape == (5, 52)
    assert weights.min() >= 0
    assert weights.max() <= 1
    assert np.abs(fit_arkit(deltas[3:4])[0] - weights[3]).max() < 5e-3
    assert fit_arkit(deltas[:0]).shape == (0, 52)
    assert not fit_arkit(np.zeros((2, 478, 3))).any()


def test_tracked_weights_of_a_known_driver_follow_its_blinks_and_its_jaw():
    import av

    from gagavatar_nodes.tracking.video import track_video

    with av.open(str(DRIVER)) as container:
        frames = (frame.to_ndarray(format="rgb24") for frame in container.decode(video=0))
        motion = track_video(frames, 24.0, smoothing=0)
    truth = np.load(TRUTH)
    blink = motion.arkit[:, [ARKIT_NAMES.index("eyeBlinkLeft"), ARKIT_NAMES.index("eyeBlinkRight")]].mean(1)
    jaw = motion.arkit[:, ARKIT_NAMES.index("jawOpen")]
    assert np.corrcoef(blink, truth[:, 3])[0, 1] > 0.9
    assert np.corrcoef(jaw, truth[:, 2])[0, 1] > 0.9


def test_unknown_name_is_answered_with_the_closest():
    with pytest.raises(GagavatarError, match="'jawopn': did you mean 'jawOpen'"):
        arkit_weights({"jawopn": 1.0})


@pytest.mark.parametrize("weights", [np.zeros(51), np.zeros((2, 53)), np.full(52, np.nan), {"jawOpen": float("inf")}])
def test_weights_of_a_wrong_shape_or_value_are_refused(weights):
    with pytest.raises(GagavatarError, match="ARKit weights must"):
        arkit_weights(weights)


def test_lids_that_passed_each_other_are_parted_and_others_untouched():
    crossed = face(eyeBlinkLeft=1.6)
    parted = part_lids(crossed)
    assert np.all(eye_openness(parted)[1] < 0.05)
    assert eye_openness(crossed)[1] > 0.1
    rest = face(eyeBlinkLeft=0.5)
    assert np.array_equal(part_lids(rest), rest)
