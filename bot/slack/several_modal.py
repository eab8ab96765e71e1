"""The form to decide several requests together, and its result. Pure.

The option of each request carries the content that it shows, so that each decision is about what the person saw.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from bot.presentation import inbox_rows, refusals
from bot.presentation.batch_results import BatchEntry, BatchResult
from bot.slack import form_blocks, home_rows, ids, rich_text, text_objects
from bot.slack.ids import HomeRef, ModalRef, Ref
from bot.slack.text_objects import Block, Element, View
from engine.domain import Person, Verdict
from engine.read_models import RequestView
from engine.requests.decision import why_alone

GROUP: Final = "group:"
"""What the block ids of the checkboxes begin with."""
VERDICT: Final = "verdict"
_VERDICTS: Final = {Verdict.APPROVE: "Approve", Verdict.REJECT: "Reject"}
_MOST_ALONE: Final = 10
_MOST_NAMED: Final = 50
_TITLE: Final = "Decide several"
_NONE: Final = "No requests that can be decided together wait for you now."
_LEFT_OUT: Final = "Decide these separately"


def several_form(offered: Sequence[RequestView], alone: Sequence[RequestView], reader: Person, shown: HomeRef) -> View:
    """Return the form. `alone`: requests that have to be decided by themselves, which are named with the reason."""
    if not offered:
        blocks = [text_objects.section(_NONE, block="none"), *_alone(alone)]
        metadata = ModalRef(home=shown)
        return form_blocks.view(callback=ids.PLAIN_MODAL, title=_TITLE, blocks=blocks, metadata=metadata, close="Close")
    blocks = [
        block
        for number in range(math.ceil(len(offered) / ids.RADIO_OPTIONS))
        for block in _group(number, offered[number * ids.RADIO_OPTIONS :][: ids.RADIO_OPTIONS], reader)
    ]
    blocks += [_verdict(), form_blocks.reason_input(required=False, label="Reason", hint=_HINT), *_alone(alone)]
    return form_blocks.view(
        callback=ids.SEVERAL_MODAL,
        title=_TITLE,
        blocks=blocks,
        metadata=ModalRef(home=shown),
        submit="Decide",
        close="Cancel",
    )


_HINT: Final = "It is saved with each decision, and the people who asked will read it."


def _group(number: int, group: Sequence[RequestView], reader: Person) -> Iterator[Block]:
    first = number * ids.RADIO_OPTIONS + 1
    rows = [inbox_rows.row(view, reader) for view in group]
    lines = [(home_rows.question(row), _at_stake(row)) for row in rows]
    for at, (line, row) in enumerate(zip(lines, rows, strict=True), start=first):
        if any(text_objects.size(text) > ids.OPTION_TEXT for text in (f"{at}. {line[0]}", line[1])):
            yield _in_full(at, line, row.request)
    numbered = enumerate(zip(group, lines, strict=True), start=first)
    options = [_option(view, f"{at}. {line[0]}", line[1]) for at, (view, line) in numbered]
    label = "Requests" if len(group) == 1 else f"Requests {first} to {first + len(group) - 1}"
    yield _input(
        f"{GROUP}{number}",
        label,
        {"type": "checkboxes", "action_id": ids.INPUT, "options": options},
        optional=True,
    )


def _at_stake(row: inbox_rows.InboxRow) -> str:
    asked = text_objects.line("".join(part for part in row.asked[:1] if isinstance(part, str)))
    return " · ".join(filter(None, [home_rows.stakes(row), asked.removesuffix(" asked") if asked else ""]))


def _in_full(at: int, texts: tuple[str, str], request: str) -> Block:
    """Return a request in full above its option, which has to cut it."""
    question, at_stake = texts
    lines = [rich_text.section(rich_text.words(f"{at}. {question}", bold=True))]
    lines += [rich_text.section(rich_text.words(at_stake))] if at_stake else []
    return rich_text.paragraphs(lines, block=f"full:{request}")


def _option(view: RequestView, question: str, at_stake: str) -> Element:
    option: Element = {"text": text_objects.plain_line(question, ids.OPTION_TEXT), "value": _value(view)}
    return {**option, "description": text_objects.plain_line(at_stake, ids.OPTION_TEXT)} if at_stake else option


def _value(view: RequestView) -> str:
    return f"{view.id}:{view.model.content_version}:{view.model.digest}"


def _verdict() -> Block:
    options = [
        {"text": text_objects.plain_line(label, ids.OPTION_TEXT), "value": verdict.value}
        for verdict, label in _VERDICTS.items()
    ]
    element: Element = {"type": "radio_buttons", "action_id": ids.INPUT, "options": options}
    return _input(VERDICT, "What do you decide?", element)


def _input(block: str, label: str, element: Element, *, optional: bool = False) -> Block:
    return {
        "type": "input",
        "block_id": block,
        "label": text_objects.plain(label, ids.INPUT_LABEL),
        "element": element,
        "optional": optional,
    }


def _alone(views: Sequence[RequestView]) -> Iterator[Block]:
    """Yield the requests that have to be decided by themselves, each with the reason."""
    if not views:
        return
    yield text_objects.header(_LEFT_OUT, block="alone")
    for view in views[:_MOST_ALONE]:
        why = why_alone(view.model)
        assert why is not None
        yield _named(text_objects.line(view.title), f"{_capital(refusals.ALONE[why])}.", block=f"alone:{view.id}")
    if (left := len(views) - _MOST_ALONE) > 0:
        more = f"{left:,} more {'has' if left == 1 else 'have'} to be decided separately."
        yield text_objects.context([text_objects.plain(more)], block="alone:more")


def _named(question: str, why: str, *, block: str) -> Block:
    title = text_objects.clipped(question, home_rows.QUESTION) or "–"
    parts = [rich_text.section(rich_text.words(title, bold=True)), rich_text.section(rich_text.words(why))]
    return rich_text.paragraphs(parts, block=block)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


# -- what came back -----------------------------------------------------------------------------------------


def read_picked(values: Mapping[str, Any]) -> list[Ref]:
    """Return the requests that were chosen, with the content that the form showed."""
    picked: list[Ref] = []
    for block, elements in values.items():
        element = next(iter(elements.values()), None) if isinstance(elements, Mapping) else None
        if block.startswith(GROUP) and isinstance(element, Mapping):
            refs = (_read(option.get("value")) for option in element.get("selected_options") or [])
            picked += [ref for ref in refs if ref is not None]
    return picked


def _read(value: object) -> Ref | None:
    request, version, digest = str(value).rsplit(":", 2) if str(value).count(":") >= 2 else ("", "", "")
    is_number = version.isascii() and version.isdecimal() and len(version) < 10
    return Ref(request=request, content_version=int(version), digest=digest) if request and is_number else None


def read_verdict(values: Mapping[str, Any]) -> Verdict | None:
    """Return what was chosen to do."""
    elements = values.get(VERDICT)
    element = next(iter(elements.values()), None) if isinstance(elements, Mapping) else None
    chosen = element.get("selected_option") if isinstance(element, Mapping) else None
    value = str(chosen.get("value")) if isinstance(chosen, Mapping) else ""
    return Verdict(value) if value in [*_VERDICTS] else None


# -- the result ---------------------------------------------------------------------------------------------


def result_view(result: BatchResult, shown: HomeRef | None) -> View:
    """Return the modal that says what was decided, and what was left out and why."""
    blocks = [text_objects.section(result.headline, block="headline"), *_left_out(result.left_out)]
    if result.decided:
        heading = "Approved" if result.verdict is Verdict.APPROVE else "Rejected"
        lines = [rich_text.section(rich_text.words(_question(entry))) for entry in result.decided[:_MOST_NAMED]]
        blocks += [text_objects.header(heading, block="decided"), rich_text.paragraphs(lines, block="decided:names")]
    return form_blocks.view(
        callback=ids.PLAIN_MODAL, title=_TITLE, blocks=blocks, metadata=ModalRef(home=shown), close="Close"
    )


def _left_out(entries: Sequence[BatchEntry]) -> Iterator[Block]:
    if entries:
        yield text_objects.header("Left out", block="left")
    for entry in entries[:_MOST_NAMED]:
        why = [*rich_text.phrase(text_objects.one_line(entry.why, ids.HEADER))] or [*rich_text.words("–")]
        parts = [rich_text.section(rich_text.words(_question(entry), bold=True)), rich_text.section(why)]
        yield rich_text.paragraphs(parts, block=f"left:{entry.request}")


def _question(entry: BatchEntry) -> str:
    return text_objects.clipped(text_objects.line(entry.question), home_rows.QUESTION) or "–"
