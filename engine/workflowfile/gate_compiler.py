"""Compiler from a gate as written in the file to the `Gate` that the engine opens."""

from __future__ import annotations

import re
from collections.abc import Mapping

from msgspec.structs import replace

from engine import references
from engine.domain import (
    AloneReason,
    Assurance,
    EmailPolicy,
    OnExpiry,
    QuestionRule,
    ReasonRequired,
    ReviewPoint,
    Ways,
)
from engine.expressions import Template, compile_template
from engine.fields import Field
from engine.identifiers import in_words
from engine.json_values import Path
from engine.oversight.sampling_plan import SamplingPlan
from engine.workflowfile import approver_checks, risk_compiler
from engine.workflowfile.amount_compiler import with_amount
from engine.workflowfile.autonomy import REVIEWED_LATER, Autonomy
from engine.workflowfile.clock_compiler import compile_clocks
from engine.workflowfile.declarations import Declarations, DeclarationSources, parse_field_path, with_source_label
from engine.workflowfile.draft import StepDraft
from engine.workflowfile.expression_scope import (
    ExpressionNames,
    check_condition,
    check_unambiguous,
    compile_text,
    find_silent_clash,
)
from engine.workflowfile.grammar import AutonomyFile, GateFile, ShowFile
from engine.workflowfile.policy_compiler import compile_people, compile_policy
from engine.workflowfile.report import ProblemReport
from engine.workflowfile.route_compiler import names_route, route_of
from engine.workflowfile.scalars import MAX_CONFIRM, MAX_REASON, MAX_TITLE
from engine.workflowfile.step_kinds import FORM
from engine.workflowfile.workflow import (
    CONTEXT_KEYS,
    FALLBACK_AFTER,
    QUESTIONS,
    REVISE_LIMIT,
    Gate,
    ShownItem,
)

_PLAIN_REFERENCE = re.compile(r"\{\{-?\s*[\w.]+\s*-?\}\}")


def compile_condition(
    report: ProblemReport, when: bool | str | None, at: Path, names: ExpressionNames
) -> Template | None:
    """Compile a condition. Return None if it is always true, or if it has a problem, which is reported."""
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


def compile_gate(
    report: ProblemReport,
    step: StepDraft,
    gate: GateFile,
    names: ExpressionNames,
    *,
    declarations: Declarations,
    sources: DeclarationSources,
) -> Gate:
    """Compile a gate, as far as it is right, and report its problems.

    `declarations`: those of the reviewed values. `sources`: those of the values that expressions can read.
    """
    at = step.gate_at

    def compile_key(key: str, source: str | None, max_length: int) -> Template | None:
        return None if source is None else _compile_limited(report, source, (*at, key), names, max_length=max_length)

    when = _compile_when(report, step, gate, names)
    compiled = Gate(
        at=ReviewPoint(gate.at),
        when=when,
        condition_warning=find_silent_clash(when, names) if report.registered and when is not None else "",
        reason=compile_key("reason", gate.reason, MAX_REASON),
        title=compile_key("title", gate.title, MAX_TITLE),
        show=_compile_shown_items(report, gate, at, names, sources),
        context=_compile_context(report, gate, at, names),
        edit=_build_editable_fields(step, declarations),
        declarations=declarations,
        expires=gate.expires,
        on_expiry=OnExpiry(gate.on_expiry),
        clocks=compile_clocks(report, gate, at, names),
        confirm=compile_key("confirm", gate.confirm, MAX_CONFIRM),
        ways=_ways(gate),
        fallback_after=gate.fallback_after or FALLBACK_AFTER,
        assurance=Assurance(gate.assurance or Assurance.CODE),
        confirm_with=Assurance(gate.confirm_with) if gate.confirm_with else None,
        alone=_alone(gate),
        autonomy=_compile_autonomy(report, gate.autonomy, (*at, "autonomy"), names),
    )

    def with_people(compiled: Gate, file: GateFile, at: Path) -> Gate:
        return _with_people(report, compiled, file, at, names, is_form=step.uses == FORM)

    compiled = with_people(_with_answers(compiled, gate), gate, at)
    compiled = risk_compiler.with_risk(report, step, compiled, gate, names, (declarations, sources), with_people)
    return with_amount(report, gate, at, names, compiled)


def _with_answers(compiled: Gate, gate: GateFile) -> Gate:
    """Return the gate with what approvers can answer, and what follows from it."""
    return replace(
        compiled,
        approve_label=gate.approve_label,
        reject_label=gate.reject_label,
        reason_required=ReasonRequired(gate.reason_required),
        questions=QuestionRule(gate.questions or QUESTIONS),
        feedback=gate.feedback,
        revise=gate.revise,
        revise_limit=gate.revise_limit or REVISE_LIMIT,
        on_reject=gate.on_reject,
        hold=gate.hold,
    )


def _compile_when(report: ProblemReport, step: StepDraft, gate: GateFile, names: ExpressionNames) -> Template | None:
    """Compile the condition of a gate. That of a form belongs to the step: it decides whether the step runs at all."""
    at = (*step.gate_at, "when")
    when = None if step.uses == FORM else compile_condition(report, gate.when, at, names)
    if when is not None:
        check_unambiguous(report, when, at, names)
    return when


def _compile_autonomy(
    report: ProblemReport, plan: AutonomyFile | None, at: Path, names: ExpressionNames
) -> Autonomy | None:
    if plan is None:
        return None
    only_when = compile_condition(report, plan.only_when, (*at, "only_when"), names)
    if only_when is not None:
        check_unambiguous(report, only_when, (*at, "only_when"), names)
    return Autonomy(
        plan=SamplingPlan(clean=plan.clean, share=plan.sample, later=plan.review_after or REVIEWED_LATER),
        only_when=only_when,
        class_=None if plan.class_ is None else compile_text(report, plan.class_, (*at, "class"), names),
        minor=tuple(plan.minor),
    )


def _alone(gate: GateFile) -> AloneReason | None:
    if gate.irreversible:
        return AloneReason.IRREVERSIBLE
    return None if gate.batch else AloneReason.GATE


def _ways(gate: GateFile) -> Ways:
    """Return where people are asked. A list that names channels and not email is `email: never` in other words."""
    entries = gate.channels or []
    names = tuple(entry for entry in entries if isinstance(entry, str))
    places = [entry.post_to for entry in entries if not isinstance(entry, str)]
    without_email = names and references.EMAIL not in names
    email = EmailPolicy.NEVER if without_email else EmailPolicy(gate.email or EmailPolicy.FALLBACK)
    return Ways(email=email, names=names, post_to=places[0] if places else None)


def _with_people(
    report: ProblemReport, compiled: Gate, gate: GateFile, at: Path, names: ExpressionNames, *, is_form: bool
) -> Gate:
    """Return the gate with who is asked, how many of them have to agree, and who is left out."""
    approver_checks.check_not_empty(report, gate, at)
    route = route_of(report, gate, at, names, compile_condition)
    approvers = () if names_route(gate) else compile_people(report, gate.approvers, (*at, "approvers"), names)
    policy = compile_policy(report, gate, at, names, is_filled_in=is_form and _has_to_be_filled_in(compiled))
    with_people = replace(
        compiled,
        approvers=approvers,
        route=route,
        policy=policy.strictest,
        policy_choice=policy.choice,
        policies=policy.policies,
        requester_rule=approver_checks.requester_rule(gate, is_form=is_form),
        excludes_editor="editor" in (gate.exclude or ()),
    )
    return replace(with_people, approver_inputs=approver_checks.inputs_naming_approvers(with_people.people, names))


def _has_to_be_filled_in(form: Gate) -> bool:
    """Return whether a form cannot be submitted as it opens."""
    fields = (form.edit or {}).values()
    return any(field is not None and field.required and field.default is None for field in fields)


def _build_editable_fields(step: StepDraft, declarations: Declarations) -> Mapping[str, Field | None] | None:
    if step.uses == FORM:
        return step.fields
    if step.edit is None:
        return None
    return {
        edit.name: edit.type and with_source_label(edit.type, declarations.at(parse_field_path(edit.name)).field)
        for edit in step.edit
    }


def _compile_limited(
    report: ProblemReport, source: str, at: Path, names: ExpressionNames, *, max_length: int
) -> Template | None:
    """Compile a text of the gate. A literal text may not be longer than the part of it that is shown."""
    template = compile_text(report, source, at, names)
    if template is not None and template.is_literal:
        if len(source) > max_length:
            report.add(at, f"This may be at most {max_length} characters long; it has {len(source):,}.")
        if at[-1] == "title" and len(source.splitlines()) > 1:
            report.add(at, "This must be one line.")
    return template


def _compile_context(report: ProblemReport, gate: GateFile, at: Path, names: ExpressionNames) -> Mapping[str, Template]:
    """Return the texts about the proposal by their key, in the order in which people read them."""
    written = {key: getattr(gate.context, key) for key in CONTEXT_KEYS} if gate.context is not None else {}
    compiled = {
        key: _compile_limited(report, source, (*at, "context", key), names, max_length=MAX_REASON)
        for key, source in written.items()
        if source is not None
    }
    return {key: template for key, template in compiled.items() if template is not None}


def _compile_shown_items(
    report: ProblemReport, gate: GateFile, at: Path, names: ExpressionNames, sources: DeclarationSources
) -> tuple[ShownItem, ...]:
    items = [
        _compile_shown_item(report, item, (*at, "show", index), names, sources) for index, item in enumerate(gate.show)
    ]
    return tuple(item for item in items if item is not None)


def _compile_shown_item(
    report: ProblemReport, item: ShowFile, at: Path, names: ExpressionNames, sources: DeclarationSources
) -> ShownItem | None:
    path: Path = (*at, "value") if report.has((*at, "value")) else at
    template = compile_text(report, item.value, path, names)
    if template is None:
        return None
    label = item.label or _label_of_reference(template, sources)
    if label is None:
        hint = 'Write {label: …, value: …}, or one reference like "{{ inputs.to }}".'
        report.add(path, "This line needs a label.", hint)
        return None
    return ShownItem(label=label, value=template)


def _label_of_reference(template: Template, sources: DeclarationSources) -> str | None:
    """Return the label of the input or field whose value it is, else the last name of the reference in words.

    Return None for a template that is not just a reference.
    """
    if not template.is_whole or len(template.references) != 1 or not _PLAIN_REFERENCE.fullmatch(template.source):
        return None
    declared = sources.of_template(template).field
    if declared is not None and declared.label:
        return declared.label
    (reference,) = template.references
    return in_words([part for part in reference if isinstance(part, str)][-1]) or None
