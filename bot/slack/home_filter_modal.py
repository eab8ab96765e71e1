"""The form for the filter of App Home. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from bot.presentation import inbox_texts, states
from bot.slack import form_blocks, ids, text_objects
from bot.slack.ids import HomeRef, ModalRef
from bot.slack.text_objects import Block, Element, View
from engine.domain import RequestState
from engine.inbox import InboxPart

SEARCH: Final = "search"
WORKFLOW: Final = "workflow"
STATE: Final = "state"
SINCE: Final = "since"
UNTIL: Final = "until"
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
"""Characters that no word has. In the value of a button each would take six characters of the 2,000."""


def filter_form(shown: HomeRef, workflows: Sequence[tuple[str, str]]) -> View:
    """Return the form, filled in with the present filter. `workflows`: names and titles to choose from."""
    blocks = [_search(shown)]
    if workflows:
        blocks.append(_input(WORKFLOW, "Workflow", _select(workflows, shown.workflow)))
    blocks.append(_input(ids.PERSON_BLOCK, "Person", _person(shown), hint="Who started or decided it."))
    if shown.part in (InboxPart.DECIDED, InboxPart.ALL):
        named = [(state.value, states.REQUESTS[state].capitalize()) for state in RequestState]
        blocks.append(_input(STATE, "Status", _select(named, shown.state.value if shown.state else "")))
    since, until = inbox_texts.day_labels(shown.part)
    blocks.append(_input(SINCE, since, _day(shown.since)))
    blocks.append(_input(UNTIL, until, _day(shown.until), hint="This day is included."))
    return form_blocks.view(
        callback=ids.FILTER_MODAL,
        title=inbox_texts.TITLES[shown.part],
        blocks=blocks,
        metadata=ModalRef(home=shown.first),
        submit="Filter",
        close="Cancel",
    )


def _search(shown: HomeRef) -> Block:
    element: Element = {"type": "plain_text_input", "action_id": ids.INPUT, "max_length": ids.SEARCH}
    if words := " ".join(shown.search.split()):
        element["initial_value"] = words
    hint = "Beginnings of words in the question, the values, the workflow or the name of the person who asked."
    return _input(SEARCH, "Search", element, hint=hint)


def _select(values: Sequence[tuple[str, str]], chosen: str) -> Element:
    options = [_option(value, label) for value, label in values[: ids.OPTIONS]]
    element: Element = {"type": "static_select", "action_id": ids.INPUT, "options": options}
    initial = next((option for option in options if option["value"] == ids.option_key(chosen)), None)
    return element if initial is None else {**element, "initial_option": initial}


def _option(value: str, label: str) -> Element:
    return {"text": text_objects.plain_line(label, ids.OPTION_TEXT), "value": ids.option_key(value)}


def _person(shown: HomeRef) -> Element:
    element: Element = {"type": "users_select", "action_id": ids.INPUT}
    return {**element, "initial_user": shown.user} if shown.user else element


def _day(day: str | None) -> Element:
    element: Element = {"type": "datepicker", "action_id": ids.INPUT}
    return {**element, "initial_date": day} if day else element


def _input(block: str, label: str, element: Element, *, hint: str = "") -> Block:
    made: Block = {
        "type": "input",
        "block_id": block,
        "label": text_objects.plain(label, ids.INPUT_LABEL),
        "element": element,
        "optional": True,
    }
    return {**made, "hint": text_objects.plain(hint, ids.INPUT_HINT)} if hint else made


def mistakes(chosen: HomeRef) -> dict[str, str]:
    """Return what is wrong in the form, by the block that says it. Slack sends days like 2026-03-02."""
    is_backwards = chosen.since and chosen.until and chosen.until < chosen.since
    return {UNTIL: inbox_texts.BACKWARDS} if is_backwards else {}


def read_filter(values: Mapping[str, Any], shown: HomeRef, workflows: Sequence[tuple[str, str]]) -> HomeRef:
    """Return what the tab shows with the filter that was chosen."""
    names = {ids.option_key(name): name for name, _ in workflows}
    state = _option_of(values, STATE)
    typed = " ".join(_CONTROL.sub(" ", _value(values, SEARCH, "value")).split())
    return msgspec.structs.replace(
        shown.unfiltered,
        search=typed[: ids.SEARCH],
        workflow=names.get(_option_of(values, WORKFLOW), ""),
        user=_value(values, ids.PERSON_BLOCK, "selected_user") or None,
        state=RequestState(state) if state in [*RequestState] else None,
        since=_value(values, SINCE, "selected_date") or None,
        until=_value(values, UNTIL, "selected_date") or None,
    )


def _value(values: Mapping[str, Any], block: str, key: str) -> str:
    elements = values.get(block)
    element = next(iter(elements.values()), None) if isinstance(elements, Mapping) else None
    value = element.get(key) if isinstance(element, Mapping) else None
    return value if isinstance(value, str) else ""


def _option_of(values: Mapping[str, Any], block: str) -> str:
    elements = values.get(block)
    element = next(iter(elements.values()), None) if isinstance(elements, Mapping) else None
    chosen = element.get("selected_option") if isinstance(element, Mapping) else None
    return str(chosen.get("value", "")) if isinstance(chosen, Mapping) else ""
