"""How an `http` step signs in, in words: never with what proves it. Pure."""

from __future__ import annotations

from typing import Final

from engine.fields import Field
from engine.json_values import Path, Value

STEP: Final = "http"
"""The kind of step that signs in with its parameter `auth`."""
PATH: Final[Path] = ("auth",)
FIELD: Final = Field.model_validate({"type": "text", "label": "Sign-in"})


def in_words(auth: Value) -> str:
    """Return how a call signs in."""
    match auth:
        case {"bearer": _}:
            return "Signs in with a bearer token"
        case {"basic": {"user": str(user)}}:
            return f"Signs in as {user} with a password"
        case {"header": {"name": str(name)}}:
            return f"Signs in with a key in the header {name}"
        case {"oauth2": {"token_url": str(url), "client_id": str(client)}}:
            return f"Signs in as {client} with an access token from {url}"
    return "Signs in"
