"""Rich text: lines of a label and a value in which data can never be markup.

Slack parses nothing inside the text elements of a rich_text block: no mentions, links, emoji names or asterisks.
https://docs.slack.dev/reference/block-kit/blocks/rich-text-block
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bot.presentation.characters import stands_apart
from bot.presentation.text_diff import Part, Segment
from bot.slack import ids, text_objects
from bot.slack.text_objects import Block, Element
from engine.domain import Phrase

EMPTY: Final = "(empty)"
ARROW: Final = " → "
OVERHEAD: Final = 16
"""Maximum number of characters of a line besides its texts: line end, gap, arrow, `(empty)`."""
DATE_SIZE: Final = 40
"""Characters that a moment may take."""
_BLANKS: Final = str.maketrans({" ": "␣", "\t": "⇥", "\n": "↵\n"})
_SIGNS: Final = str.maketrans({" ": "␣", "\t": "⇥", "\n": "↵"})
_RUNS: Final = re.compile(r"[\t\n]+| {2,}")
_ANY_BLANKS: Final = re.compile(r"\s+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A label and a value.

    `before`: the value before a change. `account`: of the person whose name the value is. `phrase`: a text with
    moments, in the place of `after`. `segments`: a change word by word, in the place of `before` and `after`.
    """

    label: str
    after: str = ""
    before: str | None = None
    account: str | None = None
    phrase: Phrase = ()
    segments: tuple[Segment, ...] = ()

    @property
    def texts(self) -> tuple[str, ...]:
        """Return all texts of the value."""
        changed = () if self.before is None else (self.before,)
        parts = tuple(part for part in self.phrase if isinstance(part, str))
        return (*changed, self.after, *parts, *map(segment_text, self.segments))


def segment_text(segment: Segment) -> str:
    """Return a segment as people see it: a folded one as its length, and blanks alone as signs."""
    if segment.part is Part.FOLDED:
        return f" [… {len(segment.text):,} unchanged characters …] "
    is_blank = segment.part is not Part.SAME and not segment.text.strip()
    return segment.text.translate(_BLANKS) if is_blank else segment.text


def segment_line(segment: Segment) -> str:
    """Return a segment in one line; in what was changed, line ends and long blanks are signs."""
    text = segment_text(segment)
    if segment.part in (Part.ADDED, Part.REMOVED):
        text = _RUNS.sub(lambda run: f"{run[0].translate(_SIGNS)} ", text)
    return _ANY_BLANKS.sub(" ", text)


def words(content: str, *, bold: bool = False, strike: bool = False, italic: bool = False) -> Iterator[Element]:
    """Return text elements, each no longer than a section may be: longer ones are not documented to work."""
    style = {name: True for name, on in (("bold", bold), ("strike", strike), ("italic", italic)) if on}
    for piece in text_objects.pieces(content, ids.SECTION):
        yield {"type": "text", "text": piece, "style": style} if style else {"type": "text", "text": piece}


def value(content: str, *, bold: bool = False, strike: bool = False) -> Iterator[Element]:
    """Return a value. An empty one is "(empty)" in italics, which data cannot imitate."""
    return words(content, bold=bold, strike=strike) if content else words(EMPTY, italic=True)


def phrase(parts: Phrase, *, bold: bool = False) -> Iterator[Element]:
    """Return a text with moments, which every reader sees in their own time zone."""
    for part in parts:
        if isinstance(part, datetime):
            yield {
                "type": "date",
                "timestamp": int(part.timestamp()),
                "format": text_objects.DATE_FORMAT,
                "fallback": text_objects.date_in_utc(part),
                **({"style": {"bold": True}} if bold else {}),
            }
        else:
            yield from words(text_objects.shown(part), bold=bold)


def section(elements: Iterable[Element]) -> Element:
    """Return a paragraph: a part of rich text."""
    return _part(_SECTION, elements)


def paragraphs(parts: Sequence[Element], *, block: str | None = None) -> Block:
    """Return parts of rich text one below the other."""
    return {"type": "rich_text", **({} if block is None else {"block_id": block}), "elements": [*parts]}


def lines(shown: Iterable[Line], *, block: str | None = None) -> Block:
    """Return lines one below the other. A value that could imitate our own lines is in a quote of its own."""
    return paragraphs(line_parts(shown), block=block)


def line_parts(shown: Iterable[Line]) -> list[Element]:
    """Return lines as parts of rich text."""
    parts: list[Element] = []
    for line in shown:
        if line.segments or any(map(stands_apart, line.texts)):
            parts += _quoted_line(line)
        elif parts and parts[-1]["type"] == _SECTION:
            parts[-1]["elements"] += [*words("\n"), *line_elements(line)]
        else:
            parts.append(section(line_elements(line)))
    return parts


def quotation(content: str, *, block: str) -> Block:
    """Return a text in a quote."""
    return paragraphs([_part(QUOTE, value(content))], block=block)


def code(label: str, content: str, *, block: str) -> Block:
    """Return a text below its label as a block of code, in which columns stand below each other."""
    return paragraphs([section(words(label, bold=True)), _part(PREFORMATTED, words(content))], block=block)


_SECTION: Final = "rich_text_section"
QUOTE: Final = "rich_text_quote"
PREFORMATTED: Final = "rich_text_preformatted"


def line_elements(line: Line) -> Iterator[Element]:
    """Return a label and its value beside it."""
    yield from words(line.label, bold=True)
    yield from words("  ")
    if line.before is not None:
        yield from value(line.before, strike=True)
        yield from words(ARROW)
    if line.account is not None:
        yield {"type": "user", "user_id": line.account}
    else:
        yield from _after(line)


def _after(line: Line) -> Iterator[Element]:
    return phrase(line.phrase) if any(line.phrase) else value(line.after, bold=line.before is not None)


def _quoted_line(line: Line) -> Iterator[Element]:
    """Return a label, and below it the value in a quote that nothing in it can leave."""
    yield _part(_SECTION, words(line.label, bold=True))
    if line.segments:
        yield _part(QUOTE, difference(line.segments))
        return
    if line.before is not None:
        yield _part(QUOTE, value(line.before, strike=True))
        yield _part(_SECTION, words(ARROW.strip()))
    yield _part(QUOTE, _after(line))


def difference(segments: Iterable[Segment]) -> Iterator[Element]:
    """Return a change word by word: what was removed is struck, what was added is bold."""
    for segment in segments:
        yield from segment_words(segment.part, segment_text(segment))


def segment_words(part: Part, text: str) -> Iterator[Element]:
    """Yield the text of a segment in the style of its part. The blank behind a word is not struck out with it."""
    segment = Segment(part, text)
    is_folded = part is Part.FOLDED
    shown = text if is_folded else segment.marked
    yield from words(shown, bold=part is Part.ADDED, strike=part is Part.REMOVED, italic=is_folded)
    yield from words("" if is_folded else segment.blanks)


def _part(kind: str, elements: Iterable[Element]) -> Element:
    return {"type": kind, "elements": [*elements]}
