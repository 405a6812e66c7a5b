"""Batches for real: processes that are killed at chosen moments, and what is there afterwards."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gagavatar_nodes import assets
from gagavatar_nodes.batch.ledger import Ledger

_SCRIPT = Path(__file__).parent.parent / "helpers" / "killed_batch.py"
_COMMON = ("--density", "148", "--size", "64", "--workers", "1", "--json")
MOMENTS = (
    "planned",
    "claimed",
    "lifted, not noted",
    "rendered, not noted",
    "in the worker, before the rename",
    "noted",
    "unused dropped, not removed",
)


def _batch(*arguments, moment="never", marker=os.devnull):
    command = [sys.executable, _SCRIPT, moment, marker, "batch", *arguments, *_COMMON]
    return subprocess.run([str(one) for one in command], capture_output=True, text=True, timeout=900)


def _clips(folder):
    return {path.name: path.read_bytes() for path in folder.glob("*.mp4")}


@pytest.fixture(scope="module")
def jobs(tmp_path_factory, short_driver):
    """A list of three clips of one portrait, two of them of one driver."""
    portrait = str(assets.path("example_portrait.jpg"))
    rows = [
        {"portrait": portrait, "driver": str(short_driver), "output": "a.mp4"},
        {"portrait": portrait, "driver": str(short_driver), "output": "b.mp4", "size": [64, 48]},
        {"portrait": portrait, "driver": "nod", "seconds": 0.4, "output": "c.mp4"},
    ]
    path = tmp_path_factory.mktemp("jobs") / "jobs.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


@pytest.fixture(scope="module")
def finished(jobs, tmp_path_factory):
    """The folder of a batch to which nothing happens, with its avatar and motions."""
    folder = tmp_path_factory.mktemp("undisturbed")
    outcome = _batch(jobs, "-o", folder, "--keep")
    assert outcome.returncode == 0, outcome.stderr
    return folder


@pytest.fixture(scope="module")
def undisturbed(finished):
    """Its clips."""
    return _clips(finished)


def test_killed_at_any_moment_the_next_start_does_the_rest(jobs, undisturbed, tmp_path):
    out = tmp_path / "out"
    lifts = 0
    for moment in MOMENTS:
        outcome = _batch(jobs, "-o", out, moment=moment, marker=tmp_path / moment)
        in_worker = moment.startswith("in the worker")
        assert outcome.returncode == (0 if in_worker else -signal.SIGKILL), (moment, outcome.stderr)
        with Ledger(out / ".gagavatar" / "ledger.sqlite") as ledger:
            lifts = max(lifts, ledger.counts().get("lift", {}).get("done", 0))
        for name, data in _clips(out).items():
            assert data == undisturbed[name], moment
        if in_worker:  # its program went on and finished; make it do a clip again, and then the last once more
            (out / "a.mp4").unlink()
            (out / "c.mp4").unlink()
    outcome = _batch(jobs, "-o", out)
    assert outcome.returncode == 0, outcome.stderr
    assert lifts == 1
    assert _clips(out) == undisturbed
    left = [path.name for path in out.rglob("*") if path.is_file() and not path.name.startswith("ledger.")]
    assert sorted(name for name in left if not name.startswith(".")) == ["a.mp4", "b.mp4", "c.mp4"]


def test_a_finished_batch_is_not_done_again(jobs, finished, undisturbed):
    before = {name: (finished / name).stat().st_mtime_ns for name in undisturbed}
    summary = json.loads(_batch(jobs, "-o", finished, "--keep").stdout)
    assert {name: (finished / name).stat().st_mtime_ns for name in undisturbed} == before
    assert (summary["done"], summary["failed"]) == (3, 0)


def test_a_bad_job_fails_alone(jobs, finished, undisturbed, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(50))
    row = json.loads(jobs.read_text().splitlines()[0])
    rows = [
        {**row, "portrait": str(broken), "output": "bad.mp4"},
        {**row, "driver": "missing.mp4", "output": "d.mp4"},
        {**row, "output": "e.mp4"},
    ]
    listed = tmp_path / "jobs.jsonl"
    listed.write_text("\n".join(map(json.dumps, rows)))
    outcome = _batch(listed, "-o", finished, "--retries", 0, "--keep")
    summary = json.loads(outcome.stdout)
    assert outcome.returncode == 1
    assert (summary["done"], summary["failed"]) == (1, 2)
    assert summary["stages"]["lift"]["tasks"] == 1  # of both batches together
    errors = {Path(job["output"]).name: job.get("error", "") for job in summary["jobs"]}
    assert "damaged" in errors["bad.mp4"]
    assert "missing.mp4 does not exist" in errors["d.mp4"]
    assert (finished / "e.mp4").read_bytes() == undisturbed["a.mp4"]


@pytest.mark.parametrize("moment", ["while it works", "terminated, as a worker starts"])
def test_terminated_it_stops_at_once_and_leaves_nothing_half(jobs, tmp_path, moment):
    out = tmp_path / "out"
    marker = str(tmp_path / "terminated")
    command = [sys.executable, str(_SCRIPT), moment, marker, "batch", str(jobs), "-o", str(out), *_COMMON]
    process = subprocess.Popen(command, stderr=subprocess.PIPE)
    ledger = out / ".gagavatar" / "ledger.sqlite"
    if moment == "while it works":
        for _ in range(6000):
            if ledger.exists() and _running(ledger):
                break
            time.sleep(0.05)
        else:
            pytest.fail("nothing ran within five minutes")
        process.terminate()
    _, said = process.communicate(timeout=300)
    assert process.returncode == 143, said.decode()
    with Ledger(ledger) as left:
        left.hold()  # nobody holds it any more
        assert all(task.attempts == 0 for task in left.tasks(None, "waiting"))
        assert not left.tasks(None, "running")
    assert not list(out.glob("*.mp4"))


def _running(path):
    try:
        with Ledger(path) as ledger:
            return bool(ledger.tasks(None, "running"))
    except Exception:  # it is being made
        return False
