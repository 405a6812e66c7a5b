import numpy as np
import pytest

from gagavatar_nodes.media.even import even_shape, pad_to_even


@pytest.mark.parametrize("shape", [(4, 6, 3), (5, 6, 3), (4, 7), (1, 1, 4)])
def test_an_odd_edge_repeats_its_last_pixels(shape):
    picture = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    padded = pad_to_even(picture)
    assert padded.shape == even_shape(shape)
    assert padded.shape[0] % 2 == padded.shape[1] % 2 == 0
    assert np.array_equal(padded[: shape[0], : shape[1]], picture)
    assert np.array_equal(padded[-1, : shape[1]], picture[-1])
    assert np.array_equal(padded[: shape[0], -1], picture[:, -1])
