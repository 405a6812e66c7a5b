import numpy as np
import pytest

from gagavatar_nodes.app import executor
from gagavatar_nodes.app.executor import ResultCache, execute, sort_nodes
from gagavatar_nodes.app.graphs import node
from gagavatar_nodes.app.sessions import CanceledError
from gagavatar_nodes.app.workflows import to_ui
from gagavatar_nodes.errors import GagavatarError


def motion_graph(**edits):
    return {
        "m": node("BuiltinMotion", name="nod", seconds=1.0),
        "e": node("EditMotion", motion=["m", 0], **edits),
        "s": node("SaveMotion", motion=["e", 0]),
    }


def test_values_flow_along_links(program):
    done = execute(motion_graph(end=0.4), program)
    assert len(done["m"][0][0]) == 25
    assert len(done["e"][0][0]) == 10
    assert (program.output / "gagavatar").is_dir()


def test_only_what_changed_runs_again(program):
    kept, ran = ResultCache(), []

    def note(id_, _):
        ran.append(id_)

    execute(motion_graph(), program, kept, note)
    assert ran == ["m", "e", "s"]
    ran.clear()
    execute(motion_graph(expression=0.5), program, kept, note)
    assert ran == ["e", "s"], "outputs are written each time, the motion is made once"


def test_a_changed_file_of_the_same_name_is_read_again(program):
    from gagavatar_nodes.media.images import write_image

    seen = []
    for gray in (10, 200):
        write_image(program.input / "a.png", np.full((8, 8, 3), gray, np.uint8))
        graph = {"p": node("LoadImage", image="a.png"), "s": node("SaveImage", images=["p", 0])}
        graph["s"]["inputs"]["filename_prefix"] = "x"
        seen.append(float(execute(graph, program, KEPT)["p"][0][0].mean()))
    assert seen == pytest.approx([10 / 255, 200 / 255], abs=1e-3)


KEPT = ResultCache()


def test_the_least_recently_used_results_go_first():
    kept = ResultCache(most=2)
    for key in "ab":
        kept.put(key, [[key]])
    kept.get("a")
    kept.put("c", [[1]])
    assert kept.get("b") is None
    assert kept.get("a") == [["a"]]


def test_long_batches_of_pictures_are_not_kept():
    kept = ResultCache()
    kept.put("large", [[np.zeros((64 << 18, 2), np.float32)]])
    assert len(kept) == 0


def test_a_list_runs_the_nodes_after_it_once_for_each_item(program, monkeypatch):
    class Three:
        RETURN_TYPES, OUTPUT_IS_LIST, FUNCTION = ("FLOAT",), (True,), "run"

        @classmethod
        def INPUT_TYPES(cls):  # noqa: N802
            return {"required": {}}

        def run(self):
            return ([1.0, 2.0, 3.0],)

    class Double:
        RETURN_TYPES, FUNCTION, OUTPUT_NODE = ("FLOAT",), "run", True

        @classmethod
        def INPUT_TYPES(cls):  # noqa: N802
            return {"required": {"x": ("FLOAT", {}), "by": ("FLOAT", {})}}

        def run(self, x, by):
            return (x * by,)

    monkeypatch.setattr(executor, "NODES", executor.NODES | {"Three": Three, "Double": Double})
    graph = {
        "t": {"class_type": "Three", "inputs": {}},
        "d": {"class_type": "Double", "inputs": {"x": ["t", 0], "by": 2.0}},
    }
    assert execute(graph, program)["d"] == [[2.0, 4.0, 6.0]]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda g: g["m"].update(class_type="GAGAvatarBuiltinMotoin"), "Did you mean 'GAGAvatarBuiltinMotion'"),
        (lambda g: g["m"]["inputs"].update(name="dance"), "'name' is 'dance'"),
        (lambda g: g["m"]["inputs"].update(seconds=1e9), "must be a number from 0 to 3600"),
        (lambda g: g["m"]["inputs"].update(seconds=True), "must be a number"),
        (lambda g: g["e"]["inputs"].update(loop="yes"), "on or off"),
        (lambda g: g["e"]["inputs"].pop("motion"), "nothing at its input 'motion'"),
        (lambda g: g["e"]["inputs"].update(motion=["m", 1]), "takes GAGAVATAR_MOTION, but FLOAT is connected"),
        (lambda g: g["e"]["inputs"].update(motion=["nobody", 0]), "connected to nothing"),
        (lambda g: g["e"]["inputs"].update(motion=["e", 0]), "round in a circle"),
        (lambda g: g["e"]["inputs"].update(motion="text"), "takes a connection"),
        (lambda g: g.pop("s"), "no output"),
        (lambda g: g.update(x=3), "has no 'class_type'"),
    ],
)  # fmt: skip
def test_a_wrong_graph_is_refused_in_one_line(program, change, words):
    graph = motion_graph()
    change(graph)
    with pytest.raises(GagavatarError, match=words) as failure:
        execute(graph, program)
    assert "\n" not in str(failure.value)


def test_files_outside_of_the_folders_are_not_read(program, tmp_path):
    secret = tmp_path / "secret.png"
    secret.write_bytes(b"x")
    for name in (str(secret), "../../secret.png", "../secret.png [output]"):
        graph = {"p": node("LoadImage", image=name), "s": node("SaveImage", images=["p", 0], filename_prefix="x")}
        with pytest.raises(GagavatarError):
            execute(graph, program)


def test_canceling_stops_before_the_next_node(session, program):
    session.canceled.set()
    with pytest.raises(CanceledError):
        execute(motion_graph(), program)


def test_doubling_pictures_ends_at_the_bound_of_all_results(program, monkeypatch):
    monkeypatch.setattr(executor, "_MOST_BYTES", 1 << 28)
    graph = {"0": node("ExampleInputs", person="photo")}
    for number in range(1, 15):
        before = [str(number - 1), 0]
        graph[str(number)] = node("ImageBatch", image1=before, image2=before)
    graph["save"] = node("SaveImage", images=["14", 0], filename_prefix="many")
    ran = []
    with pytest.raises(GagavatarError, match=r"pictures of 720x720 pixels need .* more than is free"):
        execute(graph, program, on_node=lambda id_, kind: ran.append(id_))
    assert "save" not in ran
    assert len(ran) < 10


def test_combining_is_counted_once_where_it_is_used_often(program):
    """Thirty steps, each of which uses the one before twice, are thirty steps."""
    graph = {"0": node("BuiltinMotion", name="nod", seconds=1.0)}
    for number in range(1, 31):
        before = [str(number - 1), 0]
        graph[str(number)] = node("CombineMotions", expression_of=before, pose_of=before, shorter="loop")
    assert sort_nodes(graph, ["30"])[-1] == "30"
    assert sum("CombineMotions" in one["type"] for one in to_ui(graph)["nodes"]) == 30
