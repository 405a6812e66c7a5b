"""Motion files: what goes in comes out, and nothing else comes in."""

import json
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gagavatar_nodes.driving.motion_file import is_motion_file, load_motion, save_motion
from gagavatar_nodes.errors import FileFormatError, MediaError
from motions import ramp

ARRAYS = ("rotation", "translation", "scale", "neutral", "deltas", "arkit", "gaze", "confidence")


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "motion.safetensors"
    save_motion(ramp(flame=True), path)
    return path


def parts(path: Path) -> tuple[dict, bytes]:
    """Header and data of a safetensors file, read by hand."""
    raw = path.read_bytes()
    (length,) = struct.unpack("<Q", raw[:8])
    return json.loads(raw[8 : 8 + length]), raw[8 + length :]


def write(path: Path, header: dict, data: bytes) -> Path:
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


@pytest.mark.parametrize("flame", [False, True])
def test_what_is_saved_is_loaded_bit_for_bit(tmp_path, flame):
    motion = replace(ramp(7, fps=29.97, flame=flame), source="ein Gesicht, \u9854.mp4")
    save_motion(motion, tmp_path / "m.safetensors")
    loaded = load_motion(tmp_path / "m.safetensors")
    for name in ARRAYS:
        before, after = getattr(motion, name), getattr(loaded, name)
        assert before.dtype == after.dtype
        assert np.array_equal(before, after), name
    assert (loaded.fps, loaded.source, loaded.extra) == (motion.fps, motion.source, motion.extra)
    assert (loaded.flame is None) == (not flame)
    if flame:
        assert loaded.flame.edition == "test"
        for name in ("shape", "expression", "jaw", "eyes", "transform"):
            assert np.array_equal(getattr(loaded.flame, name), getattr(motion.flame, name)), name
    loaded.deltas[0] = 1  # a loaded motion is as writable as any


def test_flame_shape_per_frame_is_kept(tmp_path):
    motion = ramp(4, flame=True)
    motion = replace(motion, flame=replace(motion.flame, shape=np.ones((4, 300), np.float32)))
    save_motion(motion, tmp_path / "m.safetensors")
    assert load_motion(tmp_path / "m.safetensors").flame.shape.shape == (4, 300)


def test_the_file_is_plain_safetensors_with_a_versioned_header(saved):
    from safetensors import safe_open

    with safe_open(saved, "np") as file:
        metadata = file.metadata()
        assert set(ARRAYS) < set(file.keys())
        assert np.array_equal(file.get_tensor("deltas"), ramp(flame=True).deltas)
    assert metadata["format"] == "gagavatar.motion"
    assert metadata["version"] == "1"
    assert float(metadata["fps"]) == 25
    assert is_motion_file(saved)


def test_saving_leaves_one_file_and_replaces_an_old_one(saved):
    save_motion(ramp(3), saved)
    assert len(load_motion(saved)) == 3
    assert list(saved.parent.iterdir()) == [saved]


def test_a_motion_that_could_not_be_loaded_is_not_saved(tmp_path):
    broken = ramp()
    broken.arkit[4, 2] = np.nan
    with pytest.raises(FileFormatError, match="'arkit' holds NaN or infinity, first in row 4"):
        save_motion(broken, tmp_path / "m.safetensors")
    with pytest.raises(FileFormatError, match=r"'gaze' should have shape \(10, 2, 2\), but has \(9, 2, 2\)"):
        save_motion(replace(ramp(), gaze=ramp(9).gaze), tmp_path / "m.safetensors")
    assert not list(tmp_path.iterdir())


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(MediaError, match="no folder"):
        save_motion(ramp(), tmp_path / "nowhere" / "m.safetensors")


@pytest.mark.parametrize(
    "content", [b"RIFF....WAVE", b"{}", b"\x00" * 64, b"\xff" * 64, b"PK\x03\x04" + b"a" * 90, b"x"]
)
def test_other_files_are_no_motion_files(tmp_path, content):
    path = tmp_path / "holiday.safetensors"
    path.write_bytes(content)
    with pytest.raises(FileFormatError, match=r"holiday\.safetensors is not a motion file: make one with"):
        load_motion(path)
    assert not is_motion_file(path)


def test_other_safetensors_are_no_motion_files(tmp_path):
    from safetensors.numpy import save_file

    save_file({"rotation": np.zeros((1, 3, 3), np.float32)}, tmp_path / "weights.safetensors")
    with pytest.raises(FileFormatError, match="not a motion file"):
        load_motion(tmp_path / "weights.safetensors")


def test_missing_and_empty_files_are_named(tmp_path):
    with pytest.raises(MediaError, match="does not exist"):
        load_motion(tmp_path / "none.safetensors")
    (tmp_path / "empty.safetensors").touch()
    with pytest.raises(MediaError, match="empty"):
        load_motion(tmp_path / "empty.safetensors")


def test_a_newer_version_says_what_to_do(saved):
    header, data = parts(saved)
    header["__metadata__"]["version"] = "7"
    with pytest.raises(FileFormatError, match="version 7, and this program reads versions up to 1: update it"):
        load_motion(write(saved, header, data))
    assert is_motion_file(saved)


@pytest.mark.parametrize("version", ["", "one", "0", "-3"])
def test_a_version_that_is_none_is_refused(saved, version):
    header, data = parts(saved)
    header["__metadata__"]["version"] = version
    with pytest.raises(FileFormatError, match="its version is"):
        load_motion(write(saved, header, data))


def test_a_file_cut_anywhere_is_refused(saved):
    raw = saved.read_bytes()
    for length in np.linspace(9, len(raw) - 1, 40).astype(int):
        saved.write_bytes(raw[:length])
        with pytest.raises(FileFormatError, match="cut off"):
            load_motion(saved)
    saved.write_bytes(raw[:5])
    with pytest.raises(FileFormatError, match="not a motion file"):
        load_motion(saved)


@pytest.mark.parametrize("name", [*ARRAYS, "flame.jaw"])
def test_a_missing_tensor_is_named(saved, name):
    header, data = parts(saved)
    del header[name]
    with pytest.raises(FileFormatError, match=f"no tensor '{name}'"):
        load_motion(write(saved, header, data))


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("arkit", [20, 26], r"'arkit' should have shape \(10, 52\), but has \(20, 26\)"),
        ("neutral", [1434], r"'neutral' should have shape \(478, 3\), but has \(1434,\)"),
        ("rotation", [90], "'rotation' should have shape"),
        ("rotation", [0, 3, 3], "'rotation' is empty"),
        ("rotation", [], "'rotation' should have shape"),
        ("flame.shape", [3, 100], r"'flame\.shape' should have shape \(300,\) or \(10, 300\)"),
        ("deltas", [10, 478, -3], "'deltas' is badly described"),
        ("deltas", [10, 478, 3.0], "'deltas' is badly described"),
        ("deltas", "10", "'deltas' is badly described"),
    ],
)
def test_a_wrong_shape_is_named(saved, name, shape, message):
    header, data = parts(saved)
    header[name]["shape"] = shape
    with pytest.raises(FileFormatError, match=message):
        load_motion(write(saved, header, data))


@pytest.mark.parametrize("dtype", ["F32", "I64", "BOOL", None, 3, ["F16"]])
def test_a_wrong_type_is_named(saved, dtype):
    header, data = parts(saved)
    header["deltas"]["dtype"] = dtype
    with pytest.raises(FileFormatError, match="'deltas' should be F16, but is"):
        load_motion(write(saved, header, data))


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (7, "badly described"),
        ([], "badly described"),
        ({}, "badly described"),
        ({"dtype": "F32", "shape": [10]}, "badly described"),
        ({"dtype": "F32", "shape": [10], "data_offsets": [0]}, "badly described"),
        ({"dtype": "F32", "shape": [10], "data_offsets": [-40, 0]}, "badly described"),
        ({"dtype": "F32", "shape": [10], "data_offsets": [40, 0]}, "do not fit its shape"),
        ({"dtype": "F32", "shape": [10], "data_offsets": [0, 44]}, "do not fit its shape"),
        ({"dtype": "F32", "shape": [10], "data_offsets": [1 << 40, (1 << 40) + 40]}, "cut off"),
    ],
)
def test_a_hostile_description_of_a_tensor_is_refused(saved, entry, message):
    header, data = parts(saved)
    header["scale"] = entry
    with pytest.raises(FileFormatError, match=message):
        load_motion(write(saved, header, data))


def test_an_enormous_claim_allocates_nothing(saved):
    header, data = parts(saved)
    frames = 1 << 30
    for entry in header.values():
        if entry.get("shape", [0])[0] == 10:
            entry["shape"][0] = frames
            size = int(np.prod(entry["shape"], dtype=object)) * (2 if entry["dtype"] == "F16" else 4)
            entry["data_offsets"] = [0, size]
    with pytest.raises(FileFormatError, match="cut off"):
        load_motion(write(saved, header, data))


@pytest.mark.parametrize(
    "text", ["[" * 100000, '{"a": ' * 50000, "{]", "{\x00}", '{"__metadata__": 3}', "{}", '{"a": NaN}']
)
def test_a_hostile_header_is_no_motion_file(tmp_path, text):
    path = tmp_path / "m.safetensors"
    path.write_bytes(struct.pack("<Q", len(text)) + text.encode() + b"data")
    with pytest.raises(FileFormatError, match="not a motion file"):
        load_motion(path)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("name", ["deltas", "scale", "flame.expression"])
def test_values_that_are_no_numbers_are_refused(saved, name, value):
    header, data = parts(saved)
    begin = header[name]["data_offsets"][0]
    bad = np.array(value, np.float16 if name == "deltas" else np.float32).tobytes()
    data = data[:begin] + bad + data[begin + len(bad) :]
    with pytest.raises(FileFormatError, match=f"'{name}' holds NaN or infinity, first in row 0"):
        load_motion(write(saved, header, data))


def test_matrices_that_are_no_rotations_are_refused(saved):
    motion = ramp()
    motion.rotation[2] *= -1
    with pytest.raises(FileFormatError, match="'rotation' holds matrices that are no rotations, first in row 2"):
        save_motion(motion, saved)
    motion = replace(ramp(), scale=np.zeros(10, np.float32))
    with pytest.raises(FileFormatError, match="'scale' must be above 0, but row 0 is not"):
        save_motion(motion, saved)


@pytest.mark.parametrize("fps", ["0", "-25", "nan", "inf", "fast", ""])
def test_a_frame_rate_that_is_none_is_refused(saved, fps):
    header, data = parts(saved)
    header["__metadata__"]["fps"] = fps
    with pytest.raises(FileFormatError, match="frames per second"):
        load_motion(write(saved, header, data))


@pytest.mark.parametrize("extra", ["{", "[1]", '{"a": 3}', "[" * 100000])
def test_notes_that_are_not_text_are_refused(saved, extra):
    header, data = parts(saved)
    header["__metadata__"]["extra"] = extra
    with pytest.raises(FileFormatError, match="its notes are not"):
        load_motion(write(saved, header, data))


def test_tensors_of_later_minor_additions_are_ignored(saved):
    header, data = parts(saved)
    header["tongue"] = {"dtype": "F32", "shape": [1], "data_offsets": [len(data), len(data) + 4]}
    assert len(load_motion(write(saved, header, data + b"\0\0\0\0"))) == 10
