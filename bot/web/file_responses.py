"""The response with a file: an image on a page, or something to save that no browser opens by itself. Pure."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from starlette.responses import Response

from engine.file_references import FileReference
from engine.file_storage import OpenFile
from engine.media_types import UNKNOWN

PREVIEW: Final = "preview"
"""Query parameter: show an image on a page, and do not save it."""
MOST_PREVIEWED: Final = 10_000_000
"""Maximum size of an image that is shown on a page, in bytes."""
_POLICY: Final = "default-src 'none'; sandbox; frame-ancestors 'none'"
_ACTIVE: Final = ("text/html", "application/xhtml+xml", "application/xml", "image/svg+xml", "text/xml")
"""Types that a browser might run scripts of, if it ever opened them itself."""


def is_previewed(file: FileReference) -> bool:
    """Return whether pages show the file as an image."""
    return file.is_image and file.size <= MOST_PREVIEWED


def answer(file: OpenFile, *, preview: bool) -> Response:
    """Return the response with a file: an image on a page, or something to save that no browser opens by itself."""
    kind, name = file.reference.type, file.reference.name
    if preview and not is_previewed(file.reference):
        preview = False
    plain = name.encode("ascii", "replace").decode().replace("?", "_").replace('"', "_").replace("\\", "_")
    disposition = "inline" if preview else f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
    headers = {
        "Content-Type": UNKNOWN if kind in _ACTIVE else kind,
        "Content-Disposition": disposition,
        "Content-Security-Policy": _POLICY,
        "X-Content-Type-Options": "nosniff",
    }
    return Response(file.data, headers=headers)
