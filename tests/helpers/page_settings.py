"""What visitors do in the page's settings."""

from __future__ import annotations

from typing import Any


def resize(page: Any, edge: int, seconds: float | None = None) -> None:
    """Have the result `edge` pixels wide and high, and end after `seconds` where given."""
    if not page.locator("#size").is_visible():
        page.get_by_role("button", name="Settings").click()
    page.locator("#size input").fill("Custom")
    page.keyboard.press("Enter")
    for name, value in (("Width", edge), ("Height", edge), ("Seconds", seconds)):
        if value is not None:
            page.get_by_label(f"number input for {name}").fill(f"{value:g}")
            page.keyboard.press("Enter")
