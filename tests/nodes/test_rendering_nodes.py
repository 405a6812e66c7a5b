import inspect
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from gagavatar_nodes.errors import GagavatarError, MediaError
from gagavatar_nodes.media.sound import SoundReader
from gagavatar_nodes.media.video_reader import VideoReader
from gagavatar_nodes.nodes import NODE_CLASS_MAPPINGS, progress, tensors
from gagavatar_nodes.nodes.sound import heard_with


def test_images_mask_and_rate_of_every_frame(run, avatar, motion):
    images, mask, _, fps, _ = run("RenderAvatar", avatar=avatar, motion=motion, width=128, height=96)
    assert images.shape == (3, 96, 128, 3)
    assert mask.shape == (3, 96, 128)
    assert fps == 25
    assert images.dtype == mask.dtype == torch.float32
    assert 0.1 < mask.mean() < 0.9
    assert images[mask < 0.001].max() < 0.02
    assert not torch.equal(images[0], images[2])


def test_a_color_shows_where_the_mask_is_black(run, avatar, motion):
    images, mask, *_ = run(
        "RenderAvatar", avatar=avatar, motion=motion, width=64, height=64, background_color="#00ff00"
    )
    assert torch.equal(images[mask == 0].unique(dim=0), torch.tensor([[0.0, 1.0, 0.0]]))


def test_the_background_image_covers_the_frame_and_is_played(run, avatar, motion):
    behind = torch.stack([torch.full((10, 30, 3), 0.2), torch.full((10, 30, 3), 0.6)])
    images, mask, *_ = run(
        "RenderAvatar", avatar=avatar, motion=motion, width=64, height=64, background="image", background_image=behind
    )
    seen = [images[i][mask[i] == 0].mean().item() for i in range(3)]
    assert seen == pytest.approx([0.2, 0.6, 0.2], abs=1 / 255)


def test_transparent_colors_are_not_multiplied_by_the_mask(run, avatar, motion):
    one = {"avatar": avatar, "motion": motion, "width": 96, "height": 96}
    straight, mask, *_ = run("RenderAvatar", **one, background="transparent")
    black = run("RenderAvatar", **one)[0]
    edge = (mask > 0.3) & (mask < 0.7)
    assert ((straight * mask[..., None] - black)[edge]).abs().max() < 0.02


def test_without_a_network_there_is_nothing_to_refine(run, avatar, motion):
    one = {"avatar": avatar, "motion": motion, "width": 64, "height": 64}
    assert torch.equal(run("RenderAvatar", **one, refine=True)[0], run("RenderAvatar", **one, refine=False)[0])


def test_a_missing_background_image_says_what_to_connect(run, avatar, motion):
    with pytest.raises(GagavatarError, match="connect 'background_image'"):
        run("RenderAvatar", avatar=avatar, motion=motion, background="image")


def test_an_unknown_color_is_named(run, avatar, motion):
    with pytest.raises(GagavatarError, match="'greenish' is no color"):
        run("RenderAvatar", avatar=avatar, motion=motion, background_color="greenish")


def test_frames_that_do_not_fit_the_memory_are_refused_before_the_work(run, avatar, motion, monkeypatch):
    monkeypatch.setattr(tensors.host, "free_memory", lambda: 1e6)
    with pytest.raises(GagavatarError, match="Render Avatar to Video"):
        run("RenderAvatar", avatar=avatar, motion=motion)


@pytest.mark.parametrize("name", ["mp4", "webm", "mov", "gif"])
def test_videos_have_size_length_and_sound(run, avatar, motion, name, folders):
    sound = {"waveform": torch.sin(torch.arange(4800) / 20)[None, None], "sample_rate": 48000}
    result = run(
        "RenderAvatarToVideo", avatar=avatar, motion=motion, width=64, height=48, format=name, audio=sound,
        filename_prefix="clips/head",
    )  # fmt: skip
    assert result["ui"]["images"] == [{"filename": f"head_00001_.{name}", "subfolder": "clips", "type": "output"}]
    with VideoReader(folders / "output/clips" / f"head_00001_.{name}") as video:
        assert video.size == (64, 48)
        assert len(list(video)) == 3
        assert video.has_audio == (name != "gif")
    assert [file.name for file in (folders / "output/clips").iterdir()] == [f"head_00001_.{name}"]


def test_the_sound_is_cut_as_its_motion_was_and_another_sound_is_not(run, avatar):
    """A click at 1.2 s of a film is heard where the film's frame of 1.2 s is shown."""
    rate = 16000
    sound = torch.zeros(1, 1, 2 * rate)
    sound[..., round(1.2 * rate) :][..., :80] = 0.9
    audio = {"waveform": sound, "sample_rate": rate}
    motion = heard_with(run("BuiltinMotion", name="talk", seconds=2.0)[0], audio)
    trimmed = run("EditMotion", motion=motion, start=1.0, fps=50.0)[0]
    clicks = {}
    for name, given in (("own", audio), ("other", {"waveform": sound[..., : round(1.5 * rate)], "sample_rate": rate})):
        made = run("RenderAvatar", avatar=avatar, motion=trimmed, width=64, height=64, audio=given)
        clicks[name] = made[4]["waveform"][0, 0].argmax().item() / rate
    assert clicks["own"] == pytest.approx(0.2, abs=0.02)
    assert clicks["other"] == pytest.approx(1.2, abs=0.02)
    path = run("RenderAvatarToVideo", avatar=avatar, motion=trimmed, width=64, height=64, audio=audio)["result"][1]
    heard = np.concatenate(list(SoundReader(path, channels=1)), axis=1)[0]
    assert np.abs(heard).argmax() / SoundReader(path).rate == pytest.approx(0.2, abs=0.03)


class SilentFilm(Mapping):
    """AUDIO that runs a program at the first look, and fails there, as other packs' of a film without sound."""

    def __getitem__(self, name):
        raise Exception("failed to extract audio from film.mp4:\nffmpeg version 7\n  built with gcc")

    __iter__ = __len__ = __getitem__


@pytest.mark.parametrize(
    "audio", [SilentFilm(), {}, {"waveform": torch.zeros(1, 2, 0), "sample_rate": 48000}], ids=["lazy", "none", "empty"]
)
def test_audio_without_sound_makes_silent_videos(run, avatar, motion, audio, caplog):
    path = run("RenderAvatarToVideo", avatar=avatar, motion=motion, width=64, height=48, audio=audio)["result"][1]
    with VideoReader(path) as video:
        assert (len(list(video)), video.has_audio) == (3, False)
    video = run("RenderAvatar", avatar=avatar, motion=motion, width=64, height=64, audio=audio)[2]
    assert getattr(video, "audio", None) is None
    assert all("\n" not in record.getMessage() for record in caplog.records)


def test_stitched_videos_have_the_pictures_size(run, avatar, motion, portrait):
    path = run("RenderAvatarToVideo", avatar=avatar, motion=motion, stitch_into=portrait, quality=40)["result"][1]
    with VideoReader(path) as video:
        height, width = portrait.picture.shape[:2]
        assert video.size == (width + width % 2, height + height % 2)


def test_transparency_in_mp4_is_refused(run, avatar, motion, folders):
    with pytest.raises(MediaError, match="no transparency"):
        run("RenderAvatarToVideo", avatar=avatar, motion=motion, background="transparent")
    assert not list((folders / "output").rglob("*.mp4"))


@pytest.mark.parametrize("node", ["RenderAvatar", "RenderAvatarToVideo"])
def test_canceling_stops_at_the_frame_and_leaves_no_file(run, avatar, motion, node, folders, monkeypatch):
    class CanceledError(Exception):
        pass

    calls = []

    def cancel():
        calls.append(1)
        if len(calls) > 3:
            raise CanceledError

    monkeypatch.setattr(progress, "check_canceled", cancel)
    with pytest.raises(CanceledError):
        run(node, avatar=avatar, motion=motion, width=64, height=64)
    assert not [file for file in (folders / "output").rglob("*") if file.is_file()]


def test_stitching_keeps_the_picture_outside_of_the_crop(run, avatar, motion, portrait):
    one = {"avatar": avatar, "motion": motion, "background": "transparent"}
    images, mask, *_ = run("RenderAvatar", **one)
    (stitched,) = run("StitchBack", portrait=portrait, images=images, mask=mask, max_size=0)
    assert stitched.shape == (3, *portrait.picture.shape)
    left, top = portrait.crop_to_picture @ [0, 0, 1]
    right, bottom = portrait.crop_to_picture @ [portrait.size, portrait.size, 1]
    difference = np.abs(stitched[0].numpy() * 255 - portrait.picture).max(-1)
    assert difference[max(0, round(top)) + 40 : round(bottom) - 40, max(0, round(left)) + 40 :].max() > 20
    difference[max(0, int(top)) : int(bottom) + 2, max(0, int(left)) : int(right) + 2] = 0
    assert difference.max() < 1


def odd(portrait):
    """The portrait as if taken from a picture of odd size."""
    return replace(portrait, picture=portrait.picture[:-1, :-1])


def test_every_picture_for_a_video_is_even_sized_whatever_its_sources_are(run, avatar, motion, portrait):
    images, mask, *_ = run("RenderAvatar", avatar=avatar, motion=motion, width=97, height=97, background="transparent")
    assert (images.shape, mask.shape) == ((3, 98, 98, 3), (3, 98, 98))
    source = odd(portrait)
    height, width = source.picture.shape[:2]
    assert (height % 2, width % 2) == (1, 1)
    (stitched,) = run("StitchBack", portrait=source, images=images, mask=mask, max_size=0)
    assert stitched.shape == (3, height + 1, width + 1, 3)
    driver = torch.rand(2, 833, 801, 3)
    (compared,) = run("CompareLayout", result=stitched, driver=driver, portrait=torch.rand(1, 333, 101, 3))
    assert compared.shape[1] % 2 == compared.shape[2] % 2 == 0


def test_stitching_wants_squares(run, portrait):
    with pytest.raises(GagavatarError, match="64x48"):
        run("StitchBack", portrait=portrait, images=torch.zeros(1, 48, 64, 3), mask=torch.ones(1, 48, 64))


def test_comparison_has_the_length_of_the_result_and_holds_short_drivers(run):
    result, driver = torch.rand(4, 32, 32, 3), torch.rand(2, 64, 64, 3)
    (images,) = run("CompareLayout", result=result, driver=driver, portrait=torch.ones(1, 32, 16, 3))
    assert images.shape == (4, 32, 16 + 4 + 32 + 4 + 32, 3)
    assert torch.equal(images[1, :, 20:52], images[3, :, 20:52])
    assert not torch.equal(images[0, :, 20:52], images[1, :, 20:52])
    assert (images[:, :, -32:] - result).abs().max() <= 1 / 255


def test_a_video_is_rendered_without_the_refiner(run, avatar, motion):
    """As for GAGAvatar in a hurry: what draws the Gaussians' own colors must be drawn into files too."""
    made = run("RenderAvatarToVideo", avatar=avatar, motion=motion, width=64, height=64, refine=False)
    assert Path(made["result"][1]).stat().st_size > 0


GRAPH = {"prompt": {"1": {"class_type": "x", "inputs": {}}}, "extra_pnginfo": {"workflow": {"nodes": [], "név": "ő"}}}


@pytest.mark.parametrize("format", ["mp4", "mov", "webm", "mkv"])
def test_the_graph_is_kept_in_the_file_unless_it_is_to_be_left_out(run, avatar, motion, format):
    one = {"avatar": avatar, "motion": motion, "width": 64, "height": 64, "format": format, **GRAPH}
    found = {}
    for kept in (True, False):
        with av.open(run("RenderAvatarToVideo", **one, save_workflow=kept)["result"][1]) as file:
            found[kept] = {name.lower(): text for name, text in file.metadata.items()}
    assert json.loads(found[True]["workflow"]) == GRAPH["extra_pnginfo"]["workflow"]
    assert json.loads(found[True]["prompt"]) == GRAPH["prompt"]
    assert not {"workflow", "prompt"} & set(found[False])


def test_a_connected_picture_stands_behind_the_head_whatever_the_background_is(run, avatar, motion):
    behind = torch.full((1, 8, 8, 3), 0.4)
    images, mask, *_ = run(
        "RenderAvatar", avatar=avatar, motion=motion, width=64, height=64, background="color", background_image=behind
    )
    assert images[mask == 0].mean().item() == pytest.approx(0.4, abs=1 / 255)


WRONG = [
    ("RenderAvatar", {"background": "image"}, {}, "connect 'background_image'"),
    ("RenderAvatar", {"background": "color", "background_color": "greenish"}, {}, "'greenish' is no color"),
    ("RenderAvatar", {"background": "sky"}, {}, "can be color, image, transparent"),
    ("RenderAvatar", {}, {"avatar": "MODEL"}, "'avatar' takes GAGAVATAR_AVATAR"),
    ("RenderAvatarToVideo", {"background": "transparent", "format": "mp4"}, {}, "choose the format webm or mov|mov or"),
    ("RenderAvatarToVideo", {"background": "transparent", "format": "gif"}, {}, "gif has no transparency"),
    ("RenderAvatarToVideo", {"format": "avi"}, {}, "can be mp4"),
    ("RenderAvatarToVideo", {}, {"beside_driver": "VIDEO"}, "connect 'beside_portrait'"),
    (
        "RenderAvatarToVideo",
        {"background": "transparent", "format": "webm"},
        {"beside_portrait": "GAGAVATAR_PORTRAIT"},
        "cannot be transparent",
    ),
    ("ExtractDriving", {}, {"audio": "AUDIO"}, "connect 'video'"),
    ("EditMotion", {"start": 2.0, "end": 1.0}, {}, "not after 'start'"),
    ("EditMotion", {"start": -1.0, "end": 0.0}, {}, "must be 0 to 36000"),
]


@pytest.mark.parametrize(("name", "values", "links", "words"), WRONG)
def test_what_cannot_work_is_told_before_any_work(name, values, links, words):
    answer = asked(name, values, links)
    assert isinstance(answer, str)
    assert re.search(words, answer)


@pytest.mark.parametrize(
    ("name", "values", "links"),
    [
        ("RenderAvatar", {"background": "image"}, {"background_image": "IMAGE"}),
        ("RenderAvatar", {"background": "transparent", "background_color": "greenish"}, {}),
        ("RenderAvatarToVideo", {"background": "transparent", "format": "webm"}, {}),
        ("RenderAvatarToVideo", {"background": "transparent", "format": "mp4"}, {"stitch_into": "GAGAVATAR_PORTRAIT"}),
        ("ExtractDriving", {}, {"images": "IMAGE"}),
        ("EditMotion", {"start": 2.0, "end": 0.0}, {}),
    ],
)
def test_what_works_is_let_through(name, values, links):
    assert asked(name, values, links) is True


def asked(name, values, links):
    node = NODE_CLASS_MAPPINGS[f"GAGAvatar{name}"]
    names = inspect.signature(node.VALIDATE_INPUTS).parameters
    return node.VALIDATE_INPUTS(**values, **({"input_types": links} if "input_types" in names else {}))


def test_a_comparison_shows_the_driver_as_the_motion_was_cut(run, motion):
    driver = torch.arange(3)[:, None, None, None].expand(3, 16, 16, 3) / 4
    cut = run("EditMotion", motion=motion, start=0.04, ping_pong=True, repeats=2)[0]
    result = torch.zeros(len(cut), 16, 16, 3)
    (images,) = run("CompareLayout", result=result, driver=driver, motion=cut)
    assert images[:, 8, 4, 0].mul(4).round().int().tolist() == [1, 2, 1, 2]
