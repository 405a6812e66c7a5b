import gzip
import itertools
import json
import shutil
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from gagavatar_nodes.errors import MediaError
from gagavatar_nodes.export.exporters import export_gaussians
from gagavatar_nodes.export.glb import write_glb
from gagavatar_nodes.export.ply import write_ply
from gagavatar_nodes.export.rig_file import unpack_rig
from gagavatar_nodes.export.splat import write_splat
from gagavatar_nodes.export.spz import write_spz
from gagavatar_nodes.types import Gaussians

UPPER = np.triu_indices(3)
FLIP = np.diag([1.0, -1.0, -1.0])
C0 = 0.5 / np.sqrt(np.pi)


@pytest.fixture
def scene():
    """50 random Gaussians, and their covariance matrices [50, 3, 3]."""
    rng = np.random.default_rng(0)
    rotations = Rotation.random(50, random_state=1).as_matrix()
    scales = rng.uniform(0.005, 0.05, (50, 3))
    matrices = np.einsum("nij,nj,nkj->nik", rotations, scales**2, rotations)
    gaussians = Gaussians(
        means=rng.normal(size=(50, 3)).astype(np.float32),
        covariances=matrices[:, UPPER[0], UPPER[1]].astype(np.float32),
        opacities=rng.uniform(0.05, 0.98, 50).astype(np.float32),
        features=rng.uniform(0, 1, (50, 32)).astype(np.float32),
    )
    return gaussians, matrices


def read_spz_3(path):
    """The five streams of a version that is one gzip, after its header of 16 bytes."""
    data = gzip.decompress(path.read_bytes())
    magic, version, count = struct.unpack_from("<III", data)
    assert (magic, version) == (0x5053474E, 3)
    ends = np.cumsum([16, 9 * count, count, 3 * count, 3 * count, 4 * count])
    assert ends[-1] == len(data)
    return [data[a:b] for a, b in itertools.pairwise(ends)]


def read_spz_4(path):
    """The streams, and the payloads of the records by their type."""
    import zstandard

    data = path.read_bytes()
    magic, version, count, degree, _, flags, number, table = struct.unpack_from("<IIIBBBBI", data)
    assert (magic, version, degree) == (0x5053474E, 4, 0)
    assert data[20:32] == bytes(12)
    records, at = {}, 32
    while flags & 2 and at < table:
        kind, length = struct.unpack_from("<II", data, at)
        records[kind] = data[at + 8 : at + 8 + length]
        at += 8 + length
    assert at == table
    streams, at = [], table + 16 * number
    for k in range(number):
        small, plain = struct.unpack_from("<QQ", data, table + 16 * k)
        streams.append(zstandard.ZstdDecompressor().decompress(data[at : at + small]))
        assert len(streams[-1]) == plain
        at += small
    assert at == len(data)
    assert len(streams[1]) == count
    return streams, records


def smallest_three(codes):
    """[N, 4] w, x, y, z of rotations of which the largest component is left out."""
    xyzw = np.zeros((len(codes), 4))
    for row, code in enumerate(codes.tolist()):
        largest = code >> 30
        for axis in [k for k in (3, 2, 1, 0) if k != largest]:
            size = (code & 511) / 511 / np.sqrt(2)
            xyzw[row, axis] = -size if code & 512 else size
            code >>= 10
        xyzw[row, largest] = np.sqrt(max(0, 1 - (xyzw[row] ** 2).sum()))
    return xyzw[:, [3, 0, 1, 2]]


def covariances(scales, quaternions_wxyz):
    R = Rotation.from_quat(np.asarray(quaternions_wxyz, float)[:, [1, 2, 3, 0]]).as_matrix()
    return np.einsum("nij,nj,nkj->nik", R, np.asarray(scales, float) ** 2, R)


def read_ply(path):
    """An independent reader: field name -> [N], by struct."""
    data = path.read_bytes()
    header, body = data.split(b"end_header\n", 1)
    lines = header.decode("ascii").splitlines()
    assert lines[:2] == ["ply", "format binary_little_endian 1.0"]
    count = next(int(line.split()[2]) for line in lines if line.startswith("element vertex"))
    names = [line.split()[2] for line in lines if line.startswith("property float ")]
    assert len(body) == count * 4 * len(names)
    rows = np.array(list(struct.iter_unpack(f"<{len(names)}f", body)))
    return dict(zip(names, rows.T, strict=True))


def columns(fields, prefix, count):
    return np.stack([fields[f"{prefix}{i}"] for i in range(count)], 1)


def test_ply_reads_back_as_the_same_gaussians_turned_y_down(tmp_path, scene):
    gaussians, matrices = scene
    assert write_ply(gaussians, tmp_path / "a.ply") == 50
    fields = read_ply(tmp_path / "a.ply")
    assert list(fields)[:6] == ["x", "y", "z", "nx", "ny", "nz"]
    means = np.stack([fields[n] for n in "xyz"], 1)
    np.testing.assert_allclose(means, gaussians.means @ FLIP, atol=1e-6)
    read = covariances(np.exp(columns(fields, "scale_", 3)), columns(fields, "rot_", 4))
    np.testing.assert_allclose(read, FLIP @ matrices @ FLIP, atol=2e-8)
    np.testing.assert_allclose(1 / (1 + np.exp(-fields["opacity"])), gaussians.opacities, atol=1e-6)
    np.testing.assert_allclose(0.5 + C0 * columns(fields, "f_dc_", 3), gaussians.features[:, :3], atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(columns(fields, "rot_", 4), axis=1), 1, atol=1e-5)


def test_splat_reads_back_with_the_largest_first(tmp_path, scene):
    gaussians, matrices = scene
    assert write_splat(gaussians, tmp_path / "a.splat") == 50
    rows = list(struct.iter_unpack("<6f8B", (tmp_path / "a.splat").read_bytes()))
    values = np.array(rows)
    assert values.shape == (50, 14)
    weight = values[:, 3:6].prod(1) * values[:, 9]
    assert (weight[:-1] * 1.02 >= weight[1:]).all()
    turned = gaussians.means @ FLIP
    order = [int(np.abs(turned - mean).sum(1).argmin()) for mean in values[:, :3]]
    assert sorted(order) == list(range(50))
    np.testing.assert_allclose(values[:, :3], turned[order], atol=1e-6)
    np.testing.assert_allclose(values[:, 6:9] / 255, gaussians.features[order, :3], atol=0.5 / 255 + 1e-6)
    np.testing.assert_allclose(values[:, 9] / 255, gaussians.opacities[order], atol=0.5 / 255 + 1e-6)
    read = covariances(values[:, 3:6], (values[:, 10:14] - 128) / 128)
    truth = FLIP @ matrices[order] @ FLIP
    assert np.abs(read - truth).max() < 0.02 * np.abs(truth).max()


def test_spz_reads_back(tmp_path, scene):
    gaussians, matrices = scene
    assert write_spz(gaussians, tmp_path / "a.spz") == 50
    data = gzip.decompress((tmp_path / "a.spz").read_bytes())
    assert struct.unpack_from("<4sIIBBBB", data) == (b"NGSP", 2, 50, 0, 12, 0, 0)
    assert len(data) == 16 + 50 * (9 + 1 + 3 + 3 + 3)
    at = 16
    means = [int.from_bytes(data[at + 3 * i : at + 3 * i + 3], "little", signed=True) / 4096 for i in range(150)]
    np.testing.assert_allclose(np.reshape(means, (50, 3)), gaussians.means, atol=0.5 / 4096 + 1e-6)
    rest = np.frombuffer(data, np.uint8, offset=at + 450).astype(float)
    np.testing.assert_allclose(rest[:50] / 255, gaussians.opacities, atol=0.5 / 255 + 1e-6)
    colors = 0.5 + C0 * (rest[50:200].reshape(50, 3) / 255 - 0.5) / 0.15
    np.testing.assert_allclose(colors, gaussians.features[:, :3], atol=0.5 / 255 / 0.15 * C0 + 1e-6)
    scales = np.exp(rest[200:350].reshape(50, 3) / 16 - 10)
    vectors = rest[350:500].reshape(50, 3) / 127.5 - 1
    w = np.sqrt(np.maximum(0, 1 - (vectors**2).sum(1)))
    read = covariances(scales, np.column_stack([w, vectors]))
    assert np.abs(read - matrices).max() < 0.08 * np.abs(matrices).max(), "8 bits of log scale are 3 percent"


@pytest.mark.parametrize("version", [3, 4])
def test_newer_spz_read_back(tmp_path, scene, version):
    gaussians, matrices = scene
    path = tmp_path / "a.spz"
    if version == 4:
        pytest.importorskip("zstandard")
    assert write_spz(gaussians, path, version) == 50
    streams, records = read_spz_4(path) if version == 4 else (read_spz_3(path), {})
    assert records == {}
    fixed = np.frombuffer(streams[0], np.uint8).reshape(50, 3, 3)
    means = np.concatenate([fixed, np.where(fixed[..., 2:] > 127, 255, 0)], axis=2).astype(np.uint8).view("<i4")[..., 0]
    np.testing.assert_allclose(means / 4096, gaussians.means, atol=0.6 / 4096)
    scales = np.exp(np.frombuffer(streams[3], np.uint8).reshape(50, 3) / 16 - 10)
    read = covariances(scales, smallest_three(np.frombuffer(streams[4], "<u4")))
    assert np.abs(read - matrices).max() < 0.08 * np.abs(matrices).max()


def test_spz_4_carries_a_rig_that_others_skip(tmp_path, avatar):
    pytest.importorskip("zstandard")
    path, rig = tmp_path / "a.spz", avatar.rig()
    count = write_spz(avatar.rest(), path, 4, rig)
    streams, records = read_spz_4(path)
    assert len(streams[1]) == count
    assert list(records) == [0x47410001]
    read = unpack_rig(gzip.decompress(records[0x47410001]))
    assert len(read) == len(rig)
    assert np.abs(read.points - rig.points).max() < 1e-3


def test_a_rig_needs_version_4(tmp_path, avatar):
    with pytest.raises(ValueError, match="version 3"):
        write_spz(avatar.rest(), tmp_path / "a.spz", 3, avatar.rig())
    with pytest.raises(ValueError, match=r"version 5 .* expected one of \(2, 3, 4\)"):
        write_spz(avatar.rest(), tmp_path / "a.spz", 5)


def test_glb_reads_back(tmp_path, scene):
    gaussians, matrices = scene
    assert write_glb(gaussians, tmp_path / "a.glb") == 50
    data = (tmp_path / "a.glb").read_bytes()
    magic, version, length, json_length, _ = struct.unpack_from("<4sIIII", data)
    assert (magic, version, length) == (b"glTF", 2, len(data))
    document, start = json.loads(data[20 : 20 + json_length]), 28 + json_length
    primitive = document["meshes"][0]["primitives"][0]
    assert primitive["extensions"] == {
        "KHR_gaussian_splatting": {"kernel": "ellipse", "colorSpace": "srgb_rec709_display"}
    }
    assert document["extensionsUsed"] == ["KHR_gaussian_splatting"]

    def values(name):
        accessor = document["accessors"][primitive["attributes"][name]]
        view = document["bufferViews"][accessor["bufferView"]]
        width = {"SCALAR": 1, "VEC3": 3, "VEC4": 4}[accessor["type"]]
        assert view["byteLength"] == 4 * width * accessor["count"]
        return np.frombuffer(data, "<f4", width * 50, start + view["byteOffset"]).reshape(50, width)

    np.testing.assert_allclose(values("POSITION"), gaussians.means, atol=1e-6)
    np.testing.assert_allclose(values("KHR_gaussian_splatting:OPACITY")[:, 0], gaussians.opacities, atol=1e-6)
    colors = 0.5 + C0 * values("KHR_gaussian_splatting:SH_DEGREE_0_COEF_0")
    np.testing.assert_allclose(colors, gaussians.features[:, :3], atol=1e-5)
    linear = np.where(colors <= 0.04045, colors / 12.92, ((colors + 0.055) / 1.055) ** 2.4)
    np.testing.assert_allclose(values("COLOR_0")[:, :3], linear, atol=1e-4)
    rotations = values("KHR_gaussian_splatting:ROTATION")[:, [3, 0, 1, 2]]
    read = covariances(values("KHR_gaussian_splatting:SCALE"), rotations)
    assert np.abs(read - matrices).max() < 1e-4 * np.abs(matrices).max()
    low = document["accessors"][primitive["attributes"]["POSITION"]]["min"]
    np.testing.assert_allclose(low, gaussians.means.min(0), atol=1e-6)


def test_the_validator_of_gltf_finds_no_fault(tmp_path, scene):
    """But for what it does not know: the extension, whose names of attributes it takes for wrong ones."""
    viewer = Path(__file__).parents[2] / "web_viewer"
    if shutil.which("node") is None or not (viewer / "node_modules" / "gltf-validator").is_dir():
        pytest.skip("there is no glTF validator: tools/build_web_viewer.py installs it")
    write_glb(scene[0], tmp_path / "a.glb")
    script = (
        "require('gltf-validator').validateBytes(new Uint8Array(require('fs').readFileSync(process.argv[1])))"
        ".then(report => console.log(JSON.stringify(report)))"
    )
    done = subprocess.run(
        ["node", "-e", script, str(tmp_path / "a.glb")], cwd=viewer, capture_output=True, text=True, check=True
    )
    report = json.loads(done.stdout)
    assert report["info"]["totalVertexCount"] == 50
    faults = {(m["code"], m["pointer"].rpartition("/")[2].partition(":")[0]) for m in report["issues"]["messages"]}
    assert faults <= {
        ("UNSUPPORTED_EXTENSION", "0"),
        ("MESH_PRIMITIVE_INVALID_ATTRIBUTE", "KHR_gaussian_splatting"),
    }


def test_upright_head_stays_upright_for_viewers_with_y_down(tmp_path):
    top, chin, nose = [0, 1, 0], [0, -1, 0], [0, 0, 1]
    gaussians = Gaussians(
        np.float32([top, chin, nose]),
        np.tile(np.float32([1e-4, 0, 0, 1e-4, 0, 1e-4]), (3, 1)),
        np.full(3, 0.5, np.float32),
        np.zeros((3, 3), np.float32),
    )
    write_ply(gaussians, tmp_path / "a.ply")
    fields = read_ply(tmp_path / "a.ply")
    assert fields["y"][0] < fields["y"][1]
    assert fields["z"][2] < 0, "the face looks to the camera, which stands on the negative z axis"


def test_invisible_and_broken_gaussians_are_left_out(tmp_path, scene):
    gaussians, _ = scene
    opacities = gaussians.opacities.copy()
    opacities[:10] = 0
    means = gaussians.means.copy()
    means[10] = np.nan
    cleaned = Gaussians(means, gaussians.covariances, opacities, gaussians.features)
    assert write_ply(cleaned, tmp_path / "a.ply") == 39
    assert all(np.isfinite(values).all() for values in read_ply(tmp_path / "a.ply").values())


def test_flat_opaque_and_point_gaussians_stay_finite(tmp_path):
    flat = np.float32([[1e-4, 0, 0, 1e-4, 0, 0], [0, 0, 0, 0, 0, 0]])
    gaussians = Gaussians(np.zeros((2, 3), np.float32), flat, np.ones(2, np.float32), np.ones((2, 3), np.float32))
    assert write_ply(gaussians, tmp_path / "a.ply") == 2
    assert all(np.isfinite(values).all() for values in read_ply(tmp_path / "a.ply").values())


@pytest.mark.parametrize("name", ["a.ply", "a.splat", "a.spz", "a.glb"])
def test_nothing_to_export_is_an_error_and_leaves_no_file(tmp_path, name):
    empty = Gaussians(*(np.zeros(shape, np.float32) for shape in [(0, 3), (0, 6), (0,), (0, 3)]))
    with pytest.raises(ValueError, match="nothing to export"):
        export_gaussians(empty, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_format_is_chosen_by_extension(tmp_path, scene):
    for name in ("a.PLY", "a.splat", "a.spz", "a.glb"):
        assert export_gaussians(scene[0], tmp_path / name) == 50
    assert (tmp_path / "a.PLY").read_bytes()[:3] == b"ply"
    with pytest.raises(MediaError, match=r"a\.obj has no splat extension.*\.ply, \.splat, \.spz"):
        export_gaussians(scene[0], tmp_path / "a.obj")


def test_torch_gaussians_are_taken(tmp_path, scene):
    import torch

    gaussians, _ = scene
    tensors = Gaussians(*(torch.tensor(getattr(gaussians, name)) for name in gaussians.__dataclass_fields__))
    write_ply(gaussians, tmp_path / "a.ply")
    write_ply(tensors, tmp_path / "b.ply")
    assert (tmp_path / "a.ply").read_bytes() == (tmp_path / "b.ply").read_bytes()
