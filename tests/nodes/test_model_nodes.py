import pytest

from gagavatar_nodes.errors import FileFormatError, WeightsError
from gagavatar_nodes.nodes import NODE_CLASS_MAPPINGS, host


@pytest.fixture
def models(folders, monkeypatch):
    """An empty models/gagavatar of ComfyUI, and no weights anywhere else."""
    place = folders / "models" / "gagavatar"
    place.mkdir(parents=True)
    monkeypatch.setattr(host, "models_folders", lambda: [place])
    monkeypatch.setenv("GAGAVATAR_WEIGHTS", str(folders / "nothing"))
    monkeypatch.setenv("HF_HUB_CACHE", str(folders / "nothing"))
    return place


def test_auto_takes_the_embedded_model_where_nothing_is_downloaded(run, models):
    model, info = run("LoadAvatarModel")
    assert model.name == "embedded"
    assert info.startswith("embedded: ")


@pytest.mark.parametrize(
    ("there", "missing", "license"),
    [("FLAME.safetensors", "GAGAvatar.pt", "MIT"), ("GAGAvatar.pt", "FLAME_with_eye.pt", "flame.is.tue.mpg.de")],
)
def test_missing_weights_name_path_address_and_license(run, models, there, missing, license):
    (models / there).write_bytes(b"x")
    with pytest.raises(WeightsError) as error:
        run("LoadAvatarModel", model="gagavatar")
    message = str(error.value)
    assert str(models / missing) in message
    assert f"https://huggingface.co/xg-chu/GAGAvatar/blob/main/assets/{missing}" in message
    assert license in message


def test_a_checkpoint_that_is_gone_is_named(run, models):
    with pytest.raises(WeightsError, match=r"mine\.pt is not in"):
        run("LoadAvatarModel", model="gagavatar", checkpoint="mine.pt")


def test_a_wrong_checkpoint_says_what_it_lacks(run, models, portrait):
    import torch

    from parity_recipe import synthetic_flame

    torch.save({"model": {"other": torch.zeros(1)}}, models / "GAGAvatar.pt")
    torch.save(synthetic_flame(0), models / "FLAME_with_eye.pt")
    model, _ = run("LoadAvatarModel", model="gagavatar")
    with pytest.raises(FileFormatError, match=r"GAGAvatar\.pt is not a GAGAvatar checkpoint: tensors missing"):
        run("LiftPortrait", portrait=portrait, model=model)


def test_the_published_tracker_names_its_missing_files(run, models):
    assert run("LoadHeadTracker")[0].name == "embedded"
    with pytest.raises(WeightsError, match=r"FLAME_with_eye\.pt is missing.*flame\.is\.tue\.mpg\.de"):
        run("LoadHeadTracker", tracker="emica")


def test_checkpoints_are_listed_without_the_files_of_other_models(models):
    others = ("FLAME_with_eye.pt", "track_resources.tar", "notes.txt", "ARTalk_wav2vec.pt", "natural_0.pt")
    for name in ("GAGAvatar.pt", "mine.safetensors", *others):
        (models / name).write_bytes(b"x")
    listed = NODE_CLASS_MAPPINGS["GAGAvatarLoadAvatarModel"].INPUT_TYPES()["required"]["checkpoint"][0]
    assert listed == ["auto", "GAGAvatar.pt", "mine.safetensors"]
