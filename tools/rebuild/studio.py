"""A photographer's studio in Blender's renderer: the figure, four lamps, a backdrop and a camera.

`bpy` is Blender as a Python package; it is needed here only, and its license leaves what it draws free.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from mathutils import Vector

from .figure import Figure, Part

_SAMPLES = 8  # a pixel; the denoiser does the rest
_FACE = (0.0, -1.3, 7.2)
_LAMPS = (
    ((-5, -9, 11), 5, 1050, (1, 0.96, 0.9)),
    ((7, -8, 7), 7, 420, (0.85, 0.92, 1)),
    ((4, 6, 11), 3, 900, (1, 0.93, 0.85)),
    ((-6, 5, 8), 2, 350, (0.8, 0.9, 1)),
)
"""Place, size, watts, color: key, fill, rim and hair light."""
_CAMERA, _LENS = (0.0, -9.3, 6.72), 85.0
_BACKDROP_BRIGHT, _BACKDROP_DARK = (0.30, 0.36, 0.38, 1.0), (0.085, 0.11, 0.13, 1.0)

Settings = Sequence[tuple[str, Any]]
_SURFACES: dict[str, Settings] = {
    "skin": (
        ("Roughness", 0.47), ("Subsurface Weight", 0.35), ("Subsurface Radius", (0.12, 0.045, 0.02)),
        ("Subsurface Scale", 1.0),
    ),
    "hair": (("Roughness", 0.55), ("Specular IOR Level", 0.25)),
    "brows": (("Roughness", 0.8), ("Specular IOR Level", 0.1)),
    "lashes": (("Roughness", 0.8), ("Specular IOR Level", 0.1)),
    "shirt": (("Roughness", 0.85), ("Specular IOR Level", 0.15)),
    "eyes": (("Roughness", 0.06), ("Specular IOR Level", 0.6)),
    "teeth": (("Roughness", 0.18), ("Subsurface Weight", 0.15), ("Subsurface Radius", (0.05, 0.04, 0.03))),
    "tongue": (("Roughness", 0.3),),
}  # fmt: skip
_OPAQUE = ("skin", "tongue")
_THIN = ("brows", "lashes")  # drawn as they are, not subdivided
_TINTS = {"hair": 0.8, "brows": 1.0, "lashes": 1.0}  # brightness


class Studio:
    """Draws frames of a figure."""

    def __init__(self, figure: Figure, size: int, work: Path) -> None:
        bpy.ops.wm.read_factory_settings(use_empty=True)
        self._scene = bpy.context.scene
        self._configure(size)
        self._figure = figure
        self._objects = []
        for part in figure.parts:
            texture = work / f"{part.name}.png"
            texture.write_bytes(figure.texture(part.name))
            self._objects.append(self._add(part, _material(part.name, texture)))
        for place, extent, watts, color in _LAMPS:
            self._add_lamp(place, extent, watts, color)
        self._add_backdrop()
        self._add_camera()

    def draw(self, vertices: Sequence[np.ndarray], path: Path) -> None:
        """Write a PNG of the figure with the vertices of its parts, see `Figure.pose`."""
        for (thing, used), placed in zip(self._objects, vertices, strict=True):
            x, y, z = placed[used].T
            thing.data.vertices.foreach_set("co", np.stack([x, -z, y], 1).astype(np.float32).ravel())  # z is up here
            thing.data.update()
            thing.data.update_tag()
        self._scene.render.filepath = str(path)
        bpy.ops.render.render(write_still=True)

    def _configure(self, size: int) -> None:
        render, cycles = self._scene.render, self._scene.cycles
        render.engine, cycles.device = "CYCLES", "CPU"
        cycles.samples, cycles.use_denoising, cycles.seed = _SAMPLES, True, 0
        cycles.use_adaptive_sampling, cycles.adaptive_threshold = True, 0.05
        cycles.max_bounces, cycles.transparent_max_bounces = 6, 24
        render.resolution_x = render.resolution_y = size
        render.use_persistent_data = True
        self._scene.view_settings.view_transform = "Standard"
        world = bpy.data.worlds.new("room")
        self._scene.world = world
        world.use_nodes = True
        background = world.node_tree.nodes["Background"]
        background.inputs[0].default_value, background.inputs[1].default_value = (0.55, 0.6, 0.66, 1), 0.35

    def _add(self, part: Part, material: Any) -> tuple[Any, np.ndarray]:
        """Return the object and the vertices of the part that it has."""
        flat = np.concatenate([np.array(face) for face in part.faces])
        used, compact = np.unique(flat, return_inverse=True)
        ends = np.cumsum([len(face) for face in part.faces])
        mesh = bpy.data.meshes.new(part.name)
        mesh.from_pydata([(0, 0, 0)] * len(used), [], [tuple(face) for face in np.split(compact, ends[:-1])])
        corners = np.concatenate([part.uv[np.array(face)] for face in part.uv_faces])
        mesh.uv_layers.new(name="uv").data.foreach_set("uv", corners.astype(np.float32).ravel())
        mesh.materials.append(material)
        mesh.polygons.foreach_set("use_smooth", [True] * len(part.faces))
        thing = self._place(part.name, mesh)
        if part.name not in _THIN:
            smooth = thing.modifiers.new("smooth", "SUBSURF")
            smooth.levels = smooth.render_levels = 1
        return thing, used

    def _add_lamp(self, place: tuple, extent: float, watts: float, color: tuple) -> None:
        lamp = bpy.data.lights.new("lamp", "AREA")
        lamp.size, lamp.energy, lamp.color = extent, watts, color
        thing = self._place("lamp", lamp)
        thing.location = place
        thing.rotation_euler = Vector(np.subtract(_FACE, place)).to_track_quat("-Z", "Y").to_euler()

    def _add_backdrop(self) -> None:
        mesh = bpy.data.meshes.new("backdrop")
        mesh.from_pydata([(-40, 14, -20), (40, 14, -20), (40, 14, 40), (-40, 14, 40)], [], [(0, 1, 2, 3)])
        mesh.materials.append(_glow())
        thing = self._place("backdrop", mesh)
        thing.visible_diffuse = thing.visible_glossy = thing.visible_shadow = False

    def _add_camera(self) -> None:
        camera = bpy.data.cameras.new("camera")
        camera.lens, camera.sensor_width = _LENS, 36
        thing = self._place("camera", camera)
        thing.location, thing.rotation_euler = _CAMERA, (math.pi / 2, 0, 0)
        self._scene.camera = thing

    def _place(self, name: str, data: Any) -> Any:
        thing = bpy.data.objects.new(name, data)
        self._scene.collection.objects.link(thing)
        return thing


def _material(name: str, texture: Path) -> Any:
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    tree = material.node_tree
    surface = tree.nodes["Principled BSDF"]
    for key, value in _SURFACES[name]:
        surface.inputs[key].default_value = value
    picture = tree.nodes.new("ShaderNodeTexImage")
    picture.image, picture.interpolation = bpy.data.images.load(str(texture)), "Cubic"
    color = picture.outputs[0]
    if name in _TINTS:
        tint = tree.nodes.new("ShaderNodeHueSaturation")
        tint.inputs["Saturation"].default_value, tint.inputs["Value"].default_value = 0.9, _TINTS[name]
        tree.links.new(color, tint.inputs["Color"])
        color = tint.outputs[0]
    tree.links.new(color, surface.inputs["Base Color"])
    if name not in _OPAQUE:
        tree.links.new(picture.outputs[1], surface.inputs["Alpha"])
    if name == "skin":
        _add_pores(tree, surface)
    return material


def _add_pores(tree: Any, surface: Any) -> None:
    noise, place, bump = (tree.nodes.new(f"ShaderNode{kind}") for kind in ("TexNoise", "TexCoord", "Bump"))
    noise.inputs["Scale"].default_value, noise.inputs["Detail"].default_value = 420, 6
    bump.inputs["Strength"].default_value, bump.inputs["Distance"].default_value = 0.12, 0.01
    tree.links.new(place.outputs["UV"], noise.inputs["Vector"])
    tree.links.new(noise.outputs[0], bump.inputs["Height"])
    tree.links.new(bump.outputs[0], surface.inputs["Normal"])


def _glow() -> Any:
    """Return the backdrop's material: bright behind the head, darker around."""
    material = bpy.data.materials.new("backdrop")
    material.use_nodes = True
    tree = material.node_tree
    tree.nodes.clear()
    new: Callable[[str], Any] = lambda kind: tree.nodes.new(f"ShaderNode{kind}")  # noqa: E731
    out, glow, place, distance, ramp, mix = map(
        new, ("OutputMaterial", "Emission", "NewGeometry", "VectorMath", "MapRange", "Mix")
    )
    distance.operation, distance.inputs[1].default_value = "DISTANCE", (-2, 14, 8)
    ramp.inputs[1].default_value, ramp.inputs[2].default_value, ramp.interpolation_type = 0, 13, "SMOOTHSTEP"
    mix.data_type, mix.inputs[6].default_value, mix.inputs[7].default_value = "RGBA", _BACKDROP_BRIGHT, _BACKDROP_DARK
    for source, target in (
        (place.outputs["Position"], distance.inputs[0]), (distance.outputs["Value"], ramp.inputs[0]),
        (ramp.outputs[0], mix.inputs[0]), (mix.outputs[2], glow.inputs[0]), (glow.outputs[0], out.inputs[0]),
    ):  # fmt: skip
        tree.links.new(source, target)
    return material
