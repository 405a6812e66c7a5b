"""Motions as CSV of Live Link Face and as ARKit JSON."""

import csv
import json

import numpy as np
import pytest

from gagavatar_nodes.driving.builtin import builtin_motion
from gagavatar_nodes.driving.curve_files import ORDER, TURNS, timecode
from gagavatar_nodes.driving.motion_file import is_motion_file, load_motion, save_motion
from gagavatar_nodes.errors import FileFormatError
from gagavatar_nodes.face.arkit import gaze_of
from gagavatar_nodes.face.bundled_face import bundled_neutral
from gagavatar_nodes.face.pose import yaw_pitch_roll
from gagavatar_nodes.types import ARKIT_NAMES

HEADER = "Timecode,BlendShapeCount," + ",".join([name[0].upper() + name[1:] for name in ORDER] + list(TURNS))


def take(rows, header=HEADER):
    """Text of a CSV whose rows are {column: value}, beside a timecode."""
    names = header.split(",")
    lines = [",".join(str(row.get(name, 61 if name == "BlendShapeCount" else 0)) for name in names) for row in rows]
    return "\n".join([header, *lines]) + "\n"


@pytest.mark.parametrize("extension", [".csv", ".json"])
@pytest.mark.parametrize(("name", "fps"), [("look_around", 25.0), ("talk", 30000 / 1001), ("nod", 60.0)])
def test_a_motion_survives_its_curves(tmp_path, extension, name, fps):
    motion, path = builtin_motion(name, fps=fps), tmp_path / f"take{extension}"
    save_motion(motion, path)
    assert is_motion_file(path)
    read = load_motion(path)
    assert len(read) == len(motion)
    assert read.fps == pytest.approx(motion.fps, rel=1e-3)
    assert np.abs(read.arkit - motion.arkit).max() < 1e-3
    assert np.abs(read.rotation - motion.rotation).max() < 1e-4
    assert np.abs(read.gaze - motion.gaze).max() < 2e-3
    assert np.abs(read.deltas.astype(float) - motion.deltas).max() < 5e-3


def test_a_csv_has_the_apps_columns_and_timecodes(tmp_path):
    path = tmp_path / "take.csv"
    save_motion(builtin_motion("smile", 2.0, 30.0), path)
    rows = list(csv.reader(path.open(encoding="utf-8")))
    assert ",".join(rows[0]) == HEADER
    assert len(rows[0]) == 63
    assert [row[0] for row in rows[1:32:30]] == ["00:00:00:00.000", "00:00:01:00.000"]
    assert rows[5][0] == "00:00:00:04.000"
    assert {row[1] for row in rows[1:]} == {"61"}


def test_timecodes_count_frames_within_the_second():
    assert timecode(3661.5, 60) == "01:01:01:30.000"
    assert timecode(1.0 + 2.25 / 24, 24) == "00:00:01:02.250"


def test_a_take_of_the_app_is_read_at_its_rate_and_pose(tmp_path):
    """At 60 a second, around midnight, with frames that the app dropped and a row without values."""
    frames = [i for i in range(180) if not 50 <= i < 56]
    start = 23 * 3600 + 59 * 60 + 58.5
    rows = [
        {
            "Timecode": timecode((start + i / 60) % 86400, 60),
            "JawOpen": i / 180,
            "MouthSmileLeft": 0.25,
            "HeadYaw": np.radians(20),
            "HeadPitch": np.radians(-10),
        }
        for i in frames
    ]
    path = tmp_path / "MySlate_1_iPhone.csv"
    path.write_text(take(rows) + "00:00:02:00.000,0\n", encoding="utf-8-sig")
    motion = load_motion(path)
    assert motion.fps == 60
    assert len(motion) == 180
    assert np.allclose(motion.arkit[:, ARKIT_NAMES.index("jawOpen")], np.arange(180) / 180, atol=1e-3)
    assert np.allclose(np.degrees(yaw_pitch_roll(motion.rotation[90])), [20, -10, 0], atol=1e-3)
    assert motion.source == path.name


def test_eyes_that_only_rotate_look_where_they_turn(tmp_path):
    path = tmp_path / "eyes.csv"
    path.write_text(take([{"Timecode": "00:00:00:00", "LeftEyeYaw": 0.3, "RightEyeYaw": 0.3, "LeftEyePitch": 0.2}]))
    change = load_motion(path).gaze[0] - gaze_of(bundled_neutral())
    assert change[:, 0].min() > 0.1  # both to the picture's right
    assert change[1, 1] < -0.05  # the subject's left eye, the picture's right one, looks down
    assert abs(change[0, 1]) < 1e-6


def test_json_of_other_tools_is_read(tmp_path):
    path = tmp_path / "a2f.json"
    document = {"exportFps": 30.0, "facsNames": ["JawOpen", "unknown"], "weightMat": [[0.1, 1], [0.9, 1]]}
    path.write_text(json.dumps(document))
    motion = load_motion(path)
    assert motion.fps == 30
    assert motion.arkit[:, ARKIT_NAMES.index("jawOpen")] == pytest.approx([0.1, 0.9])


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("a.csv", "", "empty"),
        ("a.csv", "Timecode,Something\n0,1\n", "none of ARKit's curves"),
        ("a.csv", HEADER + "\n", "no frame"),
        ("a.csv", take([{"JawOpen": "wide"}]), "line 2: 'wide' is no number"),
        ("a.csv", take([{"JawOpen": "nan"}]), "JawOpen.*no number|jawOpen.*no number"),
        ("a.csv", take([{"Timecode": "00:00:00:00"}, {"Timecode": "23:00:00:00"}]), "seconds apart"),
        ("a.json", "{", "no JSON of ARKit curves"),
        ("a.json", "[1]", "no JSON of ARKit curves"),
        ("a.json", '{"facsNames": ["jawOpen"], "weightMat": [[1, 2]]}', "row a frame and a column a name"),
        ("a.json", '{"facsNames": 7, "weightMat": [[1]]}', "row a frame and a column a name"),
        ("a.json", '{"facsNames": [], "weightMat": []}', "none of ARKit's curves"),
        ("a.json", '{"facsNames": ["jawOpen"], "weightMat": [[1]], "exportFps": 1e9}', "a second"),
    ],
)
def test_what_is_no_file_of_curves_is_refused_with_its_reason(tmp_path, name, text, complaint):
    from gagavatar_nodes.errors import GagavatarError

    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(GagavatarError, match=complaint):
        load_motion(path)


def test_other_csv_and_json_files_are_no_motions(tmp_path):
    for name, text in (("a.csv", "a,b\n1,2\n"), ("workflow.json", '{"nodes": []}')):
        (tmp_path / name).write_text(text)
        assert not is_motion_file(tmp_path / name)
    with pytest.raises(FileFormatError, match="none of ARKit's curves"):
        load_motion(tmp_path / "a.csv")
