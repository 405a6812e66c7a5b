"""What visitors are told: no paths of the server, nothing that a browser would take for markup or a link."""

from __future__ import annotations

import html
import logging
import re
import secrets
import traceback

from ..errors import GagavatarError, WeightsError

_log = logging.getLogger(__name__)
_PATH = re.compile(r"(?<![\w:/.])(?:[A-Za-z]:[\\/]|~?/)(?:[^\\/\n\"'<>|*?:]+[\\/])*([^\\/\s\"'<>|*?:,;()]*)")
"""A path from the root; its last part is its name."""
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
_MARKUP = re.compile(r"[\\`*_{}\[\]<>()#+.!|~@:/&\"$=-]")
_LONGEST = 600
_NO_WEIGHTS = (
    "This needs model files that are not on the machine that serves this page: choose 'embedded', or ask its owner to "
    "run 'gagavatar weights download'"
)


class UnexpectedError(Exception):
    """An error that nobody foresaw, from another process; its text is that process's traceback."""


class ToldError(GagavatarError):
    """An error in words that are for visitors already."""


def explain(error: BaseException, owner: bool = False) -> str:
    """Return what a visitor is told of an error; what nobody foresaw is logged under a number that is told too.

    `owner` where visitors own the machine, so that the model files are their own matter.
    """
    if isinstance(error, WeightsError) and not owner:
        return _NO_WEIGHTS
    if isinstance(error, GagavatarError):
        return plain(str(error))
    number = secrets.token_hex(4)
    trace = str(error) if isinstance(error, UnexpectedError) else "".join(traceback.format_exception(error))
    _log.error("Reference %s\n%s", number, trace.encode(errors="backslashreplace").decode())
    return (
        f"Something went wrong that should not, reference {number}: try other inputs, or tell whoever runs this page "
        "that number"
    )


def plain(text: str) -> str:
    """Return text without paths and unseen characters, in one line of bounded length."""
    line = _UNSEEN.sub("\N{REPLACEMENT CHARACTER}", text.replace("\n", " "))
    line = _PATH.sub(lambda found: found[1] or "a folder", line)
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]} …"


def as_html(text: str) -> str:
    """Return text as HTML that shows it as it is."""
    return html.escape(text)


def as_markdown(text: str) -> str:
    """Return text as Markdown that shows it as it is, without links."""
    return _MARKUP.sub(lambda found: f"&#{ord(found[0])};", text)
