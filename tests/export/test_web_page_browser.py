"""The page of a living avatar in a real browser; skipped where Playwright or Chromium are missing."""

import base64
import io
import re
import shutil

import numpy as np
import pytest
from PIL import Image

from gagavatar_nodes.driving.builtin import builtin_motion
from gagavatar_nodes.driving.performing import perform_weights
from gagavatar_nodes.driving.pose import rotation_of
from gagavatar_nodes.export.web_page import PageOptions
from gagavatar_nodes.living import write_page
from gagavatar_nodes.rendering import rasterize
from gagavatar_nodes.types import ARKIT_NAMES
from similarity import psnr, ssim

playwright = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
if CHROMIUM is None:
    pytest.skip("there is no Chromium", allow_module_level=True)

FLAGS = (
    "--no-sandbox", "--disable-background-networking", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist", "--autoplay-policy=no-user-gesture-required", "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
)  # fmt: skip
SIZE = 256
ABOVE = SIZE / 5
"""How far down the canvas is free of controls."""
GRAY = (128, 128, 128)
PATIENCE = 300_000  # milliseconds: drawing by software takes a second a frame on a busy machine
TITLE = '<b>Ada & "Bob"</b><img src=x onerror=alert(1)>'
BLINK = {"eyeBlinkLeft": 1, "eyeBlinkRight": 1}
COUNT_DRAWINGS = """
window.drawings = 0;
for (const name of ["drawArrays", "drawArraysInstanced", "drawElements", "drawElementsInstanced"]) {
    const { prototype } = WebGL2RenderingContext, draw = prototype[name];
    prototype[name] = function (...values) { window.drawings++; return draw.apply(this, values); };
}"""
AT_REST = """async () => {
    const begun = performance.now();
    for (let before = -1; before !== drawings; ) {
        before = drawings;
        for (let k = 0; k < 20; k++) await new Promise(requestAnimationFrame);
    }
    return (performance.now() - begun) / 1000;
}"""
"""Waits until nothing is drawn any more; the seconds that it took."""


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield started
        started.close()


@pytest.fixture(scope="module")
def file(avatar, short_driver, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "me.html"
    write_page(path, avatar, {"talk": builtin_motion("talk")}, short_driver, PageOptions(TITLE, GRAY))
    return path


@pytest.fixture(scope="module")
def opened(browser, file):
    """The page, offline, for a visitor who wants little motion; and what it asked for and complained of."""
    context = browser.new_context(viewport={"width": SIZE, "height": SIZE}, offline=True, reduced_motion="reduce")
    page, asked, complaints = context.new_page(), [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(message.text) if message.type != "log" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.add_init_script(COUNT_DRAWINGS)
    open_page(page, file)
    yield page, asked, complaints
    context.close()


@pytest.fixture
def page(opened):
    page, _, _ = opened
    page.mouse.move(SIZE / 2, ABOVE)
    page.evaluate("avatar.idle(false), avatar.follow(false), avatar.reset()")
    return page


def open_page(page, file):
    page.set_default_timeout(PATIENCE)
    page.goto(file.as_uri())
    page.wait_for_selector("body[data-ready]")


def seen(page):
    """[H, W, 3] 0..1 of the avatar, the controls left out."""
    address = page.evaluate("""async () => {
        const reader = new FileReader(), picture = await avatar.picture();
        return new Promise(resolve => { reader.onload = () => resolve(reader.result); reader.readAsDataURL(picture); });
    }""")
    return pixels(address, "RGB")


def drawn(page):
    """[H, W, 4] 0..1 of what the canvas shows, which may be turning still: `seen` waits for that, frame by frame."""
    return pixels(page.evaluate("document.querySelector('canvas').toDataURL()"), "RGBA")


def pixels(address, mode):
    """[H, W, 3 or 4] 0..1 of a picture as data."""
    data = base64.b64decode(address.partition(",")[2])
    return np.asarray(Image.open(io.BytesIO(data)).convert(mode)) / 255


def expected(avatar, weights, yaw=0.0, size=SIZE):
    """[H, W, 3] 0..1 of what the rasterizer draws."""
    row = np.array([[weights.get(name, 0) for name in ARKIT_NAMES]], np.float32)
    turn = rotation_of(np.radians([yaw]), np.zeros(1), np.zeros(1))
    performance = avatar.perform(perform_weights(row, turn, np.zeros((1, 3)), 25.0))
    image, alpha = rasterize(performance.gaussians(0), performance.camera(0), size, size)
    return image + (1 - alpha[..., None]) * np.float32(GRAY[0] / 255)


def wait_for_frames(page, count):
    page.wait_for_function(
        "until => avatar.status().frames >= until", arg=page.evaluate("avatar.status().frames") + count
    )


def test_the_page_opens_offline_without_a_request_or_a_complaint(opened, file):
    page, asked, complaints = opened
    assert [url for url in asked if not url.startswith("blob:")] == [file.as_uri()]
    assert complaints == []
    assert page.title() == TITLE
    assert page.locator("img").count() == 0


@pytest.mark.parametrize(
    ("weights", "yaw"), [({}, 0), ({"jawOpen": 1}, 0), (BLINK, 0), ({}, 20)], ids=["neutral", "jawOpen", "blink", "yaw"]
)
def test_a_face_looks_as_the_rasterizer_draws_it(page, avatar, weights, yaw):
    page.evaluate("values => avatar.set(values)", {**weights, "yaw": yaw})
    picture, truth = seen(page), expected(avatar, weights, yaw)
    assert psnr(picture, truth) > 26
    assert ssim(picture, truth) > 0.9


def test_a_slider_moves_the_mouth(page, avatar):
    page.evaluate("""() => {
        const slider = document.querySelector('input[name=jawOpen]');
        slider.value = 0.6;
        slider.dispatchEvent(new Event('input'));
    }""")
    picture, truth = seen(page), expected(avatar, {"jawOpen": 0.6})
    assert psnr(picture, truth) > 26
    assert psnr(picture, truth) > psnr(picture, expected(avatar, {})) + 3


def test_eyes_and_head_follow_the_pointer(page, avatar):
    page.evaluate("avatar.follow(true)")
    page.mouse.move(SIZE - 4, SIZE * 0.45)
    wait_for_frames(page, 12)
    picture = seen(page)
    looking = {"eyeLookOutLeft": 0.5, "eyeLookInRight": 0.5}
    alike = psnr(picture, expected(avatar, looking, 20))
    assert alike > psnr(picture, expected(avatar, {}, 0)) + 2
    assert alike > psnr(picture, expected(avatar, {}, -20)) + 2
    eyes = page.evaluate("avatar.get()")
    assert eyes == {}


def test_a_motion_plays_with_its_sound_and_stops(page, avatar):
    motion = builtin_motion("talk")
    page.evaluate("avatar.play('talk')")
    page.wait_for_function("() => avatar.status().sound > 0.1 && avatar.status().time > 0.1")
    page.evaluate("avatar.pause(), avatar.seek(1.2)")
    performance = avatar.perform(motion)
    image, alpha = rasterize(performance.gaussians(30), performance.camera(30), SIZE, SIZE)
    assert psnr(seen(page), image + (1 - alpha[..., None]) * np.float32(GRAY[0] / 255)) > 26
    page.evaluate("avatar.stop()")
    assert page.evaluate("avatar.status().motion") is None
    assert psnr(seen(page), expected(avatar, {})) > 26


def test_nothing_moves_on_its_own_for_those_who_want_little_motion(page):
    page.evaluate(AT_REST)
    before = seen(page)
    wait_for_frames(page, 4)
    assert np.abs(seen(page) - before).mean() < 2e-4  # splats of one depth may change places


def test_what_has_come_to_rest_is_not_drawn_again(page):
    page.evaluate("avatar.follow(true)")
    page.mouse.move(SIZE - 4, SIZE * 0.45)
    wait_for_frames(page, 12)
    page.evaluate("avatar.follow(false)")
    assert page.evaluate(AT_REST) < 120


def test_idle_life_moves_the_head(page):
    before = seen(page)
    page.evaluate("avatar.idle(true)")
    wait_for_frames(page, 6)
    assert np.abs(seen(page) - before).mean() > 0.001


def test_a_wrong_name_is_an_error_that_says_which(page):
    with pytest.raises(playwright.Error, match="There is no 'jawOpened'"):
        page.evaluate("avatar.set({jawOpened: 1})")


def test_the_keyboard_turns_the_view_and_shows_the_sliders(page):
    before = seen(page)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert np.abs(seen(page) - before).mean() > 0.01
    page.keyboard.press("s")
    assert page.is_visible("#face")
    page.keyboard.press("s")
    page.keyboard.press("r")


def test_mouse_and_fingers_turn_and_approach(page, browser, file):
    before, still = seen(page), drawn(page)
    page.mouse.move(SIZE / 2, ABOVE)
    page.mouse.down()
    page.mouse.move(SIZE / 2 + 60, ABOVE, steps=3)
    page.mouse.up()
    wait_for_frames(page, 3)
    turned = drawn(page)
    assert np.abs(turned - still).mean() > 0.01
    page.keyboard.press("r")
    wait_for_frames(page, 2)
    still = drawn(page)
    page.mouse.wheel(0, -300)
    wait_for_frames(page, 3)
    assert np.abs(drawn(page) - still).mean() > 0.01
    page.keyboard.press("r")
    wait_for_frames(page, 2)
    assert np.abs(seen(page) - before).mean() < 0.004, "reset"
    context = browser.new_context(
        viewport={"width": SIZE, "height": SIZE}, reduced_motion="reduce", color_scheme="dark", has_touch=True
    )
    touched = context.new_page()
    open_page(touched, file)
    still = drawn(touched)
    touch = context.new_cdp_session(touched)
    points = [(SIZE / 2 + along, ABOVE) for along in (0, 30, 60)]
    for kind, (x, y) in zip(("touchStart", "touchMove", "touchMove"), points, strict=True):
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    wait_for_frames(touched, 3)
    assert np.abs(drawn(touched) - still).mean() > 0.01
    context.close()


def test_controls_are_all_there_and_hide_themselves(page, browser, avatar, tmp_path):
    names = page.evaluate("[...document.querySelectorAll('#face input')].flatMap(input => input.name.split(' '))")
    assert set(ARKIT_NAMES) <= set(names)
    assert len(page.query_selector_all("#face details")) == 7
    with page.expect_download() as download:
        page.keyboard.press("c")
    assert download.value.suggested_filename.endswith(".png")
    page.keyboard.press("f")
    page.wait_for_function("() => document.fullscreenElement !== null")
    page.keyboard.press("f")
    page.wait_for_function("() => document.fullscreenElement === null")
    page.wait_for_function("() => document.body.classList.contains('quiet')")
    page.mouse.move(SIZE / 2, SIZE / 3)
    page.wait_for_function("() => !document.body.classList.contains('quiet')")
    plain = tmp_path / "plain.html"
    write_page(plain, avatar)
    colors = {}
    for scheme in ("light", "dark"):
        small = {"width": SIZE, "height": SIZE}
        context = browser.new_context(viewport=small, color_scheme=scheme, reduced_motion="reduce", offline=True)
        shown = context.new_page()
        open_page(shown, plain)
        assert shown.locator("#play").count() == 0, "there is no motion"
        colors[scheme] = shown.evaluate("getComputedStyle(document.body).backgroundColor")
        context.close()
    assert len(set(colors.values())) == 2


def test_slow_drawing_gets_fewer_pixels_and_pictures_get_all(browser, file):
    context = browser.new_context(viewport={"width": 640, "height": 620}, offline=True)
    page = context.new_page()
    page.add_init_script("const real = performance.now.bind(performance); performance.now = () => 30 * real();")
    open_page(page, file)
    page.wait_for_function("() => avatar.status().detail < 0.5")
    assert page.evaluate("document.querySelector('canvas').height") < 310
    assert seen(page).shape == (620, 640, 3)
    context.close()


def test_a_socket_and_a_microphone_move_the_mouth(browser, avatar, file, tmp_path):
    live = tmp_path / "live.html"
    write_page(live, avatar, options=PageOptions(background=GRAY, live="ws://localhost:8765"))
    context = browser.new_context(
        viewport={"width": SIZE, "height": SIZE}, reduced_motion="reduce", permissions=["microphone"]
    )
    page = context.new_page()
    message = '{"blendshapes": {"jawOpen": 0.6, "unknown": 1}, "head": {"yaw": 12}}'
    page.route_web_socket("ws://localhost:8765", lambda socket: (socket.send("no JSON"), socket.send(message)))
    open_page(page, live)
    page.wait_for_function("() => document.getElementById('note').textContent.includes('connected')")
    wait_for_frames(page, 2)
    assert psnr(seen(page), expected(avatar, {"jawOpen": 0.6}, 12)) > 26
    page.evaluate("avatar.reset(), avatar.microphone(true)")
    heard, silent = [], expected(avatar, {})
    while len(heard) < 8 and max(heard, default=0) < 0.2:
        wait_for_frames(page, 2)
        heard.append(np.abs(seen(page) - silent).max())
    assert max(heard) > 0.2
    context.close()


def test_a_microphone_asked_for_twice_listens_once_and_stops(page):
    page.evaluate("""() => {
        window.streams = [];
        const { mediaDevices } = navigator, ask = mediaDevices.getUserMedia.bind(mediaDevices);
        mediaDevices.getUserMedia = async (what) => (streams.push(await ask(what)), streams.at(-1));
    }""")
    ended = "streams.map(stream => stream.getTracks().every(track => track.readyState === 'ended'))"
    pressed = "document.getElementById('microphone').getAttribute('aria-pressed')"
    page.evaluate("Promise.all([avatar.microphone(true), avatar.microphone(true)])")
    page.evaluate("avatar.microphone(true)")
    page.wait_for_function(f"() => {pressed} === 'true'")
    assert page.evaluate(ended) == [False]
    page.evaluate("avatar.microphone(false)")
    page.wait_for_function(f"() => {pressed} === 'false'")
    assert page.evaluate(ended) == [True]
    page.evaluate("() => { const asked = avatar.microphone(true); avatar.microphone(false); return asked; }")
    page.wait_for_function(f"() => streams.length === 2 && {ended}.every(Boolean)")
    assert page.evaluate(pressed) == "false", "stopped before it listened"


def test_a_camera_is_asked_only_where_it_was_offered(browser, avatar, tmp_path):
    """A stand-in for MediaPipe at its address: what the page asks for, and what it makes of the answer."""
    path = tmp_path / "webcam.html"
    write_page(path, avatar, options=PageOptions(background=GRAY, webcam=True))
    context = browser.new_context(
        viewport={"width": SIZE, "height": SIZE}, reduced_motion="reduce", permissions=["camera"]
    )
    page, asked = context.new_page(), []
    scores = "[{categoryName: 'eyeBlinkRight', score: 1}, {categoryName: '_neutral', score: 1}]"
    module = f"""export const FilesetResolver = {{forVisionTasks: async place => place}};
        export const FaceLandmarker = {{createFromOptions: async () => ({{detectForVideo: () => ({{
            faceBlendshapes: [{{categories: {scores}}}],
            facialTransformationMatrixes: [{{data: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]}}]}})}})}};"""

    def answer(route):
        asked.append(route.request.url)
        route.fulfill(body=module, content_type="text/javascript", headers={"Access-Control-Allow-Origin": "*"})

    page.route(re.compile("^https://"), answer)
    open_page(page, path)
    assert asked == []
    page.keyboard.press("w")  # the button may hide on a slow machine before it is hit
    page.wait_for_function("() => document.getElementById('webcam').getAttribute('aria-pressed') === 'true'")
    wait_for_frames(page, 3)
    assert len(asked) == 1
    assert asked[0].endswith("/vision_bundle.mjs")
    assert psnr(seen(page), expected(avatar, {"eyeBlinkLeft": 1})) > 26, "as in a mirror"
    context.close()


def recorded(page, milliseconds):
    """The kind, bytes and loudest sample (None without sound) of what is recorded from now on for so long."""
    return page.evaluate(
        """async milliseconds => {
            await avatar.record();
            await new Promise(resolve => setTimeout(resolve, milliseconds));
            const film = await avatar.finish();
            const sound = await new AudioContext().decodeAudioData(await film.arrayBuffer()).catch(() => null);
            const loudest = sound && sound.getChannelData(0).reduce((most, x) => Math.max(most, Math.abs(x)), 0);
            return [film.type, film.size, loudest];
        }""",
        milliseconds,
    )


def test_a_video_is_recorded_with_what_is_heard(page):
    names = {motion["sound"]: motion["name"] for motion in page.evaluate("avatar.motions()")}
    page.evaluate("name => avatar.play(name)", names[True])
    kind, size, loudest = recorded(page, 3000)
    assert kind == "video/webm"
    assert size > 1000
    assert loudest > 0.01
    assert page.evaluate("avatar.status().sound") > 0


@pytest.mark.parametrize("before", ["avatar.play(), avatar.pause()", "avatar.stop()", "avatar.play()"])
def test_a_video_is_never_empty(page, before):
    """With sound that rests, with nothing played, and stopped at once: the recorder waits for each of its tracks."""
    page.evaluate(before)
    _, size, _ = recorded(page, 0)
    assert size > 1000


def test_a_video_goes_on_with_the_next_sound(page):
    heard = next(motion["name"] for motion in page.evaluate("avatar.motions()") if motion["sound"])
    page.evaluate("avatar.stop(), avatar.record()")
    wait_for_frames(page, 2)
    page.evaluate("name => avatar.play(name)", heard)
    page.wait_for_function("() => avatar.status().sound > 0.2")
    loudest = page.evaluate("""async () => {
        const sound = await new AudioContext().decodeAudioData(await (await avatar.finish()).arrayBuffer());
        return sound.getChannelData(0).reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    }""")
    assert loudest > 0.01


def test_finishing_what_was_not_begun_is_said(page):
    with pytest.raises(playwright.Error, match="Nothing is recorded"):
        page.evaluate("avatar.finish()")


def test_two_pages_live_in_one_document(browser, file, tmp_path):
    host = tmp_path / "two.html"
    frames = f'<iframe src="{file.as_uri()}"></iframe>' * 2
    host.write_text(f"""<!doctype html>{frames}<script>
        window.answers = [];
        addEventListener('message', ({{data, source}}) => {{
            const which = [...document.querySelectorAll('iframe')].findIndex(f => f.contentWindow === source);
            answers.push([which, data]);
            if (data.avatar === 'ready')
                source.postMessage({{avatar: 'set', values: [which ? {{jawOpen: 1}} : {{yaw: 9}}], id: 1}}, '*');
            else if (data.id === 1) source.postMessage({{avatar: 'get', values: [], id: 2}}, '*');
            else if (data.id === 2) source.postMessage({{avatar: 'set', values: [{{nose: 1}}], id: 3}}, '*');
        }});
    </script>""")
    page = browser.new_page(viewport={"width": 700, "height": 300})
    page.set_default_timeout(PATIENCE)
    page.goto(host.as_uri())
    page.wait_for_function("() => answers.filter(([, data]) => data.id === 3).length === 2")
    answers = page.evaluate("answers")
    assert [0, {"id": 2, "result": {"yaw": 9}}] in answers
    assert [1, {"id": 2, "result": {"jawOpen": 1}}] in answers
    assert all("There is no 'nose'" in data["error"] for _, data in answers if data.get("id") == 3)
    page.close()
