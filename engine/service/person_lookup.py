"""The person that another names as their successor or delegate."""

from __future__ import annotations

from engine.delivery.recipients import Recipients
from engine.domain import Address, CannotTakeOver, Person
from engine.references import Reference
from engine.store import people
from engine.store.port import Tx


def look_up(
    tx: Tx, recipients: Recipients, workspace: str, address: Address, *, any_address: bool
) -> Person | CannotTakeOver:
    """Return the person with this address, or why they cannot be asked.

    `any_address`: also one of an email address that Signoff does not know. Raises `NeedsDirectory` if the directory has
    to be asked first.
    """
    reference = Reference(address.kind, address.value, str(address))
    answer = recipients.answers([reference]).get(reference)
    known = people.find_person_cached(tx, workspace, address)
    name = known.label if known is not None else address.value
    if answer is not None and answer.unanswered:
        return CannotTakeOver(name=name, why="unanswered")
    if answer is not None and answer.guests:
        return CannotTakeOver(name=name, why="guest")
    if answer is not None and (answer.standing or (answer.unknown and known and known.account)):
        return CannotTakeOver(name=name, why="inactive")
    is_listed = answer is not None and bool(answer.people) and not answer.unknown
    if known is None and not is_listed and not (any_address and address.kind == "email"):
        return CannotTakeOver(name=name, why="unknown")
    return recipients.named(workspace, reference)
