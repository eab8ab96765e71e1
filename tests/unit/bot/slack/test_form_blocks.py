"""The edit form and the run form, and the values that people submit."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.slack import ids, request_modals, start_modal, text_objects, view_state
from bot.slack.ids import ModalRef
from bot.slack.text_objects import View
from engine import json_values
from engine.domain import InvalidEdits, ReasonRequired
from engine.json_values import Value
from engine.read_models import RequestView
from engine.workflowfile import Workflow
from tests.support import samples, slack_rules
from tests.support.copies import replace_fields
from tests.support.examples import example_count

REF = ids.Ref(request="req1", content_version=1, digest=samples.DIGEST, delivery="d1")
METADATA = ModalRef(ref=REF, channel="D1", message_ts="1.2", response_url="https://hooks.slack.com/actions/1")


def check_view(view: View) -> View:
    assert slack_rules.problems_of_view(view) == []
    return view


def open_edit_form(request: RequestView) -> View:
    return check_view(request_modals.edit(request, metadata=METADATA))


def read_edits(values: Any, request: RequestView) -> tuple[dict[str, Value], dict[str, str]]:
    return view_state.read_edits(values, request.model.editable, request.model.content.value)


def find_block(values: dict[str, Any], name: str, part: str = "") -> str:
    (block_id,) = [block for block in values if ids.read_field_block(block) == (ids.field_key(name), part)]
    return block_id


def submit_edit(
    request: RequestView, name: str, part: str = "", **input_state: Any
) -> tuple[dict[str, Value], dict[str, str]]:
    """Submit the edit form with one changed input, and return the edits and the errors."""
    values = slack_rules.untouched_state(open_edit_form(request))
    values[find_block(values, name, part)][ids.INPUT].update(input_state)
    return read_edits(values, request)


def find_option(request: RequestView, name: str, label: str) -> dict[str, Any]:
    """Return the option with the label, as the form offers it."""
    for block in open_edit_form(request)["blocks"]:
        for option in block.get("element", {}).get("options", []):
            if option["text"]["text"] == label and ids.read_field_block(block["block_id"]) == (
                ids.field_key(name),
                "",
            ):
                return dict(option)
    raise KeyError(label)


# -- round trips --------------------------------------------------------------------------------------------


@settings(max_examples=example_count(100), deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(samples.FIELDS)), samples.VALUES, max_size=8), samples.ANY)
def test_an_untouched_form_changes_nothing(values: dict[str, Value], confirm: str) -> None:
    request = samples.request(
        {name: (samples.FIELDS[name], value) for name, value in values.items()},
        confirm=confirm or None,
        title=confirm,
        approve_label=confirm,
        reason_required=ReasonRequired.ALWAYS,
    )
    assert read_edits(slack_rules.untouched_state(open_edit_form(request)), request) == ({}, {})
    check_view(request_modals.reject(request, metadata=METADATA))
    check_view(request_modals.approve(request, metadata=METADATA))


@settings(max_examples=example_count(15), deadline=None)
@given(st.lists(st.tuples(st.sampled_from(sorted(samples.FIELDS)), samples.VALUES), min_size=100, max_size=100))
def test_a_form_of_a_hundred_fields_names_the_fields_that_do_not_fit(typed_values: list[tuple[str, Value]]) -> None:
    request = samples.request(
        {f"{name} {index}": (samples.FIELDS[name], value) for index, (name, value) in enumerate(typed_values)}
    )
    view = open_edit_form(request)
    assert any("There is no more room in this form." in text for text in slack_rules.texts(view))
    assert read_edits(slack_rules.untouched_state(view), request) == ({}, {})


def test_fields_that_would_make_the_form_too_large_are_left_out() -> None:
    request = samples.request({f"f{number}": ("long_text", "\N{SNOWMAN}" * 14_000) for number in range(18)})
    view = open_edit_form(request)
    assert any("Not here: F" in text for text in slack_rules.texts(view))


EDITS: list[tuple[object, Value, str, dict[str, Any], Value]] = [
    ("text", "Hello", "", {"value": "Good day"}, "Good day"),
    ({"type": "text", "required": False}, "Hello", "", {"value": None}, None),
    ({"type": "text", "required": False, "blank": "keep"}, "Hello", "", {"value": None}, ""),
    ("long_text", "Hello", "", {"value": "a\r\nb"}, "a\nb"),
    ("number", Decimal("1.5"), "", {"value": "2.25"}, Decimal("2.25")),
    ("number", "abc", "", {"value": "7"}, 7),
    ("integer", 3, "", {"value": "4"}, 4),
    ("money", {"amount": "12.50", "currency": "EUR"}, "amount", {"value": "13"}, {"amount": "13", "currency": "EUR"}),
    (
        "money",
        {"amount": "12.50", "currency": "EUR"},
        "currency",
        {"value": "usd"},
        {"amount": "12.50", "currency": "USD"},
    ),
    ({"type": "money", "currency": "EUR"}, None, "amount", {"value": "9.9"}, {"amount": "9.9", "currency": "EUR"}),
    ({"type": "money", "required": False}, {"amount": "1", "currency": "EUR"}, "amount", {"value": None}, None),
    ("money", "much", "", {"value": "5 EUR"}, {"amount": "5", "currency": "EUR"}),
    ("boolean", True, "", {"selected_option": {"value": "no"}}, False),
    ("date", "2026-03-04", "", {"selected_date": "2026-03-05"}, "2026-03-05"),
    ("datetime", "2026-03-04T09:30:00Z", "", {"selected_date_time": 1_800_000_000}, "2027-01-15T08:00:00Z"),
    ({"type": "datetime", "required": False}, "2026-03-04T09:30:00Z", "", {"selected_date_time": None}, None),
    ("datetime", "2026-03-04T09:30:00.5Z", "", {"value": "2026-03-05 10:00 UTC"}, "2026-03-05T10:00:00Z"),
    ("email", "sam@example.com", "", {"value": "lee@example.com"}, "lee@example.com"),
    ("url", "https://example.com", "", {"value": "https://example.com/b"}, "https://example.com/b"),
    ("person", "U012AB3CD", "", {"selected_user": "U099"}, "U099"),
    ("person", "sam@example.com", "", {"value": "lee@example.com"}, "lee@example.com"),
    ("json", {"a": 1}, "", {"value": '{"a": 2}'}, {"a": 2}),
    ("json", None, "", {"value": "[1]"}, [1]),
]


@pytest.mark.parametrize(("declaration", "before", "part", "input_state", "after"), EDITS)
def test_an_edited_field_comes_back_as_its_type(
    declaration: object, before: Value, part: str, input_state: dict[str, Any], after: Value
) -> None:
    edits, errors = submit_edit(samples.request({"x": (declaration, before)}), "x", part, **input_state)
    assert errors == {}
    assert json_values.canonical(edits["x"]) == json_values.canonical(after)


def test_options_come_back_as_the_values_they_stand_for() -> None:
    fields = {"one": samples.FIELDS["choice"], "some": samples.FIELDS["choices"]}
    request = samples.request({"one": (fields["one"], "red"), "some": (fields["some"], ["green", "red"])})
    long = find_option(request, "one", "3. " + "B" * 71 + "…")
    assert submit_edit(request, "one", selected_option=long) == ({"one": "b" * 200}, {})
    picked = [long, find_option(request, "some", "1. red"), find_option(request, "some", "2. green")]
    assert submit_edit(request, "some", selected_options=picked) == ({"some": ["green", "red", "b" * 200]}, {})
    assert "choices" not in submit_edit(request, "some", selected_options=picked[1:])[0]


def test_options_that_are_too_long_for_slack_stand_in_full_above_the_input() -> None:
    region = "Cost centre 4711 of the northern region, department of sales and marketing, team"
    options = [{"value": "a", "label": f"{region} A"}, {"value": "b", "label": f"{region} B"}]
    for kind in "choice", "choices":
        request = samples.request({"centre": ({"type": kind, "options": options}, None)})
        view = open_edit_form(request)
        (input_index,) = [index for index, block in enumerate(view["blocks"]) if block["type"] == "input"]
        assert view["blocks"][input_index - 1]["text"]["text"] == f"1. {region} A\n2. {region} B"
        second_option = find_option(request, "centre", f"2. {region}"[:74] + "…")
        input_state = {"selected_option": second_option} if kind == "choice" else {"selected_options": [second_option]}
        assert submit_edit(request, "centre", **input_state)[0] == {"centre": "b" if kind == "choice" else ["b"]}


@given(st.lists(st.text(st.characters(categories=("L", "N", "P", "S")), min_size=1, max_size=300), max_size=100))
@settings(max_examples=example_count(30), deadline=None)
def test_every_option_can_be_read_in_full_somewhere(labels: list[str]) -> None:
    options = [{"value": f"v{number}", "label": f"{label} {number}"} for number, label in enumerate(["x", *labels])]
    request = samples.request({"c": ({"type": "choice", "options": options, "required": False}, None)})
    view = open_edit_form(request)
    view_text = " ".join(" ".join(slack_rules.texts(view)).split())
    for declared_option in options:
        assert " ".join(text_objects.line(declared_option["label"]).split()) in view_text


def test_a_value_that_is_no_option_is_kept_until_another_option_is_chosen() -> None:
    request = samples.request({"c": (samples.FIELDS["choice"], "gone"), "s": (samples.FIELDS["choices"], ["gone"])})
    view = open_edit_form(request)
    assert sum("gone now" in text for text in slack_rules.texts(view)) == 2
    assert read_edits(slack_rules.untouched_state(view), request) == ({}, {})
    red = find_option(request, "s", "1. red")
    assert submit_edit(request, "s", selected_options=[red]) == ({"s": ["red"]}, {})


def test_an_equal_number_is_no_edit() -> None:
    money: Value = {"amount": "12.50", "currency": "EUR"}
    request = samples.request({"n": ("number", Decimal("12.50")), "m": ("money", money)})
    assert submit_edit(request, "n", value="12.5") == ({}, {})
    assert submit_edit(request, "m", "amount", value="12.5") == ({}, {})
    assert submit_edit(request, "m", "currency", value="eur") == ({}, {})


def test_a_change_by_the_browser_is_no_edit() -> None:
    request = samples.request({"body": ("long_text", " one\r\ntwo\x07\n")})
    assert submit_edit(request, "body", value="one\ntwo") == ({}, {})


# -- long texts ---------------------------------------------------------------------------------------------

LONG = "".join(f"Line {number} of a long letter.\n" for number in range(400))


def test_a_long_text_is_edited_in_parts_that_are_joined_again() -> None:
    request = samples.request({"body": ("long_text", LONG)})
    parts = [
        block["element"]["initial_value"] for block in open_edit_form(request)["blocks"] if block["type"] == "input"
    ]
    assert len(parts) > 1
    assert "".join(parts) == LONG
    edits, errors = submit_edit(request, "body", "2", value="New.")
    assert errors == {}
    assert edits == {"body": parts[0] + "New.\n" + "".join(parts[2:])}
    assert submit_edit(request, "body", "1", value=None)[0] == {"body": "".join(parts[1:])}
    last = str(len(parts))
    assert submit_edit(request, "body", last, value="End")[0] == {"body": "".join(parts[:-1]) + "End"}


def test_a_part_that_slack_does_not_send_counts_as_untouched() -> None:
    request = samples.request({"body": ("long_text", LONG)})
    values = slack_rules.untouched_state(open_edit_form(request))
    del values[find_block(values, "body", "1")]
    assert read_edits(values, request) == ({}, {})
    values[find_block(values, "body", "2")][ids.INPUT]["value"] = "New.\n"
    assert str(read_edits(values, request)[0]["body"]).startswith("Line 0 of a long letter.\n")
    values[find_block(values, "body", "2")][ids.INPUT] = {"type": "checkboxes", "selected_options": [{"value": "odd"}]}
    assert "body" in read_edits(values, request)[0]


def test_a_text_too_long_for_five_inputs_says_so() -> None:
    view = open_edit_form(samples.request({"body": ({"type": "long_text", "label": "Letter"}, "x" * 15_001)}))
    assert any(
        "Too long for a form in Slack (over 15,000 characters): Letter." in text for text in slack_rules.texts(view)
    )
    assert any("Submit the form to approve it as it is." in text for text in slack_rules.texts(view))
    assert view["submit"]["text"] == "Pay it"
    assert "on the web" not in str(view)


@pytest.mark.parametrize("is_form", [False, True])
def test_what_slack_cannot_edit_has_a_link_to_the_pages_where_there_are_pages(is_form: bool) -> None:
    request = samples.request({"body": ({"type": "long_text", "label": "Letter"}, None if is_form else "x" * 15_001)})
    if is_form:
        subject = replace_fields(request.model.subject, uses="form")
        request = samples.request({f"f{number}": ("text", None) for number in range(120)}, subject=subject)
    view = check_view(request_modals.edit(request, metadata=METADATA, inbox="https://signoff.example.com/inbox"))
    text = " ".join(slack_rules.texts(view))
    assert "on the web" in text
    assert "Sign in there with your email address." in text
    assert "https://signoff.example.com/inbox" in str(view)


def test_a_form_has_the_words_of_the_card_for_fields_without_a_label() -> None:
    view = open_edit_form(samples.request({"order_id": ("text", "A-1007")}))
    assert "Order ID" in [block["label"]["text"] for block in view["blocks"] if block["type"] == "input"]


def test_the_form_has_the_title_of_the_approve_button_and_says_who_reads_the_reason() -> None:
    request = samples.request(reason_required=ReasonRequired.ALWAYS)
    assert open_edit_form(request)["title"]["text"] == "Edit, then approve"
    for view in (
        open_edit_form(request),
        check_view(request_modals.reject(request, metadata=METADATA)),
        check_view(request_modals.approve(request, metadata=METADATA)),
    ):
        assert "Sam will read it." in list(slack_rules.texts(view))


# -- wrong answers ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("declaration", "before", "part", "input_state", "sentence"),
    [
        ("text", "Hello", "", {"value": None}, "The field is missing."),
        ("number", 1, "", {"value": "many"}, "The field must be a number."),
        ({"type": "number", "max": 9}, 1, "", {"value": "10"}, "The field must be at most 9."),
        ("datetime", None, "", {"selected_date_time": 10**30}, "The field must be a date and time."),
        (
            "email",
            "sam@example.com",
            "",
            {"value": "sam"},
            "The field must be one email address, like sam@example.com.",
        ),
        ("json", {"a": 1}, "", {"value": "{"}, "The field is not valid JSON"),
        (
            {"type": "choice", "options": ["a", "b"]},
            "a",
            "",
            {"selected_option": {"value": "z"}},
            "is not one of: a, b",
        ),
        ({"type": "choice", "options": ["a"]}, "a", "", {"selected_option": None}, "The field is missing."),
        ({"type": "choices", "options": ["a"]}, ["a"], "", {"selected_options": [{"value": "z"}]}, "is not one of: a"),
        ({"type": "choices", "options": ["a"]}, ["a"], "", {"selected_options": "?"}, "The field is missing."),
        (
            "money",
            {"amount": "1", "currency": "EUR"},
            "amount",
            {"value": "x"},
            "The field must be an amount and a currency",
        ),
        (
            "money",
            {"amount": "1", "currency": "EUR"},
            "currency",
            {"value": "EURO"},
            "must be an amount and a currency",
        ),
    ],
)
def test_a_wrong_answer_is_a_sentence_under_its_input(
    declaration: object, before: Value, part: str, input_state: dict[str, Any], sentence: str
) -> None:
    field = samples.parse_field(declaration).model_copy(update={"label": "The field"})
    request = samples.request({"x": (field, before)})
    edits, errors = submit_edit(request, "x", part, **input_state)
    assert edits == {}
    ((block, error),) = errors.items()
    assert ids.read_field_block(block) == ("x", part)
    assert sentence in error


@pytest.mark.parametrize(
    "values",
    [
        None,
        [],
        {"field:subject/@1": None},
        {"field:subject/@1": {}},
        {"field:subject/@1": {"value": None}},
        {"field:subject/@1": {"value": {"type": ["odd"], "value": "x"}}},
        {"field:subject/9@1": {"value": {"type": "plain_text_input", "value": "x"}}},
        {"question": {"value": {"type": "plain_text_input", "value": "x"}}},
        {"field:other/@1": {"value": {"type": "plain_text_input", "value": "x"}}},
        {7: {"value": {"type": "plain_text_input", "value": "x"}}},
    ],
)
def test_missing_and_unknown_values_count_as_untouched(values: Any) -> None:
    assert read_edits(values, samples.request()) == ({}, {})


def test_an_input_of_an_older_form_is_read_all_the_same() -> None:
    values = {"field:subject/@99": {"value": {"type": "plain_text_input", "value": "Bye"}}}
    assert read_edits(values, samples.request()) == ({"subject": "Bye"}, {})


def test_currency_alone_is_no_amount() -> None:
    request = samples.request({"m": ("money", {"amount": "1", "currency": "EUR"})})
    values = slack_rules.untouched_state(open_edit_form(request))
    del values[find_block(values, "m", "amount")]
    values[find_block(values, "m", "currency")][ids.INPUT]["value"] = "USD"
    assert read_edits(values, request) == ({"m": {"amount": "1", "currency": "USD"}}, {})


# -- the texts of the form ----------------------------------------------------------------------------------


def test_the_submit_button_says_what_it_does() -> None:
    assert request_modals.submit_label("Pay it", edited=True) == "Pay it with edits"
    assert request_modals.submit_label("Send the long email", edited=True) == "Send the long email"
    assert request_modals.submit_label("Send the very long email now", edited=True) == "Send the very long emai…"
    view = open_edit_form(samples.request())
    assert view["submit"]["text"] == "Pay it with edits"
    assert ids.decode_modal(view["private_metadata"]) == METADATA


def test_a_confirmation_and_a_reason_are_part_of_the_form_where_the_gate_wants_them() -> None:
    form_without_reason = open_edit_form(samples.request())
    assert ids.REASON_BLOCK not in {block["block_id"] for block in form_without_reason["blocks"]}
    request = samples.request(confirm="This pays 90 EUR.", reason_required=ReasonRequired.ALWAYS)
    view = open_edit_form(request)
    assert "This pays 90 EUR." in list(slack_rules.texts(view))
    assert view["blocks"][-1]["block_id"] == ids.REASON_BLOCK
    assert view["blocks"][-1]["optional"] is False
    # The button that opens this form has asked for the confirmation.
    approve_form = check_view(request_modals.approve(request, metadata=METADATA))
    assert "This pays 90 EUR." not in list(slack_rules.texts(approve_form))


@pytest.mark.parametrize(("rule", "optional"), [("reject", False), ("always", False), ("never", True)])
def test_a_rejection_asks_for_the_reason_that_the_gate_wants(rule: str, optional: bool) -> None:
    view = check_view(request_modals.reject(samples.request(reason_required=ReasonRequired(rule)), metadata=METADATA))
    assert view["blocks"][-1]["optional"] is optional


def test_hints_show_bounds_help_and_invisible_characters() -> None:
    hidden = "a\u202eb" + "".join(map(chr, range(0x2060, 0x2065)))
    request = samples.request(
        {
            "n": ({"type": "number", "min": 0, "max": 9, "help": "How many?"}, 3),
            "m": ({"type": "money", "currency": "EUR", "min": Decimal("0.01")}, "5 EUR"),
            "i": ("integer", 3),
            "t": ({"type": "text", "max_length": 5, "required": False}, hidden),
            "plain": ("text", "abc"),
        }
    )
    hints = {block["block_id"]: block["hint"]["text"] for block in open_edit_form(request)["blocks"] if "hint" in block}
    assert hints[ids.field_block("n", version=1)] == "How many? Without commas. At least 0, at most 9."
    assert hints[ids.field_block("m", part="amount", version=1)] == "For example 1250.50. At least 0.01."
    assert hints[ids.field_block("i", version=1)] == "For example 1250."
    assert "At most 5 characters." in hints[ids.field_block("t", version=1)]
    assert "⟦U+202E⟧ RIGHT-TO-LEFT OVERRIDE" in hints[ids.field_block("t", version=1)]
    assert "and 1 more kinds" in hints[ids.field_block("t", version=1)]
    assert ids.field_block("plain", version=1) not in hints


def test_a_required_field_must_be_filled_and_an_optional_one_need_not() -> None:
    request = samples.request({"a": ("text", "x"), "b": ({"type": "text", "required": False}, "x")})
    assert [block["optional"] for block in open_edit_form(request)["blocks"] if block["type"] == "input"] == [
        False,
        True,
    ]


KINDS: list[tuple[object, Value, str]] = [
    ("number", Decimal("1E+40"), "plain_text_input"),
    ("number", 10**20, "plain_text_input"),
    ("integer", Decimal("5.0"), "plain_text_input"),
    ("integer", 5, "number_input"),
    ({"type": "number", "max": 3}, 5, "number_input"),
    ({"type": "number", "max": 10**20}, 5, "number_input"),
    ("money", {"amount": "9" * 20, "currency": "EUR"}, "plain_text_input"),
    ("boolean", "perhaps", "plain_text_input"),
    ("boolean", None, "radio_buttons"),
    ("date", "soon", "plain_text_input"),
    ("date", None, "datepicker"),
    ("datetime", "soon", "plain_text_input"),
    ("datetime", "1970-01-01T00:00:00Z", "plain_text_input"),
    ("email", None, "email_text_input"),
    ("email", "nobody", "plain_text_input"),
    ("url", 7, "plain_text_input"),
    ("person", None, "users_select"),
    ("person", "nobody", "plain_text_input"),
    ("person", "<@U012AB3CD|sam>", "users_select"),
    ("choice", None, "radio_buttons"),
    ("optional choice", "option 3", "static_select"),
    ("many", ["option 3"], "multi_static_select"),
    ("text", {"a": 1}, "plain_text_input"),
]


@pytest.mark.parametrize(("declaration", "value", "kind"), KINDS)
def test_a_value_that_the_right_input_cannot_hold_gets_a_text_input(
    declaration: object, value: Value, kind: str
) -> None:
    declaration = samples.FIELDS.get(str(declaration), declaration) if isinstance(declaration, str) else declaration
    request = samples.request({"x": (declaration, value)})
    view = open_edit_form(request)
    assert [block["element"]["type"] for block in view["blocks"] if block["type"] == "input"] == [kind]
    assert read_edits(slack_rules.untouched_state(view), request) == ({}, {})


# -- errors of the engine, reasons --------------------------------------------------------------------------


def test_an_error_of_the_engine_stands_under_the_input_of_its_field() -> None:
    request = samples.request({"subject": ("text", "a"), "json": ("json", {"a": 1})})
    values = slack_rules.untouched_state(open_edit_form(request))
    errors = {"json.a.0": "must be text", "with": "Field required.", "subject": "is too long"}
    refusal = InvalidEdits(errors=errors, labels={"subject": "The subject"})
    errors_by_block = view_state.place_errors(values, refusal)
    assert errors_by_block[find_block(values, "json")] == "A 1 must be text."
    assert errors_by_block[find_block(values, "subject")] == "With: Field required. The subject is too long."
    assert view_state.place_errors({}, refusal) == {}
    long_errors = view_state.place_errors(values, InvalidEdits(errors={"subject": "x" * 5_000}))
    assert len(long_errors[find_block(values, "subject")]) <= ids.ERROR_TEXT


@pytest.mark.parametrize(("typed", "reason"), [("  too much ", "too much"), ("  ", None), (None, None)])
def test_a_reason_is_read_without_the_space_around_it(typed: str | None, reason: str | None) -> None:
    values = slack_rules.untouched_state(check_view(request_modals.reject(samples.request(), metadata=METADATA)))
    values[ids.REASON_BLOCK][ids.INPUT]["value"] = typed
    assert view_state.read_reason(values) == reason
    assert view_state.read_reason({}) is None
    edit_values = slack_rules.untouched_state(open_edit_form(samples.request(reason_required=ReasonRequired.ALWAYS)))
    edit_values[ids.REASON_BLOCK][ids.INPUT]["value"] = typed
    assert view_state.read_reason(edit_values) == reason


# -- starting a run -----------------------------------------------------------------------------------------


def make_workflow(inputs: dict[str, object], **changes: Any) -> Workflow:
    input_fields = {name: samples.parse_field(field) for name, field in inputs.items()}
    return replace(Workflow(name="refund", title="Refund a customer", inputs=input_fields, steps=()), **changes)


def test_a_run_form_asks_the_inputs_and_reads_them_typed() -> None:
    refund = make_workflow(
        {"to": "email", "n": {"type": "integer", "default": 3}, "note": {"type": "text", "required": False}}
    )
    view = check_view(start_modal.run_form(refund, version=2, metadata=ModalRef(workflow="refund", version=2)))
    values = slack_rules.untouched_state(view)
    values[find_block(values, "to")][ids.INPUT]["value"] = "sam@example.com"
    assert view_state.read_inputs(values, refund.inputs) == ({"to": "sam@example.com", "n": 3, "note": None}, {})
    values[find_block(values, "n")][ids.INPUT]["value"] = "5"
    values[find_block(values, "to")][ids.INPUT]["value"] = None
    read_edits, errors = view_state.read_inputs(values, refund.inputs)
    assert read_edits["n"] == 5
    assert errors == {find_block(values, "to"): "To is missing."}
    assert view_state.read_inputs({}, refund.inputs)[1] == {"to": "To is missing."}


def test_a_run_form_is_filled_with_the_values_of_the_command() -> None:
    refund = make_workflow({"to": "email"}, description="Pays money back.")
    given_values: dict[str, Value] = {"to": "sam@example.com"}
    view = check_view(start_modal.run_form(refund, version=1, metadata=ModalRef(), typed=given_values))
    assert "Pays money back." in list(slack_rules.texts(view))
    assert view_state.read_inputs(slack_rules.untouched_state(view), refund.inputs, given_values) == (given_values, {})


def test_a_hundred_inputs_still_make_a_form() -> None:
    large_workflow = make_workflow({f"i{number}": {"type": "money", "required": False} for number in range(100)})
    view = check_view(start_modal.run_form(large_workflow, version=1, metadata=ModalRef()))
    assert any("Not here: I" in text and "more." in text for text in slack_rules.texts(view))


def test_a_run_form_does_not_say_its_title_twice() -> None:
    form = start_modal.run_form(make_workflow({"to": "email"}), version=1, metadata=ModalRef())
    assert list(slack_rules.texts(form)).count("Refund a customer") == 1
    assert [block["type"] for block in form["blocks"]] == ["input"]
    same_description = make_workflow({"to": "email"}, description="Refund a customer\n")
    assert [
        block["type"] for block in start_modal.run_form(same_description, version=1, metadata=ModalRef())["blocks"]
    ] == ["input"]


def test_a_title_that_is_too_long_for_a_form_is_shown_in_full_in_its_body() -> None:
    titled_workflow = make_workflow(
        {"to": "email"}, title="Refund a customer of long standing", description="Pays money back."
    )
    text = start_modal.run_form(titled_workflow, version=1, metadata=ModalRef())["blocks"][0]["text"]["text"]
    assert text == "Refund a customer of long standing\nPays money back."
