"""The form that came with a request from a browser."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Message

from bot.web.middleware import MOST_BYTES, keep_form

NOTHING: Final = "nothing"
"""The name of the button that the Enter key presses on a box or an option: the form is shown again."""
_MAX_FIELDS: Final = 2_000
_MAX_DISCARDED: Final = 10 * MOST_BYTES
"""Bytes that are read of a form that is too large."""


async def read_form(request: Request) -> FormData:
    """Return the form that was sent. Raises 413 if it is too large, 400 if it is not a form."""
    size = 0

    async def receive() -> Message:
        nonlocal size
        message = await request.receive()
        size += len(message.get("body", b""))
        if size > MOST_BYTES:
            await _discard_rest(request, message, size)
            raise HTTPException(413)
        return message

    form = await Request(request.scope, receive).form(max_files=0, max_fields=_MAX_FIELDS, max_part_size=MOST_BYTES)
    keep_form(request.scope, form)
    return form


async def _discard_rest(request: Request, message: Message, size: int) -> None:
    """Read the rest of a form that is too large: a browser that is cut off while it sends shows no answer."""
    while message.get("more_body") and size < _MAX_DISCARDED:
        message = await request.receive()
        size += len(message.get("body", b""))


def text(form: FormData, name: str) -> str:
    """Return the last value of that name, or an empty text."""
    values = [value for value in form.getlist(name) if isinstance(value, str)]
    return values[-1] if values else ""


def content_values(form: FormData) -> Mapping[str, tuple[str, ...]]:
    """Return the values of the inputs for the content, by name."""
    return {
        name: tuple(value for value in form.getlist(name) if isinstance(value, str))
        for name in form
        if name.startswith("f-")
    }
