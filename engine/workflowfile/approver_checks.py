"""The approvers of a gate: what can never name a person, and which inputs of the requester name one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from engine import references
from engine.domain import accounts
from engine.expressions import CompiledValue, Template, ValueSource, find_value_sources, joins_texts
from engine.json_values import Path
from engine.workflowfile.expression_scope import Names, known_of
from engine.workflowfile.grammar import GateFile
from engine.workflowfile.phrases import cite
from engine.workflowfile.report import ProblemReport
from engine.workflowfile.scalars import person_kind

_AS_LIST: Final = 'Write a list, like ["{{ inputs.a }}", "{{ inputs.b }}"].'
_KEYWORDS: Final = (
    "From data only addresses of people count; `owner`, `requester` and `group:` count where the file writes them, "
    "like \"{{ 'owner' if inputs.urgent else 'group:finance' }}\"."
)


def check_some(report: ProblemReport, gate: GateFile, at: Path) -> None:
    """Report an empty list: it would ask the owner without a word."""
    if "approvers" in gate.model_fields_set and not gate.approvers and not report.registered:
        hint = "Name a person, or delete the line to ask the owner."
        report.add((*at, "approvers"), "This list is empty.", hint, at="key")


def check_person(report: ProblemReport, template: Template, at: Path, names: Names) -> None:
    """Report what can never name a person, whatever its values are."""
    if template.is_literal or report.registered or report.has_problem(at):
        return
    if joins_texts(template):
        report.add(at, "Several people stand in one text.", _AS_LIST)
    elif not template.is_whole:
        if template.source.strip().startswith(references.DATA_CANNOT_NAME):
            report.add(at, "Data cannot say which group is asked.", _KEYWORDS)
    else:
        for source in find_value_sources(template, known_of(names)):
            _check_source(report, source, at)


def _check_source(report: ProblemReport, source: ValueSource, at: Path) -> None:
    if source.literal is not None:
        _check_written(report, source.literal, at)
        return
    sort = source.static_type
    if sort is None:
        return
    if not sort.kinds & {"text", "list"} or sort.is_date or sort.is_number_text:
        report.add(at, f"An approver is a person, but {source.name} is {sort.phrase}.")
    texts = sort.texts if sort.texts is not None else sort.item.texts if sort.item is not None else None
    for text in texts or ():
        if person_kind(text) not in references.ADDRESSES:
            report.add(at, f"{source.name} can be `{cite(text)}`, which is no address of a person.", _KEYWORDS)
            break


def _check_written(report: ProblemReport, text: str, at: Path) -> None:
    kind = person_kind(text)
    if kind is None:
        report.add(at, f"`{cite(text)}` names no person.", f"Write an email address, {accounts.ONE} or `group:handle`.")
    elif kind in references.NOT_YET:
        report.add(at, f"`{cite(text)}` is not available yet.")


def named_by_inputs(template: Template, names: Names) -> tuple[str, ...]:
    """The inputs that an approver is read from, also by way of `set` steps."""
    found: set[str] = set()
    for reference in template.references:
        found |= inputs_behind(reference, names)
    return tuple(sorted(found))


def inputs_behind(reference: Path, names: Names) -> frozenset[str]:
    """The inputs that the value of a reference is made of."""
    match reference:
        case ("inputs", name, *_):
            return frozenset({str(name)})
        case ("steps", str(step), name, *_) if step in names.steps:
            return names.steps[step].inputs.get(str(name), frozenset())
    return frozenset()


def inputs_of_outputs(params: CompiledValue, names: Names) -> Mapping[str, frozenset[str]]:
    """The inputs that each output of a `set` step is made of."""
    found: dict[str, frozenset[str]] = {}
    for path, template in params.templates:
        behind = [inputs_behind(reference, names) for reference in template.references]
        found[str(path[0])] = found.get(str(path[0]), frozenset()).union(*behind)
    return found
