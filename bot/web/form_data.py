"""The form that came with a request from a browser."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.types import Message, Scope

from bot.web.middleware import MOST_BYTES, keep_form
from bot.web.uploads import TOGETHER, LimitedParser

NOTHING: Final = "nothing"
"""The name of the button that the Enter key presses on a box or an option: the form is shown again."""
_MAX_FIELDS: Final = 2_000
_MAX_DISCARDED: Final = 10 * MOST_BYTES
"""Bytes that are read of a form that is too large."""


async def read_form(request: Request, *, largest_file: int | None = None) -> FormData:
    """Return the form that was sent. Raises 413 if it is too large, 400 if it is not a form.

    `largest_file`: the maximum size of a file, in bytes, where a form may have files.
    """
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        largest_file = None
    size, most = 0, MOST_BYTES if largest_file is None else MOST_BYTES + 2 * TOGETHER * largest_file

    async def receive() -> Message:
        nonlocal size
        message = await request.receive()
        size += len(message.get("body", b""))
        if size > most:
            await _discard_rest(request, message, size)
            raise HTTPException(413)
        return message

    limited = Request(_as_utf8(request.scope), receive)
    if largest_file is None:
        form = await limited.form(max_files=0, max_fields=_MAX_FIELDS, max_part_size=MOST_BYTES)
    else:
        form = await _with_files(limited, largest_file)
    keep_form(request.scope, form)
    return form


def _as_utf8(scope: Scope) -> Scope:
    """Return the scope of a form without the character set that its sender names: browsers send UTF-8.

    Some of Python's codecs take quadratic time, and others raise what no parser expects.
    """
    sent = [(name, _without_charset(value) if name == b"content-type" else value) for name, value in scope["headers"]]
    return {**scope, "headers": sent}


def _without_charset(content_type: bytes) -> bytes:
    kind, params = parse_options_header(content_type)
    boundary = params.get(b"boundary", b"")
    return b'%b; boundary="%b"' % (kind, boundary) if boundary and b'"' not in boundary else kind


def may_be_large(request: Request) -> bool:
    """Return whether more may come with a request than a form without files has."""
    length = request.headers.get("content-length", "")
    return not length.isdecimal() or int(length) > MOST_BYTES


async def _with_files(request: Request, largest: int) -> FormData:
    parser = LimitedParser(
        request.headers, request.stream(), most=largest, max_fields=_MAX_FIELDS, max_part_size=MOST_BYTES
    )
    try:
        return await parser.parse()
    except MultiPartException as error:
        raise HTTPException(400, detail=error.message) from None


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
