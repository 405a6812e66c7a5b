"""Gradio's page with one gate for what comes in and one edge for what goes wrong."""

from __future__ import annotations

import asyncio
import secrets
from typing import Any

import gradio as gr

from ..errors import GagavatarError
from . import words
from .gate import Gate
from .jobs import Workers

_SECONDS = 12
_WRONG_INPUT = "An input is not what this page sends: reload the page, or look at the API's description"


class GuardedBlocks(gr.Blocks):
    """Checks the files of each call before Gradio touches them, and turns each exception into words."""

    gate: Gate
    workers: Workers
    owner: bool = False
    """Whether visitors own this machine."""

    def close(self, verbose: bool = True) -> None:
        """Stop serving, and the jobs."""
        self.workers.close()
        super().close(verbose)

    async def preprocess_data(self, block_fn: Any, inputs: list[Any], *args: Any, **kwargs: Any) -> Any:
        """Return the inputs of a handler; what Gradio cannot read is an input of a wrong kind."""
        if len(inputs) != len(block_fn.inputs):
            raise GagavatarError(f"This takes {len(block_fn.inputs)} inputs, but {len(inputs)} came: reload the page")
        try:
            return await super().preprocess_data(block_fn, inputs, *args, **kwargs)
        except (GagavatarError, gr.Error):
            raise
        except Exception as error:
            raise GagavatarError(_WRONG_INPUT) from error

    async def process_api(self, block_fn: Any, inputs: list[Any], *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Run a handler.

        Raises:
            gr.Error: in words for the visitor.
        """
        session = kwargs.get("session_hash") or getattr(kwargs.get("request"), "session_hash", None)
        try:
            if kwargs.get("iterator") is None:  # the inputs of a generator were seen when it began
                await asyncio.to_thread(self.gate.admit_all, inputs, session or secrets.token_hex(16))
            return await super().process_api(block_fn, inputs, *args, **kwargs)
        except Exception as error:
            raise self._toast(error) from error

    def _toast(self, error: Exception) -> gr.Error:
        title = "That did not work"
        text = words.plain(str(error.message)) if isinstance(error, gr.Error) else words.explain(error, self.owner)
        return gr.Error(words.as_html(text), duration=_SECONDS, print_exception=False, title=title)
