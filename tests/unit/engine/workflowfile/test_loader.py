"""Workflow files that load: each part of the result, and any tree or bytes."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.domain import OnError, OnExpiry, ReasonRequired, ReviewPoint
from engine.errors import DefinitionError
from engine.fields import Field, FieldType
from engine.json_values import Value
from engine.retry import RetryPolicy
from engine.workflowfile import Workflow, load
from tests.support.examples import example_count
from tests.support.workflow_files import (
    FILES,
    KINDS,
    gate_file,
    load_workflow,
    problems_of,
    problems_or_none,
    step_file,
)


@pytest.fixture(scope="module")
def full_workflow() -> Workflow:
    return load_workflow((FILES / "full.yaml").read_bytes())


def test_the_keys_of_a_workflow_are_read(full_workflow: Workflow) -> None:
    source = (FILES / "full.yaml").read_bytes()
    assert (full_workflow.name, full_workflow.title) == ("refund", "Refund a customer")
    assert full_workflow.description == "Looks the order up, waits a moment,\nand pays the money back."
    assert full_workflow.owner == "Sam@example.com"
    assert full_workflow.may_run == ("ann@example.com", "bob@example.com")
    assert list(full_workflow.inputs) == ["order", "amount", "note", "urgent", "boss"]
    assert full_workflow.inputs["note"] == Field(type=FieldType.LONG_TEXT)
    assert full_workflow.inputs["amount"].currency == "EUR"
    assert full_workflow.source == source
    assert full_workflow.hash == hashlib.sha256(source).hexdigest()


def test_steps_keep_their_order_and_their_keys(full_workflow: Workflow) -> None:
    assert [(step.id, step.index, step.kind.name) for step in full_workflow.steps] == [
        ("lookup", 0, "http"),
        ("pause", 1, "wait"),
        ("letter", 2, "set"),
        ("pay", 3, "http"),
        ("receipt", 4, "http"),
        ("quiet", 5, "set"),
    ]
    lookup, pause, letter, pay, _, quiet = full_workflow.steps
    assert lookup.label == "Look the order up"
    assert lookup.retry == RetryPolicy(attempts=3, wait=timedelta(seconds=2))
    assert lookup.timeout == timedelta(seconds=30)
    assert lookup.on_error is OnError.CONTINUE
    assert lookup.params.secrets == {"SHOP_TOKEN"}
    assert (lookup.idempotent, pay.idempotent) == (None, False)
    assert pause.when is not None
    assert pause.when.render({"inputs": {"urgent": True}}) is False
    assert letter.when is None
    assert pay.when is not None
    assert pay.when.render({}) is False
    assert (letter.on_error, letter.retry, letter.label) == (OnError.STOP, RetryPolicy(), "Letter")
    assert quiet.gate is None


def test_parameters_keep_exact_values(full_workflow: Workflow) -> None:
    value = full_workflow.step("pay").params.value
    assert isinstance(value, dict)
    assert isinstance(value["json"], dict)
    assert value["json"]["fee"] == Decimal("1.50")
    assert str(value["json"]["fee"]) == "1.50"


def test_a_gate_keeps_every_key(full_workflow: Workflow) -> None:
    gate = full_workflow.step("pay").gate
    assert gate is not None
    assert gate.at is ReviewPoint.BEFORE
    assert gate.when is not None
    assert gate.when.is_whole
    assert gate.reason is not None
    assert gate.reason.source == "over 100: refund policy 4.2"
    assert gate.title is not None
    assert gate.title.source == "Pay {{ inputs.amount.amount }} EUR back?"
    assert [item.label for item in gate.show] == ["Account owner", "Failure", "Note"]
    assert gate.edit == {
        "json.amount": Field.model_validate({"type": "number", "min": 0}),
        "json.fee": Field(type=FieldType.NUMBER),
        "json.lines.0.text": None,
        "url": None,
    }
    assert (gate.approve_label, gate.reject_label) == ("Pay it", "Do not pay")
    assert [template.source for template in gate.approvers] == [
        "lee@example.com",
        "owner",
        "requester",
        "{{ inputs.boss }}",
        "{{ steps.lookup.body.account_owner }}",
    ]
    assert (gate.expires, gate.on_expiry) == (timedelta(days=2), OnExpiry.REJECT)
    assert gate.confirm is not None
    assert gate.reason_required is ReasonRequired.ALWAYS


def test_a_gate_after_a_step_may_name_its_output(full_workflow: Workflow) -> None:
    gate = full_workflow.step("receipt").gate
    assert gate is not None
    assert gate.at is ReviewPoint.AFTER
    assert gate.edit == {"body": Field(type=FieldType.JSON)}
    assert [template.source for template in gate.approvers] == ["owner"]


@pytest.mark.parametrize(
    ("reference", "label"),
    [
        ("inputs.changes", "What has changed"),
        ("inputs.order_id", "Order ID"),
        ("steps.look.text", "What has changed"),
        ("steps.look.webhookUrl", "Webhook URL"),
        ("steps.ask.days", "Days of leave"),
        ("run.requester", "Requester"),
    ],
)
def test_a_shown_value_has_the_label_of_its_source_or_the_end_of_its_path_in_words(reference: str, label: str) -> None:
    source = f"""
name: show
inputs:
  changes: {{type: long_text, label: What has changed}}
  order_id: text
steps:
  - {{id: look, uses: set, with: {{text: "{{{{ inputs.changes }}}}", webhookUrl: a}}}}
  - {{id: ask, uses: form, fields: {{days: {{type: integer, label: Days of leave}}}}, approvers: [owner], title: Ask}}
  - {{id: pay, uses: set, with: {{a: 1}}, gate: {{show: ["{{{{ {reference} }}}}"]}}}}
"""
    gate = load_workflow(source).step("pay").gate
    assert gate is not None
    assert [item.label for item in gate.show] == [label]


def test_a_gate_that_is_true_has_every_default(full_workflow: Workflow) -> None:
    gate = full_workflow.step("letter").gate
    assert gate is not None
    assert (gate.at, gate.approvers, gate.edit, gate.approve_label) == (ReviewPoint.BEFORE, (), None, "Approve")
    assert (gate.when, gate.expires, gate.on_expiry) == (None, None, OnExpiry.STOP)


@pytest.mark.parametrize("edit", ["[]", "{}"])
def test_no_fields_to_edit_is_not_the_default(edit: str) -> None:
    gate = load_workflow(gate_file(f"edit: {edit}")).steps[0].gate
    assert gate is not None
    assert gate.edit == {}


def test_the_title_of_a_workflow_defaults_to_its_name() -> None:
    assert load_workflow(step_file("id: a\nuses: set")).title == "a"


@pytest.mark.parametrize(
    "gate",
    [
        'show: ["{{ steps.zero.a }}"]',
        'title: "{{ steps.zero | default(1) }} {{ steps.later.x | default(2) }}"',
        'title: "{{ inputs.gone is defined }}"',
        'title: "{{ run.requester }} {{ run.started_at }}"',
        "edit: [x, text]",
        "edit: {x: integer, text: {type: text, max_length: 5}}",
        "edit: [x: null]",
        "exclude: []\nhours: false\nfeedback: false\npolicy: any",
        'approve_label: "' + "x" * 75 + '"',
        'title: "' + "x" * 150 + '"',
        'confirm: "' + "x" * 300 + '"',
        'reason: "' + "x" * 500 + '"',
        'reason: "' + "x" * 500 + ' {{ run.id }}"',
    ],
)
def test_a_gate_may_have_these_keys(gate: str) -> None:
    zero = "name: a\nsteps:\n  - {id: zero, uses: set, with: {a: 1}}\n"
    load_workflow(gate_file(gate).replace("name: a\nsteps:\n", zero))


@pytest.mark.parametrize(
    "step",
    [
        'id: a\nuses: http\nwith: {url: "{{ inputs.u }}", method: "{{ inputs.u }}", query: {a: "{{ inputs.u }}"}}',
        'id: a\nuses: wait\nwith: {for: "{{ inputs.u }}"}',
        "id: a\nuses: wait\nwith: {until: 2026-03-01}",
        'id: a\nuses: page\nwith: {to: x, level: "{{ inputs.u }}"}',
        'id: a\nuses: http\nwith: {url: https://x, json: {a: [{b: "{{ inputs.u }}"}]}}\ngate: {edit: [json.a.0.b.c]}',
    ],
)
def test_the_value_of_an_expression_is_not_checked_with_the_file(step: str) -> None:
    load_workflow(step_file(step) + "inputs: {u: json}\n")


def test_a_form_has_the_keys_of_a_gate_on_the_step() -> None:
    problems = problems_of(
        step_file(
            "id: ask\nuses: form\nfields: {a: text, B: text}\napprovers: [owner]\nexpires: 2d\nedit: [a]\n"
            'title: "{{ inputs.gone }}"\ngate: true\nwen: true'
        )
    )
    assert [problem.path for problem in problems] == [
        "steps[0].fields.B",
        "steps[0].edit",
        "steps[0].title",
        "steps[0].gate",
        "steps[0].wen",
    ]


def test_a_form_asks_for_its_fields() -> None:
    workflow = load_workflow(
        step_file(
            "id: ask\nuses: form\nfields: {why: text, days: {type: integer, default: 3}}\n"
            "approvers: ['group:hr', <@U012AB3CD>]\ntitle: \"How long, {{ run.requester }}?\"\nexpires: 2d\n"
            'when: "{{ run.id is defined }}"'
        )
        + "  - {id: next, uses: set, with: {x: '{{ steps.ask.days }}'}}\n"
    )
    form = workflow.steps[0]
    assert form.params.value == {"why": None, "days": 3}
    assert form.gate is not None
    assert form.when is not None
    assert form.gate.when is None
    assert form.label == "Ask"
    assert {name: field.type for name, field in (form.gate.edit or {}).items() if field} == {
        "why": "text",
        "days": "integer",
    }
    assert (form.gate.approve_label, form.gate.reject_label) == ("Submit", "Reject")
    unknown = problems_of(
        step_file("id: ask\nuses: form\nfields: {why: text}")
        + "  - {id: next, uses: set, with: {x: '{{ steps.ask.wy }}'}}\n"
    )
    assert "wy" in unknown[0].message


@pytest.mark.parametrize("key", ["with: {a: 1}", "edit: [why]", "at: after", "retry: {attempts: 2}", "timeout: 1m"])
def test_a_key_without_a_meaning_on_a_form_is_refused(key: str) -> None:
    problems = problems_of(step_file(f"id: ask\nuses: form\nfields: {{why: text}}\n{key}"))
    name = key.partition(":")[0]
    assert [(problem.path, problem.message) for problem in problems] == [
        (f"steps[0].{name}", f"`{name}` has no meaning on a `form` step; delete it.")
    ]


def test_a_form_may_continue_unanswered_only_if_no_field_is_required() -> None:
    fields = "{why: text, note: {type: text, required: false}}"
    form = f"id: ask\nuses: form\nexpires: 1d\non_expiry: continue\nfields: {fields}"
    (problem,) = problems_of(step_file(form))
    assert (problem.path, problem.message) == (
        "steps[0].on_expiry",
        "The run could not continue without an answer: `why` would be missing.",
    )
    load_workflow(step_file(form.replace("why: text", "why: {type: text, default: none}")))


@pytest.mark.parametrize(
    "people", ["approvers: 'group:finance-approvers'", "approvers: ['group:@sales', U012AB3CD, '<@W012AB3CD|sam>']"]
)
def test_people_in_slack_may_be_asked(people: str) -> None:
    load_workflow(gate_file(people))


def test_people_in_slack_may_own_and_start() -> None:
    workflow = load_workflow(
        step_file("id: a\nuses: set") + "owner: U012AB3CD\nmay_run: [owner, 'group:sales', U012AB3CD]\n"
    )
    assert workflow.owner == "U012AB3CD"
    assert workflow.may_run == ("owner", "group:sales", "U012AB3CD")


KEYS = st.sampled_from(
    """name title description owner inputs may_run triggers steps id uses with when retry timeout idempotent on_error
    gate at reason show edit approve_label approvers policy exclude expires on_expiry escalate remind hours channels
    email revise confirm fields type default options attempts wait after to every label value url json headers body x
    """.split()  # noqa: SIM905
)
TEXTS = st.sampled_from(
    [
        "a", "set", "http", "wait", "form", "ai", "text", "any", "before", "after", "true", "owner", "a@example.com",
        "2d", "1s", "{{ inputs.x }}", "{{ steps.a.x }}", "{{ secret.KEY }}", "{{", "{{ 1 }} b", "group:x", "body", "",
        "\ud800", "x.0.y", "choice",
    ]
)  # fmt: skip
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 300) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=25,
)


def write_yaml(value: Any) -> str:
    """Return a value as YAML in flow style. PyYAML would write anchors."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case str():
            return "'" + value.replace("'", "''") + "'"
        case list():
            return "[" + ", ".join(map(write_yaml, value)) + "]"
    return "{" + ", ".join(f"{write_yaml(key)}: {write_yaml(item)}" for key, item in value.items()) + "}"


STEPS = st.lists(
    st.fixed_dictionaries(
        {"id": st.sampled_from(["a", "b", "c"]), "uses": st.sampled_from(["set", "http", "wait", "form", "page"])},
        optional={
            "with": st.dictionaries(KEYS, VALUES, max_size=3),
            "gate": st.booleans() | st.dictionaries(KEYS, VALUES, max_size=6),
            "when": VALUES,
            "retry": VALUES,
            "on_error": TEXTS,
        },
    ),
    min_size=1,
    max_size=3,
)


@settings(max_examples=example_count(200))
@given(STEPS, st.dictionaries(KEYS, VALUES, max_size=4))
def test_any_tree_compiles_or_is_a_definition_error(steps: list[Value], other_keys: dict[str, Value]) -> None:
    source = write_yaml({"name": "a", **other_keys, "steps": steps}).encode(errors="surrogatepass")
    problems = problems_or_none(source)
    assert problems is None or problems
    assert len({(p.line, p.column, p.message) for p in problems or ()}) == len(problems or ())
    assert sum(len(p.sentence()) for p in problems or ()) < 200_000


@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda text: text.encode(errors="replace")))
def test_any_bytes_compile_or_are_a_definition_error(source: bytes) -> None:
    with pytest.raises(DefinitionError):
        load(source, kinds=KINDS)


def test_a_compiled_workflow_compares_and_copies() -> None:
    workflow = load_workflow(step_file("id: a\nuses: set"))
    assert replace(workflow, title="b").title == "b"
    with pytest.raises(KeyError):
        workflow.step("b")
