"""Jobs in processes of their own: what comes back, how they stop, and what they may take."""

import itertools
import os
import signal
import time

import av
import numpy as np
import pytest
from PIL import Image

from gagavatar_nodes.app.graphs import AnimateOptions, Source, animate, node
from gagavatar_nodes.app.jobs import BusyError, Workers
from gagavatar_nodes.app.limits import Limits
from gagavatar_nodes.app.reports import Report
from gagavatar_nodes.app.sessions import CanceledError, Sessions
from gagavatar_nodes.app.words import UnexpectedError
from gagavatar_nodes.errors import GagavatarError, MediaError
from gagavatar_nodes.media.video_reader import VideoReader
from synthetic import DRIVER

pytest.importorskip("gradio")

SHORT = animate(Source("example"), Source("builtin", "nod"), AnimateOptions(width=128, height=128, seconds=0.4))
LONG = animate(Source("example"), Source("builtin", "talk"), AnimateOptions(width=512, height=512, seconds=60.0))
FOLLOWED = animate(Source("example"), Source("file", "driver"), AnimateOptions(width=128, height=128))

unix = pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="Windows has no such signals")


@pytest.fixture
def other(session):
    return Sessions(session.folder.parent / "others").of("other")


def stopped_within(reports, session, seconds):
    session.stop()
    asked = time.monotonic()
    with pytest.raises(CanceledError):
        list(reports)
    assert time.monotonic() - asked < seconds


def until_it_runs(reports):
    next(report for report in reports if report.done > 2)


def process_of(workers):
    return workers._all[0]._process._process.pid


def test_a_job_leaves_its_file_and_tells_of_each_node(workers, session):
    look = AnimateOptions(width=128, height=128, seconds=0.4, compare=True)
    reports = list(workers.run(session, animate(Source("example"), Source("builtin", "nod"), look)))
    path = reports[-1].outputs["render"][1][0]
    assert path.startswith(str(session.folder))
    with VideoReader(path) as reader:
        frames = list(reader)
    assert len(frames) == 10
    assert frames[0].shape[1] > 128, "the portrait stands beside the head"
    assert np.std(frames[0][:, -128:]) > 20


def test_stop_ends_a_job_and_the_next_one_runs(workers, session):
    reports = workers.run(session, LONG)
    until_it_runs(reports)
    stopped_within(reports, session, 20)
    assert list((session.folder / "output").rglob("*.mp4")) == []
    assert list(session.folder.rglob(".*.tmp*")) == []
    *_, last = workers.run(session, SHORT)
    assert last.outputs


@unix
def test_a_job_that_does_not_listen_is_ended_with_its_process(workers, session, monkeypatch):
    reports = workers.run(session, LONG)
    until_it_runs(reports)
    first = process_of(workers)
    os.kill(first, signal.SIGSTOP)  # as compiled code that does not come back
    stopped_within(reports, session, 20)
    assert process_of(workers) != first


@unix
@pytest.mark.parametrize(
    ("number", "error", "words"),
    [("SIGKILL", GagavatarError, "most likely because memory ran out"), ("SIGSEGV", UnexpectedError, "SIGSEGV")],
)
def test_a_process_that_dies_is_told_from_one_that_is_killed(workers, session, number, error, words):
    reports = workers.run(session, LONG)
    until_it_runs(reports)
    os.kill(process_of(workers), getattr(signal, number))
    with pytest.raises(error, match=words):
        list(reports)
    *_, last = workers.run(session, SHORT)
    assert last.outputs


def test_a_job_that_takes_too_much_memory_is_ended(session):
    pytest.importorskip("psutil")
    small = Workers(Limits(job_memory=1e6))
    with pytest.raises(GagavatarError, match=r"more than 0\.0 GB of memory"):
        list(small.run(session, LONG))
    small.close()


def test_pages_that_close_stop_their_jobs(session):
    own = Workers()
    reports = own.run(session, LONG)
    next(reports)
    own.close()
    with pytest.raises(CanceledError):
        list(reports)


def test_closing_the_reports_ends_the_job(workers, session, other):
    reports = workers.run(session, LONG)
    next(reports)
    reports.close()
    *_, last = workers.run(other, SHORT)
    assert last.outputs


def test_jobs_wait_in_line_are_told_so_and_can_be_stopped(workers, session, other):
    running = workers.run(session, LONG)
    next(running)
    waiting = workers.run(other, SHORT)
    report = next(waiting)
    assert report.ahead == 1
    assert report.line.startswith("Waiting: 1 job is before yours, about ")
    stopped_within(waiting, other, 20)
    running.close()


def test_a_full_line_says_when_to_come_back(session, other):
    workers = Workers(Limits(waiting=1))
    workers._free.clear()  # as if each ran a job
    waiting = workers.run(session, SHORT)
    next(waiting)
    assert workers.full() >= 1
    with pytest.raises(BusyError, match=r"1 jobs are waiting already: come back in about \d+ s"):
        next(workers.run(other, SHORT))
    waiting.close()
    assert workers.full() is None


def test_the_state_is_said_in_words():
    assert Report("Lift", 0, None).line == "Lift …"
    assert Report("Render", 3, 10, seconds_left=4.2).line == "Render: 3 of 10 frames, about 4 s left"
    assert Report(ahead=3).line == "Waiting: 3 jobs are before yours"


def test_what_nodes_raise_comes_back_in_their_class(workers, session):
    graph = {"p": node("LoadImage", image="nothing.png"), "s": node("SaveImage", images=["p", 0], filename_prefix="x")}
    with pytest.raises(MediaError, match=r"nothing\.png"):
        list(workers.run(session, graph))


def still_film(path, frames, fps=25):
    """A Matroska film without a duration in its head."""
    with av.open(str(path), "w", format="matroska", options={"live": "1"}) as film:
        stream = film.add_stream("libx264", rate=fps)
        stream.width = stream.height = 64
        for _ in range(frames):
            picture = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8))
            for packet in stream.encode(picture):
                film.mux(packet)
        for packet in stream.encode():
            film.mux(packet)


def test_a_film_that_does_not_say_how_long_it_is_keeps_to_the_limit(session):
    (session.folder / "input").mkdir(parents=True)
    still_film(session.folder / "input" / "driver", 100)
    with VideoReader(session.folder / "input" / "driver") as film:
        assert film.duration is None
    limited = Workers(Limits(seconds=2.0))
    with pytest.raises(GagavatarError, match="is longer than 2 s"):
        list(limited.run(session, FOLLOWED))
    limited.close()


def test_a_picture_that_is_long_to_decode_can_be_stopped(workers, session):
    (session.folder / "input").mkdir(parents=True)
    small = Image.new("P", (4000, 4000))
    frames = itertools.repeat(Image.new("P", (4000, 4000), 1), 300)
    small.save(session.folder / "input" / "driver", "GIF", save_all=True, append_images=frames, duration=20)
    reports = workers.run(session, FOLLOWED)
    next(reports)
    stopped_within(reports, session, 20)


def test_a_damaged_driver_is_told_of(workers, session):
    (session.folder / "input").mkdir(parents=True)
    data = DRIVER.read_bytes()
    (session.folder / "input" / "driver").write_bytes(data[: len(data) * 7 // 10])
    *_, last = workers.run(session, FOLLOWED)
    assert any("damaged" in warning for warning in last.warnings)
