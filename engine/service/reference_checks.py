"""Checks of the people and groups that a workflow file names, made when it is registered."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from engine import references
from engine.delivery.recipients import Recipients
from engine.domain import ReviewPoint
from engine.expressions import Template, find_value_sources
from engine.name_lists import join_names
from engine.ports import Directory, KnowsDepartments, Resolution
from engine.references import Reference
from engine.workflowfile import Gate, Step, Workflow

_NO_ACCOUNT: Final = (
    "{} has no Slack account, and people sign in with Slack to decide here. "
    "Name people who have one, or use `assurance: code` and `confirm_with: code`."
)

_NOT_ASKED: Final = (
    "{} has members without a Slack account: {}. They cannot sign in with Slack to decide here, so they are not asked."
)
_NO_DEPARTMENT: Final = (
    "Rule {} of the route {}: no person of the roles file is in the department {}. Write it there, or correct it here."
)
_MOST_NAMED: Final = 5
"""Maximum number of members of a role that are named because they have no account."""


class NamedReference(Struct, frozen=True):
    """A reference in a workflow file.

    `subject` begins a sentence about it. `starts`: it stands in `may_run`. `signs_in`: it names people who decide with
    their account.
    """

    subject: str
    reference: Reference
    starts: bool = False
    signs_in: bool = False


def check(recipients: Recipients, workflow: Workflow) -> tuple[list[str], list[str]]:
    """Return errors about references that can never work, and warnings about those that do not work now.

    Raises `NeedsDirectory` if the directory has to be asked first.
    """
    named = list(_literal_references(workflow))
    # A group is only looked up by its name, also in a role: loading its members takes too long.
    answers = recipients.answers(list(dict.fromkeys(name.reference.as_checked for name in named)))
    errors: dict[str, None] = {}
    warnings: dict[str, None] = {}
    for name in named:
        answer = answers.get(name.reference.as_checked)
        if answer is None or _is_allowed_guest(name, answer):
            continue
        sentence = f"{name.subject}: {answer.why}"
        if name.signs_in and answer.unknown:
            errors[f"{name.subject}: {_NO_ACCOUNT.format(name.reference.rule)}"] = None
        elif answer.never:
            errors[sentence] = None
        elif answer.why is not None:
            warnings[sentence] = None
        if name.signs_in and name.reference.has_members and (without := _without_account(answer)):
            warnings[f"{name.subject}: {_NOT_ASKED.format(name.reference.rule, without)}"] = None
    return list(errors), list(warnings)


def unknown_departments(directory: Directory, workflow: Workflow) -> list[str]:
    """Return a warning for each rule of a route for departments that no person has."""
    known = directory.departments() if isinstance(directory, KnowsDepartments) else frozenset[str]()
    gates = [gate for step in workflow.steps for own in step.gates for gate in own.variants]
    routes = {gate.route.name: gate.route for gate in gates if gate.route is not None}
    rules = [(name, rule) for name, route in routes.items() for rule in route.rules]
    return [
        _NO_DEPARTMENT.format(rule.number, name, " or ".join(missing))
        for name, rule in rules
        if (missing := [department for department in rule.department if department not in known])
    ]


def _literal_references(workflow: Workflow) -> Iterator[NamedReference]:
    """Yield the references that the file writes. Those in data are known when a run opens a request."""
    for name in workflow.may_run:
        reference = references.parse(name)
        if reference is not None:
            yield NamedReference("may_run", reference, starts=True)
    for reaction in (trigger.reaction for trigger in workflow.triggers if trigger.reaction is not None):
        yield NamedReference(
            "The reaction that starts it", Reference(references.PLACE, reaction.channel, reaction.channel)
        )
    yield from _references_of_gates(workflow)


def _references_of_gates(workflow: Workflow) -> Iterator[NamedReference]:
    for step in workflow.steps:
        for gate in step.gates:
            yield from _references_of(workflow, step, gate)


def _references_of(workflow: Workflow, step: Step, gate: Gate) -> Iterator[NamedReference]:
    is_failure = gate.at is ReviewPoint.FAILED
    subject = f"{'`approvers`' if is_failure else 'The gate'} of {step.place}"
    for template in gate.people:
        for text in _literals(template):
            reference = references.parse(text)
            if reference is not None:
                yield NamedReference(subject, reference, signs_in=gate.needs_account)
    if (owner := _signing_owner(workflow, gate)) is not None:
        yield NamedReference(subject, owner, signs_in=True)
    if (place := gate.ways.post_to) is not None:
        yield NamedReference(subject, Reference(references.PLACE, place, place))


def _signing_owner(workflow: Workflow, gate: Gate) -> Reference | None:
    """Return the owner that the file names, if the gate asks them to decide with an account."""
    is_asked = not gate.people or any(references.OWNER in _literals(template) for template in gate.people)
    owner = references.parse(workflow.owner) if workflow.owner and gate.needs_account and is_asked else None
    return None if owner is None else replace(owner, rule=f"owner ({owner.rule})")


def _without_account(answer: Resolution) -> str:
    """Return the names of the people of a role who have no account."""
    without = [person.name or person.addresses[0].value for person in answer.people if person.account is None]
    return join_names(without[:_MOST_NAMED], len(without))


def _literals(template: Template) -> list[str]:
    """Return the texts that an entry of `approvers` can give and that the file writes, also inside of an expression."""
    if template.is_literal:
        return [template.source]
    sources = find_value_sources(template, lambda _: None) if template.is_whole else ()
    return [source.literal for source in sources if source.literal is not None]


def _is_allowed_guest(named: NamedReference, answer: Resolution) -> bool:
    """Return whether the reference allows a guest to start the workflow. Guests are never asked to approve."""
    return named.starts and bool(answer.guests)
