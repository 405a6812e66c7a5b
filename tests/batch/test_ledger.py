"""The ledger: what is needed first, what a killed program leaves, who may hold it."""

import multiprocessing
import os
import sqlite3

import pytest

from gagavatar_nodes.batch.ledger import MOST_INTERRUPTIONS, Ledger, Task
from gagavatar_nodes.errors import FileFormatError, GagavatarError


def _tasks(clips=2):
    tasks = [Task("lift", "lift", {"result": "a"}), Task("track", "track", {"result": "m"})]
    return tasks + [
        Task(f"clip{i}", "render", {"result": str(i)}, ("lift", "track"), near="lift") for i in range(clips)
    ]


@pytest.fixture
def ledger(tmp_path):
    with Ledger(tmp_path / "ledger.sqlite") as made:
        made.hold()
        made.add(_tasks())
        yield made


def test_a_task_waits_for_what_it_needs_and_clips_come_before_more_portraits(ledger):
    ledger.add([Task("other", "lift", {"result": "b"})])
    assert {ledger.claim().id, ledger.claim().id} == {"lift", "track"}
    ledger.finish("lift", {})
    assert ledger.claim().id == "other"
    assert ledger.claim() is None
    ledger.finish("track", {})
    assert ledger.claim().id == "clip0"


def test_a_task_fails_with_what_it_needs_and_the_others_go_on(ledger):
    ledger.add([Task("else", "lift", {})])
    ledger.claim()
    ledger.fail("lift", "no face")
    assert [(task.state, task.error) for task in ledger.tasks("render")] == [("failed", "no face")] * 2
    assert ledger.open_ids() == {"track", "else"}
    ledger.add([Task("late", "render", {}, ("lift",))])
    assert ledger.get("late").state == "failed"


def test_a_retry_comes_later_and_keeps_its_count(ledger):
    task = ledger.claim()
    ledger.fail(task.id, "by chance", retry_in=3600)
    assert ledger.claim().id != task.id
    assert ledger.claim() is None
    assert (ledger.get(task.id).state, ledger.get(task.id).attempts) == ("waiting", 1)


def test_tasks_near_what_a_worker_holds_are_preferred_and_those_of_others_left(ledger):
    ledger.add([Task("lift2", "lift", {}), Task("far", "render", {}, ("lift2",), near="lift2")])
    for needed in ("lift", "track", "lift2"):
        ledger.finish(needed, {})
    assert ledger.claim(near=["lift2"]).id == "far"
    ledger.release("far")
    assert ledger.claim(avoid=["lift"]).id == "far"
    assert ledger.claim(avoid=["lift"]).id == "clip0"


def test_what_no_open_task_needs_is_dropped_once(ledger):
    for _ in range(4):
        ledger.finish(ledger.claim().id, {})
    assert ledger.counts() == {"lift": {"done": 1}, "track": {"done": 1}, "render": {"done": 2}}
    assert {task.id for task in ledger.drop_unused("clip0")} == {"lift", "track"}
    assert ledger.drop_unused("clip1") == []
    ledger.add([Task("clip9", "render", {}, ("lift", "track"))])
    ledger.select(["clip0", "clip1", "clip9"])
    assert ledger.open_ids() == {"lift", "track", "clip9"}


def test_tasks_of_another_list_are_not_done(ledger):
    ledger.select(["clip1"])
    assert ledger.open_ids() == {"lift", "track", "clip1"}


def test_a_canceled_task_is_not_finished_by_its_worker(ledger):
    task = ledger.claim()
    assert ledger.cancel(task.id)
    assert not ledger.finish(task.id, {})
    assert ledger.get(task.id).state == "canceled"


def test_a_second_program_is_refused_while_the_first_lives(ledger):
    refused = multiprocessing.get_context("spawn").Process(target=_hold, args=(str(ledger.path),))
    refused.start()
    refused.join()
    assert refused.exitcode == 7


def test_what_a_dead_program_left_running_waits_again_but_not_for_ever(tmp_path):
    path = tmp_path / "ledger.sqlite"
    with Ledger(path) as ledger:
        ledger.add(_tasks())
    for turn in range(MOST_INTERRUPTIONS):
        dying = multiprocessing.get_context("spawn").Process(target=_claim_and_die, args=(str(path),))
        dying.start()
        dying.join()
        assert dying.exitcode == 9, turn
    with Ledger(path) as ledger:
        ledger.hold()
        suspect, clip = ledger.get("lift"), ledger.get("clip0")
        assert (suspect.state, clip.state, ledger.get("track").state) == ("failed", "failed", "waiting")
        assert f"ended {MOST_INTERRUPTIONS} times" in clip.error


def test_a_file_that_is_no_ledger_or_a_newer_one_is_refused(tmp_path):
    (tmp_path / "text.sqlite").write_text("no database" * 100)
    with pytest.raises(FileFormatError, match="no ledger"):
        Ledger(tmp_path / "text.sqlite")
    with sqlite3.connect(tmp_path / "newer.sqlite") as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(FileFormatError, match="newer version"):
        Ledger(tmp_path / "newer.sqlite")


def test_a_quota_is_used_up_and_says_when_there_is_room(ledger):
    assert [ledger.use("ann", 2, 60.0) for _ in range(2)] == [None, None]
    assert 50 < ledger.use("ann", 2, 60.0) <= 60
    assert ledger.use("bob", 2, 60.0) is None


def _hold(path):
    try:
        Ledger(path).hold()
    except GagavatarError as error:
        os._exit(7 if "another program" in str(error) else 1)


def _claim_and_die(path):
    ledger = Ledger(path)
    ledger.hold()
    assert ledger.claim().id == "lift"
    os._exit(9)
