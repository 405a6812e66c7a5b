"""Which models are there, under which licenses, and their download."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import gradio as gr

from ...background import Task
from ...devices import has_torch
from ...errors import GagavatarError
from ...weights import WeightFile, find_weight, manifest, weight
from ..context import Context

_REPORT_SECONDS = 0.5
_WITHOUT_TORCH = """

**PyTorch is not installed here.** The embedded avatar and its tracker do without. GAGAvatar, the other trackers and
the voice of ARTalk need it: run
`pip install "gagavatar-nodes[gagavatar]"` in this page's Python, then start it again."""


def build(context: Context, portrait: gr.Image, tab: gr.Tab) -> None:
    """Lay the tab out."""
    active = gr.Markdown(elem_id="models-active")
    table = gr.Markdown(elem_id="models-files")
    if context.may_download:
        name = gr.Dropdown(list(manifest()), label="File", elem_id="models-file")
        accepted = gr.Checkbox(
            False, label="I have read and accept its license", elem_id="models-accept",
            info="FLAME and what is made from it may be used under their own terms only.",
        )  # fmt: skip
        fetch = gr.Button("Download", elem_id="models-download")
        progress = gr.Markdown("", elem_id="models-progress")
        fetch.click(
            on_download, [name, accepted], progress, concurrency_limit=1, show_progress="hidden",
            api_visibility="private",
        ).then(files, None, table, api_visibility="private")  # fmt: skip
        name.change(lambda: False, None, accepted, show_progress="hidden", api_visibility="private")
    else:
        gr.Markdown("Files are downloaded on the machine that serves this page: `gagavatar weights download NAME`.")
    tab.select(files, None, table, show_progress="hidden", api_visibility="private")
    tab.select(choices, None, active, show_progress="hidden", api_visibility="private")


def choices() -> str:
    """Return what `auto` means at the moment, and why."""
    from ...pipeline import choose_model
    from ...settings import Settings
    from ...trackers import choose_tracker

    model, why = choose_model("auto")
    tracker, because = choose_tracker("auto", Settings())
    missing = "" if has_torch() else _WITHOUT_TORCH
    return (
        f"**Avatar model**: {model} ({why}). **Tracker**: {tracker} ({because}). The embedded model and tracker are "
        f"part of the package. Files placed by hand go to a folder that `gagavatar weights path` names.{missing}"
    )


def files() -> str:
    """Return the published model's files: what for, size, license, and whether they are here."""
    lines = ["### Files of the published model"]
    lines += [
        f"- **{entry.name}** · {_state(entry)} · {_size(entry)} · [{entry.license}]({entry.license_url})  \n"
        f"  {entry.purpose}"
        for entry in manifest().values()
    ]
    return "\n".join(lines)


def on_download(name: str | None, accepted: bool) -> Iterator[str]:
    """Fetch a file while it tells how far it is; nothing is fetched whose license is not accepted."""
    if not name:
        raise GagavatarError("No file is chosen: choose one from the list")
    entry = weight(name)
    if entry.gated and not accepted:
        raise GagavatarError(
            f"{entry.name} is under the {entry.license}: read it at {entry.license_url}, then tick the box"
        )
    yield from _fetching(entry, accepted)


def _fetching(entry: WeightFile, accepted: bool) -> Iterator[str]:
    from ...weights.download import download

    line = f"{entry.name}: starting …"

    def say(text: str) -> None:
        nonlocal line
        line = text

    def progress(done: int, total: int | None) -> None:
        say(f"{entry.name}: {done / 1e6:,.0f} MB" + (f" of {total / 1e6:,.0f} MB" if total else ""))

    fetch = partial(download, entry.name, accept_license=accepted, progress=progress, say=say)
    task = Task(fetch, "gagavatar-download")
    yield line
    while not task.wait(_REPORT_SECONDS):
        yield line
    yield f"{task.result().name} is here and verified."


def _size(entry: WeightFile) -> str:
    return "size unknown" if entry.size is None else f"{entry.size / 1e6:,.0f} MB"


def _state(entry: WeightFile) -> str:
    if find_weight(entry.name) is not None:
        return "here"
    return "missing, license to accept" if entry.gated else "missing"
