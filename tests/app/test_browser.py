"""The page in a real browser; skipped where Gradio, Playwright or Chromium are missing."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from gagavatar_nodes.assets import path as asset
from gagavatar_nodes.media.images import write_image
from gagavatar_nodes.media.video_reader import VideoReader
from page_settings import resize

pytest.importorskip("gradio")
pytest.importorskip("playwright.sync_api")

WORKFLOWS = Path(__file__).parents[2] / "workflows"
_PIXELS = """() => {
    const video = document.querySelector('#result video'), canvas = document.createElement('canvas');
    canvas.width = canvas.height = 32;
    const context = canvas.getContext('2d');
    context.drawImage(video, 0, 0, 32, 32);
    return [video.duration, ...context.getImageData(0, 0, 32, 32).data];
}"""
_MOVE = """([name, value]) => {
    const slider = document.querySelector(`#slider-${name} input[type=range]`);
    slider.value = value;
    slider.dispatchEvent(new Event('input', {bubbles: true}));
}"""
_FOCUS = """() => {
    const one = document.activeElement, style = getComputedStyle(one);
    const name = one.getAttribute('aria-label') || one.labels?.[0]?.innerText || one.innerText || one.title || '';
    const ring = one => one && getComputedStyle(one).outlineStyle !== 'none';
    const seen = style.boxShadow !== 'none' || [one, one.closest('label'), one.closest('.wrap')].some(ring);
    return {tag: one.tagName, id: one.id, name: name.trim().split('\\n')[0], seen};
}"""
_NAMELESS = """() => [...document.querySelectorAll('img, input, textarea, button')]
    .filter(one => one.checkVisibility() && one.type !== 'file' && !(one.tagName === 'IMG' ? one.alt :
        one.getAttribute('aria-label') || one.labels?.length || one.innerText.trim() || one.title || one.placeholder))
    .map(one => one.outerHTML.slice(0, 160))"""
_FAINT = """() => {
    const part = value => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    const numbers = color => color.match(/[\\d.]+/g).map(Number);
    const light = ([r, g, b]) => 0.2126 * part(r / 255) + 0.7152 * part(g / 255) + 0.0722 * part(b / 255);
    const behind = one => {
        for (let at = one; at; at = at.parentElement) {
            const color = numbers(getComputedStyle(at).backgroundColor);
            if (color.length === 3) return color;
        }
        return [255, 255, 255];
    };
    const contrast = (color, ground) => {
        const pair = [light(numbers(color)), light(behind(ground))].sort((a, b) => b - a);
        return (pair[0] + 0.05) / (pair[1] + 0.05);
    };
    const seen = [...document.querySelectorAll('.gradio-container *')].filter(one => one.checkVisibility()
        && !one.closest(':disabled') && getComputedStyle(one).opacity === '1');
    const texts = seen.filter(one => [...one.childNodes].some(node => node.nodeType === 3 && node.data.trim()));
    const boxes = seen.filter(one => one.matches('input[type=checkbox]'));
    return [...texts.map(one => [one, contrast(getComputedStyle(one).color, one), 4.5]),
        ...boxes.map(one => [one, contrast(getComputedStyle(one).borderTopColor, one.parentElement), 3])]
        .filter(([, found, least]) => found < least)
        .map(([one, found]) => `${one.tagName} ${one.className} ${one.innerText} ${found.toFixed(1)}`);
}"""
"""Texts that stand out from what is behind them by less than 4.5, and boxes by less than 3, as WCAG reckons it."""
_SHOWN = "selector => { const i = document.querySelector(selector + ' img'); return i && i.src; }"


def choose(page, motion):
    page.locator(f"#motion input[value={motion}]").check(force=True)


def drop(page, selector, path):
    page.locator(f"{selector} input[type=file]").first.set_input_files(path)


def said(page):
    return page.wait_for_selector(".toast-body").inner_text()


def downloaded(page, selector, folder):
    with page.expect_download() as download:
        page.click(selector)
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def open_tab(page, name):
    page.get_by_role("tab", name=name, exact=True).click()


def played(page):
    page.wait_for_selector("#status:has-text('Done')")
    page.wait_for_selector("#result video")
    page.wait_for_function("() => document.querySelector('#result video').readyState >= 3")
    duration, *pixels = page.evaluate(_PIXELS)
    return duration, np.reshape(pixels, (32, 32, 4))[..., :3]


def test_one_click_makes_a_video_that_plays_and_is_not_blank(visit, tmp_path):
    page = visit(watched=True)
    choose(page, "nod")
    page.click("#animate")
    duration, pixels = played(page)
    assert duration > 1
    assert pixels.std() > 20
    from gagavatar_nodes.app.workflows import read_workflow

    assert len(read_workflow(downloaded(page, "#workflow", tmp_path))) >= 5


def test_a_driving_video_carries_its_length_over(visit):
    page = visit()
    page.get_by_text("Video or webcam").click()
    page.wait_for_selector("#driver video")
    resize(page, 128)
    page.click("#animate")
    duration, pixels = played(page)
    with VideoReader(asset("example_driver.mp4")) as video:
        assert duration == pytest.approx(video.frame_count / video.fps, abs=0.2)
    assert pixels.std() > 20


def test_a_film_takes_another_expression_and_its_files_are_there(visit, tmp_path):
    from gagavatar_nodes.app.workflows import read_workflow
    from media_files import cut_film

    path = cut_film(tmp_path / "film.mp4", asset("example_driver.mp4"), 12)
    page = visit()
    open_tab(page, "Film")
    page.wait_for_selector("#film video")
    page.locator("#film").get_by_role("button", name="Clear").click()
    drop(page, "#film", path)
    page.locator("#film-driven-by").get_by_text("Built-in motion").click()
    page.locator("#film-motion input[value=smile]").check(force=True)
    page.wait_for_function("() => document.querySelector('#film video')?.duration < 1")
    page.click("#reexpress")
    page.wait_for_selector("#film-status:has-text('Done')")
    made = downloaded(page, "#film-download", tmp_path)
    with VideoReader(made) as video:
        assert sum(1 for _ in video) == 12
        assert video.has_audio  # the film's: a built-in motion has none
    graph = read_workflow(downloaded(page, "#film-workflow", tmp_path))
    assert "GAGAvatarReexpressVideo" in {one["class_type"] for one in graph.values()}


def test_two_visitors_get_their_own_results(visit):
    one, two = visit(), visit()
    choose(one, "nod")
    choose(two, "smile")
    resize(one, 128)
    resize(two, 128)
    one.click("#animate")
    two.click("#animate")
    first, second = played(one)[0], played(two)[0]
    assert first != second
    assert one.get_attribute("#result video", "src") != two.get_attribute("#result video", "src")


@pytest.mark.parametrize(("content", "words"), [(None, "No face was found"), (b"text", "is not a picture")])
def test_bad_portraits_show_the_packages_message(visit, tmp_path, content, words):
    path = tmp_path / "portrait.png"
    if content is None:
        write_image(path, np.full((200, 200, 3), 128, np.uint8))
    else:
        path.write_bytes(content)
    page = visit()
    page.locator("#portrait button[aria-label='Remove Image']").click()
    page.locator("#portrait input[type=file]").first.set_input_files(path)
    page.wait_for_selector("#portrait img")  # as a picture or as a broken one
    page.click("#animate")
    shown = page.wait_for_selector(".toast-body").inner_text()
    assert words in shown
    assert "Traceback" not in shown
    assert "gagavatar-app-" not in shown


def test_a_driver_that_is_too_long_is_refused_in_the_page(visit, tmp_path):
    from media_files import encode_video

    path = encode_video(tmp_path / "long.mp4", [np.zeros((64, 64, 3), np.uint8)] * 100, fps=5, pixels="yuv420p")
    page = visit()
    page.get_by_text("Video or webcam").click()
    page.wait_for_selector("#driver video")
    page.locator("#driver button[aria-label='Clear']").last.dispatch_event("click")  # one of two may cover the other
    page.locator("#driver input[type=file]").first.set_input_files(path)
    page.wait_for_selector("#driver video")
    page.click("#animate")
    # Gradio may complain of the cleared video first.
    page.locator(".toast-body", has_text="is longer than 12 s").wait_for()


def test_stop_ends_the_job_and_leaves_no_file(visit, written):
    page = visit()
    choose(page, "talk")
    resize(page, 1024, 5)
    before = set(written.glob("gagavatar-app-*/*/output/**/*.*"))
    page.click("#animate")
    page.wait_for_function("() => /Render.*[0-9]+ of/.test(document.querySelector('#status').innerText)")
    page.click("#stop")
    page.wait_for_function("() => document.querySelector('#status').innerText.startsWith('Stopped')")
    assert set(written.glob("gagavatar-app-*/*/output/**/*.*")) == before
    resize(page, 128, 1)
    page.click("#animate")
    assert played(page)[0] == pytest.approx(1, abs=0.2)


def test_a_dropped_workflow_runs_in_the_page(visit, tmp_path):
    document = json.loads((WORKFLOWS / "03_builtin_motion.json").read_text(encoding="utf-8"))
    (render,) = (one for one in document["nodes"] if one["type"] == "GAGAvatarRenderAvatarToVideo")
    assert render["widgets_values"][:2] == [512, 512]
    render["widgets_values"][:2] = [128, 128]
    (tmp_path / "workflow.json").write_text(json.dumps(document), encoding="utf-8")
    page = visit()
    page.get_by_role("button", name="Run a ComfyUI workflow").click()
    page.locator("#dropped input[type=file]").set_input_files(tmp_path / "workflow.json")
    page.wait_for_selector("#dropped .file-preview")
    page.click("#run-workflow")
    duration, pixels = played(page)
    assert duration > 1
    assert pixels.std() > 20


def test_the_keyboard_alone_makes_a_video(visit):
    page = visit()
    passed = []
    for _ in range(80):
        page.keyboard.press("Tab")
        passed.append(page.evaluate(_FOCUS))
        if passed[-1]["name"] == "Nod":
            page.keyboard.press("Space")
        if passed[-1]["id"] == "animate":
            break
    names = [one["name"] for one in passed]
    assert "Animate" in names
    assert names.index("Astronaut") < names.index("Talk") < names.index("Settings") < len(names) - 1
    assert [one for one in passed if not one["name"] and one["tag"] != "BODY"] == []
    assert [one for one in passed if not one["seen"]] == []
    page.keyboard.press("Enter")
    assert played(page)[0] == pytest.approx(3, abs=0.2), "that of a nod"


def test_pictures_and_fields_have_names(visit):
    page = visit()
    for tab in ("Animate", "Film", "Expression studio", "3D", "Models"):
        page.get_by_role("tab", name=tab, exact=True).click()
        page.wait_for_timeout(1500)
        assert page.evaluate(_NAMELESS) == [], tab


def test_sliders_move_the_picture(visit):
    page = visit()
    page.get_by_role("tab", name="Expression studio").click()
    page.wait_for_selector("#studio-picture img")
    before = page.evaluate(_SHOWN, "#studio-picture")
    page.evaluate(_MOVE, ["turn", "30"])
    page.wait_for_function("b => document.querySelector('#studio-picture img').src !== b", arg=before)
    assert page.evaluate("() => document.querySelector('#studio-picture img').naturalWidth") == 256


def test_the_webcam_drives_the_avatar(visit):
    page = visit()
    page.get_by_role("tab", name="Live", exact=True).click()
    page.locator("#live-camera").get_by_role("button", name="Start").click()
    page.wait_for_selector("#live-head img")
    before = page.evaluate(_SHOWN, "#live-head")
    page.wait_for_function("b => document.querySelector('#live-head img').src !== b", arg=before)
    assert re.search(r"pictures? a second", page.inner_text("#live-status"))


def test_a_voice_makes_a_video_with_its_sound(visit, tmp_path):
    from gagavatar_nodes.media.sound import SoundReader

    page = visit()
    page.get_by_label("Voice", exact=True).check()
    page.wait_for_selector("#voice")
    resize(page, 128)
    page.click("#animate")
    page.wait_for_selector("#status:has-text('Done')")
    path = downloaded(page, "#download", tmp_path)
    with VideoReader(path) as video:
        assert video.frame_count / video.fps == pytest.approx(9.4, abs=0.2)
    assert sum(block.shape[1] for block in SoundReader(path, rate=8000)) > 9 * 8000


def test_the_microphone_drives_the_avatar_even_if_it_is_started_before_its_recorder_has_loaded(visit):
    page = visit()
    held, late = [], True
    page.route("**/assets/module-*.js", lambda route: held.append(route) if late else route.continue_())  # Gradio's
    page.get_by_role("tab", name="Live", exact=True).click()
    page.locator("#live-follows").get_by_label("Microphone", exact=True).check()
    with page.expect_event("pageerror"):
        page.locator("#live-microphone button", has_text="Start").click()
    late = False
    for route in held:
        route.continue_()
    page.wait_for_selector("#live-head img")  # lifting, while the sound comes in
    before = page.evaluate(_SHOWN, "#live-head")
    page.wait_for_function("b => document.querySelector('#live-head img').src !== b", arg=before)
    assert re.search(r"pictures? a second", page.inner_text("#live-status"))


@pytest.mark.parametrize("width", [390, 1024, 1600])
def test_the_page_fits_its_window(visit, width):
    page = visit(width)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width


def test_files_of_the_machine_cannot_be_read(visit, address):
    page = visit()
    for path in ("/etc/passwd", str(asset("NOTICE"))):
        assert page.request.get(f"{address}gradio_api/file={path}").status in (403, 404)


def test_a_workflow_whose_weights_are_missing_names_the_file(visit, monkeypatch, tmp_path):
    monkeypatch.setenv("GAGAVATAR_WEIGHTS", str(tmp_path / "none"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "none"))
    page = visit()
    page.get_by_role("button", name="Run a ComfyUI workflow").click()
    drop(page, "#dropped", WORKFLOWS / "10_gagavatar_with_weights.json")
    page.wait_for_selector("#dropped .file-preview")
    page.click("#run-workflow")
    assert "FLAME_with_eye.pt is missing" in said(page)


def test_a_file_that_is_too_large_is_refused_before_it_is_sent(visit, tmp_path):
    path = tmp_path / "large.png"
    path.write_bytes(bytes(1_200_000))
    page = visit()
    page.locator("#portrait button[aria-label='Remove Image']").click()
    drop(page, "#portrait", path)
    assert "maximum allowed size" in said(page)


def test_key_frames_and_json_of_the_studio_are_what_the_sliders_show(visit, tmp_path):
    from gagavatar_nodes.driving.motion_file import load_motion
    from gagavatar_nodes.types import ARKIT_NAMES

    page = visit()
    open_tab(page, "Expression studio")
    page.get_by_role("button", name="Key frames").click()
    page.get_by_role("button", name="As JSON").click()
    page.click("#studio-add")
    page.wait_for_function("() => document.querySelector('#studio-keys').innerText.startsWith('1')")
    page.locator("#studio-json textarea").fill('{"jawOpen": 0.6, "yaw": 20}')
    page.get_by_role("button", name="To the sliders").click()
    page.wait_for_function("() => document.querySelector('#slider-turn input[type=range]').value === '20'")
    page.click("#studio-add")
    page.wait_for_function("() => document.querySelector('#studio-keys').innerText.startsWith('2')")
    motion = load_motion(downloaded(page, "#studio-motion", tmp_path))
    assert len(motion) == 21
    assert motion.arkit[[0, -1], ARKIT_NAMES.index("jawOpen")] == pytest.approx([0, 0.6], abs=1e-3)
    page.locator("#studio-json textarea").fill('{"grin": 1}')
    page.get_by_role("button", name="To the sliders").click()
    assert "There is no slider 'grin'" in said(page)


def test_the_living_avatar_is_shown_and_downloaded(visit, tmp_path):
    page = visit()
    page.emulate_media(reduced_motion="reduce")  # drawn by software, idle life leaves no time for the rest
    open_tab(page, "3D")
    page.frame_locator("#living-page iframe").locator("body[data-ready]").wait_for()
    content = downloaded(page, "#living-page-file", tmp_path).read_text(encoding="utf-8")
    assert "Content-Security-Policy" in content
    assert len(content) < 10_000_000
    open_tab(page, "Animate")
    assert '"takes": [{"data": "' in downloaded(page, "#living", tmp_path).read_text(encoding="utf-8")
    open_tab(page, "Expression studio")
    assert '"takes": [{"data": "' in downloaded(page, "#studio-living", tmp_path).read_text(encoding="utf-8")
    open_tab(page, "Live")
    assert '"takes": []' in downloaded(page, "#live-living", tmp_path).read_text(encoding="utf-8")


def test_the_splat_is_downloaded(visit, tmp_path):
    page = visit()
    page.emulate_media(reduced_motion="reduce")
    open_tab(page, "3D")
    page.wait_for_selector("#orbit-picture img")
    page.click("#make-splat")
    content = downloaded(page, "#splat-file", tmp_path).read_bytes()
    count = int(content.partition(b"element vertex ")[2].split()[0])
    assert count > 10_000
    assert len(content) > 12 * count


def test_flame_is_not_fetched_without_its_license(visit, monkeypatch):
    from gagavatar_nodes.weights import download

    asked = []
    monkeypatch.setattr(download, "download", lambda name, **options: asked.append(name))
    page = visit()
    open_tab(page, "Models")
    page.locator("#models-file input").fill("FLAME_with_eye.pt")
    page.keyboard.press("Enter")
    page.click("#models-download")
    assert "read it at https://flame.is.tue.mpg.de" in said(page)
    assert asked == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_texts_and_boxes_stand_out_from_what_is_behind_them(visit, theme):
    page = visit()
    page.evaluate("theme => document.body.classList.toggle('dark', theme === 'dark')", theme)
    page.get_by_role("button", name="Settings").click()
    for tab in ("Animate", "Film", "Expression studio", "3D", "Models"):
        open_tab(page, tab)
        page.wait_for_timeout(1000)
        assert page.evaluate(_FAINT) == [], tab
