"""An avatar as a splat: a file everywhere, and ComfyUI's own SPLAT and 3D file where it has them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..avatars import Avatar
from ..errors import GagavatarError
from ..export.exporters import EXPORTERS, export_gaussians
from ..types import Gaussians, Motion
from . import files, host, spec, tensors
from .progress import run_cancellable

_SPLAT, _FILE = host.has_type("SPLAT"), host.has_type("File3D")


def _file_type() -> str:
    """Return the socket that this version's preview and save nodes for splats take."""
    api = host.module("comfy_api.latest")
    types = getattr(api, "IO", None) or getattr(api, "io", None)
    return "FILE_3D_SPLAT_ANY" if hasattr(types, "File3DSplatAny") else "FILE_3D"


class AvatarToSplat:
    """`Avatar to Splat`."""

    DISPLAY_NAME = "Avatar to Splat"
    CATEGORY = "GAGAvatar/files"
    DESCRIPTION = (
        "Saves one moment of an avatar as a 3D Gaussian splat that any splat viewer opens, and hands it to ComfyUI's "
        "own splat nodes where this version has them."
    )
    SEARCH_ALIASES = ("ply", "spz", "gaussian splat", "export 3d", "3dgs")
    RETURN_TYPES = ("STRING", *(("SPLAT",) if _SPLAT else ()), *((_file_type(),) if _FILE else ()))
    RETURN_NAMES = ("model_file", *(("splat",) if _SPLAT else ()), *(("file_3d",) if _FILE else ()))
    OUTPUT_TOOLTIPS = (
        "The file, relative to the output folder, for Preview 3D.",
        *(("For ComfyUI's splat nodes.",) if _SPLAT else ()),
        *(("For Preview Splat and Save Splat.",) if _FILE else ()),
    )
    FUNCTION = "run"
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        """Return the inputs by name, as ComfyUI asks for them."""
        return {
            "required": {
                "avatar": spec.socket(spec.AVATAR, "From Lift Portrait or Load Avatar."),
                "filename_prefix": spec.text("gagavatar/splat", files.PREFIX_TIP),
                "format": spec.choice(
                    [extension[1:] for extension in EXPORTERS],
                    "ply opens everywhere, spz is a tenth of it, splat is for web viewers, glb for glTF viewers.",
                ),
                "frame": spec.whole(0, 0, 1_000_000, "Frame of the motion."),
            },
            "optional": {"motion": spec.socket(spec.MOTION, "Expression and pose; without it the face is at rest.")},
        }

    def run(
        self, avatar: Avatar, filename_prefix: str, format: str, frame: int, motion: Motion | None = None
    ) -> dict[str, Any]:
        """Raise `MediaError` where the file cannot be written, `GagavatarError` where there is no such frame."""
        from ..driving.operations import neutral_motion

        moment = neutral_motion() if motion is None else motion
        if frame >= len(moment):
            raise GagavatarError(f"There is no frame {frame}: the motion has frames 0 to {len(moment) - 1}")
        path = files.next_file(filename_prefix, f".{format}")
        gaussians = run_cancellable(lambda: avatar.perform(moment).gaussians(frame))
        run_cancellable(lambda: export_gaussians(gaussians, path))
        name = path.relative_to(host.output_folder()).as_posix()
        return {"ui": {"text": (name,)}, "result": (name, *_values(gaussians, path))}


def _values(gaussians: Gaussians, path: Path) -> list[Any]:
    values = [_splat(gaussians)] if _SPLAT else []
    return values + ([host.make_value("File3D", str(path), path.suffix[1:])] if _FILE else [])


def _splat(gaussians: Gaussians) -> Any:
    """ComfyUI's SPLAT, a batch of one: y down and z away from the viewer, like the .ply."""
    from ..export.splats import SH_C0, to_splats

    splats = to_splats(gaussians).y_down()
    arrays = {
        "positions": splats.means,
        "scales": splats.scales,
        "rotations": splats.quaternions,
        "opacities": splats.opacities[:, None],
        "sh": ((splats.colors - 0.5) / SH_C0)[:, None],
    }
    return host.make_value("SPLAT", **{name: tensors.to_tensor(array.copy()[None]) for name, array in arrays.items()})
