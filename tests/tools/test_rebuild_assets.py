import hashlib
import struct
from pathlib import Path

import numpy as np
import pytest

from gagavatar_nodes import assets
from rebuild import canonical, driver, painting
from rebuild.compare import compare
from rebuild_assets import FOR_TESTS, shipped
from synthetic import TRUTH

ROOT = Path(__file__).parents[2]

SUMS = dict(reversed(line.split()) for line in (ROOT / "tools/rebuild/SHA256SUMS").read_text().splitlines())


@pytest.mark.parametrize("name", SUMS)
def test_shipped_file_is_the_recorded_one(name):
    assert hashlib.sha256(shipped(name).read_bytes()).hexdigest() == SUMS[name]


def test_every_shipped_data_file_is_recorded():
    kinds = {".npz", ".npy", ".onnx", ".mp4", ".jpg", ".xz", ".flac"}
    shipped_files = {path.name for path in assets.path("NOTICE").parent.iterdir() if path.suffix in kinds}
    assert shipped_files == set(SUMS) - set(FOR_TESTS)


def test_every_shipped_data_file_is_credited():
    notice = assets.path("NOTICE").read_text()
    assert [name for name in SUMS if name not in FOR_TESTS and name not in notice] == []


def test_performance_is_the_shipped_truth():
    wanted = np.load(TRUTH)
    for frame, row in enumerate(wanted):
        weights, yaw, pitch = driver.performance(frame)
        np.testing.assert_allclose((yaw, pitch, weights["jawOpen"], weights["eyeBlinkLeft"]), row, atol=1e-12)


def test_message_fields_are_read_without_their_schema():
    message = b"\x08\x96\x01" + b"\x12\x03abc" + b"\x1d" + struct.pack("<f", 2.5)
    assert list(canonical._fields(message)) == [(1, 150), (2, b"abc"), (3, struct.pack("<f", 2.5))]
    with pytest.raises(ValueError, match="wire type 1"):
        list(canonical._fields(b"\x09" + bytes(8)))


def test_nearest_triangle_is_seen_with_its_barycentric_coordinates():
    far = [[0, 0, 0], [8, 0, 0], [0, 8, 0]]
    near = [[0, 0, 1], [4, 0, 3], [0, 4, 5]]
    raster = painting.rasterize(np.array(far + near, float), np.array([[0, 1, 2], [3, 4, 5]]), 9)
    assert raster.triangles[1, 1] == 1
    np.testing.assert_allclose(raster.barycentric[1, 1], [0.5, 0.25, 0.25], atol=1e-6)
    assert raster.depth[1, 1] == pytest.approx(0.5 * 1 + 0.25 * 3 + 0.25 * 5)
    assert raster.triangles[1, 6] == 0
    assert raster.triangles[7, 7] == -1


def test_comparison_sees_other_arrays(tmp_path):
    with np.load(assets.path("canonical.npz")) as data:
        arrays = dict(data)
    np.savez_compressed(tmp_path / "same.npz", **arrays)
    assert compare(assets.path("canonical.npz"), tmp_path / "same.npz") == (True, "equal arrays")
    arrays["v"] = arrays["v"] + 1e-6
    np.savez(tmp_path / "other.npz", **arrays)
    assert compare(assets.path("canonical.npz"), tmp_path / "other.npz") == (False, "arrays differ: ['v']")
