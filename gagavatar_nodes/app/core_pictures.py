"""Those of ComfyUI's own nodes that work on pictures and masks; see `core_nodes`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..media.backgrounds import cover
from ..nodes import files, tensors

if TYPE_CHECKING:
    from PIL import Image

_WEBP_METHODS = {"default": 4, "fastest": 0, "slowest": 6}


class Saver:
    """What nodes that write a file have in common; ComfyUI's own ones give nothing on, these the file's path."""

    RETURN_TYPES = ("STRING",)
    FUNCTION = "run"
    OUTPUT_NODE = True


class ImageBatch:
    """`Batch Images`: the second ones cover the size of the first."""

    DISPLAY_NAME = "Batch Images"
    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "run"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802 - ComfyUI's name
        """Return the inputs by name, as ComfyUI asks for them."""
        return {"required": {"image1": ("IMAGE", {}), "image2": ("IMAGE", {})}}

    def run(self, image1: tensors.Batch, image2: tensors.Batch) -> tuple[tensors.Batch]:
        """IMAGE of both, without transparency."""
        tensors.check_images(image1, "image1")
        tensors.check_images(image2, "image2")
        size = image1.shape[2], image1.shape[1]
        pictures = [*tensors.rgb_frames(image1), *(cover(picture, size) for picture in tensors.rgb_frames(image2))]
        return (tensors.stack(pictures, even=False),)


class InvertMask:
    """`Invert Mask`."""

    DISPLAY_NAME = "Invert Mask"
    RETURN_TYPES = ("MASK",)
    FUNCTION = "run"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        """Return the inputs by name, as ComfyUI asks for them."""
        return {"required": {"mask": ("MASK", {})}}

    def run(self, mask: tensors.Batch) -> tuple[tensors.Batch]:
        """1 minus the mask."""
        return (1 - mask,)


class JoinImageWithAlpha:
    """`Join Image with Alpha`; `alpha` is a mask, 1 where the picture becomes transparent."""

    DISPLAY_NAME = "Join Image with Alpha"
    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "run"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        """Return the inputs by name, as ComfyUI asks for them."""
        return {"required": {"image": ("IMAGE", {}), "alpha": ("MASK", {})}}

    def run(self, image: tensors.Batch, alpha: tensors.Batch) -> tuple[tensors.Batch]:
        """IMAGE [B, H, W, 4]."""
        tensors.check_images(image, "image")
        empty = np.zeros(image.shape[1:3], np.float32)
        hidden = [tensors.mask_frame(alpha, index, image.shape[1:]) for index in range(len(image))]
        opaque = [1 - (empty if mask is None else mask) for mask in hidden]
        return (tensors.with_alpha(image, opaque),)


class SaveImage(Saver):
    """`Save Image` as PNG into the output folder."""

    DISPLAY_NAME = "Save Image"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        """Return the inputs by name, as ComfyUI asks for them."""
        return {"required": {"images": ("IMAGE", {}), "filename_prefix": ("STRING", {"default": "ComfyUI"})}}

    def run(self, images: tensors.Batch, filename_prefix: str) -> tuple[str]:
        """Path of the last picture."""
        from ..media.images import write_image

        tensors.check_images(images, "images")
        for index in range(len(images)):
            path = files.next_file(filename_prefix, ".png")
            write_image(path, _picture(images, index))
        return (str(path),)


class SaveAnimatedWEBP(Saver):
    """`Save Animated WEBP` into the output folder."""

    DISPLAY_NAME = "Save Animated WEBP"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        """Return the inputs by name, as ComfyUI asks for them."""
        return {
            "required": {
                "images": ("IMAGE", {}),
                "filename_prefix": ("STRING", {"default": "ComfyUI"}),
                "fps": ("FLOAT", {"default": 6.0, "min": 0.01, "max": 1000.0}),
                "lossless": ("BOOLEAN", {"default": True}),
                "quality": ("INT", {"default": 80, "min": 0, "max": 100}),
                "method": (list(_WEBP_METHODS), {}),
            }
        }

    def run(
        self, images: tensors.Batch, filename_prefix: str, fps: float, lossless: bool, quality: int, method: str
    ) -> tuple[str]:
        """Path of the written file."""
        from ..media.files import atomic_output

        tensors.check_images(images, "images")
        path = files.next_file(filename_prefix, ".webp")
        first, *others = (_pillow(images, index) for index in range(len(images)))
        with atomic_output(path) as temporary:
            first.save(
                temporary, "WEBP", save_all=True, append_images=others, duration=round(1000 / fps), loop=0,
                lossless=lossless, quality=quality, method=_WEBP_METHODS[method],
            )  # fmt: skip
        return (str(path),)


def _picture(images: tensors.Batch, index: int) -> np.ndarray:
    """[H, W, 3 or 4] uint8."""
    rgb, alpha = tensors.rgb_frame(images, index), tensors.alpha_frame(images, index)
    if alpha is None:
        return rgb
    return np.dstack([rgb, (np.clip(alpha, 0, 1) * 255 + 0.5).astype(np.uint8)])


def _pillow(images: tensors.Batch, index: int) -> Image.Image:
    from PIL import Image

    return Image.fromarray(_picture(images, index))
