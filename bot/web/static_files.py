"""The files that pages link: styles, script and mark. Their names contain a hash of their content."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from typing import Final

from bot import palette, template_files

_KINDS: Final = {
    palette.CSS: "text/css; charset=utf-8",
    palette.MARK: "image/svg+xml",
    "pages/signoff.css": "text/css; charset=utf-8",
    "pages/signoff.js": "text/javascript; charset=utf-8",
    "pages/workflow-editor.js": "text/javascript; charset=utf-8",
}


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A style, a script or a picture. `name` contains a hash, so browsers may cache it for ever."""

    name: str
    kind: str
    content: bytes
    compressed: bytes


@cache
def statics() -> dict[str, StaticFile]:
    """Return the static files by the name that the templates use, without folder."""
    return {path.rpartition("/")[2]: _read(path, kind) for path, kind in _KINDS.items()}


def _read(path: str, kind: str) -> StaticFile:
    content = (template_files.folder() / path).read_bytes()
    stem, _, ending = path.rpartition("/")[2].rpartition(".")
    name = f"{stem}.{hashlib.sha256(content).hexdigest()[:16]}.{ending}"
    return StaticFile(name, kind, content, gzip.compress(content, mtime=0))
