"""Reads the rules of a workflow file as steps: a branch whose paths are asks, each at its place in the file."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from engine.json_values import Path, Value
from engine.workflowfile import rule_checks
from engine.workflowfile.draft import StepDraft
from engine.workflowfile.grammar import GateFile, StepFile
from engine.workflowfile.part_reader import missing_space, read_part
from engine.workflowfile.report import ProblemReport
from engine.workflowfile.rule import NO_RULE, RULES, Rule, label_of
from engine.workflowfile.rule_grammar import MAX_RULES, RuleFile
from engine.workflowfile.schema_errors import SchemaContext, keys_of
from engine.workflowfile.step_kinds import ASK, BRANCH
from engine.workflowfile.step_lists import PathDraft
from engine.workflowfile.step_reader import read_edit, read_gate

_HINTS: Final = {
    **dict.fromkeys(set(keys_of(GateFile)) - set(keys_of(RuleFile)), "Write it under `gate`."),
    "tools": "Write tool: [refund, pay_*].",
    "arguments": 'Write when: "{{ ask.arguments.amount > 100 }}".',
    "deny": "Write reject: and why.",
    "allow": "Write approve: true.",
    "uses": "A rule is always about an ask; delete this line.",
    "steps": "Rules have no steps. For steps after an approval, write a workflow with a step `uses: ask`.",
}
_EXAMPLES: Final = {"tool": "Write tool: refund, or tool: [refund, pay_*]."}
_NO_MATCH: Final = "No rule of this workflow allows this, and none asks a person about it."
_TIMES: Final = ("valid_for", "outcome_within")


def read_rules(report: ProblemReport, root: dict[str, Value]) -> list[StepDraft]:
    """Return the steps that the rules of a file stand for."""
    raw = root.get(RULES)
    if not isinstance(raw, list):
        return []
    branch = StepDraft(index=0, at=(RULES,), id=RULES, uses=BRANCH, file=StepFile(id=RULES, uses=BRANCH))
    drafts, paths = [branch], list[PathDraft]()
    for number, value in enumerate(raw[:MAX_RULES]):
        file = _read_rule(report, value, (RULES, number))
        if file is not None:
            _add(drafts, paths, _draft(report, file, len(drafts), number), _rule(file, number + 1), file.when)
    if len(raw) > MAX_RULES:
        report.add((RULES, MAX_RULES), f"A file may have at most {MAX_RULES} rules; this is one more.")
    rule_checks.check_reachable(report, paths)
    rest = StepFile.model_validate({"id": NO_RULE, "uses": ASK, "with": {"refuse": _NO_MATCH}})
    _add(drafts, paths, StepDraft(index=len(drafts), at=(RULES,), id=NO_RULE, uses=ASK, file=rest), None, None)
    branch.paths = paths
    for draft in drafts:
        draft.following = len(drafts)
    return drafts


def _add(
    drafts: list[StepDraft], paths: list[PathDraft], draft: StepDraft, rule: Rule | None, when: bool | str | None
) -> None:
    assert draft.id is not None
    steps = range(draft.index, draft.index + 1)
    paths.append(PathDraft(name=draft.id, at=draft.at, when=when, steps=steps, rule=rule))
    draft.rule = rule
    drafts.append(draft)


def _read_rule(report: ProblemReport, value: Value, at: Path) -> RuleFile | None:
    if not isinstance(value, dict):
        report.add(at, "A rule is a mapping, like {tool: refund, gate: {approvers: [owner]}}.", missing_space(value))
        return None
    context = SchemaContext(base=at, model=RuleFile, name="a rule", hints=_HINTS, examples=_EXAMPLES)
    file = read_part(report, RuleFile, value, context=context, parts={})
    if file is not None:
        rule_checks.check_rule(report, file, value, at)
    return file


def _rule(file: RuleFile, number: int) -> Rule:
    rule = Rule(
        number=number,
        tool=tuple(file.tool or ()),
        server=tuple(file.server or ()),
        agent=tuple(file.agent or ()),
        risk=tuple(file.risk or ()),
    )
    return replace(rule, label=label_of(rule, file.name))


def _draft(report: ProblemReport, file: RuleFile, index: int, place: int) -> StepDraft:
    """Return the step that a rule stands for. `place`: of the rule in the file."""
    at: Path = (RULES, place)
    params: dict[str, Value] = {key: report.value((*at, key)) for key in _TIMES if key in file.model_fields_set}
    if file.reject is not None:
        params["refuse"] = file.reject
    name = Rule(number=place + 1).step
    step = StepFile.model_validate({"id": name, "uses": ASK, "with": params})
    draft = StepDraft(index=index, at=at, id=name, uses=ASK, file=step, gate_at=(*at, "gate"), with_at=at)
    gate = read_gate(report, report.value(draft.gate_at), draft.gate_at) if report.has(draft.gate_at) else None
    if gate is not None:
        draft.gate = rule_checks.without_jumps(report, gate, draft.gate_at)
        if gate.edit is not None:
            draft.edit = read_edit(report, report.value((*draft.gate_at, "edit")), (*draft.gate_at, "edit"))
    return draft
