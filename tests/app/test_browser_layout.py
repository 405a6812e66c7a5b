"""How the page looks and reacts in a real browser; skipped where Gradio, Playwright or Chromium are missing."""

import numpy as np
import pytest

from gagavatar_nodes.driving.macros import MACROS

pytest.importorskip("gradio")

_TOP = "selector => document.querySelector(selector).getBoundingClientRect().top"
_BOTTOM = "selector => document.querySelector(selector).getBoundingClientRect().bottom"
_HEIGHT = "selector => document.querySelector(selector).getBoundingClientRect().height"
_VALUE = "name => +document.querySelector(`#slider-${name} input[type=range]`).value"
_MOVE = """([name, value]) => {
    const slider = document.querySelector(`#slider-${name} input[type=range]`);
    slider.value = value;
    for (const kind of ['input', 'change', 'pointerup']) slider.dispatchEvent(new Event(kind, {bubbles: true}));
}"""
_TILES = """selector => [...document.querySelectorAll(`${selector} label`)].map(label =>
    getComputedStyle(label, '::before').backgroundImage.match(/url\\("(.*)"\\)/)[1])"""
_RING = """selector => {
    const one = document.querySelector(selector);
    return [one, one.closest('label'), one.closest('.wrap')].some(
        part => part && getComputedStyle(part).outlineStyle !== 'none' && getComputedStyle(part).outlineWidth >= '2');
}"""


def open_tab(page, name):
    tab = page.get_by_role("tab", name=name, exact=True)
    if tab.count() and tab.first.is_visible():
        tab.first.click()
        return
    page.locator(".overflow-menu > button").click()
    page.locator(".overflow-dropdown button", has_text=name).click()


def choose(page, selector, value):
    page.locator(f"{selector} input").first.fill(value)
    page.keyboard.press("Enter")


def studio(page):
    open_tab(page, "Expression studio")
    page.wait_for_selector("#studio-picture img")


def shown(page, selector):
    return page.evaluate("selector => document.querySelector(selector + ' img')?.src", selector)


def test_a_result_plays_on_arrival(visit):
    page = visit(watched=True)
    page.wait_for_function("() => document.querySelector('#result video')?.currentTime > 0.3")


def test_motions_and_portraits_are_pictures_that_are_there_and_move(visit):
    page = visit()
    addresses = page.evaluate(_TILES, "#motion") + page.evaluate(_TILES, "#examples")
    assert len(addresses) == len(set(addresses)) == 12
    for address in addresses:
        reply = page.request.get(address)
        assert reply.ok, address
        animated = b"ANMF" in reply.body()
        assert animated == (address.rpartition("/")[2].partition(".")[0] in page.evaluate(
            "() => [...document.querySelectorAll('#motion input')].map(one => one.value)"))  # fmt: skip


def test_a_portrait_of_the_gallery_takes_the_portraits_place(visit):
    page = visit()
    page.wait_for_selector("#portrait img")
    before = shown(page, "#portrait")
    page.get_by_label("Franklin").check(force=True)
    page.wait_for_function("b => document.querySelector('#portrait img')?.src !== b", arg=before)


@pytest.mark.parametrize(("width", "height"), [(390, 844), (1024, 768)])
def test_the_studios_picture_stays_in_view(visit, width, height):
    page = visit(width, height)
    studio(page)
    page.get_by_role("button", name="All sliders").click()
    page.locator("#studio-all button", has_text="Mouth").click()
    page.locator("#slider-mouthSmileLeft").scroll_into_view_if_needed()
    page.wait_for_timeout(300)
    assert page.evaluate(_TOP, "#studio-picture img") >= 0
    assert page.evaluate(_BOTTOM, "#studio-picture img") <= height
    assert page.evaluate(_HEIGHT, "#studio-picture img") > 0.25 * height
    covered = """() => {
        const box = document.querySelector('#studio-picture img').getBoundingClientRect();
        const points = [0.1, 0.5, 0.9].flatMap(x => [0.1, 0.5, 0.9].map(y => [x, y]));
        return points.some(([x, y]) => document.elementFromPoint(
            box.left + x * box.width, box.top + y * box.height).tagName !== 'IMG');
    }"""
    assert not page.evaluate(covered)


def test_ten_macros_come_first_and_a_preset_sets_them(visit):
    page = visit(1600)
    studio(page)
    ids = page.evaluate("() => [...document.querySelectorAll('[id^=slider-]')].filter(o => o.checkVisibility())"
                        ".map(one => one.id.slice(7))")  # fmt: skip
    assert ids == list(MACROS)
    before = shown(page, "#studio-picture")
    page.click("#studio-happy")
    page.wait_for_function("b => document.querySelector('#studio-picture img').src !== b", arg=before)
    assert page.evaluate(_VALUE, "smile") == pytest.approx(0.9)
    page.click("#studio-neutral")
    page.wait_for_function("() => +document.querySelector('#slider-smile input[type=range]').value === 0")


def test_left_and_right_go_together_until_they_are_parted(visit):
    page = visit(1600)
    studio(page)
    page.get_by_role("button", name="All sliders").click()
    page.locator("#studio-all button", has_text="Eyes").click()
    page.wait_for_selector("#slider-eyeBlinkLeft input[type=range]")
    assert page.locator("#slider-eyeBlinkRight").count() == 0
    page.evaluate(_MOVE, ["eyeBlinkLeft", "0.7"])
    page.get_by_label("Left and right together").uncheck()
    page.wait_for_selector("#slider-eyeBlinkRight")
    page.wait_for_function("() => +document.querySelector('#slider-eyeBlinkRight input[type=range]').value === 0.7")
    page.click("#studio-happy")
    page.wait_for_selector("#slider-eyeBlinkRight", state="detached")
    page.click("#studio-wink")
    page.wait_for_selector("#slider-eyeBlinkRight")
    page.wait_for_function("() => +document.querySelector('#slider-eyeBlinkLeft input[type=range]').value === 1")
    page.wait_for_function("() => +document.querySelector('#slider-eyeBlinkRight input[type=range]').value === 0")


def test_only_settings_that_apply_are_shown(visit):
    page = visit()
    page.get_by_role("button", name="Settings").click()
    page.wait_for_selector("#color")
    for hidden in ("#behind", "#smoothing", "#model", "#tracker", "#slider-width"):
        assert page.locator(hidden).count() == 0, hidden
    choose(page, "#background", "Picture")
    page.wait_for_selector("#behind")
    assert page.locator("#color").count() == 0
    choose(page, "#background", "Transparent")
    page.wait_for_function("() => document.querySelector('#format input').value === 'webm'")
    choose(page, "#background", "The portrait's own")
    page.wait_for_selector("#size", state="detached")
    page.get_by_text("Video or webcam").click()
    page.wait_for_selector("#smoothing")


def test_a_size_is_what_the_video_has(visit):
    page = visit()
    page.get_by_role("button", name="Settings").click()
    choose(page, "#size", "Wide")
    page.get_by_label("number input for Seconds").fill("0.5")
    page.keyboard.press("Enter")
    page.click("#animate")
    page.wait_for_selector("#status:has-text('Done')")
    page.wait_for_function("() => document.querySelector('#result video')?.readyState >= 2")
    size = page.evaluate("() => { const v = document.querySelector('#result video');"
                         " return [v.videoWidth, v.videoHeight, v.loop]; }")  # fmt: skip
    assert size == [768, 432, True]


def test_the_page_does_not_jump_while_a_preview_takes_the_results_place(visit):
    page = visit()
    page.wait_for_selector("#result video")
    place = page.evaluate(_TOP, "#download")
    choose_motion = page.locator("#motion input[value=nod]")
    choose_motion.check(force=True)
    page.evaluate("""() => {
        window.places = new Set();
        const look = () => {
            const preview = document.querySelector('#preview img');
            if (preview) {
                const box = preview.getBoundingClientRect();
                const top = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
                window.previewed ||= Boolean(top && top.closest('#preview'));
            }
            window.places.add(Math.round(document.querySelector('#download').getBoundingClientRect().top));
            if (!document.querySelector('#status').innerText.startsWith('Done')) requestAnimationFrame(look);
        };
        look();
    }""")
    page.click("#animate")
    page.wait_for_selector("#status:has-text('Done')")
    page.wait_for_timeout(500)
    assert page.evaluate("() => window.previewed")
    assert page.locator("#preview").count() == 0
    assert "Result" in page.inner_text("#result [data-testid=block-label]")
    assert np.ptp([*page.evaluate("() => [...window.places]"), place]) <= 2


def test_labels_do_not_cover_what_they_name_and_icons_are_whole(visit):
    page = visit()
    page.get_by_text("Video or webcam").click()
    page.wait_for_selector("#driver video")
    for block, media in (("#driver", "video"), ("#portrait", "img"), ("#result", "video")):
        label = page.evaluate(_BOTTOM, f"{block} [data-testid=block-label]")
        assert label <= page.evaluate(_TOP, f"{block} {media}") + 1, block
    assert page.evaluate(_BOTTOM, "#driver .source-selection") <= page.evaluate(_BOTTOM, "#driver") + 1


def test_what_has_the_focus_has_a_ring(visit):
    page = visit()
    page.get_by_role("button", name="Settings").click()
    for selector in ("#driven-by input:checked", "#motion input:checked", "#size input", "#background input"):
        page.locator(selector).first.focus()
        page.keyboard.press("Shift")
        assert page.evaluate(_RING, selector), selector


def test_camera_and_avatar_have_one_height_and_the_neutrals_confirmation_stays(visit):
    page = visit()
    open_tab(page, "Live")
    page.locator("#live-camera").get_by_role("button", name="Start").click()
    page.wait_for_selector("#live-head img")
    heights = [page.evaluate(_HEIGHT, one) for one in ("#live-camera", "#live-head img")]
    assert heights[0] == pytest.approx(heights[1], abs=4)
    page.click("#live-neutral")
    page.wait_for_selector("#live-confirmed:has-text('is neutral')")
    before = shown(page, "#live-head")
    page.wait_for_function("b => document.querySelector('#live-head img').src !== b", arg=before)
    assert "is neutral" in page.inner_text("#live-confirmed")


def test_parameters_of_the_api_have_names(address):
    gradio_client = pytest.importorskip("gradio_client")
    api = gradio_client.Client(address, verbose=False).view_api(return_format="dict", print_info=False)
    names = {path: [one["parameter_name"] for one in about["parameters"]] for path, about in
             api["named_endpoints"].items()}  # fmt: skip
    assert names["/animate"][:4] == ["portrait", "driven_by", "motion", "driver"]
    assert not [name for path in names for name in names[path] if name.startswith("param")]
