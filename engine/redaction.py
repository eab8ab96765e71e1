"""Takes secrets out of texts, however an answer spells them: plain, escaped, encoded, or broken over lines.

Every text is searched as it is, and as it reads once it is decoded (percent, JSON, HTML, two of them after each other,
and without white space). An Aho-Corasick automaton finds all secrets in one pass over each of these views, so the
time grows with the length of the text alone. API keys and signing secrets
are found by their form, in the same views, and in base64.
"""

from __future__ import annotations

import base64
import html
import json
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from ahocorasick_rs import BytesAhoCorasick

from engine import api_key_text

MIN_LENGTH: Final = 4
"""Minimum length of a secret that is redacted, in characters: a shorter one would match ordinary words."""
_ANY_CASE_FROM: Final = 8
"""From this many characters on, a secret is also match in upper and lower case, as hosts and headers repeat it."""
_SPLIT_FROM: Final = 16
"""From this many bytes on, a secret is also match with white space in it."""
_LINE_FROM: Final = 8
"""Minimum length of a single line of a secret that is redacted, in characters."""
_ARMOUR: Final = re.compile(r"-----(BEGIN|END) [A-Z0-9 ]+-----")


@dataclass(frozen=True, slots=True)
class _Code:
    """An escaping. `pattern` finds one escape, `decode` reads it, `mark` is in every text that has one."""

    mark: bytes
    pattern: re.Pattern[bytes]
    decode: Callable[[re.Match[bytes]], bytes]


@dataclass(frozen=True, slots=True)
class _Needle:
    """A searched text. `shown` replaces it. `before`, `after`: characters beside it that hold a part of the secret."""

    shown: str
    before: int = 0
    after: int = 0


@dataclass(frozen=True, slots=True, order=True)
class _Span:
    start: int
    end: int
    shown: str


@dataclass(frozen=True, slots=True)
class _View:
    """A text after decoding. `steps`: the escapings that were decoded, each with the text before it."""

    text: bytes
    steps: tuple[tuple[_Code, bytes], ...] = ()
    is_joined: bool = False
    """Whether its white space was removed."""


def _unhex(match: re.Match[bytes]) -> bytes:
    return bytes.fromhex(match[0][1:].decode()) if match[0] != b"+" else b" "


_LETTERS: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "0": "\0"}


def _unescape(match: re.Match[bytes]) -> bytes:
    """Decode one escape of JSON, Python or JavaScript. A pair of surrogates is one character."""
    escape = match[0].decode()[1:]
    if escape[0] == "U" or escape.startswith("u{"):
        code = int(escape[1:].strip("{}"), 16)
        return chr(code).encode("utf-8", "surrogatepass") if code < 0x110000 else match[0]
    if escape[0] not in "ux":
        return _LETTERS.get(escape, escape).encode()
    units = [int(unit, 16) for unit in re.findall(r"[0-9a-fA-F]{2,4}", escape.replace("\\u", " "))]
    text = b"".join(unit.to_bytes(2, "big") for unit in units).decode("utf-16-be", "surrogatepass")
    return text.encode("utf-8", "surrogatepass")


def _entity(match: re.Match[bytes]) -> bytes:
    """Decode one reference of HTML. Python leaves out the numbers of code points that are no characters."""
    name = match[0].decode()[1:-1]
    if name[0] != "#":
        return html.unescape(match[0].decode()).encode()
    code = int(name[2:], 16) if name[1] in "xX" else int(name[1:])
    return chr(code).encode("utf-8", "surrogatepass") if code < 0x110000 else match[0]


_PERCENT: Final = _Code(b"%", re.compile(rb"%[0-9A-Fa-f]{2}"), _unhex)
_FORM: Final = _Code(b"+", re.compile(rb"%[0-9A-Fa-f]{2}|\+"), _unhex)
_JSON: Final = _Code(
    b"\\",
    re.compile(
        rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2}"
        rb"|\\U[0-9a-fA-F]{8}|\\u\{[0-9a-fA-F]{1,6}\}|\\[\"'\\/bfnrt0]"
    ),
    _unescape,
)
_HTML: Final = _Code(b"&", re.compile(rb"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});"), _entity)
_BETWEEN: Final = b" \t\r\n\v\f\0"
"""White space, and the NUL bytes of UTF-16 text that was read as single bytes."""
_SPACE: Final = _Code(b"", re.compile(rb"[\s\0]+"), lambda _: b"")
_CODES: Final = (_PERCENT, _FORM, _JSON, _HTML)


class Redactor:
    """Replaces secrets in texts. `secrets`: each value with its replacement."""

    def __init__(self, secrets: Iterable[tuple[str, str]]) -> None:
        needles = dict[bytes, _Needle]()
        for value, shown in sorted(secrets, key=lambda pair: -len(pair[0])):
            for text, needle in _needles(value, shown):
                needles.setdefault(text, needle)
        self._needles = tuple(needles.values())
        self._plain = BytesAhoCorasick(list(needles))
        joined = {text.translate(None, _BETWEEN): needle for text, needle in reversed(needles.items())}
        joined = {text: needle for text, needle in joined.items() if len(text) >= _SPLIT_FROM}
        self._split_needles = tuple(joined.values())
        self._split = BytesAhoCorasick(list(joined))

    def redact(self, text: str) -> str:
        """Return the text with every secret in it replaced, and what looks like one,, whatever its spelling."""
        if len(text) < MIN_LENGTH:
            return text
        raw = text.encode("utf-8", "surrogatepass")
        if not self._needles and not any(mark in raw for mark in _MARKS):
            return text
        spans = [span for view in views(raw) for span in self._find(view)]
        return _replace(raw, spans).decode("utf-8", "surrogatepass") if spans else text

    def _find(self, view: _View) -> list[_Span]:
        """Return the spans of secrets in the text from which the view was decoded."""
        automaton, needles = (self._split, self._split_needles) if view.is_joined else (self._plain, self._needles)
        spans = list(_known_forms(view))
        if needles:
            for index, start, end in automaton.find_matches_as_indexes(view.text, overlapping=True):
                needle = needles[index]
                first, last = max(start - needle.before, 0), min(end + needle.after, len(view.text))
                spans.append(_Span(first, last, needle.shown))
        for code, source in reversed(view.steps):
            spans = _map_to_source(spans, code, source)
        return spans


# -- secrets that are known by their form -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Form:
    """How secrets of one kind are written. `partial`: also one that is cut off, or followed by more."""

    prefix: bytes
    whole: re.Pattern[bytes]
    partial: re.Pattern[bytes]
    longest: int
    shown: Callable[[re.Match[bytes]], str]

    def first_letters(self, offset: int) -> bytes:
        """Return how such a secret begins in base64, if it is preceded by so many bytes."""
        encoded = base64.b64encode(bytes(offset) + self.prefix)
        return encoded[-(-8 * offset // 6) : 8 * (offset + len(self.prefix)) // 6]


_FORMS: Final = (
    _Form(
        api_key_text.PREFIX.encode(),
        re.compile(rb"sgn_([0-9a-z]{17})_[A-Za-z0-9_-]{43}"),
        re.compile(rb"sgn_([0-9a-z]{17})_[A-Za-z0-9_-]+"),
        api_key_text.LENGTH,
        lambda key: f"(API key {key[1].decode()})",
    ),
    # The signing secrets of callbacks and webhooks: 24 to 64 bytes, ours have 32.
    _Form(
        b"whsec_",
        re.compile(rb"whsec_[A-Za-z0-9+/_-]{43}="),
        re.compile(rb"whsec_[A-Za-z0-9+/_-]{8,88}={0,2}"),
        len("whsec_") + 88,
        lambda _: "(signing secret)",
    ),
)
_IN_BASE64: Final = {form.first_letters(offset): (form, offset) for form in _FORMS for offset in range(3)}
_BASE64_PREFIX: Final = re.compile(b"|".join(map(re.escape, _IN_BASE64)))
_BASE64: Final = re.compile(rb"[A-Za-z0-9+/_-]*")
_MARKS: Final = (*(form.prefix.rstrip(b"_") for form in _FORMS), *_IN_BASE64)
"""One of these is in every text that has such a secret in it, in the spellings that programs give it."""


def _known_forms(view: _View) -> Iterator[_Span]:
    """Yield the spans of such secrets. Where white space was removed, only the length tells where one ends."""
    for form in _FORMS:
        for match in (form.whole if view.is_joined else form.partial).finditer(view.text):
            yield _Span(match.start(), match.end(), form.shown(match))
    for match in _BASE64_PREFIX.finditer(view.text):
        form, offset = _IN_BASE64[match[0]]
        start = max(match.start() + 8 * offset // -6, 0)
        run = _BASE64.match(view.text, start, start + -(-4 * (offset + form.longest) // 3))
        assert run is not None
        secret = (form.whole if view.is_joined else form.partial).match(_decoded(run[0]), offset)
        if secret is not None:
            yield _Span(start, min(start + -(-4 * secret.end() // 3), run.end()), form.shown(secret))


def _decoded(text: bytes) -> bytes:
    """Return what a text in base64 says, of both alphabets."""
    letters = text.translate(_STANDARD)
    letters = letters[:-1] if len(letters) % 4 == 1 else letters  # it holds no whole byte
    return base64.b64decode(letters + b"=" * (-len(letters) % 4))


_STANDARD: Final = bytes.maketrans(b"-_", b"+/")


def views(raw: bytes) -> Iterator[_View]:
    """Yield the text as it is, and each decoding that changes it. Their number is bounded for any text."""
    texts = set[bytes]()
    layer = [_View(raw)]
    for depth in range(3):
        for view in layer:
            yield view
            joined = view.text.translate(None, _BETWEEN)
            if len(joined) < len(view.text):
                yield _View(joined, (*view.steps, (_SPACE, view.text)), is_joined=True)
        if depth == 2:
            return
        below, layer = layer, []
        for view in below:
            for code in _CODES:
                if code.mark in view.text:
                    text = code.pattern.sub(code.decode, view.text)
                    if text != view.text and text not in texts:
                        texts.add(text)
                        layer.append(_View(text, (*view.steps, (code, view.text))))


def _needles(value: str, shown: str) -> Iterator[tuple[bytes, _Needle]]:
    """Yield the searched texts for one secret: the secret and each of its lines, plain and encoded."""
    lines = [line.strip() for line in value.splitlines() if not _ARMOUR.fullmatch(line.strip())]
    parts = dict.fromkeys([value, value.strip(), *(line for line in lines if len(line) >= _LINE_FROM)])
    for part in parts:
        if len(part) < MIN_LENGTH:
            continue
        for text in _cases(part):
            yield text.encode("utf-8", "surrogatepass"), _Needle(shown)
        for text in _spellings(part):
            yield text.encode("utf-8", "surrogatepass"), _Needle(shown)
            yield from _encoded(text.encode("utf-8", "surrogatepass"), shown)


def _cases(text: str) -> Iterator[str]:
    yield text
    if len(text) >= _ANY_CASE_FROM:
        yield text.lower()
        yield text.upper()


def _spellings(text: str) -> dict[str, None]:
    """Return the ways in which a text may be escaped before all of it is encoded."""
    written = json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]
    doubled = [text.replace(mark, mark * 2) for mark in ('"', "'", "\\")]  # CSV, SQL, shells
    escaped = quote(text, safe="", errors="surrogatepass"), html.escape(text)
    return dict.fromkeys([text, *written, *doubled, *escaped])


def _encoded(text: bytes, shown: str) -> Iterator[tuple[bytes, _Needle]]:
    """Yield the text in hexadecimal, and in base64 for each of the three offsets at which it may begin."""
    for digits in (text.hex(), text.hex(":"), text.hex("-")):
        yield digits.encode(), _Needle(shown)
        yield digits.upper().encode(), _Needle(shown)
    for offset in range(3):
        bits = 8 * (offset + len(text))
        first, last = -(-8 * offset // 6), bits // 6
        whole = base64.b64encode(b"\0" * offset + text)[first:last]
        needle = _Needle(shown, before=1 if offset else 0, after=1 if bits % 6 else 0)
        if len(whole) >= MIN_LENGTH:
            yield whole, needle
            yield whole.replace(b"+", b"-").replace(b"/", b"_"), needle


def _map_to_source(spans: Sequence[_Span], code: _Code, source: bytes) -> list[_Span]:
    """Return the spans of a decoded text as spans of the text before decoding."""
    if not spans:
        return []
    begins, pieces, shift = list[int](), list[tuple[int, int, int]](), 0
    for match in code.pattern.finditer(source):
        begin = match.start() - shift
        end = begin + len(code.decode(match))
        begins.append(begin)
        pieces.append((end, *match.span()))
        shift = match.end() - end

    def origin(position: int) -> tuple[int, int]:
        """Return the start and end of the source of one byte of the decoded text."""
        at = bisect_right(begins, position) - 1
        if at < 0:
            return position, position + 1
        end, start, stop = pieces[at]
        return (start, stop) if position < end else (stop + position - end, stop + position - end + 1)

    return [_Span(origin(span.start)[0], origin(span.end - 1)[1], span.shown) for span in spans]


def _replace(raw: bytes, spans: Sequence[_Span]) -> bytes:
    """Return the text with each group of overlapping spans replaced by the name of the longest."""
    pieces, copied = list[bytes](), 0
    for span in _merged(spans):
        pieces += (raw[copied : span.start], span.shown.encode())
        copied = span.end
    return b"".join((*pieces, raw[copied:]))


def _merged(spans: Sequence[_Span]) -> Iterator[_Span]:
    ordered = sorted(spans)
    start, end, shown = ordered[0].start, ordered[0].end, ordered[0].shown
    longest = end - start
    for span in ordered[1:]:
        if span.start >= end:
            yield _Span(start, end, shown)
            start, end, shown, longest = span.start, span.end, span.shown, span.end - span.start
            continue
        if span.end - span.start > longest:
            shown, longest = span.shown, span.end - span.start
        end = max(end, span.end)
    yield _Span(start, end, shown)
