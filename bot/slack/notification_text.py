"""The top-level `text` of a message, for mobile notifications and screen readers.

Slack shows blocks instead of it where it can, and parses it as mrkdwn. So it holds what the blocks hold, escaped; what
the decision depends on comes first, because Slack cuts the end. Dates are those of the reader.
https://docs.slack.dev/reference/methods/chat.postMessage#text-blocks-attachments
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from bot.presentation import dates, expiry, people, summary, text_diff
from bot.presentation.characters import stands_apart
from bot.presentation.text_diff import Part, Segment
from bot.slack import ids, inline_changes, rich_text, text_objects, truncate
from bot.slack.rich_text import EMPTY, Line
from bot.slack.text_objects import Block, Element
from engine.domain import Card, CardFact, CardField, CardOutcome, DeliveryKind, Phrase

_LEFT_OUT: Final = 200
"""Characters that are reserved for the sentence about what was left out."""
_APART: Final = frozenset({rich_text.QUOTE, rich_text.PREFORMATTED})
"""Parts of rich text that nothing in them can leave."""
_QUOTE: Final = "> "
"""Prefix of the second and later lines of a text, so that data cannot imitate our own lines."""
_DATE: Final = re.compile(r"<!date\^(\d+)\^[^|>]*\|[^>]*>")
_UNESCAPES: Final = (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&"))
_ENDS: Final = ("?", "!", ".", ":", "…")
_DATE_SIZE: Final = 100
"""Characters that a date takes at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Limits:
    """How many characters each part of a card may have if not all of it fits."""

    title: int
    outcome: int
    lead: int
    approvers: int


_ALL: Final = _Limits(
    title=ids.FALLBACK_TEXT, outcome=ids.FALLBACK_TEXT, lead=ids.FALLBACK_TEXT, approvers=ids.FALLBACK_TEXT
)
_TIGHT: Final = _Limits(title=300, outcome=600, lead=600, approvers=600)
"""As long as the blocks show them, so that nothing stands in the message that a screen reader does not get."""


# -- cards --------------------------------------------------------------------------------------------------


def of_card(card: Card) -> str:
    """Return the text of a card: question or outcome, values, context and deadline, notes, approvers."""
    lines, is_whole = _lines(card, _ALL)
    return _whole(lines if is_whole else _lines(card, _TIGHT)[0])


def _lines(card: Card, most: _Limits) -> tuple[list[Phrase], bool]:
    """Return the lines, and whether they hold all of the card."""
    head, tail = _head(card, most), _tail(card, most)
    room = ids.FALLBACK_TEXT - _LEFT_OUT - sum(_size(line) + 1 for line in (*head, *tail))
    values, notes = shown_parts(card)
    if most is not _ALL and card.outcome is not None:
        # The message shows the shortest ones, so these must not be left out.
        values = [change.field for change in inline_changes.shortest_first(values)]
    # Quoted first: the marks of a value of many lines take more room.
    fitted = truncate.fitted([*_spoken(values)], [*map(_quoted_note, notes)], room=room)
    left_out = fitted.left_out()
    last: list[Phrase] = [] if left_out is None else [(f"{left_out} {truncate.IN_DETAILS}",)]
    lines = [*head, *map(_labelled_line, fitted.values), *tail, *map(_labelled_line, fitted.notes), *last]
    return lines, room >= 0 and left_out is None


def shown_parts(card: Card) -> tuple[Sequence[CardField], Sequence[CardFact]]:
    """Return the values and notes that stand in a message; once a question is closed, only what was changed."""
    return (card.values, card.notes) if card.outcome is None else (changed(card), ())


def changed(card: Card) -> list[CardField]:
    """Return the values that were changed."""
    return [field for field in card.values if field.before is not None]


def question(card: Card) -> str:
    """Return the question; once it is closed, with values that tell it from others."""
    if card.outcome is None:
        return card.title
    return summary.question(card.title, [field for field in card.values if field.before is None])


def _head(card: Card, most: _Limits) -> list[Phrase]:
    """Return the first lines: the question and who asks it, or how it was closed."""
    title = _line(question(card), most.title) or "–"
    if card.outcome is not None:
        how = _how(card.outcome, most.outcome)[0].strip().rstrip(",")
        return [(f"{how}: {title}" if how else title,)]
    first = _cut(card.lead[0], most.lead) if card.lead else ()
    if not any(first) or card.kind is not DeliveryKind.REQUEST:
        return [(title,)]
    return [(f"{title} " if title.endswith(_ENDS) else f"{title}. ", *first)]


def _how(outcome: CardOutcome, limit: int) -> tuple[str, Phrase]:
    """Return how a question was closed and who closed it, and the rest: when, and what it led to."""
    how, *rest = _cut(outcome.line, limit)
    return ("", (how, *rest)) if isinstance(how, datetime) else (how, tuple(rest))


def _tail(card: Card, most: _Limits) -> list[Phrase]:
    """Return the lines below the values: why it is asked, until when, and who can decide; or what became of it."""
    if card.outcome is not None:
        return [*_closing(card.outcome, most.outcome)]
    first = 1 if card.kind is DeliveryKind.REQUEST else 0
    lead = [_cut(phrase, most.lead) for phrase in card.lead[first:]]
    deadline = expiry.of_card(card)
    return [line for line in (*lead, deadline, (_line(_people(card), most.approvers),)) if any(line)]


def _people(card: Card) -> str:
    """Return who can decide, or in an answer that many people share, who asked."""
    if card.kind is DeliveryKind.REQUEST:
        return people.of_card(card)
    return f"{card.approvers[0]} asked this." if card.mentions else ""


def _closing(outcome: CardOutcome, limit: int) -> Iterator[Phrase]:
    """Yield what became of a closed question, the reason of the person who decided, and when that was."""
    if outcome.became:
        yield _cut(outcome.became, limit)
    if outcome.reason and text_objects.line(outcome.reason):
        yield _labelled_line(Line(label="Reason", after=_line(outcome.reason, limit)))
    when = _how(outcome, limit)[1]
    if when:
        yield ("When: ", when[0])
    led_to = [part.lstrip(" .") if isinstance(part, str) else part for part in when[1:]]
    if led_to:
        last = led_to[-1]
        yield (*led_to, *(() if isinstance(last, str) and last.endswith(_ENDS) else (".",)))


def _cut(phrase: Phrase, limit: int) -> Phrase:
    """Return a phrase in one line, its texts together at most `limit` long."""
    return text_objects.one_line(phrase, limit)


def _spoken(fields: Iterable[CardField]) -> Iterator[CardField]:
    """Yield values as they are read aloud: of a long change, only its words; further lines have a mark."""
    compared = 0
    for field in fields:
        before, after = text_objects.shown(field.before or ""), text_objects.shown(field.text)
        if field.before is None:
            yield replace(field, text=_marked(after) or EMPTY)
        elif not truncate.is_long_change(before, after):
            yield replace(field, text=after or EMPTY, before=before or EMPTY)
        elif compared < truncate.MOST_DIFFERENCES:
            compared += 1
            yield replace(field, text=change_in_words(text_diff.difference(before, after)), before=None)
        else:
            whole = f"{_marked(after) or EMPTY} instead of {_marked(before) or EMPTY}"
            yield replace(field, text=whole, before=None)


def change_in_words(segments: Sequence[Segment]) -> str:
    """Return a change of a long text in one line: “new” instead of “old”, for each place."""
    parts, previous = list[str](), None
    for segment in segments:
        text = f"“{rich_text.segment_line(segment).strip()}”"
        if segment.part is Part.ADDED and previous is not None and previous.part is Part.REMOVED:
            parts[-1] = f"{text} instead of {parts[-1].removesuffix(' removed')}"
        elif segment.part is Part.ADDED:
            parts.append(f"{text} added")
        elif segment.part is Part.REMOVED:
            parts.append(f"{text} removed")
        previous = segment
    return "; ".join(parts) or EMPTY


def _quoted_note(note: CardFact) -> CardFact:
    text = tuple(part if isinstance(part, datetime) else _marked(text_objects.shown(part)) for part in note.text)
    return replace(note, text=text if any(text) else (EMPTY,))


def _labelled_line(line: Line) -> Phrase:
    """Return a label and its value; a value of several lines is below the label."""
    value = line.phrase or (line.after or EMPTY,)
    if line.before is not None:
        value = (*value, f" instead of {line.before}")
    label = line.label.rstrip(" :") or "–"
    label = label if label.endswith(_ENDS) else f"{label}:"
    apart = any(stands_apart(part) for part in value if isinstance(part, str))
    return (f"{label}\n{_QUOTE}" if apart else f"{label} ", *value)


def _line(text: str, limit: int) -> str:
    return text_objects.clipped(text_objects.line(text), limit)


# -- other messages -----------------------------------------------------------------------------------------


def of_blocks(blocks: Sequence[Block]) -> str:
    """Return the text of these blocks, a line each, without buttons.

    If there is no room for dates in the reader's time zone, which take more of it, they are in UTC.
    """
    lines = [line for block in blocks for line in _block_texts(block)]
    if sum(_size(line) + 1 for line in lines) > ids.FALLBACK_TEXT:
        lines = [(dates.written(line, text_objects.date_in_utc),) for line in lines]
    return _whole(lines)


def _block_texts(block: Block) -> Iterator[Phrase]:
    match block["type"]:
        case "rich_text":
            for part in block["elements"]:
                text = tuple(_rich_content(element) for element in part["elements"])
                yield (_QUOTE, *map(_mark_lines, text)) if part["type"] in _APART else text
        case "context":
            contents = [_content(element) for element in block["elements"] if "text" in element]
            yield tuple(part for number, content in enumerate(contents) for part in ((" · ",) * bool(number) + content))
        case "section" | "header":
            yield _content(block["text"])


def _rich_content(element: Element) -> str | datetime:
    if element["type"] == "date":
        return datetime.fromtimestamp(element["timestamp"], UTC)
    return str(element.get("text", ""))


def _mark_lines(part: str | datetime) -> str | datetime:
    return part if isinstance(part, datetime) else _marked(part)


def _content(element: Element) -> Phrase:
    """Return the text of a text object as people read it."""
    text = str(element["text"])
    if element["type"] != "mrkdwn":
        return (text,)
    # Every second part is the time of a date.
    parts = _DATE.split(text)
    return tuple(
        datetime.fromtimestamp(int(part), UTC) if number % 2 else _unescaped(part) for number, part in enumerate(parts)
    )


def _unescaped(text: str) -> str:
    for spelled, character in _UNESCAPES:
        text = text.replace(spelled, character)
    return text


# -- all ----------------------------------------------------------------------------------------------------


def quoted(text: str) -> str:
    """Return the text with a mark before each line."""
    return f"{_QUOTE}{_marked(text)}"


def _marked(text: str) -> str:
    """Return the text with a mark before all lines but the first."""
    return text.replace("\n", f"\n{_QUOTE}")


def _size(line: Phrase) -> int:
    return sum(_DATE_SIZE if isinstance(part, datetime) else text_objects.size(part) for part in line)


def _whole(lines: Iterable[Phrase]) -> str:
    """Return the lines as mrkdwn, the end cut if they are too long."""
    room, parts = ids.FALLBACK_TEXT, list[str]()
    for number, line in enumerate(lines):
        for part in (("\n",) if number else ()) + line:
            need = _size((part,))
            if need > room:
                rest = part if isinstance(part, str) else ""
                return "".join([*parts, text_objects.escape(text_objects.clipped(rest, room))])
            parts.append(text_objects.phrase((part,)))
            room -= need
    return "".join(parts) or "–"
