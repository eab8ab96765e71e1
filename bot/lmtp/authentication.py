"""What the mail server of an organization says about the sender of an email: `Authentication-Results` (RFC 8601). Pure.

Anyone can write such a header, and any sender into `From`. So only the topmost header that names our mail server
counts, and one that is not exactly as the standard has it proves nothing. The mail server has to remove headers with
its own name from what it takes (RFC 8601, section 5).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct

_QUOTED: Final = r'"(?:[^"\\]|\\.)*"'
_PAIR: Final = re.compile(rf"([A-Za-z0-9._-]+(?:\s*/\s*\d+)?)\s*=\s*({_QUOTED}|[^\s;\"]+)")
_PART: Final = re.compile(rf"\s*{_PAIR.pattern}(?:\s+{_PAIR.pattern})*\s*")
_NAME: Final = re.compile(r"\s*([^\s;\"()=]+)(?:\s+\d+)?\s*")
_PLAIN: Final = re.compile(r"\s*[^\s;\"()=]")
"""How a header begins whose server is named plainly, as every filter that removes forged headers reads it."""
_SEMICOLON: Final = re.compile(rf"((?:{_QUOTED}|[^;\"])*)(?:;|$)")
_MOST: Final = 50
"""Number of headers that are read: ours is near the top, and a stranger may send thousands below."""
_LONGEST: Final = 10_000
"""Maximum length of a header, in characters."""


class AuthenticationResult(Struct, frozen=True):
    """The result of one method, such as `dkim`, with its properties, such as `header.d`."""

    method: str
    result: str
    properties: Mapping[str, str]


def is_from(headers: Sequence[str], *, authserv: str, domain: str) -> bool:
    """Return whether our mail server found that an email is from a domain.

    `headers`: all headers `Authentication-Results`, the topmost first. DMARC decides if it has a result other than
    `none`; else a DKIM signature of exactly this domain. SPF alone proves nothing here: at large providers, the servers
    that may send for a domain send for others too.
    """
    results = ours(headers, authserv)
    dmarc = [result for result in results if result.method == "dmarc" and result.result != "none"]
    if dmarc:
        return all(one.result == "pass" and _same(one.properties.get("header.from"), domain) for one in dmarc)
    signed = (result for result in results if (result.method, result.result) == ("dkim", "pass"))
    return any(_same(result.properties.get("header.d"), domain) for result in signed)


def is_envelope_from(headers: Sequence[str], *, authserv: str, sender: str) -> bool:
    """Return whether our mail server found that the envelope is from its sender, who may then get a bounce."""
    passed = (one for one in ours(headers, authserv) if (one.method, one.result) == ("spf", "pass"))
    domain = sender.rpartition("@")[2]
    return any(_same(one.properties.get("smtp.mailfrom", "").rpartition("@")[2], domain) for one in passed)


def ours(headers: Sequence[str], authserv: str) -> list[AuthenticationResult]:
    """Return the results in the topmost header of our mail server; none if it cannot be read."""
    for header in headers[:_MOST]:
        parsed = parse(header)
        if parsed is None:
            # It may be ours, and what is below it must not speak in its place.
            return []
        name, results = parsed
        if _same(name, authserv):
            return results
    return []


def parse(header: str) -> tuple[str, list[AuthenticationResult]] | None:
    """Return the name of the server and its results, or None if the header is not as RFC 8601 has it.

    A name in quotes or after a comment is refused too: a mail server may not know it as its own, and then keeps it.
    """
    text = _without_comments(header) if len(header) <= _LONGEST and _PLAIN.match(header) else None
    parts = None if text is None else _split(text)
    if parts is None:
        return None
    name = _NAME.fullmatch(parts[0])
    results = [_result(part) for part in parts[1:] if part.strip() not in ("", "none")]
    if name is None or any(result is None for result in results):
        return None
    return name[1], [result for result in results if result is not None]


def _result(part: str) -> AuthenticationResult | None:
    if not _PART.fullmatch(part):
        return None
    pairs = [(match[1].lower(), _unquoted(match[2])) for match in _PAIR.finditer(part)]
    (method, result), *properties = pairs
    found: dict[str, str] = {}
    for name, value in properties:
        # A property that is there twice has no single meaning.
        if name in found and found[name] != value:
            return None
        found[name] = value
    return AuthenticationResult(method.partition("/")[0].strip(), result.lower(), found)


def _split(text: str) -> list[str] | None:
    """Return the parts between semicolons, or None if a quotation is not closed."""
    parts, at = list[str](), 0
    while at <= len(text):
        match = _SEMICOLON.match(text, at)
        if match is None:
            return None
        parts.append(match[1])
        if match.end() == len(text) and not match[0].endswith(";"):
            break
        at = match.end()
    return parts


def _without_comments(header: str) -> str | None:
    """Return the header with each comment, which may hold others, as a blank. None if one is not closed."""
    shown, depth, at = list[str](), 0, 0
    while at < len(header):
        character = header[at]
        if depth == 0 and character == '"':
            quoted = re.compile(_QUOTED, re.DOTALL).match(header, at)
            if quoted is None:
                return None
            shown.append(quoted[0])
            at = quoted.end()
            continue
        if character == "\\" and depth:
            at += 2
            continue
        depth += (character == "(") - (character == ")")
        if depth < 0:
            return None
        shown.append(character if depth == 0 and character != ")" else " ")
        at += 1
    return "".join(shown) if depth == 0 else None


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if text.startswith('"') else text


def _same(one: str | None, other: str) -> bool:
    return one is not None and bool(other) and one.rstrip(".").lower() == other.rstrip(".").lower()
