"""`uses: ai` and `context` in a workflow file: what is refused, where, and how."""

from __future__ import annotations

import textwrap

import pytest

from engine.errors import DefinitionError
from engine.steps.registry import builtin
from engine.workflowfile import Workflow, load

KINDS = builtin()
FILE = """\
name: flow
inputs: {who: text}
steps:
  - id: draft
    uses: ai
    with:
WITH
  - id: send
    uses: email
    with: {to: a@example.com, subject: "{{ steps.draft.subject }}", body: "{{ steps.draft.body }}"}
GATE
"""
GOOD = """\
prompt: "Write to {{ inputs.who }}."
output: {subject: {type: text, label: Betreff, max_length: 20}, body: long_text, count: integer}
"""


def file(with_: str = GOOD, gate: str = "", last: str = "") -> str:
    text = FILE.replace("WITH\n", textwrap.indent(with_, "      "))
    text = text.replace("GATE\n", textwrap.indent(gate, "    ") if gate else "")
    return f"{text}{textwrap.indent(last, '  ')}"


def compile_file(text: str) -> Workflow:
    return load(text.encode(), kinds=KINDS)


def problems(text: str) -> list[tuple[str, str]]:
    with pytest.raises(DefinitionError) as refused:
        compile_file(text)
    return [(problem.path, f"{problem.message} {problem.hint}".strip()) for problem in refused.value.problems]


def test_the_declared_fields_are_the_output_with_their_labels_and_types() -> None:
    gate = "gate: {edit: [subject]}\n"
    workflow = compile_file(file(gate=gate))
    step = workflow.step("send")
    assert step.gate is not None
    declared = step.gate.declarations.at(("subject",)).field
    assert declared is not None
    assert (declared.label, declared.max_length) == ("Betreff", 20)


@pytest.mark.parametrize(
    ("with_", "path", "says"),
    [
        ("output: {a: text}\n", "steps[0].with.prompt", "needs the key `prompt`"),
        ("prompt: x\n", "steps[0].with.output", "needs the key `output`"),
        ("prompt: x\noutput: {}\n", "steps[0].with.output", "at least 1 entry"),
        ("prompt: x\noutput: {subject: txt, body: text}\n", "steps[0].with.output.subject", "no field type txt"),
        ("prompt: x\noutput: {Subject: text}\n", "steps[0].with.output", "begins with a letter"),
        ("prompt: x\noutput: {error: text}\n", "steps[0].with.output", "The name error is taken"),
        ("prompt: x\noutput: {a: {type: money, currency: XXQ}}\n", "steps[0].with.output", "ISO 4217"),
        (
            'prompt: x\noutput: {a: {type: text, help: "{{ inputs.who }}"}}\n',
            "steps[0].with.output.a.help",
            "plain text",
        ),
        ('prompt: x\nmodel: "{{ inputs.who }}"\noutput: {a: text}\n', "steps[0].with.model", "plain text"),
        ('prompt: "{{ secret.KEY }}"\noutput: {a: text}\n', "steps[0].with.prompt", "people would see it here"),
        ("prompt: x\noutput: {a: text}\nmax_tokens: 0\n", "steps[0].with.max_tokens", "must be at least 1"),
        ("prompt: x\noutput: {a: text}\ntemperature: 3\n", "steps[0].with.temperature", "at most 2"),
        ("prompt: x\noutput: {a: text}\ntries: 11\n", "steps[0].with.tries", "at most 10"),
        ("prompt: x\noutput: {a: text}\nbudget: {token: 5}\n", "steps[0].with.budget.token", "Did you mean `tokens`"),
        ("prompt: x\noutput: {a: text}\nsytem: y\n", "steps[0].with.sytem", "Did you mean `system`?"),
    ],
)
def test_a_mistake_is_reported_at_its_place(with_: str, path: str, says: str) -> None:
    found = problems(file(with_))
    assert (path, True) in [(where, says in what) for where, what in found], found


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("{{ steps.draft.subjct }}", "Did you mean `subject`?"),
        ("{{ steps.draft.count + steps.draft.body }}", "is text"),
    ],
)
def test_expressions_know_the_fields_and_their_types(expression: str, says: str) -> None:
    last = f'- {{id: keep, uses: set, with: {{a: "{expression}"}}}}\n'
    ((path, what),) = problems(file(last=last))
    assert path == "steps[2].with.a"
    assert says in what


@pytest.mark.parametrize(
    ("context", "path", "says"),
    [
        ("{}", "steps[1].gate.context", "at least one of `reasoning`"),
        ("{reason: x}", "steps[1].gate.context.reason", "Did you mean `reasoning`?"),
        ('{reasoning: "{{ steps.draft.why }}"}', "steps[1].gate.context.reasoning", "has no output `why`"),
        (f"{{impact: {'x' * 501}}}", "steps[1].gate.context.impact", "at most 500 characters"),
        ("high", "steps[1].gate.context", "must be a mapping"),
    ],
)
def test_a_context_has_its_four_keys_and_known_names(context: str, path: str, says: str) -> None:
    found = problems(file(gate=f"gate: {{context: {context}}}\n"))
    assert (path, True) in [(where, says in what) for where, what in found], found


def test_a_context_after_a_draft_reads_its_own_output() -> None:
    text = file(GOOD).replace(
        "  - id: send", '    gate: {at: after, context: {reasoning: "{{ steps.draft.body }}"}}\n  - id: send'
    )
    gate = compile_file(text).step("draft").gate
    assert gate is not None
    assert list(gate.context) == ["reasoning"]
