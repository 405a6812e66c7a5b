"""Two hundred clips on a Ray cluster of three nodes, one of which is killed, into a store that is asked afterwards."""

import json
import os
import subprocess
import sys
import time
import urllib.request

import pytest

from gagavatar_nodes import assets
from gagavatar_nodes.batch.jobs import Job, JobSettings
from gagavatar_nodes.batch.run import Batch
from gagavatar_nodes.batch.workers import Processes
from gagavatar_nodes.media.images import read_image, write_image
from media_files import encode_video
from running_service import free_port

ray = pytest.importorskip("ray")
pytest.importorskip("moto.server")
s3fs = pytest.importorskip("s3fs")

BUCKET = "clips"
KILLED_AT = 60
JOBS = 200


@pytest.fixture(scope="module")
def store():
    """An S3 server on this machine that keeps every version of what is put into it; its file system."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "AWS_ENDPOINT_URL": address,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
        }.items():
            patch.setenv(name, value)
        server = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(600):
            try:
                urllib.request.urlopen(address, timeout=5).close()
                break
            except OSError:
                time.sleep(0.1)
        system = s3fs.S3FileSystem(skip_instance_cache=True)
        system.mkdir(BUCKET)
        system.call_s3("put_bucket_versioning", Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        yield system
        server.kill()
        server.wait()


@pytest.fixture(scope="module")
def jobs(driver_images, tmp_path_factory):
    """Two portraits, five drivers of three frames, twenty sizes and strengths."""
    folder = tmp_path_factory.mktemp("inputs")
    face = read_image(assets.path("example_portrait.jpg")).rgb
    portraits = [folder / "left.png", folder / "right.png"]
    write_image(portraits[0], face)
    write_image(portraits[1], face[:, ::-1])
    drivers = [
        encode_video(folder / f"{i}.mp4", driver_images[12 * i : 12 * i + 12 : 4], fps=10, pixels="yuv420p")
        for i in range(5)
    ]
    looks = [JobSettings("embedded", 148, size=(64, 32 + 2 * i), expression=0.5 + i / 20) for i in range(20)]
    pairs = [(portrait, driver, look) for portrait in portraits for driver in drivers for look in looks]
    return [Job(str(p), str(d), f"{number}.mp4", look) for number, (p, d, look) in enumerate(pairs)]


@pytest.fixture(scope="module")
def alone(jobs, tmp_path_factory):
    """What one process makes of them; the clips by their names."""
    out = tmp_path_factory.mktemp("alone")
    with Batch(str(out), jobs) as batch:
        batch.run(Processes(1))
    return {path.name: path.read_bytes() for path in out.glob("*.mp4")}


@pytest.fixture
def cluster(store):
    """A cluster of three nodes with a core each."""
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 1, "object_store_memory": 10**8, "include_dashboard": False}
    made = Cluster(initialize_head=True, head_node_args=node)
    for _ in range(2):
        made.add_node(**node)
    made.wait_for_nodes()
    yield made
    made.shutdown()


def test_a_node_is_killed_and_no_clip_is_lost_or_made_twice(cluster, store, jobs, alone, tmp_path):
    from gagavatar_nodes.batch.ray_workers import RayWorkers

    began = time.monotonic()
    workers = RayWorkers(cluster.address, {"embedded"}, 3)
    while len(workers.idle()) < 3 and time.monotonic() - began < 600:
        workers.events(0.5)
    assert len(set(workers.nodes())) == 3
    killed = []

    def kill_at_last(standing):
        if standing.done >= KILLED_AT and not killed:
            killed.append(standing.done)
            cluster.remove_node(next(iter(cluster.worker_nodes)), allow_graceful=False)

    with Batch(f"s3://{BUCKET}/out", jobs, ledger=str(tmp_path / "ledger.sqlite")) as batch:
        start = time.monotonic()
        batch.run(workers, progress=kill_at_last)
        seconds = time.monotonic() - start
        summary = batch.summary()
    assert killed
    assert killed[0] < JOBS - 20
    assert (summary["done"], summary["failed"]) == (JOBS, 0)
    assert {kind: stage["tasks"] for kind, stage in summary["stages"].items()} == {
        "lift": 2,
        "track": 5,
        "render": JOBS,
    }
    store.invalidate_cache()
    clips = {path.rpartition("/")[2]: store.cat(path) for path in store.glob(f"{BUCKET}/out/*.mp4")}
    assert clips == alone
    versions = store.call_s3("list_object_versions", Bucket=BUCKET, Prefix="out/")["Versions"]
    written = [one for one in versions if one["Key"].endswith(".mp4")]
    assert len(written) - JOBS <= 1  # of the node that was killed after it stored a clip and before it said so
    if report := os.environ.get("GAGAVATAR_CLUSTER_REPORT"):  # for tools/simulate_scaling.py
        with open(report, "w", encoding="utf-8") as stream:
            json.dump({"run_seconds": seconds, "killed_at": killed[0], "nodes": 3, **summary}, stream)
