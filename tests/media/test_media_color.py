import numpy as np
import pytest

from gagavatar_nodes.media.color import HLG, LINEAR, PQ, gamut_matrix, hlg_decode, pq_decode, pq_encode, to_srgb
from gagavatar_nodes.media.video_reader import VideoReader
from media_files import gradient
from odd_films import colored

BT2020, DISPLAY_P3, BT709 = 9, 12, 1
FROM_709 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])
"""Linear BT.709 to BT.2020 as printed in ITU-R BT.2087."""


def linear(srgb):
    """Light 0..1 of sRGB 0..1."""
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def sixteen(signal):
    return np.rint(65535 * signal).astype(np.uint16)


def test_pq_is_the_standards():
    assert pq_decode(np.array([0.0, 1.0])) == pytest.approx([0, 10000])
    assert pq_encode(np.array([100.0, 203.0, 1000.0])) == pytest.approx([0.508, 0.581, 0.752], abs=1e-3)  # BT.2408
    assert pq_decode(pq_encode(np.array([0.1, 5.0, 400.0]))) == pytest.approx([0.1, 5.0, 400.0])


def test_hlg_is_the_standards():
    assert hlg_decode(np.array([0.0, 0.5, 1.0])) == pytest.approx([0, 1 / 12, 1], abs=1e-4)
    assert hlg_decode(np.array([0.75])) == pytest.approx(0.265, abs=1e-3)  # BT.2408: reference white


def test_gamuts_are_the_standards():
    assert np.allclose(gamut_matrix(BT2020), np.linalg.inv(FROM_709), atol=2e-3)
    assert np.allclose(gamut_matrix(DISPLAY_P3).sum(axis=1), 1, atol=1e-5)
    assert np.allclose(gamut_matrix(11).sum(axis=1), 1, atol=1e-2), "white stays white"


def test_shades_of_an_hdr_picture_are_those_of_its_sdr_twin():
    shades = gradient(32, 48) * 0.65 / 255
    light = linear(shades) @ FROM_709.T * 203
    shown = to_srgb(PQ, BT2020)(sixteen(pq_encode(light)))
    assert np.abs(shown / 255.0 - shades).max() < 0.012


def test_highlights_roll_off_and_keep_their_order():
    nits = np.geomspace(1, 4000, 400)
    shown = to_srgb(PQ, BT709)(sixteen(pq_encode(nits))[None, :, None].repeat(3, -1))[0, :, 0].astype(int)
    assert (np.diff(shown) >= 0).all()
    assert shown[nits < 1.2].max() < 30
    assert 200 < shown[np.argmin(abs(nits - 203))] < 245
    assert (shown[nits > 1010] == 255).all()


def test_hlg_shows_reference_white_as_pq_does():
    white = [
        to_srgb(kind, BT2020)(np.full((1, 1, 3), sixteen(signal)))[0, 0, 0]
        for kind, signal in ((HLG, 0.75), (PQ, 0.5807))
    ]
    assert int(white[0]) == pytest.approx(int(white[1]), abs=3)


def test_linear_light_is_encoded():
    shown = to_srgb(LINEAR, BT709)(sixteen(np.full((1, 1, 3), 0.2140)))
    assert np.abs(shown.astype(int) - 127).max() <= 1


@pytest.mark.parametrize("transfer", [0, 1, 2, 6, 13])
@pytest.mark.parametrize("primaries", [0, 1, 2, 5, 6])
def test_what_screens_show_as_it_is_stays_as_it_is(transfer, primaries):
    assert to_srgb(transfer, primaries) is None


def test_an_hdr_film_is_read_as_its_sdr_twin(tmp_path):
    shades = gradient(32, 48) * 0.65 / 255
    path = colored(tmp_path / "a.mkv", sixteen(pq_encode(linear(shades) @ FROM_709.T * 203)), PQ, BT2020, 9)
    with VideoReader(path) as video:
        error = np.abs(next(iter(video)) / 255.0 - shades)
    assert error.mean() < 0.01
    assert error.max() < 0.06, "ten bits are few for saturated shades"


@pytest.mark.parametrize("color_range", [1, 2])
def test_full_and_limited_range_are_read_alike(tmp_path, color_range):
    shades = gradient(32, 48)
    path = colored(tmp_path / "a.mkv", shades.astype(np.uint16) * 257, 1, 1, 1, color_range)
    with VideoReader(path) as video:
        assert np.abs(next(iter(video)).astype(int) - shades).max() <= 3
