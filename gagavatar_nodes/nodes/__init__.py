"""ComfyUI nodes: thin classes over the package, which also run outside of ComfyUI."""

from __future__ import annotations

from typing import Any

from . import face_route, host, v3
from .animating import AnimatePortrait
from .driving import ExtractDriving
from .examples import ExampleInputs
from .expression import Expression
from .layout import CompareLayout, StitchBack
from .models import LoadAvatarModel, LoadHeadTracker
from .motions import BuiltinMotion, CombineMotions, EditMotion, KeyFrames, OrbitCamera
from .pages import AvatarToWebPage
from .portraits import LiftPortrait, TrackPortrait
from .quality import CompareQuality
from .reexpressing import ReexpressVideo
from .rendering import RenderAvatar, RenderAvatarToVideo
from .splats import AvatarToSplat
from .storage import LoadAvatar, LoadMotion, SaveAvatar, SaveMotion
from .voice import DriveByVoice

__all__ = ["NODE_CLASS_MAPPINGS", "NODE_DISPLAY_NAME_MAPPINGS", "comfy_entrypoint"]

host.register_models_folder()
face_route.register()

_NODES = (
    ExampleInputs,
    AnimatePortrait,
    ReexpressVideo,
    LoadAvatarModel,
    LoadHeadTracker,
    TrackPortrait,
    LiftPortrait,
    ExtractDriving,
    DriveByVoice,
    EditMotion,
    BuiltinMotion,
    Expression,
    KeyFrames,
    OrbitCamera,
    CombineMotions,
    RenderAvatar,
    RenderAvatarToVideo,
    StitchBack,
    CompareLayout,
    CompareQuality,
    SaveAvatar,
    LoadAvatar,
    SaveMotion,
    LoadMotion,
    AvatarToSplat,
    AvatarToWebPage,
)

NODE_CLASS_MAPPINGS = {f"GAGAvatar{node.__name__}": node for node in _NODES}
"""Id -> class. Saved workflows hold the ids and the names of inputs: neither changes."""
NODE_DISPLAY_NAME_MAPPINGS = {f"GAGAvatar{node.__name__}": node.DISPLAY_NAME for node in _NODES}


async def comfy_entrypoint() -> Any:
    """Return the nodes as V3's extension; only where `v3.available`."""
    return v3.extension(v3.available(), NODE_CLASS_MAPPINGS)
