"""What the page says from the click to the end of a job, and of who waits, in a real browser; skipped without one."""

import io

import numpy as np
import pytest
from PIL import Image

from gagavatar_nodes.app.limits import Limits
from gagavatar_nodes.media.images import write_image
from gagavatar_nodes.tracking.portrait import track_portrait
from page_settings import resize

pytest.importorskip("gradio")
pytest.importorskip("playwright.sync_api")


def state(page):
    """The status line, and whether Animate and Stop can be pressed."""
    pressable = [page.is_enabled(f"#{name}") for name in ("animate", "stop")]
    return page.inner_text("#status").strip(), pressable


AT_REST, AT_WORK = [True, False], [False, True]


def says(page, words):
    page.wait_for_function("words => document.querySelector('#status').innerText.includes(words)", arg=words)


def test_buttons_and_status_tell_how_a_job_stands(visit, tmp_path):
    first, second, third = visit(), visit(), visit()
    assert state(first) == ("Ready: press Animate.", AT_REST)
    resize(first, 1024, 12)
    resize(second, 128)
    first.click("#animate")
    says(first, "Render")
    assert state(first)[1] == AT_WORK
    assert not first.is_visible("#result"), "the preview stands in its place"
    second.click("#animate")
    says(second, "Waiting: 1 job is before yours, about ")
    assert state(second)[1] == AT_WORK
    second.click("#stop")
    says(second, "Stopped.")
    assert state(second) == ("Stopped. Ready: press Animate.", AT_REST)
    second.wait_for_timeout(500)
    assert "Example of a result" in second.inner_text("#result"), "nothing else was made"
    second.click("#animate")
    says(second, "Waiting: 1 job is before yours, about ")
    first.context.close()  # who leaves makes room
    says(second, "Done.")
    assert state(second)[1] == AT_REST
    path = tmp_path / "gray.png"
    write_image(path, np.full((200, 200, 3), 128, np.uint8))
    third.locator("#portrait button[aria-label='Remove Image']").click()
    third.locator("#portrait input[type=file]").first.set_input_files(path)
    third.wait_for_selector("#portrait img")
    third.click("#animate")
    says(third, "That did not work. No face was found")
    assert state(third)[1] == AT_REST


def test_who_finds_live_full_is_told_so_and_gets_in_when_a_place_is_free(visit, serving):
    address = serving(limits=Limits(live=1))
    pages = [visit(address=address) for _ in range(2)]
    for page in pages:
        page.get_by_role("tab", name="Live", exact=True).click()
        page.locator("#live-camera").get_by_role("button", name="Start").click()
        page.wait_for_selector("#live-status:has-text('a second'), #live-status:has-text('Live is full')")
    first, second = pages
    assert "a second" in first.inner_text("#live-status")
    assert "Live is full" in second.inner_text("#live-status")
    first.context.close()
    second.wait_for_selector("#live-status:has-text('a second')")


def test_the_living_avatar_opens_with_its_face_in_the_middle_and_to_the_front(visit):
    page = visit(width=1600)
    page.emulate_media(reduced_motion="reduce")
    page.get_by_role("tab", name="3D", exact=True).click()
    page.frame_locator("#living-page iframe").locator("body[data-ready]").wait_for()
    page.wait_for_timeout(1000)
    shot = page.locator("#living-page iframe").screenshot()
    picture = np.asarray(Image.open(io.BytesIO(shot)).convert("RGB"))
    height, width = picture.shape[:2]
    points = track_portrait(picture).landmarks[:, :2]
    center = (points.max(0) + points.min(0)) / 2
    assert abs(center[0] / width - 0.5) < 0.15
    assert 0.2 < center[1] / height < 0.65
    assert 0.2 < np.ptp(points[:, 1]) / height < 0.8
    left, right = points[234, 0], points[454, 0]
    assert abs((points[1, 0] - left) / (right - left) - 0.5) < 0.15, "it looks to the front"
