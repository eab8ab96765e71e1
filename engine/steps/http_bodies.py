"""The body of an `http` call in each of its forms, with its content type."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from typing import TypeAlias
from urllib.parse import urlencode

import aiohttp
from multidict import CIMultiDict

from engine import json_values
from engine.file_storage import OpenFile
from engine.steps.http_params import HttpParams, MultipartValue, Scalar, scalar_text

Body: TypeAlias = io.BytesIO | aiohttp.MultipartWriter


def build(params: HttpParams, files: Mapping[str, OpenFile]) -> tuple[Body | None, str]:
    """Return the body to send and its content type; None if the call has no body. `files`: those to send, by id.

    A text is given as a file: aiohttp warns about bytes over 1 MiB, and sends a file in pieces.
    """
    if params.sends_json:
        return _file(json_values.dumps(params.json_body)), "application/json"
    if params.form is not None:
        return _file(encode_form(params.form)), "application/x-www-form-urlencoded"
    if params.multipart is not None:
        writer = _multipart(params.multipart, files)
        return writer, writer.content_type
    if params.file is not None:
        file = files[params.file["id"]]
        return io.BytesIO(file.data), file.reference.type
    return (None, "") if params.body is None else (_file(params.body), "text/plain; charset=utf-8")


def encode_form(form: Mapping[str, Scalar | list[Scalar] | None]) -> str:
    """Return the fields as a form of HTML encodes them. A list is a field for each item; what is none is left out."""
    return urlencode([*_pairs(form)])


def _pairs(form: Mapping[str, Scalar | list[Scalar] | None]) -> Iterator[tuple[str, str]]:
    for name, value in form.items():
        for item in value if isinstance(value, list) else () if value is None else (value,):
            yield name, scalar_text(item)


def _multipart(
    parts: Mapping[str, MultipartValue | list[MultipartValue] | None], files: Mapping[str, OpenFile]
) -> aiohttp.MultipartWriter:
    writer = aiohttp.MultipartWriter("form-data")
    for name, value in parts.items():
        for item in value if isinstance(value, list) else () if value is None else (value,):
            if isinstance(item, dict):
                _append_file(writer, name, files[item["id"]])
            else:
                part = writer.append(scalar_text(item))
                part.headers["Content-Disposition"] = f'form-data; name="{_quoted(name)}"'
    return writer


def _append_file(writer: aiohttp.MultipartWriter, name: str, file: OpenFile) -> None:
    """Append a part with a file. Servers read its name as UTF-8 (RFC 7578, 4.2), so it is not encoded."""
    part = writer.append(io.BytesIO(file.data), CIMultiDict({"Content-Type": file.reference.type}))
    plain = file.reference.name.replace("\\", "_").replace('"', "%22")
    part.headers["Content-Disposition"] = f'form-data; name="{_quoted(name)}"; filename="{plain}"'


def _quoted(name: str) -> str:
    return name.replace("\\", "\\\\").replace('"', "%22")


def _file(text: str) -> io.BytesIO:
    return io.BytesIO(text.encode())
