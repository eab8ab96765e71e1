"""Compiler of the people and the policy of a gate: who is asked, and how many of them have to agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import TypeAdapter, ValidationError

from engine import json_values, references
from engine.assignment import largest_matching
from engine.domain import PolicyKind
from engine.expressions import Template, compile_template, find_literal_values
from engine.json_values import Path, Value
from engine.workflowfile import approver_checks
from engine.workflowfile.draft import item_path
from engine.workflowfile.expression_scope import ExpressionNames, compile_text
from engine.workflowfile.grammar import GateFile, PlainPolicy, PolicyFile
from engine.workflowfile.phrases import cite
from engine.workflowfile.report import ProblemReport
from engine.workflowfile.route import ROUTE_PREFIX
from engine.workflowfile.scalars import EXPRESSION, ROUTE, has_expression, person_kind
from engine.workflowfile.workflow import ANY_ONE, GatePolicy

_UNCOUNTED = frozenset({references.GROUP, references.ROLE, EXPRESSION, ROUTE})
"""Kinds of references that can name any number of people."""
_EXCLUDED = "the requester is excluded"
_POLICY = TypeAdapter[str | PolicyFile](PlainPolicy)
_CHOICE_HINT = "Write them in the file, like \"{{ 'any' if inputs.amount | number <= 1000 else {'quorum': 2} }}\"."


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledPolicy:
    """The strictest policy of a gate, and the expression that chooses one of `policies`, by their JSON."""

    strictest: GatePolicy = ANY_ONE
    choice: Template | None = None
    policies: Mapping[str, GatePolicy] = field(default_factory=dict)


def compile_people(
    report: ProblemReport, people: Sequence[str], at: Path, names: ExpressionNames
) -> tuple[Template, ...]:
    """Compile references to people, and report those that can never name a person."""
    compiled: list[Template] = []
    for index, text in enumerate(people):
        path = item_path(report, at, index)
        if text.startswith(ROUTE_PREFIX):
            report.add(path, "A route stands alone in `approvers` of a gate.", f"Write approvers: [{cite(text)}].")
            continue
        template = compile_text(report, text, path, names)
        if template is not None:
            approver_checks.check_person(report, template, path, names)
            compiled.append(template)
    return tuple(compiled)


def compile_policy(
    report: ProblemReport, gate: GateFile, at: Path, names: ExpressionNames, *, is_filled_in: bool = False
) -> CompiledPolicy:
    """Compile the policy of a gate, as far as it is right, and report its problems.

    `is_filled_in`: it is the gate of a form that one of the approvers has to fill in first.
    """
    path = (*at, "policy")
    if isinstance(gate.policy, str) and has_expression(gate.policy):
        compiled = _compile_choice(report, gate.policy, path, names)
    else:
        compiled = CompiledPolicy(strictest=_compile(report, gate.policy, path, names))
    if not report.registered and not report.has_problem(path):
        for policy in {id(policy): policy for policy in (compiled.strictest, *compiled.policies.values())}.values():
            _check(report, gate, policy, at, is_filled_in=is_filled_in)
    return compiled


def _check(report: ProblemReport, gate: GateFile, policy: GatePolicy, at: Path, *, is_filled_in: bool) -> None:
    """Report a policy that can never be met by the people of the gate."""
    loses_editor = is_filled_in and "editor" in (gate.exclude or ())
    if loses_editor and policy.kind is PolicyKind.ALL:
        message = "Not all can approve: the person who fills in the form is excluded."
        report.add((*at, "policy"), message, "Write a quorum, or delete `editor` from `exclude`.", at="key")
    if policy.kind is PolicyKind.QUORUM:
        _check_quorum(report, gate, policy.quorum, (*at, "policy"), lost=int(loses_editor))
    if policy.kind is PolicyKind.CHAIN:
        _check_chain(report, gate, policy, (*at, "policy"))
        if gate.approvers and not _chooses(gate):
            message = "`approvers` has no effect with a chain, which names its own people."
            report.add((*at, "approvers"), message, "Delete this line.", at="key")


def _check_quorum(report: ProblemReport, gate: GateFile, quorum: int, at: Path, *, lost: int) -> None:
    """Report a quorum that its people cannot give. `lost`: how many of them cannot approve, without their names."""
    people = countable(report, gate.approvers or [references.OWNER])
    if people is None:
        return
    excluded = people & {references.REQUESTER} if references.REQUESTER in (gate.exclude or ()) else frozenset()
    count = len(people) - len(excluded) - lost
    if quorum <= count:
        return
    why = f": {_EXCLUDED}" if excluded else ""
    why = ": the person who fills in the form is excluded" if lost and not excluded else why
    at_quorum = (*at, "quorum") if report.has((*at, "quorum")) else at
    message = f"A quorum of {quorum} can never come together from {max(count, 0)}{why}."
    report.add(at_quorum, message, "Name more approvers.", at="key")


def _check_chain(report: ProblemReport, gate: GateFile, policy: GatePolicy, at: Path) -> None:
    """Report a chain whose groups cannot each give an approval."""
    sources = [[template.source for template in group] for group in policy.chain]
    groups = [countable(report, group) for group in sources]
    excluded = references.REQUESTER in (gate.exclude or ())
    if excluded and any(set(group) == {references.REQUESTER} for group in sources):
        message = f"No one could approve in one of these groups: {_EXCLUDED}."
        report.add(at, message, "Name another person there.", at="key")
    elif None not in groups and largest_matching([group or () for group in groups]) < len(groups):
        message = "This chain can never be completed: each group needs a person who approves in no other group."
        report.add(at, message, "Name more people in its groups.", at="key")


def _chooses(gate: GateFile) -> bool:
    """Return whether an expression chooses the policy, so that `approvers` may be for another choice."""
    return isinstance(gate.policy, str) and has_expression(gate.policy)


def countable(report: ProblemReport, people: Sequence[str]) -> frozenset[str] | None:
    """Return the people, or None if a group, a role or an expression among them can be any number of people.

    The owner and their address are one person.
    """
    kinds = {person_kind(person) for person in people}
    if kinds & _UNCOUNTED:
        return None
    owner = report.value(("owner",)) if report.has(("owner",)) else None
    named = (owner if person == references.OWNER and isinstance(owner, str) else person for person in people)
    return frozenset(person.casefold() for person in named)


def _compile(report: ProblemReport, policy: str | PolicyFile, at: Path, names: ExpressionNames) -> GatePolicy:
    if isinstance(policy, str):
        return GatePolicy(kind=PolicyKind(policy))
    if policy.quorum is not None:
        return GatePolicy(kind=PolicyKind.QUORUM, quorum=policy.quorum)
    groups = enumerate(policy.chain or ())
    chain = tuple(compile_people(report, group, (*at, "chain", index), names) for index, group in groups)
    return GatePolicy(kind=PolicyKind.CHAIN, chain=chain)


def _compile_choice(report: ProblemReport, source: str, at: Path, names: ExpressionNames) -> CompiledPolicy:
    template = compile_text(report, source, at, names)
    if template is None or report.has_problem(at):
        return CompiledPolicy()
    values = find_literal_values(template)
    if values is None:
        # Otherwise a person who fills in an input could choose how many have to agree.
        report.add(at, "An expression can only choose between policies that the file itself writes.", _CHOICE_HINT)
        return CompiledPolicy()
    policies: dict[str, GatePolicy] = {}
    for value in values:
        policy = _read(report, value, at)
        if policy is not None:
            policies[json_values.dumps(value)] = policy
    strictest = max(policies.values(), key=_strictness, default=ANY_ONE)
    return CompiledPolicy(strictest=strictest, choice=template, policies=policies)


def _read(report: ProblemReport, value: Value, at: Path) -> GatePolicy | None:
    """Return the policy that an expression can give, or None after a problem was reported."""
    try:
        policy = _POLICY.validate_python(value)
    except ValidationError:
        message = f"`{cite(json_values.dumps(value))}` is not a policy."
        report.add(at, message, "A policy is 'any', 'all', {'quorum': 2} or {'chain': [[…], […]]}.")
        return None
    if isinstance(policy, str):
        return GatePolicy(kind=PolicyKind(policy))
    if policy.quorum is not None:
        return GatePolicy(kind=PolicyKind.QUORUM, quorum=policy.quorum)
    chain = tuple(tuple(compile_template(person) for person in group) for group in policy.chain or ())
    return GatePolicy(kind=PolicyKind.CHAIN, chain=chain)


def _strictness(policy: GatePolicy) -> tuple[int, int]:
    """Return a key that is larger for a policy that needs more approvals."""
    match policy.kind:
        case PolicyKind.ANY:
            return 0, 0
        case PolicyKind.QUORUM:
            return 1, policy.quorum
        case PolicyKind.CHAIN:
            return 1, len(policy.chain)
        case PolicyKind.ALL:
            return 2, 0
