"""Films as people cut them: shots of one size or another, other people, nobody."""

import sys

import cv2
import numpy as np
import pytest

import films
from gagavatar_nodes import assets
from gagavatar_nodes.face.pose import yaw_pitch_roll
from gagavatar_nodes.settings import Settings
from gagavatar_nodes.tracking.arcface import arcface_picture, five_points
from gagavatar_nodes.tracking.bridging import frame_ranges
from gagavatar_nodes.tracking.cuts import CutDetector
from gagavatar_nodes.tracking.faces import find_faces
from gagavatar_nodes.tracking.identity import SURE, Person, resemblance
from gagavatar_nodes.tracking.recognition import bundled_recognizer
from gagavatar_nodes.tracking.reference import film_recognizer
from gagavatar_nodes.tracking.shots import seen_squares
from gagavatar_nodes.tracking.video import track_video
from gagavatar_nodes.types import DOUBTS, SHOTS, STRANGERS


def tracked(frames, face=None):
    """The motion, and where the followed face was seen in each frame; NaN where it was not."""
    seen = []

    def on_frame(index, image, points, bridged):
        seen.append(np.nan if bridged else points[:, 0].mean())

    return track_video(frames, films.FPS, face=face, on_frame=on_frame), np.array(seen)


def spread(values):
    return np.ptp(values) / np.median(values)


@pytest.fixture(scope="module")
def plain():
    return tracked(films.driver())[0]


@pytest.mark.parametrize("film", [films.jump_cut, films.jump_zooms], ids=["elsewhere", "nearer"])
def test_a_head_keeps_its_size_and_place_over_a_cut(film, plain):
    motion, _ = tracked(film())
    assert motion.bridged == []
    assert spread(plain.scale) < spread(motion.scale) + 0.05
    assert spread(motion.scale) < 0.1
    assert np.ptp(motion.translation[:, :2], axis=0).max() < 7  # cm, as in the film without cuts
    wanted = yaw_pitch_roll(plain.rotation)[:, 0]
    assert np.degrees(np.abs(yaw_pitch_roll(motion.rotation)[:, 0] - wanted)).mean() < 3
    assert SHOTS in motion.extra


def test_a_film_without_cuts_is_one_shot(plain):
    assert plain.extra == {}


def test_an_aligned_shot_is_found_again_in_its_frames():
    motion, seen = tracked(films.jump_cut(0.45))
    heads = (motion.scale * motion.translation[:, 0])[:, None]
    squares = seen_squares(motion, np.zeros(2), 1.0)
    assert [round(half / squares[0][1], 1) for _, half in (squares[0], squares[-1])] in ([1.0, 0.4], [1.0, 0.5])
    places = [(head[0] * half + center[0]) * films.SIZE for head, (center, half) in zip(heads, squares, strict=True)]
    np.testing.assert_allclose(np.array(places) + films.SIZE / 2, seen, atol=0.06 * films.SIZE)


@pytest.mark.parametrize("to", [films.other, films.landscape], ids=["another person", "a landscape"])
def test_what_a_film_cuts_to_is_not_followed_and_the_person_is_found_again(to):
    motion, _ = tracked(films.cut_away(to()))
    assert motion.bridged == list(range(30, 54))
    assert motion.extra.get(STRANGERS) == (None if to is films.landscape else "30-53")
    assert spread(motion.scale) < 0.1


def test_two_people_who_change_sides_at_a_cut_are_followed_rightly():
    quarter = films.SIZE / 4
    for left in (True, False):
        motion, seen = tracked(films.side_by_side(changed=True), (quarter if left else 3 * quarter, 2 * quarter))
        assert motion.bridged == []
        np.testing.assert_array_equal(seen < films.SIZE / 2, (np.arange(72) < 36) == left)


def test_two_people_who_pass_each_other_are_followed_rightly():
    for left in (True, False):
        motion, seen = tracked(films.crossing(), (films.SIZE * (0.25 if left else 0.75), films.SIZE / 2))
        assert (seen[0] < films.SIZE / 2) == left
        assert (seen[-1] > films.SIZE / 2) == left
        hidden = motion.bridged  # the driver passes before the other
        assert not hidden if left else (20 < hidden[0] < hidden[-1] < 54)


def test_a_dissolve_is_a_cut_and_its_frames_show_nobody():
    smaller = [films.placed(frame, 0.5, 60, -30) for frame in films.driver()]
    motion, _ = tracked(films.dissolve(smaller))
    assert set(range(26, 36)) <= set(motion.bridged) <= set(range(20, 44))
    assert spread(motion.scale) < 0.1
    motion, _ = tracked(films.dissolve(films.other()))
    assert set(range(26, 72)) <= set(motion.bridged) <= set(range(20, 72))


def test_other_light_is_not_another_person():
    darker = [(255 * (frame / 255) ** 1.3 * [1, 0.96, 0.92]).astype(np.uint8) for frame in films.driver()[36:]]
    motion, _ = tracked(films.driver()[:36] + [films.placed(frame, 0.8) for frame in darker])
    assert motion.bridged == []


def test_looks_tell_people_apart_and_know_one_again():
    own_films = {"driver": films.driver(), "other": films.other()}
    seen = {name: [(image, find_faces(image)[0]) for image in images[::9]] for name, images in own_films.items()}
    for name, own in seen.items():
        person = Person(bundled_recognizer())
        assert person.likeness(person.look(*own[0])) == 1
        for one in own[:4]:
            person.learn(person.look(*one))
        assert min(person.likeness(person.look(*one)) for one in own[4:]) > SURE + 0.1
        strangers = next(other for key, other in seen.items() if key != name)
        assert max(person.likeness(person.look(*one)) for one in strangers) < 0.8
        next_face = find_faces(films.placed(own_films[name][1], 0.8))[0]
        assert resemblance(own[0][1], next_face) > 0.75
        assert resemblance(own[0][1], strangers[0][1]) < 0.5


@pytest.mark.parametrize("name", ["admiral", "franklin", "pocahontas"])
def test_among_people_who_look_straight_ahead_nobody_is_taken_for_another(name):
    motion, _ = tracked(films.other()[:24] + films.swaying(assets.PORTRAITS[name])[:12] + films.other()[24:30])
    assert motion.bridged == list(range(24, 36))
    assert motion.extra[STRANGERS] == "24-35"
    assert DOUBTS not in motion.extra


INSIGHTFACE = """
import numpy as np

class FaceAnalysis:
    def __init__(self, name, allowed_modules, providers):
        self.models = {"recognition": self}
        self.det_model = self

    def prepare(self, **options):
        pass

    def get_feat(self, faces):
        red, _, blue = faces.reshape(-1, 3).mean(0)[::-1]
        return np.array([[1.0, 0, 0] if red - blue > LIMIT else [0, 1.0, 0]])
"""


@pytest.mark.parametrize(("limit", "strangers"), [(-1000, None), (1000, None), ("middle", "30-53")])
def test_insightface_tells_people_apart_where_it_is(tmp_path, monkeypatch, limit, strangers):
    faces = [
        arcface_picture(film[0], five_points(find_faces(film[0])[0].points)) for film in (films.driver(), films.other())
    ]
    warmth = [float(face[..., 0].mean() - face[..., 2].mean()) for face in faces]
    package, pack = tmp_path / "python" / "insightface", tmp_path / "weights" / "buffalo_l"
    package.mkdir(parents=True)
    pack.mkdir(parents=True)
    for name in ("det_10g.onnx", "1k3d68.onnx", "w600k_r50.onnx"):
        (pack / name).touch()
    (package / "__init__.py").touch()
    (package / "app.py").write_text(INSIGHTFACE.replace("LIMIT", str(np.mean(warmth) if limit == "middle" else limit)))
    monkeypatch.syspath_prepend(package.parent)
    for name in [name for name in sys.modules if name.startswith("insightface")]:
        monkeypatch.delitem(sys.modules, name)
    recognizer = film_recognizer(Settings(weights=tmp_path / "weights"))
    motion = track_video(films.cut_away(films.other()), films.FPS, recognizer=recognizer)
    assert motion.extra.get(STRANGERS) == strangers


def test_a_flash_is_no_new_shot():
    frames = list(films.driver()[:40])
    frames[20] = cv2.add(frames[20], (90, 90, 90, 0))
    motion, _ = tracked(frames)
    assert motion.bridged == []
    assert not {SHOTS, STRANGERS, DOUBTS} & set(motion.extra)


def test_a_fade_to_another_exposure_is_no_new_shot():
    shares = np.clip((np.arange(60) - 20) / 14, 0, 1)
    pairs = zip(films.driver(), shares, strict=False)
    motion, _ = tracked([cv2.convertScaleAbs(frame, alpha=1 - 0.4 * share) for frame, share in pairs])
    assert (motion.bridged, motion.extra) == ([], {})


def test_movement_of_a_head_is_no_dissolve():
    detector = CutDetector()
    assert [detector.feed(frame) or detector.faded for frame in films.driver()] == [0] * 72


def test_ranges_of_frames_are_named():
    assert frame_ranges([]) == ""
    assert frame_ranges([3, 7, 8, 9, 12]) == "3, 7-9, 12"
    assert frame_ranges([1, 3, 5, 7], most=2) == "1, 3, ..."
