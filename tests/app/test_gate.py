"""What may enter, and what uploads may take."""

import os
import time

import pytest

from gagavatar_nodes.app.gate import Gate, UploadError
from gagavatar_nodes.app.limits import Limits
from gagavatar_nodes.errors import GagavatarError, MediaError

LIMITS = Limits(megabytes=1, spare_disk=0)


@pytest.fixture
def gate(tmp_path):
    return Gate(tmp_path / "uploads", LIMITS)


def uploaded(gate, data=b"x", client="1.2.3.4", name="a.jpg"):
    with gate.receiving(client) as token:
        path = gate.root / token / "content" / name
        path.parent.mkdir(parents=True)
        path.write_bytes(data)
        gate.grow(token, len(data))
        gate.keep(token)
    return path


def test_who_uses_a_file_first_owns_it(gate):
    path = uploaded(gate)
    assert gate.admit(str(path), "one") == path
    with pytest.raises(MediaError, match="was not uploaded on this page"):
        gate.admit(path, "two")
    gate.forget("one")
    assert not path.exists()
    with pytest.raises(MediaError):
        gate.admit(path, "one")


def test_a_bundled_file_is_known_by_its_bytes(gate, tmp_path):
    asset = tmp_path / "example.jpg"
    asset.write_bytes(b"example")
    gate.bundle(asset)
    for content in (b"example", b"exbmple"):
        copy = gate.root / content.hex() / "example.jpg"
        copy.parent.mkdir()
        copy.write_bytes(content)
    assert gate.admit(gate.root / b"example".hex() / "example.jpg", "anyone")
    with pytest.raises(MediaError):
        gate.admit(gate.root / b"exbmple".hex() / "example.jpg", "anyone")


def test_an_upload_that_ends_early_is_removed(gate):
    with gate.receiving("1.2.3.4") as token:
        (gate.root / token).mkdir()
        (gate.root / token / "part").write_bytes(b"x")
    assert list(gate.root.iterdir()) == []


def test_what_is_being_received_counts_for_the_visitor(gate):
    with gate.receiving("1.2.3.4") as one, gate.receiving("1.2.3.4") as two:
        gate.grow(one, 3_000_000)
        with pytest.raises(UploadError):
            gate.grow(two, 3_000_000)
    with gate.receiving("1.2.3.4") as token:
        gate.grow(token, 3_000_000)


def test_uploads_that_nobody_uses_make_room(gate):
    paths = [uploaded(gate, name=f"{number}.wav") for number in range(120)]
    uploaded(gate)
    left = [path for path in paths if path.exists()]
    assert len(left) <= 101
    assert left[-1] == paths[-1]


def test_uploads_of_visitors_who_are_gone_are_swept(gate, monkeypatch):
    path = uploaded(gate)
    gate.admit(path, "one")
    later = time.monotonic() + LIMITS.lifetime + 100
    monkeypatch.setattr(time, "monotonic", lambda: later)
    gate.sweep()
    assert not path.exists()


def test_values_are_looked_through_at_any_depth(gate):
    path = uploaded(gate)
    value = {"path": str(path), "url": "http://127.0.0.1/x"}
    gate.admit_all([[{"video": value}]], "one")
    assert "url" not in value
    assert value["meta"] == {"_type": "gradio.FileData"}
    with pytest.raises(MediaError):
        gate.admit_all([[{"video": {"path": os.__file__}}]], "one")
    deep = []
    for _ in range(100):
        deep = [deep]
    with pytest.raises(GagavatarError, match="inside of each other"):
        gate.admit_all([deep], "one")
    with pytest.raises(GagavatarError, match="too many values"):
        gate.admit_all([[0] * 30_000], "one")
