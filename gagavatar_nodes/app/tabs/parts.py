"""Parts that several tabs are made of."""

from __future__ import annotations

import base64
import html
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

MEDIA = Path(__file__).parents[1] / "media"
"""Moving thumbnails and the result that plays on arrival, made by tools/make_app_media.py."""
QUIET: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
"""Of what only changes the page: at once, unseen, and no part of its API."""
QUICK: dict[str, Any] = {"show_progress": "hidden", "concurrency_limit": 4, "api_visibility": "private"}
"""Of what takes a moment, and is seen by what it changes; no part of the page's API either."""
_QUALITY = 88
_JUST_SHOWN = 200
"""Milliseconds after which the page has the new file behind its button."""


def live_picture(label: str, elem_id: str) -> gr.HTML:
    """Return a place for pictures that change often; `picture_html` fills it."""
    return gr.HTML(f'<div class="live-picture empty">{html.escape(label)}</div>', elem_id=elem_id)


def picture_html(image: np.ndarray, alt: str) -> str:
    """Return the HTML of a picture [H, W, 3] uint8.

    It travels inside of the page's own message, which saves a round trip.
    """
    import cv2

    done, jpeg = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    if not done:
        raise ValueError(f"Got a picture {image.shape} that cannot be encoded")
    data = base64.b64encode(jpeg.tobytes()).decode("ascii")
    return f'<img class="live-picture" alt="{html.escape(alt)}" src="data:image/jpeg;base64,{data}">'


def tiles(choices: Mapping[str, str], chosen: str, label: str, elem_id: str, visible: bool = True) -> gr.Radio:
    """Return a choice by pictures, `media/<name>.webp` of each name; `choices` are names and their labels."""
    named = [(text, name) for name, text in choices.items()]
    return gr.Radio(named, value=chosen, label=label, elem_id=elem_id, elem_classes="tiles", visible=visible)


def tile_styles() -> str:
    """Return the style sheet that gives each tile its picture."""
    rule = ".tiles label:has(input[value={0}])::before {{ background-image: url(media/{0}.webp); }}"
    return "\n".join(rule.format(path.stem) for path in sorted(MEDIA.glob("*.webp")))


def shows_portrait(
    portrait: gr.Image, draw: Callable[..., Any], inputs: Sequence[Any], picture: gr.HTML, *others: Any
) -> None:
    """Draw anew when the portrait changes while its tab is open; a tab that is not open draws when it is opened."""
    again = gr.Button(visible="hidden", elem_id=f"{picture.elem_id}-again")
    again.click(draw, list(inputs), [picture, *others], concurrency_limit=4, api_visibility="private")
    press = f"""() => {{
        if (document.querySelector('#{picture.elem_id}').checkVisibility())
            document.querySelector('#{again.elem_id}').click();
    }}"""
    portrait.change(None, None, None, js=press, api_visibility="private")


def draws_while_moved(
    moved: Sequence[Any], released: Sequence[Any], tab: gr.Tab, fast: Callable[..., str], sharp: Callable[..., str],
    inputs: Sequence[Any], picture: gr.HTML,
) -> None:  # fmt: skip
    """Draw fast while sliders are moved, and sharp when they are let go, their tab is opened or the portrait changes.

    Args:
        moved: events of sliders that move.
        released: those of sliders that were let go.
        tab: in which they are.
        fast: draws at once, perhaps with fewer pixels.
        sharp: draws all pixels.
        inputs: of both; the first is the portrait.
        picture: what they draw in.
    """
    gr.on(moved, fast, inputs, picture, trigger_mode="always_last", **QUIET)
    gr.on(released, sharp, inputs, picture, trigger_mode="always_last", **QUICK)
    tab.select(sharp, inputs, picture, concurrency_limit=4, api_visibility="private")
    shows_portrait(inputs[0], sharp, inputs, picture)


def page_html(page: str, label: str) -> str:
    """Return the HTML of a frame with a living page; its script has neither this page's origin nor its cookies."""
    return (
        f'<iframe class="living-page" title="{html.escape(label)}" sandbox="allow-scripts allow-downloads" '
        f'allow="microphone; fullscreen" srcdoc="{html.escape(page)}"></iframe>'
    )


def saver(label: str, elem_id: str, make: Callable[..., str], inputs: Sequence[Any]) -> gr.Button:
    """Return a button that makes a file with `make` and downloads it; call it where the button is to stand."""
    button = gr.Button(label, elem_id=elem_id, min_width=120)
    hidden = gr.DownloadButton(visible="hidden", elem_id=f"{elem_id}-file")
    press = f"() => setTimeout(() => document.querySelector('#{elem_id}-file').click(), {_JUST_SHOWN})"
    made = button.click(make, list(inputs), hidden, concurrency_limit=4, api_visibility="private")
    made.success(None, None, None, js=press, api_visibility="private")
    return button
