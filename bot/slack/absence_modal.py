"""The form in which people say that they are away. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from bot.slack import form_blocks, ids, text_objects
from bot.slack.text_objects import Block, Element, View

BACK_BLOCK: Final = "back"
_TITLE: Final = "Away"


def away_form(*, metadata: ids.ModalRef, back_on: str | None = None) -> View:
    """Return the form. `back_on`: the day that was typed, as YYYY-MM-DD."""
    since: Element = {"type": "datepicker", "action_id": ids.INPUT}
    back: Element = {"type": "datepicker", "action_id": ids.INPUT}
    if back_on is not None:
        back["initial_date"] = back_on
    return form_blocks.view(
        callback=ids.AWAY_MODAL,
        title=_TITLE,
        blocks=[
            _input(ids.AWAY_BLOCK, "Away from", since, hint="If you choose no day, you are away from now on."),
            _input(BACK_BLOCK, "Back on", back, required=True),
            _input(
                ids.PERSON_BLOCK,
                "Who decides in your place?",
                {"type": "users_select", "action_id": ids.INPUT},
                hint="If you choose no one, the backups of a workflow are asked, if it has any.",
            ),
        ],
        metadata=metadata,
        submit="Save",
        close="Cancel",
    )


def _input(block: str, label: str, element: Element, *, hint: str = "", required: bool = False) -> Block:
    made: Block = {
        "type": "input",
        "block_id": block,
        "label": text_objects.plain(label, ids.INPUT_LABEL),
        "element": element,
        "optional": not required,
    }
    return {**made, "hint": text_objects.plain(hint, ids.INPUT_HINT)} if hint else made


def read_dates(values: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Return the first day of the absence, and the day on which the person is back, as YYYY-MM-DD."""
    return _chosen(values, ids.AWAY_BLOCK, "selected_date"), _chosen(values, BACK_BLOCK, "selected_date")


def read_delegate(values: Mapping[str, Any]) -> str | None:
    """Return the account of the delegate, or None if none was chosen."""
    return _chosen(values, ids.PERSON_BLOCK, "selected_user")


def _chosen(values: Mapping[str, Any], block: str, key: str) -> str | None:
    elements = values.get(block)
    element = next(iter(elements.values()), None) if isinstance(elements, Mapping) else None
    chosen = element.get(key) if isinstance(element, Mapping) else None
    return chosen if isinstance(chosen, str) and chosen else None
