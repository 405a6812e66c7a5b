"""Every number of the published network, stage by stage; both cases whole with GAGAVATAR_FULL_PARITY=1."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor

import artalk_recipe as recipe
from gagavatar_nodes.speech.artalk import levels
from gagavatar_nodes.speech.artalk.network import ARTalk
from gagavatar_nodes.speech.artalk.smoothing import hold_jaw_straight, smooth
from gagavatar_nodes.speech.artalk.speak import speak
from gagavatar_nodes.torch_file import fill_network
from parity_recipe import relative_error

NETWORK = 1e-4
FULL = bool(os.environ.get("GAGAVATAR_FULL_PARITY"))


class Case(NamedTuple):
    """A network with what goes in and what the published one makes of it."""

    network: ARTalk
    seed: int
    inputs: dict[str, Any]
    truth: dict[str, np.ndarray]


@pytest.fixture(scope="module", params=[0, 1] if FULL else [0])
def case(request) -> Iterator[Case]:
    network = fill_network(ARTalk, recipe.state_dict(request.param), "recipe", "")
    inputs = {name: torch.from_numpy(value)[None] for name, value in recipe.inputs(request.param).items()}
    with torch.inference_mode():
        yield Case(network, request.param, inputs, recipe.truth(request.param))


@pytest.fixture(scope="module")
def heard(case) -> dict[str, Tensor]:
    """What each stage of the audio encoder makes of the first chunk, and the sound of all tokens."""
    encoder, found = case.network.audio_encoder, {}
    stages = {"conv": encoder.feature_extractor, "proj": encoder.feature_projection, "out": encoder}
    stages |= {"pos": encoder.encoder.pos_conv_embed}
    stages |= {f"layer{index}": encoder.encoder.layers[index] for index in (0, 11, 23)}
    hooks = [module.register_forward_hook(_keep(found, name)) for name, module in stages.items()]
    found["sound"] = case.network.sound(recipe.chunks(case.seed)[0])
    for hook in hooks:
        hook.remove()
    return found


def _keep(found: dict[str, Tensor], name: str):
    def hook(_module, _inputs, output: Tensor) -> None:
        found[name] = output

    return hook


def test_the_sound_is_the_recorded_one(case):
    samples = recipe.waveform(case.seed)
    assert zlib.crc32((samples * 32768).astype(np.int16).tobytes()) == case.truth["wave_crc32"]


def test_the_state_dict_has_the_published_names(case):
    assert set(case.network.state_dict()) == set(recipe.names())


def test_the_audio_encoder(case, heard):
    assert relative_error(heard["conv"][0].T[::16, ::8], case.truth["enc_conv"]) < NETWORK
    for name in ("proj", "pos", "layer0", "layer11", "layer23"):
        assert relative_error(heard[name][0, ::8, ::16], case.truth[f"enc_{name}"]) < NETWORK, name
    assert relative_error(heard["out"][0, ::4, ::16], case.truth["enc_out"][0]) < NETWORK
    assert relative_error(heard["sound"][0, :, ::32], case.truth["cond"][0]) < NETWORK


def test_the_style(case):
    motion = torch.from_numpy(recipe.style_motion(case.seed))
    assert relative_error(case.network.style_encoder(motion[None])[0], case.truth["style_feat"]) < NETWORK
    assert relative_error(case.network.style(motion)[0, 0], case.truth["style_cond"]) < NETWORK


def test_the_codec_encodes_to_the_same_bits(case):
    codec, truth = case.network.basic_vae, case.truth
    silence = case.network.silence()
    assert torch.equal(silence, recipe.unpacked(truth["zero_bits"]))
    assert relative_error(_coarser(silence)[::4], truth["zero_ms"]) < NETWORK
    assert relative_error(codec.features(case.inputs["motion"])[0], truth["tf_enc"]) < NETWORK
    bits = codec.encode(case.inputs["motion"])
    assert torch.equal(bits, recipe.unpacked(truth["tf_enc_bits"]))
    assert relative_error(levels.dequantize(bits)[0], truth["tf_enc_qsum"]) < NETWORK


def test_the_codec_decodes_to_the_same_motion(case):
    bits, truth = case.inputs["bits"], case.truth
    assert relative_error(_coarser(bits), truth["tf_ms"]) < NETWORK
    assert relative_error(levels.dequantize(bits)[0], truth["tf_feat"]) < NETWORK
    previous, motion = case.network.basic_vae.decode_both(case.inputs["previous"], bits)[0].split(100)
    assert relative_error(previous[::10], truth["tf_prev_motion"]) < NETWORK
    assert relative_error(motion, truth["tf_this_motion"]) < NETWORK
    assert torch.equal(motion, case.network.basic_vae.decode(case.inputs["previous"], bits)[0])


def _coarser(bits: Tensor) -> Tensor:
    return torch.cat(list(levels.coarser_features(bits)), 1)[0]


def test_the_transformer_with_forced_bits(case, heard):
    network, found = case.network, {}
    hooks = [
        network.attn_blocks[index].register_forward_hook(
            lambda _m, _i, out, index=index: found.setdefault(index, []).append(out)
        )
        for index in (0, 5, 11)
    ]
    token = network.style(torch.from_numpy(recipe.style_motion(case.seed)))
    logits = torch.cat(list(network.logits(heard["sound"], token, case.inputs["previous"], case.inputs["bits"])), 1)
    for hook in hooks:
        hook.remove()
    for index, parts in found.items():
        assert relative_error(torch.cat(parts, 1)[0, ::4, ::16], case.truth[f"tf_block{index}"]) < NETWORK, index
    assert relative_error(logits[0], case.truth["tf_logits"]) < NETWORK


def test_the_first_chunk_gets_the_published_bits(case, heard):
    token = case.network.style(torch.from_numpy(recipe.style_motion(case.seed)))
    logits = torch.cat(list(case.network.logits(heard["sound"], token, case.network.silence())), 1)
    assert relative_error(logits[0, ::4], case.truth["style_logits"][0]) < NETWORK
    bits = logits.unflatten(-1, (32, 2)).argmax(-1).bool()
    assert torch.equal(bits, recipe.unpacked(case.truth["style_bits"][0]))


def test_smoothing(case):
    raw = case.truth["style_motion"]
    smoothed = smooth(raw)
    assert relative_error(smoothed[:12], case.truth["style_smooth_head"]) < NETWORK
    assert relative_error(smoothed[-12:], case.truth["style_smooth_tail"]) < NETWORK
    assert relative_error(hold_jaw_straight(smoothed)[::3], case.truth["style_final"]) < NETWORK


@pytest.mark.skipif(not FULL, reason="takes a minute; set GAGAVATAR_FULL_PARITY=1")
def test_a_whole_sound_becomes_the_published_motion(case):
    blocks = np.array_split(recipe.waveform(case.seed), 7)
    motion = speak(case.network, blocks, recipe.style_motion(case.seed))
    assert len(motion) == len(case.truth["style_motion"])
    assert relative_error(motion[::3], case.truth["style_final"]) < NETWORK


@pytest.mark.skipif(not FULL, reason="takes a minute; set GAGAVATAR_FULL_PARITY=1")
def test_without_a_style_each_chunk_follows_the_recorded_one(case):
    """Bits of a near-tie may fall either way, so that the recorded ones go on to the next chunk."""
    if "plain_bits" not in case.truth:
        pytest.skip("this case has a style only")
    network, decoded = case.network, []
    for index, samples in enumerate(recipe.chunks(case.seed)):
        previous, bits = (recipe.unpacked(case.truth[f"plain_{name}"][index]) for name in ("prev_bits", "bits"))
        found = network.predict(network.sound(samples), network.style(), previous)
        assert int((found != bits).sum()) <= 1
        decoded.append(network.basic_vae.decode(previous, bits)[0])
    raw = torch.cat(decoded)[: len(case.truth["plain_motion"])].numpy()
    assert relative_error(raw, case.truth["plain_motion"]) < NETWORK
    assert relative_error(hold_jaw_straight(smooth(raw))[::3], case.truth["plain_final"]) < NETWORK
