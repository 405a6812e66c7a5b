"""Lift a portrait once, render many frames."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ...errors import GagavatarError
from ...rendering.covariance import covariances_from_quaternions
from ...types import Array
from .checkpoint import build_network, load_checkpoint, load_config
from .config import VERTICES, GAGAvatarConfig
from .model import GAGAvatarNetwork
from .options import RenderOptions
from .portrait_gaussians import PortraitGaussians
from .refiner import fresh_noise
from .runners import Runner, make_runner
from .scene import Scene

_log = logging.getLogger(__name__)

_NAMES = {torch.float32: "fp32", torch.float16: "fp16", torch.bfloat16: "bf16"}


class Frame(NamedTuple):
    """One rendered frame."""

    rgb: np.ndarray
    """[3, 512, 512] float32 0..1, on black."""
    alpha: np.ndarray
    """[512, 512] float32 0..1, the coverage by Gaussians."""


class GAGAvatarPredictor:
    """The published model, ready to lift portraits and render frames of them.

    A GPU that runs out of memory lowers the batch, and float16 that overflows becomes bfloat16 or float32; each is
    logged as a warning and holds for the frames after.
    """

    def __init__(self, network: GAGAvatarNetwork, options: RenderOptions | None = None) -> None:
        self.options = options or RenderOptions()
        self.device = self.options.resolve_device()
        self.dtype = self.options.resolve_dtype(self.device)
        self.batch_size = self.options.resolve_batch(self.device)
        self.network = network.eval().requires_grad_(False)
        self._runner: Runner | None = None
        self._scene: Scene | None = None

    @classmethod
    def load(
        cls,
        path: str | Path,
        options: RenderOptions | None = None,
        config: GAGAvatarConfig | None = None,
        *,
        half: bool = False,
        cache: str | Path | None = None,
    ) -> GAGAvatarPredictor:
        """Return the model of a checkpoint file, see `checkpoint.load_checkpoint`; by default of its own `config`."""
        return cls.from_state_dict(load_checkpoint(path, half=half, cache=cache), options, config or load_config(path))

    @classmethod
    def from_state_dict(
        cls, state: Mapping[str, Any], options: RenderOptions | None = None, config: GAGAvatarConfig | None = None
    ) -> GAGAvatarPredictor:
        """Return the model of a state dict. Raises FileFormatError where its tensors do not fit."""
        return cls(build_network(state, config), options)

    @torch.inference_mode()
    def lift(
        self,
        image: np.ndarray,
        source_camera: np.ndarray,
        extra: dict[str, np.ndarray] | None = None,
        notes: dict[str, str] | None = None,
    ) -> PortraitGaussians:
        """Lift a portrait, in float32.

        Args:
            image: [3, 518, 518] RGB 0..1, matted onto black; see `image.prepare_image`.
            source_camera: [3, 4] world-to-view of the portrait, see `types.Camera.transform`.
            extra: arrays to keep with the avatar, such as FLAME shape codes.
            notes: texts to keep with the avatar.

        Raises ValueError for other shapes, GagavatarError where the network's numbers are not finite.
        """
        picture = torch.as_tensor(np.asarray(image, np.float32))
        camera = torch.as_tensor(np.asarray(source_camera, np.float32))
        size = self.network.config.image_size
        if picture.shape != (3, size, size) or camera.shape != (3, 4):
            raise ValueError(
                f"Got an image {list(picture.shape)} and a camera {list(camera.shape)} but expected "
                f"[3, {size}, {size}] and [3, 4]."
            )
        self.network.to(self.device)
        with full_float32():
            lifting = self.network.lift(picture.to(self.device), camera.to(self.device))
        parameters = lifting.parameters
        arrays = {
            "layer_means": lifting.layer_points,
            "covariances": covariances_from_quaternions(parameters.rotations, parameters.scales),
            "opacities": parameters.opacities[:, 0],
            "features": parameters.features,
        }
        if not all(bool(value.isfinite().all()) for value in arrays.values()):
            raise GagavatarError("Lifting gave infinite numbers: the image or the checkpoint's weights are not sound.")
        values = {name: np.ascontiguousarray(value.float().cpu().numpy()) for name, value in arrays.items()}
        return PortraitGaussians(
            **values, source_camera=camera.numpy().copy(), config=self.network.config, extra=extra or {},
            notes=notes or {},
        )  # fmt: skip

    def render(
        self,
        lifted: PortraitGaussians,
        frames: Iterable[tuple[Array, Array]],
        matted: bool = False,
        seed: int | None = None,
    ) -> Iterator[Frame]:
        """Stream frames of a lifted avatar; at most a batch of them is held at a time.

        Args:
            lifted: the avatar.
            frames: per frame head points [5023, 3] and camera [3, 4], arrays or tensors on any device.
            matted: alpha is that of the person, see `Scene.rasterize`.
            seed: of the refiner's noise, see `refine`.
        """
        source, done = iter(frames), 0
        while batch := list(islice(source, self.batch_size)):
            points = torch.stack([torch.as_tensor(points) for points, _ in batch])
            cameras = np.stack([_to_numpy(camera) for _, camera in batch])
            rgb, alpha = self.render_batch(lifted, points, cameras, done, matted, seed)
            done += len(batch)
            yield from map(Frame, _on_cpu(rgb), _on_cpu(alpha))

    @torch.inference_mode()
    def render_batch(
        self,
        lifted: PortraitGaussians,
        head_points: Tensor | np.ndarray,
        cameras: Tensor | np.ndarray,
        first_frame: int = 0,
        matted: bool = False,
        seed: int | None = None,
    ) -> tuple[Tensor, Tensor]:
        """RGB [B, 3, 512, 512] 0..1 and alpha [B, 512, 512] of B frames, on the model's device.

        Args:
            lifted: the avatar.
            head_points: [B, 5023, 3] posed vertices in head units.
            cameras: [B, 3, 4] world-to-view.
            first_frame: index of the first of them in the video; it chooses fresh noise.
            matted: alpha is that of the person, see `Scene.rasterize`.
            seed: of the refiner's noise, see `refine`.
        """
        points, views = torch.as_tensor(head_points), _to_numpy(cameras).astype(np.float32)
        if points.shape[1:] != (VERTICES, 3) or views.shape != (len(points), 3, 4):
            raise ValueError(
                f"Got head points {list(points.shape)} and cameras {list(views.shape)} but expected "
                f"[B, {VERTICES}, 3] and [B, 3, 4]."
            )
        scene = self._scene_of(lifted)
        results: list[tuple[Tensor, Tensor]] = []
        done = 0
        while done < len(views):
            part = slice(done, min(done + self.batch_size, len(views)))
            try:
                features, alpha = scene.rasterize(points[part], views[part], matted)
                results.append((self.refine(features, first_frame + done, seed), alpha.clone().to(self.device)))
            except RuntimeError as error:
                if not _out_of_memory(error) or part.stop - part.start == 1:
                    raise _explain(error) from error
                self._lower_batch(part.stop - part.start)
                scene = self._scene_of(lifted)
                continue
            done = part.stop
        if len(results) == 1:
            return results[0]
        return torch.cat([rgb for rgb, _ in results]), torch.cat([alpha for _, alpha in results])

    @torch.inference_mode()
    def refine(self, features: Tensor, first_frame: int = 0, seed: int | None = None) -> Tensor:
        """Rendered features [B, C, 512, 512] to RGB [B, 3, 512, 512] float32 0..1 on the model's device.

        The refiner adds noise: that which the checkpoint stores (a still driver gives a still video) or, with a
        `seed`, noise drawn anew for each frame, as published; frame k of a seed always gets the same.
        """
        if not self.network.config.refiner:
            return self.network.refine(features).to(self.device)
        count = len(features)
        if 1 < count < self.batch_size and (self.options.compile or self._uses_graphs):
            # A rest of any size would be compiled or captured anew; single frames are for live use.
            features = torch.cat([features, features[-1:].expand(self.batch_size - count, -1, -1, -1)])
        noise = None if seed is None else self._noise(seed, range(first_frame, first_frame + len(features)))
        while True:
            with full_float32() if self.dtype == torch.float32 else nullcontext():
                logits = self._refiner_runner()(features.to(self.device), noise)[:count]
            if bool(logits.isfinite().all()):
                return torch.sigmoid(logits)
            self._raise_precision()

    def release(self) -> None:
        """Let go of what rendering keeps on the device beside the network; the next frame makes it anew."""
        self._runner = self._scene = None

    @property
    def _uses_graphs(self) -> bool:
        return self.options.cuda_graphs and self.device.type == "cuda"

    def _refiner_runner(self) -> Runner:
        if self._runner is None:
            self._runner = make_runner(self.network.upsampler, self.options, self.device, self.dtype)
        return self._runner

    def _scene_of(self, lifted: PortraitGaussians) -> Scene:
        if self._scene is None or self._scene.portrait is not lifted:
            if lifted.config.feature_channels != self.network.config.feature_channels:
                raise GagavatarError(
                    f"The avatar has {lifted.config.feature_channels} feature channels but the checkpoint's refiner "
                    f"reads {self.network.config.feature_channels}: lift the portrait with this checkpoint."
                )
            self._scene = Scene(lifted, self.device, self.options.rasterizer)
        return self._scene

    def _noise(self, seed: int, frames: range) -> list[Tensor]:
        maps = [fresh_noise(seed, frame, self.network.config.render_size) for frame in frames]
        return [torch.cat(level).to(self.device) for level in zip(*maps, strict=True)]

    def _raise_precision(self) -> None:
        if self.dtype != torch.float16:
            raise GagavatarError("The refiner gave infinite numbers: the checkpoint's weights are not sound.")
        bf16 = self.device.type == "cuda" and torch.cuda.is_bf16_supported()
        self.dtype = torch.bfloat16 if bf16 else torch.float32
        _log.warning("The refiner overflowed in fp16; frames are computed in %s.", _NAMES[self.dtype])
        self._runner = None

    def _lower_batch(self, tried: int) -> None:
        self.batch_size = max(1, tried // 2)
        self.release()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        _log.warning("%d frames at a time do not fit the memory of %s; taking %d.", tried, self.device, self.batch_size)


@contextmanager
def full_float32() -> Iterator[None]:
    """Convolutions on CUDA without TF32, whose ten bits PyTorch takes for float32 unless told otherwise."""
    cudnn = torch.backends.cudnn
    kept = {name: getattr(cudnn, name) for name in ("enabled", "benchmark", "deterministic")}
    with cudnn.flags(**kept, allow_tf32=False):
        yield


def _on_cpu(values: Tensor) -> np.ndarray:
    """float32; the channels of a pixel together in memory, as pictures have them.

    From CUDA through page-locked memory, which is several times faster.
    """
    layout = torch.channels_last if values.ndim == 4 else torch.contiguous_format
    values = values.contiguous(memory_format=layout)
    target = torch.empty(values.shape, memory_format=layout, pin_memory=values.device.type == "cuda")
    return target.copy_(values).numpy()


def _to_numpy(value: Tensor | np.ndarray) -> np.ndarray:
    return value.detach().cpu().numpy() if isinstance(value, torch.Tensor) else np.asarray(value)


def _out_of_memory(error: RuntimeError) -> bool:
    return isinstance(error, torch.cuda.OutOfMemoryError) or "out of memory" in str(error).lower()


def _explain(error: RuntimeError) -> Exception:
    if not _out_of_memory(error):
        return error
    return GagavatarError("One frame does not fit the device's memory: choose --device cpu, or close other programs.")
