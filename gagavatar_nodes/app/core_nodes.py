"""ComfyUI's own nodes that graphs of this package use, by ComfyUI's names and inputs, so that they run here as well."""

from __future__ import annotations

import hashlib
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import MediaError
from ..nodes import files, host, tensors
from .core_pictures import ImageBatch, InvertMask, JoinImageWithAlpha, SaveAnimatedWEBP, SaveImage, Saver


@dataclass(frozen=True)
class FileVideo:
    """A VIDEO that lies in a file."""

    path: Path

    def get_stream_source(self) -> str:
        """Return the file's path."""
        return str(self.path)


@dataclass(frozen=True)
class FrameVideo:
    """A VIDEO whose frames are in memory; its parts bear ComfyUI's names."""

    images: tensors.Batch
    audio: dict[str, Any] | None
    frame_rate: float

    def get_components(self) -> FrameVideo:
        """Its parts."""
        return self


class LoadImage:
    """`Load Image` from the input folder."""

    DISPLAY_NAME = "Load Image"
    RETURN_TYPES = ("IMAGE", "MASK")
    FUNCTION = "run"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802 - ComfyUI's name
        """Return the inputs by name, as ComfyUI asks for them."""
        return {"required": {"image": ([], {})}}

    @classmethod
    def IS_CHANGED(cls, image: str) -> str:  # noqa: N802
        """Return what differs where the node has to run again."""
        return _digest(image)

    def run(self, image: str) -> tuple[tensors.Batch, tensors.Batch]:
        """IMAGE [1, H, W, 3] and MASK [1, H, W], 1 where the picture is transparent."""
        import numpy as np

        from ..media.images import read_image

        picture = read_image(files.resolve(image))
        alpha = picture.alpha
        hidden = np.zeros(picture.rgb.shape[:2], np.float32) if alpha is None else 1 - alpha.astype(np.float32)
        if alpha is None:
            return tensors.stack([picture.rgb], even=False), tensors.stack([hidden], even=False)
        images = tensors.stack([picture.rgb], even=False)
        return tensors.with_alpha(images, [1 - hidden]), tensors.stack([hidden], even=False)


class LoadVideo:
    """`Load Video` from the input folder."""

    DISPLAY_NAME = "Load Video"
    RETURN_TYPES = ("VIDEO",)
    FUNCTION = "run"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        """Return the inputs by name, as ComfyUI asks for them."""
        return {"required": {"file": ([], {})}}

    @classmethod
    def IS_CHANGED(cls, file: str) -> str:  # noqa: N802
        """Return what differs where the node has to run again."""
        return _digest(file)

    def run(self, file: str) -> tuple[FileVideo]:
        """Return the file as VIDEO."""
        return (FileVideo(files.resolve(file)),)


class LoadAudio:
    """`Load Audio` from the input folder."""

    DISPLAY_NAME = "Load Audio"
    RETURN_TYPES = ("AUDIO",)
    FUNCTION = "run"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        """Return the inputs by name, as ComfyUI asks for them."""
        return {"required": {"audio": ([], {})}}

    @classmethod
    def IS_CHANGED(cls, audio: str) -> str:  # noqa: N802
        """Return what differs where the node has to run again."""
        return _digest(audio)

    def run(self, audio: str) -> tuple[dict[str, Any]]:
        """Return the file's sound as AUDIO; raises `MediaError` where it has none."""
        from ..nodes.sound import read_sound

        path = files.resolve(audio)
        sound = read_sound(path)
        if sound is None:
            raise MediaError(f"{path.name} has no sound that can be decoded: choose another file")
        return (sound,)


class CreateVideo:
    """`Create Video` of pictures."""

    DISPLAY_NAME = "Create Video"
    RETURN_TYPES = ("VIDEO",)
    FUNCTION = "run"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        """Return the inputs by name, as ComfyUI asks for them."""
        return {
            "required": {"images": ("IMAGE", {}), "fps": ("FLOAT", {"default": 30.0, "min": 1.0, "max": 120.0})},
            "optional": {"audio": ("AUDIO", {})},
        }

    def run(self, images: tensors.Batch, fps: float, audio: dict[str, Any] | None = None) -> tuple[FrameVideo]:
        """Return the pictures as VIDEO."""
        return (FrameVideo(images, audio, fps),)


class SaveVideo(Saver):
    """`Save Video` as MP4 into the output folder."""

    DISPLAY_NAME = "Save Video"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        """Return the inputs by name, as ComfyUI asks for them."""
        return {
            "required": {
                "video": ("VIDEO", {}),
                "filename_prefix": ("STRING", {"default": "video/ComfyUI"}),
                "format": (["auto", "mp4"], {"default": "auto"}),
                "codec": (["auto", "h264"], {"default": "auto"}),
            }
        }

    def run(self, video: FileVideo | FrameVideo, filename_prefix: str, format: str, codec: str) -> tuple[str]:
        """Path of the written file."""
        from ..media.files import atomic_output

        if isinstance(video, FileVideo):
            path = files.next_file(filename_prefix, video.path.suffix)
            with atomic_output(path) as temporary:
                Path(temporary).write_bytes(video.path.read_bytes())
            return (str(path),)
        path = files.next_file(filename_prefix, ".mp4")
        _write_frames(video, path)
        return (str(path),)


class Preview:
    """Takes the place of nodes that only show something on ComfyUI's own page."""

    DISPLAY_NAME = "Preview"
    RETURN_TYPES: tuple[str, ...] = ()
    FUNCTION = "run"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        """Return the inputs by name, as ComfyUI asks for them."""
        return {"required": {}}

    def run(self) -> tuple[()]:
        """Nothing."""
        return ()


CORE_NODES: dict[str, type] = {
    "LoadImage": LoadImage,
    "LoadVideo": LoadVideo,
    "LoadAudio": LoadAudio,
    "CreateVideo": CreateVideo,
    "SaveVideo": SaveVideo,
    "SaveImage": SaveImage,
    "SaveAnimatedWEBP": SaveAnimatedWEBP,
    "ImageBatch": ImageBatch,
    "InvertMask": InvertMask,
    "JoinImageWithAlpha": JoinImageWithAlpha,
    "PreviewImage": Preview,
    "PreviewAny": Preview,
    "Preview3D": Preview,
}
"""ComfyUI's id -> what takes its place here."""


def _write_frames(video: FrameVideo, path: Path) -> None:
    from ..media.video_writer import VideoWriter
    from ..nodes.progress import NodeProgress
    from ..nodes.sound import write_sound

    tensors.check_images(video.images, "images")
    progress = NodeProgress(len(video.images))
    with ExitStack() as stack:
        sound = None
        if video.audio is not None:
            sound = host.temporary_folder() / f"{path.stem}.wav"
            stack.callback(sound.unlink, missing_ok=True)
            write_sound(video.audio, sound)
        size = video.images.shape[2], video.images.shape[1]
        writer = stack.enter_context(VideoWriter(path, video.frame_rate, size, False, sound))
        for count, frame in enumerate(tensors.rgb_frames(video.images), 1):
            writer.write(frame)
            progress(count, picture=frame)


def _digest(name: str) -> str:
    """SHA-256 of a file of the input folder; its name where there is no such file, which `run` then says."""
    try:
        path = files.resolve(name)
    except MediaError:
        return name
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
