"""Writes the example graphs in `workflows`. Their pictures come from `make_pictures.py`.

python tools/comfy/make_workflows.py [FOLDER]
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from graph import Graph, Output

ROOT = Path(__file__).parents[2]
SOURCE, MOTION, RENDER, RESULT = "#3f789e", "#88A", "#8A8", "#b06634"
PREVIEW, FACE = 260, 340
EXAMPLE_TEXT = (
    "Hello! I am only a photograph, but give me a voice, and I speak, blink, and move my head. What do you think?"
)
G = "GAGAvatar"


def portrait_column(graph: Graph, note: str, model: bool = False) -> dict[str, Any]:
    """Example portrait -> avatar; return the tracking and the lifting node."""
    with graph.column("1 · Portrait", SOURCE):
        graph.note(note, 150)
        example = graph.add(f"{G}ExampleInputs")
        track = graph.add(f"{G}TrackPortrait", image=graph.out(example, "image"))
        links = {}
        if model:
            chosen = graph.add(f"{G}LoadAvatarModel", model="gagavatar")
            links = {"model": graph.out(chosen, "model")}
        lift = graph.add(f"{G}LiftPortrait", portrait=graph.out(track, "portrait"), **links)
        graph.add("PreviewImage", "What was tracked", PREVIEW, images=graph.out(track, "overlay"))
    return {"example": example, "track": track, "avatar": graph.out(lift, "avatar"), "lift": lift}


def render(graph: Graph, avatar: Output, motion: Output, **values: Any) -> dict[str, Any]:
    """Return a Render Avatar with room for its live preview."""
    return graph.add(f"{G}RenderAvatar", None, 270, avatar=avatar, motion=motion, **values)


def video_driver(graph: Graph, example: dict[str, Any], **values: Any) -> dict[str, Any]:
    """Extract Driving of the example video, with what it saw."""
    extract = graph.add(f"{G}ExtractDriving", video=graph.out(example, "video"), smoothing=0.25, **values)
    graph.add("PreviewImage", "What was tracked", PREVIEW, images=graph.out(extract, "overlay"))
    graph.add("PreviewAny", "Report", 70, source=graph.out(extract, "report"))
    return extract


def animate_with_video(graph: Graph) -> None:
    start = portrait_column(
        graph,
        "## Animate a portrait with a video\n\nPut **Load Image** in the place of *Example Inputs* for your own photo, "
        "and **Load Video** for your own driver.",
    )
    with graph.column("2 · Driver", MOTION):
        extract = video_driver(graph, start["example"])
    with graph.column("3 · Render", RENDER):
        edit = graph.add(f"{G}EditMotion", motion=graph.out(extract, "motion"))
        rendered = render(
            graph, start["avatar"], graph.out(edit, "motion"), background_color="#202428",
            audio=graph.out(extract, "audio"),
        )  # fmt: skip
    with graph.column("4 · Result", RESULT, 420):
        graph.add("SaveVideo", None, 440, video=graph.out(rendered, "video"), filename_prefix="gagavatar/animated")
        both = graph.add(
            f"{G}CompareLayout", result=graph.out(rendered, "images"), fps=graph.out(rendered, "fps"),
            portrait=graph.out(start["example"], "image"), driver_video=graph.out(start["example"], "video"),
            motion=graph.out(edit, "motion"),
        )  # fmt: skip
        video = graph.add("CreateVideo", images=graph.out(both, "images"), fps=graph.out(rendered, "fps"))
        graph.add(
            "SaveVideo", "Side by side", 160, video=graph.out(video, "VIDEO"), filename_prefix="gagavatar/compare"
        )


def expression_editor(graph: Graph) -> None:
    start = portrait_column(
        graph,
        "## Expression editor\n\nPress **Show the face**, then move the sliders: the face in the node follows. "
        "Choose an **emotion**, or connect **Load Image** to **photo** to take over its expression.",
    )
    with graph.column("2 · Expression", MOTION, 400):
        face = graph.add(
            f"{G}Expression", None, FACE, avatar=start["avatar"], emotion="happy", yaw=12, brows=0.3, blink=-0.2
        )
    with graph.column("3 · Result", RESULT, 480):
        graph.add("SaveImage", None, 480, images=graph.out(face, "image"), filename_prefix="gagavatar/expression")


def builtin_motion(graph: Graph) -> None:
    start = portrait_column(
        graph,
        "## No driver needed\n\nA built-in motion, combined with another one's head movement, written straight into a "
        "video file: frames are never held in memory.",
    )
    with graph.column("2 · Motion", MOTION):
        talk = graph.add(f"{G}BuiltinMotion", "Expression", name="talk", seconds=3)
        nod = graph.add(f"{G}BuiltinMotion", "Head pose", name="look_around", seconds=3)
        both = graph.add(
            f"{G}CombineMotions", expression_of=graph.out(talk, "motion"), pose_of=graph.out(nod, "motion")
        )
    with graph.column("3 · Video file", RESULT, 420):
        graph.add(
            f"{G}RenderAvatarToVideo", None, 420, avatar=start["avatar"], motion=graph.out(both, "motion"),
            background_color="#ffffff", filename_prefix="gagavatar/builtin",
        )  # fmt: skip


def orbit(graph: Graph) -> None:
    start = portrait_column(
        graph,
        "## Novel views\n\nThe head from around, with an expression of your choice. The path ends where it begins.",
    )
    with graph.column("2 · Expression, camera", MOTION):
        smile = graph.add(f"{G}BuiltinMotion", "Expression", name="smile", seconds=3)
        circle = graph.add(
            f"{G}OrbitCamera", motion=graph.out(smile, "motion"), path="circle", yaw=28, pitch=12, seconds=3
        )
    with graph.column("3 · Render", RENDER):
        rendered = render(graph, start["avatar"], graph.out(circle, "motion"), background_color="#303840")
    with graph.column("4 · Result", RESULT, 420):
        graph.add("SaveVideo", None, 420, video=graph.out(rendered, "video"), filename_prefix="gagavatar/orbit")


def stitch_back(graph: Graph) -> None:
    start = portrait_column(
        graph,
        "## Back into the picture\n\nRender on a **transparent** background, square; *Stitch Back* puts the head into "
        "the photo and mends the background behind it.",
    )
    with graph.column("2 · Driver", MOTION):
        extract = video_driver(graph, start["example"])
    with graph.column("3 · Render and stitch", RENDER):
        rendered = render(
            graph, start["avatar"], graph.out(extract, "motion"), background="transparent", in_place=True,
            audio=graph.out(extract, "audio"),
        )  # fmt: skip
        stitched = graph.add(
            f"{G}StitchBack", portrait=graph.out(start["track"], "portrait"), images=graph.out(rendered, "images"),
            mask=graph.out(rendered, "mask"), avatar=start["avatar"],
        )  # fmt: skip
    with graph.column("4 · Result", RESULT, 460):
        video = graph.add(
            "CreateVideo", images=graph.out(stitched, "images"), fps=graph.out(rendered, "fps"),
            audio=graph.out(rendered, "audio"),
        )  # fmt: skip
        graph.add("SaveVideo", None, 460, video=graph.out(video, "VIDEO"), filename_prefix="gagavatar/stitched")


def transparent(graph: Graph) -> None:
    start = portrait_column(
        graph,
        "## Transparent output\n\nFor editing: a .webm with alpha, and an animated WebP. *Join Image with Alpha* wants "
        "the mask inverted.",
    )
    with graph.column("2 · Motion", MOTION):
        nod = graph.add(f"{G}BuiltinMotion", name="smile", seconds=1.6)
        rendered = render(graph, start["avatar"], graph.out(nod, "motion"), background="transparent")
    with graph.column("3 · WebP", RENDER, 400):
        inverted = graph.add("InvertMask", mask=graph.out(rendered, "mask"))
        joined = graph.add("JoinImageWithAlpha", image=graph.out(rendered, "images"), alpha=graph.out(inverted, "MASK"))
        graph.add(
            "SaveAnimatedWEBP", None, 360, images=graph.out(joined, "IMAGE"), fps=graph.out(rendered, "fps"),
            filename_prefix="gagavatar/transparent", lossless=False,
        )  # fmt: skip
    with graph.column("4 · WebM", RESULT, 400):
        graph.add(
            f"{G}RenderAvatarToVideo", None, 360, avatar=start["avatar"], motion=graph.out(nod, "motion"),
            format="webm", background="transparent", filename_prefix="gagavatar/transparent",
        )  # fmt: skip


def two_people(graph: Graph) -> None:
    def avatar(title: str, person: str) -> tuple[dict[str, Any], Output]:
        example = graph.add(f"{G}ExampleInputs", title, person=person)
        track = graph.add(f"{G}TrackPortrait", image=graph.out(example, "image"))
        return example, graph.out(graph.add(f"{G}LiftPortrait", portrait=graph.out(track, "portrait")), "avatar")

    with graph.column("1 · First portrait", SOURCE):
        graph.note(
            "## Two people, one driver\n\nEach portrait is lifted by itself. A batch of pictures of one size works "
            "too: everything after *Track Portrait* then runs once for each of them.",
            150,
        )
        one, first = avatar("First", "photo")
    with graph.column("2 · Second portrait", SOURCE):
        _, second = avatar("Second", "synthetic")
    with graph.column("3 · One driver", MOTION):
        extract = video_driver(graph, one)
        edit = graph.add(f"{G}EditMotion", motion=graph.out(extract, "motion"), end=1.5)
    with graph.column("4 · Render both", RENDER):
        rendered = [render(graph, who, graph.out(edit, "motion"), width=384, height=384) for who in (first, second)]
    with graph.column("5 · Two videos", RESULT, 420):
        for name, made in zip(("first", "second"), rendered, strict=True):
            video = graph.out(made, "video")
            graph.add("SaveVideo", None, 420, video=video, filename_prefix=f"gagavatar/person_{name}")


def save_and_reuse(graph: Graph) -> None:
    start = portrait_column(
        graph, "## Save and reuse\n\nLift once, save, and start from **Load Avatar** and **Load Motion** ever after."
    )
    with graph.column("2 · Save", MOTION):
        nod = graph.add(f"{G}BuiltinMotion", name="nod", seconds=1.6)
        avatar = graph.add(f"{G}SaveAvatar", avatar=start["avatar"])
        motion = graph.add(f"{G}SaveMotion", motion=graph.out(nod, "motion"))
    with graph.column("3 · Reuse", RENDER):
        graph.note("Take the links from *Save* away and choose a **file** instead.", 80)
        loaded = graph.add(f"{G}LoadAvatar", file="(none)", path=graph.out(avatar, "file"))
        moved = graph.add(f"{G}LoadMotion", file="(none)", path=graph.out(motion, "file"))
    with graph.column("4 · Result", RESULT, 420):
        graph.add(
            f"{G}RenderAvatarToVideo", None, 420, avatar=graph.out(loaded, "avatar"), motion=graph.out(moved, "motion"),
            filename_prefix="gagavatar/reused",
        )  # fmt: skip


def splat(graph: Graph) -> None:
    start = portrait_column(
        graph,
        "## Export a splat\n\nOne moment of the avatar as a 3D Gaussian splat. *Preview 3D* of older versions stays "
        "empty: look at the video. Newer ones also have *Preview Splat*: connect **file_3d** to it.",
    )
    with graph.column("2 · Moment", MOTION):
        smile = graph.add(f"{G}BuiltinMotion", name="smile")
        saved = graph.add(f"{G}AvatarToSplat", avatar=start["avatar"], motion=graph.out(smile, "motion"), frame=40)
    with graph.column("3 · Preview", RENDER, 480):
        graph.add("Preview3D", None, 420, model_file=graph.out(saved, "model_file"))
    with graph.column("4 · As video", RESULT, 420):
        orbit_path = graph.add(f"{G}OrbitCamera", path="figure8", yaw=25, pitch=8, seconds=2)
        graph.add(
            f"{G}RenderAvatarToVideo", None, 360, avatar=start["avatar"], motion=graph.out(orbit_path, "motion"),
            filename_prefix="gagavatar/splat_orbit",
        )  # fmt: skip


def living_page(graph: Graph) -> None:
    start = portrait_column(
        graph,
        "## A page to send\n\nThe avatar as one HTML file that opens in any browser, offline: it follows the pointer, "
        "blinks, and says what was baked in. The node shows it.",
    )
    with graph.column("2 · Voice", MOTION):
        voice = graph.add(f"{G}DriveByVoice", audio=graph.out(start["example"], "voice"))
    with graph.column("3 · Page", RESULT, 420):
        graph.add(
            f"{G}AvatarToWebPage", None, 560, avatar=start["avatar"], motion=graph.out(voice, "motion"),
            audio=graph.out(voice, "audio"),
        )  # fmt: skip


def get_models(graph: Graph) -> None:
    start = portrait_column(
        graph,
        "## GAGAvatar with weights\n\nNeeds **GAGAvatar.pt** and **FLAME_with_eye.pt** in `models/gagavatar`. Where "
        "one is missing, *Load Avatar Model* names its address and license.",
        model=True,
    )
    with graph.column("2 · Driver", MOTION):
        extract = video_driver(graph, start["example"])
    with graph.column("3 · Render", RENDER):
        rendered = render(graph, start["avatar"], graph.out(extract, "motion"), audio=graph.out(extract, "audio"))
    with graph.column("4 · Result", RESULT, 420):
        graph.add("SaveVideo", None, 420, video=graph.out(rendered, "video"), filename_prefix="gagavatar/published")


def talking_portrait(graph: Graph) -> None:
    start = portrait_column(
        graph,
        "## A voice is enough\n\nPut **Load Image** and **Load Audio**, or any text-to-speech node, in the place of "
        "*Example Inputs*, and what is said into **text**, or leave it empty.",
    )
    with graph.column("2 · Voice", MOTION):
        voice = graph.add(f"{G}DriveByVoice", audio=graph.out(start["example"], "voice"), text=EXAMPLE_TEXT)
        graph.note("More or less of each part with the sliders; another **seed** is another performance.", 80)
    with graph.column("3 · Video file", RESULT, 420):
        graph.add(
            f"{G}RenderAvatarToVideo", None, 420, avatar=start["avatar"], motion=graph.out(voice, "motion"),
            audio=graph.out(voice, "audio"), background_color="#202428", filename_prefix="gagavatar/voice",
        )  # fmt: skip


def one_node(graph: Graph) -> None:
    with graph.column("1 · Portrait and driver", SOURCE):
        graph.note(
            "## All in one node\n\nPut **Load Image** in the place of *Example Inputs*, and **Load Video** or **Load "
            "Audio**: a film, a voice, or a motion moves the picture. More is behind *advanced*.",
            150,
        )
        example = graph.add(f"{G}ExampleInputs", person="admiral")
    with graph.column("2 · Animate", RENDER, 380):
        made = graph.add(
            f"{G}AnimatePortrait", image=graph.out(example, "image"), video=graph.out(example, "video"),
            show="side by side",
        )  # fmt: skip
    with graph.column("3 · Result", RESULT, 640):
        graph.add("SaveVideo", None, 260, video=graph.out(made, "video"), filename_prefix="gagavatar/one_node")


def dub_a_film(graph: Graph) -> None:
    with graph.column("1 · Film and voice", SOURCE):
        graph.note(
            "## A film says something else\n\nPut **Load Video** and **Load Audio** in the place of *Example Inputs*. "
            "Head, eyes and picture stay as filmed; **eyes** at 1 takes those of the motion too.",
            150,
        )
        example = graph.add(f"{G}ExampleInputs")
        voice = graph.add(f"{G}DriveByVoice", audio=graph.out(example, "voice"), text=EXAMPLE_TEXT)
    with graph.column("2 · New expression", MOTION):
        graph.note(
            "Or a motion from **Expression**, **Key Frames**, or **Extract Driving** of another film. **start** and "
            "**end** choose a part of the film.",
            100,
        )
        made = graph.add(
            f"{G}ReexpressVideo", None, 270, motion=graph.out(voice, "motion"), video=graph.out(example, "video"),
            audio=graph.out(voice, "audio"), eyes=0.0, end=2,
        )  # fmt: skip
        graph.add("PreviewAny", "Report", 70, source=graph.out(made, "report"))
    with graph.column("3 · Result", RESULT, 460):
        graph.add("SaveVideo", None, 440, video=graph.out(made, "video"), filename_prefix="gagavatar/dubbed")
        both = graph.add(
            f"{G}CompareLayout", result=graph.out(made, "images"), fps=graph.out(made, "fps"),
            driver_video=graph.out(example, "video"),
        )  # fmt: skip
        video = graph.add(
            "CreateVideo", images=graph.out(both, "images"), fps=graph.out(made, "fps"), audio=graph.out(made, "audio")
        )
        graph.add(
            "SaveVideo", "As filmed, and dubbed", 300, video=graph.out(video, "VIDEO"),
            filename_prefix="gagavatar/compare",
        )  # fmt: skip


WORKFLOWS = {
    "01_animate_with_a_video": animate_with_video,
    "02_expression_editor": expression_editor,
    "03_builtin_motion": builtin_motion,
    "04_orbit": orbit,
    "05_stitch_back": stitch_back,
    "06_transparent": transparent,
    "07_two_people": two_people,
    "08_save_and_reuse": save_and_reuse,
    "09_splat": splat,
    "10_gagavatar_with_weights": get_models,
    "11_talking_portrait_from_a_voice": talking_portrait,
    "12_animate_portrait": one_node,
    "13_dub_a_film": dub_a_film,
    "15_living_page": living_page,
}


def main(folder: Path) -> None:
    """Write every graph into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, build in WORKFLOWS.items():
        graph = Graph()
        build(graph)
        graph.save(folder / f"{name}.json")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "workflows", help="default: workflows")
    main(parser.parse_args().folder)
