"""Portraits that are tracked and lifted once in a run of the tests, whichever of its processes asks first."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from once import Once, name_of


def tracking(once: Once) -> Callable[..., Any]:
    """Return `track_portrait`, which tracks a picture once."""
    from gagavatar_nodes.tracking.portrait import track_portrait

    def track(image, alpha=None, *arguments, **options):
        make = partial(track_portrait, image, alpha, *arguments, **options)
        if alpha is not None:
            return make()  # which may have something to say
        return once(f"portrait-{name_of(image, arguments, sorted(options.items()))}", make)

    return track


def lifting(once: Once) -> Callable[..., Any]:
    """Return `lift_portrait`, which lifts a portrait once."""
    from gagavatar_nodes.lifting.embedded.lift import DENSITY, lift_portrait

    def lift(portrait, density=DENSITY):
        return once(f"avatar-{name_of(portrait, density)}", partial(lift_portrait, portrait, density))

    return lift


def run_jobs(folder: Path, pipe: Connection) -> None:
    """Be the process of the page's jobs, which shares what is lifted by way of `folder`."""
    import gagavatar_nodes.lifting.embedded
    import gagavatar_nodes.tracking.portrait
    from gagavatar_nodes.app.worker import main

    once = Once(folder)
    track, lift = tracking(once), lifting(once)
    gagavatar_nodes.tracking.portrait.track_portrait = track
    gagavatar_nodes.lifting.embedded.lift_portrait = lift
    main(pipe)
