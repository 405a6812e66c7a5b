"""Inputs and results in stores, of which a file system in memory under their names stands in."""

import importlib
import sys

import pytest

from gagavatar_nodes import assets
from gagavatar_nodes.batch.jobs import Job, JobSettings
from gagavatar_nodes.batch.plan import Planner
from gagavatar_nodes.batch.storage import Files, fingerprint, join_address, matching, remove, sizes
from gagavatar_nodes.batch.tasks import Workbench
from gagavatar_nodes.errors import MediaError
from gagavatar_nodes.settings import Settings

pytestmark = pytest.mark.usefixtures("lifted_once")

fsspec = pytest.importorskip("fsspec")
REGISTRY = importlib.import_module("fsspec.registry")._registry


@pytest.fixture
def stores(monkeypatch):
    """The protocols gs and hf, each with a memory of its own."""
    from fsspec.implementations.memory import MemoryFileSystem

    class Store(MemoryFileSystem):
        """Without folders, as stores of objects are."""

        @classmethod
        def _strip_protocol(cls, path):
            return "/" + str(path).rpartition("://")[2].strip("/")

        def put_file(self, lpath, rpath, **keywords):
            self.makedirs(self._parent(rpath), exist_ok=True)
            super().put_file(lpath, rpath, **keywords)

    made = {}
    for name in ("gs", "hf"):
        kind = type(f"{name}Memory", (Store,), {"protocol": name, "store": {}, "pseudo_dirs": [""]})
        monkeypatch.setitem(REGISTRY, name, kind)
        made[name] = kind(skip_instance_cache=True)
    return made


def test_a_clip_comes_from_one_store_into_another(stores, tmp_path, short_driver):
    stores["gs"].pipe("gs://in/faces/me.jpg", assets.path("example_portrait.jpg").read_bytes())
    stores["gs"].pipe("gs://in/films/talk.mp4", short_driver.read_bytes())
    (portrait,), (driver,) = matching("gs://in/faces/*.jpg"), matching("gs://in/films/*.mp4")
    job = Job(portrait, driver, "sub/me.mp4", JobSettings("embedded", 148, size=(64, 64)))
    plan = Planner("hf://datasets/out", Settings()).plan([job])
    assert plan.broken == ()
    bench = Workbench()
    for task in plan.tasks:
        bench.do(task.kind, task.spec, lambda done, total: None)
    bench.close()
    result = plan.renders[0].spec["result"]
    assert result == join_address("hf://datasets/out", "sub", "me.mp4")
    assert stores["hf"].cat(result)[4:8] == b"ftyp"
    assert sizes([result, "hf://datasets/out/sub/other.mp4"]) == {result: stores["hf"].size(result)}
    remove(result)
    assert sizes([result]) == {}


@pytest.mark.parametrize("protocol", ["gs", "hf"])
def test_a_store_is_written_whole_and_its_faults_are_told(stores, protocol, tmp_path):
    files = Files()
    with pytest.raises(FileNotFoundError), files.publish(f"{protocol}://b/half.bin") as path:
        path.rename(tmp_path / "half.bin")  # nothing was written
    assert sizes([f"{protocol}://b/half.bin"]) == {}
    with files.publish(f"{protocol}://b/whole.bin") as path:
        path.write_bytes(b"whole")
    assert files.fetch(f"{protocol}://b/whole.bin").read_bytes() == b"whole"
    with pytest.raises(MediaError, match="does not exist: check the address"):
        fingerprint(f"{protocol}://b/missing.bin")
    with pytest.raises(MediaError, match="means no file"):
        matching(f"{protocol}://b/*.jpg")
    files.close()


@pytest.mark.parametrize(("protocol", "module", "package"), [("gs", "gcsfs", "gcsfs"), ("s3", "s3fs", "s3fs")])
def test_a_missing_package_is_named(protocol, module, package, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.delitem(REGISTRY, protocol, raising=False)
    with pytest.raises(MediaError, match=f"^{protocol}://bucket/a.jpg: .*not installed: pip install {package}"):
        fingerprint(f"{protocol}://bucket/a.jpg")
