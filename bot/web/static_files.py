"""The files of the pages: templates, and the style and script, whose names contain a hash of their content."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import bot
from engine.errors import SignoffError

_PACKAGE: Final = Path(bot.__file__).parent
_KINDS: Final = {"signoff.css": "text/css; charset=utf-8", "signoff.js": "text/javascript; charset=utf-8"}


class PagesMissing(SignoffError):
    """Files of this installation are missing."""


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A style or script. `name` contains a hash, so browsers may cache it for ever."""

    name: str
    kind: str
    content: bytes


def folder() -> Path:
    """Return the folder of the templates: in the package in a wheel, beside it in a checkout. Raises `PagesMissing`."""
    for parent in _PACKAGE / "_templates", _PACKAGE.parent / "templates":
        if (parent / "pages").is_dir():
            return parent / "pages"
    raise PagesMissing("This installation lacks its pages; install Signoff again.")


@cache
def statics() -> dict[str, StaticFile]:
    """Return the static files by the name that the templates use."""
    return {name: _read(name, kind) for name, kind in _KINDS.items()}


def _read(name: str, kind: str) -> StaticFile:
    content = (folder() / name).read_bytes()
    stem, _, ending = name.rpartition(".")
    return StaticFile(f"{stem}.{hashlib.sha256(content).hexdigest()[:16]}.{ending}", kind, content)
