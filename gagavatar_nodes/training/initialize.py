"""Weights to start from where there is no checkpoint."""

from __future__ import annotations

from torch import nn

from ..lifting.gagavatar.model import GAGAvatarNetwork
from ..lifting.gagavatar.refiner import ModulatedConv

_EMBEDDING_STD = 0.02


def initialize(network: GAGAvatarNetwork) -> None:
    """Draw what PyTorch's defaults leave unsuited, from its global generator.

    Embeddings of the backbone are small noise (DINOv2, arXiv 2304.07193); styles start at one, so that modulation
    begins as the identity (StyleGAN2, arXiv 1912.04958). The scales of the neural renderer's conditions start near one
    for the same reason, which is a choice of ours.
    """
    dino = network.base_model.dino_model
    for embedding in (dino.cls_token, dino.pos_embed):
        nn.init.trunc_normal_(embedding, std=_EMBEDDING_STD)
    if not network.config.refiner:
        return
    for layer in network.upsampler.modules():
        if isinstance(layer, ModulatedConv):
            nn.init.kaiming_normal_(layer.modulation.weight, nonlinearity="linear")
            nn.init.ones_(layer.modulation.bias)
    for layers in network.upsampler.condition_scale:
        nn.init.ones_(layers[-1].bias)  # type: ignore[index]
