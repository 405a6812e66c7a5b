"""Configurations from TOML and YAML files, and what differs between two."""

from __future__ import annotations

import os
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Union

from ..errors import GagavatarError
from ..lifting.gagavatar.config import GAGAvatarConfig
from ..packages import load_package
from .config import FREE_TO_CHANGE, TrainConfig, preset

CONFIGS = Path(__file__).parent / "configs"
SUFFIXES = (".toml", ".yaml", ".yml")
_BASE = "base"
"""Key of a file that names another one, whose values it changes."""


def config_names() -> list[str]:
    """Names of the bundled configurations."""
    return sorted(file.stem for file in CONFIGS.glob("*.toml"))


def load_config(name: str | os.PathLike[str], changes: Iterable[str] = ()) -> TrainConfig:
    """Return the configuration of a file, or of a bundled one by its name.

    Args:
        name: path of a `.toml`, `.yaml` or `.yml` file, or one of `config_names`.
        changes: texts `table.key=value`, values as TOML writes them; strings may go without quotes.

    Raises:
        GagavatarError: there is no such file, it cannot be parsed, or a key or value is wrong: the line names the
            nearest key that there is.
    """
    path = _find(str(name))
    values = _read(path)
    for change in changes:
        _set(values, change)
    return _build(TrainConfig, values, "", str(name))


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return what differs between two configurations as `TrainConfig.to_dict` gives them, but for `FREE_TO_CHANGE`."""
    old, new = (dict(_flat(_plain(values))) for values in (before, now))
    keys = [key for key in {**old, **new} if not any(key == f or key.startswith(f + ".") for f in FREE_TO_CHANGE)]
    return [
        f"{key} was {old.get(key, 'not there')} and is now {new.get(key, 'not there')}"
        for key in keys
        if old.get(key) != new.get(key)
    ]


def _find(name: str) -> Path:
    if name.endswith(SUFFIXES):
        if not Path(name).is_file():
            raise GagavatarError(f"{name} does not exist: name a configuration file, or one of {_list_names()}")
        return Path(name)
    if name not in config_names():
        near = get_close_matches(name, config_names(), 1)
        hint = f"did you mean '{near[0]}'?" if near else f"choose one of {_list_names()}, or name a .toml or .yaml file"
        raise GagavatarError(f"There is no configuration '{name}': {hint}")
    return CONFIGS / f"{name}.toml"


def _list_names() -> str:
    return ", ".join(config_names())


def _read(path: Path) -> dict[str, Any]:
    """Values of a file over those of the one that it names as its base."""
    values = _parse(path)
    base = values.pop(_BASE, None)
    if base is None:
        return values
    if not isinstance(base, str):
        raise GagavatarError(f"{path}: base should be the name of a configuration, but is {base!r}")
    beside = path.parent / base
    return _merge(_read(beside if base.endswith(SUFFIXES) and beside.is_file() else _find(base)), values)


def _parse(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text("utf-8")
        values = _parse_toml(text) if path.suffix == ".toml" else _parse_yaml(text)
    except OSError as error:
        raise GagavatarError(f"{path} cannot be read ({error.strerror}): check the path") from error
    except ValueError as error:  # both libraries' errors are
        raise GagavatarError(f"{path} cannot be parsed: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict):
        raise GagavatarError(f"{path} holds no tables such as [loop]: see configs/full.toml")
    return values


def _parse_toml(text: str) -> Any:
    try:
        import tomllib
    except ImportError:  # Python 3.10
        import tomli as tomllib
    return tomllib.loads(text)


def _parse_yaml(text: str) -> Any:
    load_package("yaml", "A YAML file", "PyYAML", 'run pip install "gagavatar-nodes[train]", or write TOML')
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


def _merge(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    result = dict(below)
    for key, value in above.items():
        old = result.get(key)
        result[key] = _merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return result


def _set(values: dict[str, Any], change: str) -> None:
    key, equals, text = change.partition("=")
    if not equals or not key.strip():
        raise GagavatarError(f"'{change}' is no change: write it as loop.steps=1000")
    try:
        value = _parse_toml(f"value = {text}")["value"]
    except ValueError:
        value = text
    *tables, name = key.strip().split(".")
    for table in tables:
        inner = values.setdefault(table, {})
        if not isinstance(inner, dict):
            raise GagavatarError(f"'{change}': {table} is a value and no table")
        values = inner
    values[name] = value


def _build(kind: type, values: Mapping[str, Any], where: str, source: str) -> Any:
    """Return a dataclass of `kind` from a table."""
    start = {}
    if kind is GAGAvatarConfig and "preset" in values:
        start = {"preset": values["preset"]}
        values = {key: value for key, value in values.items() if key != "preset"}
    hints, known = typing.get_type_hints(kind), [field.name for field in fields(kind)]
    arguments = {}
    for key, value in values.items():
        if key not in known:
            raise GagavatarError(f"{source}: there is no '{where}{key}'{_hint(where, key, known, kind)}")
        arguments[key] = _convert(hints[key], value, f"{where}{key}", source)
    try:
        return replace(preset(start["preset"]), **arguments) if start else kind(**arguments)
    except (ValueError, TypeError) as error:
        raise GagavatarError(f"{source}: {where.rstrip('.') or 'configuration'}: {error}") from error


def _hint(where: str, key: str, known: list[str], kind: type) -> str:
    everywhere = [name for name, _ in _keys(TrainConfig)]
    choices = [f"{where}{name}" for name in known] + (["network.preset"] if kind is GAGAvatarConfig else [])
    near = [name for name in everywhere if name.rpartition(".")[2] == key]  # right, but in another table
    for names in (choices, everywhere):
        near = near or get_close_matches(f"{where}{key}", names, 1, 0.5)
    return f": did you mean '{near[0]}'?" if near else f": there are {', '.join(known)}"


def _keys(kind: type, where: str = "") -> Iterable[tuple[str, Any]]:
    """All keys with a dot between table and name."""
    for name, hint in typing.get_type_hints(kind).items():
        if is_dataclass(hint):
            yield from _keys(typing.cast(type, hint), f"{where}{name}.")
        else:
            yield f"{where}{name}", hint


def _convert(hint: Any, value: Any, where: str, source: str) -> Any:
    """`value` as the field's type, or an error that names both."""
    if is_dataclass(hint):
        if not isinstance(value, Mapping):
            raise GagavatarError(f"{source}: '{where}' is a table, write [{where}] and its keys below")
        return _build(typing.cast(type, hint), value, f"{where}.", source)
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin in (Union, types.UnionType):
        if value is None:
            return None
        hint = next(part for part in parts if part is not type(None))
        return _convert(hint, value, where, source)
    if origin is tuple:
        if not isinstance(value, (list, tuple)) or (parts[-1] is not Ellipsis and len(value) != len(parts)):
            raise _type_error(source, where, value, "a list" if parts[-1] is Ellipsis else f"a list of {len(parts)}")
        inner = [parts[0]] * len(value) if parts[-1] is Ellipsis else parts
        return tuple(_convert(one, item, where, source) for one, item in zip(inner, value, strict=True))
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, hint) or (hint is int and isinstance(value, bool)):
        raise _type_error(source, where, value, {float: "a number", int: "a whole number", str: "a text",
                                               bool: "true or false"}[hint])  # fmt: skip
    return value


def _type_error(source: str, where: str, value: Any, wanted: str) -> GagavatarError:
    return GagavatarError(f"{source}: {where} is {value!r}, but should be {wanted}")


def _flat(values: Mapping[str, Any], where: str = "") -> Iterable[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{where}{key}.")
        else:
            yield f"{where}{key}", value


def _plain(value: Any) -> Any:
    """Tuples as lists, as JSON has them."""
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, (list, tuple)) else value
