"""The label of a value: it follows the value from where it was declared to every place that shows it."""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.presentation import changes, request_content
from engine import json_values, requests, workflowfile
from engine.domain import ReviewPoint
from engine.expressions import APPROVED, resolve_params
from engine.json_values import Path, Value
from engine.requests import Opening, Subject
from engine.steps.registry import builtin
from engine.workflowfile import Workflow
from tests.support import samples

LABEL: Final = "First email"
DECLARED: Final[Value] = {"type": "long_text", "label": LABEL}
TEXT: Final = "Dear Ann, hello"
SOURCES: Final[dict[str, tuple[list[Value], str]]] = {
    "an input": ([], "inputs.mail"),
    "a form": (
        [{"id": "ask", "uses": "form", "approvers": ["a@example.com"], "fields": {"text": DECLARED}}],
        "steps.ask.text",
    ),
    "a draft": (
        [{"id": "draft", "uses": "ai", "with": {"prompt": "x", "output": {"text": DECLARED}}}],
        "steps.draft.text",
    ),
}
GATE: Final[Value] = {"approvers": ["ann@example.com"]}


def hop(kind: str, step: str, reference: str) -> tuple[Value, str]:
    """Return a step that passes the value on, and the reference to it."""
    value: Value = "{{ " + reference + " }}"
    match kind:
        case "set":
            return {"id": step, "uses": "set", "with": {"a": value}}, f"steps.{step}.a"
        case "mapping":
            return {"id": step, "uses": "set", "with": {"a": {"b": value}}}, f"steps.{step}.a.b"
        case "list":
            return {"id": step, "uses": "set", "with": {"a": ["x", value]}}, f"steps.{step}.a[1]"
        case "edited":
            gate: Value = {"approvers": ["ann@example.com"], "edit": [{"a": "long_text"}]}
            return {"id": step, "uses": "set", "with": {"a": value}, "gate": gate}, f"steps.{step}.a"
        case "default":
            return {
                "id": step,
                "uses": "set",
                "with": {"a": "{{ " + reference + ' | default("none") }}'},
            }, f"steps.{step}.a"
    call: Value = {"method": "POST", "url": "https://example.com/", "json": {"b": value}}
    return {"id": step, "uses": "http", "with": call, "gate": GATE}, f"steps.{step}.approved.json.b"


LAST: Final[dict[str, tuple[Value, str]]] = {
    "email": ({"to": "a@example.com", "subject": "Hi", "body": "VALUE"}, "body"),
    "message": ({"to": "a@example.com", "text": "VALUE"}, "text"),
    "http": ({"method": "POST", "url": "https://example.com/", "json": {"mail": {"body": "VALUE"}}}, "json.mail.body"),
    "set": ({"mail": ["VALUE"]}, "mail.0"),
}


def load(source: str, hops: list[str], last: str, expression: str, **gate: Value) -> Workflow:
    steps, reference = SOURCES[source]
    steps = [*steps]
    for number, kind in enumerate(hops):
        step, reference = hop(kind, f"hop{number}", reference)
        steps.append(step)
    given = json_values.dumps(LAST[last][0]).replace(
        "VALUE", json_values.dumps(expression.replace("REF", reference))[1:-1]
    )
    keys: Value = {"approvers": ["ann@example.com"], **gate}
    steps.append({"id": "last", "uses": last, "with": json_values.loads(given), "gate": keys})
    file: Value = {"name": "flow", "owner": "o@example.com", "inputs": {"mail": DECLARED}, "steps": steps}
    return workflowfile.load(json_values.dumps(file).encode(), kinds=builtin())


def open_last(workflow: Workflow) -> Opening:
    """Return the request of the last step, with the text as every value before it."""
    outputs = dict[str, Value]()
    names: dict[str, Value] = {"inputs": {"mail": TEXT}, "run": {}, "steps": outputs, APPROVED: outputs}
    for step in workflow.steps[:-1]:
        is_source = step.kind.name in ("form", "ai")
        outputs[step.id] = {"text": TEXT} if is_source else resolve_params(step.params, names).value
    step = workflow.steps[-1]
    assert step.gate is not None
    subject = Subject(
        workflow="w", hash="h", run="r", step=step.id, visit=1, uses=step.kind.name, at=ReviewPoint.BEFORE
    )
    content = resolve_params(step.params, names)
    return requests.open_request(gate=step.gate, step=step, subject=subject, content=content, scope=names, why=True)


def shown_labels(opening: Opening) -> dict[str, str]:
    view = samples.request({}, content=opening.content, editable=opening.editable, declared=opening.declared)
    return {field.path: field.label for field in request_content.labelled(view)}


sources = st.sampled_from(sorted(SOURCES))
hops = st.lists(st.sampled_from(["set", "mapping", "list", "edited", "default", "approved"]), max_size=4)
lasts = st.sampled_from(sorted(LAST))


@given(sources, hops, lasts, st.booleans())
def test_a_label_follows_its_value_to_the_request_and_its_changes(
    source: str, hops: list[str], last: str, is_edited: bool
) -> None:
    path = LAST[last][1]
    edit: dict[str, Value] = {"edit": [path]} if is_edited else {}
    workflow = load(source, hops, last, "{{ REF }}", **edit)
    opening = open_last(workflow)
    assert shown_labels(opening)[path] == LABEL
    view = samples.request({}, content=opening.content, editable=opening.editable, declared=opening.declared)
    (change,) = changes.proposed(view, {path: "Dear Ben"})
    assert change.label == LABEL
    (editable,) = [value for value in opening.editable if json_values.show_path(value.path) == path]
    assert editable.label == LABEL, "what the audit log, the export and refusals call it"
    labels = workflowfile.load_value_labels(workflow.source)
    assert labels.params["last"][editable.path] == LABEL
    assert labels.outputs.get("draft", {("text",): LABEL}) == {("text",): LABEL}
    assert labels.inputs == {("mail",): LABEL}


@given(sources, hops, lasts, st.sampled_from(["Re: {{ REF }}", "{{ REF | upper }}", "{{ REF ~ '!' }}", "plain"]))
def test_a_value_that_was_composed_has_the_name_of_its_own_key(
    source: str, hops: list[str], last: str, expression: str
) -> None:
    path = LAST[last][1]
    workflow = load(source, hops, last, expression)
    assert LABEL not in shown_labels(open_last(workflow)).values()
    assert LABEL not in workflowfile.load_value_labels(workflow.source).params["last"].values()
    words = {"body": "Body", "text": "Text", "json.mail.body": "Body", "mail.0": "Mail 1"}
    if last != "http" and last != "set":
        assert shown_labels(open_last(workflow))[path] == words[path]


def test_the_item_of_a_list_that_people_chose_has_the_label_of_the_list() -> None:
    choices: Value = {"type": "choices", "options": ["Berlin", "Rome"], "label": "Office"}
    send: Value = {"to": "a@example.com", "subject": "{{ item }}", "body": "For {{ item }}"}
    inner: Value = [{"id": "send", "uses": "email", "with": send, "gate": GATE}]
    steps: Value = [
        {"id": "all", "uses": "foreach", "with": {"over": "{{ inputs.offices }}"}, "steps": inner},
        {"id": "last", "uses": "set", "with": {"x": 1}},
    ]
    file: Value = {"name": "flow", "owner": "o@example.com", "inputs": {"offices": choices}, "steps": steps}
    workflow = workflowfile.load(json_values.dumps(file).encode(), kinds=builtin())
    gate = workflow.step("send").gate
    assert gate is not None
    declared = gate.declarations.at(("subject",)).field
    assert declared is not None
    assert (declared.label, declared.values) == ("Office", ("Berlin", "Rome"))
    assert gate.declarations.at(("body",)).field is None
    labels = workflowfile.load_value_labels(workflow.source)
    assert labels.params["send"] == {("subject",): "Office"}


def test_the_builder_can_call_it_something_else_at_the_gate() -> None:
    edit: Value = [{"body": {"type": "long_text", "label": "What Ann gets"}}]
    assert shown_labels(open_last(load("a draft", ["set"], "email", "{{ REF }}", edit=edit)))["body"] == "What Ann gets"


def test_a_label_stays_beside_a_value_that_people_may_edit() -> None:
    steps: Value = [
        {
            "id": "last",
            "uses": "http",
            "with": {
                "method": "POST",
                "url": "https://example.com/",
                "json": {"body": "{{ inputs.mail }}", "amount": 3},
            },
            "gate": {"approvers": ["ann@example.com"], "edit": ["json.amount"]},
        }
    ]
    file: Value = {"name": "flow", "owner": "o@example.com", "inputs": {"mail": DECLARED}, "steps": steps}
    workflow = workflowfile.load(json_values.dumps(file).encode(), kinds=builtin())
    assert shown_labels(open_last(workflow)) == {
        "method": "Method",
        "url": "URL",
        "json.body": LABEL,
        "json.amount": "Amount",
    }


@pytest.mark.parametrize(
    ("auth", "words"),
    [
        ({"bearer": "{{ secret.CRM }}"}, "Signs in with a bearer token"),
        ({"basic": {"user": "ann", "password": "{{ secret.CRM }}"}}, "Signs in as ann with a password"),
        ({"header": {"name": "X-Key", "value": "{{ secret.CRM }}"}}, "Signs in with a key in the header X-Key"),
        (
            {"oauth2": {"token_url": "https://login.example", "client_id": "me", "client_secret": "{{ secret.CRM }}"}},
            "Signs in as me with an access token from https://login.example",
        ),
    ],
)
def test_a_request_says_how_a_call_signs_in_and_not_with_what(auth: Value, words: str) -> None:
    call: Value = {"method": "POST", "url": "https://example.com/", "auth": auth, "json": {"a": "{{ inputs.mail }}"}}
    steps: Value = [{"id": "last", "uses": "http", "with": call, "gate": GATE}]
    file: Value = {"name": "flow", "owner": "o@example.com", "inputs": {"mail": DECLARED}, "steps": steps}
    opening = open_last(workflowfile.load(json_values.dumps(file).encode(), kinds=builtin()))
    view = samples.request({}, content=opening.content, editable=opening.editable, declared=opening.declared)
    fields = {field.label: field.text for field in request_content.labelled(view)}
    assert fields["Sign-in"] == words
    assert not any("CRM" in text or "\N{BULLET}" in text for text in fields.values())
    assert "auth" in opening.technical


@pytest.mark.parametrize("source", [b"", b"- a", b"name: [", b"steps: 3", b"inputs: 3\nsteps: [3, {id: a, with: 3}]"])
def test_a_file_that_cannot_be_read_has_no_labels(source: bytes) -> None:
    assert not workflowfile.load_value_labels(source).inputs


@given(
    st.recursive(st.none() | st.text(), lambda item: st.lists(item) | st.dictionaries(st.text(), item), max_leaves=9)
)
def test_labels_are_read_from_any_file(steps: Value) -> None:
    file: Value = {"inputs": steps, "steps": [{"id": "a", "uses": "ai", "with": {"output": steps}}, steps]}
    labels = workflowfile.load_value_labels(json_values.dumps(file).encode())
    assert all(isinstance(label, str) for label in labels.outputs.get("a", dict[Path, str]()).values())
