"""Re-express Video gives a batch of frames another expression."""

import pytest
import torch

from gagavatar_nodes.errors import GagavatarError
from gagavatar_nodes.nodes import NODE_CLASS_MAPPINGS

pytestmark = pytest.mark.usefixtures("lifted_once")


def test_frames_take_the_expression_and_their_number_is_that_of_the_shorter(run, photo, motion):
    film = photo.repeat(4, 1, 1, 1)
    video, images, audio, report, fps = run("ReexpressVideo", motion=motion, images=film, fps=25.0)
    assert (video, audio, fps) == (None, None, 25)  # there is no VIDEO outside of ComfyUI
    assert images.shape == (len(motion), *film.shape[1:])
    assert (images[-1] - film[-1]).abs().max() > 0.05
    assert torch.allclose(images[0, :8], film[0, :8], atol=1 / 255)
    assert "the face was seen in every frame" in report


def test_shares_of_nothing_leave_the_film(run, photo, motion):
    film = photo.repeat(3, 1, 1, 1)
    images = run("ReexpressVideo", motion=motion, images=film, eyes=0.0, mouth=0.0)[1]
    assert (images - film).abs().max() < 2 / 255


def test_a_part_of_the_film_is_taken(run, photo, motion):
    film = photo.repeat(6, 1, 1, 1) * torch.linspace(1, 0.9, 6)[:, None, None, None]
    images = run("ReexpressVideo", motion=motion, images=film, fps=25.0, eyes=0.0, mouth=0.0, start=0.04, end=0.12)[1]
    assert len(images) == 2
    assert (images - film[1:3]).abs().max() < 2 / 255
    validate = NODE_CLASS_MAPPINGS["GAGAvatarReexpressVideo"].VALIDATE_INPUTS
    assert "not after 'start'" in validate(start=2.0, end=1.0)


def test_without_a_film_it_says_what_to_connect(run, motion):
    with pytest.raises(GagavatarError, match="connect 'video' or 'images'"):
        run("ReexpressVideo", motion=motion)
    validate = NODE_CLASS_MAPPINGS["GAGAvatarReexpressVideo"].VALIDATE_INPUTS
    assert "connect 'video' or 'images'" in validate(input_types={"motion": "GAGAVATAR_MOTION"})
