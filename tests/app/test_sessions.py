import time

import pytest

from gagavatar_nodes.app.sessions import Sessions, _name


def test_visitors_do_not_share_folders_or_results(tmp_path):
    sessions = Sessions(tmp_path / "app")
    one, two = sessions.of("one"), sessions.of("two")
    assert sessions.of("one") is one
    assert one.folder != two.folder
    assert one.results is not two.results


def test_a_visitor_who_leaves_is_forgotten_and_the_job_stopped(tmp_path):
    sessions = Sessions(tmp_path / "app")
    session = sessions.of("one")
    program = session.program(print)
    (program.output / "x.mp4").write_bytes(b"x")
    sessions.close("one")
    assert not session.folder.exists()
    assert session.canceled.is_set()
    assert sessions.of("one") is not session


def test_visitors_not_seen_for_a_while_are_forgotten(tmp_path):
    sessions = Sessions(tmp_path / "app", lifetime=60)
    old = sessions.of("old")
    old.used = time.monotonic() - 61
    sessions.of("new")
    assert len(sessions) == 1


def test_what_was_computed_for_visitors_who_rest_or_are_many_is_let_go(tmp_path):
    sessions = Sessions(tmp_path / "app")
    for number in range(10):
        sessions.of(f"{number}").values.update({"avatar auto": object(), "measured graph": {}})
    sessions.of("9").used = time.monotonic() - 301
    sessions.of("8")
    kept = [number for number in range(10) if "avatar auto" in sessions._sessions[_name(f"{number}")].values]
    assert 0 < len(kept) <= 8
    assert 8 in kept
    assert 9 not in kept
    assert all("measured graph" in session.values for session in sessions._sessions.values())


@pytest.mark.parametrize("name", ["../../evil.png", ".hidden", "a b;c.png", "x" * 300 + ".png"])
def test_uploads_stay_inside_the_input_folder(tmp_path, name):
    sessions = Sessions(tmp_path / "app")
    session = sessions.of("one")
    source = tmp_path / name.replace("../", "").replace("/", "")[-200:]
    source.write_bytes(b"picture")
    taken = session.take_in(source)
    inside = session.folder / "input"
    assert (inside / taken).resolve().parent == inside.resolve()
    assert (inside / taken).read_bytes() == b"picture"
