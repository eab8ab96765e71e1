"""What later steps read of a step whose answer was lost."""

from __future__ import annotations

from typing import Any

import pytest

from engine import workflowfile
from engine.steps import registry
from engine.workflowfile.expected_output import ExpectedOutput, find_expected_output

PAY = "- {id: pay, uses: http, with: {method: POST, url: 'https://pay.example.com/refunds', json: {a: 1}}}"


REQUIRED = "is required: later steps read it"


def expected(*later: str, pay: str = PAY) -> ExpectedOutput:
    source = "name: done\nsteps:\n" + "".join(f"  {line}\n" for line in (pay, *later))
    return find_expected_output(workflowfile.load(source.encode(), kinds=registry.builtin()), "pay")


def read(*later: str) -> dict[str, tuple[str, str, bool]]:
    fields = expected(*later).fields
    return {name: (field.label or "", field.type.value, field.required) for name, field in fields.items()}


def test_nothing_is_asked_where_nothing_is_read() -> None:
    found = expected("- {id: note, uses: set, with: {text: hello}}")
    assert found.fields == {}
    assert found.find_problems({}) == {}


@pytest.mark.parametrize(
    ("later", "asked"),
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
def test_what_is_read_is_asked_with_a_label_in_words(later: str, asked: dict[str, tuple[str, str, bool]]) -> None:
    assert read(f"- {{id: note, uses: set, {later}}}") == asked


def test_a_gate_that_reviews_the_output_reads_it_too() -> None:
    pay = PAY.replace("json: {a: 1}}", "json: {a: 1}}, gate: {at: after, title: 'Was {{ steps.pay.body.sum }} right?'}")
    found = expected(pay=pay)
    assert set(found.fields) == {"output"}, "people are asked about all of it"
    assert set(found.find_problems({})) == {"output"}
    assert found.find_problems({"status": 200}) == {"output": "needs body.sum: later steps read it"}
    assert found.find_problems({"body": {"sum": 1}}) == {}


def test_of_a_value_and_its_part_the_whole_is_asked_once_and_says_who_reads_it() -> None:
    found = expected(
        "- {id: one, uses: set, with: {n: '{{ steps.pay.body.number }}'}}",
        "- {id: two, uses: set, title: Tell the customer, with: {n: '{{ steps.pay.body }}'}}",
        "- {id: three, uses: set, with: {n: '{{ steps.pay.body }}'}}",
    )
    assert set(found.fields) == {"body"}
    assert found.fields["body"].help == "Read by: one, Tell the customer, three."


def test_two_values_of_one_name_are_told_apart() -> None:
    later = "- {id: n, uses: set, with: {a: '{{ steps.pay.body.from.id }}', b: '{{ steps.pay.body.to.id }}'}}"
    assert {label for label, _, _ in read(later).values()} == {"Body from id", "Body to id"}


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
def test_what_is_typed_becomes_the_output_that_the_step_would_have_had(typed: str, value: Any) -> None:
    found = expected("- {id: note, uses: set, with: {n: '{{ steps.pay.body.number }}'}}")
    values, wrong = found.parse_texts({"body.number": typed})
    assert wrong == {}
    output: Any = found.build_output(values)
    assert str(output["body"]["number"]) == str(value)
    assert found.find_problems(output) == {}


@pytest.mark.parametrize(
    ("later", "output", "why"),
    [
        ("{a: '{{ steps.pay }}', b: '{{ steps.pay.body.n }}'}", {}, REQUIRED),
        ("{a: '{{ steps.pay }}', b: '{{ steps.pay.body.n }}'}", {"x": 1}, "needs body.n: later steps read it"),
        ("{a: '{{ steps.pay.body }}', b: '{{ steps.pay.body.n }}'}", {"body": {}}, "needs n: later steps read it"),
        (
            "{a: '{{ steps.pay.body | default(1) }}', b: '{{ steps.pay.body.n }}'}",
            {},
            "is required: later steps read it",
        ),
        ("{a: '{{ steps.pay.body.lines[0].id }}'}", {"body": {"lines": "abc"}}, "needs 0.id: later steps read it"),
        ("{a: '{{ steps.pay[run.id] }}'}", {}, REQUIRED),
    ],
)
def test_whatever_a_step_cannot_do_without_is_needed_however_deep_it_lies(
    later: str, output: dict[str, Any], why: str
) -> None:
    found = expected(f"- {{id: note, uses: set, with: {later}}}")
    assert list(found.find_problems(output).values()) == [why]


def test_what_is_missing_or_wrong_is_named() -> None:
    found = expected("- {id: n, uses: set, with: {a: '{{ steps.pay.body.number }}', b: '{{ steps.pay.status }}'}}")
    assert found.find_problems({}) == {
        "body.number": "is required: later steps read it",
        "status": "is required: later steps read it",
    }
    assert set(found.find_problems({"body": {"number": 1}, "status": "many"})) == {"status"}
    _, wrong = found.parse_texts({"body.nothing": "x", "status": "many"})
    assert wrong["body.nothing"] == "is not read by any later step; they read: body.number, status"
    assert "status" in wrong
