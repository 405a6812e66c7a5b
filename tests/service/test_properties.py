"""Two thousand requests that the schema allows or forbids, and fifty clients at once."""

import threading
from contextlib import suppress

import pytest

from gagavatar_nodes import assets
from gagavatar_nodes.client import Client
from gagavatar_nodes.errors import GagavatarError
from media_files import encode_video
from running_service import RunningService

psutil = pytest.importorskip("psutil")
schemathesis = pytest.importorskip("schemathesis")
from hypothesis import HealthCheck, Phase, given, seed, settings  # noqa: E402
from hypothesis.errors import Unsatisfiable  # noqa: E402

REQUESTS = 2000
CLIENTS = 50
GROWTH = 1.25


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    running = RunningService(
        tmp_path_factory.mktemp("service") / "data",
        *("--workers", 2, "--max-seconds", 2, "--max-queue", 20, "--max-task", 30, "--max-size", 128),
    )
    yield running
    running.stop()


def test_no_request_is_answered_by_an_error_of_the_service(service):
    schema = schemathesis.openapi.from_url(f"{service.url}/openapi.json")
    operations = [result.ok() for result in schema.get_all_operations()]
    statuses: list[int] = []
    number = 0
    while len(statuses) < REQUESTS:
        for operation in operations:
            for mode in schemathesis.GenerationMode:
                with suppress(Unsatisfiable):  # what takes no input has no bad one
                    _ask_often(operation, mode, service, number, statuses)
        number += 1
    assert {202, 404, 422} <= set(statuses)


def _ask_often(operation, mode, service, number, statuses):
    @seed(number)
    @settings(
        max_examples=50,
        database=None,
        deadline=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case):
        answer = case.call(timeout=300)
        statuses.append(answer.status_code)
        assert answer.status_code < 500, (case.method, case.path, answer.text)
        assert str(service.data) not in answer.text
        assert "Traceback" not in answer.text

    ask()


def test_fifty_clients_at_once_lose_nothing_and_memory_stays(service, driver_images, tmp_path):
    driver = encode_video(tmp_path / "driver.mp4", driver_images[:12:4], fps=10, pixels="yuv420p")
    with Client(service.url, patience=300) as client:
        avatar = client.wait(client.create_avatar(assets.path("example_portrait.jpg"), density=148))
    failures, sizes = [], []

    def work(number):
        try:
            with Client(service.url, timeout=600, patience=600) as client:
                motion = client.create_motion(driver)
                clip = client.wait(client.create_render(avatar.id, motion.id, width=64, height=64))
                path = client.download(clip.id, tmp_path / f"{number}.mp4")
                sizes.append(path.read_bytes())
        except GagavatarError as error:
            failures.append(str(error))

    def all_at_once():
        threads = [threading.Thread(target=work, args=(number,)) for number in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    program = psutil.Process(service.process.pid)
    all_at_once()
    before = program.memory_info().rss
    all_at_once()
    assert failures == []
    assert len(sizes) == 2 * CLIENTS
    assert len(set(sizes)) == 1
    assert program.memory_info().rss < GROWTH * before
