"""Cards of the example graphs in the editor's template browser."""

import contextlib
from pathlib import Path

import pytest

pytest.importorskip("websocket")

GRAPH = Path(__file__).parents[2] / "workflows" / "02_expression_editor.json"
CARD = "[...document.images].find(one => one.naturalHeight === 288)"
AWAY = """async () => {
    const cards = document.querySelector('[data-testid=template-workflows-content]')?.style;
    if (!cards) return;
    cards.transform = 'translateY(-9000px)';
    await new Promise(done => setTimeout(done, 500));
    cards.transform = '';
}"""
"""As if cards were scrolled away and back: when a card comes into view while the editor is busy, it misses that."""
BOX = f"(() => {{ const box = {CARD}.getBoundingClientRect(); return [box.x, box.y, box.width, box.height]; }})()"


def test_a_card_moves_in_the_template_browser(editor):
    from playwright.sync_api import TimeoutError as PlaywrightTimeout

    with editor(GRAPH, (1600, 1100)) as page:
        page.page.evaluate("app.extensionManager.command.execute('Comfy.BrowseTemplates')")
        search = page.page.locator("[role=dialog] input[placeholder*=Search]").first
        for _ in range(15):  # what is typed before the templates are there may be passed over
            search.fill("")
            search.fill(GRAPH.stem)
            page.page.evaluate(AWAY)
            with contextlib.suppress(PlaywrightTimeout):
                page.page.wait_for_function(f"!!{CARD}", timeout=20_000)
                break
        x, y, width, height = page.page.evaluate(BOX)
        place = {"x": x, "y": y, "width": width, "height": height}
        seen = set()
        for _ in range(60):
            seen.add(page.page.screenshot(clip=place))
            if len(seen) >= 4:
                break
            page.page.wait_for_timeout(200)
        assert len(seen) >= 4
        page.page.keyboard.press("Escape")
