"""The files of the pages: their templates, and the style and script, whose names have a hash of what is in them."""

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
    """Files that this installation should have, and has not."""


@dataclass(frozen=True, slots=True)
class StaticFile:
    """`name`: with the hash, so that it can be kept for ever."""

    name: str
    kind: str
    content: bytes


def folder() -> Path:
    """The templates lie inside the package in a wheel and beside it in a checkout. Raises `PagesMissing`."""
    for parent in _PACKAGE / "_templates", _PACKAGE.parent / "templates":
        if (parent / "pages").is_dir():
            return parent / "pages"
    raise PagesMissing("This installation lacks its pages; install Signoff again.")


@cache
def statics() -> dict[str, StaticFile]:
    """By the name that is written in the templates."""
    return {name: _read(name, kind) for name, kind in _KINDS.items()}


def _read(name: str, kind: str) -> StaticFile:
    content = (folder() / name).read_bytes()
    stem, _, ending = name.rpartition(".")
    return StaticFile(f"{stem}.{hashlib.sha256(content).hexdigest()[:16]}.{ending}", kind, content)
