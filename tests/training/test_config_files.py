"""Configurations of training runs."""

from __future__ import annotations

import pytest

from gagavatar_nodes.errors import GagavatarError
from gagavatar_nodes.lifting.gagavatar.config import PRESETS, TINY
from gagavatar_nodes.training.config import TrainConfig
from gagavatar_nodes.training.config_files import config_names, differences, load_config

ROWS = ("one_plane", "without_identity", "without_refiner", "without_lifting_loss")


def test_full_is_the_published_training():
    assert load_config("full") == TrainConfig()


def test_rows_of_the_table_change_one_thing_each():
    assert set(config_names()) == {"full", "tiny", *ROWS, *(f"tiny_{row}" for row in ROWS)}
    for base, prefix in (("full", ""), ("tiny", "tiny_")):
        whole = load_config(base)
        for row in ROWS:
            changed = differences(whole.to_dict(), load_config(prefix + row).to_dict())
            assert len(changed) == 1, changed
    assert load_config("one_plane").network == PRESETS["one_plane"]
    assert load_config("tiny_without_refiner").network == PRESETS["tiny_without_refiner"]
    assert load_config("without_lifting_loss").loss.lifting == 0


def test_files_stand_on_others_and_changes_on_files(tmp_path):
    (tmp_path / "mine.toml").write_text('base = "tiny"\n[loop]\nsteps = 7\n[optimizer]\nbetas = [0.5, 0.9]\n')
    (tmp_path / "next.yaml").write_text("base: mine.toml\nloop:\n  batch: 3\n")
    config = load_config(
        tmp_path / "next.yaml", ["data.folder=some/where", "loop.ema=0.99", "start.frozen=['head_base']"]
    )
    assert config.network == TINY
    assert (config.loop.steps, config.loop.batch, config.loop.ema) == (7, 3, 0.99)
    assert config.optimizer.betas == (0.5, 0.9)
    assert (config.data.folder, config.start.frozen) == ("some/where", ("head_base",))


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ("optimzer.rate=1", "tiny: there is no 'optimzer': did you mean 'optimizer'?"),
        ("optimizer.ratee=1", "tiny: there is no 'optimizer.ratee': did you mean 'optimizer.rate'?"),
        ("loop.rate=1", "tiny: there is no 'loop.rate': did you mean 'optimizer.rate'?"),
        ("network.pre=1", "tiny: there is no 'network.pre': did you mean 'network.preset'?"),
        ("loop.steps=many", "tiny: loop.steps is 'many', but should be a whole number"),
        ("loop.steps=0", "loop.steps is 0, but 1 is the least"),
        ("loop.precision=fp8", "loop.precision is 'fp8': choose one of fp32, tf32, bf16"),
        ("network.preset=huge", "network.preset is 'huge': choose one of full,"),
        ("network.image_size=100", "tiny: network: Got a source image of 100 pixels"),
        ("optimizer.betas=[1]", "tiny: optimizer.betas is [1], but should be a list of 2"),
        ("loop=3", "tiny: 'loop' is a table, write [loop] and its keys below"),
        ("loop", "'loop' is no change: write it as loop.steps=1000"),
    ],
)
def test_wrong_keys_and_values_are_one_line(change, line):
    with pytest.raises(GagavatarError) as error:
        load_config("tiny", [change])
    assert str(error.value).startswith(line)


def test_files_that_are_none(tmp_path):
    with pytest.raises(GagavatarError, match="There is no configuration 'tinny': did you mean 'tiny'"):
        load_config("tinny")
    with pytest.raises(GagavatarError, match=r"gone\.toml does not exist"):
        load_config(tmp_path / "gone.toml")
    (tmp_path / "bad.toml").write_text("[loop\nsteps = 3")
    with pytest.raises(GagavatarError, match=r"bad\.toml cannot be parsed") as error:
        load_config(tmp_path / "bad.toml")
    assert "\n" not in str(error.value)


def test_places_and_lengths_may_change_and_the_rest_is_told():
    before = load_config("tiny")
    now = load_config(
        "tiny", ["loop.steps=5", "data.folder=x", "output.keep=9", "loop.batch=1", "network.refiner=false"]
    )
    assert differences(before.to_dict(), now.to_dict()) == [
        "network.refiner was True and is now False",
        "loop.batch was 2 and is now 1",
    ]
