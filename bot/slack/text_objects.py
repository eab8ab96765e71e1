"""Text objects, and the arithmetic of text that has to fit.

Data is shown as plain text wherever Slack allows it, with invisible characters made visible. Slack does not say what it
counts as a character: we count UTF-16 units of the text with `& < >` escaped, the largest count that makes sense.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, Final, TypeAlias

from bot.presentation import characters, dates
from bot.presentation.characters import boundary
from bot.slack import ids
from engine.domain import Phrase

Block: TypeAlias = dict[str, Any]
Element: TypeAlias = dict[str, Any]
View: TypeAlias = dict[str, Any]

ELLIPSIS: Final = "…"
DATE_FORMAT: Final = "{date_short_pretty} at {time}"
"""A date as Slack writes it in the reader's time zone: "today at 11:47 PM"."""
date_in_utc: Final = dates.in_zone(None)
"""Writes a date for the few clients that do not know the reader's time zone."""
_ESCAPES: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_BLANKS: Final = re.compile(r"\s+")
_BEHIND: Final = 100
"""Code points after a cut that are looked at: they may belong to the character before it."""
_SAYS_HOW_MUCH: Final = 100
"""Shortest limit at which the ellipsis says how much is missing."""


def escape(text: str) -> str:
    """Return the text escaped for mrkdwn, so that it makes no mention, link or date.

    https://docs.slack.dev/messaging/formatting-message-text#escaping
    """
    return text.translate(_ESCAPES)


def size(text: str) -> int:
    """Return the length of the text as Slack may count it."""
    escaped = 4 * text.count("&") + 3 * (text.count("<") + text.count(">"))
    return units(text) + escaped


def units(text: str) -> int:
    """Return the number of UTF-16 units: a browser counts these in an input."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def shown(text: str) -> str:
    """Return the text with hidden characters as code points, and without code points that are no characters."""
    return characters.visible(_SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text))


def line(text: str) -> str:
    """Return the same in one line."""
    return " ".join(shown(text).split())


# -- cutting ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ClippedText:
    """A text that was cut. `missing`: how many characters were left out."""

    text: str
    missing: int


def clip(text: str, limit: int, *, beyond: int = 0) -> ClippedText:
    """Return the text, or its beginning with an ellipsis that says how much is missing if that fits.

    `beyond`: characters that follow the text, and are missing in any case.
    """
    if size(text) <= limit and not beyond:
        return ClippedText(text, 0)
    says = limit >= _SAYS_HOW_MUCH
    head = fit(text, limit - size(more(len(text) + beyond) if says else ELLIPSIS))
    missing = len(text) + beyond - len(head)
    return ClippedText(head + (more(missing) if says else ELLIPSIS), missing)


def more(missing: int) -> str:
    """Return the end of a text that was cut."""
    return f"{ELLIPSIS} ({missing:,} more characters)"


def clipped(text: str, limit: int) -> str:
    """Return the text of `clip`, without the count."""
    return clip(text, limit).text


def fit(text: str, room: int) -> str:
    """Return the longest beginning of at most `room`, cut between two characters as people see them."""
    # A code point takes at least one, so that no end behind `room` has to be tried.
    ends = range(1, min(len(text), room + 1) + 1)
    index = bisect_right(ends, room, key=lambda end: size(text[:end]))
    return text if index == len(text) else text[: boundary(text, index)]


def pieces(text: str, limit: int) -> Iterator[str]:
    """Yield the text in pieces of at most `limit`; none for an empty text."""
    at = 0
    while at < len(text):
        # No more than `limit` fits, so only a little more is copied: it shows where the last character ends.
        head = fit(text[at : at + limit + _BEHIND], limit)
        if at + len(head) < len(text):
            head = _to_line_end(head)
        yield head
        at += len(head)


def _to_line_end(head: str) -> str:
    """Cut the piece at the last line end, or else word end, in its second half."""
    for mark in ("\n", " "):
        cut = head.rfind(mark) + 1
        if cut > len(head) // 2:
            return head[:cut]
    return head


def input_pieces(text: str) -> list[str] | None:
    """Return a text as the contents of at most five inputs, with room to grow if possible; None if it is too long.

    Concatenated they are the text, exactly. At least one piece.
    """
    if units(text) > ids.INPUT_TEXT * ids.LONGEST_TEXT_INPUTS:
        return None
    full = ids.INPUT_TEXT
    for room, tidy in ((full * 9 // 10, True), (full, True), (full, False)):
        pieces = list(_input_pieces(text, room=room, tidy=tidy)) or [""]
        if len(pieces) <= ids.LONGEST_TEXT_INPUTS:
            return pieces
    return None


def _input_pieces(text: str, *, room: int, tidy: bool) -> Iterator[str]:
    """Yield pieces as `pieces` does, counted as an input counts. Not `tidy`: as full as possible."""
    rest = text
    while rest:
        end = _input_end(rest, room)
        if tidy and end < len(rest):
            end = len(_to_line_end(rest[: boundary(rest, end)]))
        yield rest[:end]
        rest = rest[end:]


def _input_end(text: str, room: int) -> int:
    for index, character in enumerate(text):
        room -= 2 if character > "\uffff" else 1
        if room < 0:
            return index
    return len(text)


# -- text objects -------------------------------------------------------------------------------------------


def plain(text: str, limit: int = ids.SECTION) -> Element:
    """Return a plain_text object for data. `:smile:` stays as it was written."""
    return {"type": "plain_text", "text": clipped(shown(text), limit) or "–", "emoji": False}


def plain_line(text: str, limit: int) -> Element:
    """Return the same in one line, for headers, labels and buttons."""
    return {"type": "plain_text", "text": clipped(line(text), limit) or "–", "emoji": False}


def mrkdwn(text: str) -> Element:
    """Return an mrkdwn object for our own text, already escaped. Slack adds no links or mentions to it."""
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def date(at: datetime) -> str:
    """Return mrkdwn that shows a time in the reader's time zone.

    https://docs.slack.dev/messaging/formatting-message-text#date-formatting
    """
    return f"<!date^{int(at.timestamp())}^{DATE_FORMAT}|{date_in_utc(at)}>"


def clip_phrase(parts: Phrase, limit: int) -> tuple[Phrase, int]:
    """Return a phrase in one line, its texts together cut to `limit`, and how many characters are missing.

    Texts that follow each other become one.
    """
    joined = in_one_line(parts)
    share = limit // max(1, sum(isinstance(part, str) for part in joined))
    clips = [ClippedText("", 0) if isinstance(part, datetime) else clip(part, share) for part in joined]
    cut = (part if isinstance(part, datetime) else own.text for part, own in zip(joined, clips, strict=True))
    return tuple(cut), sum(own.missing for own in clips)


def in_one_line(parts: Phrase) -> Phrase:
    """Return a phrase in one line. Texts that follow each other become one."""
    return tuple(
        part
        for is_text, group in groupby(parts, key=lambda part: isinstance(part, str))
        for part in ([_collapsed("".join(map(str, group)))] if is_text else group)
    )


def one_line(parts: Phrase, limit: int) -> Phrase:
    """Return the phrase of `clip_phrase`, without the count."""
    return clip_phrase(parts, limit)[0]


def _collapsed(text: str) -> str:
    return _BLANKS.sub(" ", shown(text))


def phrase(parts: Phrase) -> str:
    """Return a phrase as mrkdwn. Its texts are `shown` already; its moments are in the reader's time zone."""
    return "".join(date(part) if isinstance(part, datetime) else escape(part) for part in parts)


def phrase_elements(parts: Phrase) -> list[Element]:
    """Return a phrase for a line of context: its texts as plain text, its moments as mrkdwn.

    Slack sets the elements apart, so a full stop behind a moment would stand alone, and is left out.
    """
    own = (part.lstrip(" .") if isinstance(part, str) and number else part for number, part in enumerate(parts))
    return [
        mrkdwn(date(part)) if isinstance(part, datetime) else plain_line(part, ids.SECTION)
        for part in own
        if isinstance(part, datetime) or part.strip()
    ]


# -- small blocks -------------------------------------------------------------------------------------------


def section(text: str, *, block: str | None = None, accessory: Element | None = None) -> Block:
    block_object = _named({"type": "section", "text": plain(text)}, block)
    if accessory is not None:
        block_object["accessory"] = accessory
    return block_object


def context(elements: Sequence[Element], *, block: str | None = None) -> Block:
    return _named({"type": "context", "elements": [*elements][: ids.CONTEXT_ELEMENTS]}, block)


def header(text: str, *, block: str | None = None) -> Block:
    return _named({"type": "header", "text": plain_line(text, ids.HEADER)}, block)


def actions(buttons: Sequence[Element], *, block: str | None = None) -> Block:
    return _named({"type": "actions", "elements": [*buttons]}, block)


def _named(block: Block, block_id: str | None) -> Block:
    return block if block_id is None else {**block, "block_id": block_id}


def button(
    label: str,
    *,
    action: str,
    value: str,
    style: str | None = None,
    confirm: Element | None = None,
    about: str = "",
) -> Element:
    """Return a button. `about`: what tells it from others with the same label, for people who hear it."""
    element: Element = {
        "type": "button",
        "action_id": action,
        "text": plain_line(label, ids.BUTTON_TEXT),
        "value": value,
    }
    if style is not None:
        element["style"] = style
    if confirm is not None:
        element["confirm"] = confirm
    if about:
        element["accessibility_label"] = clipped(line(f"{label}: {about}"), ids.BUTTON_TEXT)
    return element


def confirm(question: str, *, yes: str, style: str = "primary") -> Element:
    """Return the confirmation dialog of a button."""
    return {
        "title": plain_line("Are you sure?", ids.CONFIRM_TITLE),
        "text": plain(question, ids.CONFIRM_TEXT),
        "confirm": plain_line(yes, ids.CONFIRM_BUTTON),
        "deny": plain_line("Go back", ids.CONFIRM_BUTTON),
        "style": style,
    }


def total(part: Any) -> int:
    """Return the total length of all texts in a payload."""
    if isinstance(part, dict):
        return sum(
            size(item) if key in ("text", "fallback") and isinstance(item, str) else total(item)
            for key, item in part.items()
        )
    return sum(map(total, part)) if isinstance(part, list) else 0


def weight(part: Any) -> int:
    """Return the size of a payload as JSON in its longest spelling, in bytes."""
    return len(json.dumps(part))
