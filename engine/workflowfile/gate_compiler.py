"""A gate as written -> the `Gate` that is planned with: every text of it compiled."""

from __future__ import annotations

import re
from collections.abc import Mapping

from engine.domain import Assurance, EmailPolicy, OnExpiry, ReasonRequired, ReviewPoint
from engine.expressions import Template, compile_template
from engine.fields import Field
from engine.json_values import Path
from engine.workflowfile import approver_checks
from engine.workflowfile.declarations import Declaration, labelled, written
from engine.workflowfile.draft import StepDraft, item_path
from engine.workflowfile.expression_scope import Names, check_clear, check_condition, compile_text, doubt
from engine.workflowfile.grammar import GateFile, ShowFile
from engine.workflowfile.report import ProblemReport
from engine.workflowfile.scalars import MAX_CONFIRM, MAX_REASON, MAX_TITLE
from engine.workflowfile.step_kinds import FORM
from engine.workflowfile.workflow import FALLBACK_AFTER, Gate, ShownItem

_PLAIN_REFERENCE = re.compile(r"\{\{-?\s*[\w.]+\s*-?\}\}")


def compile_condition(report: ProblemReport, when: bool | str | None, at: Path, names: Names) -> Template | None:
    """None where it is always true."""
    if when is None or when is True:
        return None
    if when is False:
        return compile_template("{{ false }}")
    template = compile_text(report, when, at, names)
    if template is not None and template.is_whole:
        check_condition(report, template, at, names)
    elif template is not None:
        hint = 'Put all of it into one pair of braces: "{{ inputs.amount | number > 100 }}".'
        report.add(at, "A condition is one whole expression.", hint)
    return template


def compile_gate(report: ProblemReport, step: StepDraft, gate: GateFile, names: Names, declared: Declaration) -> Gate:
    """The gate as far as it is right; what is wrong is in the report. `declared`: of what it asks about."""
    at = step.gate_at

    def text(key: str, source: str | None, longest: int) -> Template | None:
        return None if source is None else _limited(report, source, (*at, key), names, longest=longest)

    # The `when` of a form says whether it is asked at all, like that of every step.
    when = None if step.uses == FORM else compile_condition(report, gate.when, (*at, "when"), names)
    if when is not None:
        check_clear(report, when, (*at, "when"), names)
    approver_checks.check_some(report, gate, at)
    people = list(filter(None, (_person(report, gate, index, at, names) for index in range(len(gate.approvers)))))
    return Gate(
        at=ReviewPoint(gate.at),
        when=when,
        doubt=doubt(when, names) if report.registered and when is not None else "",
        reason=text("reason", gate.reason, MAX_REASON),
        title=text("title", gate.title, MAX_TITLE),
        show=tuple(filter(None, (_shown(report, item, (*at, "show", i), names) for i, item in enumerate(gate.show)))),
        edit=_editable(step, declared),
        declared=declared,
        approve_label=gate.approve_label,
        reject_label=gate.reject_label,
        approvers=tuple(people),
        approver_inputs={
            one.source: inputs for one in people if (inputs := approver_checks.named_by_inputs(one, names))
        },
        asks_requester="exclude" in gate.model_fields_set and "requester" not in gate.exclude,
        expires=gate.expires,
        on_expiry=OnExpiry.STOP if gate.on_expiry == "escalate" else OnExpiry(gate.on_expiry),
        confirm=text("confirm", gate.confirm, MAX_CONFIRM),
        reason_required=ReasonRequired(gate.reason_required),
        email=EmailPolicy(gate.email or EmailPolicy.FALLBACK),
        fallback_after=gate.fallback_after or FALLBACK_AFTER,
        assurance=Assurance(gate.assurance or Assurance.CODE),
    )


def _person(report: ProblemReport, gate: GateFile, index: int, at: Path, names: Names) -> Template | None:
    place = item_path(report, (*at, "approvers"), index)
    template = compile_text(report, gate.approvers[index], place, names)
    if template is not None:
        approver_checks.check_person(report, template, place, names)
    return template


def _editable(step: StepDraft, declared: Declaration) -> Mapping[str, Field | None] | None:
    if step.uses == FORM:
        return step.fields
    if step.edit is None:
        return None
    return {one.name: one.type and labelled(one.type, declared.at(written(one.name)).field) for one in step.edit}


def _limited(report: ProblemReport, source: str, at: Path, names: Names, *, longest: int) -> Template | None:
    """Text of a gate: what is literal may not be longer than what is shown of it."""
    template = compile_text(report, source, at, names)
    if template is not None and template.is_literal:
        if len(source) > longest:
            report.add(at, f"This may be at most {longest} characters long; it has {len(source):,}.")
        if at[-1] == "title" and len(source.splitlines()) > 1:
            report.add(at, "This must be one line.")
    return template


def _shown(report: ProblemReport, item: ShowFile, at: Path, names: Names) -> ShownItem | None:
    place: Path = (*at, "value") if report.has((*at, "value")) else at
    template = compile_text(report, item.value, place, names)
    if template is None:
        return None
    label = item.label or _label(template)
    if label is None:
        hint = 'Write {label: …, value: …}, or one reference like "{{ inputs.to }}".'
        report.add(place, "This line needs a label.", hint)
        return None
    return ShownItem(label=label, value=template)


def _label(template: Template) -> str | None:
    """The last name of a reference, as a person would write it; None for anything that is not just a reference."""
    if not template.is_whole or len(template.references) != 1 or not _PLAIN_REFERENCE.fullmatch(template.source):
        return None
    (reference,) = template.references
    names = [part for part in reference if isinstance(part, str)]
    words = names[-1].replace("_", " ").strip()
    return words[:1].upper() + words[1:] if words else None
