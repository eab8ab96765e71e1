"""What stands in inputs: the values of `state`, how a person fills them, and what Slack's client checks itself.

Shapes: https://docs.slack.dev/reference/interaction-payloads/view-interactions-payload#state
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, TypeAlias

from bot.devtools.sandbox import limits
from bot.devtools.sandbox.blocks.check import elements_of
from bot.devtools.sandbox.blocks.elements import is_number
from bot.devtools.sandbox.blocks.parts import choices_offered
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


def stateful(blocks: list[Json]) -> Iterator[tuple[Json, Json]]:
    """Each element that holds a value, with its block."""
    for block in blocks:
        for element in elements_of(block):
            if element["type"] in _KEYS:
                yield block, element


def initial_state(blocks: list[Json]) -> State:
    """The values before anybody touches them."""
    state: State = {}
    for block, element in stateful(blocks):
        key, initial = _KEYS[element["type"]]
        value = element.get(initial, [] if _is_list(element) else None)
        state.setdefault(block["block_id"], {})[element["action_id"]] = {"type": element["type"], key: value}
    return state


def _is_list(element: Json) -> bool:
    return element["type"] in ("checkboxes", "file_input") or element["type"].startswith("multi_")


def value_of(held: Json) -> Any:
    """The plain value in an entry of `state`."""
    return held[_KEYS[held["type"]][0]]


def entered(element: Json, given: Any) -> Json:
    """The entry of `state` after a person entered this. Raises `CannotAct` where Slack's client has no way to."""
    kind = element["type"]
    key = _KEYS[kind][0]
    if given in (None, "", []):
        return {"type": kind, key: [] if _is_list(element) else None}
    if key.endswith(("_option", "_options")) and not kind.endswith("external_select"):
        return {"type": kind, key: _chosen(element, given)}
    return {"type": kind, key: _plain(kind, given)}


def _chosen(element: Json, given: Any) -> Any:
    if not _is_list(element):
        return _option(element, given)
    return [_option(element, one) for one in given]


def _option(element: Json, given: Any) -> Json:
    for one in choices_offered(element):
        if given in (one, one["value"], one["text"]["text"]):
            found: Json = one
            return found
    offered = ", ".join(repr(one["text"]["text"]) for one in choices_offered(element))
    raise CannotAct(f"there is no option {given!r}; there are {offered}")


def _plain(kind: str, given: Any) -> Any:
    if kind == "datetimepicker":
        return int(given.timestamp()) if isinstance(given, datetime) else int(given)
    if kind == "datepicker":
        return date.fromisoformat(str(given)).isoformat()
    if kind.endswith("_input") and kind not in ("rich_text_input", "file_input"):
        return str(given)
    return given


def suggested(answer: Any) -> list[Json]:
    """The options in an app's answer to `block_suggestion`. Raises `CannotAct` for an answer Slack shows nothing of."""
    if not isinstance(answer, dict):
        raise CannotAct("the app answered with no options")
    found = choices_offered(answer)
    if len(found) > limits.SUGGESTED_OPTIONS:
        raise CannotAct(f"the app answered with more than {limits.SUGGESTED_OPTIONS} options")
    return found


def problems(blocks: list[Json], state: State) -> dict[str, str]:
    """What Slack's client writes under inputs instead of sending them, by block id."""
    found = {}
    for block, element in stateful(blocks):
        if block["type"] != "input":
            continue
        value = value_of(state[block["block_id"]][element["action_id"]])
        sentence = _problem(block, element, value)
        if sentence:
            found[block["block_id"]] = sentence
    return found


def _problem(block: Json, element: Json, value: Any) -> str | None:
    if value in (None, "", []) or (isinstance(value, str) and not value.strip()):
        return None if block.get("optional") else _REQUIRED
    most = element.get("max_selected_items")
    if most is not None and len(value) > most:
        return f"You can select up to {most} items."
    check = _CHECKS.get(element["type"])
    return check(element, value) if check else None


def _text(element: Json, value: str) -> str | None:
    if len(value) < element.get("min_length", 0):
        return f"Please enter at least {element['min_length']} characters."
    if len(value) > element.get("max_length", 3000):
        return f"Please enter at most {element.get('max_length', 3000)} characters."
    if not element.get("multiline") and "\n" in value:
        return "Please enter a single line."
    return None


def _number(element: Json, value: str) -> str | None:
    if not is_number(value):
        return "Please enter a number."
    if "." in value and not element["is_decimal_allowed"]:
        return "Please enter a whole number."
    if "min_value" in element and Decimal(value) < Decimal(element["min_value"]):
        return f"Please enter a number of at least {element['min_value']}."
    if "max_value" in element and Decimal(value) > Decimal(element["max_value"]):
        return f"Please enter a number of at most {element['max_value']}."
    return None


def _email(element: Json, value: str) -> str | None:  # noqa: ARG001 all checks are called alike
    return None if _EMAIL.fullmatch(value) else "Please enter a valid email address."


def _url(element: Json, value: str) -> str | None:  # noqa: ARG001
    return None if _URL.fullmatch(value) else "Please enter a valid URL."


def _files(element: Json, value: list[Json]) -> str | None:
    if len(value) > element.get("max_files", 10):
        return f"You can upload up to {element.get('max_files', 10)} files."
    allowed = element.get("filetypes")
    if allowed and any(one["filetype"] not in allowed for one in value):
        return f"Only these types can be uploaded: {', '.join(allowed)}."
    return None


_CHECKS: Final[dict[str, Callable[[Json, Any], str | None]]] = {
    "plain_text_input": _text,
    "number_input": _number,
    "email_text_input": _email,
    "url_text_input": _url,
    "file_input": _files,
}
