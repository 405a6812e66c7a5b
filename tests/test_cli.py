"""The `gagavatar` command on good input: every command, every kind of output."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from PIL import Image

from gagavatar_nodes import assets
from media_files import encode_video, gradient, read_frames, read_tone

pytestmark = pytest.mark.usefixtures("lifted_once")
EXAMPLE_PORTRAIT = assets.path("example_portrait.jpg")
HEAVY = {"torch", "cv2", "onnxruntime", "scipy", "av", "gradio", "numpy", "PIL"}


def vp9_frames(path: Path) -> list[np.ndarray]:
    """With alpha, which ffmpeg's own VP9 decoder leaves out."""
    with av.open(str(path)) as container:
        decoder = av.CodecContext.create("libvpx-vp9", "r")
        packets = list(container.demux(video=0))
        return [frame.to_ndarray(format="rgba") for packet in packets for frame in decoder.decode(packet)]


def assert_cut_out(alpha: np.ndarray) -> None:
    """uint8: nothing in the upper corners, a head in the middle."""
    height, width = alpha.shape
    assert alpha[: height // 8, : width // 8].max() < 8
    assert alpha[height // 2, width // 2] > 250


@pytest.mark.parametrize(("command", "renders"), [("animate", True), ("lift", False), ("track", False),
                                                  ("export", False), ("reexpress", False)])  # fmt: skip
def test_options_of_the_networks_renderer_are_of_commands_that_render(gagavatar, command, renders):
    shown = gagavatar(command, "--help").out
    assert "--device" in shown
    assert [one in shown for one in ("--precision", "--batch", "--refiner")] == 3 * [renders]


@pytest.fixture
def render(gagavatar, avatar_file, tmp_path):
    """Function (file name, *options) -> the file, of a fifth of a second of nodding."""

    def run(name: str, *options: object) -> Path:
        target = tmp_path / name
        done = gagavatar("render", avatar_file, "nod", "-o", target, "--seconds", 0.2, "--size", 96, *options)
        assert (done.code, done.err) == (0, "")
        return target

    return run


def test_import_and_help_load_nothing_heavy():
    code = (
        "import sys, gagavatar_nodes, gagavatar_nodes.cli as cli\n"
        "try: cli.main(['animate', '--help'])\n"
        "except SystemExit as leaving: assert leaving.code == 0\n"
        "print('loaded:', *sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "gagavatar animate photo.jpg talking.mp4 -o out.mp4" in done.stdout
    assert not HEAVY & set(done.stderr.split())


def test_it_is_a_module_too():
    done = subprocess.run(
        [sys.executable, "-m", "gagavatar_nodes.cli", "info", "--json"], capture_output=True, text=True, check=True
    )
    report = json.loads(done.stdout)
    assert report["rasterizers"]["native"]["available"] or report["rasterizers"]["torch"]["available"]
    assert done.stderr == ""


@pytest.mark.parametrize("command", ["animate", "track", "lift", "render", "orbit", "export", "weights", "info"])
def test_every_command_explains_itself(gagavatar, command):
    done = gagavatar(command, "--help")
    assert done.code == 0
    assert "--json" in done.out or command == "weights"
    assert "examples:" in done.out or command == "info"


def test_info_is_for_people_too(gagavatar, session_cache):
    done = gagavatar("info")
    assert done.code == 0
    assert f"cache: {session_cache}" in done.out


def test_orbits_are_those_that_the_motion_knows():
    from gagavatar_nodes.commands.render import ORBITS
    from gagavatar_nodes.driving import pose

    assert ORBITS == pose.ORBITS


def test_animate_takes_a_video_and_its_sound(gagavatar, short_driver, tmp_path):
    target = tmp_path / "out.mp4"
    done = gagavatar("animate", EXAMPLE_PORTRAIT, short_driver, "-o", target, "--size", 96, "--density", 148, "--json")
    summary = json.loads(done.out)
    assert (done.code, done.err) == (0, "")
    assert summary["out"] == str(target)
    assert (summary["frames"], summary["fps"], summary["bridged"]) == (6, 10, [])
    pictures = read_frames(target)
    assert len(pictures) == 6
    assert pictures[0].shape == (96, 96, 3)
    assert np.abs(pictures[0].astype(int) - pictures[2]).mean() > 1  # the head moves
    tone, codec = read_tone(target)
    assert codec == "aac"
    assert np.abs(tone[4800:24000]).max() > 0.2
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.mp4"]


def test_animate_shows_portrait_driver_and_result_side_by_side_and_leaves_the_sound_out(
    gagavatar, short_driver, driver_images, portrait, tmp_path
):
    target = tmp_path / "out.mov"
    options = ("--compare", "--no-audio", "--size", 96, "--density", 148)
    assert gagavatar("animate", EXAMPLE_PORTRAIT, short_driver, "-o", target, *options).code == 0
    pictures = read_frames(target)
    assert len(pictures) == 6
    wide = pictures[0].shape[1]
    ratio = driver_images[0].shape[1] / driver_images[0].shape[0]
    assert abs(wide - (96 + 4 + round(96 * ratio) + 4 + 96)) <= 1
    left = cv2.resize(portrait.picture, (96, 96), interpolation=cv2.INTER_AREA)
    assert np.abs(pictures[3][:, :96].astype(int) - left).mean() < 6
    with av.open(str(target)) as container:
        assert not container.streams.audio


def test_animate_without_a_film_compares_portrait_and_result(gagavatar, tmp_path):
    target = tmp_path / "out.png"
    assert gagavatar("animate", EXAMPLE_PORTRAIT, "smile", "-o", target, "--compare", "--size", 96).code == 0
    assert Image.open(target).size == (96 + 4 + 96, 96)


def test_animate_by_a_picture_gives_a_picture(gagavatar, driver_images, tmp_path):
    Image.fromarray(driver_images[20]).save(tmp_path / "driver.png")
    target = tmp_path / "out.jpg"
    done = gagavatar("animate", EXAMPLE_PORTRAIT, tmp_path / "driver.png", "-o", target, "--size", 96)
    assert (done.code, done.err) == (0, "")
    assert Image.open(target).size == (96, 96)


def test_stitching_changes_the_chosen_face_alone_and_keeps_the_pictures_size(gagavatar, portrait, tmp_path):
    double = np.concatenate([portrait.picture, portrait.picture[:, ::-1]], axis=1)[:600]
    Image.fromarray(double).save(tmp_path / "two.png")
    left = portrait.crop_to_picture @ [portrait.size / 2, portrait.size / 2, 1]
    right = double.shape[1] - 1 - left[0]
    target = tmp_path / "out.png"
    point = f"{right:.0f},{left[1]:.0f}"
    done = gagavatar(
        "animate", tmp_path / "two.png", "surprise", "-o", target, "--stitch", "--face", point, "--density", 148
    )
    assert (done.code, done.err) == (0, "")
    result = np.asarray(Image.open(target)).astype(int)
    assert result.shape == double.shape
    change = np.abs(result - double).max(2)
    assert change[:, : double.shape[1] // 4].max() == 0
    assert change[:, double.shape[1] // 2 :].max() > 20


def test_faces_are_chosen_by_size_too(gagavatar, portrait, tmp_path):
    small = cv2.resize(portrait.picture, (300, 300), interpolation=cv2.INTER_AREA)
    picture = np.full((720, 1040, 3), 128, np.uint8)
    picture[:, :720] = portrait.picture
    picture[:300, 730:1030] = small
    Image.fromarray(picture).save(tmp_path / "two.png")
    done = gagavatar("lift", tmp_path / "two.png", "-o", tmp_path / "b.safetensors", "--face", 1, "--density", 148)
    assert done.code == 0
    refused = gagavatar("lift", tmp_path / "two.png", "-o", tmp_path / "b.safetensors", "--face", 2)
    assert "There is no face 2: 2 faces were found" in refused.err


@pytest.mark.parametrize("name", ["out.mp4", "out.mkv", "out.mov", "out.m4v", "out.webm", "out.gif"])
def test_videos_of_every_kind(render, name):
    target = render(name)
    pictures = read_frames(target)
    assert len(pictures) == 5
    assert pictures[0].shape == (96, 96, 3)
    assert pictures[0][:8, :8].max() < 24  # black behind
    assert pictures[0][48, 48].max() > 60


def test_prores_and_vp9_carry_transparency(render):
    for target, read in ((render("a.mov", "--background", "transparent"), lambda p: read_frames(p, "rgba")),
                         (render("a.webm", "--background", "none"), vp9_frames)):  # fmt: skip
        pictures = read(target)
        assert len(pictures) == 5
        assert_cut_out(pictures[2][..., 3])


def test_numbered_pictures_carry_transparency(render):
    target = render("head/face_%03d.png", "--background", "transparent")
    assert sorted(p.name for p in target.parent.iterdir()) == [f"face_00{i}.png" for i in range(1, 6)]
    assert_cut_out(np.asarray(Image.open(target.parent / "face_002.png"))[..., 3])


@pytest.mark.parametrize("name", ["still.png", "still.webp"])
def test_a_still_picture_is_the_first_frame(render, name):
    picture = Image.open(render(name, "--background", "transparent"))
    assert picture.size == (96, 96)
    assert_cut_out(np.asarray(picture)[..., 3])


@pytest.mark.parametrize("size", ["64x160", "161x67", "16", "2048"])
def test_pictures_of_any_size(render, size):
    width, height = (int(edge) for edge in (size.split("x") * 2)[:2])
    picture = np.asarray(Image.open(render("out.png", "--size", size, "--background", "transparent")))
    assert picture.shape == (height, width, 4)
    assert_cut_out(picture[..., 3])


def test_an_odd_video_is_extended_by_a_pixel(render):
    assert read_frames(render("out.mp4", "--size", "97x65"))[0].shape == (66, 98, 3)


@pytest.mark.parametrize(
    ("text", "color"), [("#ff8000", (255, 128, 0)), ("white", (255, 255, 255)), ("0, 0, 200", (0, 0, 200))]
)
def test_a_background_color_fills_what_the_head_leaves(render, text, color):
    picture = np.asarray(Image.open(render("out.png", "--background", text)))
    assert picture.shape == (96, 96, 3)
    assert (picture[:6, :6] == color).all()


def test_a_background_picture_and_video_fill_what_the_head_leaves(render, tmp_path):
    Image.fromarray(gradient(96, 96)).save(tmp_path / "behind.png")
    picture = np.asarray(Image.open(render("out.png", "--background", tmp_path / "behind.png")))
    assert np.abs(picture[:8, :8].astype(int) - gradient(96, 96)[:8, :8]).max() <= 1
    grays = [np.full((96, 96, 3), 40 * i, np.uint8) for i in range(1, 4)]
    video = render("out.mp4", "--background", encode_video(tmp_path / "behind.mp4", grays, fps=25))
    shown = [frame[:6, :6].mean() for frame in read_frames(video)]
    assert np.abs(np.array(shown) - [40, 80, 120, 40, 80]).max() < 6  # it starts again


def test_the_sound_of_another_file_is_added(render, short_driver):
    target = render("out.webm", "--audio", short_driver)
    assert read_tone(target)[1] == "opus"


def test_frame_rate_strengths_and_loop_change_the_motion(gagavatar, avatar_file, tmp_path):
    def run(*options: object) -> dict:
        nod = ("render", avatar_file, "nod", "-o", tmp_path / "out.mp4", "--size", 64, "--seconds", 1, "--json")
        return json.loads(gagavatar(*nod, *options).out)

    assert run()["frames"] == 25
    assert run("--fps", 8)["frames"] == 8
    assert run("--loop")["frames"] == 15  # 0.4 s are faded
    run("--head-pose", 0, "--expression", 0)
    still = np.stack(read_frames(tmp_path / "out.mp4")).astype(int)
    assert np.abs(still - still[0]).mean() < 0.5
    run("--expression", 0)
    assert np.abs(read_frames(tmp_path / "out.mp4")[12].astype(int) - still[0]).mean() > 2


def test_track_writes_a_motion_and_a_preview(gagavatar, short_driver, avatar_file, tmp_path):
    motion, preview = tmp_path / "m.safetensors", tmp_path / "p.mp4"
    done = gagavatar(
        "track", short_driver, "-o", motion, "--preview", preview, "--smoothing", 0, "--tracker", "embedded", "--json"
    )
    assert (done.code, done.err) == (0, "")
    assert json.loads(done.out) == {
        "out": str(motion), "frames": 6, "fps": 10.0, "bridged": [], "tracker": "embedded", "why": "as chosen",
        "flame_edition": None,
    }  # fmt: skip
    drawn, plain = read_frames(preview), read_frames(short_driver)
    assert len(drawn) == 6
    assert drawn[0].shape == plain[0].shape
    assert np.abs(drawn[0].astype(int) - plain[0]).max() > 100  # a mesh over the face
    target = tmp_path / "out.gif"
    assert gagavatar("render", avatar_file, motion, "-o", target, "--size", 64, "--reference", 2).code == 0
    assert len(read_frames(target)) == 6


def test_frames_without_a_face_are_named(gagavatar, driver_images, tmp_path):
    empty = np.full_like(driver_images[0], 90)
    video = encode_video(tmp_path / "gap.mp4", [*driver_images[:3], empty, *driver_images[4:6]], pixels="yuv420p")
    done = gagavatar("track", video, "-o", tmp_path / "m.safetensors")
    assert done.code == 0
    assert done.err == f"{video}: no face in 1 frames, filled in: 3\n"


def test_orbit_turns_to_both_sides(gagavatar, avatar_file, tmp_path):
    target = tmp_path / "o.gif"
    options = ("--seconds", 0.4, "--fps", 10, "--size", 64, "--yaw", 25, "--path", "sweep")
    assert gagavatar("orbit", avatar_file, "-o", target, *options).code == 0
    front, one, back, other = read_frames(target)
    assert np.abs(one.astype(int) - front).mean() > 3
    assert np.abs(other.astype(int) - one).mean() > 3
    assert np.abs(back.astype(int) - front).mean() < 3


@pytest.mark.parametrize("extension", ["ply", "splat", "spz", "glb"])
def test_export_writes_every_gaussian(gagavatar, avatar_file, avatar, tmp_path, extension):
    target = tmp_path / f"head.{extension}"
    done = gagavatar("export", avatar_file, "-o", target, "--motion", "talk", "--frame", 5, "--json")
    summary = json.loads(done.out)
    assert summary["frame"] == 5
    assert 0.5 * len(avatar) < summary["gaussians"] <= len(avatar)
    if extension == "splat":
        assert target.stat().st_size == 32 * summary["gaussians"]


def test_export_writes_newer_spz_where_asked(gagavatar, avatar_file, tmp_path):
    pytest.importorskip("zstandard")
    assert gagavatar("export", avatar_file, "-o", tmp_path / "a.spz", "--spz", 4).code == 0
    assert (tmp_path / "a.spz").read_bytes()[:5] == b"NGSP\x04"
    done = gagavatar("export", avatar_file, "-o", tmp_path / "a.ply", "--spz", 3)
    assert "--spz 3 is for files that end in .spz" in done.err


def test_export_writes_a_page_with_motions(gagavatar, avatar_file, short_driver, tmp_path):
    target = tmp_path / "me.html"
    done = gagavatar("export", avatar_file, "-o", target, "--motion", short_driver, "--motion", "nod", "--json")
    summary = json.loads(done.out)
    assert summary["motions"] == [short_driver.stem, "nod"]
    assert summary["bytes"] == target.stat().st_size
    assert "<title>example</title>" in target.read_text(encoding="utf-8")


def test_export_of_a_page_says_what_is_wrong(gagavatar, avatar_file, tmp_path):
    target = tmp_path / "me.html"
    for option, value, complaint in [
        ("--live", "http://localhost", "no address of a WebSocket"),
        ("--background", "nowhere.jpg", "neither a color nor a picture"),
        ("--motion", "nowhere.mp4", "nowhere.mp4"),
    ]:
        done = gagavatar("export", avatar_file, "-o", target, option, value)
        assert done.code == 1
        assert complaint in done.err
        assert not target.exists()


def test_version(gagavatar):
    from gagavatar_nodes import __version__

    assert gagavatar("--version").out.strip() == f"gagavatar-nodes {__version__}"
