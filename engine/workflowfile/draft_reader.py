"""Reads a whole workflow file by the grammar alone."""

from __future__ import annotations

from typing import Final

from engine.fields import Field
from engine.json_values import Path, Value
from engine.workflowfile.draft import TriggerDraft, WorkflowDraft
from engine.workflowfile.grammar import (
    MAX_INPUTS,
    MAX_TRIGGERS,
    TriggerFile,
    WorkflowFile,
)
from engine.workflowfile.part_reader import missing_space, read_fields, read_part
from engine.workflowfile.report import ProblemReport
from engine.workflowfile.rule import RULES
from engine.workflowfile.rule_grammar import RulesFile
from engine.workflowfile.rule_reader import read_rules
from engine.workflowfile.schema_errors import SchemaContext
from engine.workflowfile.step_reader import read_steps

_TRIGGER_EXAMPLES: Final = {
    "webhook": "Write {secret: SHOP_HOOK}.",
    "message": "Write message: true.",
    "email": "Write email: true.",
    "reaction": 'Write {emoji: eyes, channel: "#refunds"}.',
}

_RULES_HINTS: Final = {
    "inputs": "The agent sends its own values; rules name them as `ask.arguments.…`.",
    "triggers": "Only an ask starts this workflow.",
    "may_run": "Only an ask starts this workflow. Which API keys may ask is set with `signoff keys create`.",
    "output": "The agent gets the decision; there is nothing else to return.",
}
_RULES_EXAMPLES: Final = {RULES: "Write each rule after a dash: - tool: refund."}


def read_draft(report: ProblemReport) -> WorkflowDraft:
    """Read the file by the grammar alone, and report its problems."""
    root = report.value(())
    if not isinstance(root, dict):
        report.add((), "A workflow file is a mapping that begins with `name: …`.")
        return WorkflowDraft(file=None)
    if RULES in root:
        return _read_rules_file(report, root)
    file = read_part(
        report,
        WorkflowFile,
        root,
        context=SchemaContext(base=(), model=WorkflowFile, name="a workflow"),
        parts={"workflow": ()},
    )
    return WorkflowDraft(
        file=file,
        inputs=_read_inputs(report, root),
        steps=read_steps(report, root),
        triggers=_read_triggers(report, root),
    )


def _read_rules_file(report: ProblemReport, root: dict[str, Value]) -> WorkflowDraft:
    """Read a file with rules in the place of steps."""
    if "steps" in root:
        message = "A file has either `steps` or `rules`; this one has both."
        report.add((RULES,), message, "Put the steps into a file of their own.", at="key")
        root = {key: value for key, value in root.items() if key != "steps"}
    context = SchemaContext(
        base=(), model=RulesFile, name="a workflow with rules", hints=_RULES_HINTS, examples=_RULES_EXAMPLES
    )
    read = read_part(report, RulesFile, root, context=context, parts={})
    file = None
    if read is not None:
        kept = {name: getattr(read, name) for name in read.model_fields_set if name != RULES}
        file = WorkflowFile.model_validate({**kept, "steps": [None]})
    return WorkflowDraft(file=file, inputs={}, steps=read_rules(report, root), has_rules=True)


def _read_inputs(report: ProblemReport, root: dict[str, Value]) -> dict[str, Field | None] | None:
    raw = root.get("inputs", {})
    if not isinstance(raw, dict):
        return None
    if len(raw) > MAX_INPUTS:
        report.add(("inputs",), f"A workflow may have at most {MAX_INPUTS} inputs; this has {len(raw)}.", at="key")
    return read_fields(report, raw, ("inputs",), subject="The name of an input")


def _read_triggers(report: ProblemReport, root: dict[str, Value]) -> list[TriggerDraft]:
    raw = root.get("triggers")
    if not isinstance(raw, list):
        return []
    if len(raw) > MAX_TRIGGERS:
        message = f"A workflow may have at most {MAX_TRIGGERS} triggers; this has {len(raw)}."
        report.add(("triggers", MAX_TRIGGERS), message)
    drafts = list[TriggerDraft]()
    for index, value in enumerate(raw[:MAX_TRIGGERS]):
        at: Path = ("triggers", index)
        if not isinstance(value, dict):
            report.add(at, 'A trigger is a mapping, like {schedule: "0 9 * * mon"}.', missing_space(value))
            continue
        context = SchemaContext(base=at, model=TriggerFile, name="a trigger", examples=_TRIGGER_EXAMPLES)
        file = read_part(report, TriggerFile, value, context=context, parts={"trigger": ()})
        if file is not None:
            drafts.append(TriggerDraft(index=index, at=at, file=file))
    return drafts
