"""The page of a living avatar as text; see test_web_page_browser for what it does."""

import base64
import hashlib
import json
import re

import pytest

from gagavatar_nodes.driving.builtin import builtin_motion
from gagavatar_nodes.errors import GagavatarError, MediaError
from gagavatar_nodes.export.web_page import PageOptions
from gagavatar_nodes.living import living_page, mp3_of, write_page

HOSTILE = "</script><script>alert(1)</script>\"'&<!-- \u2028"


@pytest.fixture(scope="module")
def page(avatar):
    return living_page(avatar, {HOSTILE: builtin_motion("smile")}, options=PageOptions(title=HOSTILE))


def policy_of(page):
    text = re.search(r'Content-Security-Policy" content="([^"]+)"', page)[1]
    rules = (rule.split() for rule in text.replace("&#x27;", "'").split("; "))
    return {name: values for name, *values in rules}


def test_hostile_names_end_no_element(page):
    assert page.count("<script") == page.count("</script>") == 3
    assert "alert(1)</script>" not in page
    assert json.loads(re.search(r'id="about">(.*?)</script>', page)[1])["title"] == HOSTILE


def test_the_policy_allows_the_pages_own_script_and_style_and_no_network(page):
    policy = policy_of(page)
    script = re.search(r"<script>(.*)</script>\n</body>", page, re.DOTALL)[1]
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)[1]
    digest = lambda text: f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"  # noqa: E731
    assert policy["default-src"] == ["'none'"]
    assert policy["script-src"] == [digest(script)]
    assert policy["style-src"] == [digest(style)]
    assert policy["connect-src"] == ["'none'"]


def test_a_page_reaches_what_was_asked_for(avatar):
    live = policy_of(living_page(avatar, options=PageOptions(live="ws://localhost:8765")))
    assert live["connect-src"] == ["ws://localhost:8765"]
    webcam = policy_of(living_page(avatar, options=PageOptions(webcam=True)))
    assert len(webcam["connect-src"]) == 2
    assert "'wasm-unsafe-eval'" in webcam["script-src"]  # MediaPipe's
    assert all(host.startswith("https://") for host in webcam["connect-src"])


@pytest.mark.parametrize(
    "address", ["http://localhost", "ws://a b", "ws://a; script-src *", "ws://", 'ws://a"onload="']
)
def test_an_address_that_is_no_sockets_is_refused(avatar, address):
    with pytest.raises(GagavatarError, match="no address of a WebSocket"):
        living_page(avatar, options=PageOptions(live=address))


def test_a_page_carries_sound_and_the_licenses_of_its_parts(avatar, short_driver):
    page = living_page(avatar, {"drive": builtin_motion("talk")}, short_driver)
    about = json.loads(re.search(r'id="about">(.*?)</script>', page)[1])
    sound = base64.b64decode(about["takes"][0]["sound"].partition(",")[2])
    assert sound == mp3_of(short_driver)
    assert len(sound) > 2000
    assert page.count("MIT") >= 3
    assert "three.js authors" in page
    assert len(page) < 10_000_000


def test_a_page_is_written_whole_or_not_at_all(avatar, tmp_path):
    path = tmp_path / "me.html"
    assert write_page(path, avatar) == path.stat().st_size
    with pytest.raises(MediaError, match="missing"):
        write_page(tmp_path / "missing" / "me.html", avatar)
