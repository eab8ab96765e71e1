"""Later steps read the decision about an earlier step: the person, the time, the verdict and the reason."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from engine.expressions import DECISIONS
from engine.steps.registry import builtin
from engine.workflowfile import load
from tests.support.cli import Commands
from tests.support.processes import OPERATOR

HEAD = """\
name: decided
owner: sam@example.com
inputs: {ask: {type: boolean, default: true}}
steps:
"""
READ = """\
  - {id: b, uses: set, with: {all: "{{ steps.a.decision }}", output: "{{ steps.a }}"}}
  - id: c
    uses: set
    with: {line: "{{ steps.b.all.by.name if steps.a.decision is mapping else 'no person' }}"}
"""
STEPS = {
    "before": "  - {id: a, uses: set, with: {x: hi}, gate: {approvers: [ada@example.com]}}\n",
    "after": "  - {id: a, uses: set, with: {x: hi}, gate: {at: after, approvers: [ada@example.com]}}\n",
    "form": "  - {id: a, uses: form, approvers: [ada@example.com], fields: {x: {type: text, default: hi}}}\n",
}
SKIPPED = '  - {id: a, uses: set, with: {x: hi}, gate: {when: "{{ inputs.ask }}", approvers: [ada@example.com]}}\n'


def outputs(signoff: Commands, run: str) -> dict[str, Any]:
    return {step["step"]: step["output"] for step in signoff.json("runs", run)["steps"]}


def start_run(signoff: Commands, source: str, *arguments: str) -> str:
    signoff.installation.write("decided.yaml", source.replace("ada@example.com", OPERATOR))
    signoff.run_ok("register", "decided.yaml")
    run: str = signoff.json("run", "decided", *arguments)["run"]
    return run


@pytest.mark.parametrize("kind", STEPS)
@pytest.mark.parametrize(
    ("answer", "reason", "edited"), [((), None, False), (("x=hello", "--reason", "as agreed"), "as agreed", True)]
)
def test_a_later_step_reads_what_was_decided(
    signoff: Commands, kind: str, answer: tuple[str, ...], reason: str | None, edited: bool
) -> None:
    run = start_run(signoff, HEAD + STEPS[kind] + READ)
    (request,) = signoff.json("requests")
    signoff.run_ok("decide", request["id"], "edit" if edited else "approve", *answer)
    step_outputs = outputs(signoff, run)
    decision = step_outputs["b"]["all"]
    assert datetime.fromisoformat(decision.pop("at")).tzinfo is not None
    assert decision == {
        "by": {"name": OPERATOR, "address": OPERATOR},
        "verdict": "approved",
        "reason": reason,
        "edited": edited,
        "rating": None,
        "comment": None,
    }
    assert step_outputs["b"]["output"] == {"x": "hello" if edited else "hi"}, "the output is as it was"
    assert step_outputs["c"]["line"] == OPERATOR


def test_where_the_gate_did_not_open_there_is_no_decision(signoff: Commands) -> None:
    step_outputs = outputs(signoff, start_run(signoff, HEAD + SKIPPED + READ, "-i", "ask=no"))
    assert step_outputs["b"] == {"all": None, "output": {"x": "hi"}}
    assert step_outputs["c"]["line"] == "no person"


def test_where_the_step_was_skipped_there_is_nothing_to_read(signoff: Commands) -> None:
    step = STEPS["before"].replace("with:", "when: false, with:")
    read = "  - {id: b, uses: set, with: {x: \"{{ steps.a.decision | default('skipped') }}\"}}\n"
    assert outputs(signoff, start_run(signoff, HEAD + step + read))["b"] == {"x": "skipped"}


def test_a_step_that_failed_after_its_approval_names_the_approver(signoff: Commands) -> None:
    step = (
        "  - {id: a, uses: http, with: {url: 'http://127.0.0.1:1/'}, on_error: continue,"
        " gate: {approvers: [ada@example.com]}}\n"
        '  - {id: b, uses: set, with: {who: "{{ steps.a.decision.by.address }}", why: "{{ steps.a.error }}"}}\n'
    )
    run = start_run(signoff, HEAD + step)
    (request,) = signoff.json("requests")
    signoff.run_ok("decide", request["id"], "approve")
    output = outputs(signoff, run)["b"]
    assert output["who"] == OPERATOR
    assert output["why"]


def test_a_value_of_this_name_keeps_its_meaning_where_there_is_no_gate(signoff: Commands) -> None:
    steps = (
        "  - {id: a, uses: set, with: {decision: mine}}\n  - {id: b, uses: set, with: {x: '{{ steps.a.decision }}'}}\n"
    )
    assert outputs(signoff, start_run(signoff, HEAD + steps))["b"] == {"x": "mine"}


def test_an_output_that_hides_the_decision_keeps_its_meaning_in_older_files() -> None:
    source = HEAD + "  - {id: a, uses: set, with: {decision: {x: 1}}, gate: true}\n"
    source += "  - {id: b, uses: set, with: {x: '{{ steps.a.decision.by | default(2) }}'}}\n"
    older = load(source.encode(), kinds=builtin(), registered=True)
    scope: dict[str, Any] = {"steps": {"a": {"decision": {"x": 1}}}, DECISIONS: {"a": {"by": "me"}}}
    assert older.steps[1].params.render(scope) == {"x": 2}


def test_two_decisions_are_kept_apart(signoff: Commands) -> None:
    steps = (
        STEPS["before"]
        + STEPS["form"].replace("id: a", "id: z")
        + ('  - {id: b, uses: set, with: {x: "{{ steps.a.decision.reason }} {{ steps.z.decision.reason }}"}}\n')
    )
    run = start_run(signoff, HEAD + steps)
    for reason in ("one", "two"):
        (request,) = signoff.json("requests")
        signoff.run_ok("decide", request["id"], "approve", "--reason", reason)
    assert outputs(signoff, run)["b"] == {"x": "one two"}


def test_try_reads_decisions_too(signoff: Commands) -> None:
    signoff.installation.write("decided.yaml", HEAD + STEPS["before"] + READ)
    finished = signoff("try", "decided.yaml", "--answer", "approve")
    assert finished.code == 0
    assert "ada@example.com" in finished.out.split("c:")[-1]


@pytest.mark.parametrize(
    ("expression", "sentence"),
    [
        ("steps.a.decision.who", "A decision has no `who`. It has `by`, `at`, `verdict`, `reason`, `edited`, `rating`"),
        ("steps.a.decision.reson", "A decision has no `reson`. Did you mean `reason`?"),
        ("steps.a.decision.rating", "The gate of `a` does not ask for feedback, so there is never a `rating`."),
        ("steps.a.decision.by.mail", "`by` has no `mail`. It has `name` and `address`."),
        ("steps.n.decision", "The step `n` has no gate, so nothing is decided about it."),
        ("steps.a.decision.edited > 3", "`steps.a.decision.edited` is true or false and `3` is a number."),
        ("steps.a.decision.verdict == 'yes'", "`steps.a.decision.verdict` can only be: approved, rejected."),
        ("steps.a.decision.by.name > 'a'", "compares two numbers or amounts of money, or two"),
    ],
)
def test_check_knows_what_a_decision_has(signoff: Commands, expression: str, sentence: str) -> None:
    steps = (
        STEPS["before"]
        + "  - {id: n, uses: set, with: {}}\n"
        + f'  - {{id: b, uses: set, with: {{x: "{{{{ {expression} }}}}"}}}}\n'
    )
    signoff.installation.write("decided.yaml", HEAD + steps)
    finished = signoff("check", "decided.yaml")
    assert finished.code == 1
    assert sentence in finished.output


@pytest.mark.parametrize(
    ("step", "sentence"),
    [
        (
            "  - {id: a, uses: set, with: {x: 1}, gate: {at: after, title: '{{ steps.a.decision.reason }}'}}\n",
            "What is decided about `a` is not there yet: this gate asks for it.",
        ),
        (
            "  - {id: a, uses: set, with: {decision: 1}, gate: true}\n",
            "with.decision: A step with a gate leaves what was decided as `decision`. Give this value another name.",
        ),
        (
            "  - {id: a, uses: form, fields: {decision: text}}\n",
            "fields.decision: A step with a gate leaves what was decided as `decision`.",
        ),
    ],
)
def test_check_refuses_what_would_be_mistaken_for_a_decision(signoff: Commands, step: str, sentence: str) -> None:
    signoff.installation.write("decided.yaml", HEAD + step)
    assert sentence in signoff("check", "decided.yaml").output
