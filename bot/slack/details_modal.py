"""A modal with the full text of a card, in as many pages as it needs."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate, groupby
from typing import Final

import msgspec

from bot.presentation import expiry
from bot.slack import form_blocks, ids, message_view, rich_text, text_objects
from bot.slack.rich_text import Line
from bot.slack.text_objects import Block, Element, View
from engine.domain import Card, CardField

PAGE_TEXT: Final = 9_000
"""Characters of text on a page. Slack documents no limit for views but 250 KB; this is well below."""
PAGE_LINES: Final = 60


def details(card: Card, *, metadata: ids.ModalRef) -> View:
    """Return the page `metadata.page`, counted from 0, or the last one if there are fewer.

    The last page has the buttons of an open request: a person who got there has seen all of it.
    """
    pages = paginate(card)
    number = min(metadata.page, len(pages) - 1)
    last = number == len(pages) - 1
    version = number
    shown: list[Block] = [] if number else _head(card)
    shown += [rich_text.lines([line], block=f"line:{index}@{version}") for index, line in enumerate(pages[number])]
    if len(pages) > 1:
        shown += _turning(number, of=len(pages))
    delivery = metadata.ref.delivery if metadata.ref else None
    buttons = message_view.request_buttons(card, delivery=delivery) if last else []
    if buttons:
        shown.append(text_objects.actions(buttons, block=ids.block_id("actions", version)))
    return form_blocks.view(
        callback=ids.DETAILS_MODAL,
        title="Everything in full",
        blocks=shown,
        metadata=msgspec.structs.replace(metadata, page=number),
        close="Close",
    )


def paginate(card: Card) -> list[list[Line]]:
    """Return the lines of each page; there is at least one page."""
    lines = list(_lines(card))
    filled = accumulate(lines, _turn, initial=(0, 0, 0))
    numbered = zip((page for page, _, _ in [*filled][1:]), lines, strict=True)
    return [[line for _, line in group] for _, group in groupby(numbered, key=lambda pair: pair[0])] or [[]]


def _turn(so_far: tuple[int, int, int], line: Line) -> tuple[int, int, int]:
    """Return the page of a line, and how many lines and characters that page has with it."""
    page, count, used = so_far
    need = text_objects.size(f"{line.label}{line.before or ''}{line.after}") + rich_text.OVERHEAD
    if count and (count == PAGE_LINES or used + need > PAGE_TEXT):
        return page + 1, 1, need
    return page, count + 1, used + need


def _head(card: Card) -> list[Block]:
    """Return the question and the expiry. A question that is too long for a header is among the lines as well."""
    blocks: list[Block] = [text_objects.header(card.title, block="title")]
    if card.expires_at is not None:
        due = expiry.due(card.expires_at, written=text_objects.date)
        blocks.append(text_objects.context([text_objects.mrkdwn(due)], block="expiry"))
    return blocks


def _lines(card: Card) -> Iterator[Line]:
    """Yield each text in pieces that fit into one block."""
    if text_objects.clip(text_objects.line(card.title), ids.HEADER).missing:
        yield from _pieces("Question", card.title)
    if card.state is not None:
        yield from _pieces("Outcome", card.state)
    for label, text in card.facts:
        yield from _pieces(label, text)
    for field in card.fields:
        yield from _field(field)


def _field(field: CardField) -> Iterator[Line]:
    label = field.label or field.path
    if field.account is not None:
        before = None if field.before is None else text_objects.shown(field.before)
        yield Line(label=_label(label), before=before, after=text_objects.shown(field.text), account=field.account)
    elif field.before is None:
        yield from _pieces(label, field.text)
    elif text_objects.size(text_objects.shown(field.before) + text_objects.shown(field.text)) <= ids.SECTION:
        yield Line(label=_label(label), before=text_objects.shown(field.before), after=text_objects.shown(field.text))
    else:
        yield from _pieces(f"{label} (before)", field.before)
        yield from _pieces(f"{label} (now)", field.text)


def _pieces(label: str, text: str) -> Iterator[Line]:
    whole = text_objects.shown(text)
    parts = list(text_objects.pieces(whole, ids.SECTION)) or [""]
    if len(parts) == 1:
        yield Line(label=_label(label), after=whole)
        return
    for number, part in enumerate(parts, start=1):
        yield Line(label=f"{_label(label)} (part {number} of {len(parts)})", after=part)


def _label(label: str) -> str:
    """Return a label, cut to what a section holds: labels may come from data."""
    return text_objects.clipped(text_objects.line(label), ids.SECTION) or "–"


def _turning(number: int, *, of: int) -> list[Block]:
    """Return the number of the page, and the buttons to the others."""
    ways: list[Element] = []
    if number > 0:
        ways.append(text_objects.button("Previous", action=ids.PREVIOUS_PAGE, value=str(number - 1)))
    if number < of - 1:
        ways.append(text_objects.button("Next", action=ids.NEXT_PAGE, value=str(number + 1)))
    page_number = text_objects.context(
        [text_objects.plain(f"Page {number + 1} of {of}")], block=ids.block_id("page", number)
    )
    return [page_number, text_objects.actions(ways, block=ids.block_id("turn", number))]
