"""The published network and the FLAME trackers through the pipeline and the command, with drawn weights."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import gagavatar_recipe
from contracts import check_avatar, check_performance
from gagavatar_nodes import assets, pipeline
from gagavatar_nodes.avatars import load_avatar
from gagavatar_nodes.driving.builtin import builtin_motion
from gagavatar_nodes.driving.motion_file import load_motion
from gagavatar_nodes.driving.operations import neutral_motion, turn_head
from gagavatar_nodes.errors import FaceError, FileFormatError, GagavatarError, WeightsError
from gagavatar_nodes.heads.flame import evaluate
from gagavatar_nodes.lifting.gagavatar import PortraitGaussians
from gagavatar_nodes.lifting.gagavatar.avatar import fit_square, lift_portrait
from gagavatar_nodes.lifting.gagavatar.backbone import Backbone
from gagavatar_nodes.lifting.gagavatar.models import get_models
from gagavatar_nodes.nodes.performing import CoarsePerformance
from gagavatar_nodes.pipeline import Look
from gagavatar_nodes.rendering.stitching import Stitcher
from gagavatar_nodes.settings import Settings
from gagavatar_nodes.types import FlameCodes, HeadPose
from media_files import encode_video, read_frames
from parity_recipe import synthetic_flame, tracker_state_dict
from synthetic import DRIVER

PORTRAIT = assets.path("example_portrait.jpg")
FACING = np.diag([-1.0, 1.0, -1.0])


@pytest.fixture(scope="module", autouse=True)
def nothing_elsewhere(tmp_path_factory):
    """No weights but those that a test names."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GAGAVATAR_WEIGHTS", str(tmp_path_factory.mktemp("empty")))
        patch.setenv("HF_HUB_CACHE", str(tmp_path_factory.mktemp("hub")))
        yield


@pytest.fixture(scope="module")
def seen():
    """The example portrait as the command reads it for the published model."""
    return pipeline.read_portrait(PORTRAIT, size=pipeline.PUBLISHED_PORTRAIT_SIZE)


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    """A folder with a full-size checkpoint in its one-file form, and a FLAME asset."""
    from safetensors.torch import save_file

    folder = tmp_path_factory.mktemp("weights")
    save_file(gagavatar_recipe.published_state_dict(0), folder / "GAGAvatar.safetensors")
    torch.save(synthetic_flame(0), folder / "FLAME_with_eye.pt")
    return folder


@pytest.fixture(scope="module")
def model(weights):
    """Kept, so that the commands of this module share one network."""
    return get_models(Settings(weights=str(weights)))


@pytest.fixture(scope="module", autouse=True)
def kept_features():
    """What the backbone, which takes seconds, makes of a picture is kept: its weights are one and the same here."""
    kept, forward = {}, Backbone.forward

    def once(self, image):
        key = hash(image.cpu().numpy().tobytes())
        if key not in kept:
            kept[key] = forward(self, image)
        return kept[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Backbone, "forward", once)
        yield kept


@pytest.fixture(scope="module")
def lifted(weights, model, tmp_path_factory) -> tuple[Path, dict]:
    """The example portrait's avatar file, and what the command said of it."""
    import contextlib
    import io

    from gagavatar_nodes.cli import main

    path, said = tmp_path_factory.mktemp("lifted") / "me.safetensors", io.StringIO()
    with contextlib.redirect_stdout(said):
        assert main(["lift", str(PORTRAIT), "-o", str(path), "--weights", str(weights), "--json"]) == 0
    return path, json.loads(said.getvalue())


@pytest.fixture
def published(lifted, weights, model):
    """The lifted avatar, read from its file."""
    return load_avatar(lifted[0], weights=str(weights))


def planted_codes(count: int, edition: str = "2020", seed: int = 0) -> FlameCodes:
    draw = np.random.default_rng(seed).standard_normal
    transform = np.tile(np.concatenate([FACING, [[0], [0], [9.6]]], 1), (count, 1, 1))
    arrays = (0.3 * draw((count, 100)), 0.05 * draw((count, 3)), 0.05 * draw((count, 6)), transform)
    return FlameCodes(edition, draw(300).astype(np.float32), *(a.astype(np.float32) for a in arrays))


def head_rotation(transform: np.ndarray) -> np.ndarray:
    return (transform[:, :3] @ FACING).T


def test_the_published_avatar_keeps_the_contract(published, seen, tmp_path):
    check_avatar(published, seen, tmp_path)
    motion = neutral_motion(2, 12.5)
    check_performance(CoarsePerformance(published.perform(motion)), motion)


def test_auto_takes_the_published_model_where_its_files_are_and_says_so(lifted):
    path, summary = lifted
    assert summary == {
        "out": str(path),
        "avatar": "gagavatar",
        "why": "GAGAvatar.safetensors and FLAME_with_eye.pt are here",
        "gaussians": 180_255,
    }
    avatar = PortraitGaussians.load(path)
    assert avatar.notes == {"flame_edition": "2020", "portrait_tracker": "landmarks"}
    assert avatar.extra["flame_shape"].shape == (300,)


def test_auto_is_the_embedded_model_elsewhere_and_says_what_is_missing(gagavatar, weights, tmp_path):
    name, why = pipeline.choose_model()
    assert name == "embedded"
    assert "GAGAvatar.pt and FLAME_with_eye.pt of GAGAvatar are not here" in why
    torch.save(synthetic_flame(0), tmp_path / "FLAME_with_eye.pt")
    assert "GAGAvatar.pt of GAGAvatar is not here" in pipeline.choose_model(weights=tmp_path)[1]
    report = json.loads(gagavatar("info", "--json").out)
    assert (report["model"], report["tracker"]) == ("embedded", "embedded")
    assert report["why"] == why
    checkpoint = weights / "GAGAvatar.safetensors"
    assert pipeline.choose_model(weights=checkpoint)[0] == "gagavatar"  # a file stands for itself and its folder


def test_missing_files_are_named_with_place_address_and_license_before_the_work(gagavatar, lifted, tmp_path):
    for command in (
        ("animate", PORTRAIT, "nod", "-o", tmp_path / "o.mp4", "--avatar", "gagavatar", "--weights", tmp_path),
        ("render", lifted[0], "nod", "-o", tmp_path / "o.mp4", "--weights", tmp_path),
        ("track", DRIVER, "-o", tmp_path / "m.safetensors", "--tracker", "landmarks",
         "--weights", tmp_path),
    ):  # fmt: skip
        done = gagavatar(*command)
        assert done.code == 1
        assert "FLAME_with_eye.pt is missing" in done.err
        assert str(tmp_path / "FLAME_with_eye.pt") in done.err
        assert "https://flame.is.tue.mpg.de" in done.err
        assert done.err.count("\n") == 1
    torch.save(synthetic_flame(0), tmp_path / "FLAME_with_eye.pt")
    with pytest.raises(WeightsError, match=r"GAGAvatar\.pt is missing.*license: MIT"):
        load_avatar(lifted[0], weights=tmp_path)
    with pytest.raises(WeightsError, match=r"none\.pt does not exist"):
        pipeline.check_model("gagavatar", weights=tmp_path, flame=tmp_path / "none.pt")


def test_without_pytorch_the_message_says_how_to_install_it(weights, lifted, monkeypatch):
    monkeypatch.setattr("gagavatar_nodes.devices.find_spec", lambda name: None)
    assert pipeline.choose_model(weights=weights)[0] == "embedded"
    for ask in (
        lambda: pipeline.check_model("gagavatar", weights=weights),
        lambda: load_avatar(lifted[0], weights=weights),
    ):
        with pytest.raises(GagavatarError, match=r'pip install "gagavatar-nodes\[gagavatar\]"'):
            ask()


def test_what_cannot_compute_is_known_before_the_work(gagavatar, weights, tmp_path, monkeypatch):
    where = ("animate", PORTRAIT, "nod", "-o", tmp_path / "o.mp4", "--avatar", "gagavatar", "--weights", weights)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    done = gagavatar(*where, "--device", "cuda")
    assert (done.code, "Device cuda was asked for" in done.err) == (1, True)
    known = "gagavatar_nodes.lifting.gagavatar.models.find_spec"
    monkeypatch.setattr(known, lambda name: None if name == "openvino" else "there")
    done = gagavatar(*where, "--refiner", "openvino")
    assert (done.code, 'pip install "gagavatar-nodes[openvino]"' in done.err) == (1, True)


def test_a_file_without_codes_cannot_be_driven_and_says_so(lifted, weights, tmp_path):
    avatar = PortraitGaussians.load(lifted[0])
    replace(avatar, extra={}).save(tmp_path / "a.safetensors")
    with pytest.raises(FileFormatError, match="lacks a sound 'flame_shape'"):
        load_avatar(tmp_path / "a.safetensors", weights=weights)
    replace(avatar, notes={}).save(tmp_path / "a.safetensors")
    with pytest.raises(FileFormatError, match="FLAME edition"):
        load_avatar(tmp_path / "a.safetensors", weights=weights)


def test_animate_runs_from_portrait_and_video_to_frames(gagavatar, weights, model, short_driver, tmp_path):
    target = tmp_path / "out.mp4"
    done = gagavatar(
        "animate", PORTRAIT, short_driver, "-o", target, "--avatar", "gagavatar", "--weights", weights,
        "--fps", 5, "--size", "160x96", "--json",
    )  # fmt: skip
    assert (done.code, done.err) == (0, "")
    summary = json.loads(done.out)
    assert (summary["avatar"], summary["frames"], summary["fps"]) == ("gagavatar", 3, 5)
    pictures = read_frames(target)
    assert len(pictures) == 3
    assert pictures[0].shape == (96, 160, 3)
    assert pictures[0][:, :24].max() < 24  # the network draws a square
    assert pictures[0][:, 40:120].mean() > 40
    assert np.abs(pictures[0].astype(int) - pictures[2]).mean() > 0.5


def test_the_published_model_is_stitched_orbited_and_exported(gagavatar, lifted, weights, published, seen, tmp_path):
    picture, stitched = Image.open(PORTRAIT), tmp_path / "s.png"
    look = Look(stitcher=Stitcher(published.frame_portrait(seen)))
    assert pipeline.render(published.perform(builtin_motion("smile"), in_place=True), stitched, look) == 1
    assert Image.open(stitched).size == picture.size
    changed = (np.asarray(Image.open(stitched)) != np.asarray(picture)).any(2)
    corners = published.frame_portrait(seen).crop_to_picture @ [[0, 511], [0, 511], [1, 1]]
    low, high = np.maximum(corners.min(1) - 2, 0).astype(int), corners.max(1).astype(int) + 3
    inside = changed[low[1] : high[1], low[0] : high[0]]
    assert inside.mean() > 0.5
    assert changed.sum() == inside.sum()
    orbit = ("orbit", lifted[0], "-o", tmp_path / "o_%d.png", "--seconds", 0.2, "--fps", 10, "--size", 64)
    assert gagavatar(*orbit, "--background", "transparent", "--weights", weights).code == 0
    shown = [np.asarray(Image.open(path)) for path in sorted(tmp_path.glob("o_*.png"))]
    assert [image.shape for image in shown] == [(64, 64, 4)] * 2
    splats = gagavatar("export", lifted[0], "-o", tmp_path / "h.ply", "--weights", weights, "--json")
    assert json.loads(splats.out)["gaussians"] == 180_255


def test_tracking_writes_codes_their_edition_and_the_mesh_on_the_frames(gagavatar, short_driver, weights, tmp_path):
    motion, preview = tmp_path / "m.safetensors", tmp_path / "p.mp4"
    done = gagavatar("track", short_driver, "-o", motion, "--preview", preview, "--weights", weights, "--json")
    summary = json.loads(done.out)
    assert (done.code, summary["tracker"], summary["flame_edition"]) == (0, "landmarks", "2020")
    assert summary["why"] == "FLAME_with_eye.pt is here"
    codes = load_motion(motion).flame
    assert (codes.edition, codes.expression.shape, codes.transform.shape) == ("2020", (6, 100), (6, 3, 4))
    drawn, plain = read_frames(preview), read_frames(short_driver)
    assert len(drawn) == 6
    changed = np.abs(drawn[3].astype(int) - plain[3]).max(2) > 40
    assert changed[100:350, 100:350].mean() > 0.3
    assert gagavatar("track", short_driver, "-o", motion, "--flame", weights / "FLAME_with_eye.pt").code == 0


def test_a_driver_with_codes_gives_everything_but_the_shape(published):
    codes = planted_codes(3)
    performance = published.perform(replace(neutral_motion(3), flame=codes))
    shape = published.portrait.extra["flame_shape"]
    np.testing.assert_array_equal(performance.camera(1).transform, codes.transform[1])
    pose = np.concatenate([np.zeros((3, 3), np.float32), codes.jaw], 1)
    wanted, _ = evaluate(synthetic_flame(0), shape[None], codes.expression, pose, codes.eyes)
    np.testing.assert_allclose(performance.head_points([0, 1, 2]).cpu().numpy(), wanted, atol=1e-5)
    gaussians = performance.gaussians(2)
    np.testing.assert_allclose(gaussians.means[:5023], wanted[2], atol=1e-5)
    assert gaussians.features.shape == (180_255, 3)
    assert gaussians.features.min() >= 0
    assert gaussians.features.max() <= 1


def test_a_still_driver_gives_a_still_video_unless_a_seed_is_given(published):
    def drawn(seed, count=2):
        performance = published.perform(neutral_motion(count), seed=seed)
        return [rgb for rgb, _ in performance.frames(512, 512, alpha=False)]

    stored, fresh = drawn(None), drawn(5)
    np.testing.assert_array_equal(*stored)
    assert np.abs(fresh[0] - fresh[1]).mean() > 1e-4
    np.testing.assert_array_equal(fresh[:1], drawn(5, 1))
    assert np.abs(fresh[0] - drawn(6, 1)[0]).mean() > 1e-4


def test_single_frames_follow_the_reference_of_their_driver(published):
    from gagavatar_nodes.driving.timeline import take

    motion = turn_head(builtin_motion("talk", fps=10), 12, 4)
    whole = published.perform(motion, "neutral")
    live = whole.follow(take(motion, np.array([5])))
    assert len(live) == 1
    for name in ("expression", "jaw", "eyes", "transform"):
        np.testing.assert_allclose(getattr(live.codes, name)[0], getattr(whole.codes, name)[5], atol=1e-5)


def test_sliders_beside_codes_become_codes_of_the_avatars_flame_file(published):
    from gagavatar_nodes.driving.operations import add_arkit

    tracked = replace(neutral_motion(2), flame=planted_codes(2))
    codes = published.perform(add_arkit(tracked, {"jawOpen": 0.7, "mouthSmileLeft": 0.4, "eyeLookUpLeft": 0.5})).codes
    alone = published.perform(
        add_arkit(neutral_motion(2), {"jawOpen": 0.7, "mouthSmileLeft": 0.4, "eyeLookUpLeft": 0.5})
    ).codes
    for name in ("expression", "jaw", "eyes"):
        moved = getattr(codes, name) - getattr(tracked.flame, name)
        np.testing.assert_allclose(moved, getattr(alone, name), atol=1e-5)
        assert np.abs(moved).max() > 0.05


def test_codes_of_another_edition_are_refused(published):
    with pytest.raises(GagavatarError, match=r"edition 2023 cannot be used with edition 2020"):
        published.perform(replace(neutral_motion(2), flame=planted_codes(2, "2023")))


def test_in_the_portraits_own_pose_a_motion_without_codes_has_the_portraits_camera(published, seen):
    rotation = np.asarray(seen.pose.rotation, np.float32)
    motion = replace(neutral_motion(2), rotation=np.stack([rotation] * 2))
    performance = published.perform(motion)
    source = published.portrait.source_camera
    for index in range(2):
        np.testing.assert_allclose(performance.camera(index).transform, source, atol=1e-4)
    np.testing.assert_allclose(performance.codes.expression, 0, atol=1e-6)


def test_a_motion_without_codes_turns_moves_and_sizes_the_head(published, seen):
    rotation = np.asarray(seen.pose.rotation, np.float32)
    rest = replace(neutral_motion(3), rotation=np.stack([rotation] * 3))
    source = published.portrait.source_camera
    turned = published.perform(turn_head(rest, 20, 0)).camera(0).transform
    about = np.radians(20)
    turn = np.array([[np.cos(about), 0, np.sin(about)], [0, 1, 0], [-np.sin(about), 0, np.cos(about)]])
    np.testing.assert_allclose(head_rotation(turned), turn @ head_rotation(source), atol=1e-5)
    pivot = published.source_pose.pivot
    stands = pivot @ source[:, :3] + source[:, 3]
    moved = rest.translation.copy()
    moved[2] = [2, 1, 0]
    views = published.perform(replace(rest, translation=moved)).codes.transform
    np.testing.assert_allclose(pivot @ views[2, :, :3] + views[2, :, 3] - stands, [-0.1, 0.05, 0], atol=1e-4)
    scale = rest.scale * np.float32([1, 1, 2])
    near = published.perform(replace(rest, scale=scale)).codes.transform[2]
    assert (pivot @ near[:, :3] + near[:, 3])[2] == pytest.approx(stands[2] / 2, rel=1e-4)


def test_builtin_motions_drive_expression_jaw_and_eyes(published):
    codes = published.perform(builtin_motion("talk", fps=10)).codes
    opening = np.linalg.norm(codes.jaw, axis=1) + np.linalg.norm(codes.expression, axis=1)
    assert opening.max() > 5 * max(opening.min(), 0.01)
    looks = published.perform(builtin_motion("look_around", fps=10)).codes
    assert np.ptp(looks.eyes[:, 1]) > 0.2


def test_in_place_the_drivers_camera_gives_way_to_the_portraits(published, seen):
    rotation = np.asarray(seen.pose.rotation, np.float32)
    motion = replace(neutral_motion(2), rotation=np.stack([rotation] * 2), flame=planted_codes(2))
    codes = published.perform(motion, in_place=True).codes
    np.testing.assert_allclose(codes.transform[0], published.portrait.source_camera, atol=1e-4)
    np.testing.assert_array_equal(codes.expression, motion.flame.expression)


def test_cameras_that_only_turn_leave_the_head_where_the_portrait_has_it(published):
    codes, source = planted_codes(3), published.portrait.source_camera
    codes.transform[:, :, 3] += [[0.3, 0, 0], [0, 0.2, 0], [0, 0, 2]]
    placed = published.perform(replace(neutral_motion(3), flame=codes)).codes.transform
    np.testing.assert_array_equal(placed, codes.transform)
    turned = published.perform(replace(neutral_motion(3), flame=replace(codes, placed=False))).codes.transform
    np.testing.assert_array_equal(turned[..., :3], codes.transform[..., :3])
    np.testing.assert_array_equal(turned[..., 3], np.tile(source[:, 3], (3, 1)))
    in_place = published.perform(replace(neutral_motion(3), flame=replace(codes, placed=False)), in_place=True)
    np.testing.assert_array_equal(in_place.codes.transform, published.source_pose.cameras(in_place.source))


def test_framed_is_the_square_that_the_network_saw(published, seen):
    view = published.frame_portrait(seen)
    assert view.crop.shape == (512, 512, 3)
    assert view.alpha.shape == (512, 512)
    ours, theirs = (p.landmarks[:, :2] @ p.crop_to_picture[:, :2].T + p.crop_to_picture[:, 2] for p in (seen, view))
    np.testing.assert_allclose(theirs, ours, atol=1e-2)
    assert isinstance(view.pose, HeadPose)
    assert view.crop[view.alpha == 0].max() == 0
    inside = view.alpha[200:300, 200:300]
    assert inside.mean() > 0.99


def test_a_square_fills_the_shorter_edge_in_the_middle():
    rgb, alpha = np.ones((8, 8, 3), np.float32), np.ones((8, 8), np.float32)
    whole, cover = fit_square(rgb, alpha, 16, 4)
    assert (whole.shape, cover.shape) == ((4, 16, 3), (4, 16))
    np.testing.assert_array_equal(cover.any(0), [False] * 6 + [True] * 4 + [False] * 6)
    np.testing.assert_array_equal(whole[..., 0], cover)
    tall, _ = fit_square(rgb, alpha, 8, 12)
    assert tall[2:10].min() == 1
    assert tall[:2].max() == tall[10:].max() == 0
    assert fit_square(rgb, alpha, 8, 8)[0] is rgb


def test_results_of_the_published_tracker_drive_both_models(weights, tmp_path):
    import pickle

    codes = planted_codes(3)
    results = {
        f"clip_{k}": {
            "shapecode": codes.shape, "expcode": codes.expression[k], "eyecode": codes.eyes[k],
            "posecode": np.concatenate([np.zeros(3, np.float32), codes.jaw[k]]), "transform_matrix": codes.transform[k],
        }
        for k in range(3)
    }  # fmt: skip
    path = tmp_path / "optim.pkl"
    path.write_bytes(pickle.dumps(results))
    motion = pipeline.read_driver(path, fps=30, weights=weights)
    assert (len(motion), motion.fps) == (3, 30)
    np.testing.assert_allclose(motion.flame.jaw, codes.jaw, atol=1e-7)
    assert motion.arkit.max() > 0
    assert not pipeline.is_media(path)


class HeadStub(torch.nn.Module):
    """A head in the middle of every picture, in place of the published detector."""

    def forward(self, x: torch.Tensor):
        codes = torch.zeros(1, 1, 413)
        codes[0, 0, 403] = 1.0  # x axis
        codes[0, 0, 407] = -1.0  # y axis points up, the picture's down
        codes[0, 0, 409:411] = 320.0
        codes[0, 0, 412] = 1500.0
        return torch.tensor([[[200.0, 200.0, 440.0, 440.0]]]), torch.ones(1, 1, 1), codes


def test_the_published_tracker_is_unpacked_and_drives_both_models_and_fits_portraits(
    gagavatar, short_driver, published, avatar_file, seen, weights, kept_features, tmp_path, monkeypatch
):
    import tarfile

    from gagavatar_nodes.tracking.emica import archive, tracker

    content = tmp_path / "content"
    for name in archive.REQUIRED:
        (content / name).parent.mkdir(parents=True, exist_ok=True)
        (content / name).write_bytes(b"drawn, see below")
    torch.jit.script(HeadStub()).save(str(content / archive.VGGHEAD))
    with tarfile.open(tmp_path / "track_resources.tar", "w") as tar:
        for name in archive.REQUIRED:
            tar.add(content / name, name)
    torch.save(synthetic_flame(0), tmp_path / "FLAME_with_eye.pt")
    drawn = {archive.EMICA: "emica", archive.LANDMARKS: "landmark"}
    monkeypatch.setattr(tracker, "_weights", lambda path: tracker_state_dict(drawn["/".join(path.parts[-2:])]))
    monkeypatch.setattr(tracker, "Scrfd", lambda path: lambda picture: None)

    driver = encode_video(tmp_path / "d.mp4", read_frames(short_driver)[::2], fps=5)
    motion, preview = tmp_path / "m.safetensors", tmp_path / "p.mp4"
    done = gagavatar(
        "track", driver, "-o", motion, "--tracker", "emica", "--preview", preview, "--weights", tmp_path, "--json"
    )
    assert done.code == 0, done.err
    assert json.loads(done.out)["flame_edition"] == "2020"
    assert (tmp_path / "track_resources" / archive.VGGHEAD).is_file()
    tracked = load_motion(motion)
    assert (len(tracked), tracked.flame.expression.shape) == (3, (3, 100))
    assert len(read_frames(preview)) == 3
    np.testing.assert_array_equal(published.perform(tracked).codes.transform, tracked.flame.transform)
    assert tracked.arkit.max() > 0
    assert gagavatar("render", avatar_file, motion, "-o", tmp_path / "o.gif", "--size", 64).code == 0
    other = gagavatar("track", driver, "-o", motion, "--tracker", "emica", "--driver-face", 1, "--weights", tmp_path)
    assert (other.code, "largest face" in other.err) == (1, True)

    (tmp_path / "GAGAvatar.safetensors").symlink_to(weights / "GAGAvatar.safetensors")
    settings = Settings(weights=str(tmp_path), portrait_tracker="emica")
    monkeypatch.setattr(Backbone, "forward", lambda *_: next(iter(kept_features.values())))  # not looked at here
    avatar = lift_portrait(seen, get_models(settings), settings.portrait_tracker)
    assert avatar.portrait.notes["portrait_tracker"] == "emica"
    view = avatar.frame_portrait(seen)
    height, width = seen.picture.shape[:2]
    edge = 240 / 640 * 1.65 * max(height, width)
    assert view.crop_to_picture[0, 0] * 512 == pytest.approx(edge, abs=2)
    center = view.crop_to_picture[:, :2] @ [255.5, 255.5] + view.crop_to_picture[:, 2]
    np.testing.assert_allclose(center, [(width - 1) / 2, (height - 1) / 2], atol=2)
    assert 0.1 < avatar.portrait.extra["matte"].mean() < 0.9
    low = replace(seen, landmarks=seen.landmarks + np.float32([0, 5 * seen.size, 0]))
    with pytest.raises(FaceError, match="largest head of a picture, which is not the one chosen"):
        lift_portrait(low, get_models(settings), "emica")


def test_models_are_shared_by_settings_that_look_into_the_same_folders(weights, model, tmp_path):
    assert get_models(Settings(weights=str(weights))) is model
    wider = get_models(Settings(weights=[str(weights), str(tmp_path)]))
    assert wider.settings.folders == [weights, tmp_path], "the tracker's archive may be in the second one"


def test_a_motion_is_tracked_again_when_a_file_of_the_published_tracker_changes(short_driver, tmp_path, monkeypatch):
    from gagavatar_nodes.tracking.emica import archive

    torch.save(synthetic_flame(0), tmp_path / "FLAME_with_eye.pt")
    for name in archive.REQUIRED:
        path = tmp_path / "track_resources" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"1")
    tracked = []
    monkeypatch.setattr(pipeline, "track", lambda *args, **settings: tracked.append(1) or neutral_motion(2))

    def read() -> int:
        pipeline.read_driver(short_driver, tracker="emica", weights=tmp_path)
        return len(tracked)

    assert (read(), read()) == (1, 1)
    (tmp_path / "track_resources" / archive.EMICA).write_bytes(b"22")
    assert (read(), read()) == (2, 2)
    matte = tmp_path / "track_resources" / archive.MATTE
    matte.parent.mkdir()
    matte.write_bytes(b"3")
    assert read() == 3


def test_alpha_is_the_persons_though_the_background_is_covered_too(published, seen):
    performance = published.perform(
        replace(neutral_motion(1), rotation=np.asarray(seen.pose.rotation, np.float32)[None])
    )
    matte = published.portrait.extra["matte"]
    assert 0.2 < matte.mean() < 0.8
    ((rgb, alpha),) = performance.frames(512, 512)
    rgb, alpha = rgb.copy(), alpha.copy()
    ((plain, coverage),) = performance.frames(512, 512, alpha=False)
    np.testing.assert_array_equal(rgb, plain)
    assert (alpha <= coverage + 1e-4).all()
    wanted = published.frame_portrait(seen).alpha
    middle = np.s_[100:400, 100:400]
    assert np.abs(alpha - coverage * wanted)[middle].mean() < 0.1
    assert alpha[wanted < 0.01].mean() < 0.3 * coverage[wanted < 0.01].mean()
