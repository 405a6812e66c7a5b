import time
from types import SimpleNamespace

import numpy as np
import pytest

from gagavatar_nodes.errors import FileFormatError, GagavatarError, MediaError
from gagavatar_nodes.nodes import NODE_CLASS_MAPPINGS, files
from gagavatar_nodes.nodes.files import NONE, resolve


def load_node(kind):
    return NODE_CLASS_MAPPINGS[f"GAGAvatarLoad{kind}"]


def test_a_saved_avatar_is_listed_and_comes_back(run, avatar, motion):
    name = run("SaveAvatar", avatar=avatar)["result"][0]
    assert name == "gagavatar/avatar_00001_.avatar.safetensors [output]"
    assert load_node("Avatar").INPUT_TYPES()["required"]["file"][0] == [name, NONE]
    assert load_node("Motion").INPUT_TYPES()["required"]["file"][0] == [NONE]
    back, info = run("LoadAvatar", file=name)
    assert "embedded" in info
    assert np.array_equal(back.perform(motion).gaussians(1).means, avatar.perform(motion).gaussians(1).means)


def test_a_saved_motion_is_listed_and_comes_back(run, motion):
    name = run("SaveMotion", motion=motion)["result"][0]
    run("SaveMotion", motion=motion)
    listed = load_node("Motion").INPUT_TYPES()["required"]["file"][0]
    assert sorted(listed[:-1]) == [name, name.replace("00001", "00002")]
    back, fps, report = run("LoadMotion", file=NONE, path=name)
    assert np.array_equal(back.deltas, motion.deltas)
    assert fps == 25
    assert "3 frames" in report


def test_files_in_a_linked_folder_are_listed_once(run, motion, folders, tmp_path):
    output = folders / "output"
    (tmp_path / "disk").mkdir()
    try:
        (output / "linked").symlink_to(tmp_path / "disk", target_is_directory=True)
        (tmp_path / "disk" / "round").symlink_to(output, target_is_directory=True)
    except OSError:
        pytest.skip("this system makes no links")
    run("SaveMotion", motion=motion, filename_prefix="linked/nod")
    listed = load_node("Motion").INPUT_TYPES()["required"]["file"][0]
    assert [name for name in listed if "nod" in name] == ["linked/nod_00001_.motion.safetensors [output]"]
    assert (tmp_path / "disk" / "nod_00001_.motion.safetensors").is_file()


def test_files_of_the_other_kind_are_refused(run, avatar, motion):
    avatar_file = run("SaveAvatar", avatar=avatar)["result"][0]
    with pytest.raises(FileFormatError, match="is not a motion file"):
        run("LoadMotion", file=avatar_file)
    with pytest.raises(FileFormatError, match="is not an avatar file"):
        run("LoadAvatar", file=run("SaveMotion", motion=motion)["result"][0])


def test_a_changed_file_is_loaded_anew(run, motion, folders):
    name = run("SaveMotion", motion=motion)["result"][0]
    before = load_node("Motion").IS_CHANGED(name)
    assert load_node("Motion").IS_CHANGED(name) == before
    resolve(name).write_bytes(b"other")
    assert load_node("Motion").IS_CHANGED(name) != before


@pytest.mark.parametrize(
    "prefix", ["../up", "a/../../up", "/etc/up", "C:\\up", "a\\..\\..\\up", "\\\\server\\share", "a\0b", ""]
)
def test_prefixes_do_not_leave_the_output_folder(run, motion, prefix, folders):
    with pytest.raises(MediaError, match="filename_prefix"):
        run("SaveMotion", motion=motion, filename_prefix=prefix)
    assert not [file for file in folders.rglob("*") if file.is_file()]


@pytest.mark.parametrize(
    "file", ["../secret.safetensors", "../secret.safetensors [output]", "/etc/passwd", "..\\x [input]", "C:x"]
)
def test_files_outside_are_refused_before_and_while_running(run, file, folders):
    (folders / "secret.safetensors").write_bytes(b"x")
    assert isinstance(load_node("Avatar").VALIDATE_INPUTS(file), str)
    with pytest.raises(MediaError):
        run("LoadAvatar", file=file)
    with pytest.raises(MediaError):
        run("LoadAvatar", file=NONE, path=file)


def test_nothing_chosen_says_what_to_do(run):
    assert load_node("Avatar").VALIDATE_INPUTS(NONE) is True
    with pytest.raises(MediaError, match="No file is chosen"):
        run("LoadAvatar", file=NONE)


@pytest.mark.parametrize("extension", ["ply", "splat", "spz", "glb"])
def test_splats_are_written_at_a_frame(run, avatar, motion, extension, folders):
    result = run("AvatarToSplat", avatar=avatar, motion=motion, frame=2, format=extension)
    assert result["result"][0] == f"gagavatar/splat_00001_.{extension}"
    assert (folders / "output" / result["result"][0]).stat().st_size > 100_000


def test_a_page_is_written_with_its_motion_and_sound(run, avatar, motion, folders):
    torch = pytest.importorskip("torch")
    sound = {"waveform": torch.sin(torch.arange(8000) / 9)[None, None] / 2, "sample_rate": 16000}
    result = run("AvatarToWebPage", avatar=avatar, motion=motion, audio=sound, title="<Ada>", background="#102030")
    assert result["result"][0] == "gagavatar/avatar_00001_.html"
    assert result["ui"]["gagavatar_page"][0]["filename"] == "avatar_00001_.html"
    page = (folders / "output" / result["result"][0]).read_text(encoding="utf-8")
    assert "<title>&lt;Ada&gt;</title>" in page
    assert '"background": "#102030"' in page
    assert "data:audio/mpeg;base64," in page


def test_a_page_wants_a_color(run, avatar):
    with pytest.raises(GagavatarError, match="'beach' is no color"):
        run("AvatarToWebPage", avatar=avatar, background="beach")


@pytest.mark.parametrize("extension", ["csv", "json"])
def test_motions_leave_and_return_as_curves(run, motion, folders, extension):
    name = run("SaveMotion", motion=motion, format=extension)["result"][0]
    assert name == f"gagavatar/motion_00001_.motion.{extension} [output]"
    read, fps, _ = run("LoadMotion", path=name)
    assert fps == (motion.fps if extension == "json" else 60), "timecodes of less than a second tell no rate"
    assert np.abs(read.arkit - motion.arkit).max() < 1e-3


def test_a_frame_past_the_end_is_named(run, avatar, motion):
    with pytest.raises(GagavatarError, match="no frame 3: the motion has frames 0 to 2"):
        run("AvatarToSplat", avatar=avatar, motion=motion, frame=3)


def test_dates_and_sizes_in_names_are_filled_in_as_comfyui_does(monkeypatch):
    moment = time.struct_time((2031, 4, 7, 9, 5, 3, 0, 97, 0))
    monkeypatch.setattr(files.time, "localtime", lambda: moment)
    assert files.fill_in("a/%date:yyyy-MM-dd%/b_%date:yy.M.d%", 0, 0) == "a/2031-04-07/b_31.4.7"
    assert files.fill_in("%date:hh:mm:ss%_%width%x%height%_%year%%month%%day%", 640, 480) == "09_05_03_640x480_20310407"
    assert files.fill_in("100%", 0, 0) == "100%"


@pytest.mark.parametrize("prefix", ["a/b:c", "what?", "a|b", 'x"y', "a\x07b"])
def test_names_that_windows_does_not_allow_are_refused_there(run, motion, prefix, folders, monkeypatch):
    monkeypatch.setattr(files, "sys", SimpleNamespace(platform="win32"))
    with pytest.raises(MediaError, match="which Windows does not allow"):
        run("SaveMotion", motion=motion, filename_prefix=prefix)
    assert not [file for file in folders.rglob("*") if file.is_file()]
