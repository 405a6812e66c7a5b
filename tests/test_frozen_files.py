"""Files that release 0.1.0 wrote are read as they were meant."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from gagavatar_nodes.avatars import load_avatar
from gagavatar_nodes.driving.builtin import builtin_motion
from gagavatar_nodes.driving.motion_file import load_motion

FROZEN = Path(__file__).parent / "data" / "0.1.0"


@pytest.fixture
def frozen(tmp_path):
    """Function (name) -> path of an unpacked file."""

    def unpack(name):
        path = tmp_path / f"{name}.safetensors"
        path.write_bytes(gzip.decompress((FROZEN / f"{name}.safetensors.gz").read_bytes()))
        return path

    return unpack


def test_an_embedded_avatar_is_read_and_can_be_driven_and_saved_again(frozen, tmp_path):
    avatar = load_avatar(frozen("embedded"))
    assert (avatar.model, len(avatar), avatar.stage.size) == ("embedded", 238, 512)
    np.testing.assert_allclose(avatar.layer.colors.mean(0), [0.6519477, 0.5609944, 0.5226848], atol=1e-5)
    np.testing.assert_allclose(avatar.canonical[4], [-0.0015960, -1.2113402, 7.8446579], atol=1e-6)
    rgb, alpha = next(avatar.perform(builtin_motion("nod", 0.2)).frames(64, 64))
    assert rgb.shape == (64, 64, 3)
    assert alpha.max() > 0.3
    avatar.save(tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == frozen("embedded").read_bytes()


def test_a_motion_is_read_with_all_its_parts(frozen):
    motion = load_motion(frozen("motion"))
    assert (len(motion), motion.fps, motion.source) == (3, 25, "built-in: talk")
    np.testing.assert_allclose(motion.arkit.sum(), 7.925128, atol=1e-4)
    codes = motion.flame
    assert codes.edition == "2020"
    np.testing.assert_allclose(codes.shape, np.arange(300) / 300, atol=1e-6)
    assert np.all(codes.jaw == 0.25)
    assert np.all(codes.eyes == 0.125)
    assert np.all(codes.added == 0.5)


def test_a_gagavatar_avatar_is_read_with_what_driving_needs(frozen):
    from gagavatar_nodes.lifting.gagavatar import PortraitGaussians

    portrait = PortraitGaussians.load(frozen("gagavatar"))
    assert (len(portrait), portrait.config.plane_size, portrait.config.refiner) == (5023 + 2 * 8 * 8, 8, False)
    assert portrait.notes == {"flame_edition": "2020", "portrait_tracker": "landmarks"}
    shapes = {name: array.shape for name, array in portrait.extra.items()}
    assert shapes == {
        "flame_shape": (300,), "rotation": (3, 3), "canonical": (478, 3), "pivot": (3,), "to_picture": (2, 3),
        "matte": (128,),
    }  # fmt: skip
    assert np.all(portrait.features == 0.25)
