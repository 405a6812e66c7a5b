"""Pictures of the demo's page in headless Chromium: those of the README, and with `--all` every tab to look through.

python tools/make_app_pictures.py [--all FOLDER]

Needs the extra `app`, Playwright and Chromium.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

TABS = ("Animate", "Film", "Expression studio", "Live", "3D", "Models")
WIDTHS, THEMES = (390, 1024, 1600), ("light", "dark")
README = {
    (390, "light"): "Animate", (1024, "light"): "Animate", (1600, "light"): "Expression studio",
    (390, "dark"): "Expression studio", (1024, "dark"): "3D", (1600, "dark"): "Animate",
}  # fmt: skip
"""Width in pixels and theme -> the tab that the README shows so."""
_PATIENCE = 180_000
"""Milliseconds, for busy machines."""
_HEIGHTS = {390: 1700, 1024: 900, 1600: 1000}
_SLIDERS = {"smile": 0.8, "brows": 0.4, "jaw": 0.25, "turn": 14}
_MOVE = """([name, value]) => {
    const slider = document.querySelector(`#slider-${name} input[type=range]`);
    slider.value = value;
    for (const kind of ['input', 'change', 'pointerup'])
        slider.dispatchEvent(new Event(kind, {bubbles: true}));
}"""


def show(page: Any, tab: str) -> None:
    """Open a tab and has it do something."""
    button = page.get_by_role("tab", name=tab, exact=True)
    if button.count() and button.first.is_visible():
        button.first.click()
    else:  # on narrow pages the last tabs are in a menu
        page.locator(".overflow-menu > button").click()
        page.locator(".overflow-dropdown button", has_text=tab).click()
    if tab == "Animate":
        page.click("#animate")
        page.wait_for_selector("#status:has-text('Done')")
        page.wait_for_function("() => document.querySelector('#result video').readyState >= 3")
        page.evaluate("() => { const v = document.querySelector('#result video'); v.pause(); v.currentTime = 1.2; }")
    elif tab == "Expression studio":
        page.wait_for_selector("#studio-picture img")
        for name, value in _SLIDERS.items():
            page.evaluate(_MOVE, [name, value])
    elif tab == "3D":
        page.wait_for_selector("#orbit-picture img")
        page.wait_for_selector("#living-page iframe")
    page.wait_for_timeout(2500)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", type=Path, metavar="FOLDER", help="every tab at every width, light and dark")
    options = parser.parse_args()
    from playwright.sync_api import sync_playwright

    from gagavatar_nodes.app.page import Serving, serve

    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    served, address = serve(Serving(), block=False)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])

        def take(width: int, tab: str, path: Path, theme: str = "light") -> None:
            page = browser.new_page(viewport={"width": width, "height": _HEIGHTS[width]}, color_scheme=theme)
            page.set_default_timeout(_PATIENCE)
            page.goto(f"{address}?__theme={theme}")
            page.wait_for_selector("#animate")
            show(page, tab)
            page.screenshot(path=path, type="jpeg", quality=88)
            page.close()
            print(path)

        if options.all is None:
            for (width, theme), tab in README.items():
                take(width, tab, ROOT / "docs" / f"app_{width}{'_dark' * (theme == 'dark')}.jpg", theme)
        else:
            options.all.mkdir(parents=True, exist_ok=True)
            for width in WIDTHS:
                for theme in THEMES:
                    for tab in TABS:
                        take(width, tab, options.all / f"{width}_{theme}_{tab.replace(' ', '_').lower()}.jpg", theme)
        browser.close()
    served.close()


if __name__ == "__main__":
    main()
