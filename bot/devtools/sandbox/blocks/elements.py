"""Elements of blocks (docs.slack.dev/reference/block-kit/block-elements)."""

from __future__ import annotations

import re
from typing import Any, Final

from bot.devtools.sandbox import limits
from bot.devtools.sandbox.blocks import parts, rules
from bot.devtools.sandbox.blocks.richtext import RICH_TEXT
from bot.devtools.sandbox.blocks.rules import Rule, ValidationReport, array, both, string, typed

NUMBER: Final = r"-?\d+(\.\d+)?"
DATE: Final = r"\d{4}-\d{2}-\d{2}"
TIME: Final = r"([01]\d|2[0-3]):[0-5]\d"

_ACTION: dict[str, Rule] = {"action_id": string(most=limits.ACTION_ID, least=1)}
_CONFIRM: dict[str, Rule] = {"confirm": parts.CONFIRM}
_FOCUS: dict[str, Rule] = {"focus_on_load": rules.boolean}
_PLACEHOLDER: dict[str, Rule] = {"placeholder": parts.plain(limits.PLACEHOLDER)}
_DISPATCH: dict[str, Rule] = {"dispatch_action_config": parts.DISPATCH_CONFIG}
_PICK: dict[str, Rule] = {**_ACTION, **_CONFIRM, **_FOCUS, **_PLACEHOLDER}
_TYPE: dict[str, Rule] = {**_ACTION, **_FOCUS, **_PLACEHOLDER, **_DISPATCH}
_MOST: dict[str, Rule] = {"max_selected_items": rules.integer(least=1, most=limits.OPTIONS)}
_ID: Final = string(least=1)
_IDS: Final = array(_ID, most=limits.OPTIONS, least=0)
_STYLE: Final = rules.one_of("primary", "danger")
_LABEL: Final = string(most=limits.ACCESSIBILITY_LABEL)
_OPTIONS: dict[str, Rule] = {
    "options": array(parts.option(), most=limits.OPTIONS),
    "option_groups": array(parts.OPTION_GROUP, most=limits.OPTION_GROUPS),
}


def _static_select(name: str, initial: dict[str, Rule]) -> Rule:
    return both(
        typed(name, {}, {**_PICK, **_OPTIONS, **initial}),
        rules.exactly_one_of("options", "option_groups"),
        parts.check_initial_option,
    )


def _id_select(name: str, key: str, *, many: bool, more: dict[str, Rule] | None = None) -> Rule:
    if many:
        return typed(name, {}, {**_PICK, **_MOST, f"initial_{key}s": _IDS, **(more or {})})
    return typed(name, {}, {**_PICK, f"initial_{key}": _ID, **(more or {})})


def _check_lengths(value: Any, at: str, report: ValidationReport) -> None:
    if value.get("min_length", 0) > value.get("max_length", limits.TEXT_INPUT):
        report.add(f"{at}/min_length", "must be less than or equal to max_length")
    elif len(value.get("initial_value", "")) > value.get("max_length", limits.TEXT_INPUT):
        report.add(f"{at}/initial_value", f"must be less than {value['max_length'] + 1} characters")


def _check_numbers(value: Any, at: str, report: ValidationReport) -> None:
    if value["is_decimal_allowed"]:
        return
    for name in ("initial_value", "min_value", "max_value"):
        if "." in value.get(name, ""):
            report.add(f"{at}/{name}", "must be an integer because is_decimal_allowed is false")


def _require_feature(name: str) -> Rule:
    def check(value: Any, at: str, report: ValidationReport) -> None:  # noqa: ARG001 the signature of all rules
        report.features.add(name)

    return check


def _check_surface(value: Any, at: str, report: ValidationReport) -> None:
    if report.surface != "modal":
        report.add(f"{at}/type", f"unsupported type: {value['type']}")


_CONVERSATION: dict[str, Rule] = {
    "default_to_current_conversation": rules.boolean,
    "filter": parts.CONVERSATION_FILTER,
}
_RESPOND: dict[str, Rule] = {"response_url_enabled": rules.boolean}
_FEEDBACK: Final = rules.record(
    {"text": parts.plain(limits.BUTTON_TEXT), "value": string(most=limits.BUTTON_VALUE)},
    {"accessibility_label": _LABEL},
)

ELEMENTS: dict[str, Rule] = {
    "button": typed(
        "button",
        {"text": parts.plain(limits.BUTTON_TEXT)},
        {
            **_ACTION,
            **_CONFIRM,
            "value": string(most=limits.BUTTON_VALUE),
            "url": string(most=limits.BUTTON_URL),
            "style": _STYLE,
            "accessibility_label": _LABEL,
        },
    ),
    "image": both(
        typed(
            "image",
            {"alt_text": string(most=limits.IMAGE_ALT_TEXT)},
            {"image_url": string(most=limits.IMAGE_URL, least=1), "slack_file": parts.SLACK_FILE},
        ),
        rules.exactly_one_of("image_url", "slack_file"),
    ),
    "overflow": typed(
        "overflow",
        {"options": array(parts.option(link=True), most=limits.OVERFLOW_OPTIONS)},
        {**_ACTION, **_CONFIRM},
    ),
    "datepicker": typed("datepicker", {}, {**_PICK, "initial_date": string(pattern=DATE)}),
    "timepicker": typed("timepicker", {}, {**_PICK, "initial_time": string(pattern=TIME), "timezone": string()}),
    "datetimepicker": typed(
        "datetimepicker",
        {},
        # ten digits, says the reference
        {**_ACTION, **_CONFIRM, **_FOCUS, "initial_date_time": rules.integer(least=10**9, most=10**10 - 1)},
    ),
    "radio_buttons": both(
        typed(
            "radio_buttons",
            {"options": array(parts.option(formatted=True), most=limits.CHOICES)},
            {**_ACTION, **_CONFIRM, **_FOCUS, "initial_option": parts.option(formatted=True)},
        ),
        parts.check_initial_option,
    ),
    "checkboxes": both(
        typed(
            "checkboxes",
            {"options": array(parts.option(formatted=True), most=limits.CHOICES)},
            {
                **_ACTION,
                **_CONFIRM,
                **_FOCUS,
                "initial_options": array(parts.option(formatted=True), most=limits.CHOICES),
            },
        ),
        parts.check_initial_option,
    ),
    "static_select": _static_select("static_select", {"initial_option": parts.option()}),
    "multi_static_select": _static_select(
        "multi_static_select", {**_MOST, "initial_options": array(parts.option(), most=limits.OPTIONS)}
    ),
    "external_select": typed(
        "external_select",
        {},
        {**_PICK, "initial_option": parts.option(), "min_query_length": rules.integer(least=0, most=100)},
    ),
    "multi_external_select": typed(
        "multi_external_select",
        {},
        {
            **_PICK,
            **_MOST,
            "initial_options": array(parts.option(), most=limits.OPTIONS),
            "min_query_length": rules.integer(least=0, most=100),
        },
    ),
    "users_select": _id_select("users_select", "user", many=False),
    "multi_users_select": _id_select("multi_users_select", "user", many=True),
    "channels_select": _id_select("channels_select", "channel", many=False, more=_RESPOND),
    "multi_channels_select": _id_select("multi_channels_select", "channel", many=True),
    "conversations_select": _id_select(
        "conversations_select", "conversation", many=False, more={**_CONVERSATION, **_RESPOND}
    ),
    "multi_conversations_select": _id_select(
        "multi_conversations_select", "conversation", many=True, more=_CONVERSATION
    ),
    "plain_text_input": both(
        typed(
            "plain_text_input",
            {},
            {
                **_TYPE,
                "initial_value": string(most=limits.TEXT_INPUT),
                "multiline": rules.boolean,
                "min_length": rules.integer(least=0, most=limits.TEXT_INPUT),
                "max_length": rules.integer(least=1, most=limits.TEXT_INPUT),
            },
        ),
        _check_lengths,
    ),
    "number_input": both(
        typed(
            "number_input",
            {"is_decimal_allowed": rules.boolean},
            {**_TYPE, **dict.fromkeys(("initial_value", "min_value", "max_value"), string(pattern=NUMBER))},
        ),
        _check_numbers,
    ),
    "email_text_input": typed("email_text_input", {}, {**_TYPE, "initial_value": string(most=limits.TEXT_INPUT)}),
    "url_text_input": typed("url_text_input", {}, {**_TYPE, "initial_value": string(most=limits.TEXT_INPUT)}),
    "rich_text_input": typed(
        "rich_text_input",
        {},
        {
            **_TYPE,
            "initial_value": RICH_TEXT,
            "min_lines": rules.integer(least=1, most=limits.RICH_TEXT_INPUT_LINES),
            "max_lines": rules.integer(least=1, most=limits.RICH_TEXT_INPUT_LINES),
        },
    ),
    "file_input": both(
        typed(
            "file_input",
            {},
            {
                **_ACTION,
                "filetypes": array(string(least=1), most=100),
                "max_files": rules.integer(least=1, most=limits.FILE_INPUT_FILES),
            },
        ),
        _check_surface,
        _require_feature("file_input"),
    ),
    "feedback_buttons": typed(
        "feedback_buttons", {"positive_button": _FEEDBACK, "negative_button": _FEEDBACK}, _ACTION
    ),
    "icon_button": typed(
        "icon_button",
        {"icon": rules.one_of("trash"), "text": parts.plain(limits.BUTTON_TEXT)},
        {
            **_ACTION,
            **_CONFIRM,
            "value": string(most=limits.BUTTON_VALUE),
            "accessibility_label": _LABEL,
            "visible_to_user_ids": _IDS,
        },
    ),
}

_SELECTS: Final = tuple(name for name in ELEMENTS if name.endswith("_select"))
_CHOICES: Final = ("checkboxes", "radio_buttons", "datepicker", "timepicker")

IN_SECTION: Final = ("button", "image", "overflow", *_CHOICES, *_SELECTS)
IN_ACTIONS: Final = ("button", "overflow", "datetimepicker", "rich_text_input", *_CHOICES, *_SELECTS)
IN_INPUT: Final = (
    *_CHOICES,
    *_SELECTS,
    "datetimepicker",
    *(name for name in ELEMENTS if name.endswith("_input")),
)
IN_CONTEXT_ACTIONS: Final = ("feedback_buttons", "icon_button")


def among(names: tuple[str, ...]) -> Rule:
    """Return the rule for an element of one of these types."""
    return rules.by_type({name: ELEMENTS[name] for name in names})


def is_number(text: str) -> bool:
    """Return whether Slack's number input accepts a text."""
    return re.fullmatch(NUMBER, text) is not None
