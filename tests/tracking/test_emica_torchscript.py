"""TorchScript is code: what reaches out of the process is refused unloaded, and a changed file is not run."""

from __future__ import annotations

import zipfile

import pytest
import torch

from gagavatar_nodes.errors import FileFormatError, WeightsError
from gagavatar_nodes.tracking.emica import torchscript


class Writer(torch.nn.Module):
    """Writes a file when it is loaded, and one when it is called."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path

    @torch.jit.export
    def __getstate__(self):
        return self.path, self.training

    @torch.jit.export
    def __setstate__(self, state: tuple[str, bool]):
        self.path, self.training = state[0], state[1]
        torch.save(torch.ones(1), self.path)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        torch.save(x, self.path)
        return x


class Mapper(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + torch.from_file("mapped.bin", True, 4)


class Detector(torch.nn.Module):
    """The kinds of operations that detectors are made of."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3, 2), torch.nn.BatchNorm2d(4), torch.nn.SiLU())
        self.up = torch.nn.Upsample(scale_factor=2.0, mode="nearest")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.up(self.stem(x)).flatten(2).permute(0, 2, 1)
        return torch.cat([y.sigmoid(), y.softmax(-1)], -1) * torch.arange(8, dtype=y.dtype)


def saved(network: torch.nn.Module, path):
    torch.jit.script(network).save(str(path))
    return path


def test_torch_itself_lets_a_file_write_when_it_is_loaded(tmp_path):
    path = saved(Writer(str(tmp_path / "written.pt")), tmp_path / "evil.trcd")
    (tmp_path / "written.pt").unlink(missing_ok=True)
    torch.jit.load(str(path))
    assert (tmp_path / "written.pt").exists()


def test_a_script_that_reaches_out_of_the_process_is_refused_and_not_run(tmp_path):
    path = saved(Writer(str(tmp_path / "written.pt")), tmp_path / "evil.trcd")
    (tmp_path / "written.pt").unlink(missing_ok=True)
    with pytest.raises(FileFormatError, match=r"evil\.trcd is unsafe and was not run.*names \.save"):
        torchscript.load_script(path, "cpu")
    assert not (tmp_path / "written.pt").exists()
    with pytest.raises(FileFormatError, match=r"names \.from_file"):
        torchscript.load_script(saved(Mapper(), tmp_path / "mapper.trcd"), "cpu")


@pytest.mark.parametrize(
    "line", [b"torch.classes.dist.Store", b"ops.c10d.send(x)", b"ops .evil.run()", b"torch . save(x)", b"rpc_sync(f)"]
)
def test_other_ways_out_are_refused_too(tmp_path, line):
    path = saved(Detector(), tmp_path / "d.trcd")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("d/code/__torch__/more.py", line)
    with pytest.raises(FileFormatError, match="is unsafe and was not run"):
        torchscript.check_script(path)


def test_a_detector_is_loaded_and_gives_what_it_gave(tmp_path):
    network, picture = Detector().eval(), torch.rand(1, 3, 16, 16)
    loaded = torchscript.load_script(saved(network, tmp_path / "d.trcd"), "cpu")
    assert torch.equal(loaded(picture), network(picture))


def test_what_is_no_such_archive_or_two_in_one_is_refused(tmp_path):
    path = saved(Detector(), tmp_path / "d.trcd")
    whole = path.read_bytes()
    for damaged in (b"nothing", whole[: len(whole) // 2], b"PTMF" + whole):
        (tmp_path / "bad.trcd").write_bytes(damaged)
        with pytest.raises(FileFormatError, match=r"bad\.trcd is not a TorchScript file"):
            torchscript.load_script(tmp_path / "bad.trcd", "cpu")
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(path, "a") as archive:
        archive.writestr(archive.namelist()[0], b"another")
    with pytest.raises(FileFormatError, match="two files of one name"):
        torchscript.load_script(path, "cpu")


def test_a_program_that_was_exchanged_is_named_and_accepted_by_hand(tmp_path):
    pytest.importorskip("filelock")
    path = tmp_path / "track_resources" / "vgghead" / "d.trcd"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"first")
    torchscript.check_recorded(path)
    torchscript.check_recorded(path)
    path.write_bytes(b"other")
    with pytest.raises(WeightsError, match="not the one that was first used here"):
        torchscript.check_recorded(path)
    (path.parent / "weights.lock.json").unlink()
    torchscript.check_recorded(path)
