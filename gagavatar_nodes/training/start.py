"""What a run starts from: head model, data, network, perceptual networks."""

from __future__ import annotations

import logging
from pathlib import Path

import torch

from ..errors import FileFormatError, GagavatarError
from ..face.embedded_flame import load_head
from ..heads.editions import BUNDLED_HEAD, EMBEDDED_HEAD
from ..heads.flame import Flame
from ..lifting.gagavatar import checkpoint
from ..lifting.gagavatar.model import GAGAvatarNetwork
from ..settings import CHECKPOINT, Settings
from ..torch_file import load_torch_file
from ..weights import find_weight
from .config import TrainConfig
from .data import FramePairs, open_frames
from .initialize import initialize
from .optimizer import BACKBONE, freeze
from .perceptual import FacePerceptualLoss, Lpips, make_perceptual

_log = logging.getLogger(__name__)
_UNUSED = ("upsampler.toRGB", "base_model.refinenet.0.resConfUnit1")
"""Parts of the published network without an effect: they have no gradient, and DDP would wait for it."""


def open_data(config: TrainConfig) -> tuple[FramePairs, FramePairs | None, str]:
    """Pairs for training and validation (None where the data hold out no frames), and the head model's edition.

    Raises:
        GagavatarError, FileFormatError, WeightsError: see `data.open_frames`; the head model is missing or of another
            edition than the data.
    """
    if not config.data.folder:
        raise GagavatarError("There is no data folder: name it by --data, or as data.folder in the configuration")
    frames = open_frames(config.data.folder)
    flame = Flame(load_head(_flame_file(config, frames.edition)))
    pairs = [
        FramePairs(frames, split, flame, config.network, seed=config.data.seed)
        for split in ("train", "val")
        if frames.splits[split] or split == "train"
    ]
    if len(pairs) == 1:
        _log.warning("%s holds out no frames for validation: there are no validation curves", config.data.folder)
    return pairs[0], pairs[1] if len(pairs) == 2 else None, flame.edition


def build_network(config: TrainConfig) -> GAGAvatarNetwork:
    """Return the network with its first weights, and with the frozen parts frozen.

    Raises:
        FileFormatError: the checkpoint is damaged or of another variant of the network.
        GagavatarError: a part to freeze is not there, or a frozen backbone has no weights.
    """
    torch.manual_seed(config.data.seed)
    network = GAGAvatarNetwork(config.network)
    initialize(network)
    start = config.start
    if start.checkpoint:
        load_weights(network, Path(start.checkpoint))
    elif start.backbone:
        _load_backbone(network, Path(start.backbone))
    elif BACKBONE in start.frozen:
        raise GagavatarError(
            "The backbone is frozen but has no weights: name GAGAvatar.pt or DINOv2's file as start.backbone, or a "
            "checkpoint as start.checkpoint, or train the backbone too by start.frozen=[]"
        )
    freeze(network, start.frozen)
    names = [name for name, _ in network.named_parameters()]
    freeze(network, [part for part in _UNUSED if any(name.startswith(f"{part}.") for name in names)])
    return network


def load_weights(network: GAGAvatarNetwork, path: Path) -> None:
    """Fill a network from a checkpoint of the same variant.

    Raises:
        FileFormatError: it is missing, damaged, or its tensors do not fit.
    """
    if not path.is_file():
        raise FileFormatError(f"{path}: there is no such checkpoint, check start.checkpoint")
    found = checkpoint.load_config(path)
    if found != network.config:
        ours, theirs = network.config.to_dict(), found.to_dict()
        changed = [
            f"{name} is {theirs[name]} there and {ours[name]} here" for name in ours if ours[name] != theirs[name]
        ]
        raise FileFormatError(f"{path} is of another variant of the network: {'; '.join(changed)}")
    state = checkpoint.load_checkpoint(path)
    network.load_state_dict({name: value.float() for name, value in state.items()})


def build_perceptual(config: TrainConfig) -> FacePerceptualLoss | Lpips | None:
    """Return the perceptual loss of a configuration; see `perceptual.make_perceptual` for what is raised."""
    if not config.loss.perceptual:
        return None
    named = config.perceptual.checkpoint or next(
        (name for name in (config.start.checkpoint, config.start.backbone) if Path(name).name == CHECKPOINT), None
    )
    kind = config.perceptual.kind
    found = named or (find_weight(CHECKPOINT) if kind == "published" else None)
    return make_perceptual(kind, found)  # type: ignore[arg-type]


def _flame_file(config: TrainConfig, edition: str) -> Path:
    if not config.data.flame and edition == EMBEDDED_HEAD:
        return BUNDLED_HEAD
    return Settings(flame=config.data.flame or None).require_flame()


def _load_backbone(network: GAGAvatarNetwork, path: Path) -> None:
    """Fill the backbone from a checkpoint of ours, or from DINOv2's own file, whose names are the same."""
    if not path.is_file():
        raise FileFormatError(f"{path}: there is no such file, check start.backbone")
    prefix = f"{BACKBONE}."
    if path.suffix == ".safetensors" or path.name == CHECKPOINT:
        state = checkpoint.load_checkpoint(path)
        state = {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
    else:
        state = _read_tensors(path)
    backbone = network.base_model.dino_model
    expected = backbone.state_dict()
    wrong = [name for name, value in expected.items() if name not in state or state[name].shape != value.shape]
    if wrong:
        raise FileFormatError(
            f"{path} does not hold this network's backbone: {wrong[0]} is missing or of another shape "
            f"({len(wrong)} tensors); DINOv2 ViT-B/14 without registers is meant"
        )
    backbone.load_state_dict({name: state[name].float() for name in expected})


def _read_tensors(path: Path) -> dict[str, torch.Tensor]:
    state = load_torch_file(path, "Download it again.")
    if not isinstance(state, dict):
        raise FileFormatError(f"{path} holds no state dict: name DINOv2's dinov2_vitb14_pretrain.pth")
    return state
