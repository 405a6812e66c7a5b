"""What can be chosen about a training run. A file in `configs/`, TOML or YAML, has a table for each class."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any

from ..errors import GagavatarError
from ..lifting.gagavatar.config import PRESETS, GAGAvatarConfig
from .losses import LossWeights
from .optimizer import BACKBONE, OptimizerConfig

PRECISIONS = ("fp32", "tf32", "bf16")


@dataclass(frozen=True)
class DataConfig:
    """Where pairs of frames come from."""

    folder: str = ""
    """Of `gagavatar prepare`, or in the published layout."""
    flame: str = ""
    """FLAME file; empty for the one that suits the data's edition: in the weights folder, or the bundled head."""
    workers: int = 4
    """Processes that read ahead; 0 reads in between."""
    seed: int = 42
    """Of the order of frames, of the sources that are drawn, and of the noise."""


@dataclass(frozen=True)
class StartConfig:
    """What the weights are at the first step."""

    checkpoint: str = ""
    """Published or own checkpoint to fine-tune; empty to start from nothing."""
    backbone: str = ""
    """Published checkpoint or DINOv2 file whose backbone is taken where there is no `checkpoint`."""
    frozen: tuple[str, ...] = (BACKBONE,)
    """Parts of the network that keep their weights; names of modules or parameters."""


@dataclass(frozen=True)
class PerceptualConfig:
    """The perceptual loss."""

    kind: str = "published"
    """See `perceptual.make_perceptual`."""
    checkpoint: str = ""
    """Published `GAGAvatar.pt` that holds its networks; empty for `start.checkpoint`, `start.backbone`, or the one in
    the weights folder."""


@dataclass(frozen=True)
class LoopConfig:
    """Steps and devices."""

    steps: int = 200_000
    """Of the optimizer."""
    batch: int = 8
    """Pairs on each device at a time."""
    accumulate: int = 1
    """Batches whose gradients are averaged in one step."""
    precision: str = "tf32"
    """One of `PRECISIONS`; bf16 is mixed."""
    accelerator: str = "auto"
    """Of Fabric: auto, cpu, cuda, mps."""
    devices: int = 1
    """On each machine; -1 for all."""
    machines: int = 1
    """That train together; start the command on each, or by torchrun or Slurm."""
    rasterizer: str = "auto"
    """Backend of `rendering.rasterize`; it must be differentiable."""
    ema: float = 0.0
    """Decay of the moving average of the weights, such as 0.999, which then is validated and written; 0 for none."""
    clip: float = 0.0
    """Largest norm of the gradient; 0 for none."""


@dataclass(frozen=True)
class OutputConfig:
    """What is written, and how often, in steps."""

    log_every: int = 100
    validate_every: int = 10_000
    save_every: int = 2_000
    keep: int = 3
    """Checkpoints: the newest ones. The best by validation is kept besides."""
    validation_frames: int = 16
    """Of the validation list, from its beginning."""
    sheet_frames: int = 8
    """Of these, that the sheet shows."""


@dataclass(frozen=True)
class TrainConfig:
    """A run."""

    network: GAGAvatarConfig = field(default_factory=GAGAvatarConfig)
    """In a file, `preset` names one of `lifting.gagavatar.config.PRESETS` that the other keys change."""
    data: DataConfig = field(default_factory=DataConfig)
    start: StartConfig = field(default_factory=StartConfig)
    loss: LossWeights = field(default_factory=LossWeights)
    perceptual: PerceptualConfig = field(default_factory=PerceptualConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    loop: LoopConfig = field(default_factory=LoopConfig)
    output: OutputConfig = field(default_factory=OutputConfig)

    def __post_init__(self) -> None:
        at_least = {
            "loop.steps": (self.loop.steps, 1), "loop.batch": (self.loop.batch, 1),
            "loop.accumulate": (self.loop.accumulate, 1), "data.workers": (self.data.workers, 0),
            "loop.machines": (self.loop.machines, 1),
            "output.log_every": (self.output.log_every, 1), "output.validate_every": (self.output.validate_every, 1),
            "output.save_every": (self.output.save_every, 1), "output.keep": (self.output.keep, 1),
            "output.validation_frames": (self.output.validation_frames, 1),
            "optimizer.decay_steps": (self.optimizer.decay_steps, 1),
        }  # fmt: skip
        for name, (value, least) in at_least.items():
            if value < least:
                raise GagavatarError(f"{name} is {value}, but {least} is the least")
        if self.loop.precision not in PRECISIONS:
            raise GagavatarError(f"loop.precision is '{self.loop.precision}': choose one of {', '.join(PRECISIONS)}")
        if not 0 <= self.loop.ema < 1:
            raise GagavatarError(f"loop.ema is {self.loop.ema}, but must be 0 or a decay under 1, such as 0.999")

    def to_dict(self) -> dict[str, Any]:
        """Nested plain values."""
        return asdict(self)

    def with_places(self, data: str | None = None) -> TrainConfig:
        """With another data folder, where one is given."""
        return self if data is None else replace(self, data=replace(self.data, folder=data))


FREE_TO_CHANGE = (
    "data.folder", "data.workers", "data.flame", "start.checkpoint", "start.backbone", "perceptual.checkpoint",
    "loop.steps", "loop.accelerator", "loop.rasterizer", "output",
)  # fmt: skip
"""Keys that may differ when a run goes on: they name places and machines, or change nothing in the curve so far."""


def preset(name: str) -> GAGAvatarConfig:
    """One of the network's presets.

    Raises:
        GagavatarError: there is none of this name.
    """
    if name not in PRESETS:
        raise GagavatarError(f"network.preset is '{name}': choose one of {', '.join(PRESETS)}")
    return PRESETS[name]
