import pickle

import numpy as np
import pytest
import torch
from scipy import sparse

from gagavatar_nodes.errors import FileFormatError
from gagavatar_nodes.heads.flame import Flame, edition_of
from gagavatar_nodes.heads.flame_files import import_flame, load_flame
from parity_recipe import synthetic_flame


@pytest.fixture(scope="module")
def asset():
    return synthetic_flame(0)


@pytest.fixture
def published(asset, tmp_path):
    path = tmp_path / "FLAME_with_eye.pt"
    torch.save(asset, path)
    return path


def official_pickle(asset, path, **extra):
    """The layout of the official files: float64, a sparse joint regressor, unsigned tree, no landmarks."""
    model = {k: v.numpy() for k, v in asset["flame_model"].items()}
    tree = model["kintree_table"].astype(np.int64) % 2**32
    data = {
        **{k: v.astype(np.float64) for k, v in model.items()},
        "f": model["f"].astype(np.uint32),
        "J_regressor": sparse.csc_matrix(model["J_regressor"].astype(np.float64)),
        "kintree_table": tree.astype(np.uint32),
        "bs_style": "lbs",
        **extra,
    }
    path.write_bytes(pickle.dumps(data, 2))
    return path


def posed(asset):
    rng = np.random.default_rng(0)
    codes = [torch.from_numpy(rng.standard_normal((2, n))).float() for n in (300, 100)]
    return Flame(asset)(*codes, jaw=0.3 * torch.ones(2, 3))


def test_the_published_file_is_read_as_edition_2020(asset, published):
    loaded = load_flame(published)
    assert edition_of(loaded) == "2020"
    torch.testing.assert_close(loaded["flame_model"]["shapedirs"], asset["flame_model"]["shapedirs"])


@pytest.mark.parametrize(
    ("name", "extra", "edition"),
    [
        ("generic_model.pkl", {}, "2020"),
        ("flame2023.pkl", {}, "2023"),
        ("renamed.pkl", {"supr_expression_metadata": {"n": 100}}, "2023 Open"),
    ],
)
def test_an_official_pickle_is_imported_with_its_edition(asset, tmp_path, name, extra, edition):
    out = import_flame(official_pickle(asset, tmp_path / name, **extra), tmp_path / "flame.safetensors")
    imported = load_flame(out)
    assert edition_of(imported) == edition
    torch.testing.assert_close(posed(imported), posed(asset), rtol=0, atol=1e-6)
    assert not Flame(imported).has_landmarks
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([name, "flame.safetensors"])


def test_the_landmarks_of_the_published_file_go_along(asset, published, tmp_path):
    official = official_pickle(asset, tmp_path / "flame2023.pkl")
    imported = load_flame(import_flame(official, tmp_path / "flame.safetensors", landmarks=published))
    vertices = posed(asset)
    torch.testing.assert_close(Flame(imported).landmarks(vertices), Flame(asset).landmarks(vertices))


def test_the_landmarks_of_an_npy_file_go_along(asset, tmp_path):
    embedding = {k.removesuffix("_with_eye"): v.numpy() for k, v in asset["lmk_embeddings"].items()}
    np.save(tmp_path / "landmark_embedding_with_eyes.npy", embedding, allow_pickle=True)
    official = official_pickle(asset, tmp_path / "flame2023.pkl")
    npy = tmp_path / "landmark_embedding_with_eyes.npy"
    imported = load_flame(import_flame(official, tmp_path / "flame.safetensors", landmarks=npy))
    vertices = posed(asset)
    torch.testing.assert_close(Flame(imported).landmarks(vertices), Flame(asset).landmarks(vertices))


def test_an_unknown_edition_must_be_named(asset, tmp_path):
    official = official_pickle(asset, tmp_path / "head.pkl")
    with pytest.raises(FileFormatError, match=r"head\.pkl.*edition"):
        import_flame(official, tmp_path / "out.safetensors")
    assert not (tmp_path / "out.safetensors").exists()
    named = import_flame(official, tmp_path / "out.safetensors", edition="2023")
    assert edition_of(load_flame(named)) == "2023"


def test_wrong_files_are_named_with_what_is_wrong(asset, tmp_path):
    model = dict(asset["flame_model"])
    cases = {
        "no_weights": ({k: v for k, v in model.items() if k != "weights"}, r"flame_model\.weights is missing"),
        "smpl": ({**model, "v_template": torch.zeros(6890, 3)}, r"v_template has shape \(6890, 3\)"),
        "index": ({**model, "f": model["f"] + 5000}, r"flame_model\.f points outside"),
    }
    for name, (wrong, message) in cases.items():
        torch.save({"flame_model": wrong, "lmk_embeddings": None}, tmp_path / f"{name}.pt")
        with pytest.raises(FileFormatError, match=message):
            load_flame(tmp_path / f"{name}.pt")


def test_missing_damaged_and_foreign_files_are_named(tmp_path):
    (tmp_path / "damaged.pt").write_bytes(b"PK\x03\x04 nothing")
    (tmp_path / "damaged.safetensors").write_bytes(b"\x10")
    torch.save([1, 2], tmp_path / "list.pt")
    (tmp_path / "other.pkl").write_bytes(pickle.dumps({"v_template": np.zeros(3)}))
    for name in ("damaged.pt", "damaged.safetensors", "list.pt", "other.pkl", "missing.pt"):
        with pytest.raises(FileFormatError, match=name.replace(".", r"\.")):
            load_flame(tmp_path / name)
