"""Files of named arrays: only what was promised is read, and nothing is believed."""

from __future__ import annotations

import errno
import json
import os
import struct
from pathlib import Path

import numpy as np
import pytest

from gagavatar_nodes.errors import FileFormatError, MediaError
from gagavatar_nodes.tensor_file import TensorFormat

FORMAT = TensorFormat("test.shelf", 2, "shelf file", "gagavatar shelve")
KINDS = {
    "heights": ("F32", ("N",)),
    "places": ("F64", ("N", 3)),
    "marks": ("F16", (2, "M")),
    "rows": ("I32", ("N?", 2)),
}


def arrays(count: int = 4) -> dict[str, np.ndarray]:
    return {
        "heights": np.linspace(0, 1, count, dtype=np.float32),
        "places": np.arange(3.0 * count).reshape(count, 3),
        "marks": np.ones((2, 5), np.float16),
        "rows": np.arange(2, dtype=np.int32),
    }


@pytest.fixture
def path(tmp_path) -> Path:
    FORMAT.save(tmp_path / "shelf.safetensors", arrays(), KINDS, {"owner": "Frau Müller"})
    return tmp_path / "shelf.safetensors"


def changed(path: Path, change) -> Path:
    """The file with its header changed."""
    raw = path.read_bytes()
    length = struct.unpack("<Q", raw[:8])[0]
    header = json.loads(raw[8 : 8 + length])
    header = change(header) or header
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + raw[8 + length :])
    return path


def test_arrays_and_notes_come_back_as_they_were(path):
    reader = FORMAT.open(path)
    assert reader.notes == {"format": "test.shelf", "version": "2", "owner": "Frau Müller"}
    for name, array in reader.tensors(KINDS).items():
        assert np.array_equal(array, arrays()[name])
        assert array.dtype == arrays()[name].dtype
        array[...] = 0  # they are the reader's own
    assert list(reader.tensors({"marks": KINDS["marks"]})) == ["marks"]


def test_the_same_content_is_the_same_file(tmp_path):
    notes = {f"note {i}": "é" * i for i in range(9)}
    written = set()
    for i in range(5):
        FORMAT.save(tmp_path / f"{i}.safetensors", arrays(), KINDS, notes)
        written.add((tmp_path / f"{i}.safetensors").read_bytes())
    assert len(written) == 1
    assert FORMAT.open(tmp_path / "0.safetensors").notes.items() >= notes.items()


def test_the_format_is_recognized_whatever_its_version_and_state(path, tmp_path):
    assert FORMAT.recognizes(path)
    assert not TensorFormat("test.box", 1, "box", "x").recognizes(path)
    path.write_bytes(path.read_bytes()[:-20])
    assert FORMAT.recognizes(path)
    changed(path, lambda header: header["__metadata__"].update(version="9"))
    assert FORMAT.recognizes(path)
    assert not FORMAT.recognizes(tmp_path)
    assert not FORMAT.recognizes(tmp_path / "none")


def test_a_dimension_may_be_missing_and_sizes_must_agree(tmp_path):
    per_row = arrays() | {"rows": np.zeros((4, 2), np.int32)}
    FORMAT.save(tmp_path / "a", per_row, KINDS, {})
    assert FORMAT.open(tmp_path / "a").tensors(KINDS)["rows"].shape == (4, 2)
    for name, shape in (("rows", (3, 2)), ("places", (5, 3)), ("marks", (3, 5)), ("heights", (0,))):
        with pytest.raises(FileFormatError, match=f"tensor '{name}'|tensor 'places'"):
            FORMAT.save(tmp_path / "b", arrays() | {name: np.zeros(shape, np.float32)}, KINDS, {})
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda h: h.pop("places") and None, "has no tensor 'places'"),
        (lambda h: h["places"].update(dtype="F32"), "'places' should be F64, but is F32"),
        (lambda h: h["places"].update(shape=[4, 4]), r"'places' should have shape \(4, 3\), but has \(4, 4\)"),
        (lambda h: h["places"].update(shape=[-4, 3]), "'places' is badly described"),
        (lambda h: h["places"].update(shape="12"), "'places' is badly described"),
        (lambda h: h["places"].update(shape=[1 << 60, 3]), "'places' is badly described"),
        (lambda h: h["places"].update(shape=[True, 3]), "'places' is badly described"),
        (lambda h: h["places"].update(data_offsets=[0]), "'places' is badly described"),
        (lambda h: h["places"].update(data_offsets=[8, 0]), "bytes of tensor 'places' do not fit"),
        (lambda h: h["places"].update(data_offsets=[1 << 40, (1 << 40) + 96]), "is cut off"),
        (lambda h: h.update(places=7), "'places' is badly described"),
        (lambda h: h.pop("__metadata__") and None, "is not a shelf file"),
        (lambda h: h.update(__metadata__=[1]), "is not a shelf file"),
        (lambda h: h["__metadata__"].update(version="3"), "of version 3, and this program reads versions up to 2"),
        (lambda h: h["__metadata__"].update(version="9" * 5000), "its version is not a number"),
        (lambda h: [1, 2], "is not a shelf file"),
    ],
)
def test_a_header_that_lies_is_refused(path, change, complaint):
    with pytest.raises(FileFormatError, match=complaint) as refusal:
        FORMAT.open(changed(path, change)).tensors(KINDS)
    assert str(path) in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_giant_header_is_not_read(path):
    path.write_bytes(struct.pack("<Q", 1 << 50) + b"{}")
    with pytest.raises(FileFormatError, match="is not a shelf file"):
        FORMAT.open(path)


def test_a_header_nested_without_end_is_refused(path):
    text = b'{"a":' + b"[" * 200_000
    path.write_bytes(struct.pack("<Q", len(text)) + text)
    with pytest.raises(FileFormatError):
        FORMAT.open(path)


@pytest.mark.parametrize("kept", [3, 8, 40, -1])
def test_a_file_cut_anywhere_is_refused(path, kept):
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(FileFormatError):
        FORMAT.open(path).tensors(KINDS)


def test_numbers_that_are_none_are_refused(path, tmp_path):
    broken = arrays()
    broken["heights"][2] = np.inf
    with pytest.raises(FileFormatError, match="'heights' holds NaN or infinity, first in row 2"):
        FORMAT.save(tmp_path / "b", broken, KINDS, {})
    raw = bytearray(path.read_bytes())
    raw[-8:] = b"\xff" * 8
    path.write_bytes(raw)
    with pytest.raises(FileFormatError, match="holds NaN or infinity"):
        FORMAT.open(path).tensors({"marks": KINDS["marks"], "heights": KINDS["heights"], "places": KINDS["places"]})


def test_a_full_disk_is_named_and_the_old_file_stays(path, monkeypatch):
    before = path.read_bytes()

    def full(*arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(MediaError, match="the disk is full"):
        FORMAT.save(path, arrays(2), KINDS, {})
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]
