"""Training runs: what they write, how they go on, what stops them."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from gagavatar_nodes.errors import GagavatarError
from gagavatar_nodes.lifting.gagavatar import checkpoint
from gagavatar_nodes.training import run_folder, trainer
from gagavatar_nodes.training.config_files import load_config
from gagavatar_nodes.training.logs import CsvLog, read_csv_log
from gagavatar_nodes.training.losses import compute_losses
from gagavatar_nodes.training.run_folder import RunFolder
from gagavatar_nodes.training.trainer import train
from tiny_run import CHANGES, write_data


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def config(data):
    return load_config("tiny", CHANGES).with_places(str(data))


@pytest.fixture(scope="module")
def finished(config, tmp_path_factory):
    """Folder and result of a run of four steps."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    return folder, train(config, str(folder))


def with_loop(config, **changes):
    return replace(config, loop=replace(config.loop, **changes))


def curve(folder):
    """Losses of every step, as written."""
    return {name: values.tolist() for name, (_, values) in read_csv_log(folder / "log.csv").items()}


def command(data, out, *changes):
    arguments = [part for change in (*CHANGES, *changes) for part in ("--set", change)]
    return [
        sys.executable,
        "-m",
        "gagavatar_nodes.cli",
        "train",
        "tiny",
        "--data",
        str(data),
        "-o",
        str(out),
        "--quiet",
        *arguments,
    ]


def test_a_run_writes_curves_sheets_and_checkpoints(finished):
    folder, result = finished
    assert result.step == 4
    curves = read_csv_log(folder / "log.csv")
    assert curves["train/total"][0].tolist() == [1, 2, 3, 4]
    assert curves["validation/fine_l1"][0].tolist() == [0, 2, 4]
    assert {"train/image", "train/box", "train/lifting", "train/psnr", "train/rate", "train/gradient"} <= set(curves)
    assert (folder / "sheets" / "000004.jpg").stat().st_size > 500
    assert list((folder / "tensorboard").glob("events*"))
    assert RunFolder(folder).steps() == [2, 4]


def test_checkpoints_say_what_network_and_head_they_are_of(finished, config):
    _, result = finished
    assert checkpoint.load_config(result.weights) == config.network
    state = checkpoint.load_checkpoint(result.weights)
    assert state["head_base"].shape == (5023, 8)
    from gagavatar_nodes.tensor_file import header_notes

    assert header_notes(result.weights)["flame_edition"] == "embedded"


def test_a_run_that_was_killed_goes_on_as_if_it_had_not_been(config, data, tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    train(with_loop(config, steps=9), str(whole))
    changes = ("loop.steps=9", "output.save_every=3", "output.validate_every=2")
    log = killed / "log.csv"
    with subprocess.Popen(command(data, killed, *changes), stderr=subprocess.PIPE) as process:
        deadline = time.monotonic() + 240
        while not (log.is_file() and "\n5,train/total" in log.read_text()):
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.kill()  # SIGKILL: nothing can be written any more
    assert 2 <= RunFolder(killed).newest() < 9
    done = subprocess.run(command(data, killed, *changes), capture_output=True, text=True, timeout=1200)
    assert done.returncode == 0, done.stderr
    assert curve(killed) == curve(whole)
    last, other = (load_file(RunFolder(folder).weights(9)) for folder in (whole, killed))
    assert all(torch.equal(last[name], other[name]) for name in last)


def test_a_finished_run_that_gets_more_steps_goes_on(config, tmp_path):
    once, twice = tmp_path / "once", tmp_path / "twice"
    averaged = with_loop(config, ema=0.9, accumulate=2)
    train(averaged, str(once))
    train(with_loop(averaged, steps=2), str(twice))
    train(averaged, str(twice))
    assert curve(once)["train/total"] == curve(twice)["train/total"]
    first, second = (load_file(RunFolder(folder).weights(4)) for folder in (once, twice))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_changed_configuration_is_told_and_can_be_accepted(finished, config):
    folder, _ = finished
    changed = replace(with_loop(config, batch=1), optimizer=replace(config.optimizer, rate=1e-5))
    with pytest.raises(GagavatarError) as error:
        train(changed, str(folder))
    assert "optimizer.rate was 0.001 and is now 1e-05" in str(error.value)
    assert "loop.batch was 2 and is now 1" in str(error.value)
    assert "\n" not in str(error.value)
    assert train(with_loop(changed, steps=5), str(folder), accept_changes=True).step == 5


def test_numbers_that_are_not_finite_stop_before_they_spoil_the_weights(config, tmp_path, monkeypatch):
    steps = []

    def spoiled(*arguments):
        losses = compute_losses(*arguments)
        if torch.is_grad_enabled():
            steps.append(0)
        return replace(losses, total=losses.total * (float("nan") if len(steps) == 4 else 1))

    monkeypatch.setattr(trainer, "compute_losses", spoiled)
    with pytest.raises(GagavatarError, match=r"Step 4: a loss or gradient is no finite number.*checkpoint 2 is whole"):
        train(config, str(tmp_path / "run"))
    written = json.loads((tmp_path / "run" / "nonfinite_0.json").read_text())
    assert written["step"] == 4
    assert len(written["targets"]) == len(written["sources"]) == 2
    assert all(key.startswith("disk-s000-p0_") for key in written["targets"] + written["sources"])
    monkeypatch.undo()
    assert train(config, str(tmp_path / "run")).step == 4  # it goes on from the checkpoint


def test_a_full_disk_delays_a_checkpoint_and_loses_nothing(config, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(trainer, "_RETRY", 1)
    save, attempts = run_folder.save_network, []

    def full_at_first(network, path, notes):
        attempts.append(path)
        if len(attempts) == 2:
            path.write_bytes(b"a part")
            raise OSError(errno.ENOSPC, "No space left on device")
        save(network, path, notes)

    monkeypatch.setattr(run_folder, "save_network", full_at_first)
    folder = tmp_path / "run"
    train(with_loop(config, steps=5), str(folder))
    assert "the checkpoint of step 4 could not be written" in caplog.text
    assert "No space left on device" in caplog.text
    assert RunFolder(folder).steps() == [2, 5]
    assert not list((folder / "checkpoints").glob(".*"))


def test_a_sheet_that_cannot_be_written_does_not_stop_the_run(config, tmp_path, monkeypatch, caplog):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(trainer.RunLog, "add_sheet", full)
    assert train(with_loop(config, steps=2), str(tmp_path / "run")).step == 2
    assert "step 2: [Errno 28] No space left on device; training goes on" in caplog.text


def test_a_last_checkpoint_that_cannot_be_written_is_one_line(config, tmp_path, monkeypatch):
    train(with_loop(config, steps=2), str(tmp_path / "run"))

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(run_folder, "save_network", full)
    with pytest.raises(GagavatarError, match="Free some space and start again: the run goes on from step 2") as error:
        train(config, str(tmp_path / "run"))
    assert "\n" not in str(error.value)
    assert RunFolder(tmp_path / "run").steps() == [2]


def test_checkpoints_are_kept_by_number_and_the_best_besides(config, tmp_path):
    folder = RunFolder(tmp_path / "run", keep=1)
    folder.open(config)
    network = trainer.build_network(config)
    for step, psnr in ((1, 10.0), (2, 12.0), (3, 11.0), (4, 11.5)):
        folder.propose(step, psnr)
        folder.save(step, network, {"step": step}, {})
    assert folder.steps() == [2, 4]
    assert folder.best() == (2, 12.0)
    with pytest.raises(GagavatarError, match="Another process trains in"):
        RunFolder(tmp_path / "run").open(config)
    folder.close()


def test_parts_can_be_frozen_when_a_checkpoint_is_tuned(finished, config, tmp_path):
    _, result = finished
    start = replace(config.start, checkpoint=result.weights, frozen=("base_model", "gs_generator_g"))
    tuned = train(with_loop(replace(config, start=start), steps=1), str(tmp_path / "tuned"))
    before, after = load_file(result.weights), load_file(tuned.weights)
    for name in before:
        frozen = name.startswith(("base_model.", "gs_generator_g."))
        if frozen or name.startswith("gs_generator_l0."):
            assert torch.equal(before[name], after[name]) == frozen, name


def test_a_checkpoint_of_another_variant_is_refused(finished, config, tmp_path):
    _, result = finished
    other = replace(
        config,
        network=replace(config.network, dual_lifting=False),
        start=replace(config.start, checkpoint=result.weights),
    )
    with pytest.raises(GagavatarError, match="dual_lifting is True there and False here"):
        train(other, str(tmp_path / "run"))


def test_accumulated_batches_are_one_large_one(config, tmp_path):
    plain = replace(config, network=replace(config.network, refiner=False))  # which draws noise batch by batch
    one = train(with_loop(plain, steps=1, batch=2), str(tmp_path / "one"))
    two = train(with_loop(plain, steps=1, batch=1, accumulate=2), str(tmp_path / "two"))
    assert two.values["train/gradient"] == pytest.approx(one.values["train/gradient"], rel=1e-4)


def test_mixed_precision_stays_near(config, tmp_path):
    full = train(with_loop(config, steps=1), str(tmp_path / "full"))
    mixed = train(with_loop(config, steps=1, precision="bf16"), str(tmp_path / "mixed"))
    assert mixed.values["train/total"] != full.values["train/total"]
    assert mixed.values["train/total"] == pytest.approx(full.values["train/total"], rel=0.05)
    assert all(value.dtype == torch.float32 for value in load_file(mixed.weights).values())


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM to send to oneself")
def test_a_terminated_run_writes_a_checkpoint_first(config, tmp_path):
    def stop(step, total, values):
        if step == 3:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(KeyboardInterrupt):
        train(config, str(tmp_path / "run"), on_step=stop)
    assert RunFolder(tmp_path / "run").steps() == [2, 3]


def test_two_processes_share_out_a_batch(data, config, tmp_path):
    changes = ("loop.devices=2", "loop.batch=1", "loop.steps=2", "network.refiner=false")
    done = subprocess.run(command(data, tmp_path / "two", *changes), capture_output=True, text=True, timeout=1200)
    assert done.returncode == 0, done.stderr
    plain = replace(config, network=replace(config.network, refiner=False))
    train(with_loop(plain, steps=2), str(tmp_path / "one"))
    for name in ("train/total", "train/gradient", "validation/fine_l1"):
        np.testing.assert_allclose(curve(tmp_path / "two")[name], curve(tmp_path / "one")[name], rtol=2e-3)


def test_rows_of_a_log_survive_a_full_disk(tmp_path, monkeypatch):
    log = CsvLog(tmp_path / "log.csv", 0)
    log.add(1, {"loss": 0.5})
    monkeypatch.setattr("builtins.open", lambda *_, **__: (_ for _ in ()).throw(OSError(errno.ENOSPC, "full")))
    log.add(2, {"loss": 0.25})
    monkeypatch.undo()
    log.add(3, {"loss": 0.125})
    assert read_csv_log(tmp_path / "log.csv")["loss"][1].tolist() == [0.5, 0.25, 0.125]
    CsvLog(tmp_path / "log.csv", 2)
    assert read_csv_log(tmp_path / "log.csv")["loss"][0].tolist() == [1, 2]


def test_own_checkpoints_animate_at_once(finished, gagavatar, tmp_path):
    from gagavatar_nodes import assets

    _, result = finished
    portrait, out = assets.path("example_portrait.jpg"), tmp_path / "still.png"
    done = gagavatar("animate", portrait, "nod", "-o", out, "--avatar", "gagavatar", "--weights", result.weights,
                     "--size", 64, "--device", "cpu")  # fmt: skip
    assert done.code == 0, done.err
    assert out.stat().st_size > 100


def test_command_says_what_is_missing(gagavatar, data, tmp_path):
    done = gagavatar("train", "tiny", "-o", tmp_path / "run")
    assert (done.code, done.out) == (1, "")
    assert "There is no data folder: name it by --data" in done.err
    done = gagavatar("train", "full", "--data", data, "-o", tmp_path / "run")
    assert "The backbone is frozen but has no weights" in done.err
    done = gagavatar("train", "tiny", "--data", data, "-o", tmp_path / "run", "--set", "loop.step=3")
    assert done.err.strip() == "gagavatar: tiny: there is no 'loop.step': did you mean 'loop.steps'?"
