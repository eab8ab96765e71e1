"""The form in which people say that they are away. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from bot.slack import form_blocks, ids
from bot.slack.form_blocks import input_block
from bot.slack.text_objects import Element, View

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
            input_block(ids.AWAY_BLOCK, "Away from", since, hint="If you choose no day, you are away from now on."),
            input_block(BACK_BLOCK, "Back on", back, required=True),
            input_block(
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
