"""The meaning of a response to an `http` step: its body as a value, and whether a failure is definite."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from datetime import timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final, TypeAlias

import aiohttp
from yarl import URL

from engine import charsets, json_values
from engine.errors import InvalidValue, StepError
from engine.json_values import Value
from engine.retry import MAX_RETRY_AFTER
from engine.steps import http_failures

Answer: TypeAlias = aiohttp.ClientResponse

EXCERPT: Final = 300
"""Maximum length of the excerpt of an error body, in characters."""
_READ: Final = 16_384
"""Bytes of an error body that are read for the excerpt."""

_TEXT_TYPES: Final = re.compile(
    r"text/.+|.+\+xml|application/(?:xml|yaml|x-yaml|x-ndjson|javascript|x-www-form-urlencoded)"
)
_JSON_TYPES: Final = re.compile(r"(?:application|text)/json|.+\+json")


def parse(answer: Answer, body: bytes) -> Value:
    """Return the body as a value by its content type; an empty one is an empty text. Raises `InvalidValue`."""
    kind = answer.content_type.lower() if "Content-Type" in answer.headers else ""
    if not body:
        return ""
    if _JSON_TYPES.fullmatch(kind):
        return json_values.clean(json_values.loads(body.removeprefix(codecs.BOM_UTF8)))  # JSON is UTF-8, RFC 8259, 8.1
    if kind and not _TEXT_TYPES.fullmatch(kind):
        raise InvalidValue(f"text or JSON is expected, and its content type is {_named(kind)}")
    if not kind and b"\0" in body:
        raise InvalidValue("text or JSON is expected, and it names no content type and is binary")
    return json_values.clean(body.decode(_codec(answer), "replace"))


def _named(kind: str) -> str:
    """Return a name whole or not at all: half of a secret would not be recognized."""
    return kind if len(kind) <= 100 and kind.isprintable() else "none that is known"


def _codec(answer: Answer) -> str:
    return charsets.codec_for(answer.charset or "utf-8") or "utf-8"


async def _read_start(answer: Answer) -> bytes:
    start = bytearray()
    while len(start) < _READ and (piece := await answer.content.read(_READ - len(start))):
        start += piece
    return bytes(start)


async def excerpt(answer: Answer, redact: Callable[[str], str]) -> str:
    """Return the start of an error's body, as far as it can be read.

    Secrets are masked before it is cut: half of one would not be recognized.
    """
    kind = answer.content_type.lower()
    if not (_JSON_TYPES.fullmatch(kind) or _TEXT_TYPES.fullmatch(kind)):
        return ""
    try:
        start = await _read_start(answer)
    except (aiohttp.ClientError, OSError):
        return ""
    text = redact(start.decode(_codec(answer), "replace"))
    # The excerpt may end with a part of a secret.
    return _printable(text[: -_READ // 2] if len(start) >= _READ else text, EXCERPT)


def _printable(text: str, length: int) -> str:
    words = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return words if len(words) <= length else f"{words[:length]}…"


def links(answer: Answer) -> dict[str, Value]:
    """Return the addresses in the header `Link` (RFC 8288) by their relation; `next` is None if there is none."""
    try:
        found = {str(relation): str(link["url"]) for relation, link in answer.links.items()}
    except (ValueError, TypeError, KeyError):  # what yarl and aiohttp raise for a header that cannot be read
        found = {}
    return {"next": None, **{relation: json_values.clean(address) for relation, address in found.items()}}


def done(call: str, answer: Answer) -> str:
    """Return the beginning of the error for an answer that cannot be used."""
    return f"{call} was carried out (status {answer.status}), but"


def unwelcome(call: str, answer: Answer, quoted: str) -> StepError:
    """Return the error for a status that `expect` does not name. After most 5xx the outcome is unknown."""
    status = answer.status
    phrase = f" {HTTPStatus(status).phrase}" if status in HTTPStatus._value2member_map_ else ""
    message = f"{call} answered {status}{phrase}"
    if 300 <= status < 400:
        message += f" and points to {_location_host(answer)}; redirects are not followed"
    unknown = status >= 500 and status not in http_failures.REFUSED
    return StepError(
        f"{message}: {quoted}" if _words(quoted) - _words(message) else message,
        outcome_unknown=unknown,
        # A refusal did nothing, so `retry` in the file decides whether to call again.
        retryable=status >= 400,
        retry_after=wait_of(answer) if status in (408, 425, 429, 503) else None,
    )


def _words(text: str) -> frozenset[str]:
    """Return the words of a text, to see whether an answer says more than its status: many say "404: Not Found"."""
    return frozenset(re.findall(r"\w+", text.lower()))


def _location_host(answer: Answer) -> str:
    try:
        host = URL(answer.headers.get("Location", "")).raw_host
    except ValueError:
        return "an unreadable address"
    if host and len(host) > 253:
        return "an unreadable address"
    return _printable(host, 253) if host else "the same host"


def wait_of(answer: Answer) -> timedelta | None:
    """Return the wait of `Retry-After` (RFC 9110, 10.2.3). A date is measured against `Date` of the response."""
    text = answer.headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return min(timedelta(seconds=int(text[:9])), MAX_RETRY_AFTER)
    try:
        wait = parsedate_to_datetime(text) - parsedate_to_datetime(answer.headers.get("Date", ""))
    except (ValueError, TypeError, OverflowError):  # TypeError: one of them without a zone
        return None
    return min(max(wait, timedelta()), MAX_RETRY_AFTER)


def broken(call: str, error: Exception, *, connected: bool) -> StepError:
    """Return the error for no response, or half of one. Only a failure before the connection is definite."""
    if not connected:
        return _unconnected(call, error)
    match error:
        case TimeoutError():
            what = "did not answer in time"
        case aiohttp.ClientPayloadError():
            what = "broke off in the middle of its answer"
        case aiohttp.ClientResponseError():
            what = "answered something that is not HTTP"
        case _:
            what = "closed the connection without an answer"
    return StepError(f"{call} {what}; it may have been carried out", outcome_unknown=True, retryable=True)


def _unconnected(call: str, error: Exception) -> StepError:
    match error:
        case TimeoutError():
            return StepError(f"{call} was not sent: no connection in time", retryable=True)
        case aiohttp.ClientConnectorCertificateError():
            return StepError(f"{call} was not sent: the host's TLS certificate is not valid for it")
        case aiohttp.ClientSSLError():
            return StepError(f"{call} was not sent: no TLS connection could be agreed on")
        case aiohttp.InvalidURL():
            return StepError(f"{call} was not sent: its URL cannot be called")
        case _:
            return StepError(f"{call} was not sent: the connection was refused or failed", retryable=True)
