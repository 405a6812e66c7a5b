"""API keys: who may ask, and how often."""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import GagavatarError

VARIABLE = "GAGAVATAR_API_KEYS"
ANYONE = "anyone"
_SHORTEST = 16


@dataclass(frozen=True)
class Client:
    """Who asks."""

    name: str
    quota: int | None = None
    """Tasks an hour; None for the service's own number."""


class Keys:
    """The keys that a service knows. Only their hashes are kept."""

    def __init__(self, clients: Mapping[str, Client] | None = None) -> None:
        """`clients` are by their keys; without any, everyone may ask."""
        self._clients = {_hash(key): client for key, client in (clients or {}).items()}

    def __len__(self) -> int:
        return len(self._clients)

    @staticmethod
    def read(file: str | os.PathLike[str] | None = None, variable: str | None = None) -> Keys:
        """Return the keys of a file, one `name:key` or `name:key:quota` a line, and of a variable, between commas.

        Raises:
            GagavatarError: the file cannot be read, or an entry is malformed; keys are not quoted.
        """
        entries: list[tuple[str, str]] = []
        if file is not None:
            try:
                text = Path(file).read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise GagavatarError(f"{file} cannot be read: check the path and its permissions") from error
            entries += [(f"{file}, line {i}", line.strip()) for i, line in enumerate(text.splitlines(), 1)]
        value = os.environ.get(VARIABLE, "") if variable is None else variable
        entries += [(f"{VARIABLE}, entry {i}", entry.strip()) for i, entry in enumerate(value.split(","), 1)]
        clients: dict[str, Client] = {}
        for place, entry in entries:
            if entry and not entry.startswith("#"):
                key, client = _entry(place, entry)
                if key in clients:
                    raise GagavatarError(f"{place}: this key was given before: give each client its own")
                clients[key] = client
        return Keys(clients)

    def find(self, key: str | None) -> Client | None:
        """Return whose key it is; the time that this takes tells nothing about the keys."""
        if not self._clients:
            return Client(ANYONE)
        given, found = _hash(key or ""), None
        for known, client in self._clients.items():
            if hmac.compare_digest(given, known):
                found = client
        return found


def _entry(place: str, entry: str) -> tuple[str, Client]:
    name, *rest = entry.split(":")
    if not name or len(rest) not in (1, 2) or (len(rest) == 2 and not rest[1].isdecimal()):
        raise GagavatarError(f"{place} is not name:key or name:key:quota")
    if len(rest[0]) < _SHORTEST:
        raise GagavatarError(f"{place}: the key of {name} is shorter than {_SHORTEST} characters: make a longer one")
    return rest[0], Client(name, int(rest[1]) if len(rest) == 2 else None)


def _hash(key: str) -> bytes:
    return hashlib.sha256(key.encode(errors="replace")).digest()
