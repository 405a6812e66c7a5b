import hashlib
import json
import os
import socket
import sys
from importlib import import_module
from pathlib import Path

import pytest

from hub_server import COMMIT, FLAME, NETWORK, Hub, serve

CONTENTS = os.urandom(1 << 20)
LONG = os.urandom(25 << 20)  # more than two of the 10 MB pieces that the hub library hands over at once
MEBI = 1 << 20


def test_file_lands_in_the_hub_cache_and_its_hash_is_recorded(weights):
    with serve(Hub({NETWORK: CONTENTS})) as hub:
        run = weights(hub.url)
        code, out, err = run("download", "GAGAvatar")
        assert code == 0, err
        repository = run.cache / "models--xg-chu--GAGAvatar"
        path = repository / "snapshots" / COMMIT / "assets" / "GAGAvatar.pt"
        assert out.strip() == str(path)
        assert path.read_bytes() == CONTENTS
        record = json.loads((repository / "weights.lock.json").read_text())["files"]["GAGAvatar.pt"]
        assert record["sha256"] == hashlib.sha256(CONTENTS).hexdigest()
        assert record["commit"] == COMMIT
        assert len(hub.downloads()) == 1

        asked = len(hub.requests)
        assert run("download", "GAGAvatar.pt")[:2] == (0, out)
        assert len(hub.requests) == asked


def test_file_lands_in_the_named_folder(weights, tmp_path):
    with serve(Hub({NETWORK: CONTENTS})) as hub:
        code, out, err = weights(hub.url)("download", "GAGAvatar.pt", "--folder", str(tmp_path / "mine"), "--json")
        assert code == 0, err
        path = tmp_path / "mine" / "GAGAvatar.pt"
        assert json.loads(out) == {"GAGAvatar.pt": str(path)}
        assert path.read_bytes() == CONTENTS
        assert not list(path.parent.glob("*.partial"))


def test_environment_names_the_folder(weights, tmp_path):
    with serve(Hub({NETWORK: CONTENTS})) as hub:
        code, out, err = weights(hub.url)("download", "GAGAvatar.pt", GAGAVATAR_WEIGHTS=str(tmp_path / "env"))
        assert (code, out.strip()) == (0, str(tmp_path / "env" / "GAGAvatar.pt")), err


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
def test_broken_connection_is_taken_up_where_it_broke(weights, tmp_path, reset):
    with serve(Hub({NETWORK: LONG}, cut_after=22 * MEBI, cuts=1, reset=reset)) as hub:
        code, _, err = weights(hub.url)("download", "GAGAvatar.pt", "--folder", str(tmp_path / "w"))
        assert code == 0, err
        assert (tmp_path / "w" / "GAGAvatar.pt").read_bytes() == LONG
        first, second = hub.downloads()
        assert first.range is None
        assert int(second.range.removeprefix("bytes=").rstrip("-")) in (10 * MEBI, 20 * MEBI)


def test_killed_download_goes_on_in_the_next_run(weights):
    with serve(Hub({NETWORK: LONG}, stall_after=21 * MEBI)) as hub:
        run = weights(hub.url)
        process = run.start("download", "GAGAvatar.pt")
        assert hub.stalled.wait(300)
        partial = _wait_for_partial(run.cache, 20 * MEBI)
        process.kill()
        process.communicate()
        hub.release.set()
        state = json.loads(run("status", "--json")[1])[0]
        assert (state["state"], state["path"], state["size"]) == ("partial", str(partial), 20 * MEBI)

        hub.stall_after = None
        code, out, err = run("download", "GAGAvatar.pt")
        assert code == 0, err
        assert hub.downloads()[-1].range == f"bytes={20 * MEBI}-"
        assert _sha256(out.strip()) == hashlib.sha256(LONG).hexdigest()
        assert not partial.exists()


def test_partial_file_of_other_contents_is_not_continued(weights, tmp_path):
    folder = tmp_path / "w"
    folder.mkdir()
    (folder / "GAGAvatar.pt.0123456789abcdef.partial").write_bytes(b"other contents")
    with serve(Hub({NETWORK: CONTENTS})) as hub:
        code, _, err = weights(hub.url)("download", "GAGAvatar.pt", "--folder", str(folder))
        assert code == 0, err
        assert hub.downloads()[0].range is None
    assert (folder / "GAGAvatar.pt").read_bytes() == CONTENTS
    assert not list(folder.glob("*.partial"))


def test_contents_that_differ_from_the_announced_hash_are_refused(weights, tmp_path):
    with serve(Hub({NETWORK: CONTENTS}, etag="ab" * 32)) as hub:
        code, _, err = weights(hub.url)("download", "GAGAvatar.pt", "--folder", str(tmp_path / "w"))
    assert code == 1
    assert hashlib.sha256(CONTENTS).hexdigest() in err
    assert "ab" * 32 in err
    assert [path.suffix for path in (tmp_path / "w").iterdir() if path.suffix in (".pt", ".partial", ".json")] == []


def test_another_file_than_the_manifest_names_is_refused_before_its_bytes_are_fetched(
    weights, tmp_path, stand_in_manifest
):
    document = json.loads(stand_in_manifest.read_text())
    document["files"][0]["sha256"] = "cd" * 32
    strict = tmp_path / "strict.json"
    strict.write_text(json.dumps(document))
    folder = str(tmp_path / "w")
    with serve(Hub({NETWORK: CONTENTS})) as hub:
        run = weights(hub.url)
        code, _, err = run("download", "GAGAvatar.pt", "--folder", folder, STAND_IN_MANIFEST=str(strict))
        assert code == 1
        assert hashlib.sha256(CONTENTS).hexdigest() in err
        assert "cd" * 32 in err
        assert not hub.downloads()
        again = run("verify", "GAGAvatar.pt", "--relock", "--folder", folder, STAND_IN_MANIFEST=str(strict))
        assert again[0] == 0
        code, _, err = run("download", "GAGAvatar.pt", "--folder", folder, STAND_IN_MANIFEST=str(strict))
        assert code == 0, err
        assert run("verify", "--folder", folder, STAND_IN_MANIFEST=str(strict))[0] == 0


def test_sizes_are_listed_before_anything_is_fetched(gagavatar, monkeypatch):
    module = import_module("gagavatar_nodes.weights.manifest")
    published = module.read_manifest(Path(__file__).parents[2] / "weights_manifest.json")
    monkeypatch.setattr("gagavatar_nodes.weights.manifest", lambda: published)
    listed = gagavatar("weights", "list").out
    assert "(747.4 MB)" in listed
    assert "(26.8 MB)" in listed


def test_a_changed_file_on_the_hub_is_refused_until_relocked(weights, tmp_path):
    folder = str(tmp_path / "w")
    with serve(Hub({NETWORK: CONTENTS})) as hub:
        run = weights(hub.url)
        assert run("download", "GAGAvatar.pt", "--folder", folder)[0] == 0
        (tmp_path / "w" / "GAGAvatar.pt").unlink()
        hub.files[NETWORK] = b"another network"
        code, _, err = run("download", "GAGAvatar.pt", "--folder", folder)
        assert code == 1
        assert "serves another file than before" in err
        assert hub.requests[-2].target.split("/resolve/")[1].startswith(COMMIT)

        assert run("verify", "GAGAvatar.pt", "--relock", "--folder", folder)[0] == 0
        assert run("download", "GAGAvatar.pt", "--folder", folder)[0] == 0
    assert (tmp_path / "w" / "GAGAvatar.pt").read_bytes() == b"another network"


def test_server_with_fewer_bytes_than_announced_is_a_truncated_download(weights, tmp_path):
    with serve(Hub({NETWORK: CONTENTS}, announced_size=2 * MEBI)) as hub:
        code, _, err = weights(hub.url)("download", "GAGAvatar.pt", "--folder", str(tmp_path / "w"))
    assert code == 1
    assert "truncated" in err
    assert not (tmp_path / "w" / "GAGAvatar.pt").exists()


@pytest.mark.parametrize(
    ("status", "error_code", "hint"),
    [(401, "RepoNotFound", "HF_TOKEN"), (403, "GatedRepo", "Accept the conditions"), (404, "EntryNotFound", "404")],
)
def test_refusal_says_why_and_what_to_do(weights, tmp_path, status, error_code, hint):
    with serve(Hub({NETWORK: CONTENTS}, status=status, error_code=error_code)) as hub:
        code, _, err = weights(hub.url)("download", "GAGAvatar.pt", "--folder", str(tmp_path / "w"))
    assert code == 1
    assert str(status) in err
    assert hint in err
    assert str(tmp_path / "w" / "GAGAvatar.pt") in err
    assert err.strip().count("\n") == 0


@pytest.mark.skipif(sys.platform == "win32", reason="the limit on file size is POSIX")
def test_full_disk_is_named_and_the_part_is_kept(weights, tmp_path):
    with serve(Hub({NETWORK: LONG})) as hub:
        run = weights(hub.url)
        code, _, err = run("download", "GAGAvatar.pt", "--folder", str(tmp_path / "w"), limit=15 * MEBI)
        assert code == 1
        assert "is full" in err
        assert run("download", "GAGAvatar.pt", "--folder", str(tmp_path / "w"))[0] == 0
        assert hub.downloads()[-1].range is not None
    assert (tmp_path / "w" / "GAGAvatar.pt").read_bytes() == LONG


def test_room_is_checked_before_anything_is_fetched(weights, tmp_path):
    with serve(Hub({NETWORK: CONTENTS}, announced_size=1 << 60)) as hub:
        code, _, err = weights(hub.url)("download", "GAGAvatar.pt", "--folder", str(tmp_path / "w"))
        assert code == 1
        assert "MB are needed" in err
        assert hub.downloads() == []


def test_no_network_is_said_in_one_line(weights):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        code, _, err = weights(f"http://127.0.0.1:{unused.getsockname()[1]}")("download", "GAGAvatar.pt")
    assert code == 1
    assert "Check the network" in err
    assert err.strip().count("\n") == 0


def test_offline_switch_is_honored(weights):
    with serve(Hub({NETWORK: CONTENTS})) as hub:
        code, _, err = weights(hub.url)("download", "GAGAvatar.pt", HF_HUB_OFFLINE="1")
        assert code == 1
        assert "HF_HUB_OFFLINE" in err
        assert hub.requests == []


def test_token_goes_to_the_hub_and_not_to_the_content_network(weights, tmp_path):
    with serve(Hub({NETWORK: CONTENTS})) as cdn, serve(Hub({NETWORK: CONTENTS}, redirect_to=cdn.url)) as hub:
        hub.redirect_to = cdn.url.replace("127.0.0.1", "localhost")
        code, _, err = weights(hub.url)(
            "download", "GAGAvatar.pt", "--folder", str(tmp_path / "w"), HF_TOKEN="hf_secret"
        )
        assert code == 0, err
        assert {request.authorization for request in hub.requests} == {"Bearer hf_secret"}
        assert [request.authorization for request in cdn.downloads()] == [None]


def test_proxy_is_honored(weights, tmp_path):
    with serve(Hub({NETWORK: CONTENTS})) as proxy:
        code, _, err = weights("http://hub.invalid")(
            "download", "GAGAvatar.pt", "--folder", str(tmp_path / "w"), HTTP_PROXY=proxy.url, http_proxy=proxy.url
        )
        assert code == 0, err
        assert all(request.target.startswith("http://hub.invalid/") for request in proxy.requests)


def test_gated_file_is_not_asked_for_without_consent(weights, tmp_path):
    folder = tmp_path / "w"
    with serve(Hub({FLAME: CONTENTS})) as hub:
        run = weights(hub.url)
        code, _, err = run("download", "FLAME_with_eye.pt", "--folder", str(folder))
        assert code == 1
        assert hub.requests == []
        assert "https://flame.is.tue.mpg.de" in err
        assert str(folder / "FLAME_with_eye.pt") in err

        assert run("download", "FLAME_with_eye.pt", "--folder", str(folder), "--accept-license")[0] == 0
    assert (folder / "FLAME_with_eye.pt").read_bytes() == CONTENTS


def test_two_processes_fetch_one_file_once(weights):
    with serve(Hub({NETWORK: LONG}, stall_after=11 * MEBI)) as hub:
        run = weights(hub.url)
        first = run.start("download", "GAGAvatar.pt")
        assert hub.stalled.wait(300)
        second = run.start("download", "GAGAvatar.pt")
        assert "waiting" in second.stderr.readline()
        hub.release.set()
        results = [process.communicate(timeout=300) for process in (first, second)]
        assert [first.returncode, second.returncode] == [0, 0], results
        assert results[0][0] == results[1][0]
        assert len(hub.downloads()) == 1
        assert _sha256(results[0][0].strip()) == hashlib.sha256(LONG).hexdigest()


def _wait_for_partial(cache, size):
    import time

    for _ in range(500):
        found = [path for path in cache.rglob("*.partial") if path.stat().st_size >= size]
        if found:
            return found[0]
        time.sleep(0.02)
    raise AssertionError(f"no partial file of {size} bytes under {cache}")


def _sha256(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def test_a_file_that_its_authors_give_out_is_never_fetched_and_its_place_is_told(weights, tmp_path):
    with serve(Hub({NETWORK: CONTENTS})) as hub:
        run = weights(hub.url)
        code, _, err = run("download", "deca_model.tar", "--accept-license", "--folder", str(tmp_path / "w"))
        assert code == 1
        assert "given out by its authors" in err
        assert "https://deca.is.tue.mpg.de/license.html" in err
        assert str(tmp_path / "w" / "deca_model.tar") in err
        assert hub.requests == []
        (tmp_path / "w").mkdir()
        (tmp_path / "w" / "deca_model.tar").write_bytes(CONTENTS)
        code, out, err = run("verify", "deca_model.tar", "--folder", str(tmp_path / "w"), "--json")
        assert (code, json.loads(out)[0]["sha256"]) == (0, hashlib.sha256(CONTENTS).hexdigest()), err
