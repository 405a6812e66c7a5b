"""A webcam or a microphone drives the avatar."""

from __future__ import annotations

import time
from typing import Any

import gradio as gr
import numpy as np

from ...devices import has_cuda
from ...errors import GagavatarError
from ...living import write_page
from ...speech.live import LiveVoice
from ...tracking.live import LiveTracker
from ..avatars import Live
from ..context import Context
from ..inputs import camera_input, microphone_input
from ..places import Places
from .parts import live_picture, picture_html, saver

_SIZE = 256
_EVERY = 0.07
"""Seconds between two pictures of the webcam."""
_LONGEST = 600
"""Seconds of one stream, so that a forgotten page does not go on for ever."""
_CALLS = 32
"""Streams that are received, from visitors who have a place or are told that there is none."""
_SOUND_EVERY = 0.08
"""Seconds of a piece of sound."""
_CAMERA, _MICROPHONE = "Webcam", "Microphone"
_HINT = "Press **Start**, look into the camera with a calm face, and move."
_HINT_SOUND = "Press **Start**, and speak."


class Meter:
    """Pictures a second, and how long they take here."""

    def __init__(self) -> None:
        self._last: float | None = None
        self._interval, self._taken = 0.0, 0.0

    def line(self, began: float) -> str:
        """After a picture that came at `began`."""
        now = time.perf_counter()
        taken = now - began
        interval = taken if self._last is None else now - self._last
        weight = 1.0 if self._last is None else 0.15
        self._interval += weight * (interval - self._interval)
        self._taken += weight * (taken - self._taken)
        self._last = now
        rate = round(1 / max(self._interval, 1e-3))
        return f"**{rate} picture{'s' * (rate != 1)} a second**, each taking {self._taken * 1e3:.0f} ms"


def build(context: Context, portrait: gr.Image, tab: gr.Tab) -> None:
    """Lay the tab out."""
    follows = gr.Radio([_CAMERA, _MICROPHONE], value=_CAMERA, label="What it follows", elem_id="live-follows")
    with gr.Row(equal_height=False):
        with gr.Column(scale=1, min_width=280):
            microphone = microphone_input(label="Microphone", visible=False, elem_id="live-microphone")
            camera = camera_input(
                label="Webcam", elem_id="live-camera",
                webcam_options=gr.WebcamOptions(
                    mirror=False, constraints={"video": {"width": {"ideal": 480}, "height": {"ideal": 360}}}
                ),
            )  # fmt: skip
        with gr.Column(scale=1, min_width=280):
            head = live_picture("The avatar appears here.", "live-head")
    status = gr.Markdown(_HINT, elem_id="live-status")
    with gr.Row(equal_height=True) as calm:
        neutral = gr.Button("This is my neutral face", elem_id="live-neutral", scale=0)
        confirmed = gr.Markdown("", elem_id="live-confirmed")
    saving = gr.Row()

    places = Places(context.limits.live)
    full = (
        f"**Live is full**: {places.most} others use it, as many as this machine can follow. Stay: you come in by "
        "yourself as soon as one of them leaves."
    )

    def on_frame(request: gr.Request, frame: np.ndarray | None, path: str | None) -> tuple[Any, str]:
        if frame is None:
            return gr.skip(), _HINT
        began = time.perf_counter()
        session = context.session(request)
        with places.take(str(session.folder)) as taken, session.lock:
            if not taken:
                return gr.skip(), full
            live, meter = _live(context, session, path, _CAMERA)
            drawn = live.feed(frame, _SIZE)
        if drawn is None:
            return gr.skip(), "There is no face: come into the picture, and into the light."
        return picture_html(drawn, "The portrait, moved by the webcam"), meter.line(began)

    def on_sound(request: gr.Request, sound: tuple[int, np.ndarray] | None, path: str | None) -> tuple[Any, str]:
        if sound is None or not len(sound[1]):
            return gr.skip(), _HINT_SOUND
        began = time.perf_counter()
        session = context.session(request)
        with places.take(str(session.folder)) as taken, session.lock:
            if not taken:
                return gr.skip(), full
            live, meter = _live(context, session, path, _MICROPHONE)
            drawn = live.feed(sound, _SIZE)
        if drawn is None:
            return gr.skip(), _HINT_SOUND
        return picture_html(drawn, "The portrait, moved by the voice"), meter.line(began)

    def on_choice(choice: str) -> tuple[Any, ...]:
        shown = choice == _CAMERA
        return (
            gr.update(visible=shown),
            gr.update(visible=not shown),
            gr.update(visible=shown),
            (_HINT if shown else _HINT_SOUND),
        )

    def on_neutral(request: gr.Request) -> str:
        session = context.session(request)
        with session.lock:
            if "live" not in session.values or session.values["live"][0][1] != _CAMERA:
                raise GagavatarError("The webcam is not running: start it first")
            session.values["live"][1].tracker.reset_neutral()
        return f"The face at {time.strftime('%H:%M:%S')} is neutral."

    def on_living(request: gr.Request, path: str | None) -> str:
        file = context.result(request, "avatar.html")
        write_page(file, context.avatar(context.session(request), path, "embedded"))
        return str(file)

    follows.change(
        on_choice, follows, [camera, microphone, calm, status], queue=False, show_progress="hidden",
        api_visibility="private",
    )  # fmt: skip
    microphone.stream(
        on_sound, [microphone, portrait], [head, status], stream_every=_SOUND_EVERY, time_limit=_LONGEST,
        concurrency_limit=_CALLS, show_progress="hidden", api_visibility="private",
    )  # fmt: skip
    camera.stream(
        on_frame, [camera, portrait], [head, status], stream_every=_EVERY, time_limit=_LONGEST,
        concurrency_limit=_CALLS, show_progress="hidden", api_visibility="private",
    )  # fmt: skip
    with saving:
        saver("Download living avatar", "live-living", on_living, [portrait])
    neutral.click(on_neutral, None, confirmed, show_progress="hidden", api_visibility="private")


def _model() -> str:
    """Which avatar follows: GAGAvatar, where its files are, needs a GPU to keep up."""
    return "auto" if has_cuda() else "embedded"


def _live(context: Context, session: Any, path: str | None, follows: str) -> tuple[Live, Meter]:
    kept = session.values.get("live")
    if kept is None or kept[0] != (path, follows):
        avatar = context.avatar(session, path, _model())
        kept = session.values["live"] = ((path, follows), Live(avatar, _tracker(follows)), Meter())
    return kept[1], kept[2]


def _tracker(follows: str) -> LiveTracker | LiveVoice:
    return LiveTracker(1 / _EVERY) if follows == _CAMERA else LiveVoice(1 / _SOUND_EVERY)
