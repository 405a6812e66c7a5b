"""The network as two functions of arrays: `trace` for every intermediate result, `refine` for the neural renderer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from ...types import FOCAL
from .checkpoint import build_network
from .config import IMAGE_SIZE, RENDER_SIZE, VERTICES
from .geometry import projection_matrix, view_matrix
from .refiner import Refiner

_REFINER_PREFIX = "upsampler."


def trace(
    state_dict: Mapping[str, Any],
    image: np.ndarray,
    source_camera: np.ndarray,
    target_camera: np.ndarray,
    head_points: np.ndarray,
    backend: str = "auto",
) -> dict[str, np.ndarray]:
    """Run the published network once in float32 on the CPU and return every result, whole.

    Args:
        state_dict: tensors or arrays under the published names; `percep_loss.*` is ignored.
        image: [3, 518, 518] RGB 0..1, matted onto black.
        source_camera: [3, 4] world-to-view of the image, see `types.Camera.transform`.
        target_camera: [3, 4] world-to-view of the picture to render.
        head_points: [5023, 3] posed FLAME vertices in head units.
        backend: of the rasterizer, see `rendering.rasterize_arrays`.

    Returns float32 arrays, with S = 296 and N = 5023 + 2 * S * S:
        plane_points [S * S, 3], plane_dir [3], direction_encoding [27], backbone_local [256, S, S],
        backbone_global [768], gs_colors [N, 32], gs_opacities [N, 1], gs_scales [N, 3], gs_rotations [N, 4],
        gs_xyz [N, 3], view_matrix [4, 4], proj_matrix [4, 4], raster [32, 512, 512], alpha [512, 512],
        refined [3, 512, 512] with the stored noise.

    Raises FileFormatError where tensors are missing, unexpected or misshapen; ValueError for inputs of other shapes.
    """
    from ...rendering import rasterize_arrays

    picture = _array("image", image, (3, IMAGE_SIZE, IMAGE_SIZE))
    source = _array("source_camera", source_camera, (3, 4))
    target = _array("target_camera", target_camera, (3, 4))
    points = _array("head_points", head_points, (VERTICES, 3))
    network = build_network(state_dict).cpu()
    with torch.inference_mode():
        lifting = network.lift(picture, source)
    parameters = lifting.parameters
    means = torch.cat([points, lifting.layer_points])
    raster, alpha = rasterize_arrays(
        means.numpy(), parameters.rotations.numpy(), parameters.scales.numpy(), parameters.opacities[:, 0].numpy(),
        parameters.features.numpy(), target.numpy(), RENDER_SIZE, RENDER_SIZE, focal=FOCAL, backend=backend,
    )  # fmt: skip
    with torch.inference_mode():
        refined = network.refine(torch.from_numpy(np.ascontiguousarray(raster, np.float32))[None])[0]
        results = {
            "plane_points": lifting.plane_points,
            "plane_dir": lifting.plane_direction,
            "direction_encoding": lifting.encoding,
            "backbone_local": lifting.local,
            "backbone_global": lifting.identity,
            "gs_colors": parameters.features,
            "gs_opacities": parameters.opacities,
            "gs_scales": parameters.scales,
            "gs_rotations": parameters.rotations,
            "gs_xyz": means,
            "view_matrix": view_matrix(target),
            "proj_matrix": projection_matrix(target),
            "raster": torch.as_tensor(raster),
            "alpha": torch.as_tensor(alpha),
            "refined": refined,
        }
    return {
        name: value.to(torch.float32, memory_format=torch.contiguous_format, copy=True).numpy()
        for name, value in results.items()
    }


def refine(state_dict: Mapping[str, Any], features: np.ndarray) -> np.ndarray:
    """Return the neural renderer alone, float32 on the CPU, with the stored noise.

    Args:
        state_dict: as for `trace`; only the tensors under `upsampler.` are read.
        features: [32, 512, 512] or [B, 32, 512, 512] rendered features.

    Returns RGB [3, 512, 512] or [B, 3, 512, 512], float32 0..1.
    """
    batch = torch.as_tensor(np.asarray(features, np.float32))
    if batch.ndim not in (3, 4) or batch.shape[-3:] != (32, RENDER_SIZE, RENDER_SIZE):
        raise ValueError(f"Got features {list(batch.shape)} but expected [32, {RENDER_SIZE}, {RENDER_SIZE}].")
    with torch.device("meta"):
        refiner = Refiner()
    state = {
        name.removeprefix(_REFINER_PREFIX): torch.as_tensor(value).detach().float().cpu()
        for name, value in state_dict.items()
        if name.startswith(_REFINER_PREFIX)
    }
    refiner.load_state_dict(state, assign=True)
    with torch.inference_mode():
        return refiner(batch.reshape(-1, *batch.shape[-3:])).reshape(*batch.shape[:-3], 3, RENDER_SIZE, -1).numpy()


def _array(name: str, value: np.ndarray, shape: tuple[int, ...]) -> torch.Tensor:
    array = np.ascontiguousarray(value, np.float32)
    if array.shape != shape:
        raise ValueError(f"Got {name} {list(array.shape)} but expected {list(shape)}.")
    return torch.from_numpy(array)
