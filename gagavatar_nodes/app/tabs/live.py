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
from .parts import QUIET, live_picture, picture_html, saver

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
_HINTS = {
    _CAMERA: "Press **Start**, look into the camera with a calm face, and move.",
    _MICROPHONE: "Press **Start**, and speak.",
}
_NOBODY = {
    _CAMERA: "There is no face: come into the picture, and into the light.",
    _MICROPHONE: _HINTS[_MICROPHONE],
}
_MOVERS = {_CAMERA: "webcam", _MICROPHONE: "voice"}
_UNSEEN: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}


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
    status = gr.Markdown(_HINTS[_CAMERA], elem_id="live-status")
    with gr.Row(equal_height=True) as calm:
        neutral = gr.Button("This is my neutral face", elem_id="live-neutral", scale=0)
        confirmed = gr.Markdown("", elem_id="live-confirmed")
    stage = _LiveStage(context)
    follows.change(_show_input, follows, [camera, microphone, calm, status], **QUIET)
    streamed = {"time_limit": _LONGEST, "concurrency_limit": _CALLS, **_UNSEEN}
    microphone.stream(stage.on_sound, [microphone, portrait], [head, status], stream_every=_SOUND_EVERY, **streamed)
    camera.stream(stage.on_frame, [camera, portrait], [head, status], stream_every=_EVERY, **streamed)
    with gr.Row():
        saver("Download living avatar", "live-living", stage.on_living, [portrait])
    neutral.click(stage.on_neutral, None, confirmed, **_UNSEEN)


def _show_input(choice: str) -> tuple[Any, ...]:
    """Return updates of camera, microphone, the neutral face's row and the status."""
    shown = gr.update(visible=choice == _CAMERA)
    return shown, gr.update(visible=choice == _MICROPHONE), shown, _HINTS[choice]


class _LiveStage:
    """Drives visitors' avatars: each who has a place, by what they follow."""

    def __init__(self, context: Context) -> None:
        self._context, self._places = context, Places(context.limits.live)
        self._full = (
            f"**Live is full**: {self._places.most} others use it, as many as this machine can follow. Stay: you come "
            "in by yourself as soon as one of them leaves."
        )

    def on_frame(self, request: gr.Request, frame: np.ndarray | None, path: str | None) -> tuple[Any, str]:
        """Take a picture of the webcam; return the avatar's and what is said."""
        return self._feed(request, _CAMERA, frame, path)

    def on_sound(self, request: gr.Request, sound: tuple[int, np.ndarray] | None, path: str | None) -> tuple[Any, str]:
        """Take a piece of sound; return the avatar's picture and what is said."""
        heard = sound if sound is not None and len(sound[1]) else None
        return self._feed(request, _MICROPHONE, heard, path)

    def on_neutral(self, request: gr.Request) -> str:
        """Take the face that is seen for the one at rest."""
        session = self._context.session(request)
        with session.lock:
            if "live" not in session.values or session.values["live"][0][1] != _CAMERA:
                raise GagavatarError("The webcam is not running: start it first")
            session.values["live"][1].tracker.reset_neutral()
        return f"The face at {time.strftime('%H:%M:%S')} is neutral."

    def on_living(self, request: gr.Request, path: str | None) -> str:
        """Write a living page."""
        file = self._context.result(request, "avatar.html")
        write_page(file, self._context.avatar(self._context.session(request), path, "embedded"))
        return str(file)

    def _feed(self, request: gr.Request, follows: str, piece: Any, path: str | None) -> tuple[Any, str]:
        if piece is None:
            return gr.skip(), _HINTS[follows]
        began = time.perf_counter()
        session = self._context.session(request)
        with self._places.take(str(session.folder)) as taken, session.lock:
            if not taken:
                return gr.skip(), self._full
            live, meter = _live(self._context, session, path, follows)
            drawn = live.feed(piece, _SIZE)
        if drawn is None:
            return gr.skip(), _NOBODY[follows]
        return picture_html(drawn, f"The portrait, moved by the {_MOVERS[follows]}"), meter.line(began)


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
