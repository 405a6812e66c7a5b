"""`gagavatar evaluate`, from videos to reports."""

import json

import numpy as np
import pytest

from gagavatar_nodes import assets
from gagavatar_nodes.media.video_writer import VideoWriter
from synthetic import DRIVER, TRUTH

pytestmark = pytest.mark.usefixtures("lifted_once")


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """An empty weights folder, so that every optional network is missing."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("weights")
        patch.setenv("GAGAVATAR_WEIGHTS", str(folder))
        patch.setenv("HOME", str(folder))
        yield folder


@pytest.fixture(scope="module")
def clip(driver_images, tmp_path_factory):
    """Thirteen frames of the synthetic head, lossless."""
    folder = tmp_path_factory.mktemp("clips") / "head"
    folder.mkdir()
    from gagavatar_nodes.media.images import write_image

    for index, image in enumerate(driver_images[:13]):
        write_image(folder / f"{index:03d}.png", image)
    return folder


def read(out):
    return json.loads((out / "evaluation.json").read_text())


def test_self_reenactment_of_the_synthetic_driver(gagavatar, weights, tmp_path):
    out = tmp_path / "scores"
    options = ("--known", TRUTH, "--every", 6, "--metrics",
               "psnr.face,ssim.face,akd,apd.geodesic,aed.l1.arkit,known,csim.sface,lpips.vgg.full")  # fmt: skip
    done = gagavatar("evaluate", DRIVER, "-o", out, *options)
    assert done.code == 0, done.err
    report = read(out)
    ours, still = (report["mean"]["self"][name] for name in ("embedded", "moved still"))
    assert ours["psnr.face"]["mean"] > still["psnr.face"]["mean"] + 2
    assert ours["akd.l2.landmarks478"]["mean"] < 0.6 * still["akd.l2.landmarks478"]["mean"]
    assert ours["known.yaw"]["mean"] < 4 < still["known.yaw"]["mean"]
    assert ours["psnr.face"]["low"] < ours["psnr.face"]["mean"] < ours["psnr.face"]["high"]
    assert report["videos"][0]["itself"]["psnr.face"] > 35
    assert "csim.sface" not in ours
    assert "gagavatar weights download" in report["missing"]["csim.sface"]
    assert "vgg16" in report["missing"]["lpips.vgg.full"]
    page = (out / "index.html").read_text()
    assert page.count("data:image/jpeg;base64,") == 3
    assert "worst by PSNR" in page
    assert (out / "evaluation.csv").read_text().startswith("video,protocol,method,metric")
    assert "not comparable" in (out / "evaluation.md").read_text()


def test_results_of_another_program_are_scored_by_the_same_ruler(gagavatar, weights, clip, tmp_path):
    """The driver's own frames are the perfect result."""
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "head").symlink_to(clip)
    out = tmp_path / "scores"
    options = ("--results", theirs, "--metrics", "psnr,ssim,akd,aed.l1.arkit,apd.geodesic", "--json")
    done = gagavatar("evaluate", clip, "-o", out, *options)
    assert done.code == 0, done.err
    values = json.loads(done.out)["mean"]["self"]["result"]
    assert values["psnr.full"]["mean"] == values["psnr.crop478"]["mean"] == 100
    assert values["ssim.face"]["mean"] == pytest.approx(1, abs=1e-6)
    for name in ("akd.l2.landmarks478", "aed.l1.arkit", "apd.geodesic.landmarks478"):
        assert values[name]["mean"] == pytest.approx(0, abs=1e-3), name

    again = out / "pairs" / "head.json"
    before = again.stat().st_mtime_ns
    assert gagavatar("evaluate", clip, "-o", out, *options).code == 0
    assert again.stat().st_mtime_ns == before  # what was scored stays
    assert gagavatar("evaluate", clip, "-o", out, *options, "--every", 2).code == 0
    assert again.stat().st_mtime_ns != before


def test_a_result_that_is_too_short_is_an_error_that_names_it(gagavatar, weights, clip, driver_images, tmp_path):
    height, width = driver_images[0].shape[:2]
    with VideoWriter(tmp_path / "head.mp4", 25, (width, height)) as video:
        for image in driver_images[:9]:
            video.write(image)
    done = gagavatar("evaluate", clip, "-o", tmp_path / "out", "--results", tmp_path, "--metrics", "psnr.full")
    assert done.code == 1
    assert "head.mp4 is too short: it has no frame 9 for frame 9 of head's driver" in done.err
    assert read(tmp_path / "out")["errors"]["head"]


def test_a_result_of_another_shape_is_refused(gagavatar, weights, clip, tmp_path):
    with VideoWriter(tmp_path / "head.mp4", 25, (320, 180)) as video:
        for _ in range(13):
            video.write(np.zeros((180, 320, 3), np.uint8))
    done = gagavatar("evaluate", clip, "-o", tmp_path / "out", "--results", tmp_path, "--metrics", "psnr.full")
    assert done.code == 1
    assert "has 320 x 180 pixels where the driver has" in done.err


def test_frames_that_show_no_face_are_counted_and_not_averaged_in(gagavatar, weights, clip, driver_images, tmp_path):
    from gagavatar_nodes.media.images import write_image

    result = tmp_path / "head"
    result.mkdir()
    for index, image in enumerate(driver_images[:13]):
        write_image(result / f"{index:03d}.png", image if index < 10 else np.zeros_like(image))
    done = gagavatar("evaluate", clip, "-o", tmp_path / "out", "--results", tmp_path, "--metrics", "akd,apd.geodesic")
    assert done.code == 0, done.err
    score = read(tmp_path / "out")["videos"][0]["methods"]["result"]
    assert score["no_face"] == 3
    assert score["values"]["akd.l2.landmarks478"] == pytest.approx(0, abs=1e-3)
    assert score["frames"]["akd.l2.landmarks478"][-3:] == [None] * 3
    assert score["frames"]["apd.geodesic.landmarks478"][-3:] == [None] * 3


def test_cross_reenactment_looks_at_motion_and_identity_alone(gagavatar, weights, clip, tmp_path):
    pairs = tmp_path / "pairs.csv"
    portrait = assets.path("example_portrait.jpg")
    pairs.write_text(f"source,driver\n{portrait},{clip}\n")
    done = gagavatar("evaluate", "--pairs", pairs, "-o", tmp_path / "out", "--every", 4)
    assert done.code == 0, done.err
    values = read(tmp_path / "out")["videos"][0]["methods"]["embedded"]["values"]
    assert not any(name.startswith(("psnr", "ssim", "lpips", "akd")) for name in values)
    assert values["apd.geodesic.landmarks478"] < 8
    assert "moved still" not in read(tmp_path / "out")["videos"][0]["methods"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "Name a folder for the reports"),
        (("-o", "out"), "Give videos, or --pairs FILE"),
        ((DRIVER, "-o", "out", "--metrics", "nonsense"), "There is no metric 'nonsense'"),
        (("gone.mp4", "-o", "out"), "gone.mp4 does not exist"),
        ((DRIVER, "-o", "out", "--known", "gone.npy"), "gone.npy cannot be read as a NumPy file"),
    ],
)
def test_what_is_wrong_is_said_before_the_work(gagavatar, monkeypatch, tmp_path, arguments, message):
    monkeypatch.chdir(tmp_path)
    done = gagavatar("evaluate", *arguments)
    assert done.code == 1
    assert message in done.err


def test_list_defines_every_metric(gagavatar):
    done = gagavatar("evaluate", "--list")
    assert done.code == 0
    assert "akd.l2.insightface3d68, px, lower is better" in done.out
    assert "Used by GAGAvatar, FlexAvatar." in done.out


def test_known_motion_is_read_from_an_array_and_from_an_archive_as_the_bundled_ones(tmp_path):
    from gagavatar_nodes.evaluation.scoring import read_known

    rows = read_known(assets.path("example_driver_truth.npz"))
    assert rows.shape[1] == 4
    assert 0.05 < np.abs(rows[:, 0]).max() < 1  # radians
    np.save(tmp_path / "known.npy", rows)
    np.testing.assert_allclose(read_known(tmp_path / "known.npy"), rows)
