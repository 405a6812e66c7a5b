"""ARTalk around its network: files, styles, chunks of sound, and motions that drive an avatar."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

import artalk_recipe as recipe
from gagavatar_nodes import assets, pipeline
from gagavatar_nodes.driving.motion_file import load_motion, save_motion
from gagavatar_nodes.driving.operations import combine, neutral_motion
from gagavatar_nodes.errors import FileFormatError, GagavatarError, MediaError, WeightsError
from gagavatar_nodes.heads.flame import Flame
from gagavatar_nodes.lifting.gagavatar.avatar import GagavatarPerformance
from gagavatar_nodes.lifting.gagavatar.forehead import FOREHEAD, pose_vertices
from gagavatar_nodes.lifting.gagavatar.source_pose import SourcePose
from gagavatar_nodes.speech.artalk import drive_artalk, files
from gagavatar_nodes.speech.artalk.motion import codes_of, motion_of
from gagavatar_nodes.speech.artalk.speak import chunks, speak
from gagavatar_nodes.speech.manner import Manner
from gagavatar_nodes.speech.sound import Sound
from gagavatar_nodes.speech.voices import drive
from gagavatar_nodes.weights.manifest import read_manifest
from parity_recipe import relative_error, synthetic_flame

RATE = recipe.RATE


@pytest.fixture(scope="module")
def flame() -> Flame:
    return Flame(synthetic_flame(0))


@pytest.fixture
def weights(tmp_path, monkeypatch) -> Path:
    """The only folder with weights: a FLAME file, and whatever a test adds."""
    monkeypatch.setenv("GAGAVATAR_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    torch.save(synthetic_flame(0), tmp_path / "FLAME_with_eye.pt")
    return tmp_path


class Levels:
    """In the network's place: the jaw opens as far as the chunk before was loud, the head turns with the present one's
    loudness.
    """

    pos_embed = torch.zeros(1)
    basic_vae = SimpleNamespace(motion_mean=torch.zeros(106))

    def __init__(self) -> None:
        self.asked: list[np.ndarray | None] = []

    def to(self, _device) -> Levels:
        return self

    def style(self, motion):
        self.asked.append(None if motion is None else motion.numpy())
        return torch.zeros(1)

    def silence(self):
        return torch.zeros(1)

    def step(self, samples, _style, previous):
        assert samples.shape == (64_000,)
        level = samples.abs().max()[None]
        motion = torch.zeros(100, 106)
        motion[:, 101], motion[:, 103], motion[:, 104:] = level, previous, 5
        return motion, level


def test_chunks_do_not_depend_on_the_blocks_they_come_in():
    samples = np.arange(150_000, dtype=np.float32)
    for sizes in ([150_000], [1] * 3 + [149_997], [64_000, 64_000, 22_000], [16_000] * 9 + [6_000]):
        found = list(chunks(np.split(samples, np.cumsum(sizes)[:-1])))
        assert [len(part) for part in found] == [64_000, 64_000, 22_000]
        np.testing.assert_array_equal(np.concatenate(found), samples)
    assert list(chunks([])) == list(chunks([np.zeros(0, np.float32)])) == []


@pytest.mark.parametrize(
    ("samples", "frames"), [(1, 1), (640, 1), (641, 2), (64_000, 100), (64_001, 101), (81_001, 127)]
)
def test_a_sound_has_as_many_frames_as_it_lasts(samples, frames):
    counted: list[int] = []
    motion = speak(Levels(), [np.full(samples, 0.5, np.float32)], progress=counted.append)
    assert motion.shape == (frames, 106)
    assert counted[-1] == frames
    assert motion.dtype == np.float32


def test_a_chunk_follows_the_one_before_and_the_jaw_stays_straight():
    network = Levels()
    sound = np.concatenate([np.full(64_000, level, np.float32) for level in (0.25, 0.5, 0.75)])
    motion = speak(network, np.split(sound, 12), np.ones((50, 106), np.float32))
    middles = motion[[50, 150, 250]]
    np.testing.assert_allclose(middles[:, 101], [0.25, 0.5, 0.75], atol=1e-6)
    np.testing.assert_allclose(middles[:, 103], [0, 0.25, 0.5], atol=1e-6)
    assert not motion[:, 104:].any()
    np.testing.assert_array_equal(network.asked[0], np.ones((50, 106)))


def test_an_hour_is_taken_as_it_comes():
    taken = 0

    def hour():
        nonlocal taken
        for _ in range(3600):
            taken += 1
            yield np.zeros(RATE, np.float32)

    first: list[int] = []
    motion = speak(Levels(), hour(), progress=lambda frames: first.append(taken))
    assert len(motion) == 90_000
    assert first[:3] == [4, 8, 12]  # seconds that were read when a chunk was done


def test_codes_become_a_motion_and_come_back(tmp_path):
    codes = recipe.inputs(0)["drive"]
    motion = motion_of(codes, "voice.wav")
    np.testing.assert_allclose(motion.rotation, Rotation.from_rotvec(codes[:, 100:103]).as_matrix(), atol=1e-6)
    assert not motion.translation.any()
    assert np.ptp(motion.scale) == 0
    save_motion(motion, tmp_path / "m.safetensors")
    again = load_motion(tmp_path / "m.safetensors")
    assert (again.flame.placed, again.flame.steady_forehead, again.fps) == (False, True, 25)
    assert relative_error(codes_of(again, "m"), codes) < 1e-6
    with pytest.raises(FileFormatError, match=r"has no FLAME codes.*--tracker landmarks"):
        codes_of(neutral_motion(60), "m")


@pytest.mark.parametrize("seed", [0, 1])
def test_driving_gives_the_published_vertices_and_cameras(flame, seed):
    inputs, truth = recipe.inputs(seed), recipe.truth(seed)
    np.testing.assert_array_equal(FOREHEAD, truth["forehead_indices"])
    codes = replace(motion_of(inputs["drive"]).flame, shape=inputs["shape"])
    place = SourcePose(inputs["camera"], np.eye(3), np.zeros((478, 3)), np.zeros(3))
    assert relative_error(place.with_fixed_place(codes.transform), truth["drive_transform"]) < 1e-6
    performance = GagavatarPerformance(SimpleNamespace(models=SimpleNamespace(flame=flame)), codes, None)
    points = performance.head_points(range(12)).numpy()
    assert relative_error(points[:, FOREHEAD], truth["drive_forehead"]) < 1e-6
    assert relative_error(points[[0, 1, 5, 11], ::7], truth["drive_points"]) < 1e-6
    np.testing.assert_allclose(performance.head_points([5]), points[5:6], atol=1e-6)


def test_some_vertices_of_a_head_are_those_of_the_whole(flame):
    codes = motion_of(recipe.inputs(0)["drive"]).flame
    chosen = [3500, 7, 4000]
    part = pose_vertices(flame.part(chosen), codes, slice(0, 5))
    torch.testing.assert_close(part, pose_vertices(flame, codes, slice(0, 5))[:, chosen], rtol=0, atol=1e-6)
    assert flame.template.shape == (5023, 3)


def test_the_head_of_another_motion_brings_its_place(flame):
    talking = motion_of(recipe.inputs(0)["drive"])
    elsewhere = replace(talking, flame=replace(talking.flame, placed=True, steady_forehead=False))
    mixed = combine(talking, elsewhere).flame
    assert (mixed.placed, mixed.steady_forehead) == (True, True)
    mixed = combine(elsewhere, talking).flame
    assert (mixed.placed, mixed.steady_forehead) == (False, False)


def test_the_manifest_has_the_published_styles():
    assert len(files.style_names()) == 15
    assert {"natural_0", "angry_0", "doubtful_1", "happy_2"} < set(files.style_names())
    assert files.DEFAULT_STYLE in files.style_names()
    entry = read_manifest(Path(__file__).parents[3] / "weights_manifest.json")[files.CHECKPOINT]
    assert entry.size == 1_959_150_898
    assert len(entry.sha256) == 64


def test_a_style_is_a_name_a_file_or_none(weights):
    assert files.find_style("none") is None
    path = weights / "talk.safetensors"
    save_motion(motion_of(np.tile(recipe.inputs(0)["drive"], (5, 1))), path)
    assert files.find_style(path) == path
    style = files.load_style(path)
    assert style.shape == (50, 106)
    assert relative_error(style[12:24], recipe.inputs(0)["drive"]) < 1e-6
    with pytest.raises(WeightsError, match=r"natural_0\.pt is missing.*weights download natural_0\.pt"):
        files.find_style(None)
    with pytest.raises(GagavatarError, match="no style or file 'cheerful': take none, angry_0"):
        files.find_style("cheerful")
    (weights / "happy_1.pt").write_bytes(b"")
    with pytest.raises(WeightsError, match=r"happy_1\.pt has 0 bytes"):
        files.find_style("happy_1")


def test_a_style_file_is_a_view_into_a_longer_take_and_is_copied(tmp_path):
    take = torch.randn(700, 106)
    torch.save(take[300:350], tmp_path / "style.pt")
    assert (tmp_path / "style.pt").stat().st_size > take.numel() * 4
    np.testing.assert_array_equal(files.load_style(tmp_path / "style.pt"), take[300:350].numpy())
    assert files.read_codes(tmp_path / "style.pt").flags.owndata


class Planted:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_files_that_are_no_styles_are_named_and_run_nothing(tmp_path):
    path, witness = tmp_path / "style.pt", tmp_path / "witness"
    torch.save(Planted(witness), path)
    with pytest.raises(FileFormatError, match="refused and nothing of it was run"):
        files.load_style(path)
    assert not witness.exists()
    for value in ([1, 2], torch.zeros(50, 105), torch.zeros(50, 106, dtype=torch.long)):
        torch.save(value, path)
        with pytest.raises(FileFormatError, match="no motion of 106 numbers"):
            files.load_style(path)
    torch.save(torch.full((50, 106), torch.nan), path)
    with pytest.raises(FileFormatError, match="no finite motion"):
        files.load_style(path)
    torch.save(torch.zeros(49, 106), path)
    with pytest.raises(FileFormatError, match="49 frames, but a style needs 50"):
        files.load_style(path)


def test_a_style_file_drives_as_a_motion(weights, tmp_path):
    torch.save(torch.from_numpy(np.tile(recipe.inputs(0)["drive"], (5, 1))), tmp_path / "style.pt")
    motion = pipeline.read_driver(tmp_path / "style.pt")
    assert (len(motion), motion.fps, motion.flame.edition) == (60, 25, "2020")
    assert np.ptp(motion.arkit, axis=0).max() > 0.01
    assert np.abs(motion.deltas).max() > 0.01
    assert len(pipeline.read_driver(tmp_path / "style.pt", fps=50)) == 120


def test_a_checkpoint_of_another_network_is_named(weights, monkeypatch):
    path = weights / files.CHECKPOINT
    monkeypatch.setattr(files, "require_weight", lambda name, folders: path)
    torch.save({"pos_embed": torch.zeros(1, 181, 768)}, path)
    with pytest.raises(FileFormatError, match=r"tensor null_style_cond is missing.*weights download ARTalk"):
        files.load_network()
    torch.save([1], path)
    with pytest.raises(FileFormatError, match="holds no state dict"):
        files.load_network()
    torch.save(Planted(weights / "witness"), path)
    with pytest.raises(FileFormatError, match="refused and nothing of it was run"):
        files.load_network()
    assert not (weights / "witness").exists()


def test_missing_files_are_named_before_the_work(weights):
    sound = Sound(lambda: 1 / 0, "voice.wav")
    with pytest.raises(WeightsError, match=r"ARTalk_wav2vec\.pt is missing.*weights download ARTalk_wav2vec"):
        drive_artalk(sound)


def test_a_voice_becomes_a_motion_for_either_avatar(weights, monkeypatch):
    network = Levels()
    monkeypatch.setattr("gagavatar_nodes.speech.artalk.drive.require_weight", lambda name, folders: None)
    monkeypatch.setattr(files, "load_network", lambda folders: network)
    blocks = [np.full(RATE, 0.2, np.float32)] * 6
    sound = Sound(lambda: blocks, "voice.wav", 6.0)
    shown: list[tuple] = []
    motion = drive(sound, "artalk", fps=50, style="none", progress=lambda *now: shown.append(now))
    assert (len(motion), motion.fps, motion.source) == (300, 50, "voice.wav")
    assert shown == [(100, 150), (150, 150)]
    assert network.asked == [None]
    assert (motion.flame.edition, motion.flame.placed) == ("2020", False)
    assert motion.deltas[250].any()
    assert not motion.deltas[50].any()
    again = drive(sound, "artalk", fps=50, manner=Manner(seed=7), style="none")
    np.testing.assert_array_equal(again.flame.jaw, motion.flame.jaw)
    calm = drive(sound, "artalk", fps=50, manner=Manner(mouth=0.5, head=0), style="none")
    np.testing.assert_allclose(calm.flame.jaw, motion.flame.jaw / 2, atol=1e-6)
    assert np.abs(calm.rotation - np.eye(3)).max() < 1e-6
    assert np.abs(motion.rotation - np.eye(3)).max() > 0.1
    with pytest.raises(MediaError, match=r"voice\.wav has no sound in it"):
        drive_artalk(Sound(lambda: [], "voice.wav"), style="none")


def test_the_command_names_the_missing_file_and_how_to_get_it(weights, gagavatar, tmp_path):
    portrait, speech = assets.path("example_portrait.jpg"), recipe.DATA / "speech.flac"
    done = gagavatar("animate", portrait, speech, "-o", tmp_path / "o.mp4", "--voice", "artalk", "--avatar", "embedded")
    assert done.code == 1
    assert "weights download ARTalk_wav2vec.pt" in done.err
    assert done.err.count("\n") == 1
    assert not (tmp_path / "o.mp4").exists()
