"""A whole graph, of which each file has a name such as file systems allow and programs stumble over."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

import odd_pictures
from gagavatar_nodes import assets
from gagavatar_nodes.media.kinds import media_kind
from gagavatar_nodes.media.video_reader import VideoReader
from odd_inputs import NAMES

pytest.importorskip("gradio")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows allows few of them")


@pytest.fixture
def program(tmp_path):
    from gagavatar_nodes.app.sessions import Sessions

    return Sessions(tmp_path / "app").of("visitor").program(lambda done, total, picture: None)


@pytest.fixture(scope="module")
def cache():
    from gagavatar_nodes.app.executor import ResultCache

    return ResultCache()


def graph_of(names):
    """Portrait, driver, sound and background in; avatar, motion, video, picture, splat and page out."""
    from gagavatar_nodes.app.graphs import node

    saved = (f"made/{name}" for name in names)
    size = {"width": 64, "height": 64}
    look = {"avatar": ["avatar", 0], "motion": ["motion", 0], **size, "background_image": ["background", 0]}
    page = {"avatar": ["avatar", 0], "motion": ["motion", 0], "audio": ["sound", 0], "filename_prefix": next(saved)}
    video = {"video": ["joined", 0], "format": "auto", "codec": "auto", "filename_prefix": next(saved)}
    return {
        "portrait": node("LoadImage", image=f"{names[0]}.jpg"),
        "background": node("LoadImage", image=f"{names[1]}.png"),
        "video": node("LoadVideo", file=f"{names[2]}.mp4"),
        "sound": node("LoadAudio", audio=f"{names[3]}.wav"),
        "track": node("TrackPortrait", image=["portrait", 0]),
        "model": node("LoadAvatarModel", model="embedded", density=148),
        "lift": node("LiftPortrait", portrait=["track", 0], model=["model", 0]),
        "driver": node("ExtractDriving", video=["video", 0], preview_frames=2),
        "kept_avatar": node("SaveAvatar", avatar=["lift", 0], filename_prefix=next(saved)),
        "kept_motion": node("SaveMotion", motion=["driver", 0], filename_prefix=next(saved)),
        "avatar": node("LoadAvatar", file="(none)", path=["kept_avatar", 0]),
        "motion": node("LoadMotion", file="(none)", path=["kept_motion", 0]),
        "render": node("RenderAvatarToVideo", **look, audio=["sound", 0], filename_prefix=next(saved)),
        "frames": node("RenderAvatar", **look),
        "joined": node("CreateVideo", images=["frames", 0], fps=10.0, audio=["sound", 0]),
        "saved": node("SaveVideo", **video),
        "picture": node("SaveImage", images=["frames", 0], filename_prefix=next(saved)),
        "splat": node("AvatarToSplat", avatar=["avatar", 0], filename_prefix=next(saved)),
        "page": node("AvatarToWebPage", **page),
    }  # fmt: skip


@pytest.mark.parametrize("start", [0, 10])
def test_a_whole_graph_runs_with_any_names(program, cache, short_driver, start):
    from gagavatar_nodes.app.executor import execute

    names = [*NAMES[start:], *NAMES[:start]]
    odd_pictures.save(program.input / f"{names[0]}.jpg", odd_pictures.photo(240))
    odd_pictures.save(program.input / f"{names[1]}.png", odd_pictures.photo(64))
    shutil.copyfile(short_driver, program.input / f"{names[2]}.mp4")
    shutil.copyfile(assets.path("example_voice.flac"), program.input / f"{names[3]}.wav")
    done = execute(graph_of(names), program, cache)
    made = [path for path in program.output.rglob("*") if path.is_file()]
    assert all(path.name.startswith(tuple(f"{name}_" for name in names)) for path in made), made
    for id_ in ("render", "saved"):
        paths = [one for output in done[id_] for one in output if isinstance(one, str)]
        with VideoReader(Path(paths[0])) as video:
            assert (video.frame_count, video.has_audio) == (6, True)
    assert sorted(path.suffix for path in made) == sorted(
        [".html", ".mp4", ".mp4", ".ply", *6 * [".png"], ".safetensors", ".safetensors"]
    )
    assert all(media_kind(path) == "image" for path in made if path.suffix == ".png")
