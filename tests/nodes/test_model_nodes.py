import pytest

from gagavatar_nodes.errors import WeightsError
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


def test_missing_weights_name_path_address_and_licence(run, models):
    with pytest.raises(WeightsError) as error:
        run("LoadAvatarModel", model="gagavatar")
    message = str(error.value)
    assert str(models / "GAGAvatar.pt") in message
    assert "https://huggingface.co/xg-chu/GAGAvatar" in message
    assert "MIT" in message


def test_the_published_tracker_names_its_missing_files(run, models):
    assert run("LoadHeadTracker")[0].name == "landmarks"
    with pytest.raises(WeightsError, match=r"FLAME_with_eye\.pt is missing.*flame\.is\.tue\.mpg\.de"):
        run("LoadHeadTracker", tracker="emica")


def test_checkpoints_are_listed_without_the_files_of_other_models(models):
    for name in ("GAGAvatar.pt", "mine.safetensors", "FLAME_with_eye.pt", "track_resources.tar", "notes.txt"):
        (models / name).write_bytes(b"x")
    listed = NODE_CLASS_MAPPINGS["GAGAvatarLoadAvatarModel"].INPUT_TYPES()["required"]["checkpoint"][0]
    assert listed == ["auto", "GAGAvatar.pt", "mine.safetensors"]
