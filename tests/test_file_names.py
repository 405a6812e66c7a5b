"""Every character that a file system allows works in every place that takes a name."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from gagavatar_nodes import assets
from gagavatar_nodes.media.kinds import media_kind
from gagavatar_nodes.media.video_reader import VideoReader

PORTRAIT = assets.path("example_portrait.jpg")
NAMES = [
    "2024-11-14T22:57:44", "take:2", "http:", "100% off #1 [x]", "it's \"so\" $HOME & more?", "笑顔 é", "-o", "a\\b|c*",
    "file:x", "two\nlines", " spaces ", "[0]",
]  # fmt: skip

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="Windows allows few of them"),
    pytest.mark.usefixtures("lifted_once"),
]


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """Relative names are the hard ones."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def given(name: str) -> str:
    """As a shell's user has to write a name that begins with a dash."""
    return f"./{name}" if name.startswith("-") else name


@pytest.mark.parametrize("name", NAMES)
def test_a_name_serves_as_driver_sound_background_output_and_preview(gagavatar, here, short_driver, avatar_file, name):
    for ending in (".mp4", ".out.mp4", ".png", ".safetensors", ".avatar.safetensors", ".preview.mp4"):
        assert not Path(name + ending).exists()
    name = given(name)
    shutil.copyfile(short_driver, f"{name}.mp4")
    shutil.copyfile(avatar_file, f"{name}.avatar.safetensors")
    arguments = [
        ("track", f"{name}.mp4", "-o", f"{name}.safetensors", "--preview", f"{name}.preview.mp4"),
        ("render", f"{name}.avatar.safetensors", f"{name}.safetensors", "-o", f"{name}.out.mp4", "--size", 64,
         "--audio", f"{name}.mp4", "--background", f"{name}.mp4"),
        ("render", f"{name}.avatar.safetensors", f"{name}.safetensors", "-o", f"{name}.png", "--size", 64),
    ]  # fmt: skip
    for command in arguments:
        done = gagavatar(*command)
        assert (done.code, done.err) == (0, "")
    with VideoReader(f"{name}.out.mp4") as video:
        assert (video.has_audio, video.frame_count) == (True, 6)
    assert media_kind(f"{name}.preview.mp4") == "video"
    assert media_kind(f"{name}.png") == "image"
    assert not [file for file in os.listdir() if ".tmp" in file]


@pytest.mark.parametrize("name", NAMES)
def test_numbered_pictures_may_have_any_name(gagavatar, here, avatar_file, name):
    render = ("render", avatar_file, "nod", "--seconds", 0.08, "--size", 64)
    assert gagavatar(*render, "-o", f"{given(name)}/{name}_%03d.png").code == 0
    assert sorted(os.listdir(name)) == [f"{name}_001.png", f"{name}_002.png"]


def test_a_portrait_may_have_any_name(gagavatar, here):
    shutil.copyfile(PORTRAIT, "2024-11-14T22:57:44.jpg")
    done = gagavatar("lift", "2024-11-14T22:57:44.jpg", "-o", "me:1.safetensors", "--density", 148)
    assert (done.code, done.err) == (0, "")


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS has names in Unicode alone")
def test_a_name_that_is_no_text_is_read_and_written(gagavatar, here, short_driver, avatar_file):
    name = os.fsdecode(b"caf\xe9")
    shutil.copyfile(short_driver, f"{name}.mp4")
    render = ("render", avatar_file, f"{name}.mp4", "-o", f"{name}.gif", "--size", 64)
    assert gagavatar(*render).code == 0
    assert media_kind(f"{name}.gif") == "animation"
