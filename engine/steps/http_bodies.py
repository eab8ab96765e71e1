"""The body of an `http` call in each of its forms, with its content type."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from typing import TypeAlias
from urllib.parse import urlencode

import aiohttp

from engine import json_values
from engine.steps.http_params import HttpParams, Scalar, scalar_text

Body: TypeAlias = io.BytesIO | aiohttp.MultipartWriter


def build(params: HttpParams) -> tuple[Body | None, str]:
    """Return the body to send and its content type; None if the call has no body.

    A text is given as a file: aiohttp warns about bytes over 1 MiB, and sends a file in pieces.
    """
    if params.sends_json:
        return _file(json_values.dumps(params.json_body)), "application/json"
    if params.form is not None:
        return _file(encode_form(params.form)), "application/x-www-form-urlencoded"
    if params.multipart is not None:
        writer = _multipart(params.multipart)
        return writer, writer.content_type
    return (None, "") if params.body is None else (_file(params.body), "text/plain; charset=utf-8")


def encode_form(form: Mapping[str, Scalar | list[Scalar] | None]) -> str:
    """Return the fields as a form of HTML encodes them. A list is a field for each item; what is none is left out."""
    return urlencode([*_pairs(form)])


def _pairs(form: Mapping[str, Scalar | list[Scalar] | None]) -> Iterator[tuple[str, str]]:
    for name, value in form.items():
        for item in value if isinstance(value, list) else () if value is None else (value,):
            yield name, scalar_text(item)


def _multipart(parts: Mapping[str, Scalar | list[Scalar] | None]) -> aiohttp.MultipartWriter:
    writer = aiohttp.MultipartWriter("form-data")
    for name, text in _pairs(parts):
        part = writer.append(text)
        part.set_content_disposition("form-data", name=name, quote_fields=True)
    return writer


def _file(text: str) -> io.BytesIO:
    return io.BytesIO(text.encode())
