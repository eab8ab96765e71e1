"""One header of a request, without making all of them into an object: a busy program sends thousands of requests."""

from __future__ import annotations

from starlette.types import Scope


def find(scope: Scope, name: bytes) -> str | None:
    """Return a header of a request, or None. `name`: in small letters, as the server gives names."""
    for given, value in scope["headers"]:
        if given == name:
            text: str = value.decode("latin-1")
            return text
    return None
