"""What an admin undoes: that an address went from one person to another."""

from __future__ import annotations

from engine.delivery.recipients import Recipients, Resolved
from engine.domain import AddressReturned, NotAllowed, NotFound, Refusal, ReturnAddress
from engine.service.context import CommandContext
from engine.store import identities, people
from engine.store.transaction import Tx


def give_back(context: CommandContext, tx: Tx, command: ReturnAddress, resolved: Resolved) -> AddressReturned | Refusal:
    """The unit of `Engine.return_address`."""
    actor = Recipients(tx, context.advancer.directory, resolved).actor(command.workspace, command.actor)
    if not context.may(actor, command.actor):
        return NotAllowed(why="Only an admin may undo whose an address is.")
    holder = people.known_person(tx, command.workspace, command.address)
    moved = identities.undo(tx, command.workspace, command.address, actor=actor)
    if moved is None or holder is None:
        return NotFound(what="person with the address", name=str(command.address))
    before = moved[1]
    given_to = people.load_people(tx.connection, [before])[before] if before is not None else None
    # By the name that they had: without the address there may be none left.
    return AddressReturned(address=command.address, taken_from=holder, given_to=given_to)
