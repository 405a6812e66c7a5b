"""Bad input: one line that names the file and the next step, an exit code, and nothing half-written."""

from __future__ import annotations

import json
import os
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from gagavatar_nodes import assets
from media_files import encode_sound, encode_video
from synthetic import DRIVER

PORTRAIT = assets.path("example_portrait.jpg")
posix_only = pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither these signals nor these limits")


@pytest.fixture
def output(tmp_path) -> Path:
    """An empty folder for what a command writes."""
    folder = tmp_path / "output"
    folder.mkdir()
    return folder


@pytest.fixture
def refused(gagavatar, output):
    """Function (words, *arguments): the command must fail with one line that holds the words, and leave nothing."""

    def check(words: tuple[str, ...], *arguments: object, code: int = 1) -> None:
        done = gagavatar(*arguments)
        assert done.code == code, done.err
        assert done.out == ""
        assert done.err.count("\n") == 1, done.err
        assert done.err.endswith("\n")
        for word in words:
            assert word in done.err, (word, done.err)
        assert list(output.iterdir()) == []

    return check


def picture(path: Path, content: np.ndarray) -> Path:
    Image.fromarray(content).save(path)
    return path


def small_face(size: int) -> np.ndarray:
    """The example portrait, `size` pixels wide, on gray."""
    canvas = np.full((400, 400, 3), 120, np.uint8)
    face = cv2.resize(cv2.imread(str(PORTRAIT))[..., ::-1], (size, size), interpolation=cv2.INTER_AREA)
    canvas[100 : 100 + size, 100 : 100 + size] = face
    return canvas


def bad_picture(name: str, folder: Path) -> Path:
    portrait = np.asarray(Image.open(PORTRAIT))
    path = folder / name
    if name == "noface.png":
        return picture(path, np.full((300, 400, 3), 120, np.uint8))
    if name == "cutoff.png":
        return picture(path, portrait[:230])
    if name == "tiny.png":
        return picture(path, small_face(90))
    if name == "video.jpg":
        path.write_bytes(DRIVER.read_bytes())
    elif name == "truncated.jpg":
        path.write_bytes(PORTRAIT.read_bytes()[:20000])
    elif name == "sound.png":
        encode_sound(folder / "sound.m4a").rename(path)
    elif name == "huge.png":
        return picture(path, np.zeros((6000, 20000), np.uint8))
    elif name == "folder.png":
        path.mkdir()
    elif name != "missing.jpg":
        path.write_bytes(
            {"empty.jpg": b"", "text.jpg": b"not a picture at all", "noise.png": bytes(range(256)) * 9}[name]
        )
    return path


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("missing.jpg", "check the path"),
        ("empty.jpg", "copy or download it again"),
        ("truncated.jpg", "save or download it again"),
        ("text.jpg", "use a JPEG, PNG or WebP"),
        ("noise.png", "use a JPEG, PNG or WebP"),
        ("video.jpg", "save one of its frames"),
        ("sound.png", "a picture is needed"),
        ("folder.png", "give the name of a file"),
        ("huge.png", "shrink it"),
        ("noface.png", "No face was found: use a picture"),
        ("cutoff.png", "cut off at the picture's bottom edge: use a picture"),
        ("tiny.png", "too small: 27 pixels, where at least 32 are needed"),
    ],
)
def test_a_picture_that_cannot_be_a_portrait(refused, tmp_path, output, name, advice):
    path = bad_picture(name, tmp_path)
    refused((str(path), advice), "lift", path, "-o", output / "avatar.safetensors")


def test_a_face_just_large_enough_is_lifted(gagavatar, tmp_path):
    path = picture(tmp_path / "small.png", small_face(130))
    assert gagavatar("lift", path, "-o", tmp_path / "a.safetensors", "--density", 148).code == 0


def test_a_very_wide_picture_is_shrunk_while_it_is_read(gagavatar, tmp_path):
    portrait = np.asarray(Image.open(PORTRAIT))
    wide = np.full((1440, 20000, 3), 110, np.uint8)
    wide[:, 9000:10440] = cv2.resize(portrait, (1440, 1440))
    path = picture(tmp_path / "wide.jpg", wide)
    done = gagavatar("lift", path, "-o", tmp_path / "a.safetensors", "--density", 148)
    assert (done.code, done.err) == (0, "")


def bad_driver(name: str, folder: Path, avatar_file: Path) -> Path:
    path = folder / name
    gray = np.full((120, 160, 3), 100, np.uint8)
    if name == "noface.mp4":
        return encode_video(path, [gray] * 5)
    if name == "single.mp4":
        return encode_video(path, [np.ascontiguousarray(cv2.imread(str(PORTRAIT))[::2, ::2, ::-1])])
    if name == "portrait.mp4":
        path.write_bytes(PORTRAIT.read_bytes())
    elif name == "truncated.mp4":
        path.write_bytes(DRIVER.read_bytes()[:3000])
    elif name == "avatar.safetensors":
        path.write_bytes(avatar_file.read_bytes())
    elif name == "folder.mp4":
        path.mkdir()
    elif name != "missing.mp4":
        path.write_bytes(
            {"empty.mp4": b"", "text.mp4": b"text, not a film\n" * 50, "noise.mp4": bytes(range(256)) * 20}[name]
        )
    return path


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("missing.mp4", "give a video, a sound, a picture, a motion file, or one of idle, nod"),
        ("empty.mp4", "copy or download it again"),
        ("truncated.mp4", "damaged"),
        ("text.mp4", "check it in a player"),
        ("noise.mp4", "check it in a player"),
        ("noface.mp4", "no face was found in any of the 5 frames. Use a video"),
        ("folder.mp4", "give the name of a file"),
        ("avatar.safetensors", "is not a motion file: make one with 'gagavatar track'"),
    ],
)
def test_a_file_that_cannot_drive(refused, avatar_file, tmp_path, output, name, advice):
    path = bad_driver(name, tmp_path, avatar_file)
    refused((name, advice), "render", avatar_file, path, "-o", output / "out.mp4", "--size", 64)


@pytest.mark.parametrize("name", ["single.mp4", "portrait.mp4"])
def test_one_frame_makes_a_picture_and_no_video(refused, gagavatar, avatar_file, tmp_path, output, name):
    path = bad_driver(name, tmp_path, avatar_file)
    refused(("single frame", "name a picture"), "render", avatar_file, path, "-o", output / "out.mp4", "--size", 64)
    done = gagavatar("render", avatar_file, path, "-o", output / "out.png", "--size", 64)
    assert (done.code, done.err) == (0, "")


def test_what_can_be_read_of_a_cut_off_video_is_used_with_one_warning(gagavatar, driver_images, avatar_file, tmp_path):
    whole = encode_video(tmp_path / "whole.mkv", driver_images[:20], pixels="yuv420p")
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    done = gagavatar("render", avatar_file, cut, "-o", tmp_path / "out.gif", "--size", 64)
    assert done.code == 0
    assert done.err.count("\n") <= 1


def rewritten(path: Path, source: Path, change) -> Path:
    """A safetensors file with a changed header."""
    raw = source.read_bytes()
    length = struct.unpack("<Q", raw[:8])[0]
    header = json.loads(raw[8 : 8 + length])
    change(header)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + raw[8 + length :])
    return path


def newer(header: dict) -> None:
    header["__metadata__"]["version"] = "99"


def misshapen(header: dict) -> None:
    name = next(name for name in sorted(header) if name in ("arkit", "colours"))
    header[name]["shape"] = [2, *header[name]["shape"]]


@pytest.fixture(scope="module")
def motion_file(driver_motion, tmp_path_factory) -> Path:
    from gagavatar_nodes.driving.motion_file import save_motion

    path = tmp_path_factory.mktemp("motion") / "motion.safetensors"
    save_motion(driver_motion, path)
    return path


@pytest.mark.parametrize(
    ("damage", "advice"),
    [(newer, "update it"), (misshapen, "Make it anew"), (None, "cut off: copy or download it again")],
)
@pytest.mark.parametrize("kind", ["motion", "avatar"])
def test_a_damaged_or_newer_motion_or_avatar_file(
    refused, motion_file, avatar_file, tmp_path, output, kind, damage, advice
):
    files = {"motion": motion_file, "avatar": avatar_file}
    path = tmp_path / f"{kind}.safetensors"
    if damage is None:
        path.write_bytes(files[kind].read_bytes()[:-1000])
    else:
        rewritten(path, files[kind], damage)
    files[kind] = path
    refused((str(path), advice), "render", files["avatar"], files["motion"], "-o", output / "out.mp4", "--size", 64)


@pytest.mark.parametrize("fps", ["1e300", "1e-300", "-25", "nan", "fast"])
def test_a_motion_of_an_absurd_rate(refused, motion_file, avatar_file, tmp_path, output, fps):
    path = rewritten(tmp_path / "m.safetensors", motion_file, lambda header: header["__metadata__"].update(fps=fps))
    refused((str(path), f"frames per second are '{fps}'"), "render", avatar_file, path, "-o", output / "out.mp4")


def test_a_motion_that_would_last_for_days_at_another_rate(refused, motion_file, avatar_file, tmp_path, output):
    path = rewritten(tmp_path / "m.safetensors", motion_file, lambda header: header["__metadata__"].update(fps="0.01"))
    render = ("render", avatar_file, path, "-o", output / "out.mp4", "--fps", 240)
    refused(("2.0 hours at its 0.01 frames a second", "choose a lower one"), *render)


@posix_only
@pytest.mark.parametrize(
    "arguments",
    [
        ("lift", "PIPE", "-o", "a.safetensors"),
        ("animate", "PIPE", "nod", "-o", "out.mp4"),
        ("animate", PORTRAIT, "PIPE", "-o", "out.mp4"),
        ("track", "PIPE", "-o", "m.safetensors"),
        ("render", "PIPE", "nod", "-o", "out.mp4"),
        ("render", "AVATAR", "PIPE", "-o", "out.mp4"),
        ("render", "AVATAR", "nod", "-o", "out.mp4", "--audio", "PIPE"),
        ("render", "AVATAR", "nod", "-o", "out.mp4", "--background", "PIPE"),
        ("export", "AVATAR", "-o", "out.ply", "--motion", "PIPE"),
        ("render", "AVATAR", "nod", "-o", "PIPE", "--size", 64),
    ],
    ids=lambda arguments: " ".join(map(str, (arguments[0], *arguments[-2:]))),
)
def test_a_pipe_is_no_file_and_is_not_waited_for(refused, avatar_file, tmp_path, output, arguments):
    pipe = tmp_path / "pipe.mp4"
    os.mkfifo(pipe)
    names = {"PIPE": pipe, "AVATAR": avatar_file}
    given = [names.get(a, output / a if str(a).startswith(("out.", "a.", "m.")) else a) for a in arguments]
    refused((str(pipe), "is a pipe and not a file"), *given)


def test_a_motion_file_is_no_avatar_file(refused, motion_file, output):
    refused((str(motion_file), "gagavatar lift"), "render", motion_file, "nod", "-o", output / "out.mp4")


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("none/out.mp4", "there is no folder"),
        ("none/deeper/%04d.png", "there is no folder"),
        ("../file/out.mp4", "there is no folder"),
        ("../file/%04d.png", "give the name of a folder"),
        ("out.xyz", "use .mp4"),
        ("out", "use .mp4"),
        ("../folder.mp4", "is a folder"),
    ],
)
def test_an_output_that_cannot_be_written_is_found_before_the_work(
    refused, avatar_file, tmp_path, output, name, advice
):
    (tmp_path / "file").touch()
    (tmp_path / "folder.mp4").mkdir()
    refused((advice,), "render", avatar_file, "no such driver.mp4", "-o", output / name)


@pytest.mark.parametrize("command", ["lift", "track"])
def test_motion_and_avatar_files_have_their_extension(refused, output, command):
    refused(("out.mp4", ".safetensors"), command, DRIVER, "-o", output / "out.mp4")


def test_inputs_are_not_overwritten(refused, gagavatar, avatar_file, tmp_path, output):
    own = tmp_path / "own.png"
    own.write_bytes(PORTRAIT.read_bytes())
    refused((str(own), "would be overwritten"), "animate", own, "nod", "-o", own)
    refused(("would be overwritten",), "render", avatar_file, own, "-o", own)
    refused(("would be overwritten",), "render", avatar_file, "nod", "-o", own, "--background", own)
    assert own.read_bytes() == PORTRAIT.read_bytes()


@pytest.mark.parametrize(
    ("name", "options", "advice"),
    [
        ("out.mp4", ["--background", "transparent"], "use .webm"),
        ("out.gif", ["--background", "alpha"], "use .webm"),
        ("out.jpg", ["--background", "transparent"], "use .png"),
        ("out.webm", ["--background", "transparent", "--compare"], "choose another --background"),
        ("out.mp4", ["--background", "nosuch"], "check its spelling"),
        ("out.mp4", ["--background", "#12345"], "check its spelling"),
    ],
)
def test_a_background_that_does_not_fit_is_found_before_the_work(refused, output, name, options, advice):
    refused((advice,), "animate", "no such portrait.jpg", DRIVER, "-o", output / name, *options)


@pytest.mark.parametrize(
    "options",
    [
        ["--size", "0"],
        ["--size", "5000"],
        ["--size", "-64"],
        ["--size", "64x"],
        ["--size", "64x64x64"],
        ["--density", "10"],
        ["--density", "513"],
        ["--smoothing", "7"],
        ["--smoothing", "nan"],
        ["--fps", "-1"],
        ["--fps", "0"],
        ["--fps", "1e9"],
        ["--seconds", "0"],
        ["--expression", "-1"],
        ["--head-pose", "inf"],
        ["--device", "tpu"],
        ["--face", "left"],
        ["--face", "nan,3"],
        ["--reference", "first"],
        ["--stitch", "--compare"],
        ["--nosuch"],
    ],
    ids="".join,
)
def test_an_impossible_option_is_wrong_usage(refused, output, options):
    refused((options[-1], "--help"), "animate", PORTRAIT, DRIVER, "-o", output / "out.mp4", *options, code=2)


def test_orbits_options_are_checked_too(refused, avatar_file, output):
    for options in (["--path", "spiral"], ["--yaw", "200"], ["--pitch", "nan"], ["--seconds", "-1"]):
        refused((options[-1],), "orbit", avatar_file, "-o", output / "out.gif", *options, code=2)


def test_frames_and_faces_that_are_not_there(refused, avatar_file, output):
    export = ("export", avatar_file, "-o", output / "out.ply")
    refused(("frame 0", "--frame is 3"), *export, "--frame", 3)
    refused(("nod has frames 0 to", "--frame is -1"), *export, "--motion", "nod", "--frame", -1)
    refused(("out.foo", ".splat"), "export", avatar_file, "-o", output / "out.foo")
    lift = ("lift", PORTRAIT, "-o", output / "out.safetensors")
    refused((str(PORTRAIT), "There is no face 4: 1 face was found"), *lift, "--face", 4)
    refused((str(PORTRAIT), "There is no face at (10, 10)"), *lift, "--face", "10,10")
    render = ("render", avatar_file, "nod", "-o", output / "out.mp4", "--size", 64)
    refused(("0 to 74", "900"), *render, "--reference", 900)


def test_an_unknown_driver_is_found_before_the_portrait_is_lifted(refused, output):
    refused(("dance does not exist", "nod"), "animate", "no such portrait.jpg", "dance", "-o", output / "out.mp4")


def test_sound_that_is_none(refused, avatar_file, tmp_path, output):
    (tmp_path / "text.wav").write_text("no sound")
    render = ("render", avatar_file, "nod", "--seconds", 0.2, "--size", 64, "-o", output / "out.mp4", "--audio")
    refused(("text.wav", "no sound"), *render, tmp_path / "text.wav")
    refused(("none.wav", "does not exist"), *render, tmp_path / "none.wav")


def test_messages_stay_on_one_line_whatever_a_file_is_called(refused, tmp_path, output):
    if sys.platform == "win32":
        pytest.skip("Windows has no such names")
    refused(("two lines.jpg",), "lift", tmp_path / "two\nlines.jpg", "-o", output / "a.safetensors")
    name = "long" * 100 + ".mp4"
    refused(("long", "name too long"), "render", "avatar", "nod", "-o", output / name)


def limited(limit: int, *arguments: object) -> subprocess.CompletedProcess[str]:
    """The command where no file may grow beyond `limit` bytes."""
    code = (
        "import resource, sys\n"
        "from gagavatar_nodes.cli import run\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n"
        "run()"
    )
    command = [sys.executable, "-c", code, *map(str, arguments)]
    unwritten = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}  # compiled modules would be kept, and cut off
    return subprocess.run(command, env=unwritten, capture_output=True, text=True)


@pytest.fixture(scope="module")
def built_rasterizer(session_cache):
    """The compiled rasterizer in the session's cache: where no file may grow, none can be built."""
    subprocess.run([sys.executable, "-c", "from gagavatar_nodes.rendering import describe; describe()"], check=True)


@posix_only
@pytest.mark.usefixtures("built_rasterizer")
@pytest.mark.parametrize("name", ["out.mp4", "out.gif", "frames/%03d.png", "out.ply", "out.safetensors"])
def test_a_full_disk_leaves_nothing(avatar_file, short_driver, output, name):
    command = {".ply": ("export", avatar_file), ".safetensors": ("track", short_driver)}
    arguments = command.get(Path(name).suffix, ("render", avatar_file, "nod", "--size", 96, "--seconds", 0.4))
    done = limited(2000, *arguments, "-o", output / name)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1, done.stderr
    assert "the disk is full: free some space" in done.stderr
    assert list(output.iterdir()) == []


def stopped(output: Path, *arguments: object, by: signal.Signals = signal.SIGINT) -> tuple[int, str]:
    """Exit code and stderr of a command that gets a signal once its temporary file is there."""
    command = [sys.executable, "-m", "gagavatar_nodes.cli", *map(str, arguments)]
    heard = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)  # noqa: E731 - what runs in the background ignores it
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, preexec_fn=heard) as process:
        while process.poll() is None and not list(output.iterdir()):
            time.sleep(0.01)
        time.sleep(0.1)
        process.send_signal(by)
        error = process.communicate(timeout=300)[1]
        return process.returncode, error


@posix_only
def test_ctrl_c_while_rendering_leaves_nothing(avatar_file, output):
    render = ("render", avatar_file, "talk", "--seconds", 300, "--size", 96, "-o", output / "out.mp4")
    assert stopped(output, *render) == (130, "gagavatar: interrupted\n")
    assert list(output.iterdir()) == []


@posix_only
@pytest.mark.parametrize("name", ["out.mp4", "frames/%04d.png"])
def test_sigterm_while_rendering_leaves_nothing(avatar_file, output, name):
    render = ("render", avatar_file, "talk", "--seconds", 300, "--size", 96, "-o", output / name)
    assert stopped(output, *render, by=signal.SIGTERM) == (143, "gagavatar: interrupted\n")
    assert list(output.iterdir()) == []


@posix_only
def test_sigterm_ends_a_program_that_is_stuck_in_compiled_code():
    code = (
        "import ctypes\n"
        "from gagavatar_nodes import stopping\n"
        "stopping._GRACE = 0.5\n"
        "stopping.stop_on_signals()\n"
        "while True:\n"
        "    try:\n"
        "        print('stuck', flush=True)\n"
        "        ctypes.CDLL(None).sleep(600)\n"
        "    except KeyboardInterrupt:\n"
        "        pass\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "stuck\n"
        process.terminate()
        assert process.wait(timeout=300) == 143


@posix_only
def test_a_killed_run_leaves_what_a_later_one_removes(gagavatar, avatar_file, output):
    render = ("render", avatar_file, "talk", "--seconds", 300, "--size", 96, "-o", output / "out.mp4")
    assert stopped(output, *render, by=signal.SIGKILL)[0] == -signal.SIGKILL
    (left,) = output.iterdir()
    os.utime(left, (time.time() - 3600,) * 2)
    assert gagavatar("export", avatar_file, "-o", output / "out.ply").code == 0
    assert [path.name for path in output.iterdir()] == ["out.ply"]


@posix_only
def test_a_link_as_output_stays_a_link(gagavatar, avatar_file, tmp_path, output):
    (output / "out.png").symlink_to(tmp_path / "real.png")
    assert gagavatar("render", avatar_file, "nod", "-o", output / "out.png", "--size", 64).code == 0
    assert (output / "out.png").is_symlink()
    assert Image.open(tmp_path / "real.png").size == (64, 64)


@posix_only
def test_ctrl_c_while_tracking_leaves_nothing(driver_images, tmp_path, output):
    small = [np.ascontiguousarray(image[::2, ::2]) for image in driver_images]
    video = encode_video(tmp_path / "long.mp4", small * 5, fps=25, pixels="yuv420p")
    track = ("track", video, "-o", output / "m.safetensors", "--preview", output / "p.mp4")
    assert stopped(output, *track) == (130, "gagavatar: interrupted\n")
    assert list(output.iterdir()) == []


@posix_only
def test_a_reader_that_goes_away_is_no_error_of_ours():
    command = f"{sys.executable} -m gagavatar_nodes.cli info --json | true"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert done.stderr == ""
