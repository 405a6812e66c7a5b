"""Writes the help page of every node from its own words; what is said beyond them is in `HINTS`.

python tools/comfy/make_help.py
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from gagavatar_nodes.nodes import NODE_CLASS_MAPPINGS
from gagavatar_nodes.types import ARKIT_NAMES

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "web" / "docs"

HINTS = {
    "ExampleInputs": (
        "For your own picture, video and voice, put **Load Image**, **Load Video** and **Load Audio** in its place."
    ),
    "AnimatePortrait": (
        "**Track Portrait**, **Lift Portrait**, **Extract Driving** or **Drive by Voice**, **Edit Motion** and "
        "**Render Avatar** in one: take those for more than one edit. The avatar is kept: another driver or color does "
        "not lift again. With **dub** on, a film's face speaks the connected voice. The editor also offers the same "
        "nodes as building blocks: search for *Animate Talking Face* and *Lip Sync*."
    ),
    "ReexpressVideo": (
        "To dub a film: **Drive by Voice** into **motion**, its **audio** into **audio**, **eyes** at 0. A single "
        "face, as from **Expression**, is held all along. **start** and **end** take a part of the film, with its "
        "sound; no more of it is tracked than the motion is long. The best frame of that part is lifted once; where "
        "the new expression is like the filmed one, the film stays as it is. Frames without the face come as they are, "
        "and **report** names them. The head's pose stays: to turn it, use **Animate Portrait**."
    ),
    "LoadAvatarModel": (
        "`GAGAvatar.pt` and `FLAME_with_eye.pt` go into ComfyUI's `models/gagavatar` folder. With **download** on, the "
        "node fetches what is missing; it wants **accept_licenses** on too, so read them first: the tooltip and the "
        "error name each file's size, license and address. A canceled download goes on the next time. The `info` "
        "output says which model was taken and why; show it with **Preview Any**."
    ),
    "LoadHeadTracker": (
        "Only GAGAvatar profits from FLAME codes; the embedded avatar is driven by landmarks. **emica** wants "
        "`track_resources.tar` in `models/gagavatar`, **deca** `deca_model.tar` of DECA's authors; their licenses "
        "forbid commercial use."
    ),
    "TrackPortrait": (
        "Connect **overlay** to **Preview Image** to see what was found. Where there are several faces, count up "
        "**face**, by size or, with **face_order**, from the left. A matte from any other node (BiRefNet, RMBG, SAM) "
        "goes into **mask**: white is the person."
    ),
    "LiftPortrait": "Takes about two seconds on a CPU. A list of portraits gives a list of avatars.",
    "ExtractDriving": (
        "A VIDEO from **Load Video** is streamed: memory does not grow with its length. Frames from VideoHelperSuite "
        "go into **images**, with their rate in **fps** and their sound in **audio**. Frames without a face are filled "
        "in from their neighbors; **report** lists them, and the overlay shows them with a red frame. "
        "The pieces of VideoHelperSuite's Meta Batch are followed as one video."
    ),
    "DriveByVoice": (
        "Lips close on p, b and m, teeth meet the lip on f and v, and the jaw opens with the vowels, as loud as they "
        "are. It hears the phones of English and Korean; other languages use the nearest ones. Silence, noise and "
        "music leave the mouth at rest. Connect **audio** to the node that renders, so that the video has the sound. "
        "To dub a filmed face, connect this motion to **mouth_of** of **Combine Motions**."
    ),
    "EditMotion": (
        "The order is: neutral, trim, expression, eyes and mouth, head pose, smoothing, frame rate, ping-pong or loop, "
        "repeats. If the avatar's mouth stays "
        "a little open or its brows raised, choose another **neutral** frame. The sound needs no node of its own: the "
        "motion knows where its frames were, and the node that renders cuts and repeats the sound with them."
    ),
    "BuiltinMotion": "Motions: idle, nod, shake, look_around, blink, talk, smile, surprise.",
    "Expression": (
        "Connect **avatar** and press **Show the face**: the picture in the node then follows every slider at once; "
        "*Run* gives what it shows. Values add up: emotion, sliders, photo, and a connected motion, as for a smile on "
        "a talking head. The 52 ARKit sliders and the parts of the photo are under *All sliders* or *Show advanced "
        "inputs*. A photo's expression is what differs from a face at rest, as far as one picture tells. The server "
        "keeps the last four faces; after more of them, or a restart, press the button again."
    ),
    "KeyFrames": (
        "Names without a number are at full strength, but turns want degrees; `happy 0.5, brows 0.3, yaw -12` is three "
        "things at once. What a line does not name is at rest. Lines may stand in any order. A line that is not "
        "understood is named before anything runs."
    ),
    "OrbitCamera": "A photo shows one side: beyond 40 degrees the other side is a guess.",
    "CombineMotions": (
        "Speech from one video, head movement from another, or from **Built-in Motion**. To dub a video, connect its "
        "motion to **expression_of** and **pose_of**, and **Drive by Voice** to **mouth_of**."
    ),
    "RenderAvatar": (
        "Changing the background or the size renders again, and does not track or lift again. Every frame is held in "
        "memory as IMAGE, 3 MB at 512x512; where that does not fit, the node says so and names **Render Avatar to "
        "Video**. For **Join Image with Alpha**, put **Invert Mask** before it."
    ),
    "RenderAvatarToVideo": (
        "Frames go from the renderer to the encoder, so an hour needs no more memory than a second. The file appears "
        "when it is complete; a canceled run leaves none."
    ),
    "StitchBack": (
        "Set the same width and height in **Render Avatar**, background *transparent*, and *in_place* on. Connect "
        "**avatar** for GAGAvatar. For long videos use **Render Avatar to Video** with **stitch_into**."
    ),
    "CompareLayout": (
        "Connect **driver_video** rather than frames where the driver is long. **Create Video** makes a VIDEO of it."
    ),
    "CompareQuality": (
        "Render at the truth's size and place: square, with **Track Portrait**'s crop as truth, or after **Stitch "
        "Back** with the driver's frames. Only numbers of the same name compare: papers print one name for several. "
        "Metrics that need networks which are not here are reported as missing, with how to get them."
    ),
    "SaveAvatar": "The file is a safetensors file: opening it runs no code. About 10 MB for the embedded avatar.",
    "LoadAvatar": "Files in subfolders are listed too. To save and load in one workflow, connect **path**.",
    "SaveMotion": "About 3 KB a frame. `gagavatar render` and `gagavatar animate` take the file as a driver.",
    "LoadMotion": "Files in subfolders are listed too. To save and load in one workflow, connect **path**.",
    "AvatarToSplat": (
        "The frame of the file is that of 3D Gaussian Splatting: x right, y down, z away from the viewer. Newer "
        "versions of ComfyUI have **splat** and **file_3d** outputs here, for their own splat nodes."
    ),
    "AvatarToWebPage": (
        "The page is shown in the node; send the file to anyone, for it needs no server and no network. Its sliders, "
        "keys and JavaScript are described in `docs/living_avatar.md`. A GAGAvatar has no rig: lift with **embedded**."
    ),
}


def page(name: str, node: Any) -> str:
    """Markdown of one page."""
    types = node.INPUT_TYPES()
    inputs = {**types["required"], **types.get("optional", {})}
    lines = [f"# {node.DISPLAY_NAME}", "", node.DESCRIPTION, "", f"![{node.DISPLAY_NAME}](images/{name}.jpg)", ""]
    lines += ["## Inputs", ""]
    lines += [_input(key, field) for key, field in inputs.items() if key not in ARKIT_NAMES]
    if any(key in ARKIT_NAMES for key in inputs):
        lines.append(f"- the {len(ARKIT_NAMES)} ARKit blendshapes, by their usual names: -1 to 1.5, 0 adds nothing.")
    lines += ["", "## Outputs", ""]
    described = zip(node.RETURN_NAMES, node.RETURN_TYPES, node.OUTPUT_TOOLTIPS, strict=True)
    lines += [f"- **{key}** ({kind}): {tooltip}" for key, kind, tooltip in described]
    return "\n".join([*lines, "", "## Good to know", "", HINTS[name.removeprefix("GAGAvatar")], ""])


def _input(key: str, field: tuple[Any, dict[str, Any]]) -> str:
    kind, options = field
    word = "choice" if isinstance(kind, list) else kind
    return f"- **{key}** ({word}{', advanced' if options.get('advanced') else ''}): {options['tooltip']}"


def main() -> None:
    """Write the pages."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    PAGES.mkdir(parents=True, exist_ok=True)
    for name, node in NODE_CLASS_MAPPINGS.items():
        (PAGES / f"{name}.md").write_text(page(name, node), encoding="utf-8")


if __name__ == "__main__":
    main()
