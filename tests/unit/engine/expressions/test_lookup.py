"""References: lookups in mappings and lists, missing values, and the references of a template."""

from __future__ import annotations

from typing import Any

import pytest

from engine.expressions import compile_template
from tests.support.expressions import error_of, same_value_and_type, value_of


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("steps.draft.subject", "Hello"),
        ("steps['draft']['subject']", "Hello"),
        ("steps['dr' ~ 'aft'].subject", "Hello"),
        ("inputs.tags[0]", "b"),
        ("inputs.tags.1", "a"),
        ("inputs.tags[-2]", "a"),
        ("inputs.tags[1 - 2]", "b"),
        ("inputs['_id']", "x1"),
        ("[{'a': 5}][0].a", 5),
        ("{'a': 5}['a']", 5),
        ("(inputs.tags | first)", "b"),
        ("steps.rows.items[0].x.y", "p"),
    ],
)
def test_a_reference_walks_mappings_and_lists(expression: str, value: Any) -> None:
    assert value_of("{{ " + expression + " }}") == value


@pytest.mark.parametrize(
    ("expression", "sentence"),
    [
        ("foo", "`foo` is not known here; there are inputs, run, steps, trigger."),
        ("step.x", "`step` is not known here; there are inputs, run, steps, trigger. Did you mean `steps`?"),
        ("steps.draft.subjct", "steps.draft has no `subjct`; it has body, subject. Did you mean `subject`?"),
        ("steps['draft'].zzz ~ ''", "steps.draft has no `zzz`; it has body, subject."),
        ("trigger.x", "trigger has no `x`; it is an empty mapping."),
        ("inputs.name.x.y", "inputs.name has no `x`; it is text."),
        ("inputs.note.x", "inputs.note has no `x`; it is empty (none)."),
        ("inputs.tags.x", "inputs.tags has no `x`; it is a list of 3, and the first item is 0."),
        ("inputs.tags[3]", "inputs.tags has no `3`; it is a list of 3"),
        ("inputs.tags[-4]", "inputs.tags has no `-4`; it is a list of 3"),
        ("inputs[0]", "inputs has no `0`; it has _id, amount, day, empty, fee, moment, name, note and 7 more."),
        ("inputs.tags[2.0 - 1]", "inputs.tags has no `1.0`"),
        (
            "inputs.tags[inputs.ok]",
            "inputs.tags was asked for an item, but the key is true or false; use text or a whole",
        ),
        ("inputs[inputs.tags]", "inputs was asked for an item, but the key is a list"),
        ("[1][0].x", "the value has no `x`; it is a number."),
        ("inputs[inputs.absent]", "inputs has no `absent`"),
        ("inputs.empty | first", "`first` was given an empty list; add `| default(…)`"),
    ],
)
def test_the_error_of_a_missing_value_names_the_values_that_exist(expression: str, sentence: str) -> None:
    assert error_of("{{ " + expression + " }}").startswith(sentence)


def test_an_empty_scope_has_no_values() -> None:
    assert error_of("{{ a }}", {}) == "`a` is not known here; there is nothing."


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("inputs.absent | default('x')", "x"),
        ("inputs.note | default('x')", "x"),
        ("inputs.absent.deeper[0] | default('x')", "x"),
        ("foo | default('x')", "x"),
        ("inputs.name | default('x')", "Ada Lovelace"),
        ("inputs.off | default(true)", False),
        ("inputs.absent | default(foo) | default('z')", "z"),
        ("inputs['ab' ~ 'sent'].x | default('x')", "x"),
        ("(inputs.empty | first).x | default(0)", 0),
        ("inputs.empty | last | default(0)", 0),
        ("inputs.empty | min | default(0)", 0),
        ("inputs.empty | max | default(0)", 0),
        ("(inputs.absent if true else 1) | default(2)", 2),
        ("inputs.absent is defined", False),
        ("inputs.absent is undefined", True),
        ("inputs.absent is not defined", True),
        ("inputs.note is defined", True),
        ("inputs.name is undefined", False),
    ],
)
def test_default_and_defined_accept_a_missing_value(expression: str, value: Any) -> None:
    assert same_value_and_type(value_of("{{ " + expression + " }}"), value)


def test_a_default_that_is_missing_itself_is_an_error() -> None:
    assert error_of("{{ inputs.absent | default(foo) }}").startswith("`foo` is not known")


@pytest.mark.parametrize(
    ("source", "references", "optional"),
    [
        ("{{ inputs }}", {("inputs",)}, set()),
        ("{{ inputs.to }} {{ steps.draft['subject'] }}", {("inputs", "to"), ("steps", "draft", "subject")}, set()),
        ("{{ a.b[0][-1].c }}", {("a", "b", 0, -1, "c")}, set()),
        ("{{ a.b[c.d].e }}", {("a", "b"), ("c", "d")}, set()),
        ("{{ a.b | default(c.d) }}", {("a", "b"), ("c", "d")}, {("a", "b")}),
        ("{{ a.b is defined and a.b == 1 }}", {("a", "b")}, set()),
        ("{{ a.b == 1 and a.b is defined }}", {("a", "b")}, set()),
        ("{{ a.b is undefined or a.c == 1 }}", {("a", "b"), ("a", "c")}, {("a", "b")}),
        ("{{ a.b | upper | default(1) }}", {("a", "b")}, set()),
        ("{{ x | map(attribute='y') | join(z) }}", {("x",), ("z",)}, set()),
    ],
)
def test_a_template_knows_its_references(source: str, references: set[Any], optional: set[Any]) -> None:
    template = compile_template(source)
    assert template.references == references
    assert template.optional_references == optional
