"""Times training steps and measures their memory: full size on a GPU, against the paper's 40 GB at batch 8.

    python tools/bench_training.py full --batch 8 --precision bf16

Pictures and weights are random, so no file is needed. Reading data is not part of it; see `bench_training_data.py`.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import time

import torch

from gagavatar_nodes.face.embedded_flame import embedded_flame
from gagavatar_nodes.heads.flame import Flame
from gagavatar_nodes.lifting.gagavatar.model import GAGAvatarNetwork
from gagavatar_nodes.training.batch import TrainingBatch
from gagavatar_nodes.training.config_files import load_config
from gagavatar_nodes.training.devices import autocast, set_tf32
from gagavatar_nodes.training.initialize import initialize
from gagavatar_nodes.training.losses import compute_losses
from gagavatar_nodes.training.model import TrainingModel
from gagavatar_nodes.training.optimizer import build_optimizer, freeze
from gagavatar_nodes.training.perceptual import FacePerceptualLoss
from gagavatar_nodes.types import Camera


def main() -> None:
    """Run the steps and print their median time and the peak of the memory."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", help="configuration of 'gagavatar train'")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--precision", default="tf32", choices=("fp32", "tf32", "bf16"))
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    args = parser.parse_args()
    config = load_config(args.config, [f"loop.precision={args.precision}"])
    device = torch.device(args.device)
    set_tf32(args.precision == "tf32")
    network = GAGAvatarNetwork(config.network)
    initialize(network)
    freeze(network, config.start.frozen)
    model = TrainingModel(network).to(device)
    optimizer = build_optimizer(network, config.optimizer)
    perceptual = FacePerceptualLoss().to(device).requires_grad_(False) if config.perceptual.kind != "none" else None
    batch = random_batch(config, args.batch).to(device)
    times = []
    for _ in range(args.steps + 2):
        start = time.perf_counter()
        with autocast(args.precision, device):
            prediction = model(batch)
        compute_losses(prediction, batch, config.loss, perceptual).total.backward()
        optimizer.step()
        optimizer.zero_grad()
        if device.type == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    median = statistics.median(times[2:])
    peak = torch.cuda.max_memory_allocated() if device.type == "cuda" else 1024 * resource.getrusage(0).ru_maxrss
    print(
        f"{args.config}, batch {args.batch}, {args.precision}, {device}: {median:.3f} s a step, "
        f"{1 / median:.2f} steps a second, peak memory {peak / 2**30:.2f} GiB"
    )


def random_batch(config, size: int) -> TrainingBatch:
    """Pairs of the bundled head at rest with random pictures."""
    generator = torch.Generator().manual_seed(0)

    def picture(edge: int) -> torch.Tensor:
        return torch.rand(size, 3, edge, edge, generator=generator)

    camera = torch.from_numpy(Camera.frontal(9.5).transform).expand(size, 3, 4).clone()
    points = Flame(embedded_flame())(torch.zeros(1, 300), torch.zeros(1, 100)).expand(size, -1, -1).clone()
    names = tuple(f"random_{k:06d}" for k in range(size))
    box = torch.tensor([[0.25, 0.2, 0.75, 0.8]]).repeat(size, 1)
    return TrainingBatch(
        picture(config.network.image_size),
        camera,
        picture(config.network.render_size),
        camera,
        points,
        box,
        names,
        names,
    )


if __name__ == "__main__":
    main()
