"""The demo in a container: who may see it, and how much it takes in, come from its environment."""

from __future__ import annotations

import os

from ..stopping import stop_on_signals
from .limits import Limits


def main() -> None:
    """Serve the page; on a Space to everybody, with shorter jobs, elsewhere to this machine alone."""
    from .page import Serving, serve  # not where the processes of jobs import this module

    stop_on_signals()
    if "SPACE_ID" not in os.environ:
        serve(Serving())
        return
    names = tuple(os.environ.get("SPACE_HOST", "").split())
    serve(Serving(listen="0.0.0.0", host_names=names, limits=Limits(megabytes=50, seconds=20.0, edge=768, waiting=12)))
