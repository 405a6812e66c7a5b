"""A visitor's session in a folder of the test's own, and the page in a browser."""

import shutil
import tempfile
from functools import partial

import pytest

from gagavatar_nodes.app.limits import Limits
from gagavatar_nodes.app.sessions import Sessions
from gagavatar_nodes.assets import path as asset
from gagavatar_nodes.media.video_reader import VideoReader
from lifted import run_jobs
from synthetic import DRIVER

_UNWATCHED = "addEventListener('play', ({target}) => { if (!target.srcObject) target.pause(); }, true)"
"""Films do not play, but what a webcam sees does: each takes half a processor for as long as it goes round."""


@pytest.fixture(scope="session", autouse=True)
def lifted_once_by_pages(once, run_folder, track, lift):
    """What this run has tracked and lifted is not tracked and lifted again by pages and the processes of their jobs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gagavatar_nodes.tracking.portrait.track_portrait", track)
        patch.setattr("gagavatar_nodes.lifting.embedded.lift_portrait", lift)
        patch.setattr("gagavatar_nodes.app.jobs.main", partial(run_jobs, run_folder / "once"))
        yield


@pytest.fixture
def session(tmp_path):
    return Sessions(tmp_path / "app").of("visitor")


@pytest.fixture(scope="session")
def workers():
    """The processes of jobs, which the tests share."""
    from gagavatar_nodes.app.jobs import Workers

    shared = Workers()
    yield shared
    shared.close()


@pytest.fixture
def program(session):
    return session.program(lambda done, total, picture: None)


@pytest.fixture
def serving(tmp_path, monkeypatch):
    """Function (**options of `Serving`) -> address; what is written goes to a folder of the test."""
    from gagavatar_nodes.app.page import Serving, serve

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    pages = []

    def start(**options):
        page, address = serve(Serving(**options), block=False)
        pages.append(page)
        return address

    yield start
    for page in pages:
        page.close()


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The folder to which the server writes."""
    folder = tmp_path_factory.mktemp("app")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(folder))
        yield folder


@pytest.fixture(scope="module")
def address(written):
    from gagavatar_nodes.app.page import Serving, serve

    page, url = serve(Serving(limits=Limits(seconds=12.0, megabytes=1)), block=False)
    yield url
    page.close()


@pytest.fixture(scope="module")
def camera(tmp_path_factory):
    import cv2

    path = tmp_path_factory.mktemp("camera") / "camera.mjpeg"
    with VideoReader(DRIVER) as video, path.open("wb") as file:
        for frame in video:
            file.write(cv2.imencode(".jpg", frame[..., ::-1])[1].tobytes())
    return path


@pytest.fixture(scope="module")
def microphone(tmp_path_factory):
    """The bundled voice as WAV, over and over."""
    from gagavatar_nodes.nodes.sound import read_sound, write_sound

    path = tmp_path_factory.mktemp("microphone") / "voice.wav"
    write_sound(read_sound(asset("example_voice.flac")), path)
    return path


@pytest.fixture(scope="module")
def browser(camera, microphone):
    """Chromium whose webcam and microphone are files; skips where it, Playwright or Gradio are missing."""
    pytest.importorskip("gradio")
    playwright = pytest.importorskip("playwright.sync_api")
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("there is no Chromium")
    fake = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
    devices = [f"--use-file-for-fake-video-capture={camera}", f"--use-file-for-fake-audio-capture={microphone}"]
    with playwright.sync_playwright() as play:
        still = "--blink-settings=imageAnimationPolicy=2"  # moving thumbnails take their time too
        args = ["--no-sandbox", still, *fake, *devices]
        chromium = play.chromium.launch(executable_path=found, args=args)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def opened(browser):
    """Pages that a module's visitors have one after the other: to load again takes a third of the first time."""
    return []


@pytest.fixture
def visit(browser, address, opened):
    """Function (width, height, address, watched) -> a new visitor's page; only if `watched` do its films play."""
    own, pages = [], iter(opened[:])

    def start(watched):
        context = browser.new_context(permissions=["camera", "microphone"])
        page = context.new_page()
        page.set_default_timeout(300_000)  # a busy machine takes its time
        if watched:
            own.append(context)
        else:
            page.add_init_script(_UNWATCHED)
            opened.append(page)
        return page

    def new(width=1024, height=900, address=address, watched=False):
        page = (None if watched else next(pages, None)) or start(watched)
        page.set_viewport_size({"width": width, "height": height})
        page.goto(address)
        page.wait_for_selector("#animate")
        return page

    yield new
    for context in own:
        context.close()
    opened[:] = [page for page in opened if not page.is_closed()]
    for page in opened:
        _leave(page)


def _leave(page):
    """Leave nothing of a visitor in the browser."""
    page.unroute_all()
    page.emulate_media(reduced_motion="null")
    if page.url != "about:blank":
        of = {"origin": page.evaluate("location.origin"), "storageTypes": "cookies,local_storage,indexeddb"}
        page.context.new_cdp_session(page).send("Storage.clearDataForOrigin", of)
        page.goto("about:blank")
