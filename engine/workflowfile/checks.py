"""Checks beyond the grammar: parameters that a kind of step refuses, and keys of a gate that can never take effect."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import ValidationError

from engine import references
from engine.errors import InvalidValue
from engine.expressions import Template, check_literal_address, iter_strings
from engine.json_values import Path, Value
from engine.workflowfile.approver_checks import requester_rule
from engine.workflowfile.channel_checks import check_channels
from engine.workflowfile.deadline_checks import check_deadlines
from engine.workflowfile.draft import StepDraft
from engine.workflowfile.grammar import UNBUILT_STEP_TYPES, GateFile, StepFile
from engine.workflowfile.phrases import cite, list_names
from engine.workflowfile.report import ProblemReport
from engine.workflowfile.scalars import has_expression, person_kind
from engine.workflowfile.schema_errors import SchemaContext, keys_of, locate, report_errors, report_unknown_key
from engine.workflowfile.step_kinds import BRANCH, FORM, Nature, StepKind
from engine.workflowfile.unsupported import suggest_word


def check_params(report: ProblemReport, kind: StepKind, params: Mapping[str, Value], at: Path) -> bool:
    """Check the literal part of `with` against the kind's model. Return whether it has no problem."""
    context = SchemaContext(base=at, model=kind.Params, name=f"the `with` of `{kind.name}`")
    known_keys = keys_of(kind.Params)
    is_valid = True
    if kind.Params.model_config.get("extra") not in ("allow", "forbid"):
        # Without this check the model would silently drop unknown keys.
        for key in params.keys() - set(known_keys):
            report_unknown_key(report, (*at, key), known=known_keys, owner=context.name)
            is_valid = False
    try:
        kind.Params.model_validate(dict(params))
    except ValidationError as error:
        # The value of an expression is known only during the run, so it cannot be checked here.
        errors = [
            detail
            for detail in error.errors(include_url=False)
            if detail["type"] in ("missing", "extra_forbidden")
            or not _has_expression(report.value(locate(report, at + detail["loc"])))
        ]
        report_errors(report, errors, context)
        is_valid = is_valid and not errors
    for problem in () if report.registered else kind.find_problems(params):
        if not report.has_problem((*at, *problem.path)):
            report.add((*at, *problem.path), problem.message, problem.hint)
        is_valid = False
    return is_valid


def unknown_params(kind: StepKind, params: Mapping[str, Value]) -> frozenset[str]:
    """Return the keys of `with` that this kind does not have."""
    if kind.Params.model_config.get("extra") == "allow":
        return frozenset()
    return frozenset(params).difference(keys_of(kind.Params))


def _has_expression(value: Value) -> bool:
    return any(has_expression(text) for _, text in iter_strings(value))


def check_keys(report: ProblemReport, value: Value, at: Path) -> bool:
    """Report keys that are expressions: they would be shown and sent as written. Return whether there are none."""
    is_valid = True
    if isinstance(value, dict):
        for key, item in value.items():
            if has_expression(key):
                report.add((*at, key), "Expressions work in values, not in keys.", at="key")
                is_valid = False
            is_valid = check_keys(report, item, (*at, key)) and is_valid
    elif isinstance(value, list):
        for index, item in enumerate(value):
            is_valid = check_keys(report, item, (*at, index)) and is_valid
    return is_valid


def check_literal(report: ProblemReport, text: str, at: Path) -> bool:
    """Report an expression in a parameter that is plain text, as a declaration. Return whether there is none."""
    if not has_expression(text):
        return True
    report.add(at, "This is plain text; expressions do not work here.")
    return False


def check_address(report: ProblemReport, template: Template, at: Path) -> None:
    """Report a web address whose literal part makes every call impossible."""
    if report.registered:
        return
    try:
        check_literal_address(template)
    except InvalidValue as error:
        report.add(at, f"This address {error}.")


def report_unbuilt_kind(report: ProblemReport, step: StepDraft) -> bool:
    """Report a step that uses a kind that is not built yet. Return whether it does."""
    if step.uses not in UNBUILT_STEP_TYPES:
        return False
    report.add((*step.at, "uses"), f"`uses: {step.uses}` is not available yet.")
    return True


def report_unknown_kind(report: ProblemReport, step: StepDraft, kinds: Mapping[str, StepKind]) -> None:
    """Report the kind of a step that is not in `kinds`, with the names of those that are."""
    if step.uses is None:
        return
    names = sorted(kinds)
    hint = suggest_word(step.uses, names, UNBUILT_STEP_TYPES)
    message = f"There is no kind of step `{cite(step.uses)}`; there are {list_names(names, 'and')}."
    report.add((*step.at, "uses"), message, hint)


def check_sleep(report: ProblemReport, step: StepDraft, kind: StepKind) -> None:
    """Report keys that have no meaning on a step that only waits: it has nothing to review and cannot fail."""
    if kind.nature is not Nature.SLEEP or step.file is None:
        return
    if step.gate is not None:
        message = f"A `{kind.name}` step cannot have a gate: there is nothing to review."
        report.add(step.gate_at, message, "Put the gate on the next step.", at="key")
    _report_meaningless(report, step, step.file, "retry", "idempotent", "timeout")


def check_branch(report: ProblemReport, step: StepDraft, file: StepFile) -> None:
    """Report keys that have no meaning on a branch, which only chooses, and conditions that leave out a path."""
    if step.uses != BRANCH:
        return
    _report_meaningless(report, step, file, "retry", "idempotent", "timeout")
    if step.gate is not None:
        message = "A branch cannot have a gate: there is nothing to review."
        report.add(step.gate_at, message, "Put the gate on a step of a path.", at="key")
    sure = next((path for path in step.paths if path.when is True and path.rule is None), None)
    if sure is not None and sure is not step.paths[-1]:
        message = f"The path `{sure.name}` is always taken, so those after it never are."
        report.add((*sure.at, "when"), message, "Write its steps under `otherwise`, at the end.")


def check_runs(report: ProblemReport, step: StepDraft, kind: StepKind) -> None:
    """Report keys that have no meaning on a step that starts runs, and a workflow that would run itself."""
    if kind.nature is not Nature.RUNS or step.file is None:
        return
    _report_meaningless(report, step, step.file, "retry", "idempotent", "timeout")
    name = step.file.with_.get("workflow")
    if name is not None and name == report.value(("name",)):
        report.add((*step.at, "with", "workflow"), "This workflow would run itself, and never come to an end.")


def check_form(report: ProblemReport, step: StepDraft, file: StepFile, gate: GateFile | None) -> None:
    """Report keys that have no meaning on a form, and required fields of a form that may expire unanswered."""
    _report_meaningless(report, step, file, "with", "edit", "at", "retry", "idempotent", "timeout")
    if file.on_error == "ask":
        message = "A form calls nothing that could fail, so `on_error: ask` would never ask."
        report.add((*step.at, "on_error"), message, "Delete this line.", at="key")
    if "hold" in file.model_fields_set:
        message = "A form is filled in and not approved, so there is nothing to hold."
        hint = "Put `hold` on the gate of the step that uses what was filled in."
        report.add((*step.at, "hold"), message, hint, at="key")
    required = [name for name, field in step.fields.items() if field.required and field.default is None]
    if gate is not None and gate.on_expiry == "continue" and required:
        message = f"The run could not continue without an answer: {list_names(required, 'and')} would be missing."
        hint = "Give each field a `default`, or make it `required: false`."
        report.add((*step.at, "on_expiry"), message, hint, at="key")


def _report_meaningless(report: ProblemReport, step: StepDraft, file: StepFile, *keys: str) -> None:
    for key in keys:
        if {key, f"{key}_"} & file.model_fields_set:
            report.add((*step.at, key), f"`{key}` has no meaning on a `{step.uses}` step; delete it.", at="key")


def check_step(report: ProblemReport, step: StepDraft, file: StepFile) -> None:
    """Report approvers that stand on the step in the place of its gate."""
    if "approvers" in file.model_fields_set and file.on_error != "ask" and step.uses != FORM:
        message = "Outside of its gate a step has approvers only with `on_error: ask`, for a failure."
        report.add((*step.at, "approvers"), message, "Write it under `gate`.", at="key")


def check_gate(report: ProblemReport, gate: GateFile, at: Path, *, is_form: bool) -> None:
    """Report keys of a gate that can never take effect. A key in the file counts even if its value was refused."""

    def are_absent(*keys: str) -> bool:
        return not any(report.has((*at, key)) for key in keys)

    check_channels(report, gate, at)
    if gate.revise_limit is not None and are_absent("revise"):
        _report_never(report, (*at, "revise_limit"), "`revise_limit` never counts without `revise`.", "")
    check_deadlines(report, gate, at, requester_rule(gate, is_form=is_form))
    _check_exclude(report, gate, at)


def _report_never(report: ProblemReport, path: Path, message: str, hint: str) -> None:
    report.add(path, message, hint, at="key")


def _check_exclude(report: ProblemReport, gate: GateFile, at: Path) -> None:
    kinds = {person_kind(person) for person in gate.approvers}
    if references.REQUESTER in (gate.exclude or ()) and kinds == {references.REQUESTER}:
        message = "No one could decide: the only approver is excluded."
        _report_never(report, (*at, "exclude"), message, "Name another approver.")
    if "editor" in (gate.exclude or ()) and gate.edit == []:
        _report_never(report, (*at, "exclude"), "`editor` has no effect: nothing can be edited.", "Delete `edit: []`.")
