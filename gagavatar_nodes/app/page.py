"""The page, and the server that shows it."""

from __future__ import annotations

import atexit
from dataclasses import dataclass, field
from typing import Any

import gradio as gr

from .context import Context
from .limits import Limits
from .sessions import Sessions
from .tabs import animate

TITLE = "GAGAvatar"
_HEADER = """# GAGAvatar
One photo becomes a 3D head that any face can drive. Everything runs on this machine."""
_TABS = {"Animate": animate}
CSS = """
.gradio-container { max-width: 1360px !important; margin: auto; }
#status { min-height: 1.6em; }
button:focus-visible, input:focus-visible { outline: 2px solid var(--color-accent); outline-offset: 2px; }
@media (max-width: 480px) { .gradio-container { padding: 8px !important; } }
"""


@dataclass(frozen=True)
class Serving:
    """How the page is served."""

    listen: str = "127.0.0.1"
    port: int | None = None
    share: bool = False
    auth: tuple[str, str] | None = None
    root_path: str | None = None
    open_browser: bool = False
    limits: Limits = field(default_factory=Limits)


def build(limits: Limits | None = None) -> gr.Blocks:
    """The page with its tabs; `launch` it with `options`, or use `serve`."""
    limits = limits or Limits()
    sessions = Sessions(lifetime=limits.lifetime)
    atexit.register(sessions.close_all)
    context = Context(sessions, limits)
    lifetime = round(limits.lifetime)
    with gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=(lifetime, lifetime)) as page:
        gr.Markdown(_HEADER)
        for name, tab in _TABS.items():
            with gr.Tab(name, elem_id=f"tab-{name.lower().replace(' ', '-')}"):
                tab.build(context)

        def forget(request: gr.Request) -> None:
            sessions.close(request.session_hash)

        page.unload(forget)
    page.queue(max_size=limits.waiting, default_concurrency_limit=4)
    return page


def options(limits: Limits) -> dict[str, Any]:
    """What `Blocks.launch` needs for this page, wherever it is served."""
    return {
        "theme": gr.themes.Soft(primary_hue="indigo", font=["system-ui", "sans-serif"], font_mono=["monospace"]),
        "css": CSS,
        "max_file_size": limits.megabytes * 1_000_000,
        "show_error": False,
        "footer_links": ["api"],
        "ssr_mode": False,
    }


def serve(serving: Serving, block: bool = True) -> tuple[Any, str]:
    """Serves the page; returns the page and its address, at once where not `block`."""
    page = build(serving.limits)
    _, address, shared = page.launch(
        server_name=serving.listen,
        server_port=serving.port,
        share=serving.share,
        auth=serving.auth,
        root_path=serving.root_path,
        inbrowser=serving.open_browser,
        prevent_thread_lock=not block,
        **options(serving.limits),
    )
    return page, shared or address
