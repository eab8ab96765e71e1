"""What was entered in the form of an older version of a workflow, in the form of the present one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.slack import ids, start_modal, view_state
from bot.slack.ids import ModalRef
from engine.json_values import Value
from engine.workflowfile import Workflow
from tests.support import samples
from tests.support.examples import example_count
from tests.support.slack_rules import problems_of_view, texts, untouched_state


def check_view(view: dict[str, Any]) -> dict[str, Any]:
    assert problems_of_view(view) == []
    return view


def workflow(inputs: dict[str, object]) -> Workflow:
    fields = {name: samples.parse_field(declaration) for name, declaration in inputs.items()}
    return Workflow(name="refund", title="Refund", inputs=fields, steps=())


def fill(before: dict[str, object], entered: dict[str, dict[str, Any]]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the state of a form of these inputs in which a person entered something, and its labels."""
    view = check_view(start_modal.run_form(workflow(before), version=1, metadata=ModalRef()))
    values = untouched_state(view)
    for name, value in entered.items():
        field, _, part = name.partition("/")
        values[ids.field_block(field, part=part, version=1)][ids.INPUT].update(value)
    return values, {block["block_id"]: block["label"]["text"] for block in view["blocks"] if block["type"] == "input"}


def renew(before: dict[str, object], entered: dict[str, dict[str, Any]], after: dict[str, object]) -> dict[str, Any]:
    values, names = fill(before, entered)
    view = start_modal.newer_form(workflow(after), version=2, metadata=ModalRef(), values=values, names=names)
    assert view is not None
    return check_view(view)


OPTIONS = {"type": "choice", "options": ["red", "green", "blue"]}
SEVERAL = {"type": "choices", "options": ["red", "green"]}


@pytest.mark.parametrize(
    ("before", "entered", "after", "value"),
    [
        ("text", {"value": "Hello"}, "text", "Hello"),
        ("text", {"value": "Hello"}, {"type": "text", "default": "Bye"}, "Hello"),
        (
            {"type": "text", "default": "Hello", "required": False},
            {"value": None},
            {"type": "text", "required": False},
            None,
        ),
        ("long_text", {"value": "a\nb"}, "long_text", "a\nb"),
        ("number", {"value": "75.5"}, {"type": "number", "default": 3}, 75.5),
        ("integer", {"value": "7"}, "number", 7),
        ("text", {"value": "sam@example.com"}, "email", "sam@example.com"),
        ("email", {"value": "sam@example.com"}, "email", "sam@example.com"),
        ("date", {"selected_date": "2026-05-01"}, "date", "2026-05-01"),
        ("datetime", {"selected_date_time": 1772442000}, "datetime", "2026-03-02T09:00:00Z"),
        (OPTIONS, {"selected_option": {"value": "blue"}}, {"type": "choice", "options": ["blue", "tan"]}, "blue"),
        (SEVERAL, {"selected_options": [{"value": "red"}]}, SEVERAL, ["red"]),
        ("boolean", {"selected_option": {"value": "yes"}}, {"type": "boolean", "default": False}, True),
        ("person", {"selected_user": "U0ADA"}, "person", "slack:U0ADA"),
    ],
)
def test_an_entry_is_kept_where_the_newer_form_still_asks_for_it(
    before: object, entered: dict[str, Any], after: object, value: Value
) -> None:
    view = renew({"what": before}, {"what": entered}, {"what": after})
    read, errors = view_state.read_inputs(untouched_state(view), workflow({"what": after}).inputs)
    assert errors == {}
    assert read["what"] == value or (value == "slack:U0ADA" and "U0ADA" in str(read["what"]))
    assert not any("no longer asked for" in text for text in texts(view))


@pytest.mark.parametrize(
    ("before", "entered", "after", "error"),
    [
        ("number", {"value": "75.5"}, "integer", "must be a whole number"),
        ("number", {"value": "75"}, {"type": "number", "max": 50}, "must be at most 50"),
        ("text", {"value": "many"}, "number", "must be a number"),
    ],
)
def test_an_entry_that_the_newer_form_refuses_stays_to_be_corrected(
    before: object, entered: dict[str, Any], after: object, error: str
) -> None:
    view = renew({"what": before}, {"what": entered}, {"what": after})
    _, errors = view_state.read_inputs(untouched_state(view), workflow({"what": after}).inputs)
    (sentence,) = errors.values()
    assert error in sentence


@pytest.mark.parametrize(
    ("before", "entered", "after", "shown"),
    [
        ("text", {"value": "Hello"}, None, "Hello"),
        (OPTIONS, {"selected_option": {"value": "red", "text": {"text": "Red"}}}, "date", "Red"),
        (OPTIONS, {"selected_option": {"value": "red"}}, {"type": "choice", "options": ["tan"]}, "red"),
        (SEVERAL, {"selected_options": [{"value": "red"}, {"value": "green"}]}, OPTIONS, "redgreen"),
        ("date", {"selected_date": "2026-05-01"}, "boolean", "2026-05-01"),
        ("text", {"value": "Hello"}, "datetime", "Hello"),
    ],
)
def test_an_entry_without_an_input_is_shown_above_the_newer_form(
    before: object, entered: dict[str, Any], after: object | None, shown: str
) -> None:
    view = renew({"what": before}, {"what": entered}, {} if after is None else {"what": after})
    everything = [*texts(view)]
    assert any("no longer asked for" in text for text in everything)
    assert any(text.startswith("What") for text in everything)
    assert shown in everything


def test_a_moment_and_a_person_without_an_input_are_shown_in_the_words_of_the_reader() -> None:
    entered: dict[str, dict[str, Any]] = {"when": {"selected_date_time": 1772442000}, "who": {"selected_user": "U0ADA"}}
    view = renew({"when": "datetime", "who": "person"}, entered, {})
    elements = [item for block in view["blocks"] for part in block.get("elements", []) for item in part["elements"]]
    assert [item["timestamp"] for item in elements if item["type"] == "date"] == [1772442000]
    assert [item["user_id"] for item in elements if item["type"] == "user"] == ["U0ADA"]


def test_a_moment_that_slack_takes_in_no_input_is_shown_above_the_newer_form() -> None:
    """Slack begins no picker with a moment before September 2001, whose number has fewer than ten digits."""
    view = renew({"when": "datetime"}, {"when": {"selected_date_time": 86_400}}, {"when": "datetime"})
    elements = [item for block in view["blocks"] for part in block.get("elements", []) for item in part["elements"]]
    assert [item["timestamp"] for item in elements if item["type"] == "date"] == [86_400]


def test_the_parts_of_an_amount_are_kept_apart() -> None:
    money = {"type": "money", "required": False}
    entered = {"what/amount": {"value": "12.50"}, "what/currency": {"value": "EUR"}}
    view = renew({"what": money}, entered, {"what": {"type": "money", "currency": "USD"}})
    read, errors = view_state.read_inputs(
        untouched_state(view), workflow({"what": {"type": "money", "currency": "USD"}}).inputs
    )
    assert (errors, read) == ({}, {"what": {"amount": "12.50", "currency": "USD"}})
    assert "EUR" in [*texts(view)]


def test_more_than_slack_shows_makes_no_form() -> None:
    many: dict[str, object] = {f"i{number}": "long_text" for number in range(80)}
    values, names = fill(many, {name: {"value": "é" * 3_000} for name in many})
    assert start_modal.newer_form(workflow(many), version=2, metadata=ModalRef(), values=values, names=names) is None


def _as_typed(text: str) -> str:
    """Return as much of the text as a person can type into an input of Slack."""
    return text.encode("utf-8", "replace").decode()[:700]


@settings(max_examples=example_count(40), deadline=None)
@given(samples.ANY.map(_as_typed), st.sampled_from(["text", "long_text", "number", "email", "date"]))
def test_any_text_is_in_the_newer_form_or_above_it(text: str, after: str) -> None:
    view = renew({"what": "long_text"}, {"what": {"value": text}}, {"what": after})
    (block,) = [block for block in view["blocks"] if block["type"] == "input"]
    assert (
        not text or block["element"].get("initial_value") == text or "You also entered this." in " ".join(texts(view))
    )
