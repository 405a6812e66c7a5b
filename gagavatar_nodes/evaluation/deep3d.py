"""Deep3DFaceRecon (Deng et al., CVPRW 2019): a ResNet-50 that gives a morphable model's coefficients of a face.

Its two files are placed by hand: the network's weights, and the model's mean landmarks that pictures are aligned with.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..devices import require_torch
from ..errors import FileFormatError, WeightsError
from ..settings import Settings
from ..tracking.arcface import five_points

if TYPE_CHECKING:
    from .sights import Sight

FOLDER, WEIGHTS, LANDMARKS = "deep3d", "epoch_20.pth", "similarity_Lm3D_all.mat"
_INPUT, _SCALE = 224, 102.0
"""Edge of the network's picture, and what the mean face's unit becomes in it."""
_OUTPUTS = (80, 64, 80, 3, 27, 2, 1)
"""Identity, expression, texture, angles, lighting, translation in x and y, and in z."""
_ADDRESS = "https://github.com/sicxu/Deep3DFaceRecon_pytorch"


@dataclass(frozen=True)
class Deep3dCodes:
    """What metrics read of the 257 coefficients."""

    expression: np.ndarray
    """[64]."""
    angles: np.ndarray
    """[3] radians."""


class Deep3d:
    """The network, and the alignment of its pictures."""

    def __init__(self, network: Any, mean_points: np.ndarray) -> None:
        """`mean_points` [5, 3] are eyes, nose, mouth corners of the model, y up."""
        self._network, self._mean = network, mean_points

    def __call__(self, picture: np.ndarray, landmarks: np.ndarray) -> Deep3dCodes:
        """Coefficients of the face with `landmarks` [478, 3] in `picture` [H, W, 3] uint8 RGB."""
        import torch

        face = align(picture, five_points(landmarks), self._mean)
        pixels = torch.from_numpy(face).permute(2, 0, 1)[None].float() / 255
        with torch.inference_mode():
            _, expression, _, angles, *_ = self._network(pixels)
        return Deep3dCodes(expression[0].numpy(), angles[0].numpy())


def deep3d_codes(sight: Sight) -> Deep3dCodes | None:
    """Coefficients of a picture's face; None where none was found."""
    if sight.points is None:
        return None
    return sight.once("deep3d", lambda: sight.instruments.get(load_deep3d)(sight.rgb, sight.points))


def align(picture: np.ndarray, five: np.ndarray, mean_points: np.ndarray) -> np.ndarray:
    """[224, 224, 3] uint8: the picture scaled and moved as the weak perspective of five points [5, 2] says; not turned.

    The pose is the least-squares affine camera; its scale is the mean length of its two rows.
    """
    from PIL import Image

    height, width = picture.shape[:2]
    upward = five * [1, -1] + [0, height - 1]
    rows = np.linalg.lstsq(np.column_stack([mean_points, np.ones(5)]), upward, rcond=None)[0].T
    scale = _SCALE / np.linalg.norm(rows[:, :3], axis=1).mean()
    size = int(width * scale), int(height * scale)
    left = int(size[0] / 2 - _INPUT / 2 + (rows[0, 3] - width / 2) * scale)
    top = int(size[1] / 2 - _INPUT / 2 + (height / 2 - rows[1, 3]) * scale)
    scaled = Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC)
    return np.array(scaled.crop((left, top, left + _INPUT, top + _INPUT)))


def load_deep3d(settings: Settings) -> Deep3d:
    """Return the network.

    Raises:
        WeightsError: a file of it is not here; the message says where to get it.
        FileFormatError: a file is another one, or damaged.
        GagavatarError: there is no PyTorch.
    """
    from ..weights import default_folder

    places = [one / FOLDER for one in (*settings.folders, default_folder())]
    folder = next((one for one in places if all((one / name).is_file() for name in (WEIGHTS, LANDMARKS))), None)
    if folder is None:
        raise WeightsError(
            f"Deep3DFaceRecon is missing: place {WEIGHTS} and {LANDMARKS} in {places[0]}. {_ADDRESS} names where both "
            "are; the weights were trained with the Basel Face Model, whose license is for research only"
        )
    require_torch()
    from ..torch_file import fill_network, load_torch_file

    advice = f"Get it again, see {_ADDRESS}."
    state = load_torch_file(folder / WEIGHTS, advice)
    if not isinstance(state, dict) or "net_recon" not in state:
        raise FileFormatError(f"{folder / WEIGHTS} holds no net_recon. {advice}")
    return Deep3d(fill_network(make_network, state["net_recon"], folder / WEIGHTS, advice), _mean_points(folder))


def make_network() -> Any:
    """Return the network with the published names, not filled."""
    from torch import nn

    from ..tracking.emica.encoder import ResNet50

    class Recon(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.backbone = ResNet50()
            self.final_layers = nn.ModuleList(nn.Conv2d(2048, outputs, 1) for outputs in _OUTPUTS)

        def forward(self, x: Any) -> list[Any]:
            features = self.backbone(x)[..., None, None]
            return [layer(features).flatten(1) for layer in self.final_layers]

    return Recon()


def _mean_points(folder: Any) -> np.ndarray:
    """[5, 3] eyes, nose, mouth corners of the mean face, from its 68 landmarks."""
    from scipy.io import loadmat

    try:
        points = np.asarray(loadmat(folder / LANDMARKS)["lm"], np.float64).reshape(68, 3)
    except (KeyError, ValueError, NotImplementedError) as error:
        raise FileFormatError(f"{folder / LANDMARKS} holds no 68 landmarks 'lm' ({error}): get it again") from error
    nose, mouth = points[30], points[[48, 54]]
    return np.stack([points[[36, 39]].mean(0), points[[42, 45]].mean(0), nose, *mouth])
