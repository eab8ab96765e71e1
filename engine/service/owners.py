"""The owners of workflows: one person, or the members of a role or group, one of them the contact.

The contact is told of failures. If they leave, the next start finds another member.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Final

from msgspec import Struct

from engine.access import Reader
from engine.delivery.recipients import Recipients, Resolved
from engine.domain import Address, NotAllowed, Person, Refusal
from engine.domain.workflow_commands import WorkflowState
from engine.ports import DirectoryPerson
from engine.read_models import WorkflowView
from engine.references import EMAIL, Reference, members_rule, parse
from engine.service.context import CommandContext
from engine.store import people, workflows
from engine.store.port import Tx
from engine.store.workflows import CurrentWorkflow, NewVersion
from engine.workflowfile import Workflow

_LEFT: Final = "Its owner, {owner}, has left, and stays the owner. To change that: signoff transfer {name} PERSON."


class Owned(Struct, frozen=True, kw_only=True):
    """The owner of a version. `rule`: the role or group of which `owner` is the contact. `doubts`: about them."""

    owner: Person
    rule: str | None
    doubts: tuple[str, ...] = ()


def of_version(
    recipients: Recipients, tx: Tx, workspace: str, workflow: Workflow, current: NewVersion | None, actor: Person
) -> Owned | Refusal:
    """Return who owns a new version: the one that its file names, or else the owner of the version that it replaces.

    Only a new workflow belongs to the person who registers it, and so does one that had been deleted.
    """
    if workflow.owner is None and current is not None and current.state != WorkflowState.DELETED:
        owner = people.load_people_cached(tx, [current.owner])[current.owner]
        has_left = current.owner_left_at is not None and owner.id != actor.id
        return Owned(
            owner=owner,
            rule=current.owner_rule,
            doubts=(_LEFT.format(owner=owner.label, name=workflow.name),) if has_left else (),
        )
    found = find(recipients, workspace, workflow.owner, actor)
    return found if isinstance(found, Refusal) else Owned(owner=found, rule=members_rule(workflow.owner))


def find(recipients: Recipients, workspace: str, owner: str | None, actor: Person) -> Person | Refusal:
    """Return the person who owns a workflow whose file names this owner, or the contact of a role or group."""
    reference = None if owner is None else parse(owner)
    if reference is None:
        return actor
    if reference.has_members:
        return _find_contact(recipients, workspace, reference, actor)
    answer = recipients.answers([reference]).get(reference)
    unreachable = answer is not None and answer.why is not None and not answer.unanswered
    if answer is not None and unreachable and (answer.never or reference.kind != EMAIL):
        return NotAllowed(why=f"Signoff cannot reach the owner: {answer.why}")
    return recipients.named(workspace, reference)


def _find_contact(recipients: Recipients, workspace: str, reference: Reference, actor: Person) -> Person | Refusal:
    members = members_of(recipients, reference)
    mine = next((member for member in members if not set(member.addresses).isdisjoint(actor.addresses)), None)
    if mine is not None:
        return actor
    if not members:
        answer = recipients.answers([reference]).get(reference)
        why = answer.why if answer is not None and answer.why else f"{reference.rule} has no members."
        return NotAllowed(why=f"Signoff cannot reach the owner: {why}")
    return recipients.adopted(workspace, members[0])


def members_of(recipients: Recipients, reference: Reference) -> tuple[DirectoryPerson, ...]:
    """Return the members of a role or group who can be asked, as far as the directory knows them."""
    answer = recipients.answers([reference]).get(reference)
    return () if answer is None else answer.people


def may(
    context: CommandContext,
    recipients: Recipients,
    actor: Person,
    address: Address,
    *persons: str,
    rule: str | None,
) -> bool:
    """Return whether the actor, who acts from `address`, is one of these persons, an admin or a member of `rule`."""
    if context.may(actor, address, *persons):
        return True
    reference = None if rule is None else parse(rule)
    return reference is not None and recipients.among([*actor.addresses, address], [reference])[0]


def may_build(
    context: CommandContext, tx: Tx, resolved: Resolved, workspace: str, address: Address, workflow: WorkflowView
) -> bool:
    """Return whether a person may change a workflow: the unit of `Engine.may_build`."""
    recipients = Recipients(tx, context.advancer.directory, resolved)
    actor = recipients.actor(workspace, address)
    return may(context, recipients, actor, address, workflow.owner.id, rule=workflow.owner_rule)


def is_named(
    context: CommandContext, tx: Tx, resolved: Resolved, workspace: str, address: Address, named: Collection[str]
) -> bool:
    """Return whether texts such as those of approvers name a person: the unit of `Engine.is_named`."""
    references = [reference for reference in map(parse, named) if reference is not None]
    recipients = Recipients(tx, context.advancer.directory, resolved)
    actor = recipients.actor(workspace, address)
    return bool(references) and recipients.among([*actor.addresses, address], references)[0]


def memberships(
    context: CommandContext, tx: Tx, resolved: Resolved, reader: Reader, address: Address, rules: Collection[str]
) -> Reader:
    """Return the reader with those of these owners of which they are a member: the unit of `Engine.with_owners`."""
    recipients, addresses = Recipients(tx, context.advancer.directory, resolved), [*reader.person.addresses, address]
    references = [reference for reference in map(parse, sorted(rules)) if reference is not None]
    recipients.answers(references)
    mine = (reference.rule for reference in references if recipients.among(addresses, [reference])[0])
    return replace(reader, owns_with=frozenset(mine))


def refresh_contact(tx: Tx, recipients: Recipients, workspace: str, current: CurrentWorkflow) -> CurrentWorkflow:
    """Return the workflow, with another contact if the one that it has is no member of its owner any more."""
    reference = None if current.owner_rule is None else parse(current.owner_rule)
    members = () if reference is None else members_of(recipients, reference)
    if not members:
        return current
    contact = people.load_people_cached(tx, [current.owner])[current.owner]
    if any(not set(member.addresses).isdisjoint(contact.addresses) for member in members):
        return current
    after = recipients.adopted(workspace, members[0])
    return workflows.change_contact(tx, current, after.id)
