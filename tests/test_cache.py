"""The cache of results: hits, misses, damage, and a bounded size."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from gagavatar_nodes import cache, pipeline
from gagavatar_nodes.cache import cache_folder, cached, content_key
from gagavatar_nodes.errors import FileFormatError


@pytest.fixture
def own_cache(tmp_path, monkeypatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("GAGAVATAR_CACHE", str(folder))
    return folder


@pytest.fixture
def tracked(monkeypatch) -> list[str]:
    """The files that were really tracked."""
    calls = []
    track = pipeline.track

    def counted(path, *arguments, **options):
        calls.append(Path(path).name)
        return track(path, *arguments, **options)

    monkeypatch.setattr(pipeline, "track", counted)
    return calls


def entries(folder: Path) -> list[Path]:
    return sorted((folder / "results").glob("*"))


def save_text(value: str, path: Path) -> None:
    path.write_text(value)


def load_text(path: Path) -> str:
    return path.read_text()


def keep(key: str, value: str) -> str:
    return cached(key, lambda: value, load_text, save_text)


def test_the_folder_is_the_variables_or_the_users(own_cache, monkeypatch):
    assert cache_folder() == own_cache
    monkeypatch.setenv("GAGAVATAR_CACHE", "~/elsewhere")
    assert cache_folder() == Path.home() / "elsewhere"
    monkeypatch.delenv("GAGAVATAR_CACHE")
    assert "gagavatar" in str(cache_folder())


def test_a_driver_is_tracked_once(own_cache, tracked, short_driver):
    first = pipeline.read_driver(short_driver)
    second = pipeline.read_driver(short_driver)
    assert tracked == [short_driver.name]
    assert len(entries(own_cache)) == 1
    for name in ("rotation", "translation", "scale", "neutral", "deltas", "arkit", "gaze", "confidence"):
        assert np.array_equal(getattr(first, name), getattr(second, name)), name
    assert (first.fps, first.source, first.extra) == (second.fps, second.source, second.extra)


def test_the_key_is_content_and_method_and_not_the_name(own_cache, tracked, short_driver, tmp_path):
    copy = tmp_path / "another name.mp4"
    copy.write_bytes(short_driver.read_bytes())
    pipeline.read_driver(short_driver)
    pipeline.read_driver(copy)
    assert len(tracked) == 1
    pipeline.read_driver(short_driver, smoothing=0.1)
    pipeline.read_driver(short_driver, face=0)
    assert len(tracked) == 3
    pipeline.read_driver(short_driver, fps=5)  # resampled after the cache
    assert len(tracked) == 3
    with open(copy, "ab") as stream:
        stream.write(b"\0")
    pipeline.read_driver(copy)
    assert len(tracked) == 4


def test_without_the_cache_nothing_is_kept_or_taken(own_cache, tracked, short_driver):
    for _ in range(2):
        pipeline.read_driver(short_driver, use_cache=False)
    assert len(tracked) == 2
    assert not own_cache.exists()


def test_changed_code_tracks_again(short_driver, monkeypatch):
    key = content_key(short_driver, "motion")
    assert key == content_key(short_driver, "motion")
    monkeypatch.setattr(cache, "_code", lambda: "other code")
    assert content_key(short_driver, "motion") != key


@pytest.mark.parametrize("damage", [b"", b"junk", None])
def test_a_damaged_entry_is_made_anew(own_cache, tracked, short_driver, damage):
    pipeline.read_driver(short_driver)
    (entry,) = entries(own_cache)
    whole = entry.read_bytes()
    entry.write_bytes(whole[:-100] if damage is None else damage)
    pipeline.read_driver(short_driver)
    assert len(tracked) == 2
    assert len(entries(own_cache)[0].read_bytes()) == len(whole)
    pipeline.read_driver(short_driver)
    assert len(tracked) == 2


def test_a_cache_that_cannot_be_used_costs_nothing(own_cache, short_driver):
    own_cache.write_text("a file where the folder should be")
    assert len(pipeline.read_driver(short_driver)) == 6
    assert own_cache.is_file()


def test_what_cannot_be_saved_is_returned_all_the_same(own_cache):
    def save(value: str, path: Path) -> None:
        raise FileFormatError("cannot be saved")

    assert cached("key", lambda: "value", load_text, save) == "value"


def test_an_error_in_the_work_is_not_kept(own_cache):
    def fail() -> str:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        cached("key", fail, load_text, save_text)
    assert keep("key", "mended") == "mended"
    assert keep("key", "not asked") == "mended"


def test_the_longest_unused_results_go_when_there_are_too_many(own_cache, monkeypatch):
    monkeypatch.setattr(cache, "_LIMIT_BYTES", 250)
    for age, name in enumerate(("old", "used", "new")):
        keep(name, name[0] * 100)
        for kept in entries(own_cache):
            if kept.stem == name:
                os.utime(kept, (1_000_000 + age, 1_000_000 + age))
    assert [kept.stem for kept in entries(own_cache)] == ["new", "used"]
    assert keep("used", "?")[0] == "u"  # which makes it the last used
    keep("newest", "n" * 100)
    assert [kept.stem for kept in entries(own_cache)] == ["newest", "used"]
