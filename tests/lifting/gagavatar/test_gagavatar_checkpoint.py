"""Checkpoints load strictly, run no code, and are converted once."""

from __future__ import annotations

import logging
import os
import pickle

import pytest
import torch

import gagavatar_recipe as recipe
from gagavatar_nodes.errors import FileFormatError
from gagavatar_nodes.lifting.gagavatar import checkpoint


@pytest.fixture
def shapes(monkeypatch):
    """A network of three small tensors in place of the published one, to keep files small."""
    shapes = {"head_base": (4, 8), "upsampler.bias": (8,), "upsampler.weight": (3, 8)}
    monkeypatch.setattr(checkpoint, "expected_shapes", lambda config=None: shapes)
    return shapes


@pytest.fixture
def state(shapes):
    return {name: recipe.draw(name, shape, 0) for name, shape in shapes.items()}


@pytest.fixture
def published(tmp_path, state):
    path = tmp_path / "GAGAvatar.pt"
    training = {"percep_loss.layer": torch.zeros(2)}
    torch.save({"model": state | training, "meta_cfg": {"MODEL": {"NAME": "GAGA"}}}, path)
    return path


def same(a: dict, b: dict) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_the_network_has_the_published_names_and_shapes():
    assert checkpoint.expected_shapes() == {name: tuple(shape) for name, shape in recipe.published_shapes().items()}


def test_training_only_tensors_are_left_out(published, state):
    assert same(checkpoint.load_checkpoint(published), state)


def test_the_second_load_takes_the_converted_file(published, state, monkeypatch):
    checkpoint.load_checkpoint(published)
    monkeypatch.setattr(checkpoint, "_read_pickle", lambda path: pytest.fail("the .pt was read again"))
    assert same(checkpoint.load_checkpoint(published), state)
    assert [file.name for file in published.parent.glob("*.safetensors")] == ["GAGAvatar.fp32.safetensors"]
    assert same(checkpoint.load_checkpoint(published.with_name("GAGAvatar.fp32.safetensors")), state)


def test_a_changed_checkpoint_is_converted_again(published, state):
    checkpoint.load_checkpoint(published)
    changed = {name: value + 1 for name, value in state.items()}
    torch.save({"model": changed}, published)
    os.utime(published, ns=(1, 1))
    assert same(checkpoint.load_checkpoint(published), changed)


def test_a_damaged_conversion_is_made_again(published, state, caplog):
    checkpoint.load_checkpoint(published)
    converted = published.with_name("GAGAvatar.fp32.safetensors")
    converted.write_bytes(converted.read_bytes()[:-10])
    with caplog.at_level(logging.WARNING):
        assert same(checkpoint.load_checkpoint(published), state)
    assert "damaged and is converted again" in caplog.text


def test_half_precision_is_half_the_size_and_rounds_once(published, state, tmp_path):
    loaded = checkpoint.load_checkpoint(published, half=True, cache=tmp_path / "cache")
    assert same(loaded, {name: value.half() for name, value in state.items()})
    assert (tmp_path / "cache" / "GAGAvatar.fp16.safetensors").is_file()


def test_weights_beyond_half_precision_stay_in_float32(state, tmp_path, caplog):
    state["head_base"][0, 0] = 1e6
    target = tmp_path / "out.safetensors"
    with caplog.at_level(logging.WARNING):
        checkpoint.convert(state, target, half=True)
    assert same(checkpoint.load_checkpoint(target), state)
    assert "does not fit float16" in caplog.text


def test_an_unwritable_cache_does_not_stop_loading(published, state, tmp_path, caplog):
    (tmp_path / "file").write_text("")
    with caplog.at_level(logging.WARNING):
        assert same(checkpoint.load_checkpoint(published, cache=tmp_path / "file"), state)
    assert "could not be stored" in caplog.text


def test_a_conversion_that_fails_leaves_nothing_behind(state, tmp_path, monkeypatch):
    def full_disk(*_, **__):
        raise RuntimeError("No space left on device")

    monkeypatch.setattr("safetensors.torch.save_file", full_disk)
    with pytest.raises(OSError, match="No space left"):
        checkpoint.convert(state, tmp_path / "out.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_the_error_lists_missing_unexpected_and_misshapen_tensors(state):
    state["upsampler.weight"] = torch.zeros(3, 9)
    state["other.weight"] = state.pop("head_base")
    with pytest.raises(FileFormatError) as caught:
        checkpoint.check(state, "x.pt")
    for part in (
        "x.pt is not a GAGAvatar checkpoint", "missing (1): head_base", "unexpected (1): other.weight",
        "upsampler.weight: got [3, 9] but expected [3, 8]",
    ):  # fmt: skip
        assert part in str(caught.value)


def test_a_checkpoint_of_another_model_gives_a_short_error():
    with pytest.raises(FileFormatError, match=r"missing \(561\): .* and 557 more; unexpected \(40\)") as caught:
        checkpoint.check({f"layer{i}.weight": torch.zeros(1) for i in range(40)})
    assert len(str(caught.value)) < 700


class Planted:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("legacy", [False, True])
def test_a_pickle_that_runs_code_is_refused_unexecuted(tmp_path, state, legacy):
    path, witness = tmp_path / "evil.pt", tmp_path / "witness"
    torch.save({"model": state, "x": Planted(witness)}, path, _use_new_zipfile_serialization=not legacy)
    with pytest.raises(FileFormatError, match="refused and nothing of it was run"):
        checkpoint.load_checkpoint(path)
    path.write_bytes(pickle.dumps(Planted(witness)))
    with pytest.raises(FileFormatError, match="refused and nothing of it was run"):
        checkpoint.load_checkpoint(path)
    assert not witness.exists()


@pytest.mark.parametrize("keep", [0, 3, 100, 0.5, 0.99])
def test_a_truncated_checkpoint_is_named(published, keep):
    whole = published.read_bytes()
    published.write_bytes(whole[: int(keep if keep >= 1 else keep * len(whole))])
    with pytest.raises(FileFormatError, match=r"GAGAvatar\.pt is (truncated|damaged)"):
        checkpoint.load_checkpoint(published)


def test_files_that_hold_no_state_dict_are_named(tmp_path):
    torch.save([1, 2], tmp_path / "list.pt")
    with pytest.raises(FileFormatError, match="holds no state dict"):
        checkpoint.load_checkpoint(tmp_path / "list.pt")
    (tmp_path / "text.safetensors").write_text("hello, this is text")
    with pytest.raises(FileFormatError, match="no safetensors file"):
        checkpoint.load_checkpoint(tmp_path / "text.safetensors")
    with pytest.raises(FileFormatError, match="no such checkpoint"):
        checkpoint.load_checkpoint(tmp_path / "absent.pt")


def test_a_newer_conversion_is_refused(tmp_path, state):
    from safetensors.torch import save_file

    save_file(state, tmp_path / "new.safetensors", {"version": "99"})
    with pytest.raises(FileFormatError, match="version 99, newer"):
        checkpoint.load_checkpoint(tmp_path / "new.safetensors")
