"""The published layout: equal to what the published loaders yield, quirks included; and what is wrong with a folder."""

from __future__ import annotations

import json
import pickle
import random
import shutil
from multiprocessing import get_all_start_methods

import numpy as np
import pytest
import torch

from gagavatar_nodes.errors import FileFormatError, GagavatarError
from gagavatar_nodes.heads.flame import Flame
from gagavatar_nodes.lifting.gagavatar.config import TINY
from gagavatar_nodes.lifting.gagavatar.geometry import lifting_plane
from gagavatar_nodes.training.batch import collate
from gagavatar_nodes.training.data import FramePairs, open_dataset, open_frames
from gagavatar_nodes.training.data.pairs import Pairing
from gagavatar_nodes.training.data.published import PublishedFrames
from parity_recipe import DATA, relative_error, synthetic_flame
from published_data import KEYS, write_data_set

lmdb = pytest.importorskip("lmdb")

CASES = {
    "train": ("train", "no"), "val": ("val", "no"), "test": ("test", "no"), "test_cross": ("test", "published"),
    "train_cross": ("train", "published"),
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("published")
    write_data_set(path)
    return path


@pytest.fixture(scope="module")
def flame():
    return Flame(synthetic_flame(0))


@pytest.fixture(scope="module")
def truth():
    with np.load(DATA / "dataset0.npz") as file:
        return dict(file)


@pytest.fixture
def spoiled(folder, tmp_path):
    """A copy of the data set that a test may damage."""
    shutil.copytree(folder, tmp_path / "copy")
    return tmp_path / "copy"


@pytest.mark.parametrize("case", CASES)
def test_targets_and_sources_are_the_published_ones(folder, truth, case):
    pairing = Pairing(open_frames(folder), *CASES[case])
    draw = random.Random(int(truth["seed"]))
    pairs = [[pairing.source(index, draw), target] for index, target in enumerate(pairing.targets)]
    assert pairing.targets == truth[f"{case}:frames"].tolist()
    assert pairs == truth[f"{case}:pairs"].tolist()


def test_every_other_frame_is_drawn_equally_often(folder, flame, truth):
    pairing = FramePairs(open_frames(folder), "train", flame).pairing
    index = pairing.targets.index(str(truth["draws:target"]))
    drawn = [pairing.source(index, random.Random(f"0 {draw} {index}")) for draw in range(3000)]
    names, counts = np.unique(drawn, return_counts=True)
    assert names.tolist() == truth["draws:sources"].tolist()
    assert abs(counts - 1000).max() < 150  # six standard deviations


@pytest.mark.parametrize("case", CASES)
def test_tensors_are_the_published_ones(folder, flame, truth, case):
    pairs = FramePairs(open_frames(folder), CASES[case][0], flame, cross=CASES[case][1])
    kept = [name.removesuffix(":t_key") for name in truth if name.endswith(":t_key")]
    kept = [name for name in kept if name.rstrip("0123456789") == case]
    assert kept
    for sample in kept:
        want = {name.partition(":")[2]: value for name, value in truth.items() if name.startswith(f"{sample}:")}
        got = pairs.pair(str(want["f_key"]), str(want["t_key"]))
        plane, direction = lifting_plane(got.source_camera[0], 296)
        assert got.source_image.shape[1:] == tuple(want["f_image:shape"])
        # JPEG decoders may differ by a gray level or two.
        assert abs(got.source_image[0, :, 3::32, 3::32] - torch.from_numpy(want["f_image"])).max() < 2.5 / 255
        assert abs(got.target_image[0, :, 4::32, 4::32] - torch.from_numpy(want["t_image"])).max() < 2.5 / 255
        assert relative_error(got.source_image[0, :, 3::32, 3::32], want["f_image"]) < 2e-3
        assert relative_error(got.target_image.mean(), want["t_image:mean_rms"][0]) < 1e-4
        assert relative_error(plane[::997], want["plane_points"]) < 1e-5
        assert relative_error(direction, want["plane_dirs"]) < 1e-6
        assert relative_error(got.target_points[0, ::7], want["t_points"]) < 1e-5
        np.testing.assert_array_equal(got.target_camera[0], want["t_transform"])
        np.testing.assert_array_equal(got.target_box[0], want["t_bbox"])


def test_reenactment_poses_the_shape_of_the_source(folder, flame):
    frames = open_frames(folder)
    published = FramePairs(frames, "test", flame, TINY, cross="published")[0]
    meant = FramePairs(frames, "test", flame, TINY, cross="reenactment")[0]
    source, target = (frames.codes(keys[0]) for keys in (meant.source_keys, meant.target_keys))
    parts = (torch.from_numpy(code)[None] for code in (source.shape, target.expression, target.jaw, target.eyes))
    torch.testing.assert_close(meant.target_points, flame(*parts))
    assert (published.target_points - meant.target_points).abs().max() > 1e-3


def test_a_draw_decides_the_source_and_nothing_else(folder, flame):
    pairs = open_dataset(folder, "train", flame, TINY, seed=7)
    again = open_dataset(folder, "train", flame, TINY, seed=7)
    random.seed(1)
    sources = [pairs[2, draw].source_keys[0] for draw in range(20)]
    random.seed(2)
    assert [again[2, draw].source_keys[0] for draw in range(20)] == sources
    assert len(set(sources)) == 3


@pytest.mark.parametrize("start", [name for name in ("fork", "spawn") if name in get_all_start_methods()])
def test_workers_of_a_loader_read_the_same(folder, flame, start):
    pairs = open_dataset(folder, "train", flame, TINY)
    wanted = [(index, 5) for index in range(len(pairs))]
    loader = torch.utils.data.DataLoader(
        pairs, batch_size=4, sampler=wanted, num_workers=2, collate_fn=collate, multiprocessing_context=start
    )
    for begin, batch in zip(range(0, 8, 4), loader, strict=True):
        alone = collate([pairs[index] for index in wanted[begin : begin + 4]])
        assert batch.source_keys == alone.source_keys
        assert batch.source_image.shape == (4, 3, TINY.image_size, TINY.image_size)
        torch.testing.assert_close(batch.target_image, alone.target_image, rtol=0, atol=0)
        torch.testing.assert_close(batch.target_points, alone.target_points)


def test_videos_with_an_underscore_in_their_names_are_kept_apart(spoiled):
    rename_keys(spoiled, {key: key.replace("000012", "talk_a").replace("img_000305", "talk_b") for key in KEYS})
    assert {PublishedFrames(spoiled).video_of(key) for key in ("talk_a_3", "talk_b_5")} == {"talk_a", "talk_b"}
    published = PublishedFrames(spoiled, published_videos=True)
    assert {published.video_of(key) for key in ("talk_a_3", "talk_b_5")} == {"talk"}
    assert PublishedFrames(spoiled).video_of("img_000305_5") == published.video_of("img_000305_5") == "000305"


def test_a_saved_tensor_serves_as_a_picture(spoiled, folder):
    import io

    picture = open_frames(folder).picture(KEYS[5])
    stream = io.BytesIO()
    torch.save(torch.from_numpy(picture).permute(2, 0, 1).float(), stream)
    put(spoiled, KEYS[5], stream.getvalue())
    np.testing.assert_allclose(open_frames(spoiled).picture(KEYS[5]), picture / np.float32(255), atol=1e-6)


def test_a_listed_frame_without_a_picture_is_named(spoiled):
    put(spoiled, KEYS[2], None)
    with pytest.raises(FileFormatError, match=r"img_lmdb has no picture of frame 000012_7.*under train \(1 such"):
        open_frames(spoiled)


def test_a_listed_frame_without_tracking_is_named(spoiled):
    records = pickle.loads((spoiled / "optim.pkl").read_bytes())
    del records[KEYS[4]]
    (spoiled / "optim.pkl").write_bytes(pickle.dumps(records))
    with pytest.raises(FileFormatError, match=r"optim.pkl has no tracking of frame img_000305_2"):
        open_frames(spoiled)


def test_codes_of_another_size_are_named(spoiled):
    records = pickle.loads((spoiled / "optim.pkl").read_bytes())
    records[KEYS[1]]["expcode"] = np.zeros(50, np.float32)
    (spoiled / "optim.pkl").write_bytes(pickle.dumps(records))
    with pytest.raises(FileFormatError, match=r"frame 000012_3: expcode is not 100 finite numbers"):
        open_frames(spoiled)


def test_frames_of_another_size_are_named(spoiled, flame):
    import io

    from PIL import Image

    stream = io.BytesIO()
    Image.new("RGB", (512, 480)).save(stream, "PNG")
    put(spoiled, KEYS[5], stream.getvalue())
    pairs = open_dataset(spoiled, "train", flame, TINY)
    with pytest.raises(FileFormatError, match=r"frame img_000305_5 has 512x480 pixels, but others 512x512"):
        pairs.pair(KEYS[0], KEYS[5])


def test_a_value_that_is_no_picture_is_named(spoiled, flame):
    put(spoiled, KEYS[5], b"nothing")
    with pytest.raises(FileFormatError, match=r"frame img_000305_5 is neither a picture nor a saved tensor"):
        open_frames(spoiled).picture(KEYS[5])


def test_another_edition_of_flame_is_refused(folder):
    with pytest.raises(GagavatarError, match="edition 2020 cannot be used with edition 2023"):
        open_dataset(folder, "train", Flame({**synthetic_flame(0), "edition": "2023"}))


@pytest.mark.parametrize(
    ("splits", "said"),
    [
        ({"train": KEYS[:1]}, "a single frame of video 000012"),
        ({"train": []}, "lists no frames"),
        ({"train": ["portrait"]}, "'portrait', which is no key"),
        ({"val": KEYS[:4]}, "'train' has no pair of frames"),
    ],
)
def test_lists_that_give_no_pairs_say_why(spoiled, flame, splits, said):
    (spoiled / "dataset.json").write_text(json.dumps(splits))
    with pytest.raises(GagavatarError, match=said):
        open_dataset(spoiled, "train", flame)


def test_a_folder_that_is_no_data_set_is_refused(tmp_path):
    with pytest.raises(GagavatarError, match=r"dataset\.json"):
        open_frames(tmp_path)
    (tmp_path / "img_lmdb").mkdir()
    (tmp_path / "dataset.json").write_text('{"train": ["a_1", "a_2"]}')
    with pytest.raises(GagavatarError, match=r"img_lmdb is no LMDB"):
        open_frames(tmp_path)


def put(folder, key: str, value: bytes | None) -> None:
    """Replace a picture, or delete it."""
    with lmdb.open(str(folder / "img_lmdb"), map_size=1 << 26) as environment, environment.begin(write=True) as writer:
        writer.delete(key.encode()) if value is None else writer.put(key.encode(), value)


def rename_keys(folder, names: dict[str, str]) -> None:
    records = pickle.loads((folder / "optim.pkl").read_bytes())
    (folder / "optim.pkl").write_bytes(pickle.dumps({names[key]: record for key, record in records.items()}))
    splits = json.loads((folder / "dataset.json").read_text())
    (folder / "dataset.json").write_text(json.dumps({s: [names[key] for key in keys] for s, keys in splits.items()}))
    with lmdb.open(str(folder / "img_lmdb"), map_size=1 << 26) as environment, environment.begin(write=True) as writer:
        for old, new in names.items():
            writer.put(new.encode(), writer.pop(old.encode()))
