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
from engine.workflowfile.schema_errors import SchemaContext
from engine.workflowfile.step_reader import read_steps

_TRIGGER_EXAMPLES: Final = {
    "webhook": "Write {secret: SHOP_HOOK}.",
    "message": "Write message: true.",
    "email": "Write email: true.",
    "reaction": 'Write {emoji: eyes, channel: "#refunds"}.',
}


def read_draft(report: ProblemReport) -> WorkflowDraft:
    """Read the file by the grammar alone, and report its problems."""
    root = report.value(())
    if not isinstance(root, dict):
        report.add((), "A workflow file is a mapping that begins with `name: …`.")
        return WorkflowDraft(file=None)
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
