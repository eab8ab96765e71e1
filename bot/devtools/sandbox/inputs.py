"""The values of inputs: entries of `state`, how a person enters them, and the checks of Slack's client.

Shapes: https://docs.slack.dev/reference/interaction-payloads/view-interactions-payload#state
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, TypeAlias

from bot.devtools.sandbox import limits
from bot.devtools.sandbox.blocks.check import block_elements
from bot.devtools.sandbox.blocks.elements import is_number
from bot.devtools.sandbox.blocks.parts import offered_options
from bot.devtools.sandbox.errors import CannotAct
from bot.devtools.sandbox.jsontypes import Json

State: TypeAlias = dict[str, dict[str, Json]]

_REQUIRED: Final = "Please complete this required field."
_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_URL: Final = re.compile(r"https?://[^\s/]+\S*")

_KEYS: Final = {
    "plain_text_input": ("value", "initial_value"),
    "number_input": ("value", "initial_value"),
    "email_text_input": ("value", "initial_value"),
    "url_text_input": ("value", "initial_value"),
    "rich_text_input": ("rich_text_value", "initial_value"),
    "datepicker": ("selected_date", "initial_date"),
    "timepicker": ("selected_time", "initial_time"),
    "datetimepicker": ("selected_date_time", "initial_date_time"),
    "radio_buttons": ("selected_option", "initial_option"),
    "checkboxes": ("selected_options", "initial_options"),
    "static_select": ("selected_option", "initial_option"),
    "external_select": ("selected_option", "initial_option"),
    "users_select": ("selected_user", "initial_user"),
    "channels_select": ("selected_channel", "initial_channel"),
    "conversations_select": ("selected_conversation", "initial_conversation"),
    "multi_static_select": ("selected_options", "initial_options"),
    "multi_external_select": ("selected_options", "initial_options"),
    "multi_users_select": ("selected_users", "initial_users"),
    "multi_channels_select": ("selected_channels", "initial_channels"),
    "multi_conversations_select": ("selected_conversations", "initial_conversations"),
    "file_input": ("files", "initial_files"),
}
"""For each stateful element: the key of its value in `state`, and the key of its initial value."""


def stateful_elements(blocks: list[Json]) -> Iterator[tuple[Json, Json]]:
    """Yield each element that has a value, with its block."""
    for block in blocks:
        for element in block_elements(block):
            if element["type"] in _KEYS:
                yield block, element


def initial_state(blocks: list[Json]) -> State:
    """Return the values before a person changes them."""
    state: State = {}
    for block, element in stateful_elements(blocks):
        key, initial = _KEYS[element["type"]]
        value = element.get(initial, [] if _is_list(element) else None)
        state.setdefault(block["block_id"], {})[element["action_id"]] = {"type": element["type"], key: value}
    return state


def _is_list(element: Json) -> bool:
    return element["type"] in ("checkboxes", "file_input") or element["type"].startswith("multi_")


def entry_value(entry: Json) -> Any:
    """Return the plain value of an entry of `state`."""
    return entry[_KEYS[entry["type"]][0]]


def enter(element: Json, entered: Any) -> Json:
    """Return the entry of `state` after a person entered a value. Raises `CannotAct` if Slack's client cannot."""
    kind = element["type"]
    key = _KEYS[kind][0]
    if entered in (None, "", []):
        return {"type": kind, key: [] if _is_list(element) else None}
    if key.endswith(("_option", "_options")) and not kind.endswith("external_select"):
        return {"type": kind, key: _choose(element, entered)}
    return {"type": kind, key: _convert(kind, entered)}


def _choose(element: Json, entered: Any) -> Any:
    if not _is_list(element):
        return _find_option(element, entered)
    return [_find_option(element, item) for item in entered]


def _find_option(element: Json, entered: Any) -> Json:
    for option in offered_options(element):
        if entered in (option, option["value"], option["text"]["text"]):
            match: Json = option
            return match
    offered = ", ".join(repr(option["text"]["text"]) for option in offered_options(element))
    raise CannotAct(f"there is no option {entered!r}; there are {offered}")


def _convert(kind: str, entered: Any) -> Any:
    if kind == "datetimepicker":
        return int(entered.timestamp()) if isinstance(entered, datetime) else int(entered)
    if kind == "datepicker":
        return date.fromisoformat(str(entered)).isoformat()
    if kind.endswith("_input") and kind not in ("rich_text_input", "file_input"):
        return str(entered)
    return entered


def read_suggestions(response: Any) -> list[Json]:
    """Return the options of a response to `block_suggestion`. Raises `CannotAct` if Slack would not show them."""
    if not isinstance(response, dict):
        raise CannotAct("the app answered with no options")
    options = offered_options(response)
    if len(options) > limits.SUGGESTED_OPTIONS:
        raise CannotAct(f"the app answered with more than {limits.SUGGESTED_OPTIONS} options")
    return options


def find_problems(blocks: list[Json], state: State) -> dict[str, str]:
    """Return the sentences that Slack's client shows under inputs instead of submitting, by block id."""
    sentences = {}
    for block, element in stateful_elements(blocks):
        if block["type"] != "input":
            continue
        value = entry_value(state[block["block_id"]][element["action_id"]])
        sentence = _find_problem(block, element, value)
        if sentence:
            sentences[block["block_id"]] = sentence
    return sentences


def _find_problem(block: Json, element: Json, value: Any) -> str | None:
    if value in (None, "", []) or (isinstance(value, str) and not value.strip()):
        return None if block.get("optional") else _REQUIRED
    most = element.get("max_selected_items")
    if most is not None and len(value) > most:
        return f"You can select up to {most} items."
    check = _CHECKS.get(element["type"])
    return check(element, value) if check else None


def _check_text(element: Json, value: str) -> str | None:
    if len(value) < element.get("min_length", 0):
        return f"Please enter at least {element['min_length']} characters."
    if len(value) > element.get("max_length", 3000):
        return f"Please enter at most {element.get('max_length', 3000)} characters."
    if not element.get("multiline") and "\n" in value:
        return "Please enter a single line."
    return None


def _check_number(element: Json, value: str) -> str | None:
    if not is_number(value):
        return "Please enter a number."
    if "." in value and not element["is_decimal_allowed"]:
        return "Please enter a whole number."
    if "min_value" in element and Decimal(value) < Decimal(element["min_value"]):
        return f"Please enter a number of at least {element['min_value']}."
    if "max_value" in element and Decimal(value) > Decimal(element["max_value"]):
        return f"Please enter a number of at most {element['max_value']}."
    return None


def _check_email(element: Json, value: str) -> str | None:  # noqa: ARG001 the signature of all checks
    return None if _EMAIL.fullmatch(value) else "Please enter a valid email address."


def _check_url(element: Json, value: str) -> str | None:  # noqa: ARG001
    return None if _URL.fullmatch(value) else "Please enter a valid URL."


def _check_files(element: Json, value: list[Json]) -> str | None:
    if len(value) > element.get("max_files", 10):
        return f"You can upload up to {element.get('max_files', 10)} files."
    allowed = element.get("filetypes")
    if allowed and any(item["filetype"] not in allowed for item in value):
        return f"Only these types can be uploaded: {', '.join(allowed)}."
    return None


_CHECKS: Final[dict[str, Callable[[Json, Any], str | None]]] = {
    "plain_text_input": _check_text,
    "number_input": _check_number,
    "email_text_input": _check_email,
    "url_text_input": _check_url,
    "file_input": _check_files,
}
