"""The rules of a request: opening, approvers, editable fields, the digest, decisions and edits."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.presentation import refusals
from engine import json_values, requests
from engine.domain import (
    SECRET_SHOWN,
    Address,
    AlreadyDecided,
    Cancelled,
    Changed,
    Expired,
    InvalidEdits,
    NotAnApprover,
    OnExpiry,
    Params,
    ReasonMissing,
    ReasonRequired,
    RequestState,
    ReviewPoint,
    SecretName,
    Verdict,
)
from engine.errors import InvalidValue, Tampered
from engine.fields import infer
from engine.json_values import Value
from engine.references import Reference
from engine.requests import MAX_NOTES, Ruling
from tests.support.copies import replace_fields
from tests.support.fakes import START
from tests.support.run_in_memory import EVE, KIM, LEE, RunInMemory, decide, opening_of, request_of

SECOND = timedelta(seconds=1)
SEND = """
- id: send
  uses: call
  with: {to: bank, text: Pay, headers: {token: "Bearer {{ secret.BANK }}"}}
  gate: {approvers: [lee@example.com]}
"""
GATED_STEP = "- {id: words, uses: set, with: {text: draft}, gate: {%s}}"


def open_gate(keys: str = "", **inputs: Value) -> Any:
    return opening_of(GATED_STEP % keys, **inputs)


# -- opening ------------------------------------------------------------------------------------------------


def test_a_gate_without_a_condition_always_opens() -> None:
    assert open_gate().notes == ()


def test_a_gate_whose_condition_is_false_does_not_open() -> None:
    run = RunInMemory.of(GATED_STEP % 'when: "{{ inputs.amount > 100 }}"', amount=5)
    run.proceed()
    assert "gate.passed" in run.kinds()
    assert run.last is not None
    assert run.last.opening is None


@pytest.mark.parametrize(
    "when", ["{{ inputs.amount > 100 }}", "{{ inputs.any.missing }}", "{{ inputs.any }}", "{{ inputs.any | first }}"]
)
def test_a_condition_that_cannot_be_evaluated_opens_the_gate_and_shows_why(when: str) -> None:
    opening = open_gate(f'when: "{when}"', amount=None, any=[1])
    assert len(opening.notes) == 1
    assert opening.notes[0].startswith("Signoff could not tell whether this needs approval: ")


def test_a_request_has_the_evaluated_texts_of_its_gate() -> None:
    opening = open_gate(
        'title: "Take {{ inputs.amount }}?", reason: "over {{ inputs.amount }}", '
        'confirm: "Sure about {{ inputs.amount }}?", '
        'show: [{label: Sum, value: "{{ inputs.amount }}"}, {label: None, value: "{{ inputs.any }}"}], '
        "approve_label: Take, reject_label: Leave, expires: 2d, on_expiry: reject, reason_required: always",
        amount=Decimal("2.50"),
    )
    assert opening.title == "Take 2.50?"
    assert opening.reason == "over 2.50"
    assert opening.confirm == "Sure about 2.50?"
    assert opening.show == (("Sum", "2.50"), ("None", "–"))
    assert (opening.approve_label, opening.reject_label) == ("Take", "Leave")
    assert (opening.expires_after, opening.on_expiry) == (timedelta(days=2), OnExpiry.REJECT)
    assert opening.reason_required is ReasonRequired.ALWAYS
    assert opening.digest == opening.subject.digest(opening.content)


def test_a_text_that_cannot_be_rendered_is_replaced_by_a_note() -> None:
    missing = '"{{ inputs.any.missing }}"'
    opening = open_gate(
        f"title: {missing}, reason: {missing}, confirm: {missing}, show: [{{label: Sum, value: {missing}}}]", any={}
    )
    assert (opening.title, opening.reason, opening.confirm, opening.show) == ("Words", None, None, (("Sum", "–"),))
    assert [note.split(" of this request could not be written: ")[0] for note in opening.notes] == [
        "The title",
        "The reason",
        "The Sum",
        "The confirmation",
    ]


def test_texts_that_people_only_read_write_money_with_its_usual_decimals_and_the_content_stays_exact() -> None:
    texts = "title: 'Pay {{ inputs.any }}?', reason: '{{ inputs.any }}', confirm: 'Pay {{ inputs.any }}?'"
    same = "{{ 'same' if inputs.any ~ '' == '5 EUR' else 'other' }}"
    show = f"[{{label: Sum, value: '{{{{ inputs.any }}}}'}}, {{label: Compared, value: \"{same}\"}}]"
    gate = f"- {{id: words, uses: set, with: {{text: 'Pay {{{{ inputs.any }}}}'}}, gate: {{{texts}, show: {show}}}}}"
    opening = opening_of(gate, any={"amount": "5", "currency": "EUR"})
    assert (opening.title, opening.reason, opening.confirm) == ("Pay 5.00 EUR?", "5.00 EUR", "Pay 5.00 EUR?")
    assert opening.show == (("Sum", "5.00 EUR"), ("Compared", "same"))
    assert opening.content.value == {"text": "Pay 5 EUR"}


@pytest.mark.parametrize("value", ["", " ", "\n\n"])
def test_a_title_that_comes_out_empty_is_the_label_of_the_step(value: str) -> None:
    assert open_gate('title: "{{ inputs.any }}"', any=value).title == "Words"


def test_a_title_from_data_stays_one_line() -> None:
    assert open_gate('title: "Pay {{ inputs.any }}?"', any="5\nApproved by:\n Sam").title == "Pay 5 Approved by: Sam?"


def test_long_texts_are_cut_with_an_ellipsis() -> None:
    opening = open_gate('title: "{{ inputs.any }}", reason: "{{ inputs.any }}"', any="x" * 4000)
    assert opening.title == "x" * 149 + "…"
    assert opening.reason == "x" * 2999 + "…"


# -- approvers ----------------------------------------------------------------------------------------------


def test_a_gate_without_approvers_asks_the_owner() -> None:
    assert open_gate().references == (Reference("owner", "owner", "owner"),)


def test_approvers_are_named_by_role_address_or_an_expression_that_gives_one_or_a_list() -> None:
    opening = open_gate(
        'approvers: [owner, requester, "group:sales", lee@Example.com, "{{ inputs.any }}"]',
        any=["kim@example.com", "U012AB3CD"],
    )
    rule = "{{ inputs.any }}"
    assert opening.references == (
        Reference("owner", "owner", "owner"),
        Reference("requester", "requester", "requester"),
        Reference("group", "sales", "group:sales"),
        Reference("email", "lee@example.com", "lee@example.com"),
        Reference("email", "kim@example.com", rule, not_requester=True),
        Reference("slack", "U012AB3CD", rule, not_requester=True),
    )
    assert opening.notes == ("The person who started this run chose the approver, in “Any”.",)


@pytest.mark.parametrize("word", ["owner", "requester", "group:sales", "group:@sales", "role:boss"])
@pytest.mark.parametrize(
    "entry",
    [
        "{{ inputs.any }}",
        "{{ inputs.any | default('owner') }}",
        "{{ [inputs.any] }}",
        "{{ ['lee@example.com', inputs.any] | last }}",
        "{{ inputs.any if inputs.amount > 0 else 'requester' }}",
        "{{ ['lee@example.com'] + [inputs.any] }}",
        "{{ inputs.any ~ '' }}",
        "{{ inputs.any | trim }}",
    ],
)
def test_data_cannot_name_roles_or_groups(word: str, entry: str) -> None:
    opening = open_gate(f'approvers: ["{entry}"]', any=word, amount=1)
    assert {reference.kind for reference in opening.references} <= {"email"}
    assert opening.notes[0] == f'"{word}" cannot be an approver: data can name people only by their address.'


@pytest.mark.parametrize(
    ("entry", "kinds"),
    [
        ("{{ 'owner' if inputs.amount > 100 else 'group:sales' }}", ["owner"]),
        ("{{ 'owner' if inputs.amount > 1000 else 'group:sales' }}", ["group"]),
        ("{{ inputs.any | default('requester') }}", ["requester"]),
        ("{{ ['owner', 'group:sales'] if inputs.amount > 100 else 'requester' }}", ["owner", "group"]),
        ("{{ ['owner'] + (inputs.any | default(['requester'])) }}", ["owner", "requester"]),
        ("{{ 'requester' }}", ["requester"]),
    ],
)
def test_an_expression_can_name_roles_and_groups_that_the_file_writes(entry: str, kinds: list[str]) -> None:
    opening = open_gate(f'approvers: ["{entry}"]', amount=500)
    assert [reference.kind for reference in opening.references] == kinds
    assert opening.notes == ()


@given(st.one_of(st.text(), st.sampled_from(["owner", "requester", "group:sales", "role:boss", " owner", "Owner"])))
def test_data_names_people_only_by_address(text: str) -> None:
    opening = open_gate('approvers: ["{{ inputs.any }}"]', any=text)
    assert {reference.kind for reference in opening.references} <= {"email", "slack"}


def test_the_requester_may_be_named_by_data_where_the_file_says_so() -> None:
    for keys, entry in (("exclude: [], ", "{{ inputs.any }}"), ("", "{{ [run.requester, inputs.any] }}")):
        opening = open_gate(f'{keys}approvers: ["{entry}"]', any="kim@example.com")
        assert {reference.not_requester for reference in opening.references} == {False}


def test_an_address_may_be_put_together_of_data() -> None:
    opening = open_gate('approvers: ["{{ inputs.any }}@example.com"]', any="kim")
    assert [reference.value for reference in opening.references] == ["kim@example.com"]


def test_a_note_names_the_input_that_named_an_approver_even_through_a_step() -> None:
    run = RunInMemory.of(
        "- {id: pick, uses: set, with: {to: {who: '{{ inputs.any }}'}, other: x}}\n"
        "- {id: words, uses: set, with: {}, gate: {approvers: ['{{ steps.pick.to.who }}']}}",
        any="kim@example.com",
    )
    run.proceed()
    assert run.opening.notes == ("The person who started this run chose the approver, in “Any”.",)


@pytest.mark.parametrize(
    "value", [None, 7, True, "", "nobody", "role:", "group:", "a@b@c", "<@nobody>", {"email": "lee@example.com"}]
)
def test_an_approver_that_names_no_person_is_noted_and_asks_no_person(value: Value) -> None:
    opening = open_gate('approvers: ["{{ inputs.any }}"]', any=[value])
    assert opening.references == ()
    assert opening.notes == (f"{json_values.dumps(value)} cannot be an approver: it is not the address of a person.",)


def test_an_approver_that_cannot_be_evaluated_is_noted_and_the_others_are_asked() -> None:
    opening = open_gate('approvers: ["{{ inputs.any.boss }}", lee@example.com]', any={})
    assert [reference.value for reference in opening.references] == ["lee@example.com"]
    assert opening.notes[0].startswith("Signoff could not find an approver: ")


def test_any_amount_of_junk_makes_few_and_short_notes() -> None:
    opening = open_gate('approvers: ["{{ inputs.any }}"]', any=["x" * 5000, *range(5000)])
    assert len(opening.notes) == MAX_NOTES + 1
    assert max(len(note) for note in opening.notes) <= 1000
    assert opening.notes[-1] == "There are 4,981 more notes like these."


# -- editable fields ----------------------------------------------------------------------------------------


def editable_paths(opening: Any) -> list[str]:
    return [json_values.show_path(editable.path) for editable in opening.editable]


def test_without_edit_in_the_gate_content_is_editable_and_addresses_are_not() -> None:
    assert editable_paths(opening_of(SEND)) == ["text"]


def test_a_value_with_a_secret_is_never_editable_and_shows_only_its_name() -> None:
    opening = opening_of(SEND)
    assert opening.content.secrets == {("headers", "token"): ("Bearer ", SecretName("BANK"))}
    shown_content = opening.content.shown()
    assert shown_content["headers"] == {"token": "Bearer " + SECRET_SHOWN.replace("{name}", "BANK")}
    assert json_values.look(dict(opening.content.value), ("headers", "token")) == ""
    step = RunInMemory.of(SEND).workflow.steps[0]
    assert step.gate is not None
    for name in ("headers", "headers.token"):
        gate = replace_fields(step.gate, edit={name: None, "text": None})
        second_opening = requests.open_request(
            gate=gate, step=step, subject=opening.subject, content=opening.content, scope={}, why=True
        )
        assert editable_paths(second_opening) == ["text"]


def test_an_editable_field_that_is_missing_from_the_content_is_noted() -> None:
    opening = opening_of(
        """
        - id: send
          uses: call
          with: {to: bank, details: "{{ inputs.any }}"}
          gate: {edit: [details.items.1, details.items.0]}
        """,
        any={"items": ["a"]},
    )
    assert editable_paths(opening) == ["details.items.0"]
    assert opening.notes == ("“Details · Items · 1” cannot be edited, because it is missing this time.",)


def test_a_name_with_a_dot_in_it_is_that_name_and_not_a_path() -> None:
    opening = opening_of('- {id: words, uses: set, with: {"a.b": one, a: {b: two}}, gate: {}}')
    assert [editable.path for editable in opening.editable] == [("a.b",), ("a",)]
    ruling = decide(request_of(opening), edits={"a.b": "three"})
    assert ruling.approved.value == {"a.b": "three", "a": {"b": "two"}}


def test_after_a_step_all_of_its_output_is_editable_by_default() -> None:
    run = RunInMemory.of("- {id: words, uses: set, with: {one: 1, two: [2]}, gate: {at: after}}")
    run.proceed()
    assert run.opening.subject.at is ReviewPoint.AFTER
    assert editable_paths(run.opening) == ["one", "two"]


# -- the digest ---------------------------------------------------------------------------------------------


def test_the_digest_covers_subject_and_content() -> None:
    opening = open_gate()
    subject, content = opening.subject, opening.content
    other_subjects = [
        replace_fields(subject, workflow="other"),
        replace_fields(subject, hash="0"),
        replace_fields(subject, run="r2"),
        replace_fields(subject, step="other"),
        replace_fields(subject, visit=2),
        replace_fields(subject, uses="call"),
        replace_fields(subject, at=ReviewPoint.AFTER),
    ]
    other_contents = [Params({"text": "Draft"}), Params({"text": ""}, {("text",): (SecretName("A"),)})]
    digests = {other.digest(content) for other in other_subjects} | {subject.digest(other) for other in other_contents}
    assert len(digests | {opening.digest}) == len(other_subjects) + len(other_contents) + 1


def test_content_that_differs_from_the_approved_content_is_refused() -> None:
    opening = open_gate()
    opening.subject.check(opening.content, opening.digest)
    with pytest.raises(Tampered, match="not what was approved"):
        opening.subject.check(Params({"text": "other"}), opening.digest)


NUMBERS = st.one_of(st.integers(), st.decimals(allow_nan=False, allow_infinity=False))


@example(Decimal("-0"))
@given(NUMBERS)
def test_a_number_keeps_its_digest_through_the_store(number: int | Decimal) -> None:
    """Every number, also -0, has the approved digest after it is stored and read again."""
    try:
        value = json_values.clean(number)
    except InvalidValue:
        return
    assert json_values.digest(json_values.loads(json_values.dumps(value))) == json_values.digest(value)


# -- decisions ----------------------------------------------------------------------------------------------


def test_an_approval_without_edits_approves_the_shown_content() -> None:
    request = request_of(open_gate())
    assert decide(request, reason="  fine ") == Ruling(
        state=RequestState.APPROVED,
        approver=request.approvers[0],
        approved=request.content,
        approved_digest=request.digest,
        reason="fine",
    )


def test_a_rejection_takes_a_reason_and_no_edits() -> None:
    request = request_of(open_gate())
    ruling = decide(request, verdict=Verdict.REJECT, reason="no", edits={"text": "other", "nonsense": 1})
    assert ruling == Ruling(state=RequestState.REJECTED, approver=request.approvers[0], reason="no")


def test_a_refusal_does_not_show_the_id_of_an_account() -> None:
    refusal = decide(request_of(open_gate()), person=None, actor=Address("slack", "U0225G7YX4C"))
    assert isinstance(refusal, NotAnApprover)
    assert refusals.sentence(refusal) == "You are not an approver of this request. Lee or kim@example.com can decide."


@pytest.mark.parametrize(("person", "name"), [(EVE, "Eve"), (None, "lee@example.com")])
def test_a_refusal_names_the_approvers_to_other_people(person: Any, name: str) -> None:
    refusal = decide(request_of(open_gate()), person=person)
    assert refusal == NotAnApprover(who=name, approvers=("Lee", "kim@example.com"))


def test_a_stranger_learns_nothing_of_the_state() -> None:
    assert isinstance(
        decide(request_of(open_gate(), state=RequestState.CANCELLED, closed_at=START), person=EVE), NotAnApprover
    )


@pytest.mark.parametrize("state", [RequestState.APPROVED, RequestState.REJECTED])
def test_a_decided_request_says_by_whom_and_whether_it_was_you(state: RequestState) -> None:
    request = request_of(open_gate(), state=state, closed_at=START, closed_by=LEE)
    assert decide(request) == AlreadyDecided(state=state, by=LEE, at=START, by_you=True)
    assert decide(request, person=KIM) == AlreadyDecided(state=state, by=LEE, at=START)
    assert "You already" in refusals.sentence(decide(request))


def test_a_request_that_was_rejected_at_its_expiry_was_decided_by_no_person() -> None:
    refusal = decide(request_of(open_gate(), state=RequestState.REJECTED, closed_at=START))
    assert refusal == AlreadyDecided(state=RequestState.REJECTED, by=None, at=START)
    assert "expired without a decision and was rejected automatically, " in refusals.sentence(refusal)


def test_an_expired_or_cancelled_request_says_since_when() -> None:
    assert decide(request_of(open_gate(), state=RequestState.EXPIRED, closed_at=START)) == Expired(at=START)
    assert decide(request_of(open_gate(), state=RequestState.CANCELLED, closed_at=START)) == Cancelled(at=START)


def test_a_decision_is_taken_until_just_before_the_expiry_and_refused_exactly_at_it() -> None:
    request = request_of(open_gate(), expires_at=START + SECOND)
    assert isinstance(decide(request, now=START), Ruling)
    assert decide(request, now=START + SECOND) == Expired(at=START + SECOND)
    assert decide(request, now=START + SECOND, verdict=Verdict.REJECT, reason="x") == Expired(at=START + SECOND)


@pytest.mark.parametrize("changes", [{"content_version": 2}, {"digest": "0" * 64}, {"content_version": 0}])
def test_a_decision_on_other_content_is_refused_with_the_current_version(changes: dict[str, Any]) -> None:
    assert decide(request_of(open_gate()), **changes) == Changed(content_version=1)


@pytest.mark.parametrize(
    ("rule", "verdict", "missing"),
    [
        ("reject", Verdict.REJECT, True),
        ("reject", Verdict.APPROVE, False),
        ("always", Verdict.APPROVE, True),
        ("always", Verdict.REJECT, True),
        ("never", Verdict.REJECT, False),
    ],
)
@pytest.mark.parametrize("reason", [None, "", " \n"])
def test_a_reason_is_asked_for_where_the_gate_says_so(
    rule: str, verdict: Verdict, missing: bool, reason: str | None
) -> None:
    answer = decide(request_of(open_gate(f"reason_required: {rule}")), verdict=verdict, reason=reason)
    if missing:
        assert answer == ReasonMissing(verdict=verdict)
    else:
        assert answer.reason is None


def test_a_reason_is_cut_and_can_always_be_stored() -> None:
    ruling = decide(request_of(open_gate()), reason="\ud800" + "x" * 4000)
    assert ruling.reason == "\ufffd" + "x" * 2998 + "…"


def test_tampered_content_is_never_approved() -> None:
    request = replace_fields(request_of(open_gate()), content=Params({"text": "tampered"}))
    for edits in ({}, {"text": "edited"}):
        with pytest.raises(Tampered):
            decide(request, edits=edits)
    assert isinstance(decide(request, verdict=Verdict.REJECT, reason="odd"), Ruling)


# -- edits --------------------------------------------------------------------------------------------------

EDITS_BY_TYPE: list[tuple[str, Value, Value, Value]] = [
    ("text", "draft", "better", "better"),
    ("text", "draft", "", ""),
    ("long_text", "draft", "one\ntwo", "one\ntwo"),
    ("number", Decimal("1.5"), Decimal("2.50"), Decimal("2.50")),
    ("integer", 1, 2**70, 2**70),
    ("{type: money, currency: EUR}", {"amount": "1", "currency": "EUR"}, 2, {"amount": "2", "currency": "EUR"}),
    ("boolean", True, False, False),
    ("date", "2026-01-31", "2026-02-01", "2026-02-01"),
    ("datetime", "2026-01-31T09:00:00Z", "2026-01-31T09:00:00+01:00", "2026-01-31T08:00:00Z"),
    ("email", "lee@example.com", "kim@EXAMPLE.com", "kim@example.com"),
    ("url", "https://example.com/", "https://example.com/2", "https://example.com/2"),
    ("{type: choice, options: [a, b]}", "a", "b", "b"),
    ("{type: choices, options: [a, b]}", ["a"], ["b", "b"], ["b"]),
    ("person", "lee@example.com", "U012AB3CD", "U012AB3CD"),
    ("json", {"a": 1}, [1, {"b": None}], [1, {"b": None}]),
]


@pytest.mark.parametrize(("field", "before", "raw", "after"), EDITS_BY_TYPE)
def test_an_edit_of_every_type_has_the_normal_form_and_the_value_before(
    field: str, before: Value, raw: Value, after: Value
) -> None:
    if raw == "":
        field = f"{{type: {field}, required: false, blank: keep}}"
    request = request_of(
        opening_of(
            "- {id: words, uses: set, with: {value: '{{ inputs.any }}', rest: 1}, gate: {edit: {value: TYPE}}}".replace(
                "TYPE", field
            ),
            any=before,
        )
    )
    ruling = decide(request, edits={"value": raw})
    assert [(edit.before, edit.after) for edit in ruling.edits] == [(before, after)]
    assert ruling.approved == Params({"value": after, "rest": 1})
    assert ruling.approved_digest == request.subject.digest(ruling.approved) != request.digest
    assert requests.Edit.from_value(json_values.loads(json_values.dumps(ruling.edits[0].as_value()))) == ruling.edits[0]


DEEP = """
- id: send
  uses: call
  with: {to: bank, text: hello, details: {items: [{name: one, count: 1}, {name: two, count: 2}]}}
  gate: {edit: {details.items.0.name: {type: text, label: First}, details.items.1.count: , text: }}
"""


def test_an_edit_reaches_into_lists_and_mappings() -> None:
    ruling = decide(request_of(opening_of(DEEP)), edits={"details.items.0.name": "uno", "details.items.1.count": 3})
    assert ruling.approved.value["details"] == {"items": [{"name": "uno", "count": 1}, {"name": "two", "count": 3}]}
    assert [edit.label for edit in ruling.edits] == ["First", "Count"]


def test_an_unchanged_value_is_no_edit() -> None:
    request = request_of(opening_of(DEEP))
    ruling = decide(request, edits={"text": "hello", "details.items.1.count": 2})
    assert (ruling.edits, ruling.approved_digest) == ((), request.digest)


@pytest.mark.parametrize(
    ("field", "before", "raw"),
    [
        ("email", "not an email", "not an email"),
        ("datetime", "2026-01-31T09:00:00+00:00", "2026-01-31T09:00:00+00:00"),
        ("email", "lee@example.com", "lee@EXAMPLE.com"),
    ],
)
def test_a_form_that_sends_everything_back_edits_nothing(field: str, before: Value, raw: Value) -> None:
    step = "- {id: words, uses: set, with: {value: '{{ inputs.any }}'}, gate: {edit: {value: TYPE}}}".replace(
        "TYPE", field
    )
    assert decide(request_of(opening_of(step, any=before)), edits={"value": raw}).edits == ()


def test_every_wrong_edit_is_named_and_none_is_applied() -> None:
    refusal = decide(
        request_of(opening_of(DEEP)), edits={"text": "fine", "to": "thief", "details.items.1.count": "many"}
    )
    assert refusal == InvalidEdits(
        errors={
            "to": "cannot be changed. You can change: details.items.0.name, details.items.1.count, text",
            "details.items.1.count": "must be a whole number",
        }
    )


def test_a_request_with_nothing_to_edit_says_so() -> None:
    refusal = decide(request_of(open_gate("edit: []")), edits={"text": "x"})
    assert refusal == InvalidEdits(errors={"text": "cannot be changed, and neither can anything else in this request"})


def test_a_value_that_cannot_be_carried_is_an_invalid_edit() -> None:
    assert decide(request_of(open_gate()), edits={"text": object()}).errors.keys() == {"text"}


def test_an_edit_that_the_parameters_of_the_step_refuse_is_refused_at_its_field() -> None:
    step = "- {id: send, uses: call, with: {to: bank, text: hello}, gate: {edit: {text: json, to: json}}}"
    refusal = decide(request_of(opening_of(step)), edits={"text": 7})
    assert refusal == InvalidEdits(errors={"text": "must be text, not the number 7"})


def test_an_edit_of_the_wrong_kind_is_refused_in_plain_words() -> None:
    step = "- {id: send, uses: call, with: {to: bank, text: hello}, gate: {edit: {text: json, to: json}}}"
    refusal = decide(request_of(opening_of(step)), edits={"text": {"a": 1}})
    assert refusal == InvalidEdits(errors={"text": "must be text, not a mapping"})


def test_an_edit_of_an_output_is_not_checked_by_the_parameters() -> None:
    run = RunInMemory.of("- {id: words, uses: set, with: {to: 1}, gate: {at: after}}")
    run.proceed()
    assert decide(request_of(run.opening), edits={"to": 2}).approved.value == {"to": 2}


@pytest.mark.parametrize("outer", [{}, {"b": 3}, 7])
@pytest.mark.parametrize("inner_first", [True, False])
def test_an_edit_inside_of_another_edit_is_refused(outer: Value, inner_first: bool) -> None:
    request = request_of(opening_of("- {id: words, uses: set, with: {a: {b: 1}}, gate: {}}"))
    inner = requests.Editable(("a", "b"), infer(1))
    edits = {"a.b": 2, "a": outer} if inner_first else {"a": outer, "a.b": 2}
    refusal = decide(replace_fields(request, editable=(*request.editable, inner)), edits=edits)
    assert refusal == InvalidEdits(errors={"a.b": "is a part of “A”, which was changed too. Change one of them"})


def test_edits_that_make_the_content_too_large_are_refused() -> None:
    refusal = decide(
        request_of(opening_of("- {id: w, uses: set, with: {a: {}}, gate: {}}")), edits={"a": ["x" * 1_500_000]}
    )
    assert refusal == InvalidEdits(errors={"a": "makes the content longer than 1,500,000 characters"})


def test_parameters_that_are_wrong_as_a_whole_are_named_as_with() -> None:
    kind = RunInMemory.of("- {id: nap, uses: wait, with: {for: 1s}}").workflow.steps[0].kind
    assert requests.invalid_params(kind, Params({})).keys() == {"with"}
