"""The people that a gate names, with its policy, evaluated once when its request opens. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from msgspec.structs import replace

from engine import json_values, references
from engine.domain import RequesterRule
from engine.errors import ExpressionError
from engine.expressions import Template, render_items
from engine.identifiers import in_words
from engine.json_values import Value
from engine.references import Reference
from engine.requests.policy import Policy
from engine.workflowfile import Gate, GatePolicy
from engine.workflowfile.route import ROUTE_PREFIX

Scope = Mapping[str, Value]


def people(gate: Gate, scope: Scope, notes: list[str]) -> tuple[Policy, tuple[tuple[Reference, ...], ...]]:
    """Return the policy, and the people who are asked, by groups."""
    policy = _policy(gate, scope, notes)
    groups = tuple(tuple(_references(gate, people, scope, notes)) for people in policy.chain or (gate.approvers,))
    return Policy(kind=policy.kind, needed=len(policy.chain) or policy.quorum), groups


def asked_people(gate: Gate, scope: Scope) -> tuple[str, ...]:
    """Return the people that the gate asks, as the file names them, or by their address where data names them."""
    if gate.route is not None:
        # Which of its rules applies depends on people, too.
        return (f"{ROUTE_PREFIX}{gate.route.name}",)
    references = (reference for group in people(gate, scope, [])[1] for reference in group)
    return tuple(dict.fromkeys(one.value if one.is_address else one.rule for one in references))


def _policy(gate: Gate, scope: Scope, notes: list[str]) -> GatePolicy:
    """Return the policy. If its expression cannot be evaluated, the strictest one counts."""
    if gate.policy_choice is None:
        return gate.policy
    try:
        value = gate.policy_choice.evaluate_condition(scope)
        return gate.policies[json_values.dumps(value)]
    except ExpressionError as error:
        notes.append(f"Signoff could not tell how many people must approve, so the strictest rule applies: {error}")
        return gate.policy


def _references(gate: Gate, people: Sequence[Template], scope: Scope, notes: list[str]) -> Iterator[Reference]:
    if not people:
        yield Reference(references.OWNER, references.OWNER, references.OWNER)
    for template in people:
        yield from named(gate, template, scope, notes)


def backups(gate: Gate, scope: Scope, notes: list[str]) -> Iterator[Reference]:
    for template in gate.clocks.escalate_to:
        yield from named(gate, template, scope, notes)


def named(gate: Gate, template: Template, scope: Scope, notes: list[str]) -> Iterator[Reference]:
    """Yield the references of one entry of `approvers`.

    Data may name people by address only: otherwise a person who fills in an input could name `owner` or a group.
    """
    try:
        items = render_items(template, scope)
    except ExpressionError as error:
        notes.append(f"Signoff could not find an approver: {error}")
        return
    is_allowed = gate.requester_rule is RequesterRule.ALLOWED
    from_data, asks_requester = False, is_allowed or _REQUESTER in template.references
    for item in items:
        reference = references.parse(item.value, rule=template.source)
        if reference is None:
            notes.append(f"{json_values.dumps(item.value)} cannot be an approver: it is not the address of a person.")
        elif item.is_written:
            yield reference
        elif reference.is_address:
            from_data = True
            yield replace(reference, not_requester=not asks_requester)
        else:
            notes.append(
                f"{json_values.dumps(item.value)} cannot be an approver: data can name people only by their address."
            )
    if from_data and (inputs := gate.approver_inputs.get(template.source)):
        where = " and ".join(f"“{in_words(name)}”" for name in inputs)
        is_ask = any(path[0] == "ask" for path in template.references)
        who = "The program that asks" if is_ask else "The person who started this run"
        notes.append(f"{who} chose the approver, in {where}.")


_REQUESTER: Final = ("run", "requester")
