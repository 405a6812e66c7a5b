"""A pytest plugin: the rasterizer is compiled for the processor that RASTERIZER_PROCESSOR names, such as x86_64_v3."""

from __future__ import annotations

import os
from dataclasses import replace

VARIABLE = "RASTERIZER_PROCESSOR"


def pytest_configure() -> None:
    """Put another processor in the place of this machine's."""
    from gagavatar_nodes.rendering import native_build

    compilers = native_build.compilers

    def lowered() -> list[native_build.Compiler]:
        wanted = f"-mcpu={os.environ[VARIABLE]}"
        found = [one for one in compilers() if "-mcpu=native" in one.flags]
        return [replace(one, flags=tuple(wanted if f == "-mcpu=native" else f for f in one.flags)) for one in found]

    native_build.compilers = lowered
