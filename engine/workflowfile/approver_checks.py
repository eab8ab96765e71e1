"""Checks of a gate's approvers: texts that can never name a person, and inputs through which a requester names one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from engine import references
from engine.domain import RequesterRule, accounts
from engine.expressions import CompiledValue, Template, ValueSource, find_value_sources, joins_texts
from engine.json_values import Path
from engine.workflowfile.expression_scope import ExpressionNames, build_type_lookup
from engine.workflowfile.grammar import GateFile
from engine.workflowfile.phrases import cite
from engine.workflowfile.report import ProblemReport
from engine.workflowfile.scalars import person_kind

_LIST_HINT: Final = 'Write a list, like ["{{ inputs.a }}", "{{ inputs.b }}"].'
_KEYWORD_HINT: Final = (
    "Data can only give addresses of people. Write `owner`, `requester`, `group:` and `role:` in the file itself, "
    "like \"{{ 'owner' if inputs.urgent else 'group:finance' }}\"."
)


def check_not_empty(report: ProblemReport, gate: GateFile, at: Path) -> None:
    """Report an empty list of approvers, because such a gate would silently ask the owner."""
    if "approvers" in gate.model_fields_set and not gate.approvers and not report.registered:
        hint = "Name a person, or delete the line to ask the owner."
        report.add((*at, "approvers"), "This list is empty.", hint, at="key")


def requester_rule(gate: GateFile, *, is_form: bool) -> RequesterRule:
    """Return whether the requester may decide. A form asks for values, which the requester often has."""
    if gate.exclude is None or gate.exclude == ["editor"]:
        return RequesterRule.ALLOWED if is_form else RequesterRule.LAST
    return RequesterRule.NEVER if "requester" in gate.exclude else RequesterRule.ALLOWED


def check_person(report: ProblemReport, template: Template, at: Path, names: ExpressionNames) -> None:
    """Report an approver that can never name a person, whatever the values of its expression are."""
    if template.is_literal or report.registered or report.has_problem(at):
        return
    if joins_texts(template):
        report.add(at, "This text names several people.", _LIST_HINT)
    elif not template.is_whole:
        if template.source.strip().startswith(references.DATA_CANNOT_NAME):
            report.add(at, "Data cannot say which group or role is asked.", _KEYWORD_HINT)
    else:
        for source in find_value_sources(template, build_type_lookup(names)):
            _check_source(report, source, at)


def _check_source(report: ProblemReport, source: ValueSource, at: Path) -> None:
    if source.literal is not None:
        _check_literal(report, source.literal, at)
        return
    type_ = source.static_type
    if type_ is None:
        return
    if not type_.kinds & {"text", "list"} or type_.is_date or type_.is_number_text:
        report.add(at, f"An approver is a person, but {source.name} is {type_.phrase}.")
    texts = type_.texts if type_.texts is not None else type_.item.texts if type_.item is not None else None
    for text in texts or ():
        if person_kind(text) not in references.ADDRESSES:
            report.add(at, f"{source.name} can be `{cite(text)}`, which is not the address of a person.", _KEYWORD_HINT)
            break


def _check_literal(report: ProblemReport, text: str, at: Path) -> None:
    if person_kind(text) is None:
        report.add(
            at,
            f"`{cite(text)}` is not a person.",
            f"Write an email address, {accounts.ONE}, `group:handle` or `role:name`.",
        )


def inputs_naming_approvers(approvers: Iterable[Template], names: ExpressionNames) -> Mapping[str, tuple[str, ...]]:
    """Return the inputs through which the requester names approvers, by the source of the expression."""
    found = {approver.source: inputs_naming_approver(approver, names) for approver in approvers}
    return {source: inputs for source, inputs in found.items() if inputs}


def inputs_naming_approver(template: Template, names: ExpressionNames) -> tuple[str, ...]:
    """Return the inputs that an approver is read from, also through `set` steps."""
    inputs: set[str] = set()
    for reference in template.references:
        inputs |= inputs_of_reference(reference, names)
    return tuple(sorted(inputs))


def inputs_of_reference(reference: Path, names: ExpressionNames) -> frozenset[str]:
    """Return the inputs that the value of a reference is computed from."""
    match reference:
        case ("inputs", name, *_) | ("ask", "arguments", name, *_):
            return frozenset({str(name)})
        case ("steps", str(step), name, *_) if step in names.steps:
            return names.steps[step].inputs.get(str(name), frozenset())
    return frozenset()


def inputs_of_outputs(params: CompiledValue, names: ExpressionNames) -> Mapping[str, frozenset[str]]:
    """Return the inputs that each output of a `set` step is computed from."""
    inputs_by_output: dict[str, frozenset[str]] = {}
    for path, template in params.templates:
        inputs = [inputs_of_reference(reference, names) for reference in template.references]
        output = str(path[0])
        inputs_by_output[output] = inputs_by_output.get(output, frozenset()).union(*inputs)
    return inputs_by_output
