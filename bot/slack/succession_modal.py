"""The form that passes a request on to another person. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from bot.slack import form_blocks, ids, text_objects
from bot.slack.text_objects import Block, Element, View
from engine.read_models import RequestView
from engine.requests.succession import MISSING

HAND_ON: Final = "Pass on"
_MISSING_LABEL: Final = "The approval that is missing"
_MISSING_OPTION: Final = "missing"
"""Slack wants no empty values of options."""


def pass_on(request: RequestView, places: Sequence[tuple[str, str]], *, reader: str, metadata: ids.ModalRef) -> View:
    """Return the form. `places`: the id and the name of each person whose place the reader can pass on."""
    chosen = [_place_input(places)] if len(places) > 1 else []
    person: Element = {"type": "users_select", "action_id": ids.INPUT}
    return form_blocks.view(
        callback=ids.SUCCESSION_MODAL,
        title=HAND_ON,
        blocks=[
            text_objects.section(request.title, block="question"),
            *chosen,
            _input(ids.PERSON_BLOCK, _who(places, reader), person),
            form_blocks.reason_input(required=True, label="Reason", hint="It is kept in the record of this request."),
        ],
        metadata=msgspec.structs.replace(metadata, page=0),
        submit=HAND_ON,
        close="Cancel",
    )


def _who(places: Sequence[tuple[str, str]], reader: str) -> str:
    """Return the label of the input for the person. The owner of a workflow passes on the places of others."""
    (place, name), *others = places
    if others or place == MISSING:
        return "Who decides?"
    return f"Who decides in {'your place' if place == reader else f'the place of {text_objects.line(name)}'}?"


def _place_input(places: Sequence[tuple[str, str]]) -> Block:
    options = [_option(person, text_objects.line(name)) for person, name in places[: ids.OPTIONS]]
    element: Element = {"type": "static_select", "action_id": ids.INPUT, "options": options}
    return _input(ids.PLACE_BLOCK, "In whose place?", {**element, "initial_option": options[0]})


def _option(person: str, name: str) -> Element:
    text = text_objects.plain_line(name or _MISSING_LABEL, ids.OPTION_TEXT)
    return {"text": text, "value": person or _MISSING_OPTION}


def _input(block: str, label: str, element: Element) -> Block:
    return {
        "type": "input",
        "block_id": block,
        "label": text_objects.plain_line(label, ids.INPUT_LABEL),
        "element": element,
    }


def read_person(values: Any) -> str | None:
    """Return the account of the person who was chosen, or None."""
    chosen = _element(values, ids.PERSON_BLOCK).get("selected_user")
    return chosen if isinstance(chosen, str) and chosen else None


def read_place(values: Any) -> str | None:
    """Return the place that was chosen, or None if the form asks for none."""
    option = _element(values, ids.PLACE_BLOCK).get("selected_option")
    value = option.get("value") if isinstance(option, dict) else None
    return MISSING if value == _MISSING_OPTION else value if isinstance(value, str) else None


def _element(values: Any, block: str) -> dict[str, Any]:
    elements = values.get(block) if hasattr(values, "get") else None
    first = next(iter(elements.values()), None) if isinstance(elements, dict) else None
    return first if isinstance(first, dict) else {}
