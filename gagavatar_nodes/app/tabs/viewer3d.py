"""The avatar from around, as a page that lives, and as a splat file."""

from __future__ import annotations

import json

import gradio as gr

from ...export.exporters import EXPORTERS
from .. import expressions
from ..avatars import picture_of
from ..context import JOBS, Context
from ..executor import execute
from ..graphs import RESULT, living, splat
from ..workflows import note_for, to_ui
from .parts import draws_while_moved, live_picture, page_html, picture_html, shows_portrait

_FAST, _SHARP = 384, 768
_FORMATS = tuple(extension[1:] for extension in EXPORTERS)
_EMPTY = '<div class="live-picture empty">The living avatar appears here.</div>'


def build(context: Context, portrait: gr.Image, tab: gr.Tab) -> None:
    """Lay the tab out."""
    with gr.Row(equal_height=False):
        with gr.Column(scale=1, min_width=300):
            picture = live_picture("The head appears here.", "orbit-picture")
            yaw = gr.Slider(-60, 60, 0, step=1, label="Around (degrees)", elem_id="orbit-yaw")
            pitch = gr.Slider(-35, 35, 0, step=1, label="Up and down (degrees)", elem_id="orbit-pitch")
        with gr.Column(scale=2, min_width=320):
            page = gr.HTML(_EMPTY, elem_id="living-page")
            page_file = gr.DownloadButton(
                "Download living avatar", interactive=False, elem_id="living-page-file", variant="primary"
            )
            format_ = gr.Dropdown(list(_FORMATS), value="ply", label="Format")
            make = gr.Button("Make splat file", elem_id="make-splat")
            with gr.Row():
                file = gr.DownloadButton("Download splat", interactive=False, elem_id="splat-file", min_width=140)
                workflow = gr.DownloadButton("ComfyUI workflow", interactive=False, min_width=140)

    def draw(request: gr.Request, path: str | None, turn: float, nod: float, size: int) -> str:
        avatar = context.avatar(context.session(request), path)
        drawn = picture_of(avatar, expressions.pose_face({"turn": turn, "nod": nod}), size)
        return picture_html(drawn, f"The head, seen {turn:g} degrees from the side and {nod:g} from above")

    def fast(request: gr.Request, path: str | None, turn: float, nod: float) -> str:
        return draw(request, path, turn, nod, _FAST)

    def sharp(request: gr.Request, path: str | None, turn: float, nod: float) -> str:
        return draw(request, path, turn, nod, _SHARP)

    def show(request: gr.Request, path: str | None) -> tuple[object, object]:
        session = context.session(request)
        if session.values.get("living") == path:
            return gr.skip(), gr.skip()
        program = session.program(lambda done, total, picture: None)
        graph = living(context.portrait(session, path))
        made = program.output / execute(graph, program, session.results)[RESULT][0][0]
        session.values["living"] = path
        text = made.read_text(encoding="utf-8")
        return page_html(text, "Living avatar"), gr.update(value=str(made), interactive=True)

    def on_make(request: gr.Request, portrait: str | None, format: str) -> tuple[object, object]:
        session = context.session(request)
        source = context.portrait(session, portrait)
        graph = splat(source, format)
        *_, last = context.workers.run(session, graph)
        made = session.folder / "output" / (last.outputs or {})["save"][0][0]
        document = context.result(request, "splat_workflow.json")
        document.write_text(json.dumps(to_ui(graph, note_for(graph)), indent=1), encoding="utf-8")
        return (
            gr.update(value=str(made), interactive=True),
            gr.update(value=str(document), interactive=True),
        )

    draws_while_moved(
        [yaw.input, pitch.input], [yaw.release, pitch.release], tab, fast, sharp, [portrait, yaw, pitch], picture
    )
    tab.select(
        show, portrait, [page, page_file], show_progress="minimal", concurrency_limit=2, api_visibility="private"
    )
    shows_portrait(portrait, show, [portrait], page, page_file)
    make.click(
        on_make, [portrait, format_], [file, workflow], concurrency_id=JOBS, concurrency_limit=context.job_calls,
        api_name="splat",
    )  # fmt: skip
