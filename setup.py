"""Everything is in pyproject.toml, but for what a wheel carries: the weights manifest and the compiled rasterizer.

Where the `ziglang` package can be imported while the wheel is made (`pip wheel . --no-build-isolation`), the wheel
holds libraries for its platform and is tagged so: this machine's, or `GAGAVATAR_WHEEL_PLATFORM`, one of `WHEELS` in
native_build.py. Without it the wheel is a plain Python one and the library is built at first use.
"""

import importlib.util
import os
import platform
import shutil
import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
MANIFEST = "weights_manifest.json"
SYSTEMS = {"linux": "manylinux_2_17_", "darwin": "macosx_11_0_", "win32": "win_"}


def load_native_build():
    """The module by its file: the package itself needs NumPy, which a build environment lacks."""
    path = ROOT / "gagavatar_nodes" / "rendering" / "native_build.py"
    spec = importlib.util.spec_from_file_location("native_build", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


native_build = load_native_build()


def wheel_platform() -> str | None:
    if importlib.util.find_spec("ziglang") is None:
        return None
    if wanted := os.environ.get("GAGAVATAR_WHEEL_PLATFORM"):
        if wanted not in native_build.WHEELS:
            raise SystemExit(f"GAGAVATAR_WHEEL_PLATFORM: {wanted} is none of {', '.join(native_build.WHEELS)}")
        return wanted
    if sys.platform == "linux" and platform.libc_ver()[0] != "glibc":
        return None
    tag = SYSTEMS.get(sys.platform, "") + platform.machine().lower()
    return tag if tag in native_build.WHEELS else None


class BuildWithRasterizer(build_py):
    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            shutil.copyfile(ROOT / MANIFEST, Path(self.build_lib) / "gagavatar_nodes" / "weights" / MANIFEST)
        tag = wheel_platform()
        if tag and not self.editable_mode:
            native_build.build_for_wheel(tag, Path(self.build_lib) / "gagavatar_nodes" / "rendering" / "prebuilt")


class PlatformWheel(bdist_wheel):
    def finalize_options(self) -> None:
        super().finalize_options()
        self.root_is_pure = wheel_platform() is None

    def get_tag(self) -> tuple[str, str, str]:
        tag = wheel_platform()
        return ("py3", "none", tag) if tag else super().get_tag()


setup(cmdclass={"build_py": BuildWithRasterizer, "bdist_wheel": PlatformWheel})
