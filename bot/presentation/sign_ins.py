"""How an `http` step signs in, in words: never with what proves it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from engine.fields import Field
from engine.json_values import Path, Value
from engine.workflowfile.step_kinds import HTTP

PATH: Final[Path] = ("auth",)
"""The parameter with which an `http` step signs in."""
FIELD: Final = Field.model_validate({"type": "text", "label": "Sign-in"})


def readable(uses: str, params: Mapping[str, Value]) -> dict[str, Value]:
    """Return the parameters of a step as people read them: of a sign-in only how it is done."""
    name = str(PATH[0])
    return {**params, name: in_words(params[name])} if uses == HTTP and name in params else dict(params)


def labels(uses: str, given: Mapping[Path, str]) -> Mapping[Path, str]:
    """Return the labels of the parameters of a step, with that of its sign-in."""
    return {**given, PATH: str(FIELD.label)} if uses == HTTP else given


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
