"""The page as others reach it: with a password, through a proxy, by many at once; skipped without Gradio."""

import os
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gagavatar_nodes import assets
from gagavatar_nodes.app.limits import Limits
from gagavatar_nodes.media.video_reader import VideoReader
from proxy import proxied
from synthetic import DRIVER

pytest.importorskip("gradio")
from page_client import Visitor

gradio_client = pytest.importorskip("gradio_client")

CLIENTS = 20
SPARE = 1.5e9
"""Bytes of memory that so many visitors may take: a lifted avatar of each is kept, 20 MB."""


def status(address, headers=None):
    try:
        with urllib.request.urlopen(urllib.request.Request(address, headers=headers or {}), timeout=300) as reply:
            return reply.status
    except urllib.error.HTTPError as error:
        return error.code


def animate(client, motion="nod", **changes):
    """Runs the tab Animate with its own defaults, small; returns the video's path."""
    endpoint = client.view_api(return_format="dict", print_info=False)["named_endpoints"]["/animate"]
    values = {one["parameter_name"]: one["parameter_default"] for one in endpoint["parameters"]}
    labels = {one["label"]: one["parameter_name"] for one in endpoint["parameters"]}
    wanted = {"Motion": motion, "Width": 128, "Height": 128, "Seconds": 0.5} | changes
    values |= {labels[label]: value for label, value in wanted.items()}
    _, _, video, *_ = client.predict(**values, api_name="/animate")
    return Path(video["video"] if isinstance(video, dict) else video)


def test_a_password_guards_the_page_and_its_api(serving, tmp_path):
    address = serving(auth=("me", "secret"))
    for path in ("config", "gradio_api/info"):
        assert status(f"{address}{path}") == 401
    with pytest.raises(Exception, match=r"(?i)credentials|401|auth|login"):
        gradio_client.Client(address, verbose=False)
    with pytest.raises(Exception, match=r"(?i)credentials|401|auth|login|incorrect"):
        gradio_client.Client(address, auth=("me", "wrong"), verbose=False)
    client = gradio_client.Client(address, auth=("me", "secret"), verbose=False, download_files=str(tmp_path / "got"))
    with VideoReader(animate(client)) as video:
        assert video.size == (128, 128)


@pytest.mark.skipif(os.name == "nt", reason="Windows refuses such names itself")
def test_files_of_any_name_are_taken(serving, tmp_path):
    client = gradio_client.Client(serving(), verbose=False, download_files=str(tmp_path / "got"))
    choices = {"What moves it": "Video or webcam", "Seconds": 1.0}
    for name in ("2024-11-14T22:57:44", "50 % #1 'best' & \"last\"?", "-%03d 漢字 🙂"):
        portrait, driver = tmp_path / f"{name}.jpg", tmp_path / f"{name}.mp4"
        portrait.write_bytes(Path(assets.path("example_portrait.jpg")).read_bytes())
        driver.write_bytes(DRIVER.read_bytes())
        files = {"Portrait": gradio_client.handle_file(portrait), "Driving video": gradio_client.handle_file(driver)}
        with VideoReader(animate(client, **files, **choices)) as video:
            assert sum(1 for _ in video) == 24, name  # built-in motions have 25 frames a second


def test_the_page_works_below_a_path_of_a_proxy(serving, tmp_path):
    address = serving(root_path="/heads")
    with proxied(int(address.rstrip("/").rpartition(":")[2]), "/heads") as shown:
        client = gradio_client.Client(shown, verbose=False, download_files=str(tmp_path / "got"))
        with VideoReader(animate(client)) as video:
            assert sum(1 for _ in video) > 5


def test_files_of_the_machine_and_of_other_visitors_cannot_be_read(serving, tmp_path):
    address = serving()
    client = gradio_client.Client(address, verbose=False, download_files=str(tmp_path / "got"))
    animate(client)
    own = [path for path in tmp_path.glob("gagavatar-app-*/*/output/**/*") if path.is_file()]
    assert own
    outside = tmp_path / "gradio" / ".." / own[0].relative_to(tmp_path)
    for path in ("/etc/passwd", own[0], outside, tmp_path / "gradio" / "..%2f..%2f..%2fetc%2fpasswd"):
        assert status(f"{address}gradio_api/file={path}") in (400, 403, 404), path


def test_many_visitors_at_once_all_get_a_result_of_their_own(serving, tmp_path):
    address = serving(limits=Limits(waiting=CLIENTS + 5))
    assert Visitor(address, "first").animate()[0]
    before = resident()

    def visit(number):
        visitor = Visitor(address, f"visitor{number}")
        done, outputs = visitor.animate(Motion="nod" if number % 2 else "smile", Seconds=number / 25)
        assert done, outputs
        path = tmp_path / f"got{number}.mp4"
        path.write_bytes(visitor.web.get(f"/gradio_api/file={outputs[2]['path']}").content)
        with VideoReader(path) as video:
            return sum(1 for _ in video)

    asked = range(10, 10 + CLIENTS)
    with ThreadPoolExecutor(CLIENTS) as pool:
        assert list(pool.map(visit, asked)) == list(asked), "frames, as many as each asked for"
    assert resident() < before + SPARE


def resident():
    """Bytes of memory of this process, in which the server runs; 0 where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def test_sharing_is_gradios_and_makes_the_page_public(monkeypatch):
    import gradio

    from gagavatar_nodes.app import page
    from gagavatar_nodes.app.jobs import Workers

    launched = {}

    def launch(self, **options):
        launched.update(options)
        return None, "http://127.0.0.1:1/", "https://shared.example"

    monkeypatch.setattr(gradio.Blocks, "launch", launch)
    built = []

    def build(limits, may_download):
        built.append(may_download)
        blocks = gradio.Blocks()
        blocks.workers = Workers(limits)  # none of its processes is started here
        return blocks

    monkeypatch.setattr(page, "build", build)
    monkeypatch.setattr(Workers, "start", lambda self: None)
    assert page.serve(page.Serving(share=True))[1] == "https://shared.example"
    assert launched["share"] is True
    page.serve(page.Serving())
    assert built == [False, True], "visitors from elsewhere may not download to this machine"
