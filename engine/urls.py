"""Web addresses: their canonical form, and values that cannot change another part of an address."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final
from urllib.parse import quote, unquote, urlencode

from yarl import URL

from engine.errors import InvalidValue

_MAX_DECODINGS: Final = 8
_HOST: Final = re.compile(r"[A-Za-z0-9._-]{1,253}")
_PORT: Final = re.compile(r"[0-9]{1,5}")
_BASE: Final = re.compile(r"https?://[^/?#@\\\s]+(/[^?#\\\s]*)?", re.IGNORECASE)
_AUTHORITY: Final = re.compile(r"[^?#:]*://[^/?#]*")
_ANY: Final = re.compile(r"https?://[^/?#]", re.IGNORECASE)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_SUB_DELIMITERS: Final = "!$&'()*+,;=:@~"
_DOTS: Final = frozenset({".", ".."})
_HOST_NAME: Final = re.compile(r"(?=.{1,253}\Z)(?:(?:^|\.)[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)+")
# The URL standard (WHATWG, "ends in a number"): such a host is an IPv4 address or nothing. getaddrinfo reads
# `2130706433`, `0x7f.1` and `0177.0.0.1` as 127.0.0.1; no honest URL is written so.
_NUMERIC: Final = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)")


class UrlPart(Enum):
    """The part of an address in which a value stands."""

    START = "start"
    SCHEME = "scheme"
    HOST = "host"
    PORT = "port"
    PATH = "path"
    QUERY = "query"
    FRAGMENT = "fragment"

    @property
    def chooses_server(self) -> bool:
        """Whether a value in this part decides which server is called."""
        return self in (UrlPart.START, UrlPart.SCHEME, UrlPart.HOST, UrlPart.PORT)


_STAND_INS: Final = {UrlPart.START: "https://x", UrlPart.SCHEME: "https", UrlPart.HOST: "x"}
"""The placeholder of an unknown value, by part of the address. In all other parts it is `1`."""


@dataclass(frozen=True, slots=True)
class InsertedValue:
    """A value that is put into an address. `label`: its name in errors."""

    text: str
    label: str


@dataclass(frozen=True, slots=True)
class _UrlSpan:
    start: int
    end: int
    label: str
    place: UrlPart


def canonical(text: str) -> str:
    """Return the address as it is called: percent-encoded, without a fragment, literal dot segments resolved.

    What is escaped stays so: for some servers `%3B` and `;` are two addresses. Raises `InvalidValue` for what cannot
    be read.
    """
    if _CONTROL.search(text):  # yarl drops line breaks in silence
        raise InvalidValue("has a line break or another control character")
    try:
        url = URL(text)
    except ValueError:
        raise InvalidValue("cannot be read as a web address") from None
    match = _AUTHORITY.match(text)
    if match is None or not url.scheme:
        return str(url.with_fragment(None))
    path, mark, query = text[match.end() :].partition("#")[0].partition("?")
    path = _resolved(_quoted(path, "/" + _SUB_DELIMITERS))
    port = "" if url.explicit_port is None or url.is_default_port() else f":{url.explicit_port}"
    authority = url.raw_authority if "@" in match[0] else f"{_bracketed((url.raw_host or '').lower())}{port}"
    query_text = f"{mark}{_quoted(query, '/?' + _SUB_DELIMITERS)}" if query else ""  # a `?` alone is never sent
    return f"{url.scheme}://{authority}{path or '/'}{query_text}"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _resolved(path: str) -> str:
    """Return the path without its dot segments (RFC 3986, 5.2.4)."""
    segments = list[str]()
    last = ""
    for last in path.split("/"):
        if (dots := _plain(last)) not in _DOTS:
            segments.append(last)
        elif dots == ".." and len(segments) > 1:
            segments.pop()
    return "/".join([*segments, ""] if _plain(last) in _DOTS else segments)


def _plain(segment: str) -> str:
    return segment.lower().replace("%2e", ".")


def _quoted(text: str, safe: str) -> str:
    """Escape the text, except for escapes that it has already, which get upper-case digits."""
    escaped = re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", text)
    return re.sub(r"%[0-9A-Fa-f]{2}", lambda match: match[0].upper(), quote(escaped, safe=f"{safe}%"))


def with_query(address: str, pairs: Sequence[tuple[str, str]]) -> str:
    """Return the address with these names and values at the end of its query."""
    if not pairs:
        return address
    return f"{address}{'&' if '?' in address else '?'}{urlencode(pairs)}"


def checked(text: str) -> str:
    """Return the canonical form of an address from data or from a person.

    Raises `InvalidValue` for dot segments, encoded ones too, and for a fragment: with these the call would go to
    another address than the one that was read. So it does for what names no server that can be called.
    """
    if not _ANY.match(text):
        raise InvalidValue("must begin with https:// and a host")
    if "#" in text:
        raise InvalidValue("has a `#`: what follows it is never sent; leave it out, or write %23")
    if any(_is_dotted(segment) for segment in _path(text).split("/")):
        raise InvalidValue("has `.` or `..` as a part of its path, which leads elsewhere; write it without them")
    return _callable(canonical(text))


def check_written(parts: Sequence[str | InsertedValue]) -> None:
    """Raise `InvalidValue` if the literal texts of an address name no server that can be called."""
    built = ""
    for index, part in enumerate(parts):
        built += part if isinstance(part, str) else _STAND_INS.get(_next_part(built, parts[index + 1 :]), "1")
    _callable(canonical(built))


def _callable(address: str) -> str:
    """Return the canonical form of an address. Raises `InvalidValue` if it names no server that can be called."""
    match, url = _AUTHORITY.match(address), URL(address)
    host = url.raw_host or ""
    if match is None or url.scheme not in ("http", "https") or not host:
        raise InvalidValue("must begin with https:// and a host")
    if "@" in match[0]:
        raise InvalidValue("may not carry a user name or password; send an Authorization header")
    if url.explicit_port == 0:
        raise InvalidValue("has the port 0, at which no server can be called")
    try:
        literal_host(host)
    except InvalidValue as error:
        raise InvalidValue(f"has a host that {error}") from None
    return address


def literal_host(host: str) -> IPv4Address | IPv6Address | None:
    """Return the IP address of a host, or None if the host is a name. Raises `InvalidValue` if it is neither."""
    plain = host.rstrip(".")
    if ":" in host or _NUMERIC.fullmatch(plain):
        try:
            address = ip_address(plain)
        except ValueError:
            raise InvalidValue("is a number and not written as a plain address") from None
        if isinstance(address, IPv6Address) and address.scope_id is not None:
            raise InvalidValue("names a network interface")
        return address
    if not _HOST_NAME.fullmatch(plain):
        raise InvalidValue("is not a host name")
    return None


def moves(text: str) -> bool:
    """Return whether a dot segment or a fragment makes the called address differ from the shown one."""
    return "#" in text or any(_plain(segment) in _DOTS for segment in _path(text).split("/"))


def build(parts: Sequence[str | InsertedValue]) -> str:
    """Return the address made of literal texts and values, each value escaped for the place where it stands.

    Raises `InvalidValue` for a value that would move the call elsewhere.
    """
    built, spans = "", list[_UrlSpan]()
    for index, part in enumerate(parts):
        if isinstance(part, str):
            built += part
            continue
        part_kind = _next_part(built, parts[index + 1 :])
        start = len(built)
        built += _escaped(part_kind, part, parts[index + 1 :])
        spans.append(_UrlSpan(start, len(built), part.label, part_kind))
    _check_segments(built, spans)
    return _callable(canonical(built))


def places(parts: Sequence[str | InsertedValue]) -> list[UrlPart]:
    """Return the part of the address for each value, in order. It does not depend on the values."""
    built, places = "", list[UrlPart]()
    for index, part in enumerate(parts):
        if isinstance(part, str):
            built += part
        else:
            places.append(_next_part(built, parts[index + 1 :]))
            built += _STAND_INS.get(places[-1], "1")
    return places


def _next_part(built: str, rest: Sequence[str | InsertedValue]) -> UrlPart:
    """Return the part of the address that follows `built`. Escaped values hold no delimiter, so `built` decides it."""
    scheme, separator, after = built.partition("://")
    if not separator:
        following = rest[0] if rest and isinstance(rest[0], str) else ""
        return UrlPart.SCHEME if scheme.strip() or following.startswith("://") else UrlPart.START
    if "#" in after:
        return UrlPart.FRAGMENT
    if "?" in after:
        return UrlPart.QUERY
    if "/" in after:
        return UrlPart.PATH
    return UrlPart.PORT if ":" in after.rpartition("]")[2] else UrlPart.HOST


def _escaped(part_kind: UrlPart, value: InsertedValue, rest: Sequence[str | InsertedValue]) -> str:
    text, label = value.text, value.label
    match part_kind:
        case UrlPart.START:
            return _base(value, rest)
        case UrlPart.SCHEME if text.lower() not in ("http", "https"):
            raise InvalidValue(f"{label} stands before `://`, so it has to be http or https")
        case UrlPart.HOST if not _HOST.fullmatch(text):
            raise InvalidValue(f"{label} stands in the host, so it may only have letters, digits, dots and hyphens")
        case UrlPart.PORT if not _PORT.fullmatch(text):
            raise InvalidValue(f"{label} stands in the place of the port, so it has to be a number")
        case UrlPart.SCHEME | UrlPart.HOST | UrlPart.PORT:
            return text
    return quote(text, safe="")


def _base(value: InsertedValue, rest: Sequence[str | InsertedValue]) -> str:
    """Return the value that begins an address. It has a path, or the rest begins with `/`, `?` or `#`."""
    match = _BASE.fullmatch(value.text)
    following = rest[0] if rest and isinstance(rest[0], str) else ""
    if match is None or not (match[1] or not rest or following.startswith(("/", "?", "#"))):
        raise InvalidValue(
            f"{value.label} begins the address, so it has to be one like https://api.example.com, without `?` and `#`"
        )
    return value.text


def _check_segments(built: str, spans: Sequence[_UrlSpan]) -> None:
    """Raise `InvalidValue` for a segment of the path that a value makes empty, or a dot segment."""
    match = _AUTHORITY.match(built)
    offset = match.end() if match else 0
    for segment in _path(built).split("/"):
        end = offset + len(segment)
        for span in spans:
            if span.start > end or span.end < offset:
                continue
            _check_segment(segment, span)
        offset = end + 1


def _check_segment(segment: str, span: _UrlSpan) -> None:
    if _is_dotted(segment):
        raise InvalidValue(f"{span.label} would lead to another address: its path may not have `.` or `..`")
    if not segment and span.start == span.end:
        raise InvalidValue(
            f"{span.label} is empty, so another address would be called; skip the step with `when`, or give a `default`"
        )


def _path(text: str) -> str:
    """Return the path as it is written, without host, query and fragment."""
    match = _AUTHORITY.match(text)
    return re.split(r"[?#]", text[match.end() :], maxsplit=1)[0] if match else ""


def _is_dotted(segment: str) -> bool:
    """Return whether a server may read this as a dot segment: decoded, behind `%2F` or `\\`, or before a `;`."""
    for _ in range(_MAX_DECODINGS):
        pieces = re.split(r"[/\\]", segment)
        if any(piece.partition(";")[0] in _DOTS for piece in pieces):
            return True
        decoded = unquote(segment)
        if decoded == segment:
            return False
        segment = decoded
    return True
