"""What a ComfyUI serves of the pack, held against the declarations."""

from __future__ import annotations

from gagavatar_nodes.nodes import NODE_CLASS_MAPPINGS

LISTED = {("GAGAvatarLoadAvatar", "file"), ("GAGAvatarLoadMotion", "file")}
"""Choices that are lists of files."""


def is_v3(info):
    """Whether `/object_info` is that of V3 nodes: V1 nodes give the choices themselves in the place of a type."""
    kinds = {info[name]["input"]["required"][key][0] == "COMBO" for name, key in LISTED}
    (all_of_them,) = kinds
    return all_of_them


def differences(info):
    """What is served otherwise than declared, in words."""
    found = []
    for name, class_ in NODE_CLASS_MAPPINGS.items():
        served, declared = info[name], class_.INPUT_TYPES()
        names = served["output_name"][: len(class_.RETURN_NAMES)]  # newer versions have more: SPLAT, 3D files
        told = [names, served["output_node"], served.get("search_aliases") or list(class_.SEARCH_ALIASES)]
        if told != [list(class_.RETURN_NAMES), getattr(class_, "OUTPUT_NODE", False), list(class_.SEARCH_ALIASES)]:
            found.append(f"{name}: {told}")
        for group in ("required", "optional"):
            fields, inputs = declared.get(group, {}), served["input"].get(group, {})
            if list(inputs) != list(fields):
                found.append(f"{name}, {group}: {list(inputs)}")
            found += [f"{name}.{key}: {text}" for key in fields for text in _input(name, key, fields[key], inputs[key])]
    return found


def _input(name, key, field, served):
    (kind, options), (told, extra) = field, served
    if (extra["options"] if told == "COMBO" else told) != kind and (name, key) not in LISTED:
        yield f"is a {told}"
    if not extra["tooltip"]:
        yield "has no tooltip"
    if options.get("color") and extra.get("widgetType", "COLOR") != "COLOR":
        yield "is no color"
    for word in set(options) - {"color", "tooltip"}:
        if extra.get(word) != options[word]:
            yield f"{word} is {extra.get(word)}, not {options[word]}"
