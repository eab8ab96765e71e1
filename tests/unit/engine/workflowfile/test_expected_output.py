"""The expected output of a step whose answer was lost."""

from __future__ import annotations

from typing import Any

import pytest

from engine import workflowfile
from engine.steps import registry
from engine.workflowfile.expected_output import ExpectedOutput, find_expected_output

PAY = "- {id: pay, uses: http, with: {method: POST, url: 'https://pay.example.com/refunds', json: {a: 1}}}"


REQUIRED = "is missing: later steps read it"


def expected_output(*later_steps: str, pay: str = PAY) -> ExpectedOutput:
    source = "name: done\nsteps:\n" + "".join(f"  {line}\n" for line in (pay, *later_steps))
    return find_expected_output(workflowfile.load(source.encode(), kinds=registry.builtin()), "pay")


def fields_of(*later_steps: str) -> dict[str, tuple[str, str, bool]]:
    fields = expected_output(*later_steps).fields
    return {name: (field.label or "", field.type.value, field.required) for name, field in fields.items()}


def test_a_step_that_nothing_reads_has_no_fields() -> None:
    expected = expected_output("- {id: note, uses: set, with: {text: hello}}")
    assert expected.fields == {}
    assert expected.find_problems({}) == {}


@pytest.mark.parametrize(
    ("keys", "expected_fields"),
    [
        ("with: {n: '{{ steps.pay.body.number }}'}", {"body.number": ("Number", "text", True)}),
        ("with: {n: '{{ steps.pay.status }}'}", {"status": ("Status", "integer", True)}),
        ("with: {n: '{{ steps.pay.body }}'}", {"body": ("Body", "json", True)}),
        ("with: {n: '{{ steps.pay }}'}", {"output": ("Everything that the step returned", "json", True)}),
        ("with: {n: '{{ steps.pay.body.lines[0].id }}'}", {"body.lines": ("Lines", "text", True)}),
        ("with: {n: '{{ steps.pay.body.number | default(0) }}'}", {"body.number": ("Number", "text", False)}),
        ("when: '{{ steps.pay.body.paid == true }}', with: {n: 1}", {"body.paid": ("Paid", "text", True)}),
        ("with: {n: 1}, gate: {title: 'Paid {{ steps.pay.body.sum }}?'}", {"body.sum": ("Sum", "text", True)}),
        ("with: {n: 1}, gate: {show: ['{{ steps.pay.body.sum }}']}", {"body.sum": ("Sum", "text", True)}),
    ],
)
def test_a_value_that_a_step_reads_is_a_field_with_a_label_in_words(
    keys: str, expected_fields: dict[str, tuple[str, str, bool]]
) -> None:
    assert fields_of(f"- {{id: note, uses: set, {keys}}}") == expected_fields


def test_a_gate_after_the_step_reads_the_whole_output() -> None:
    pay = PAY.replace("json: {a: 1}}", "json: {a: 1}}, gate: {at: after, title: 'Was {{ steps.pay.body.sum }} right?'}")
    expected = expected_output(pay=pay)
    assert set(expected.fields) == {"output"}, "the gate asks about the whole output"
    assert set(expected.find_problems({})) == {"output"}
    assert expected.find_problems({"status": 200}) == {"output": "needs body.sum: later steps read it"}
    assert expected.find_problems({"body": {"sum": 1}}) == {}


def test_a_value_and_its_part_are_one_field_that_names_its_readers() -> None:
    expected = expected_output(
        "- {id: one, uses: set, with: {n: '{{ steps.pay.body.number }}'}}",
        "- {id: two, uses: set, title: Tell the customer, with: {n: '{{ steps.pay.body }}'}}",
        "- {id: three, uses: set, with: {n: '{{ steps.pay.body }}'}}",
    )
    assert set(expected.fields) == {"body"}
    assert expected.fields["body"].help == "Read by: One, Tell the customer, Three."


def test_two_values_with_one_name_have_different_labels() -> None:
    later_step = "- {id: n, uses: set, with: {a: '{{ steps.pay.body.from.id }}', b: '{{ steps.pay.body.to.id }}'}}"
    assert {label for label, _, _ in fields_of(later_step).values()} == {"Body · From · ID", "Body · To · ID"}


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("R-1", "R-1"),
        ("12.50", "12.50"),
        ("true", True),
        ('"12"', "12"),
        ("[1, 2]", [1, 2]),
        ("0012", "0012"),
        ("7e12", "7e12"),
        ("1E5", "1E5"),
    ],
)
def test_a_typed_text_becomes_a_value_of_the_output(typed: str, value: Any) -> None:
    expected = expected_output("- {id: note, uses: set, with: {n: '{{ steps.pay.body.number }}'}}")
    values, errors = expected.parse_texts({"body.number": typed})
    assert errors == {}
    output: Any = expected.build_output(values)
    assert str(output["body"]["number"]) == str(value)
    assert expected.find_problems(output) == {}


@pytest.mark.parametrize(
    ("params", "output", "reason"),
    [
        ("{a: '{{ steps.pay }}', b: '{{ steps.pay.body.n }}'}", {}, REQUIRED),
        ("{a: '{{ steps.pay }}', b: '{{ steps.pay.body.n }}'}", {"x": 1}, "needs body.n: later steps read it"),
        ("{a: '{{ steps.pay.body }}', b: '{{ steps.pay.body.n }}'}", {"body": {}}, "needs n: later steps read it"),
        (
            "{a: '{{ steps.pay.body | default(1) }}', b: '{{ steps.pay.body.n }}'}",
            {},
            "is missing: later steps read it",
        ),
        ("{a: '{{ steps.pay.body.lines[0].id }}'}", {"body": {"lines": "abc"}}, "needs 0.id: later steps read it"),
        ("{a: '{{ steps.pay[run.id] }}'}", {}, REQUIRED),
    ],
)
def test_a_value_that_a_step_requires_is_required_at_any_depth(
    params: str, output: dict[str, Any], reason: str
) -> None:
    expected = expected_output(f"- {{id: note, uses: set, with: {params}}}")
    assert list(expected.find_problems(output).values()) == [reason]


def test_missing_and_wrong_values_are_named() -> None:
    expected = expected_output(
        "- {id: n, uses: set, with: {a: '{{ steps.pay.body.number }}', b: '{{ steps.pay.status }}'}}"
    )
    assert expected.find_problems({}) == {
        "body.number": "is missing: later steps read it",
        "status": "is missing: later steps read it",
    }
    assert set(expected.find_problems({"body": {"number": 1}, "status": "many"})) == {"status"}
    _, errors = expected.parse_texts({"body.nothing": "x", "status": "many"})
    assert errors["body.nothing"] == "is not read by any later step; they read: body.number, status"
    assert "status" in errors
