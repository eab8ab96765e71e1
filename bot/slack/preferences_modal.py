"""The form in which people choose when they are told of what waits for them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from bot.presentation import preferences
from bot.presentation.preferences import PreferencesForm
from bot.slack import form_blocks, ids, text_objects
from bot.slack.form_blocks import input_block
from bot.slack.text_objects import Element, View
from engine.domain import Digest, PreferencesSet
from engine.domain.preferences import FEWEST, MOST

_DIGEST: Final = "digest"
_AT: Final = "digest_at"
_COUNT: Final = "digest_count"
_FROM: Final = "quiet_from"
_UNTIL: Final = "quiet_until"
_WEEKENDS: Final = "quiet_weekends"
BLOCK_OF: Final = {"at": _AT, "count": _COUNT, "quiet": _UNTIL}
"""The input below which the reason for a refusal stands, by what is wrong."""


def preferences_form(present: PreferencesSet, *, metadata: ids.ModalRef) -> View:
    """Return the form with what holds now."""
    form = preferences.form_of(present.preferences)
    return form_blocks.view(
        callback=ids.PREFERENCES_MODAL,
        title=preferences.TITLE,
        blocks=[
            input_block(_DIGEST, preferences.DIGEST_LABEL, _radio(form.digest), required=True),
            input_block(_AT, preferences.AT_LABEL, _time(form.at), hint=preferences.AT_HINT),
            input_block(_COUNT, preferences.COUNT_LABEL, _number(form.count), hint=preferences.COUNT_HINT),
            input_block(_FROM, preferences.QUIET_FROM_LABEL, _time(form.quiet_from)),
            input_block(_UNTIL, preferences.QUIET_UNTIL_LABEL, _time(form.quiet_until), hint=preferences.QUIET_HINT),
            input_block(_WEEKENDS, "Weekends", _checkbox(is_checked=form.weekends)),
            text_objects.context(
                [text_objects.plain(f"{preferences.zone(present)} {preferences.NEVER_HELD}")], block="notes"
            ),
        ],
        metadata=metadata,
        submit="Save",
        close="Cancel",
    )


def _radio(chosen: str) -> Element:
    options = {digest.value: _option(label, digest.value) for digest, label in preferences.CHOICES.items()}
    return {
        "type": "radio_buttons",
        "action_id": ids.INPUT,
        "options": list(options.values()),
        "initial_option": options.get(chosen, options[Digest.NONE.value]),
    }


def _option(label: str, value: str) -> Element:
    return {"text": text_objects.plain(label, ids.OPTION_TEXT), "value": value}


def _time(text: str) -> Element:
    return {"type": "timepicker", "action_id": ids.INPUT, **({"initial_time": text} if text else {})}


def _number(text: str) -> Element:
    bounds = {"min_value": str(FEWEST), "max_value": str(MOST)}
    return {
        "type": "number_input",
        "action_id": ids.INPUT,
        "is_decimal_allowed": False,
        "initial_value": text,
        **bounds,
    }


def _checkbox(*, is_checked: bool) -> Element:
    option = _option(preferences.WEEKENDS_LABEL, "yes")
    return {
        "type": "checkboxes",
        "action_id": ids.INPUT,
        "options": [option],
        **({"initial_options": [option]} if is_checked else {}),
    }


def read(values: Mapping[str, Any]) -> PreferencesForm:
    """Return what a person chose in the form."""
    digest = _of(values, _DIGEST, "selected_option")
    value = digest.get("value") if isinstance(digest, Mapping) else None
    return PreferencesForm(
        digest=value if isinstance(value, str) else Digest.NONE.value,
        at=_text(values, _AT, "selected_time"),
        count=_text(values, _COUNT, "value"),
        quiet_from=_text(values, _FROM, "selected_time"),
        quiet_until=_text(values, _UNTIL, "selected_time"),
        weekends=bool(_of(values, _WEEKENDS, "selected_options")),
    )


def _text(values: Mapping[str, Any], block: str, key: str) -> str:
    chosen = _of(values, block, key)
    return chosen if isinstance(chosen, str) else ""


def _of(values: Mapping[str, Any], block: str, key: str) -> Any:
    elements = values.get(block)
    element = next(iter(elements.values()), None) if isinstance(elements, Mapping) else None
    return element.get(key) if isinstance(element, Mapping) else None
