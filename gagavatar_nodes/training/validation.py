"""Losses and pictures of frames that are held out."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import torch
from torch.nn import functional

from .batch import TrainingBatch
from .config import TrainConfig
from .data import FramePairs
from .devices import autocast
from .losses import PerceptualLoss, compute_losses, psnr
from .model import Prediction, TrainingModel
from .sheet import validation_sheet


class Validator:
    """The first pairs of the validation list, as published, always with the stored noise."""

    def __init__(
        self, model: TrainingModel, pairs: FramePairs, config: TrainConfig, perceptual: PerceptualLoss | None
    ) -> None:
        self._model, self._pairs, self._config, self._perceptual = model, pairs, config, perceptual
        self._count = min(config.output.validation_frames, len(pairs))

    @torch.no_grad()
    def run(self, device: torch.device) -> tuple[dict[str, float], np.ndarray]:
        """Means over the pairs, by name, and the sheet [H, W, 3] uint8.

        PSNR and L1 are of the clamped result, frame by frame; `fine_l1` is the coarse picture's where there is no
        other.
        """
        values: dict[str, list[float]] = defaultdict(list)
        shown: list[tuple[TrainingBatch, Prediction]] = []
        noise, self._model.noise = self._model.noise, "stored"
        training = self._model.training
        self._model.eval()
        try:
            for index in range(self._count):
                batch = self._pairs[index].to(device)
                with autocast(self._config.loop.precision, device):
                    prediction = self._model(batch)
                for name, value in compute_losses(prediction, batch, self._config.loss, self._perceptual).items():  # type: ignore[arg-type]
                    values[name].append(float(value))
                picture = prediction.picture.float().clamp(0, 1)
                values["psnr"][-1] = float(psnr(picture, batch.target_image))
                values["fine_l1"].append(float(functional.l1_loss(picture, batch.target_image)))
                if len(shown) < self._config.output.sheet_frames:
                    shown.append((batch, prediction))
        finally:
            self._model.noise = noise
            self._model.train(training)
        return {f"validation/{name}": float(np.mean(v)) for name, v in values.items()}, validation_sheet(shown)
