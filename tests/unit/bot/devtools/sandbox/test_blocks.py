"""The checks of Block Kit: limits, required and unknown keys, ids and surfaces, compared with @slack/types."""

from __future__ import annotations

from typing import Any

import pytest

from bot.devtools.sandbox import limits
from bot.devtools.sandbox.blocks import check
from bot.devtools.sandbox.blocks.elements import ELEMENTS
from bot.devtools.sandbox.blocks.layout import BLOCKS
from bot.devtools.sandbox.blocks.rules import Surface
from bot.devtools.sandbox.errors import ApiError
from tests.support.sandbox_env import actions, button, conforms, field, modal, plain, section

Block = dict[str, Any]


def option(text: str = "One", value: str = "1", **more: Any) -> Block:
    return {"text": plain(text), "value": value, **more}


def options(count: int) -> list[Block]:
    return [option(f"Option {number}", str(number)) for number in range(count)]


CONFIRM: Block = {
    "title": plain("Sure?"),
    "text": {"type": "mrkdwn", "text": "Really?"},
    "confirm": plain("Yes"),
    "deny": plain("No"),
    "style": "danger",
}
RICH: Block = {
    "type": "rich_text",
    "elements": [
        {
            "type": "rich_text_section",
            "elements": [
                {"type": "text", "text": "Hello ", "style": {"bold": True}},
                {"type": "user", "user_id": "U1"},
                {"type": "usergroup", "usergroup_id": "S1"},
                {"type": "channel", "channel_id": "C1"},
                {"type": "link", "url": "https://example.com", "text": "here"},
                {"type": "emoji", "name": "wave"},
                {"type": "broadcast", "range": "here"},
                {"type": "date", "timestamp": 1700000000, "format": "{date}", "fallback": "then"},
                {"type": "color", "value": "#ff0000"},
                {"type": "team", "team_id": "T1"},
            ],
        },
        {
            "type": "rich_text_list",
            "style": "bullet",
            "indent": 1,
            "border": 0,
            "elements": [{"type": "rich_text_section", "elements": [{"type": "text", "text": "item"}]}],
        },
        {"type": "rich_text_quote", "elements": [{"type": "text", "text": "quoted"}]},
        {"type": "rich_text_preformatted", "border": 1, "elements": [{"type": "text", "text": "code"}]},
    ],
}
PICKER_KEYS: Block = {"action_id": "value", "confirm": CONFIRM, "focus_on_load": True}
PLACEHOLDER_KEY: Block = {"placeholder": plain("Pick")}
DISPATCH_KEYS: Block = {"dispatch_action_config": {"trigger_actions_on": ["on_enter_pressed"]}}
FULL: dict[str, Block] = {
    "button": {
        **button(value="v", url="https://example.com", style="primary"),
        "accessibility_label": "a",
        "confirm": CONFIRM,
    },
    "image": {"type": "image", "alt_text": "a", "image_url": "https://example.com/a.png"},
    "overflow": {"type": "overflow", "options": [option(url="https://example.com")], "confirm": CONFIRM},
    "datepicker": {"type": "datepicker", **PICKER_KEYS, **PLACEHOLDER_KEY, "initial_date": "2026-03-02"},
    "timepicker": {
        "type": "timepicker",
        **PICKER_KEYS,
        **PLACEHOLDER_KEY,
        "initial_time": "09:30",
        "timezone": "Europe/Berlin",
    },
    "datetimepicker": {"type": "datetimepicker", **PICKER_KEYS, "initial_date_time": 1700000000},
    "radio_buttons": {"type": "radio_buttons", **PICKER_KEYS, "options": options(2), "initial_option": options(2)[1]},
    "checkboxes": {
        "type": "checkboxes",
        **PICKER_KEYS,
        "options": [{"text": {"type": "mrkdwn", "text": "*a*"}, "value": "a", "description": plain("d")}],
        "initial_options": [{"text": {"type": "mrkdwn", "text": "*a*"}, "value": "a", "description": plain("d")}],
    },
    "static_select": {
        "type": "static_select",
        **PICKER_KEYS,
        **PLACEHOLDER_KEY,
        "options": options(2),
        "initial_option": options(2)[0],
    },
    "multi_static_select": {
        "type": "multi_static_select",
        **PICKER_KEYS,
        **PLACEHOLDER_KEY,
        "option_groups": [{"label": plain("Group"), "options": options(2)}],
        "initial_options": options(2),
        "max_selected_items": 2,
    },
    "external_select": {
        "type": "external_select",
        **PICKER_KEYS,
        **PLACEHOLDER_KEY,
        "initial_option": option(),
        "min_query_length": 1,
    },
    "multi_external_select": {
        "type": "multi_external_select",
        **PICKER_KEYS,
        **PLACEHOLDER_KEY,
        "initial_options": [option()],
        "min_query_length": 1,
        "max_selected_items": 1,
    },
    "users_select": {"type": "users_select", **PICKER_KEYS, **PLACEHOLDER_KEY, "initial_user": "U1"},
    "multi_users_select": {
        "type": "multi_users_select",
        **PICKER_KEYS,
        **PLACEHOLDER_KEY,
        "initial_users": ["U1"],
        "max_selected_items": 1,
    },
    "channels_select": {
        "type": "channels_select",
        **PICKER_KEYS,
        **PLACEHOLDER_KEY,
        "initial_channel": "C1",
        "response_url_enabled": True,
    },
    "multi_channels_select": {
        "type": "multi_channels_select",
        **PICKER_KEYS,
        **PLACEHOLDER_KEY,
        "initial_channels": ["C1"],
    },
    "conversations_select": {
        "type": "conversations_select",
        **PICKER_KEYS,
        **PLACEHOLDER_KEY,
        "initial_conversation": "C1",
        "default_to_current_conversation": True,
        "filter": {"include": ["im"], "exclude_bot_users": True},
    },
    "multi_conversations_select": {
        "type": "multi_conversations_select",
        **PICKER_KEYS,
        **PLACEHOLDER_KEY,
        "initial_conversations": ["C1"],
    },
    "plain_text_input": {
        "type": "plain_text_input",
        "action_id": "value",
        **PLACEHOLDER_KEY,
        **DISPATCH_KEYS,
        "focus_on_load": True,
        "initial_value": "abc",
        "multiline": True,
        "min_length": 1,
        "max_length": 10,
    },
    "number_input": {
        "type": "number_input",
        **PLACEHOLDER_KEY,
        **DISPATCH_KEYS,
        "is_decimal_allowed": True,
        "initial_value": "1.5",
        "min_value": "-1",
        "max_value": "2",
    },
    "email_text_input": {
        "type": "email_text_input",
        **PLACEHOLDER_KEY,
        **DISPATCH_KEYS,
        "initial_value": "a@example.com",
    },
    "url_text_input": {
        "type": "url_text_input",
        **PLACEHOLDER_KEY,
        **DISPATCH_KEYS,
        "initial_value": "https://example.com",
    },
    "rich_text_input": {
        "type": "rich_text_input",
        **PLACEHOLDER_KEY,
        **DISPATCH_KEYS,
        "initial_value": RICH,
        "min_lines": 1,
        "max_lines": 9,
    },
    "file_input": {"type": "file_input", "action_id": "value", "filetypes": ["yaml"], "max_files": 1},
    "feedback_buttons": {
        "type": "feedback_buttons",
        "positive_button": {"text": plain("Good"), "value": "1"},
        "negative_button": {"text": plain("Bad"), "value": "0", "accessibility_label": "bad"},
    },
    "icon_button": {
        "type": "icon_button",
        "icon": "trash",
        "text": plain("Delete"),
        "value": "v",
        "visible_to_user_ids": ["U1"],
    },
}
NOT_IN_INPUTS = {"button", "image", "overflow", "feedback_buttons", "icon_button"}
TABLE: Block = {
    "type": "table",
    "rows": [[{"type": "raw_text", "text": "a"}, {"type": "raw_number", "value": 1, "text": "1"}, RICH]],
    "column_settings": [{"align": "right", "is_wrapped": True}],
}


def problem_texts(blocks: Any, surface: Surface = "message") -> list[str]:
    return [str(problem) for problem in check.check_blocks(blocks, surface=surface).problems]


def wrap_element(element: Block) -> tuple[list[Block], Surface]:
    """Return blocks with the element where it is allowed, and their surface."""
    kind = element["type"]
    if kind in ("feedback_buttons", "icon_button"):
        return [{"type": "context_actions", "elements": [element]}], "message"
    if kind == "image":
        return [{"type": "context", "elements": [element]}], "message"
    if kind in NOT_IN_INPUTS:
        return [actions(element)], "message"
    return [field(element)], "modal"


def test_the_table_of_full_examples_has_every_element() -> None:
    assert set(FULL) == set(ELEMENTS)


@pytest.mark.parametrize("kind", sorted(FULL))
def test_an_element_with_all_its_keys_is_accepted_as_the_official_types_say(kind: str) -> None:
    blocks, surface = wrap_element(FULL[kind])
    assert problem_texts(blocks, surface) == []
    if surface == "message":
        conforms(blocks, "AMessageBlocks")
    else:
        conforms(modal(*blocks), "AModal")


@pytest.mark.parametrize("kind", sorted(FULL))
def test_an_element_with_a_key_that_is_unknown_is_rejected(kind: str) -> None:
    blocks, surface = wrap_element({**FULL[kind], "colour": "red"})
    assert [block.split(" [")[0] for block in problem_texts(blocks, surface)] == ["invalid additional property: colour"]


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        ("button", "text"),
        ("image", "alt_text"),
        ("image", "image_url"),
        ("overflow", "options"),
        ("radio_buttons", "options"),
        ("checkboxes", "options"),
        ("static_select", "options"),
        ("multi_static_select", "option_groups"),
        ("number_input", "is_decimal_allowed"),
        ("feedback_buttons", "positive_button"),
        ("icon_button", "icon"),
    ],
)
def test_an_element_without_a_required_key_is_rejected(kind: str, key: str) -> None:
    blocks, surface = wrap_element({name: value for name, value in FULL[kind].items() if name != key})
    assert problem_texts(blocks, surface) != []


def text_of_length(length: int) -> str:
    return "x" * length


def with_options(kind: str, count: int) -> list[Block]:
    return [field({"type": kind, "options": options(count)})]


def option_with(text: int = 1, value: int = 1, description: int = 1) -> list[Block]:
    full_option = option(text_of_length(text), text_of_length(value), description=plain(text_of_length(description)))
    return [field({"type": "static_select", "options": [full_option]})]


def confirm_with(**lengths: int) -> list[Block]:
    changed = {name: plain(text_of_length(length)) for name, length in lengths.items()}
    return [actions(button(confirm={**CONFIRM, **changed}))]


MESSAGE_LIMITS: dict[str, tuple[int, Any]] = {
    "blocks": (limits.BLOCKS_PER_MESSAGE, lambda n: [{"type": "divider"}] * n),
    "section text": (limits.SECTION_TEXT, lambda n: [section(text_of_length(n))]),
    "section fields": (10, lambda n: [{"type": "section", "fields": [plain("x")] * n}]),
    "field text": (limits.SECTION_FIELD_TEXT, lambda n: [{"type": "section", "fields": [plain(text_of_length(n))]}]),
    "header": (limits.HEADER_TEXT, lambda n: [{"type": "header", "text": plain(text_of_length(n))}]),
    "markdown": (limits.MARKDOWN_TEXT, lambda n: [{"type": "markdown", "text": text_of_length(n)}]),
    "markdown together": (
        limits.MARKDOWN_TEXT,
        lambda n: [
            {"type": "markdown", "text": text_of_length(n - 5)},
            {"type": "markdown", "text": text_of_length(5)},
        ],
    ),
    "actions": (25, lambda n: [actions(*(button(action_id=str(number)) for number in range(n)))]),
    "context": (10, lambda n: [{"type": "context", "elements": [plain("x")] * n}]),
    "context actions": (
        5,
        lambda n: [
            {
                "type": "context_actions",
                "elements": [{**FULL["icon_button"], "action_id": str(item)} for item in range(n)],
            }
        ],
    ),
    "button text": (75, lambda n: [actions(button(text_of_length(n)))]),
    "button value": (2000, lambda n: [actions(button(value=text_of_length(n)))]),
    "button url": (3000, lambda n: [actions(button(url=text_of_length(n)))]),
    "accessibility label": (75, lambda n: [actions(button(accessibility_label=text_of_length(n)))]),
    "action_id": (255, lambda n: [actions(button(action_id=text_of_length(n)))]),
    "block_id": (255, lambda n: [actions(button(), block_id=text_of_length(n))]),
    "confirm title": (100, lambda n: confirm_with(title=n)),
    "confirm text": (300, lambda n: confirm_with(text=n)),
    "confirm button": (30, lambda n: confirm_with(confirm=n)),
    "deny button": (30, lambda n: confirm_with(deny=n)),
    "overflow": (5, lambda n: [actions({"type": "overflow", "options": options(n)})]),
    "table rows": (100, lambda n: [{"type": "table", "rows": [[{"type": "raw_text", "text": "x"}]] * n}]),
    "table cells": (20, lambda n: [{"type": "table", "rows": [[{"type": "raw_text", "text": "x"}] * n]}]),
    "tables": (1, lambda n: [TABLE] * n),
    "image alt": (2000, lambda n: [{"type": "image", "alt_text": text_of_length(n), "image_url": "https://e.com"}]),
    "image url": (3000, lambda n: [{"type": "image", "alt_text": "x", "image_url": text_of_length(n)}]),
    "image title": (
        2000,
        lambda n: [{"type": "image", "alt_text": "x", "image_url": "x", "title": plain(text_of_length(n))}],
    ),
}
MODAL_LIMITS: dict[str, tuple[int, Any]] = {
    "blocks": (limits.BLOCKS_PER_VIEW, lambda n: [{"type": "divider"}] * n),
    "label": (2000, lambda n: [field({"type": "plain_text_input"}, label=text_of_length(n))]),
    "hint": (2000, lambda n: [field({"type": "plain_text_input"}, hint=plain(text_of_length(n)))]),
    "placeholder": (150, lambda n: [field({"type": "plain_text_input", "placeholder": plain(text_of_length(n))})]),
    "max_length": (3000, lambda n: [field({"type": "plain_text_input", "max_length": n})]),
    "min_length": (3000, lambda n: [field({"type": "plain_text_input", "min_length": n})]),
    "initial text": (3000, lambda n: [field({"type": "plain_text_input", "initial_value": text_of_length(n)})]),
    "options": (100, lambda n: with_options("static_select", n)),
    "radio buttons": (10, lambda n: with_options("radio_buttons", n)),
    "checkboxes": (10, lambda n: with_options("checkboxes", n)),
    "option text": (75, lambda n: option_with(text=n)),
    "option value": (150, lambda n: option_with(value=n)),
    "option description": (75, lambda n: option_with(description=n)),
    "option groups": (
        100,
        lambda n: [
            field({"type": "static_select", "option_groups": [{"label": plain("g"), "options": options(1)}] * n})
        ],
    ),
    "option group label": (
        75,
        lambda n: [
            field(
                {"type": "static_select", "option_groups": [{"label": plain(text_of_length(n)), "options": options(1)}]}
            )
        ],
    ),
    "files": (10, lambda n: [field({"type": "file_input", "max_files": n})]),
    "rich text lines": (100, lambda n: [field({"type": "rich_text_input", "max_lines": n})]),
}
ALL_LIMITS = [("message", name) for name in MESSAGE_LIMITS] + [("modal", name) for name in MODAL_LIMITS]


@pytest.mark.parametrize(("surface", "name"), ALL_LIMITS)
def test_a_value_at_a_limit_is_accepted_and_a_larger_one_is_rejected(surface: Surface, name: str) -> None:
    limit, build = (MESSAGE_LIMITS if surface == "message" else MODAL_LIMITS)[name]
    assert problem_texts(build(limit), surface) == []
    assert problem_texts(build(limit + 1), surface) != []


VIEW_LIMITS: dict[str, tuple[int, Any]] = {
    "title": (24, lambda n: modal(title=plain(text_of_length(n)))),
    "submit": (24, lambda n: modal(submit=plain(text_of_length(n)))),
    "close": (24, lambda n: modal(close=plain(text_of_length(n)))),
    "private_metadata": (3000, lambda n: modal(private_metadata=text_of_length(n))),
    "callback_id": (255, lambda n: modal(callback_id=text_of_length(n))),
    "external_id": (255, lambda n: modal(external_id=text_of_length(n))),
}


@pytest.mark.parametrize("name", sorted(VIEW_LIMITS))
def test_a_value_of_a_view_at_a_limit_is_accepted_and_a_larger_one_is_rejected(name: str) -> None:
    limit, build = VIEW_LIMITS[name]
    assert check.check_view(build(limit), kind="modal").problems == []
    assert check.check_view(build(limit + 1), kind="modal").problems != []


def test_the_text_of_all_blocks_together_is_limited() -> None:
    blocks = [section(text_of_length(3000))] * 4
    check.require_message_blocks(blocks)
    with pytest.raises(ApiError, match="msg_blocks_too_long"):
        check.require_message_blocks([*blocks, section("x")])


def test_a_view_of_more_than_250_kilobytes_is_too_large() -> None:
    view = modal(*[section("é" * 1500)] * 90)
    with pytest.raises(ApiError, match="view_too_large"):
        check.require_view(view, kinds=("modal",), scopes=())


@pytest.mark.parametrize(
    "kind",
    ["header", "button", "label", "placeholder", "option", "modal title"],
)
def test_mrkdwn_is_rejected_where_only_plain_text_may_stand(kind: str) -> None:
    mrkdwn = {"type": "mrkdwn", "text": "*x*"}
    view: dict[str, Any] = {
        "header": modal({"type": "header", "text": mrkdwn}),
        "button": modal(actions(button(text="x") | {"text": mrkdwn})),
        "label": modal({**field({"type": "plain_text_input"}), "label": mrkdwn}),
        "placeholder": modal(field({"type": "plain_text_input", "placeholder": mrkdwn})),
        "option": modal(field({"type": "static_select", "options": [{"text": mrkdwn, "value": "1"}]})),
        "modal title": modal(title=mrkdwn),
    }[kind]
    assert check.check_view(view, kind="modal").problems != []


@pytest.mark.parametrize(
    ("blocks", "sentence"),
    [
        ([section("")], "must be more than 0 characters [json-pointer:/blocks/0/text/text]"),
        ([{"type": "section"}], "must define either `text` or `fields` [json-pointer:/blocks/0]"),
        ([{"type": "sektion"}], "unsupported type: sektion [json-pointer:/blocks/0/type]"),
        ([{}], "missing required field: type [json-pointer:/blocks/0]"),
        ([actions()], "no fewer than 1 items allowed [json-pointer:/blocks/0/elements]"),
        ([field({"type": "plain_text_input"})], "unsupported type: input [json-pointer:/blocks/0/type]"),
        (
            [actions(button(), button("Other"))],
            "`action_id` approve already exists [json-pointer:/blocks/0/elements/1/action_id]",
        ),
        (
            [actions(button()), actions(button())],
            "`block_id` actions already exists [json-pointer:/blocks/1/block_id]",
        ),
        ([section("x" * 3001)], "must be less than 3001 characters [json-pointer:/blocks/0/text/text]"),
        ([{"type": "section", "text": "x"}], "must provide an object [json-pointer:/blocks/0/text]"),
        (
            [actions(button(style="green"))],
            "must be a valid enum value [json-pointer:/blocks/0/elements/0/style]",
        ),
        (
            [section() | {"accessory": {"type": "plain_text_input"}}],
            "unsupported type: plain_text_input [json-pointer:/blocks/0/accessory/type]",
        ),
        (
            [{"type": "file", "external_id": "x", "source": "remote"}],
            "unsupported type: file [json-pointer:/blocks/0/type]",
        ),
        (
            [{"type": "section", "text": {**plain("x"), "verbatim": True}}],
            "invalid additional property: verbatim [json-pointer:/blocks/0/text]",
        ),
    ],
)
def test_a_problem_is_worded_and_pointed_at_as_slack_does(blocks: list[Block], sentence: str) -> None:
    assert problem_texts(blocks) == [sentence]


@pytest.mark.parametrize("kind", sorted(set(BLOCKS) - {"file", "input"}))
def test_a_block_of_each_type_conforms_to_the_official_types(kind: str) -> None:
    examples: dict[str, Block] = {
        "section": section() | {"block_id": "b", "expand": True, "accessory": FULL["static_select"]},
        "header": {"type": "header", "text": {**plain("x"), "emoji": True}},
        "divider": {"type": "divider"},
        "context": {"type": "context", "elements": [{"type": "mrkdwn", "text": "x", "verbatim": True}, FULL["image"]]},
        "actions": actions(button(), FULL["datepicker"]),
        "context_actions": {"type": "context_actions", "elements": [FULL["feedback_buttons"]]},
        "image": {"type": "image", "alt_text": "x", "slack_file": {"id": "F1"}, "title": plain("x")},
        "markdown": {"type": "markdown", "text": "**x**"},
        "rich_text": RICH,
        "table": TABLE,
    }
    assert problem_texts([examples[kind]]) == []
    conforms([examples[kind]], "AMessageBlocks")


@pytest.mark.parametrize("kind", ["markdown", "table", "context_actions"])
def test_blocks_for_messages_only_are_rejected_in_modals(kind: str) -> None:
    examples: dict[str, Block] = {
        "markdown": {"type": "markdown", "text": "x"},
        "table": TABLE,
        "context_actions": {"type": "context_actions", "elements": [FULL["icon_button"]]},
    }
    assert problem_texts([examples[kind]]) == []
    assert problem_texts([examples[kind]], "modal") == [f"unsupported type: {kind} [json-pointer:/blocks/0/type]"]


def test_a_file_input_stands_in_modals_only() -> None:
    blocks = [field({"type": "file_input"})]
    assert problem_texts(blocks, "modal") == []
    assert problem_texts(blocks, "home") != []


def test_a_modal_with_an_input_needs_a_submit_button() -> None:
    view = modal(field({"type": "plain_text_input"}))
    del view["submit"]
    assert [str(problem) for problem in check.check_view(view, kind="modal").problems] == [
        "missing required field: submit [json-pointer:/view]"
    ]
    assert check.check_view({**view, "blocks": [section()]}, kind="modal").problems == []


def test_a_home_view_has_no_title_and_may_be_empty() -> None:
    home = {"type": "home", "blocks": []}
    assert check.check_view(home, kind="home").problems == []
    conforms(home, "AHome")
    assert check.check_view({**home, "title": plain("x")}, kind="home").problems != []


def test_only_one_element_of_a_view_has_the_focus() -> None:
    block = field({"type": "plain_text_input", "focus_on_load": True}, block_id="one")
    assert problem_texts([block], "modal") == []
    assert problem_texts([block, {**block, "block_id": "two"}], "modal") != []


def test_an_initial_option_must_be_one_of_those_offered() -> None:
    for kind in ("static_select", "radio_buttons"):
        element = {"type": kind, "options": options(2), "initial_option": option("Other")}
        assert problem_texts([field(element)], "modal") != []


def test_a_whole_number_input_takes_no_decimals() -> None:
    element = {"type": "number_input", "is_decimal_allowed": False, "initial_value": "1.5"}
    assert problem_texts([field(element)], "modal") != []
    assert problem_texts([field({**element, "initial_value": "1"})], "modal") == []
    assert problem_texts([field({**element, "initial_value": "one"})], "modal") != []


def test_a_minimum_over_the_maximum_length_is_rejected() -> None:
    assert problem_texts([field({"type": "plain_text_input", "min_length": 5, "max_length": 4})], "modal") != []


def test_a_file_input_needs_the_scope_for_files() -> None:
    view = modal(field({"type": "file_input"}))
    check.require_view(view, kinds=("modal",), scopes=("files:read",))
    with pytest.raises(ApiError, match="missing_scope"):
        check.require_view(view, kinds=("modal",), scopes=("chat:write",))


@pytest.mark.parametrize(
    "element",
    [
        {"type": "button", "text": plain("x"), "value": 1},
        {"type": "button", "text": plain("x"), "action_id": ""},
        {"type": "datepicker", "initial_date": "2 March"},
        {"type": "timepicker", "initial_time": "25:00"},
        {"type": "datetimepicker", "initial_date_time": "1700000000"},
        {"type": "datetimepicker", "initial_date_time": 1},
        {"type": "datetimepicker", "initial_date_time": True},
        {"type": "static_select", "options": []},
        {"type": "static_select", "options": {}},
        {"type": "static_select", "options": [option()], "option_groups": []},
        {"type": "multi_users_select", "max_selected_items": 0},
        {"type": "multi_static_select", "options": [option()], "initial_options": [option("Two", "2")]},
        {"type": "users_select", "focus_on_load": "yes"},
        {"type": "overflow", "options": [option(), {**option(), "url": 1}]},
        {"type": "image", "alt_text": "x"},
        {"type": "image", "alt_text": "x", "image_url": "https://e.com", "slack_file": {"id": "F1"}},
        {"type": "image", "alt_text": "x", "slack_file": {}},
        {"type": 1},
        "button",
    ],
)
def test_a_value_of_the_wrong_kind_is_rejected(element: Any) -> None:
    kind = element["type"] if isinstance(element, dict) else element
    holder: Block = {"type": "context", "elements": [element]} if kind == "image" else actions(element)
    assert problem_texts([holder]) != []


def test_blocks_that_are_no_list_are_rejected() -> None:
    assert problem_texts({}) == ["must provide an array [json-pointer:/blocks]"]
    assert problem_texts(["x"]) == ["must provide an object [json-pointer:/blocks/0]"]
    with pytest.raises(ApiError, match="invalid_blocks_format"):
        check.require_message_blocks({"type": "divider"})


def test_an_element_stands_only_in_blocks_that_take_it() -> None:
    assert problem_texts([actions(FULL["plain_text_input"])]) != []
    assert problem_texts([actions(FULL["image"])]) != []
    assert problem_texts([field(FULL["button"])], "modal") != []
    assert problem_texts([{**section(), "accessory": FULL["datetimepicker"]}]) != []
    assert problem_texts([{"type": "context", "elements": [FULL["button"]]}]) != []
    assert problem_texts([{"type": "context_actions", "elements": [FULL["button"]]}]) != []
