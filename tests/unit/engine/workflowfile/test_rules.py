"""Files with rules, and files with a step `uses: ask`: what they become, and each mistake at its place."""

from __future__ import annotations

import pytest

from engine.workflowfile import Workflow
from tests.support.workflow_files import load_workflow, problems_of

RULES = """name: approvals
owner: sam@example.com
rules:
  - tool: [search_*, read_file]
    approve: true
  - tool: drop_table
    reject: Tables are dropped by people only.
  - name: Large refunds
    tool: refund
    when: "{{ ask.arguments.amount > 100 }}"
    valid_for: 30m
    outcome_within: 5m
    gate: {approvers: [role:finance], policy: {quorum: 2}, edit: [amount]}
  - gate: {title: "{{ ask.title }} ({{ ask.agent }})"}
"""


def rules(text: str) -> str:
    """Return a file whose rules are these lines, from line 3 on."""
    return "name: a\nrules:\n" + "".join(f"  {line}\n" for line in text.splitlines())


def labels(workflow: Workflow) -> list[str]:
    return [step.label for step in workflow.steps]


def test_rules_become_a_branch_of_asks() -> None:
    workflow = load_workflow(RULES)
    assert workflow.is_asked
    assert labels(workflow) == [
        "Rules",
        "search_*, read_file",
        "drop_table",
        "Large refunds",
        "all other asks",
        "No rule",
    ]
    branch, searches, drops, refunds, rest, none = workflow.steps
    assert [path.label for path in branch.paths] == [
        "Rule 1: search_*, read_file",
        "Rule 2: drop_table",
        "Rule 3: Large refunds",
        "Rule 4: all other asks",
        "No rule",
    ]
    assert {step.kind.name for step in workflow.steps[1:]} == {"ask"}
    assert [step.gate is not None for step in workflow.steps] == [False, False, False, True, True, False]
    assert (searches.params.value, drops.params.value) == ({}, {"refuse": "Tables are dropped by people only."})
    assert refunds.params.value == {"valid_for": "30m", "outcome_within": "5m"}
    assert refunds.gate is not None
    assert [*(refunds.gate.edit or {})] == ["amount"]
    assert (rest.rule is not None and rest.rule.words, none.rule) == ("rule 4: all other asks", None)
    assert [step.following for step in workflow.steps] == [6] * 6


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ('- {tool: "", approve: true}', (3, 12, "rules[0].tool"), "An empty pattern matches no name."),
        ("- {tool: [], approve: true}", (3, 12, "rules[0].tool"), "This needs at least 1 entry."),
        ("- {tool: 5, approve: true}", (3, 12, "rules[0].tool"), "This must be a list, not the number 5."),
        ('- {tool: "x ", approve: true}', (3, 12, "rules[0].tool"), "so it would match no name."),
        ('- {tool: "x\\u200b", approve: true}', (3, 12, "rules[0].tool"), "so it would match no name."),
        ('- {tool: "{{ ask.tool }}", approve: true}', (3, 12, "rules[0].tool"), "expressions do not work here."),
        (f"- {{tool: {'x' * 201}, approve: true}}", (3, 12, "rules[0].tool"), "at most 200 characters long"),
        ("- {risk: extreme, gate: true}", (3, 12, "rules[0].risk"), "`low`, `medium`, `high` or `critical`"),
        ("- {risk: low, approve: true}", (3, 6, "rules[0].risk"), "it cannot be the only reason to approve"),
        ("- {tool: x}", (3, 5, "rules[0]"), "has none of `gate`, `approve` and `reject`"),
        ("- {tool: x, approve: true, gate: true}", (3, 30, "rules[0].gate"), "this one has `approve` and `gate`"),
        ("- {tool: x, reject: a, approve: true}", (3, 26, "rules[0].approve"), "has `reject` and `approve`"),
        ("- {tool: x, approve: false}", (3, 24, "rules[0].approve"), "`approve: false` does nothing."),
        ("- {tool: x, gate: false}", (3, 21, "rules[0].gate"), "`gate: false` asks no one."),
        ("- {tool: x, gate: yes}", (3, 21, "rules[0].gate"), "A gate is `true` or a mapping"),
        ('- {tool: x, reject: ""}', (3, 23, "rules[0].reject"), "This may not be empty."),
        ('- {tool: x, reject: "{{ ask.tool }}"}', (3, 23, "rules[0].reject"), "goes to the agent as it is written"),
        (f"- {{tool: x, reject: {'x' * 501}}}", (3, 23, "rules[0].reject"), "at most 500 characters long"),
        ("- {tool: x, reject: no, valid_for: 1h}", (3, 27, "rules[0].valid_for"), "has no effect on a rule that"),
        ("- {tool: x, valid_for: soon, gate: true}", (3, 26, "rules[0].valid_for"), "is not a duration"),
        ("- {tool: x, outcome_within: 5, gate: true}", (3, 31, "rules[0].outcome_within"), "must be a duration"),
        ("- {tool: x, when: false, gate: true}", (3, 21, "rules[0].when"), "with `when: false` never matches."),
        ('- {tool: x, when: "{{ amount > 3 }}", gate: true}', (3, 21, "rules[0].when"), "There is no `amount`."),
        ('- {tool: x, when: "{{ ask.titel }}", gate: true}', (3, 21, "rules[0].when"), "`ask` has no `titel`."),
        ('- {tool: x, when: "{{ inputs.a }}", gate: true}', (3, 21, "rules[0].when"), "An ask has no inputs."),
        ('- {tool: x, when: "{{ steps.a }}", gate: true}', (3, 21, "rules[0].when"), "name only `ask` and `run`."),
        ('- {tool: x, when: "{{ item }}", gate: true}', (3, 21, "rules[0].when"), "There is no `item`."),
        ('- {tool: x, when: "{{ ask.title > 3 }}", gate: true}', (3, 21, "rules[0].when"), "`>` compares two numbers"),
        ("- {tool: x, when: \"{{ ask.risk == 'hi' }}\", gate: true}", (3, 21, "rules[0].when"), "is never true here"),
        ("- {tool: x, gate: {revise: a}}", (3, 22, "rules[0].gate.revise"), "rules have none."),
        ("- {tool: x, gate: {on_reject: a}}", (3, 22, "rules[0].gate.on_reject"), "rules have none."),
        ("- {tool: x, gate: {at: after}}", (3, 26, "rules[0].gate.at"), "nothing to ask about after it"),
        ("- {tool: x, gate: {edit: [a, a.b]}}", (3, 32, "rules[0].gate.edit[1]"), "`a.b` lies inside `a`"),
        ("- {tool: x, gate: {expires: 1}}", (3, 31, "rules[0].gate.expires"), "must be a duration"),
        ("- {tool: x, approvers: [a@example.com], gate: true}", (3, 15, "rules[0].approvers"), "no key `approvers`"),
        ("- {deny: true}", (3, 6, "rules[0].deny"), "A rule has no key `deny`."),
        ("- hello", (3, 5, "rules[0]"), "A rule is a mapping"),
        ("- {gate: true}\n- {tool: x, approve: true}", (4, 5, "rules[1]"), "rule 1 comes first"),
        ("- {tool: '*', gate: true}\n- {approve: true}", (4, 5, "rules[1]"), "rule 1 comes first"),
        ("- {tool: a*, gate: true}\n- {tool: ab, approve: true}", (4, 5, "rules[1]"), "rule 1 comes first"),
        ("- {tool: a, when: true, gate: true}\n- {tool: a, reject: x}", (4, 5, "rules[1]"), "rule 1 comes first"),
    ],
)
def test_each_mistake_in_a_rule_is_one_sentence_at_its_place(
    text: str, place: tuple[int, int, str], message: str
) -> None:
    (problem,) = problems_of(rules(text))
    assert (problem.line, problem.column, problem.path) == place
    assert message in problem.message


def test_a_rule_with_a_mistake_makes_no_other_rule_useless() -> None:
    (problem,) = problems_of(rules('- {tool: "", gate: true}\n- {tool: b, approve: true}'))
    assert problem.path == "rules[0].tool"


def test_a_rule_with_a_condition_leaves_the_rest_to_later_rules() -> None:
    text = '- {tool: a, when: "{{ ask.arguments.n > 1 }}", gate: true}\n- {tool: a, approve: true}\n- {reject: No}'
    assert labels(load_workflow(rules(text)))[1:] == ["a", "a", "all other asks", "No rule"]


@pytest.mark.parametrize(
    ("file", "path", "message"),
    [
        ("name: a\nrules: []\n", "rules", "There is no rule here"),
        ("name: a\nrules: {tool: x}\n", "rules", "This must be a list, not a mapping."),
        ("name: a\nrules: [{gate: true}]\nsteps: [{id: a, uses: ask}]\n", "rules", "either `steps` or `rules`"),
        ("name: a\ninputs: {a: text}\nrules: [{gate: true}]\n", "inputs", "has no key `inputs`"),
        ("name: a\ntriggers: []\nrules: [{gate: true}]\n", "triggers", "has no key `triggers`"),
        ("name: a\nmay_run: [a@example.com]\nrules: [{gate: true}]\n", "may_run", "has no key `may_run`"),
        ("rules: [{gate: true}]\n", "name", "A workflow with rules needs the key `name`."),
        (
            "name: a\nrules:\n" + "".join(f"  - {{tool: t{n}, gate: true}}\n" for n in range(91)),
            "rules[90]",
            "at most 90 rules",
        ),
    ],
)
def test_each_mistake_around_rules_is_one_sentence_at_its_place(file: str, path: str, message: str) -> None:
    (problem,) = problems_of(file)
    assert problem.path == path
    assert message in problem.message


@pytest.mark.parametrize(
    ("steps", "path", "message"),
    [
        ("[{id: s, uses: set, with: {x: 1}}, {id: c, uses: ask}]", "steps[1]", "A step `uses: ask` comes first"),
        ("[{id: c, uses: ask}, {id: d, uses: ask}]", "steps[1]", "A step `uses: ask` comes first"),
        ("[{id: c, uses: ask, retry: {attempts: 2}}]", "steps[0].retry", "has no meaning on an `ask` step"),
        ("[{id: c, uses: ask, timeout: 5m}]", "steps[0].timeout", "has no meaning on an `ask` step"),
        ("[{id: c, uses: ask, idempotent: true}]", "steps[0].idempotent", "has no meaning on an `ask` step"),
        ('[{id: c, uses: ask, when: "{{ run.id == ask.tool }}"}]', "steps[0].when", "has no meaning on an `ask` step"),
        ("[{id: c, uses: ask, on_error: ask}]", "steps[0].on_error", "No one here can try it again"),
        ("[{id: c, uses: ask, gate: {at: after}}]", "steps[0].gate.at", "asks before the program acts"),
        ("[{id: c, uses: ask, with: {amount: 5}}]", "steps[0].with.amount", "An ask has no `amount`"),
        (
            "[{id: b, uses: branch, paths: {x: {when: true, steps: [{id: c, uses: ask}]}}}]",
            "steps[0]",
            "Some asks might take no path",
        ),
        (
            "[{id: b, uses: branch, paths: {x: {when: '{{ ask.tool == \"a\" }}', steps: [{id: c, uses: ask}]}}, "
            "otherwise: [{id: s, uses: set, with: {x: 1}}]}]",
            "steps[0].otherwise[0]",
            "it must be a step `uses: ask`",
        ),
        (
            "[{id: c, uses: ask}, {id: s, uses: set, with: {x: '{{ inputs.a }}'}}]",
            "steps[1].with.x",
            "An ask has no inputs.",
        ),
    ],
)
def test_an_ask_comes_first_in_its_workflow(steps: str, path: str, message: str) -> None:
    (problem,) = problems_of(f"name: a\nsteps: {steps}\n")
    assert problem.path == path
    assert message in problem.message


@pytest.mark.parametrize("key", ["inputs: {a: text}", "triggers: []", "may_run: [a@example.com]"])
def test_no_person_starts_a_workflow_for_asks(key: str) -> None:
    (problem,) = problems_of(f"name: a\n{key}\nsteps: [{{id: c, uses: ask}}]\n")
    assert "has no meaning in a workflow for asks" in problem.message


def test_asks_may_be_chosen_by_a_branch_and_later_steps_read_them() -> None:
    file = """name: a
steps:
  - id: which
    uses: branch
    paths:
      large:
        when: "{{ ask.arguments.amount > 100 }}"
        steps: [{id: ask_two, uses: ask, gate: {policy: {quorum: 2}, approvers: [a@example.com, b@example.com]}}]
    otherwise: [{id: ask_one, uses: ask, gate: true}]
  - {id: note, uses: set, with: {tool: "{{ ask.tool }}", path: "{{ steps.which.path }}"}}
"""
    workflow = load_workflow(file)
    assert workflow.is_asked
    assert labels(workflow) == ["Which", "Ask two", "Ask one", "Note"]


def test_other_workflows_have_no_ask() -> None:
    (problem,) = problems_of('name: a\nsteps: [{id: s, uses: set, with: {x: "{{ ask.tool }}"}}]\n')
    assert problem.message == "There is no `ask`."
