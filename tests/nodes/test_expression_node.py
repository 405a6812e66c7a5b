"""The node Expression, and the picture that the editor asks for while its sliders are moved."""

import asyncio
import io
import json
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gagavatar_nodes.driving.operations import add_arkit, neutral_motion, turn_head
from gagavatar_nodes.errors import FaceError
from gagavatar_nodes.nodes import NODE_CLASS_MAPPINGS, face_route, faces
from gagavatar_nodes.nodes.face_route import FacePainter, RefusedError

EXPRESSION = NODE_CLASS_MAPPINGS["GAGAvatarExpression"]


@pytest.fixture
def show(run, avatar):
    """Runs the node; gives its picture [S, S, 3] uint8 and what it tells the page."""

    def call(**inputs):
        made = run("Expression", avatar=avatar, size=128, **inputs)
        return np.round(np.asarray(made["result"][2][0]) * 255).astype(np.uint8), made["ui"]["gagavatar_face"][0]

    return call


def ask(face, size=128, painter=None, **values):
    request = {"face": face["key"], "values": face["values"] | values, "size": size}
    jpeg = asyncio.run((painter or FacePainter(faces.memory)).paint(request))
    return np.asarray(Image.open(io.BytesIO(jpeg)))


def difference(one, other):
    return np.abs(one.astype(int) - other.astype(int)).mean()


def test_the_picture_is_what_render_avatar_makes_of_the_motion(run, show, avatar):
    picture, _ = show(emotion="laughing", yaw=20.0, aaa=0.5)
    motion = run("Expression", emotion="laughing", yaw=20.0, aaa=0.5)["result"][0]
    look = {"width": 128, "height": 128, "background_color": "#202428"}
    rendered = run("RenderAvatar", avatar=avatar, motion=motion, **look)[0]
    assert difference(picture, np.round(np.asarray(rendered[0]) * 255)) < 0.01


def test_the_executed_node_equals_the_picture_in_it(show, photo, motion):
    rest, _ = show()
    for inputs in ({"smile": 1.0}, {"motion": motion, "blink": 1.0}, {"photo": photo, "photo_mouth": False}):
        picture, face = show(**inputs)
        assert difference(ask(face), picture) < 2.5, inputs  # a JPEG
        assert difference(picture, rest) > 0.2, inputs


def test_the_picture_follows_a_slider_without_another_run(show):
    rest, face = show()
    moved, again = show(jaw=1.0, blink=1.0)
    assert face["key"] == again["key"]
    followed = ask(face, jaw=1.0, blink=1.0)
    assert difference(followed, moved) < 2.5
    assert difference(followed, rest) > difference(followed, moved)


def test_a_photo_without_a_face_is_refused_by_name(run, photo):
    with pytest.raises(FaceError, match="The input 'photo'"):
        run("Expression", photo=photo * 0)


def test_without_an_avatar_there_is_a_motion_and_no_picture(run):
    made = run("Expression", smile=1.0)
    assert made["ui"] == {"gagavatar_face": ()}
    assert made["result"][0].arkit.any()
    assert made["result"][2] is None  # in ComfyUI, what tells the next node why


def test_a_wrong_color_is_refused_before_any_work():
    assert "is no color" in EXPRESSION.VALIDATE_INPUTS(background_color="greenish")
    assert EXPRESSION.VALIDATE_INPUTS(background_color="#fff") is True


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"size": 4000}, "'size' is pixels, 64 to 768"),
        ({"size": "128"}, "'size' is pixels"),
        ({"face": None}, "has 'face'"),
        ({"values": {"grin": 1.0}}, "no input 'grin'"),
        ({"values": {"smile": "wide"}}, "'smile' is a number"),
        ({"values": {"smile": float("nan")}}, "'smile' is a number"),
        ({"values": {"smile": 7.0}}, "'smile' is 7.0, but must be -1 to 1"),
        ({"values": {"emotion": "bored"}}, "'emotion' is 'bored'"),
        ({"values": {"photo_eyes": 1}}, "true or false"),
        ({"values": {"background_color": "greenish"}}, "no color"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused_in_words(show, change, reason):
    _, face = show()
    request = {"face": face["key"], "values": {}, "size": 128} | change
    with pytest.raises(RefusedError, match=reason) as refused:
        asyncio.run(FacePainter(faces.memory).paint(request))
    assert refused.value.status == 400


def test_a_forgotten_face_is_told_from_a_wrong_request(show):
    _, face = show()
    painter = FacePainter(faces.FaceMemory())
    with pytest.raises(RefusedError, match="Run the graph") as refused:
        ask(face, painter=painter)
    assert refused.value.status == 404


def test_few_faces_are_kept_and_the_latest_of_them(avatar):
    memory = faces.FaceMemory(most=2)
    sitters = [faces.Sitter(avatar, neutral_motion(), None) for _ in range(3)]
    first, second = memory.keep(sitters[0]), memory.keep(sitters[1])
    assert memory.keep(sitters[0]) == first
    third = memory.keep(sitters[2])
    assert [memory.find(key) is not None for key in (first, second, third)] == [True, False, True]
    photo = turn_head(add_arkit(neutral_motion(), {"jawOpen": 0.5}), 5, 0)
    tracked_again = turn_head(add_arkit(neutral_motion(), {"jawOpen": 0.5}), 5, 0)
    assert memory.keep(faces.Sitter(avatar, None, photo)) == memory.keep(faces.Sitter(avatar, None, tracked_again))


class HeldSitter:
    """Draws when it is let go, and counts."""

    avatar = type("Avatar", (), {"network": None})
    drawn = ()
    at_work = 0

    def __init__(self):
        self.begun, self.let_go = threading.Event(), threading.Event()

    def is_same(self, other):
        return other is self

    def draw(self, values, size):
        self.at_work += 1
        assert self.at_work == 1
        self.begun.set()
        self.let_go.wait(20)
        self.drawn += (values["smile"],)
        self.at_work -= 1
        return np.zeros((size, size, 3), np.uint8)


def test_one_picture_at_a_time_and_the_newest_request_wins():
    memory, sitter = faces.FaceMemory(), HeldSitter()
    key = memory.keep(sitter)

    async def drag():
        painter = FacePainter(memory)
        first = asyncio.create_task(painter.paint({"face": key, "values": {"smile": 0.1}, "size": 64}))
        await asyncio.to_thread(sitter.begun.wait, 20)
        later = [painter.paint({"face": key, "values": {"smile": s}, "size": 64}) for s in (0.2, 0.3, 0.4)]
        waiting = [asyncio.create_task(one) for one in later]
        await asyncio.sleep(0)
        sitter.let_go.set()
        return await asyncio.gather(first, *waiting, return_exceptions=True)

    results = asyncio.run(drag())
    assert [isinstance(one, bytes) for one in results] == [True, False, False, True]
    assert [one.status for one in results[1:3]] == [409, 409]
    assert sitter.drawn == (0.1, 0.4)


def test_a_network_is_left_to_the_graph_that_runs(monkeypatch):
    memory, sitter = faces.FaceMemory(), HeldSitter()
    sitter.avatar = type("Avatar", (), {"network": object()})
    monkeypatch.setattr(face_route, "_is_running", lambda: True)
    with pytest.raises(RefusedError, match="follows after it") as refused:
        asyncio.run(FacePainter(memory).paint({"face": memory.keep(sitter), "values": {}, "size": 64}))
    assert refused.value.status == 503


def test_a_drawing_that_fails_names_no_files_of_the_server():
    memory, sitter = faces.FaceMemory(), HeldSitter()
    sitter.draw = lambda values, size: Path("/nowhere/of/this/server").read_bytes()
    with pytest.raises(RefusedError, match="run the graph to see why") as refused:
        asyncio.run(FacePainter(memory).paint({"face": memory.keep(sitter), "values": {}, "size": 64}))
    assert refused.value.status == 500
    assert "nowhere" not in str(refused.value)


def test_requests_are_small(show):
    _, face = show()
    assert len(json.dumps(face)) < face_route.LONGEST_REQUEST / 2
