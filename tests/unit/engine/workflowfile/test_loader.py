"""A file as a builder writes it -> a compiled workflow, or every problem at its place."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any, ClassVar

import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, HttpUrl

from engine.domain import OnError, OnExpiry, ReasonRequired, ReviewPoint
from engine.errors import DefinitionError, Problem
from engine.fields import Field, FieldType
from engine.json_values import Value
from engine.ports import StepContext, StepType
from engine.retry import RetryPolicy
from engine.steps.registry import builtin
from engine.workflowfile import StepKind, Workflow, load, unsupported
from engine.workflowfile.unsupported import AVAILABLE_VALUES

FILES = Path(__file__).parents[3] / "data" / "workflows"


class PageParams(BaseModel):
    """A model that would ignore unknown keys."""

    to: str
    level: int | None = None


class Page(StepType[PageParams]):
    name: ClassVar[str] = "page"
    Params: ClassVar[type[BaseModel]] = PageParams

    async def run(self, params: PageParams, context: StepContext) -> Mapping[str, object]:
        return {}


class Color(Enum):
    RED = "red"


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")

    size: int


class OddParams(BaseModel):
    """What a kind of another distribution may use of pydantic."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    on: date | None = None
    at_: datetime | None = pydantic.Field(default=None, alias="at")
    link: HttpUrl | None = None
    color: Color | None = None
    price: Decimal | None = pydantic.Field(default=None, max_digits=3, gt=0, lt=50)
    name: str | None = pydantic.Field(default=None, min_length=2, max_length=4, pattern="^[a-z]*$")
    some: list[int] | None = pydantic.Field(default=None, min_length=2, max_length=3)
    each: int | None = pydantic.Field(default=None, multiple_of=5, ge=5, le=90)
    either: Inner | list[str] | None = None
    by_name: dict[int, str] | None = None
    cls: type[int] | None = None
    took: timedelta | None = None


class Odd(StepType[OddParams]):
    name: ClassVar[str] = "odd"
    Params: ClassVar[type[BaseModel]] = OddParams

    async def run(self, params: OddParams, context: StepContext) -> Mapping[str, object]:
        return {}


KINDS: dict[str, StepKind] = {**builtin(), "page": Page(), "odd": Odd()}


def compiled(source: str | bytes) -> Workflow:
    return load(source.encode() if isinstance(source, str) else source, kinds=KINDS)


def problems(source: str | bytes) -> tuple[Problem, ...]:
    with pytest.raises(DefinitionError) as caught:
        compiled(source)
    return caught.value.problems


def problems_or_none(source: bytes) -> tuple[Problem, ...] | None:
    try:
        load(source, kinds=KINDS)
    except DefinitionError as error:
        return error.problems
    return None


def in_gate(keys: str) -> str:
    """A workflow whose first step has a gate with these keys, from line 7 on and column 7."""
    lines = "".join(f"      {line}\n" for line in keys.splitlines())
    return f"name: a\nsteps:\n  - id: one\n    uses: set\n    with: {{x: 1, text: hello}}\n    gate:\n{lines}"


def in_step(keys: str) -> str:
    """A workflow whose only step is this, from line 3 on; keys begin in column 5."""
    first, *rest = keys.splitlines()
    return f"name: a\nsteps:\n  - {first}\n" + "".join(f"    {line}\n" for line in rest)


# -- what is right ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def full() -> Workflow:
    return compiled((FILES / "full.yaml").read_bytes())


def test_the_head_of_a_workflow_is_kept(full: Workflow) -> None:
    source = (FILES / "full.yaml").read_bytes()
    assert (full.name, full.title) == ("refund", "Refund a customer")
    assert full.description == "Looks the order up, waits a moment,\nand pays the money back."
    assert full.owner == "Sam@example.com"
    assert full.may_run == ("ann@example.com", "bob@example.com")
    assert list(full.inputs) == ["order", "amount", "note", "urgent", "boss"]
    assert full.inputs["note"] == Field(type=FieldType.LONG_TEXT)
    assert full.inputs["amount"].currency == "EUR"
    assert full.source == source
    assert full.hash == hashlib.sha256(source).hexdigest()


def test_steps_keep_their_order_and_their_keys(full: Workflow) -> None:
    assert [(step.id, step.index, step.kind.name) for step in full.steps] == [
        ("lookup", 0, "http"),
        ("pause", 1, "wait"),
        ("letter", 2, "set"),
        ("pay", 3, "http"),
        ("receipt", 4, "http"),
        ("quiet", 5, "set"),
    ]
    lookup, pause, letter, pay, _, quiet = full.steps
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
    assert (letter.on_error, letter.retry, letter.label) == (OnError.STOP, RetryPolicy(), "letter")
    assert quiet.gate is None


def test_parameters_keep_exact_values(full: Workflow) -> None:
    value = full.step("pay").params.value
    assert isinstance(value, dict)
    assert isinstance(value["json"], dict)
    assert value["json"]["fee"] == Decimal("1.50")
    assert str(value["json"]["fee"]) == "1.50"


def test_a_gate_keeps_every_key(full: Workflow) -> None:
    gate = full.step("pay").gate
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


def test_a_gate_after_a_step_may_name_its_output(full: Workflow) -> None:
    gate = full.step("receipt").gate
    assert gate is not None
    assert gate.at is ReviewPoint.AFTER
    assert gate.edit == {"body": Field(type=FieldType.JSON)}
    assert [template.source for template in gate.approvers] == ["owner"]


def test_a_gate_that_is_just_true_takes_every_default(full: Workflow) -> None:
    gate = full.step("letter").gate
    assert gate is not None
    assert (gate.at, gate.approvers, gate.edit, gate.approve_label) == (ReviewPoint.BEFORE, (), None, "Approve")
    assert (gate.when, gate.expires, gate.on_expiry) == (None, None, OnExpiry.STOP)


@pytest.mark.parametrize("edit", ["[]", "{}"])
def test_no_fields_to_edit_is_not_the_default(edit: str) -> None:
    gate = compiled(in_gate(f"edit: {edit}")).steps[0].gate
    assert gate is not None
    assert gate.edit == {}


def test_the_title_of_a_workflow_defaults_to_its_name() -> None:
    assert compiled(in_step("id: a\nuses: set")).title == "a"


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
def test_what_a_gate_may_say(gate: str) -> None:
    zero = "name: a\nsteps:\n  - {id: zero, uses: set, with: {a: 1}}\n"
    compiled(in_gate(gate).replace("name: a\nsteps:\n", zero))


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
def test_what_an_expression_will_give_is_not_judged_by_the_file(step: str) -> None:
    compiled(in_step(step) + "inputs: {u: json}\n")


# -- what is not there yet ----------------------------------------------------------------------------------


def test_the_example_of_the_format_needs_exactly_what_is_not_there_yet() -> None:
    assert [(p.line, p.column, p.path, p.message) for p in problems((FILES / "outreach.yaml").read_bytes())] == [
        (9, 1, "triggers", "`triggers` is not available yet."),
        (20, 11, "steps[1].uses", "`uses: ai` is not available yet."),
    ]


GATE_NOT_YET = {
    "policy": ["all", "{quorum: 1}", "{chain: [[a@example.com], [owner]]}"],
    "exclude": ["[editor]"],
    "on_expiry": ["escalate"],
    "escalate": ["{after: 4h, to: a@example.com}"],
    "remind": ["{after: 4h, every: 1d, times: 3}", "{after: 4h}"],
    "hours": ["true"],
    "channels": ["[slack, email]", '[{post_to: "#sales"}]'],
    "assurance": ["sso"],
    "feedback": ["true"],
    "revise": ["zero"],
    "revise_limit": ["3"],
    "hold": ["5m"],
}


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, values in GATE_NOT_YET.items() for value in values])
def test_every_key_that_is_not_there_yet_says_so(key: str, value: str) -> None:
    needed = {"on_expiry": "escalate: {after: 4h, to: a@example.com}\n", "revise_limit": "revise: zero\n"}.get(key, "")
    zero = "name: a\nsteps:\n  - {id: zero, uses: set, with: {a: 1}}\n"
    source = in_gate(f"{needed}expires: 5d\n{key}: {value}").replace("name: a\nsteps:\n", zero)
    found = [problem for problem in problems(source) if problem.path == f"steps[1].gate.{key}"]
    assert len(found) == 1
    assert found[0].message in (f"`{key}` is not available yet.", f"`{key}: {value}` is not available yet.")
    assert found[0].column == 7


def test_the_table_above_is_complete() -> None:
    assert set(GATE_NOT_YET) == set(AVAILABLE_VALUES["gate"])


@pytest.mark.parametrize(
    "written",
    [
        "remind: 1h",
        "remind: {after: soon}",
        "remind:",
        "escalate: 1h",
        "escalate: {after: 4h}",
        "hold: 5",
        "hours: on",
        "channels: slak",
        "exclude: requester",
        "feedback: please",
        "policy: {quorum: two}",
    ],
)
def test_what_is_not_there_is_said_alone_whatever_it_looks_like(written: str) -> None:
    (problem,) = problems(in_gate(written))
    assert problem.message == f"`{written.partition(':')[0]}` is not available yet."


@pytest.mark.parametrize(
    ("source", "told"),
    [
        (in_gate("on_expiry: escalate"), "`on_expiry: escalate` is not available yet. "
         "So far it can be `stop`, `continue` or `reject`."),
        (in_gate("assurance: sms"), "This must be `link` or `code`, not `sms`."),
        (in_gate("assurance: cod"), "This must be `link` or `code`, not `cod`. Did you mean `code`?"),
        (in_gate("assurance: [link]"), "This must be `link` or `code`, not a list."),
        (in_gate("remint: 1h"), "A gate has no key `remint`. `remind` is not available yet."),
        (in_gate("expire: 1h"), "A gate has no key `expire`. Did you mean `expires`?"),
        (in_step("id: a\nuses: set\nremind: 1h"), "`remind` is not available yet."),
        (in_step("id: a\nuses: form\nfields: {x: text}\nescalate: 1h"), "`escalate` is not available yet."),
        (in_step("id: a\nuses: set") + "triggers: {cron: 0 9 * * mon}\n", "`triggers` is not available yet."),
        (in_step("id: a\nuses: runn"), "there are `email`, `form`, `http`, `message`, `odd`, `page`, `set` and `wait`. "
         "`run` is not available yet."),
    ],
)  # fmt: skip
def test_no_suggestion_leads_to_what_is_not_there(source: str, told: str) -> None:
    (problem,) = problems(source)
    assert f"{problem.message} {problem.hint}".strip().endswith(told)


def test_the_keys_that_are_listed_are_there() -> None:
    (problem,) = problems(in_gate("xyz: 1"))
    assert "`expires`" in problem.hint
    assert not [
        key for key, available in AVAILABLE_VALUES["gate"].items() if not available and f"`{key}`" in problem.hint
    ]


def test_a_kind_that_somebody_brings_is_available() -> None:
    source = in_step("id: a\nuses: ai\nwith: {to: x}").encode()
    page = Page()
    assert load(source, kinds=KINDS | {"ai": page}).steps[0].kind is page


def test_a_form_has_the_keys_of_a_gate_on_the_step() -> None:
    found = problems(
        in_step(
            "id: ask\nuses: form\nfields: {a: text, B: text}\napprovers: [owner]\nexpires: 2d\nedit: [a]\n"
            'title: "{{ inputs.gone }}"\ngate: true\nwen: true'
        )
    )
    assert [problem.path for problem in found] == [
        "steps[0].fields.B",
        "steps[0].edit",
        "steps[0].title",
        "steps[0].gate",
        "steps[0].wen",
    ]


def test_a_form_asks_for_its_fields() -> None:
    workflow = compiled(
        in_step(
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
    assert form.label == "ask"
    assert {name: field.type for name, field in (form.gate.edit or {}).items() if field} == {
        "why": "text",
        "days": "integer",
    }
    assert (form.gate.approve_label, form.gate.reject_label) == ("Submit", "Reject")
    unknown = problems(
        in_step("id: ask\nuses: form\nfields: {why: text}")
        + "  - {id: next, uses: set, with: {x: '{{ steps.ask.wy }}'}}\n"
    )
    assert "wy" in unknown[0].message


@pytest.mark.parametrize("key", ["with: {a: 1}", "edit: [why]", "at: after", "retry: {attempts: 2}", "timeout: 1m"])
def test_what_has_no_meaning_on_a_form_is_refused(key: str) -> None:
    found = problems(in_step(f"id: ask\nuses: form\nfields: {{why: text}}\n{key}"))
    name = key.partition(":")[0]
    assert [(one.path, one.message) for one in found] == [
        (f"steps[0].{name}", f"`{name}` has no meaning on a `form` step; delete it.")
    ]


def test_a_form_goes_on_unanswered_only_where_nothing_would_be_missing() -> None:
    fields = "{why: text, note: {type: text, required: false}}"
    form = f"id: ask\nuses: form\nexpires: 1d\non_expiry: continue\nfields: {fields}"
    (found,) = problems(in_step(form))
    assert (found.path, found.message) == (
        "steps[0].on_expiry",
        "The run could not go on without an answer: `why` would be missing.",
    )
    compiled(in_step(form.replace("why: text", "why: {type: text, default: none}")))


@pytest.mark.parametrize(
    "people", ["approvers: 'group:finance-approvers'", "approvers: ['group:@sales', U012AB3CD, '<@W012AB3CD|sam>']"]
)
def test_people_of_slack_may_be_asked(people: str) -> None:
    compiled(in_gate(people))


def test_people_of_slack_may_own_and_start() -> None:
    workflow = compiled(in_step("id: a\nuses: set") + "owner: U012AB3CD\nmay_run: [owner, 'group:sales', U012AB3CD]\n")
    assert workflow.owner == "U012AB3CD"
    assert workflow.may_run == ("owner", "group:sales", "U012AB3CD")


# -- what is wrong ------------------------------------------------------------------------------------------

SECRETS = "Secrets are used only in `body`, `headers` and `json` of `http` steps; people would see it here."

WRONG: list[tuple[str, int, int, str, str]] = [
    # the head
    ("- a\n", 1, 1, "", "A workflow file is a mapping"),
    ("name: a\n", 1, 1, "steps", "A workflow needs the key `steps`"),
    ("name: a\nsteps: []\n", 2, 8, "steps", "This needs at least 1 entry"),
    ("name: a\nsteps:\n", 2, 1, "steps", "`steps` has no value. Give it one, or delete the line"),
    ("name: a\nstep: []\n", 2, 1, "step", "has no key `step`. Did you mean `steps`?"),
    (in_step("id: a\nuses: set").replace("name: a", "name: My flow"), 1, 7, "name", "Write `my-flow`"),
    (
        in_step("id: a\nuses: set").replace("name: a", "name: 5"),
        1,
        7,
        "name",
        'must be text, not the number 5. Put it in quotes: "5"',
    ),
    (in_step("id: a\nuses: set") + "title: ''\n", 5, 8, "title", "may not be empty"),
    (in_step("id: a\nuses: set") + "title: '{{ x }}'\n", 5, 8, "title", "expressions do not work here"),
    (in_step("id: a\nuses: set") + f"title: {'x' * 151}\n", 5, 8, "title", "at most 150 characters long; it has 151"),
    (in_step("id: a\nuses: set") + 'title: "a\\nb"\n', 5, 8, "title", "must be one line"),
    (in_step("id: a\nuses: set") + "owner: bob\n", 5, 8, "owner", "`bob` names nobody"),
    (in_step("id: a\nuses: set") + "owner: 'group:x'\n", 5, 8, "owner", "The owner is one person"),
    (in_step("id: a\nuses: set") + "may_run: []\n", 5, 10, "may_run", "Nobody could start this workflow"),
    (in_step("id: a\nuses: set") + "may_run: [requester]\n", 5, 11, "may_run[0]", "known before it runs"),
    (in_step("id: a\nuses: set") + "may_run: role:cfo\n", 5, 10, "may_run", "`role:cfo` is not available yet"),
    # inputs
    (in_step("id: a\nuses: set") + "inputs: {Who: text}\n", 5, 10, "inputs.Who", "Write `who`"),
    (in_step("id: a\nuses: set") + "inputs: {a-b: text}\n", 5, 10, "inputs.a-b", "Use `_` instead of `-`: `a_b`"),
    (in_step("id: a\nuses: set") + "inputs: {w: txt}\n", 5, 13, "inputs.w", "did you mean text"),
    (in_step("id: a\nuses: set") + "inputs: {w: {typ: text}}\n", 5, 14, "inputs.w.typ", "Did you mean `type`?"),
    (
        in_step("id: a\nuses: set") + "inputs: {w: {type: number, default: x}}\n",
        5,
        37,
        "inputs.w.default",
        "The default must be a number",
    ),
    (
        in_step("id: a\nuses: set") + "inputs: {w: {type: text, default: '{{ x }}'}}\n",
        5,
        35,
        "inputs.w.default",
        "expressions do not work here",
    ),
    (
        in_step("id: a\nuses: set") + "inputs: {w: {type: choice, options: [a, '{{ x }}']}}\n",
        5,
        41,
        "inputs.w.options[1]",
        "expressions do not work here",
    ),
    # steps
    (
        in_step("id: a\nuses: htp"),
        4,
        11,
        "steps[0].uses",
        "There is no kind of step `htp`; there are `email`, `form`, `http`, `message`, `odd`, `page`, "
        "`set` and `wait`. "
        "Did you mean `http`?",
    ),
    (in_step("id: a\nuses: emial"), 4, 11, "steps[0].uses", "Did you mean `email`?"),
    (in_step("id: a-b\nuses: set"), 3, 9, "steps[0].id", "Use `_` instead of `-`: `a_b`"),
    (in_step("id: a"), 3, 5, "steps[0].uses", "A step needs the key `uses`"),
    (in_step("uses: set"), 3, 5, "steps[0].id", "A step needs the key `id`"),
    (in_step("id: a\nuses: set").replace("- id: a", "- id:a"), 3, 8, "", "Put a space after the colon"),
    ("name: a\nsteps:\n  - id:a\n", 3, 5, "steps[0]", "Put a space after the colon"),
    (in_step("id: a\nuses: set") + "  - {id: a, uses: set}\n", 5, 10, "steps[1].id", "The id `a` is taken by steps[0]"),
    (in_step("id: a\nuses: set\nwehn: true"), 5, 1 + 4, "steps[0].wehn", "Did you mean `when`?"),
    (in_step("id: a\nuses: set\nexpires: 2d"), 5, 5, "steps[0].expires", "Write it under `gate`"),
    (in_step("id: a\nuses: set\napprovers: owner"), 5, 5, "steps[0].approvers", "Write it under `gate`"),
    (
        in_step("id: a\nuses: set\nwhen: yes"),
        5,
        11,
        "steps[0].when",
        "Write true or false here, without quotes, not `yes`",
    ),
    (in_step("id: a\nuses: set\nwhen: inputs.x > 3"), 5, 11, "steps[0].when", 'Put it in braces: "{{ inputs.x > 3 }}"'),
    (
        in_step("id: a\nuses: set\nwhen: yes please"),
        5,
        11,
        "steps[0].when",
        '`yes please` is no condition. Write it like "{{ inputs.amount | number > 100 }}".',
    ),
    (
        in_step("id: a\nuses: set\nwhen: please"),
        5,
        11,
        "steps[0].when",
        '`please` is no condition. Write it like "{{ inputs.amount | number > 100 }}".',
    ),
    (
        in_step("id: a\nuses: set\nwhen: '{{ 1 + 1 }}'"),
        5,
        11,
        "steps[0].when",
        "A condition needs true or false, but the value is a number. Compare it with a number, such as `> 0`.",
    ),
    (
        in_step("id: a\nuses: set\nwhen: '{{ true }} or so'"),
        5,
        11,
        "steps[0].when",
        "A condition is one whole expression",
    ),
    (in_step("id: a\nuses: set\nwhen: {{ inputs.x }}"), 5, 11, "steps[0].when", 'Put the value in quotes: "{{ … }}"'),
    (in_step("id: a\nuses: set\nwhen: '{{ 1 + }}'"), 5, 11, "steps[0].when", "This expression cannot be read"),
    (in_step("id: a\nuses: set\nretry: 3"), 5, 12, "steps[0].retry", "must be a mapping, not the number 3"),
    (in_step("id: a\nuses: set\nretry: {attempts: 21}"), 5, 23, "steps[0].retry.attempts", "at most 20"),
    (
        in_step("id: a\nuses: set\nretry: {attempts: '2'}"),
        5,
        23,
        "steps[0].retry.attempts",
        "must be a whole number, not the text `2`",
    ),
    (in_step("id: a\nuses: set\nretry: {attempt: 2}"), 5, 13, "steps[0].retry.attempt", "Did you mean `attempts`?"),
    (in_step("id: a\nuses: set\ntimeout: 2h"), 5, 14, "steps[0].timeout", "at most 1h"),
    (in_step("id: a\nuses: set\ntimeout: 30"), 5, 14, "steps[0].timeout", "a duration with its unit"),
    (in_step("id: a\nuses: set\nidempotent: yes"), 5, 17, "steps[0].idempotent", "Write true or false here, not `yes`"),
    (in_step("id: a\nuses: set\non_error: ask"), 5, 5, "steps[0].on_error", "`on_error: ask` is not available yet"),
    (
        in_step("id: a\nuses: set\non_error: halt"),
        5,
        15,
        "steps[0].on_error",
        "must be `stop` or `continue`, not `halt`",
    ),
    (in_step("id: a\nuses: set\ngate: yes"), 5, 11, "steps[0].gate", "A gate is `true` or a mapping"),
    (in_step("id: a\nuses: set\ngate:"), 5, 5, "steps[0].gate", "`gate` has no value"),
    # parameters
    (in_step("id: a\nuses: http"), 3, 5, "steps[0].with.url", "The `with` of `http` needs the key `url`"),
    (
        in_step("id: a\nuses: http\nwith: {url: https://x, methd: GET}"),
        5,
        28,
        "steps[0].with.methd",
        "Did you mean `method`?",
    ),
    (
        in_step("id: a\nuses: http\nwith: {url: https://x, method: GTE}"),
        5,
        36,
        "steps[0].with.method",
        "Did you mean `GET`?",
    ),
    (in_step("id: a\nuses: http\nwith: {url: 5}"), 5, 17, "steps[0].with.url", "must be text, not the number 5"),
    (
        in_step("id: a\nuses: http\nwith: {url: https://x, headers: {A: [1]}}"),
        5,
        41,
        "steps[0].with.headers.A",
        "must be text, not a list",
    ),
    (
        in_step("id: a\nuses: http\nwith: {url: https://x, headers: {Host: y}}"),
        5,
        37,
        "steps[0].with.headers",
        "is set by Signoff itself",
    ),
    (
        in_step("id: a\nuses: http\nwith: {url: https://x, query: {a: [1]}}"),
        5,
        39,
        "steps[0].with.query.a",
        "must be text, true or false, or a number, not a list",
    ),
    (
        in_step("id: a\nuses: http\nwith: {url: ftp://x}"),
        5,
        17,
        "steps[0].with.url",
        "This address must begin with https:// and a host.",
    ),
    (
        in_step("id: a\nuses: http\nwith: {url: 'https://me@{{ 1 }}.x/'}"),
        5,
        17,
        "steps[0].with.url",
        "send an Authorization header",
    ),
    (in_step("id: a\nuses: http\nwith: {url: https://h:99999/}"), 5, 17, "steps[0].with.url", "cannot be read"),
    (in_step("id: a\nuses: http\nwith: {url: https://x, json: 1, body: y}"), 5, 11, "steps[0].with", "not both"),
    (in_step("id: a\nuses: wait\nwith: {for: soon}"), 5, 17, "steps[0].with.for", "is not a duration"),
    (in_step("id: a\nuses: wait\nwith: {for: 5}"), 5, 17, "steps[0].with.for", "must be a duration with its unit"),
    (in_step("id: a\nuses: wait\nwith: {until: [1]}"), 5, 19, "steps[0].with.until", "must be a time, like 2026-"),
    (in_step("id: a\nuses: wait"), 3, 5, "steps[0].with", "exactly one of"),
    (in_step("id: a\nuses: page\nwith: {to: x, levle: 1}"), 5, 19, "steps[0].with.levle", "Did you mean `level`?"),
    (in_step('id: a\nuses: set\nwith: {"{{ x }}": 1}'), 5, 12, "steps[0].with.{{ x }}", "not in keys"),
    (in_step("id: a\nuses: set\nwith: {x: '{{ inputs.y }'}"), 5, 15, "steps[0].with.x", "Every `{{` needs its `}}`"),
    # waiting
    (in_step("id: a\nuses: wait\nwith: {for: 1h}\ngate: true"), 6, 5, "steps[0].gate", "there is nothing to review"),
    (
        in_step("id: a\nuses: wait\nwith: {for: 1h}\nretry: {attempts: 2}"),
        6,
        5,
        "steps[0].retry",
        "no meaning on a `wait` step",
    ),
    (in_step("id: a\nuses: wait\nwith: {for: 1h}\nidempotent: true"), 6, 5, "steps[0].idempotent", "no meaning"),
    (in_step("id: a\nuses: wait\nwith: {for: 1h}\ntimeout: 1m"), 6, 5, "steps[0].timeout", "no meaning"),
    # gates
    (in_gate("wen: true"), 7, 7, "steps[0].gate.wen", "Did you mean `when`?"),
    (in_gate("approver: owner"), 7, 7, "steps[0].gate.approver", "Did you mean `approvers`?"),
    (in_gate("on_error: stop"), 7, 7, "steps[0].gate.on_error", "Write it on the step"),
    (in_gate("at: befor"), 7, 11, "steps[0].gate.at", "Did you mean `before`?"),
    (in_gate("approve_label: ''"), 7, 22, "steps[0].gate.approve_label", "may not be empty"),
    (in_gate("approve_label: ' '"), 7, 22, "steps[0].gate.approve_label", "may not be empty"),
    (in_gate(f"reject_label: {'x' * 76}"), 7, 21, "steps[0].gate.reject_label", "at most 75 characters"),
    (in_gate("approve_label: '{{ run.id }}'"), 7, 22, "steps[0].gate.approve_label", "expressions do not work here"),
    (in_gate(f"title: {'x' * 151}"), 7, 14, "steps[0].gate.title", "at most 150 characters"),
    (in_gate("title: |\n  a\n  b"), 7, 14, "steps[0].gate.title", "must be one line"),
    (in_gate(f"reason: {'x' * 501}"), 7, 15, "steps[0].gate.reason", "at most 500 characters"),
    (in_gate(f"confirm: {'x' * 301}"), 7, 16, "steps[0].gate.confirm", "at most 300 characters"),
    (in_gate("expires: 5"), 7, 16, "steps[0].gate.expires", "a duration with its unit, like 90s"),
    (in_gate("expires: 5 days"), 7, 16, "steps[0].gate.expires", "is not a duration"),
    (in_gate("on_expiry: stop"), 7, 7, "steps[0].gate.on_expiry", "`on_expiry` never happens without `expires`"),
    (
        in_gate("reason_required: maybe"),
        7,
        24,
        "steps[0].gate.reason_required",
        "must be `reject`, `always` or `never`",
    ),
    (in_gate("approvers: [bob]"), 7, 19, "steps[0].gate.approvers[0]", "`bob` names nobody"),
    (in_gate("approvers: bob@nowhere"), 7, 18, "steps[0].gate.approvers", "names nobody"),
    (in_gate("approvers: [Owner]"), 7, 19, "steps[0].gate.approvers[0]", "Write `owner`"),
    (in_gate("approvers: [5]"), 7, 19, "steps[0].gate.approvers[0]", "must be text"),
    (in_gate("approvers: [{a: b}]"), 7, 19, "steps[0].gate.approvers[0]", "must be text, not a mapping"),
    (in_gate("approvers: ['group:the sales']"), 7, 19, "steps[0].gate.approvers[0]", "`group:the sales` names nobody"),
    (in_gate("approvers: role:cfo"), 7, 18, "steps[0].gate.approvers", "`role:cfo` is not available yet"),
    (in_gate("approvers: ['{{ inputs.boss }}']"), 7, 19, "steps[0].gate.approvers[0]", "There is no input `boss`"),
    (in_gate("policy: most"), 7, 15, "steps[0].gate.policy", "must be `any`, not `most`"),
    (
        in_gate("email: never\nfallback_after: 5m"),
        8,
        7,
        "steps[0].gate.fallback_after",
        "never happens with `email: never`",
    ),
    (in_gate("show: [hello]"), 7, 14, "steps[0].gate.show[0]", "This line needs a label"),
    (in_gate("show: ['{{ 1 + 1 }}']"), 7, 14, "steps[0].gate.show[0]", "This line needs a label"),
    (in_gate("show: [{label: x}]"), 7, 14, "steps[0].gate.show[0].value", "`show[0]` needs the key `value`"),
    (in_gate("show: [{label: x, valeu: y, value: z}]"), 7, 25, "steps[0].gate.show[0].valeu", "Did you mean `value`?"),
    # what may be edited
    (in_gate("edit: x"), 7, 13, "steps[0].gate.edit", "must be a list of fields"),
    (in_gate("edit: [y]"), 7, 14, "steps[0].gate.edit[0]", "no parameter `y` to edit. There are `x` and `text`"),
    (in_gate("edit: [txt]"), 7, 14, "steps[0].gate.edit[0]", "Did you mean `text`?"),
    (in_gate("edit: [x.y]"), 7, 14, "steps[0].gate.edit[0]", "no parameter `x.y` to edit"),
    (in_gate("edit: [x, x]"), 7, 17, "steps[0].gate.edit[1]", "`x` stands here twice"),
    (in_gate("edit: [{a: text, b: text}]"), 7, 14, "steps[0].gate.edit[0]", "An entry of `edit` is"),
    (in_gate("edit: [{x: text}]"), 7, 18, "steps[0].gate.edit[0].x", "does not fit the type text: it must be text"),
    (in_gate("edit: {x: txt}"), 7, 17, "steps[0].gate.edit.x", "did you mean text"),
    (in_gate("at: after\nedit: [y]"), 8, 14, "steps[0].gate.edit[0]", "The step has no output `y` to edit"),
    (
        in_step("id: a\nuses: set\nwith: {p: {q: 1}}\ngate: {edit: [p, p.q]}"),
        6,
        22,
        "steps[0].gate.edit[1]",
        "`p.q` lies inside `p`",
    ),
    (
        in_step("id: a\nuses: set\nwith: {p: {q: [1]}}\ngate: {edit: [p.q.1]}"),
        6,
        19,
        "steps[0].gate.edit[0]",
        "Did you mean `p.q.0`?",
    ),
    *(
        (
            in_step(
                "id: a\nuses: http\nwith: {url: https://x, json: {k: {s: '{{ secret.KEY }}'}}}\n"
                f"gate: {{edit: [{path}]}}"
            ),
            6,
            19,
            "steps[0].gate.edit[0]",
            f"`{path}` contains a secret and can never be edited",
        )
        for path in ("json", "json.k", "json.k.s", "json.k.s.t")
    ),
    # references
    (
        in_gate("title: '{{ inputs.x }}'") + "inputs: {xy: text}\n",
        7,
        14,
        "steps[0].gate.title",
        "There is no input `x`. Did you mean `xy`?",
    ),
    (
        in_gate("title: '{{ inputs.x.y }}'") + "inputs: {x: text}\n",
        7,
        14,
        "steps[0].gate.title",
        "The input `x` has no `y`; it is of the type text",
    ),
    (
        in_gate("title: '{{ inputs.x.amout }}'") + "inputs: {x: money}\n",
        7,
        14,
        "steps[0].gate.title",
        "Money has `amount` and `currency`",
    ),
    (in_gate("title: '{{ steps.one.x }}'"), 7, 14, "steps[0].gate.title", "`one` is this step itself"),
    (
        in_gate("at: after\ntitle: '{{ steps.one.y }}'"),
        8,
        14,
        "steps[0].gate.title",
        "The step `one` (`set`) has no output `y`",
    ),
    (
        in_gate("title: '{{ steps.two.x }}'") + "  - {id: two, uses: set}\n",
        7,
        14,
        "steps[0].gate.title",
        "The step `two` comes later",
    ),
    (in_gate("title: '{{ steps.six.x }}'"), 7, 14, "steps[0].gate.title", "There is no step `six`"),
    (
        in_gate("title: '{{ run.name }}'"),
        7,
        14,
        "steps[0].gate.title",
        "`run` has no `name`. It has `id`, `requester`, `started_at` and `workflow`",
    ),
    (in_gate("title: '{{ input.x }}'"), 7, 14, "steps[0].gate.title", "There is no `input`. Did you mean `inputs`?"),
    (in_gate("title: '{{ one.x }}'"), 7, 14, "steps[0].gate.title", "Did you mean `steps.one`?"),
    (
        in_gate("title: '{{ who | default(1) }}'") + "inputs: {who: text}\n",
        7,
        14,
        "steps[0].gate.title",
        "Did you mean `inputs.who`?",
    ),
    (in_gate("title: '{{ review.comment }}'"), 7, 14, "steps[0].gate.title", "`review` is not available yet"),
    (in_step("id: a\nuses: set\nwith: {x: '{{ steps.a.x }}'}"), 5, 15, "steps[0].with.x", "this step itself"),
    (
        in_step("id: a\nuses: wait\nwith: {for: 1h}") + "  - {id: b, uses: set, with: {x: '{{ steps.a.y }}'}}\n",
        6,
        34,
        "steps[1].with.x",
        "This kind of step has no output",
    ),
    (
        in_step("id: a\nuses: set") + "  - {id: b, uses: set, with: {x: '{{ steps.a.error }}'}}\n",
        5,
        34,
        "steps[1].with.x",
        "With `on_error: continue`",
    ),
    # secrets
    (
        in_step("id: a\nuses: http\nwith: {url: 'https://x.example/{{ secret.KEY }}'}"),
        5,
        17,
        "steps[0].with.url",
        SECRETS,
    ),
    (in_step("id: a\nuses: set\nwith: {x: '{{ secret.KEY }}'}"), 5, 15, "steps[0].with.x", SECRETS),
    (
        in_step("id: a\nuses: http\nwith: {url: https://x, body: '{{ secret.key }}'}"),
        5,
        34,
        "steps[0].with.body",
        "`key` is no name of a secret",
    ),
    *(
        (in_gate(f"{key}: {value}"), 7, 9 + len(key), f"steps[0].gate.{key}", SECRETS)
        for key, value in (
            ("title", "'{{ secret.KEY }}'"),
            ("reason", "'{{ secret.KEY }}'"),
            ("confirm", "'{{ secret.KEY }}'"),
            ("when", "'{{ secret.KEY }}'"),
            ("approvers", "'{{ secret.KEY }}'"),
        )
    ),
    (in_gate("show: ['{{ secret.KEY }}']"), 7, 14, "steps[0].gate.show[0]", SECRETS),
]

# What is wrong in what is not there yet: told as soon as it is.
LATER: list[tuple[str, int, int, str, str]] = [
    (
        in_step("id: a\nuses: set") + "triggers: [{webhook: {secret: HOOK}, missed: once}]\n",
        5,
        12,
        "triggers[0]",
        "are for a schedule",
    ),
    (in_step("id: a\nuses: set") + "triggers: [{schedule: daily}]\n", 5, 23, "triggers[0].schedule", "five fields"),
    (
        in_step("id: a\nuses: set") + 'triggers: [{schedule: "0 9 * * mon", timezone: Mars}]\n',
        5,
        48,
        "triggers[0].timezone",
        "no time zone `Mars`",
    ),
    (
        in_step("id: a\nuses: set") + "triggers: [{missed: once}]\n",
        5,
        12,
        "triggers[0]",
        "either `schedule` or `webhook`",
    ),
    (
        in_step("id: a\nuses: set") + "triggers: [{webhook: {secret: x}}]\n",
        5,
        31,
        "triggers[0].webhook.secret",
        "name of a secret",
    ),
    (in_gate("hours: on"), 7, 14, "steps[0].gate.hours", "Write true or false here, not `on`"),
    (in_gate("hours: true"), 7, 7, "steps[0].gate.hours", "needs a clock"),
    (
        in_gate("policy: {quorum: 3}\napprovers: [a@example.com, b@example.com]"),
        7,
        16,
        "steps[0].gate.policy.quorum",
        "A quorum of 3 can never come together from 2",
    ),
    (in_gate("policy: {quorum: two}"), 7, 24, "steps[0].gate.policy.quorum", "must be a whole number"),
    (in_gate("policy: {quorom: 2}"), 7, 16, "steps[0].gate.policy.quorom", "Did you mean `quorum`?"),
    (in_gate("policy: {}"), 7, 15, "steps[0].gate.policy", "write one of them"),
    (in_gate("exclude: [requestr]"), 7, 17, "steps[0].gate.exclude[0]", "Did you mean `requester`?"),
    (in_gate("exclude: [requester]\napprovers: requester"), 7, 7, "steps[0].gate.exclude", "Nobody could decide"),
    (
        in_gate("expires: 2d\nescalate: {after: 3d, to: owner}"),
        8,
        18,
        "steps[0].gate.escalate.after",
        "the request has expired before",
    ),
    (in_gate("expires: 2d\nremind: {after: 2d}"), 8, 16, "steps[0].gate.remind.after", "`remind` never happens"),
    (in_gate("remind: {after: 2d, times: 3}"), 7, 27, "steps[0].gate.remind.times", "Only the first reminder"),
    (in_gate("expires: 2d\non_expiry: escalate"), 8, 7, "steps[0].gate.on_expiry", "needs `escalate`"),
    (in_gate("revise_limit: 3"), 7, 7, "steps[0].gate.revise_limit", "never counts without `revise`"),
    (in_gate("revise: one"), 7, 7 + 8, "steps[0].gate.revise", "names an earlier step"),
    (in_gate("channels: [slak]"), 7, 18, "steps[0].gate.channels[0]", "Did you mean `slack`?"),
    (in_gate("channels: [{post_to: sales}]"), 7, 28, "steps[0].gate.channels[0].post_to", "must be a Slack channel"),
]


@pytest.mark.parametrize(("source", "line", "column", "path", "fragment"), WRONG, ids=[row[0][-40:] for row in WRONG])
def test_a_problem_says_where_it_is_and_what_to_do(
    source: str, line: int, column: int, path: str, fragment: str
) -> None:
    found = problems(source)
    told = [problem for problem in found if fragment in f"{problem.message} {problem.hint}".strip()]
    assert told, found
    assert (told[0].line, told[0].column, told[0].path) == (line, column, path)
    # What follows from one mistake is not told as another one.
    others = [problem for problem in found if problem not in told]
    assert not others or fragment in (SECRETS, "This line needs a label") or "not available" in str(others), others


@pytest.mark.parametrize(("source", "line", "column", "path", "fragment"), LATER, ids=[row[0][-40:] for row in LATER])
def test_a_problem_in_what_will_be_there_is_told_once_it_is(
    source: str, line: int, column: int, path: str, fragment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert all("not available" in problem.message for problem in problems(source))
    monkeypatch.setattr(unsupported, "AVAILABLE_VALUES", {part: {} for part in AVAILABLE_VALUES})
    (told,) = problems(source)
    assert fragment in f"{told.message} {told.hint}"
    assert (told.line, told.column, told.path) == (line, column, path)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("on: soon", "This must be a date, like 2026-01-31, not the text `soon`."),
        ("at: soon", "This must be a date and time, like 2026-01-31T09:00:00Z, not the text `soon`."),
        ("link: nowhere", "This must be an address, like https://example.com/page, not the text `nowhere`."),
        (
            "link: 'ftp://x.example'",
            "This must be an address, like https://example.com/page, not the text `ftp://x.example`.",
        ),
        ("color: rde", "This must be `red`, not `rde`. Did you mean `red`?"),
        ("color: ''", "This must be `red`, not an empty text."),
        ("color: true", "This must be `red`, not `true`."),
        ("price: x", "This must be a number, not the text `x`."),
        ("price: 12.345", "This may have at most 3 digits."),
        ("price: 0", "This must be more than 0."),
        ("price: 50", "This must be less than 50."),
        ("name: a", "This needs at least 2 characters."),
        ("name: abcde", "This may be at most 4 characters long."),
        ("name: AB", "This text does not match the pattern `^[a-z]*$`."),
        ("name: 1.50", 'This must be text, not the number 1.50. Put it in quotes: "1.50".'),
        ("name: true", 'This must be text, not `true`. Put it in quotes: "true".'),
        ("some: [1]", "This needs at least 2 entries."),
        ("some: [1, 2, 3, 4]", "At most 3 entries may stand here."),
        ("each: 7", "This must be a multiple of 5."),
        ("each: 0", "This must be at least 5."),
        ("each: 95", "This must be at most 90."),
        ("either: {size: x}", "This must be a whole number, not the text `x`."),
        ("either: 5", "This must be a mapping, or a list, not the number 5."),
        ("either: a:b", "This must be a mapping, or a list, not the text `a:b`. Put a space after the colon."),
        ("by_name: {x: y}", "This must be a whole number, not the text `x`."),
        ("cls: x", "The value `x` cannot be used here."),
        ("took: soon", "This must be a duration, not the text `soon`."),
        ("att: soon", "The `with` of `odd` has no key `att`. Did you mean `at`?"),
    ],
)
def test_whatever_a_kind_asks_of_its_parameters_is_said_in_a_sentence(written: str, message: str) -> None:
    told = [
        f"{each.message} {each.hint}".strip() for each in problems(in_step(f"id: a\nuses: odd\nwith: {{{written}}}"))
    ]
    assert message in told


@pytest.mark.parametrize(
    ("source", "told"),
    [
        *(
            (in_gate(f"approvers: {written}"), f"Several people stand in one text. Write a list: [{people}].")
            for written, people in (
                ('"ada@example.com, ben@example.com"', "ada@example.com, ben@example.com"),
                ("[ada@example.com ben@example.com]", "ada@example.com, ben@example.com"),
                ("owner and group:sales", "owner, group:sales"),
            )
        ),
        (
            in_step("id: a\nuses: set") + "owner: ada@example.com; ben@example.com\n",
            "The owner is one person: write an email address or a Slack user id.",
        ),
        (in_step("id: a\nuses: set\nretry: 5"), "This must be a mapping, not the number 5. Write {attempts: 5}."),
        (
            in_step("id: a\nuses: set\nretry: yes"),
            "This must be a mapping, not the text `yes`. Write {attempts: 3}.",
        ),
        (
            in_step("id: a\nuses: http\nwith: {url: https://x, jsn: {b: 1}}\ngate: {edit: [json.b]}"),
            "The `with` of `http` has no key `jsn`. Did you mean `json`?",
        ),
    ],
)
def test_a_common_mistake_is_told_once_with_what_to_write(source: str, told: str) -> None:
    (problem,) = problems(source)
    assert f"{problem.message} {problem.hint}".strip() == told


def test_a_key_that_is_not_there_is_no_suggestion_to_edit() -> None:
    slip, edit = problems(in_step("id: a\nuses: http\nwith: {url: https://x, jsn: 1}\ngate: {edit: [amount]}"))
    assert "`jsn`" in slip.message
    assert edit.hint == "There is `url`."


@pytest.mark.parametrize(
    ("source", "fragment"),
    [
        (in_gate("show: ['{{ 1 + }}']"), "cannot be read"),
        (
            in_step("id: a\nuses: set") + "inputs: {" + "".join(f"k{n}: text, " for n in range(101)) + "}\n",
            "at most 100",
        ),
        (in_gate("title: '  '"), "may not be empty"),
        (in_step(f"id: a\nuses: set\n{'w' * 70}: true"), "has no key"),
        (in_step("id: a\nuses: set") + "x: *a\n" * 300, "stands here twice"),
    ],
)
def test_rarer_mistakes_are_told_too(source: str, fragment: str) -> None:
    assert any(fragment in problem.message for problem in problems(source))


def test_everything_wrong_is_told_at_once_and_in_order() -> None:
    found = problems(
        "name: Bad Name\n"
        "title: one\n"
        "title: two\n"
        "inputs:\n"
        "  a: txt\n"
        "  b: {type: choice}\n"
        "steps:\n"
        "  - id: one\n"
        "    uses: http\n"
        "    with: {url: '{{ inputs.c }}', methd: GET}\n"
        "    timeot: 5s\n"
        "    gate: {approvers: bob, title: '{{ steps.two.x }}'}\n"
        "  - id: two\n"
        "    uses: stet\n"
        "    retry: 3\n"
        "  - just text\n"
        "  - {id: three, uses: set, with: *x, when: '{{ steps.one.bdoy }}', gate: {expires: 1}}\n"
    )
    assert [(problem.line, problem.path) for problem in found] == [
        (1, "name"),
        (3, "title"),
        (5, "inputs.a"),
        (6, "inputs.b"),
        (10, "steps[0].with.url"),
        (10, "steps[0].with.methd"),
        (11, "steps[0].timeot"),
        (12, "steps[0].gate.approvers"),
        (12, "steps[0].gate.title"),
        (14, "steps[1].uses"),
        (15, "steps[1].retry"),
        (16, "steps[2]"),
        (17, "steps[3].with"),
        (17, "steps[3].gate.expires"),
    ]


def test_what_cannot_be_read_is_not_missed_elsewhere() -> None:
    found = problems(
        "name: a\ninputs: [x]\nsteps:\n"
        "  - {id: one, uses: set, with: [x]}\n"
        "  - {id: two, uses: http, with: 5}\n"
        "  - {id: 3, uses: set, with: {a: '{{ inputs.x }} {{ steps.one.x }} {{ steps.two.body }}'}}\n"
    )
    assert [problem.path for problem in found] == ["inputs", "steps[0].with", "steps[1].with", "steps[2].id"]


def test_more_than_a_hundred_problems_are_counted_not_listed() -> None:
    found = problems("name: a\nsteps: [{id: a, uses: set}]\n" + "".join(f"k{n}: 1\n" for n in range(150)))
    assert len(found) == 101
    assert found[-1].message == "There are 50 more problems from here on; correct these first."


def test_more_than_a_hundred_steps_are_refused() -> None:
    steps = "".join(f"  - {{id: s{n}, uses: set}}\n" for n in range(101))
    (problem,) = problems(f"name: a\nsteps:\n{steps}")
    assert (problem.line, problem.path) == (103, "steps[100]")


def test_no_sentence_speaks_pydantic() -> None:
    for source, *_ in WRONG:
        for problem in problems(source):
            text = f"{problem.message} {problem.hint}"
            assert "Input should" not in text
            assert "Value error" not in text
            assert problem.message.endswith((".", "?"))
            assert problem.message[0].isupper() or problem.message[0] in "`'"


def test_without_any_kind_that_uses_secrets_they_can_stand_nowhere() -> None:
    with pytest.raises(DefinitionError, match="Secrets cannot be used here"):
        load(in_step("id: a\nuses: page\nwith: {to: '{{ secret.KEY }}'}").encode(), kinds={"page": Page()})


# -- anything at all ----------------------------------------------------------------------------------------

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


def write(value: Any) -> str:
    """A value as flow YAML, by hand: PyYAML would write anchors."""
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
            return "[" + ", ".join(map(write, value)) + "]"
    return "{" + ", ".join(f"{write(key)}: {write(item)}" for key, item in value.items()) + "}"


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


@settings(max_examples=300)
@given(STEPS, st.dictionaries(KEYS, VALUES, max_size=4))
def test_any_tree_compiles_or_is_a_definition_error(steps: list[Value], rest: dict[str, Value]) -> None:
    source = write({"name": "a", **rest, "steps": steps}).encode(errors="surrogatepass")
    found = problems_or_none(source)
    assert found is None or found
    assert len({(p.line, p.column, p.message) for p in found or ()}) == len(found or ())
    assert sum(len(p.sentence()) for p in found or ()) < 200_000


@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda text: text.encode(errors="replace")))
def test_any_bytes_compile_or_are_a_definition_error(source: bytes) -> None:
    with pytest.raises(DefinitionError):
        load(source, kinds=KINDS)


def test_a_compiled_workflow_compares_and_copies() -> None:
    one = compiled(in_step("id: a\nuses: set"))
    assert replace(one, title="b").title == "b"
    with pytest.raises(KeyError):
        one.step("b")
