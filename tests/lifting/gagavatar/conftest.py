"""One network of each case for all tests of this folder: drawing its 170 million weights takes seconds."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import gagavatar_recipe as recipe


@pytest.fixture(scope="session")
def state_dict():
    """The published names and shapes, filled with salt 0."""
    return recipe.published_state_dict(0)


@pytest.fixture(scope="session")
def case():
    """Inputs of case 0."""
    return recipe.case_inputs(0)


@pytest.fixture(scope="session")
def rendered() -> np.ndarray:
    """The features [1, 32, 512, 512] of the refiner's own case."""
    return np.random.default_rng(500).standard_normal((1, 32, 512, 512), np.float32)


@pytest.fixture(scope="session")
def refiner(state_dict):
    """The readable refiner with the weights of salt 0."""
    from gagavatar_nodes.lifting.gagavatar.refiner import Refiner

    module = Refiner()
    prefix = "upsampler."
    module.load_state_dict({k.removeprefix(prefix): v for k, v in state_dict.items() if k.startswith(prefix)})
    return module.eval().requires_grad_(False)


@pytest.fixture(scope="session")
def refined(refiner, rendered):
    """What the readable refiner makes of `rendered`."""
    with torch.inference_mode():
        return refiner(torch.from_numpy(rendered)).clone()
