"""Compiler from the triggers of a file to those that start runs, and the checks of the inputs that they give."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from engine import fields, schedules
from engine.domain import Missed, Overlap, TriggerKind
from engine.errors import InvalidValue
from engine.expressions import StaticType, compile_value, iter_strings
from engine.fields import Field
from engine.json_values import Path, Value
from engine.workflowfile import checks
from engine.workflowfile.draft import TriggerDraft, WorkflowDraft
from engine.workflowfile.expression_scope import ExpressionNames, compile_text
from engine.workflowfile.phrases import cite
from engine.workflowfile.report import ProblemReport
from engine.workflowfile.scalars import has_expression
from engine.workflowfile.workflow import Reaction, Trigger, Webhook

_TIMES: Final[Mapping[str, StaticType]] = {
    "time": StaticType(frozenset({"text"}), "a time (text)", is_date=True),
    "date": StaticType(frozenset({"text"}), "a date (text)", is_date=True),
}
_MESSAGE: Final[Mapping[str, StaticType]] = {
    **_TIMES,
    "text": StaticType(frozenset({"text"}), "text", is_date=False),
    "author": StaticType(frozenset({"text"}), "an address (text)", is_date=False),
    "link": StaticType(frozenset({"text"}), "an address (text)", is_date=False),
    "channel": StaticType(frozenset({"text"}), "a channel (text)", is_date=False),
}
NAMES: Final[Mapping[TriggerKind, Mapping[str, StaticType | None]]] = {
    TriggerKind.SCHEDULE: _TIMES,
    TriggerKind.WEBHOOK: {**_TIMES, "body": None, "headers": None},
    TriggerKind.MESSAGE: _MESSAGE,
    TriggerKind.REACTION: _MESSAGE,
    TriggerKind.EMAIL: {
        **_TIMES,
        "subject": StaticType(frozenset({"text"}), "text", is_date=False),
        "text": StaticType(frozenset({"text"}), "text", is_date=False),
        "from": StaticType(frozenset({"text"}), "an address (text)", is_date=False),
        "attachments": None,
    },
}
"""What `trigger` holds for each kind of trigger."""
_ONE_EACH: Final = frozenset({TriggerKind.MESSAGE, TriggerKind.REACTION, TriggerKind.EMAIL})
"""The triggers of which a workflow has one for each thing that it listens to."""
_ASKS: Final = frozenset({TriggerKind.MESSAGE, TriggerKind.REACTION})
"""The triggers after which a person is asked for the inputs that the trigger does not give."""


def compile_triggers(report: ProblemReport, draft: WorkflowDraft) -> list[Trigger]:
    """Return the triggers, as far as they are right. Problems are reported."""
    triggers = [_compile(report, trigger, draft.inputs) for trigger in draft.triggers]
    for index, trigger in enumerate(triggers):
        if trigger.kind in _ONE_EACH and any(earlier.identity == trigger.identity for earlier in triggers[:index]):
            report.add(draft.triggers[index].at, "Another trigger of this workflow listens to the same.")
        if trigger.kind is TriggerKind.EMAIL and draft.file is not None and not draft.file.may_run:
            message = "Emails can start a workflow only for the people that `may_run` names."
            report.add((*draft.triggers[index].at, "email"), message, "Write may_run: [ada@example.com].", at="key")
    return triggers


def _compile(report: ProblemReport, draft: TriggerDraft, inputs: Mapping[str, Field | None] | None) -> Trigger:
    file = draft.file
    (kind,) = file.kinds
    at: Path = (*draft.at, "inputs")
    is_valid = checks.check_keys(report, file.inputs, at)
    names = ExpressionNames(inputs={}, trigger=NAMES[kind])
    for path, text in iter_strings(file.inputs):
        is_valid = compile_text(report, text, at + path, names) is not None and is_valid
    if inputs is not None:
        _check_inputs(report, file.inputs, at, inputs)
        if kind not in _ASKS:
            _check_complete(report, draft, inputs)
    return Trigger(
        index=draft.index,
        kind=kind,
        inputs=compile_value(file.inputs if is_valid else {}),
        overlap=Overlap(file.overlap),
        schedule=schedules.parse(file.schedule, file.timezone) if file.schedule is not None else None,
        missed=Missed(file.missed or Missed.ONCE),
        webhook=Webhook(file.webhook.secret, file.webhook.header) if file.webhook is not None else None,
        reaction=Reaction(file.reaction.emoji, file.reaction.channel) if file.reaction is not None else None,
    )


def _check_inputs(
    report: ProblemReport, given: Mapping[str, Value], at: Path, inputs: Mapping[str, Field | None]
) -> None:
    """Report inputs that the workflow does not have, and values without an expression that it would refuse."""
    for name, value in given.items():
        if name not in inputs:
            report.add((*at, name), f"There is no input `{cite(name)}`.", "Declare it under `inputs`.", at="key")
            continue
        declared = inputs[name]
        if declared is None or any(has_expression(text) for _, text in iter_strings(value)):
            continue
        try:
            fields.validate(declared, value)
        except InvalidValue as error:
            report.add((*at, name), f"The input `{name}` {error}.")


def _check_complete(report: ProblemReport, draft: TriggerDraft, inputs: Mapping[str, Field | None]) -> None:
    """Report inputs that a run needs and that the trigger does not give."""
    for name, declared in inputs.items():
        if declared is None or name in draft.file.inputs:
            continue
        try:
            fields.absent(declared)
        except InvalidValue:
            message = f"The input `{name}` has no default, so this trigger has to give it."
            report.add(draft.at, message, f"Write inputs: {{{name}: …}} on the trigger.")
