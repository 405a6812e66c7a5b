"""The page, and the server that shows it."""

from __future__ import annotations

import atexit
import io
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gradio as gr
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from ..assets import PORTRAITS
from .context import EXAMPLE_PORTRAIT, Context
from .edge import Edge, Hosts
from .gate import Gate, UploadFolder
from .guarded import GuardedBlocks
from .inputs import picture_input
from .jobs import Workers
from .limits import Limits
from .sessions import Sessions
from .tabs import animate, film, live, models, studio, viewer3d
from .tabs.parts import MEDIA, QUIET, tile_styles, tiles

TITLE = "GAGAvatar"
_FOLDER = Path(__file__).parent
_OTHER_CALLS = 80
"""That are served at the same time beside the jobs that wait."""
_LOOK_SECONDS = 0.1
"""Between two looks whether the page is still served."""
_ALONE = ("127.0.0.1", "localhost", "::1")
"""Addresses that only this machine can reach."""
_HEADER = """# GAGAvatar
One photo becomes a 3D head that any face can drive."""
_TABS = {"Animate": animate, "Film": film, "Expression studio": studio, "Live": live, "3D": viewer3d, "Models": models}
_EXAMPLES = {"photo": "Astronaut", "admiral": "Admiral", "pocahontas": "Pocahontas", "franklin": "Franklin"}
_HINT = "A photo of one face, best from the front with hair and shoulders."
_PRIVATE = " It stays on this machine."
_SHARED = " It goes to the machine that serves this page, and is removed after you leave."


@dataclass(frozen=True)
class Serving:
    """How the page is served."""

    listen: str = "127.0.0.1"
    port: int | None = None
    share: bool = False
    auth: tuple[str, str] | None = None
    root_path: str | None = None
    host_names: tuple[str, ...] = ()
    """Names under which others reach the page, by way of a proxy."""
    open_browser: bool = False
    limits: Limits = field(default_factory=Limits)


def build(limits: Limits | None = None, may_download: bool = True) -> gr.Blocks:
    """Return the page with its tabs; `launch` it with `options`, or use `serve`.

    `may_download` where only the owner of this machine sees the page: weights may then be fetched from it.
    """
    limits = limits or Limits()
    sessions = Sessions(lifetime=limits.lifetime)
    gate = Gate(_upload_folder(sessions), limits)
    workers = Workers(limits)
    atexit.register(workers.close)
    context = Context(sessions, gate, workers, limits, may_download)
    lifetime = round(limits.lifetime)
    with GuardedBlocks(title=TITLE, analytics_enabled=False, delete_cache=(lifetime, lifetime)) as page:
        gr.Markdown(_HEADER)
        with gr.Row(equal_height=False):
            with gr.Column(scale=1, min_width=260):
                portrait = picture_input(
                    label="Portrait", value=context.example(EXAMPLE_PORTRAIT), height=300, elem_id="portrait"
                )
                examples = tiles(_EXAMPLES, "photo", "Or one of these", "examples")
                gr.Markdown(_HINT + (_PRIVATE if may_download else _SHARED))
            with gr.Column(scale=4, min_width=320), gr.Tabs():
                for name, module in _TABS.items():
                    with gr.Tab(name) as tab:
                        module.build(context, portrait, tab)
        examples.input(lambda name: context.example(PORTRAITS[name]), examples, portrait, **QUIET)
        gr.on([portrait.upload, portrait.clear], lambda: None, None, examples, **QUIET)

        def forget(request: gr.Request) -> None:
            sessions.close(request.session_hash)
            gate.forget(request.session_hash or "")

        page.unload(forget)
    page.gate, page.workers, page.owner = gate, workers, may_download
    page.queue(max_size=limits.waiting + _OTHER_CALLS, default_concurrency_limit=4)
    return page


def _upload_folder(sessions: Sessions) -> Path:
    """Where Gradio is to put uploads: a folder that no other user of this machine may read, unless one is named."""
    if "GRADIO_TEMP_DIR" not in os.environ:
        os.environ["GRADIO_TEMP_DIR"] = str(sessions.root / "uploads")
    return Path(os.environ["GRADIO_TEMP_DIR"])


def options(page: GuardedBlocks, limits: Limits, hosts: Hosts | None = None) -> dict[str, Any]:
    """Return what `Blocks.launch` needs for this page, wherever it is served: by this machine alone unless `hosts`."""

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        """Put the edge around all of the server; Gradio itself lets nothing stand before its own layers."""
        app.uploaded_file_dir = UploadFolder(page.gate.root)
        app.middleware_stack = Edge(app.middleware_stack, page, hosts or Hosts(), page.gate, page.workers.full)
        yield

    style, script = ((_FOLDER / f"page.{kind}").read_text(encoding="utf-8") for kind in ("css", "js"))
    return {
        "app_kwargs": {"lifespan": lifespan, "routes": [Mount("/media", StaticFiles(directory=MEDIA))]},
        "theme": gr.themes.Soft(primary_hue="indigo", font=["system-ui", "sans-serif"], font_mono=["monospace"]),
        # As `css`, Gradio would not let the style reach the page's frame.
        "head": f"<style>{style}\n{tile_styles()}</style><script>{script}</script>",
        "max_threads": limits.waiting + _OTHER_CALLS,
        "max_file_size": limits.megabytes * 1_000_000,
        "show_error": False,
        "footer_links": ["api"],
        "ssr_mode": False,
    }


def serve(serving: Serving, block: bool = True) -> tuple[Any, str]:
    """Serve the page and say where; return the page and its address, at once where not `block`."""
    alone = serving.listen in _ALONE and not (serving.share or serving.root_path or serving.host_names)
    hosts = Hosts.of(serving.listen, (*serving.host_names, serving.root_path or ""))
    page = build(serving.limits, may_download=alone)
    with redirect_stdout(io.StringIO()):  # Gradio tells of a link that failed in ten lines
        _, address, shared = page.launch(
            server_name=serving.listen,
            server_port=serving.port,
            share=serving.share,
            auth=serving.auth,
            root_path=serving.root_path,
            inbrowser=serving.open_browser,
            prevent_thread_lock=True,
            **options(page, serving.limits, hosts),
        )
    hosts.add(shared or "")
    if serving.share and not shared:
        print(
            "There is no public link, as Gradio's servers cannot be reached: check the connection, or use --listen",
            file=sys.stderr,
        )
    if block:
        page.workers.start()
        print(f"The page is at {shared or address} until you press Ctrl-C", flush=True)
        _wait(page)
    return page, shared or address


def _wait(page: GuardedBlocks) -> None:
    """Wait until the program is told to end.

    Gradio's own way takes the signal for itself and waits for its threads, perhaps for longer than there is time.
    """
    try:
        while page.is_running:
            time.sleep(_LOOK_SECONDS)
    finally:
        page.workers.close()
