import argparse
import hashlib
import io
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from gagavatar_nodes.commands import weights as command
from gagavatar_nodes.errors import WeightsError
from gagavatar_nodes.weights import find_weight, manifest, require_flame, require_weight, weight
from gagavatar_nodes.weights.locations import hand_path
from gagavatar_nodes.weights.lockfile import LOCK_NAME, LockFile, check
from gagavatar_nodes.weights.manifest import read_manifest

pytest.importorskip("filelock")

NAME = "GAGAvatar.pt"
ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An isolated folder with one file in it, placed by hand."""
    monkeypatch.setenv("GAGAVATAR_WEIGHTS", str(tmp_path / "default"))
    monkeypatch.setattr("gagavatar_nodes.weights.locations.cached_path", lambda entry: None)
    (tmp_path / NAME).write_bytes(b"weights")
    return tmp_path


def test_manifest_names_every_published_file_and_only_flame_needs_consent():
    entries = read_manifest(ROOT / "weights_manifest.json")
    assert list(manifest()) == list(entries)
    assert list(entries)[:4] == ["GAGAvatar.pt", "FLAME_with_eye.pt", "track_resources.tar", "ARTalk_wav2vec.pt"]
    assert all(entry.path == f"style_motion/{name}" for name, entry in list(entries.items())[4:-2])
    assert list(entries)[-2:] == ["face_recognition_sface_2021dec.onnx", "deca_model.tar"]
    assert [entry.name for entry in entries.values() if entry.repo is None] == ["deca_model.tar"]  # placed by hand
    assert [entry.name for entry in entries.values() if entry.gated] == ["FLAME_with_eye.pt", "deca_model.tar"]
    assert all(entry.license_url.startswith("https://") for entry in entries.values())
    assert (entries["GAGAvatar.pt"].size, entries["FLAME_with_eye.pt"].size) == (747_434_426, 26_819_643)
    assert entries["GAGAvatar.pt"].sha256 == "75d449fd1d67dd7bbc613cef17f0196b1c84766935adc75d5231bc89e33950f8"
    assert entries["FLAME_with_eye.pt"].sha256 == "b87a1d3513b3df0504f1e1f93bcb85ac01abe4dadf92e75ac08046c4a68403be"


def test_names_are_found_without_extension_and_case_and_others_are_refused():
    assert weight("gagavatar") == weight("GAGAvatar.pt")
    with pytest.raises(WeightsError, match=r"Known: GAGAvatar\.pt"):
        weight("GAGAvatar.ckpt")


def test_first_load_records_and_later_loads_compare(folder):
    assert require_weight(NAME, folder) == folder / NAME
    assert LockFile(folder).entry(NAME)["sha256"] == hashlib.sha256(b"weights").hexdigest()
    (folder / NAME).write_bytes(b"weighty")
    os.utime(folder / NAME, ns=(1, 1))
    with pytest.raises(WeightsError, match="was replaced"):
        require_weight(NAME, folder)


def test_truncated_file_is_refused_with_both_sizes(folder):
    require_weight(NAME, folder)
    (folder / NAME).write_bytes(b"wei")
    with pytest.raises(WeightsError, match="3 bytes instead of 7"):
        require_weight(NAME, folder)


def test_empty_file_is_refused_and_not_recorded(folder):
    (folder / NAME).write_bytes(b"")
    with pytest.raises(WeightsError, match="0 bytes"):
        require_weight(NAME, folder)
    assert LockFile(folder).entry(NAME) is None


def test_unchanged_file_is_hashed_once_and_a_full_check_always_hashes(folder, monkeypatch):
    hashed = []
    from gagavatar_nodes.weights import lockfile

    real = lockfile.sha256_of
    monkeypatch.setattr(lockfile, "sha256_of", lambda path: hashed.append(path) or real(path))
    require_weight(NAME, folder)
    require_weight(NAME, folder)
    assert len(hashed) == 1
    check(weight(NAME), folder / NAME, full=True)
    assert len(hashed) == 2
    os.utime(folder / NAME, ns=(5, 5))
    require_weight(NAME, folder)
    require_weight(NAME, folder)
    assert len(hashed) == 3


def test_full_check_sees_a_change_that_keeps_size_and_time(folder):
    require_weight(NAME, folder)
    status = (folder / NAME).stat()
    (folder / NAME).write_bytes(b"WEIGHTS")
    os.utime(folder / NAME, ns=(status.st_atime_ns, status.st_mtime_ns))
    with pytest.raises(WeightsError, match="SHA-256"):
        check(weight(NAME), folder / NAME, full=True)


def test_hash_of_the_manifest_is_compared_too(folder):
    entry = replace(weight(NAME), sha256="cd" * 32)
    with pytest.raises(WeightsError, match="in the manifest"):
        check(entry, folder / NAME)
    assert LockFile(folder).entry(NAME) is None


def test_another_file_than_the_published_one_is_refused_with_both_hashes_until_it_is_taken_on_purpose(folder):
    entry, found = replace(weight(NAME), sha256="cd" * 32), hashlib.sha256(b"weights").hexdigest()
    with pytest.raises(WeightsError, match="--relock") as refused:
        check(entry, folder / NAME)
    assert found in str(refused.value)
    assert "cd" * 32 in str(refused.value)
    LockFile(folder).accept(NAME)
    assert check(entry, folder / NAME) == found
    assert check(entry, folder / NAME, full=True) == found
    (folder / NAME).write_bytes(b"weighty")
    with pytest.raises(WeightsError, match="recorded at first use"):
        check(entry, folder / NAME, full=True)


def test_another_size_than_the_published_one_is_refused(folder):
    entry = replace(weight(NAME), size=747_434_426)
    with pytest.raises(WeightsError, match="7 bytes instead of 747,434,426"):
        check(entry, folder / NAME)
    LockFile(folder).accept(NAME)
    assert check(entry, folder / NAME)


def test_missing_file_names_place_address_and_command(folder):
    with pytest.raises(WeightsError) as caught:
        require_weight("FLAME_with_eye.pt", folder)
    message = str(caught.value)
    assert str(folder / "FLAME_with_eye.pt") in message
    assert "https://flame.is.tue.mpg.de" in message
    assert "weights download FLAME_with_eye.pt --accept-license" in message


def test_folders_are_searched_in_order_and_a_clone_of_the_repository_serves(folder):
    clone = folder / "clone" / "assets"
    clone.mkdir(parents=True)
    (clone / NAME).write_bytes(b"cloned")
    assert find_weight(NAME, folder / "clone") == clone / NAME
    assert find_weight(NAME, [folder, folder / "clone"]) == folder / NAME
    assert find_weight(NAME) is None
    assert hand_path(NAME) == folder / "default" / NAME


@pytest.mark.parametrize("text", ["{", "[]", '{"format": 1}'])
def test_damaged_lock_file_is_named(folder, text):
    (folder / LOCK_NAME).write_text(text)
    with pytest.raises(WeightsError, match=LOCK_NAME):
        require_weight(NAME, folder)


def test_lock_file_of_a_newer_version_is_refused(folder):
    (folder / LOCK_NAME).write_text(json.dumps({"format": 2, "files": {}}))
    with pytest.raises(WeightsError, match="newer version"):
        require_weight(NAME, folder)


def test_records_of_several_files_do_not_disturb_each_other(folder):
    (folder / "FLAME_with_eye.pt").write_bytes(b"flame")
    require_weight(NAME, folder)
    require_weight("FLAME_with_eye.pt", folder)
    LockFile(folder).accept(NAME)
    assert LockFile(folder).entry(NAME) == {"accepted": True}
    assert LockFile(folder).entry("FLAME_with_eye.pt")["size"] == 5
    assert not list(folder.glob("*.tmp"))


def test_imported_flame_comes_before_the_published_one(folder):
    with pytest.raises(WeightsError, match="import-flame PATH"):
        require_flame(folder)
    (folder / "FLAME_with_eye.pt").write_bytes(b"flame")
    assert require_flame(folder) == folder / "FLAME_with_eye.pt"
    (folder / "FLAME.safetensors").write_bytes(b"imported")
    assert require_flame(folder) == folder / "FLAME.safetensors"


class _Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(("answer", "accepted"), [("yes\n", True), ("y\n", False), ("\n", False), ("no\n", False)])
def test_prompt_shows_the_license_and_takes_only_a_whole_yes(monkeypatch, answer, accepted):
    terminal = _Terminal()
    monkeypatch.setattr("sys.stdin", _Terminal(answer))
    monkeypatch.setattr("sys.stderr", terminal)
    assert command._ask(weight("FLAME_with_eye.pt")) is accepted
    assert "https://flame.is.tue.mpg.de" in terminal.getvalue()


def test_folder_that_cannot_be_written_still_serves(folder, monkeypatch, caplog):
    def refuse(path, document):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("gagavatar_nodes.weights.lockfile._write_json", refuse)
    assert require_weight(NAME, folder) == folder / NAME
    assert "hashes are not recorded" in caplog.text


def test_import_flame_puts_the_converted_file_where_loaders_look(folder, capsys):
    import torch

    from parity_recipe import synthetic_flame

    asset = synthetic_flame()
    torch.save({key: asset[key] for key in ("flame_model", "lmk_embeddings")}, folder / "FLAME_with_eye.pt")
    parser = argparse.ArgumentParser()
    command.add_parser(parser.add_subparsers())
    arguments = ["weights", "import-flame", str(folder / "FLAME_with_eye.pt"), "--folder", str(folder), "--json"]
    parsed = parser.parse_args(arguments)
    assert parsed.run(parsed) == 0
    assert json.loads(capsys.readouterr().out) == {"path": str(folder / "FLAME.safetensors")}
    assert require_flame(folder) == folder / "FLAME.safetensors"
