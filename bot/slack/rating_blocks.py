"""The inputs for a rating and its comment, and the form that has only them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from bot.presentation import ratings
from bot.slack import form_blocks, ids, text_objects, view_state
from bot.slack.text_objects import Block, Element, View
from engine.domain import Person
from engine.read_models import RequestView
from engine.requests.ratings import COMMENT_LENGTH


@dataclass(frozen=True, slots=True)
class EnteredRating:
    """What a person has entered; None without a choice."""

    rating: int | None = None
    comment: str = ""


NO_RATING: Final = EnteredRating()


def form(request: RequestView, reader: Person | None, *, metadata: ids.ModalRef) -> View:
    """Return the form for a rating, filled with the earlier one of its reader."""
    earlier = ratings.of_reader(request, reader)
    entered = EnteredRating(earlier.rating, earlier.comment or "") if earlier is not None else NO_RATING
    question = text_objects.section(request.title, block="question")
    return form_blocks.view(
        callback=ids.RATING_MODAL,
        title=ratings.BUTTON,
        blocks=[question, *inputs(entered, required=True)],
        metadata=metadata,
        submit="Save",
        close="Cancel",
    )


def inputs(entered: EnteredRating = NO_RATING, *, required: bool = False) -> list[Block]:
    """Return the inputs. Beside a decision they may stay empty."""
    choice: Element = {"type": "static_select", "action_id": ids.INPUT, "options": [*map(_option, ratings.LABELS)]}
    if entered.rating is not None:
        choice["initial_option"] = _option(entered.rating)
    comment: Element = {"type": "plain_text_input", "action_id": ids.INPUT, "multiline": True}
    comment["max_length"] = COMMENT_LENGTH
    if entered.comment:
        comment["initial_value"] = entered.comment
    return [
        _input(ids.RATING_BLOCK, ratings.QUESTION, choice, required=required),
        _input(ids.COMMENT_BLOCK, ratings.COMMENT, comment, hint=ratings.HINT),
    ]


def _option(rating: int) -> Element:
    return {"text": text_objects.plain_line(ratings.LABELS[rating], ids.OPTION_TEXT), "value": str(rating)}


def _input(block: str, label: str, element: Element, *, required: bool = False, hint: str = "") -> Block:
    return {
        "type": "input",
        "block_id": block,
        "label": text_objects.plain_line(label, ids.INPUT_LABEL),
        "element": element,
        "optional": not required,
        **({"hint": text_objects.plain(hint, ids.INPUT_HINT)} if hint else {}),
    }


def read(values: Mapping[str, Any]) -> EnteredRating:
    """Return what was entered in the inputs of a form; nothing if it has none."""
    chosen = view_state.read_text(values, ids.RATING_BLOCK)
    rating = int(chosen) if chosen in {str(number) for number in ratings.LABELS} else None
    return EnteredRating(rating, view_state.read_text(values, ids.COMMENT_BLOCK))
