"""The graphs that the tabs run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..choices import PAGE_BACKGROUND, SIZE, SMOOTHING, STRENGTH
from ..nodes import NODE_CLASS_MAPPINGS
from .executor import Graph

RESULT = "render"
"""Id of the node that writes the video."""
_PREFIX = "GAGAvatar"


@dataclass(frozen=True)
class Source:
    """Where the portrait or the driver comes from."""

    kind: str
    """"example", "file", "builtin" for motions, or "voice" for sounds."""
    name: str = ""
    """Of the file in the input folder, the bundled portrait or the built-in motion; empty for the bundled voice."""


@dataclass(frozen=True)
class AnimateOptions:
    """What can be chosen about an animation; ranges are those of `choices`."""

    width: int = SIZE
    height: int = SIZE
    background: str = "color"
    """"color", "image", "transparent" or "original", which puts the head back into its picture."""
    color: str = PAGE_BACKGROUND
    background_file: str | None = None
    compare: bool = False
    expression: float = STRENGTH
    head_pose: float = STRENGTH
    smoothing: float = SMOOTHING
    seconds: float = 0.0
    """Length of a built-in motion, or where a driver ends; 0 for all of it."""
    format: str = "mp4"
    model: str = "auto"
    tracker: str = "embedded"
    pose: str = "auto"
    """One of `choices.POSES`."""
    text: str = ""
    """What a voice says, where it is known."""
    portrait_person: str | None = None
    """Picture in the input folder of the person who is meant in the portrait; None: the largest face."""
    driver_person: str | None = None
    """The same for a driving video."""


def animate(portrait: Source, driver: Source, options: AnimateOptions | None = None) -> Graph:
    """Portrait and driver to a video."""
    options = options or AnimateOptions()
    graph = avatar(portrait, options.model)
    if options.portrait_person:
        _add_person(graph, "track", options.portrait_person)
    video = _add_driver(graph, driver, options)
    motion = ["driver", 0]
    cut = options.seconds if driver.kind != "builtin" else 0.0
    if (options.expression, options.head_pose, cut) != (STRENGTH, STRENGTH, 0.0):
        edits = {"expression": options.expression, "head_pose": options.head_pose, "end": cut}
        graph["edit"] = node("EditMotion", motion=motion, **edits)
        motion = ["edit", 0]
    values: dict[str, Any] = {
        "avatar": ["lift", 0], "motion": motion, "width": options.width, "height": options.height,
        "background_color": options.color, "format": options.format, "filename_prefix": "gagavatar/animated",
    }  # fmt: skip
    if options.pose != "auto":
        values["pose"] = options.pose
    if options.background == "original":
        values["stitch_into"] = ["track", 0]
    else:
        values["background"] = options.background
    if options.background == "image" and options.background_file:
        graph["background"] = node("LoadImage", image=options.background_file)
        values["background_image"] = ["background", 0]
    if video is not None or driver.kind == "voice":
        values["audio"] = ["driver", 1]
    if options.compare:
        values["beside_portrait"] = ["track", 0]
        if video is not None:
            values["beside_driver"] = video
    graph[RESULT] = node("RenderAvatarToVideo", **values)
    return graph


def reexpress(
    film: Source,
    driver: Source,
    eyes: float = 1.0,
    mouth: float = 1.0,
    keep_sound: bool = False,
    options: AnimateOptions | None = None,
) -> Graph:
    """Film and driver to a film with the driver's expression; see the node Re-express Video."""
    graph: Graph = {}
    video = _add_video(graph, film, "film")
    _add_driver(graph, driver, options or AnimateOptions())
    sound = {} if keep_sound or driver.kind == "builtin" else {"audio": ["driver", 1]}
    values = {"video": video, "motion": ["driver", 0], "eyes": eyes, "mouth": mouth, **sound}
    graph["reexpress"] = node("ReexpressVideo", **values)
    saved = {"filename_prefix": "gagavatar/reexpressed", "format": "auto", "codec": "auto"}
    graph["save"] = node("SaveVideo", video=["reexpress", 0], **saved)
    return graph


def avatar(portrait: Source, model: str = "auto") -> Graph:
    """Portrait to avatar: the nodes `track` and `lift`."""
    if portrait.kind == "file":
        picture = node("LoadImage", image=portrait.name)
    else:
        picture = node("ExampleInputs", person=portrait.name or "photo")
    graph = {"portrait": picture, "track": node("TrackPortrait", image=["portrait", 0])}
    links: dict[str, Any] = {}
    if model != "auto":
        graph["model"] = node("LoadAvatarModel", model=model)
        links["model"] = ["model", 0]
    graph["lift"] = node("LiftPortrait", portrait=["track", 0], **links)
    return graph


def expression(portrait: Source, sliders: Mapping[str, float], size: int = SIZE, color: str = PAGE_BACKGROUND) -> Graph:
    """Return the sliders of the studio as a picture: the node `face` is the motion, `save` the file."""
    graph = avatar(portrait)
    graph["face"] = node("Expression", **sliders)
    values = {"avatar": ["lift", 0], "motion": ["face", 0], "width": size, "height": size, "background_color": color}
    graph["picture"] = node("RenderAvatar", **values)
    graph["save"] = node("SaveImage", images=["picture", 0], filename_prefix="gagavatar/expression")
    return graph


def splat(portrait: Source, format: str = "ply", model: str = "auto") -> Graph:
    """Portrait to a splat file, which the node `save` names."""
    graph = avatar(portrait, model)
    graph["save"] = node("AvatarToSplat", avatar=["lift", 0], format=format)
    return graph


def living(portrait: Source) -> Graph:
    """Portrait to a page that lives, which the node `render` names."""
    graph = avatar(portrait, "embedded")
    graph[RESULT] = node("AvatarToWebPage", avatar=["lift", 0])
    return graph


def as_page(graph: Graph) -> Graph:
    """Return the graph of an animation with a page that lives in the place of its video."""
    video = graph[RESULT]["inputs"]
    links = {name: video[name] for name in ("avatar", "motion", "audio") if name in video}
    model = {"model": node("LoadAvatarModel", model="embedded")}
    lift = {**graph["lift"], "inputs": {**graph["lift"]["inputs"], "model": ["model", 0]}}
    return {**graph, **model, "lift": lift, RESULT: node("AvatarToWebPage", **links)}


def with_uploads(graph: Graph, portrait: str | None, driver: str | None, voice: str | None = None) -> Graph:
    """The graph whose Load Image, Load Video and Load Audio read these files of the input folder, where given."""
    changed = {}
    for id_, one in graph.items():
        inputs = dict(one["inputs"])
        if portrait is not None and one["class_type"] == "LoadImage":
            inputs["image"] = portrait
        if driver is not None and one["class_type"] == "LoadVideo":
            inputs["file"] = driver
        if voice is not None and one["class_type"] == "LoadAudio":
            inputs["audio"] = voice
        changed[id_] = {"class_type": one["class_type"], "inputs": inputs}
    return changed


def node(kind: str, **values: Any) -> dict[str, Any]:
    """Return a node in API form, with the defaults of the inputs that are not given.

    `kind` without the pack's prefix.
    """
    if f"{_PREFIX}{kind}" not in NODE_CLASS_MAPPINGS:
        return {"class_type": kind, "inputs": values}
    kind = f"{_PREFIX}{kind}"
    required = NODE_CLASS_MAPPINGS[kind].INPUT_TYPES()["required"]
    defaults = {name: _default(spec) for name, spec in required.items() if name not in values}
    return {"class_type": kind, "inputs": {**{k: v for k, v in defaults.items() if v is not None}, **values}}


def _default(spec: Any) -> Any:
    kind, options = spec
    return options.get("default", kind[0] if isinstance(kind, list) and kind else None)


def _add_driver(graph: Graph, driver: Source, options: AnimateOptions) -> list[Any] | None:
    """Add the node `driver`; return the VIDEO that it follows, if there is one."""
    if driver.kind == "builtin":
        graph["driver"] = node("BuiltinMotion", name=driver.name, seconds=options.seconds)
        return None
    if driver.kind == "voice":
        if driver.name:
            graph["sound"] = node("LoadAudio", audio=driver.name)
            sound: list[Any] = ["sound", 0]
        else:
            sound = [_example(graph), 2]
        graph["driver"] = node("DriveByVoice", audio=sound, text=options.text)
        return None
    video = _add_video(graph, driver, "video")
    links: dict[str, Any] = {"video": video}
    if options.tracker != "embedded":
        graph["tracker"] = node("LoadHeadTracker", tracker=options.tracker)
        links["tracker"] = ["tracker", 0]
    graph["driver"] = node("ExtractDriving", smoothing=options.smoothing, **links)
    if options.driver_person:
        _add_person(graph, "driver", options.driver_person)
    return video


def _add_person(graph: Graph, follower: str, picture: str) -> None:
    """Let the node `follower` look for the person of a picture of the input folder."""
    graph[f"{follower}_person"] = node("LoadImage", image=picture)
    graph[follower]["inputs"]["person"] = [f"{follower}_person", 0]


def _add_video(graph: Graph, source: Source, name: str) -> list[Any]:
    """Return the VIDEO of a source, whose node is `name` where it reads a file."""
    if source.kind != "file":
        return [_example(graph), 1]
    graph[name] = node("LoadVideo", file=source.name)
    return [name, 0]


def _example(graph: Graph) -> str:
    """Id of the graph's Example Inputs, added where there are none."""
    found = (id_ for id_, one in graph.items() if one["class_type"] == f"{_PREFIX}ExampleInputs")
    id_ = next(found, "example")
    graph.setdefault(id_, node("ExampleInputs"))
    return id_
