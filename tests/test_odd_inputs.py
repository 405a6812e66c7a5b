"""Files as people have them (`tools/odd_inputs.py`), through the command, the nodes and the page's executor."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

import odd_films
import odd_pictures
from gagavatar_nodes import pipeline
from gagavatar_nodes.errors import FaceError
from gagavatar_nodes.media.color import ADOBE_RGB
from gagavatar_nodes.media.images import read_image
from gagavatar_nodes.media.sound import SoundReader
from gagavatar_nodes.media.video_reader import VideoReader
from gagavatar_nodes.types import ARKIT_NAMES, Motion
from odd_inputs import KINDS

pytestmark = pytest.mark.usefixtures("lifted_once")
SIZE, GAP = 64, 4
"""Pixels of a panel, and between panels."""
BLUE = "#00a0ff"
SURFACES = ("command", "node", "page")


@dataclass(frozen=True)
class Result:
    """What a surface made, and all that it said."""

    path: Path | None
    words: str
    motion: Motion | None = None

    @property
    def driver_panels(self) -> np.ndarray:
        """[T, SIZE, SIZE, 3]: the driver as it is shown between portrait and head."""
        with VideoReader(self.path) as video:
            frames = np.stack(list(video))
        assert frames.shape[1] == SIZE
        return frames[:, :, SIZE + GAP : 2 * SIZE + GAP]


class Command:
    """`gagavatar`, in a process of the test's."""

    def __init__(self, folder: Path, portrait: Path, gagavatar: Any, caplog: pytest.LogCaptureFixture) -> None:
        self._folder, self._portrait, self._gagavatar, self._caplog = folder, portrait, gagavatar, caplog

    def animate(self, driver: Path) -> Result:
        return self._run("animate", self._portrait, driver, "-o", self._folder / "out.mp4", "--compare")

    def animate_picture(self, portrait: Path) -> Result:
        out = self._folder / "out.png"
        return self._run("animate", portrait, "nod", "-o", out, "--seconds", 0.04, "--background", BLUE)

    def track(self, driver: Path) -> Result:
        from gagavatar_nodes.driving.motion_file import load_motion

        out = self._folder / "motion.safetensors"
        done = self._gagavatar("track", driver, "-o", out)
        assert done.code == 0, done.err
        return Result(None, done.err, load_motion(out))

    def _run(self, *arguments: object) -> Result:
        done = self._gagavatar(*arguments, "--size", SIZE, "--density", 148)
        assert done.code == 0, done.err
        return Result(Path(str(arguments[4])), done.err + self._caplog.text)


class Nodes:
    """The nodes, one by one, as ComfyUI calls them."""

    def __init__(self, folder: Path, portrait: Path, gagavatar: Any, caplog: pytest.LogCaptureFixture) -> None:
        pytest.importorskip("torch")
        self._portrait, self._caplog = portrait, caplog

    def animate(self, driver: Path) -> Result:
        from gagavatar_nodes.app.core_nodes import FileVideo

        self._caplog.clear()
        portrait, avatar = self._lift(self._portrait)
        motion, audio, _, report, _ = _node("ExtractDriving", video=FileVideo(driver), preview_frames=0)
        values = {"width": SIZE, "height": SIZE, "audio": audio, "beside_driver": FileVideo(driver)}
        drawn = _node("RenderAvatarToVideo", avatar=avatar, motion=motion, beside_portrait=portrait, **values)
        return Result(Path(drawn["result"][1]), report + self._caplog.text, motion)

    def track(self, driver: Path) -> Result:
        from gagavatar_nodes.app.core_nodes import FileVideo

        motion, _, _, report, _ = _node("ExtractDriving", video=FileVideo(driver), preview_frames=0)
        return Result(None, report, motion)

    @staticmethod
    @cache
    def _lift(portrait: Path) -> tuple[Any, Any]:
        picture = read_image(portrait)
        image = picture.rgb if picture.alpha is None else np.dstack([picture.rgb, np.round(255 * picture.alpha)])
        tracked = _node("TrackPortrait", image=image[None].astype(np.float32) / 255)[0][0]
        model = _node("LoadAvatarModel", model="embedded", density=148)[0]
        return tracked, _node("LiftPortrait", portrait=tracked, model=model)[0]


class Page:
    """The graphs of the page's buttons, in its executor."""

    kept: Any = None

    def __init__(self, folder: Path, portrait: Path, gagavatar: Any, caplog: pytest.LogCaptureFixture) -> None:
        pytest.importorskip("gradio")
        from gagavatar_nodes.app.executor import ResultCache
        from gagavatar_nodes.app.sessions import Sessions

        Page.kept = Page.kept or ResultCache()
        self._program = Sessions(folder / "app").of("visitor").program(lambda done, total, picture: None)
        self._portrait, self._caplog = portrait, caplog

    def animate(self, driver: Path) -> Result:
        return self._run(self._portrait, driver, compare=True)

    def animate_picture(self, portrait: Path) -> Result:
        return self._run(portrait, None, color=BLUE, seconds=0.04)

    def track(self, driver: Path) -> Result:
        return self._run(self._portrait, driver, wanted=["driver"])

    def _run(self, portrait: Path, driver: Path | None, wanted: list[str] | None = None, **options: Any) -> Result:
        from gagavatar_nodes.app.executor import execute
        from gagavatar_nodes.app.graphs import AnimateOptions, Source, animate, node

        self._caplog.clear()
        for path in (portrait, driver):
            if path is not None:
                shutil.copy(path, self._program.input / path.name)
        driven = Source("builtin", "nod") if driver is None else Source("file", driver.name)
        options = {"width": SIZE, "height": SIZE, "model": "embedded", **options}
        graph = animate(Source("file", portrait.name), driven, AnimateOptions(**options))
        graph["model"] = node("LoadAvatarModel", model="embedded", density=148)
        done = execute(graph, self._program, Page.kept, wanted=wanted)
        words = done["driver"][3][0] if driver is not None else ""
        path = Path(done["render"][1][0]) if wanted is None else None
        return Result(path, words + self._caplog.text, done["driver"][0][0])


def _node(name: str, /, **inputs: Any) -> Any:
    from gagavatar_nodes.nodes import NODE_CLASS_MAPPINGS

    node = NODE_CLASS_MAPPINGS[f"GAGAvatar{name}"]
    values = {
        key: options.get("default", kind[0] if isinstance(kind, list) else None)
        for key, (kind, options) in node.INPUT_TYPES()["required"].items()
        if key not in inputs
    }
    return getattr(node(), node.FUNCTION)(**values, **inputs)


@pytest.fixture(scope="module")
def plain_portrait(tmp_path_factory) -> Path:
    return odd_pictures.save(tmp_path_factory.mktemp("portrait") / "plain.png")


@pytest.fixture(params=SURFACES)
def surface(request, tmp_path, plain_portrait, gagavatar, caplog, monkeypatch):
    monkeypatch.chdir(tmp_path)
    kind = {"command": Command, "node": Nodes, "page": Page}[request.param]
    return kind(tmp_path, plain_portrait, gagavatar, caplog)


def make(kind: str, name: str, folder: Path) -> Path:
    """The odd file of this name."""
    return KINDS[kind][name](folder / name)


def small(frames) -> np.ndarray:
    import cv2

    return np.stack([cv2.resize(frame, (SIZE, SIZE), interpolation=cv2.INTER_AREA) for frame in frames])


def heard_at(path: Path) -> float:
    """Seconds after the first frame of a video at which its sound is loud first."""
    with av.open(str(path)) as container:
        start = float(container.streams.video[0].start_time * container.streams.video[0].time_base)
        resampler = av.AudioResampler("fltp", "mono", 48000)
        for frame in container.decode(container.streams.audio[0]):
            for part in resampler.resample(frame):
                loud = np.flatnonzero(np.abs(part.to_ndarray()[0]) > 0.2)
                if len(loud):
                    return part.time + loud[0] / 48000 - start
    raise AssertionError("nothing was heard")


@pytest.mark.parametrize("name", KINDS["clocks"])
def test_flash_and_beep_are_read_in_step(tmp_path, name):
    path = make("clocks", name, tmp_path)
    with VideoReader(path) as video:
        flash = flashes(np.stack(list(video)))[0] / video.fps
    sound = SoundReader(path, channels=1)
    beep = np.flatnonzero(np.abs(np.concatenate(list(sound), axis=1)[0]) > 0.2)[0] / sound.rate
    assert flash == pytest.approx(odd_films.FLASH, abs=0.01)
    assert beep == pytest.approx(flash, abs=0.05), "half a frame"


@pytest.mark.parametrize("name", ["picture_starts_late.mp4", "sound_has_a_gap.mkv", "first_sound_unknown.mp4"])
def test_flash_and_beep_stay_in_step(surface, tmp_path, name):
    result = surface.animate(make("clocks", name, tmp_path))
    with VideoReader(result.path) as video:
        seen = flashes(result.driver_panels)[0] / video.fps
        assert video.duration == pytest.approx(1.2, abs=0.11)
    assert seen == pytest.approx(odd_films.FLASH, abs=0.01)
    assert heard_at(result.path) == pytest.approx(seen, abs=0.05), "half a frame"


def flashes(frames: np.ndarray) -> np.ndarray:
    """Indices of the white ones."""
    return np.flatnonzero(frames.reshape(len(frames), -1).mean(1) > 240)


@pytest.mark.parametrize("name", ["mirrored.mp4", "transversed.mp4"])
def test_a_driver_is_seen_as_players_show_it(surface, tmp_path, name):
    result = surface.animate(make("matrices", name, tmp_path))
    error = np.abs(result.driver_panels.astype(int) - small(odd_films.frames())).mean()
    assert error < 8
    assert "no face" not in result.words


def test_sound_that_cannot_be_decoded_is_left_out_and_said(surface, tmp_path):
    result = surface.animate(make("sound", "sound_unknown.mp4", tmp_path))
    with av.open(str(result.path)) as container:
        assert not container.streams.audio
    assert "sound is in a form that cannot be decoded and is left out" in result.words


@pytest.mark.parametrize("name", KINDS["colors"])
def test_a_film_is_read_in_the_colors_of_a_good_player(tmp_path, name):
    with VideoReader(make("colors", name, tmp_path)) as video:
        assert np.abs(next(iter(video)).astype(int) - odd_pictures.photo()).mean() < 8


def test_a_driver_is_shown_in_the_colors_of_a_good_player(surface, tmp_path):
    panels = surface.animate(make("colors", "pq.mkv", tmp_path)).driver_panels
    assert np.abs(panels[0].astype(int) - small([odd_pictures.photo()])[0]).mean() < 8


def test_another_person_is_named_and_the_head_keeps_its_size(surface, tmp_path):
    result = surface.track(make("cuts", "another_person.mp4", tmp_path))
    assert "another person is in frames 10-17, who was not followed" in result.words
    assert result.motion.bridged == list(range(10, 18))
    assert np.ptp(result.motion.scale) < 0.1 * np.median(result.motion.scale)


def test_a_mouth_outside_of_the_picture_is_told_of_and_rests(surface, tmp_path):
    result = surface.track(make("mouths", "mouth_out_of_picture.mp4", tmp_path))
    assert "the mouth is outside of the picture in frames 0-11: it rests there" in result.words
    assert result.motion.arkit[:, ARKIT_NAMES.index("jawOpen")].max() < 0.02


@pytest.mark.parametrize("name", KINDS["portraits"])
def test_a_portrait_is_read_as_a_good_viewer_shows_it(tmp_path, name):
    picture = read_image(make_picture("portraits", name, tmp_path))
    assert np.abs(picture.rgb.astype(int) - odd_pictures.photo()).mean() < 8


def test_adobe_rgb_that_metadata_tell_of_is_read_as_the_one_of_a_profile(tmp_path):
    profiled = odd_pictures.wide_gamut(ADOBE_RGB[1])(tmp_path / "profile.jpg")
    told, meant = (
        read_image(path).rgb.astype(int) for path in (make("portraits", "adobe_rgb.jpg", tmp_path), profiled)
    )
    with Image.open(profiled) as stored:
        ignored = np.abs(np.asarray(stored).astype(int) - meant).mean()
    assert np.abs(told - meant).mean() < 0.4 * ignored


def test_a_picture_without_anything_to_be_seen_is_said_to_be_transparent(tmp_path):
    with pytest.raises(FaceError, match="transparent throughout"):
        pipeline.read_portrait(make("erased", "erased.png", tmp_path))


def make_picture(kind: str, name: str, folder: Path) -> Path:
    from PIL import features

    if name.endswith(".avif") and not features.check("avif"):
        pytest.skip("this Pillow reads no AVIF")
    if name.endswith(".heic"):
        pytest.importorskip("pi_heif")
        if "libx265" not in av.codecs_available:
            pytest.skip("this PyAV writes no HEVC")
    return make(kind, name, folder)


@pytest.fixture(scope="module")
def plain_results():
    """By surface, what the portrait becomes that is odd in no way."""
    return {}


@pytest.mark.parametrize("surface", ["command", "page"], indirect=True)  # ComfyUI decodes pictures itself
@pytest.mark.parametrize(
    ("kind", "name"),
    [("portraits", "pq.png"), ("alpha", "rounded_corners.webp"), ("sideways", "quarter_turns_2.png")],
)
def test_an_odd_portrait_becomes_what_the_plain_one_does(surface, tmp_path, plain_portrait, plain_results, kind, name):
    key = type(surface)
    if key not in plain_results:
        plain_results[key] = pixels_of(surface.animate_picture(plain_portrait))
    shown = pixels_of(surface.animate_picture(make(kind, name, tmp_path)))
    assert np.abs(shown - plain_results[key]).mean() < 8
    assert np.abs(shown[:4, :4] - [0, 160, 255]).max() < 30, "the background does not come along"


def pixels_of(result: Result) -> np.ndarray:
    with VideoReader(result.path) as video:
        return next(iter(video)).astype(int)
