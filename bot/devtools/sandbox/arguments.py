"""Slack's forms of arguments: query, form fields (with JSON inside some), JSON body; and tokens.

https://docs.slack.dev/apis/web-api/#basics
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web

from bot.devtools.sandbox.errors import ApiError, bad_arguments
from bot.devtools.sandbox.jsontypes import Json

_JSON_FIELDS: Final = frozenset({"blocks", "attachments", "metadata", "view", "message"})
_TRUE: Final = frozenset({"1", "true", "True", True})
_FALSE: Final = frozenset({"0", "false", "False", "", False})


@dataclass(kw_only=True)
class Arguments:
    """The arguments and the token of a call."""

    values: Json
    token: str | None = None
    token_in_header: bool = False
    warnings: list[str] = field(default_factory=list)

    def text(self, name: str) -> str | None:
        """Return a string, or None if it is absent or empty."""
        value = self.values.get(name)
        if value is None or value == "":
            return None
        if isinstance(value, bool | list | dict):
            raise bad_arguments([f"must provide a string [json-pointer:/{name}]"])
        return str(value)

    def required(self, name: str) -> str:
        """Return a string. Raises `ApiError` if it is absent or empty."""
        value = self.text(name)
        if value is None:
            raise bad_arguments([f"missing required field: {name}"])
        return value

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return a boolean in any of Slack's spellings."""
        value = self.values.get(name)
        if value is None:
            return default
        if isinstance(value, list | dict) or value not in _TRUE | _FALSE:
            raise bad_arguments([f"must provide a boolean [json-pointer:/{name}]"])
        return value in _TRUE

    def whole(self, name: str, *, default: int, most: int) -> int:
        """Return a whole number from 1 to `most`."""
        value = self.text(name)
        if value is None:
            return default
        if not value.isdigit() or not 1 <= int(value) <= most:
            raise ApiError("invalid_limit" if name == "limit" else "invalid_arguments")
        return int(value)


async def read_arguments(request: web.Request) -> Arguments:
    """Read the arguments of a call. Raises `ApiError` if they cannot be read."""
    arguments = Arguments(values=dict(request.query))
    token = arguments.values.pop("token", None)
    if request.method == "POST":
        posted = await _read_body(request, arguments)
        # A token in a JSON body is ignored: with JSON it must be in the header.
        token = posted.pop("token", token) if request.content_type != "application/json" else token
        arguments.values |= posted
    arguments.token = str(token) if token else None
    scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and bearer.strip():
        arguments.token, arguments.token_in_header = bearer.strip(), True
    for name in _JSON_FIELDS & arguments.values.keys():
        arguments.values[name] = _decode_field(arguments.values[name])
    return arguments


async def _read_body(request: web.Request, arguments: Arguments) -> Json:
    kind = request.content_type
    if kind == "application/json":
        if request.charset is None:
            arguments.warnings.append("missing_charset")
        return _parse_object(await request.text())
    if kind in ("application/x-www-form-urlencoded", "multipart/form-data"):
        if request.charset is not None:
            arguments.warnings.append("superfluous_charset")
        return {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
    if await request.read():
        raise ApiError("invalid_post_type")
    return {}


def _parse_object(text: str) -> Json:
    if not text:
        return {}
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        raise ApiError("invalid_json") from None
    if not isinstance(value, dict):
        raise ApiError("json_not_object")
    return value


def _decode_field(value: Any) -> Any:
    """Parse JSON inside a string; other strings are returned unchanged, and the method refuses them."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except json.JSONDecodeError:
        return value
