"""A modal with everything about a card in as many pages as it needs: values, notes, then technical details."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import accumulate, groupby
from typing import Final

import msgspec

from bot.presentation import dates
from bot.slack import form_blocks, ids, message_view, rich_text, text_objects, truncate
from bot.slack.rich_text import Line
from bot.slack.text_objects import Block, Element, View
from engine.domain import Card, CardFact, CardField, CardOutcome, DeliveryKind

PAGE_TEXT: Final = 9_000
"""Characters of text on a page. Slack documents no limit for views but 250 KB; this is well below."""
PAGE_LINES: Final = 60


def details(card: Card, *, metadata: ids.ModalRef) -> View:
    """Return the page `metadata.page`, counted from 0, or the last one if there are fewer.

    The last page has the buttons of an open request: a person who got there has seen all of it.
    """
    main = _main_lines(card)
    pages = _pages([*main, *_facts(card.details)])
    number = min(metadata.page, len(pages) - 1)
    last = number == len(pages) - 1
    shown: list[Block] = [] if number else _head(card)
    shown += _page(pages[number], number, technical=len(main) - sum(map(len, pages[:number])))
    if len(pages) > 1:
        shown += _turning(number, of=len(pages))
    delivery = metadata.ref.delivery if metadata.ref else None
    buttons = message_view.request_buttons(card, delivery=delivery) if last else []
    undoing = message_view.undo_button(card, delivery=delivery)
    if buttons:
        buttons.append(message_view.pass_on_button(card, delivery=delivery))
    if last and undoing is not None:
        buttons.append(undoing)
    if buttons:
        shown.append(text_objects.actions(buttons, block=ids.block_id("actions", number)))
    return form_blocks.view(
        callback=ids.DETAILS_MODAL,
        title=message_view.DETAILS,
        blocks=shown,
        metadata=msgspec.structs.replace(metadata, page=number),
        close="Close",
    )


def _page(lines: list[Line], number: int, *, technical: int) -> Iterator[Block]:
    """Yield a block for each line, with a heading above the line `technical`."""
    for index, line in enumerate(lines):
        if index == technical:
            yield text_objects.header("Technical details", block=ids.block_id("technical", number))
        yield rich_text.lines([line], block=f"line:{index}@{number}")


def paginate(card: Card) -> list[list[Line]]:
    """Return the lines of each page; there is at least one page."""
    return _pages([*_main_lines(card), *_facts(card.details)])


def _pages(lines: Sequence[Line]) -> list[list[Line]]:
    filled = accumulate(lines, _turn, initial=(0, 0, 0))
    numbered = zip((page for page, _, _ in [*filled][1:]), lines, strict=True)
    return [[line for _, line in group] for _, group in groupby(numbered, key=lambda pair: pair[0])] or [[]]


def _turn(so_far: tuple[int, int, int], line: Line) -> tuple[int, int, int]:
    """Return the page of a line, and how many lines and characters that page has with it."""
    page, count, used = so_far
    need = text_objects.size(line.label + "".join(line.texts)) + rich_text.OVERHEAD
    if count and (count == PAGE_LINES or used + need > PAGE_TEXT):
        return page + 1, 1, need
    return page, count + 1, used + need


def _head(card: Card) -> list[Block]:
    """Return the question and its context. A question that is too long for a header is among the lines as well."""
    lead = [text_objects.one_line(phrase, ids.SECTION) for phrase in card.lead]
    return [text_objects.header(card.title, block="title"), *message_view.context(lead, card, block="context")]


def _main_lines(card: Card) -> list[Line]:
    """Return what the decision is about, each text in pieces that fit into one block."""
    lines = list[Line]()
    if text_objects.clip(text_objects.line(card.title), ids.HEADER).missing:
        lines += _pieces("Question", card.title)
    if card.outcome is not None:
        lines += _outcome(card.outcome)
    compared = 0
    for field in card.values:
        compared += field.before is not None
        lines += _field(field, compares=compared <= truncate.MOST_DIFFERENCES)
    lines += _facts(card.notes)
    if card.kind is DeliveryKind.REQUEST:
        lines += _pieces(
            "Who can decide" if card.outcome is None else "Who was asked", ", ".join(card.approvers) or "–"
        )
    return lines


def _outcome(outcome: CardOutcome) -> Iterator[Line]:
    # What an expiry led to is a sentence of its own.
    last = outcome.line[-1] if outcome.line else ""
    end = (".",) if isinstance(last, str) and last.startswith(". ") and not last.endswith(".") else ()
    yield from _facts([CardFact(label="Outcome", text=(*outcome.line, *end))])
    if outcome.became:
        yield from _facts([CardFact(label="What became of it", text=outcome.became)])
    if outcome.reason:
        yield from _pieces("Reason", outcome.reason)


def _facts(facts: Iterable[CardFact]) -> Iterator[Line]:
    """Yield facts. One that has moments and is too long for a block has them in UTC."""
    for fact in facts:
        whole = dates.written(fact.text, text_objects.date_in_utc)
        has_moments = any(isinstance(part, datetime) for part in fact.text)
        if has_moments and text_objects.size(text_objects.shown(whole)) <= ids.SECTION:
            parts = (part if isinstance(part, datetime) else text_objects.shown(part) for part in fact.text)
            yield Line(label=_label(fact.label), phrase=tuple(parts))
        else:
            yield from _pieces(fact.label, whole)


def _field(field: CardField, *, compares: bool) -> Iterator[Line]:
    """Yield a value; a long change word by word, and both texts whole. Without `compares`, only both texts."""
    label = field.label or field.path
    line = replace(truncate.value_line(field), label=_label(label))
    if field.account is not None:
        yield line
    elif line.before is None:
        yield from _pieces(label, field.text)
    elif not truncate.is_long_change(line.before, line.after):
        yield line
    else:
        if compares:
            yield truncate.difference_line(line, ids.SECTION)
        yield from _pieces(f"{label} (before)", line.before)
        yield from _pieces(f"{label} (now)", line.after)


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
