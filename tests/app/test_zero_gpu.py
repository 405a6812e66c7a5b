"""Jobs on a Space that lends GPUs, with a stand-in for its package that runs calls in another process, as it does."""

import importlib
import multiprocessing
import os
import sys
from types import ModuleType

import pytest

from gagavatar_nodes.app import jobs, zero_gpu
from gagavatar_nodes.app.graphs import AnimateOptions, Source, animate
from gagavatar_nodes.app.sessions import CanceledError
from gagavatar_nodes.media.video_reader import VideoReader

WORKERS = jobs.Workers()
GRAPH = animate(Source("example"), Source("builtin", "nod"), AnimateOptions(128, 128, seconds=0.4, model="embedded"))


@pytest.fixture
def space(monkeypatch):
    """The module of jobs as such a Space has it; what it lends is `asked`."""
    if "fork" not in multiprocessing.get_all_start_methods():
        pytest.skip("processes cannot be forked here")
    asked = []

    def GPU(duration):  # noqa: N802 - the package's name
        asked.append(duration)

        def decorated(function):
            def call(*args):
                context = multiprocessing.get_context("fork")
                entries = context.SimpleQueue()

                def work():
                    for item in function(*args):
                        entries.put((os.getpid(), item))
                    entries.put(None)

                process = context.Process(target=work, daemon=True)
                process.start()
                try:
                    while (entry := entries.get()) is not None:
                        assert entry[0] != os.getpid()
                        yield entry[1]
                finally:
                    process.terminate()

            return call

        return decorated

    package = ModuleType("spaces")
    package.GPU, package.__spec__ = GPU, importlib.machinery.ModuleSpec("spaces", None)
    monkeypatch.setitem(sys.modules, "spaces", package)
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    monkeypatch.setattr(jobs, "_run_on_lent_gpu", zero_gpu.with_gpu(jobs._run_on_lent_gpu))
    monkeypatch.setattr(jobs, "uses_network", lambda graph: True)
    return asked


def test_a_job_runs_in_the_process_that_has_the_gpu_and_leaves_its_file(space, session):
    *earlier, last = WORKERS.run(session, GRAPH)
    assert space == [120]
    assert all(report.outputs is None for report in earlier)
    with VideoReader(last.outputs["render"][1][0]) as video:
        assert sum(1 for _ in video) == 10


def test_stop_reaches_a_job_with_a_lent_gpu(space, session):
    running = WORKERS.run(session, GRAPH)
    next(running)
    session.stop()
    with pytest.raises(CanceledError):
        list(running)


def test_elsewhere_nothing_is_decorated_and_jobs_run_here(session, monkeypatch):
    monkeypatch.delenv("SPACES_ZERO_GPU", raising=False)
    assert not zero_gpu.is_here()
    assert zero_gpu.with_gpu(test_elsewhere_nothing_is_decorated_and_jobs_run_here).__name__.startswith(
        "test_elsewhere"
    )
    *_, last = WORKERS.run(session, GRAPH)
    assert last.outputs["render"][1][0].startswith(str(session.folder))
    WORKERS.close()


def test_only_graphs_of_the_published_network_ask_for_a_gpu(monkeypatch):
    from gagavatar_nodes import settings

    monkeypatch.setattr(settings, "availability", lambda given: (True, ""))
    auto = animate(Source("example"), Source("builtin", "nod"))
    assert jobs.uses_network(auto)
    assert not jobs.uses_network(GRAPH)
    monkeypatch.setattr(settings, "availability", lambda given: (False, ""))
    assert not jobs.uses_network(auto)
