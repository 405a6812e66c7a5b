"""Lists of jobs, and what the command says of bad ones."""

import json

import pytest

from gagavatar_nodes import assets


@pytest.fixture
def planned(gagavatar, tmp_path):
    """Function (list's text, extension, *options) -> what a dry run leaves."""

    def run(text, extension="jsonl", *options):
        path = tmp_path / f"jobs.{extension}"
        path.write_text(text)
        return gagavatar("batch", path, "-o", tmp_path / "out", "--dry-run", "--workers", 2, *options)

    return run


PAIR = {"portrait": str(assets.path("example_portrait.jpg")), "driver": "talk"}


def test_each_portrait_and_driver_counts_once(planned, tmp_path):
    rows = [PAIR, {**PAIR, "driver": "nod"}, {**PAIR, "output": "b.mp4", "size": 256}]
    plan = json.loads(planned("\n".join(map(json.dumps, rows)), "jsonl", "--json").out)
    assert {kind: counts["all"] for kind, counts in plan["tasks"].items()} == {"lift": 1, "track": 2, "render": 3}
    assert plan["seconds"] > 0
    assert not (tmp_path / "out").exists()


def test_csv_has_the_same_names(planned):
    text = (
        f"portrait,driver,output,size,loop\n{PAIR['portrait']},talk,a.mp4,64x48,true\n{PAIR['portrait']},nod,b.mp4,,\n"
    )
    assert "1 portraits to lift, 2 drivers to track, 2 clips to render" in planned(text, "csv").out


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"size": 4}, "jobs.jsonl, line 2: argument --size: '4' is no whole number from 16 to 2048"),
        ({"colour": "red"}, "jobs.jsonl, line 2: there is no setting 'colour'"),
        ({"loop": "maybe"}, "loop is true or false"),
        ({"portrait": ""}, "line 2 has no portrait"),
        ({"output": "../x.mp4"}, "leave out '..'"),
        ({"output": "example_portrait__talk.mp4", "size": 64}, "is the output of two jobs"),
        ({"output": "z.mp4", "avatar": "clay"}, "There is no avatar model 'clay'"),
    ],
)
def test_a_bad_line_is_named(planned, row, message):
    outcome = planned(json.dumps(PAIR) + "\n" + json.dumps({**PAIR, **row}))
    assert outcome.code == 1
    assert message in outcome.err


def test_a_list_that_is_none(planned):
    assert "line 1 is no JSON" in planned("{").err
    assert "holds no job" in planned("\n").err
    assert "no list of jobs" in planned("x", "txt").err
    assert "not as many values" in planned("portrait,driver\na", "csv").err


def test_patterns_make_all_pairs(gagavatar, tmp_path):
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).write_bytes(assets.path("example_portrait.jpg").read_bytes() + name.encode())
    options = ["--portraits", tmp_path / "*.jpg", "--drivers", "talk", "-o", tmp_path, "--dry-run", "--workers", 1]
    assert "2 portraits to lift, 1 drivers to track, 2 clips" in gagavatar("batch", *options).out
    assert "means no file" in gagavatar("batch", *options[:1], tmp_path / "*.png", *options[2:]).err
    assert "Name a list of jobs" in gagavatar("batch", "-o", tmp_path).err
