"""The command that gives an address back to the person who had it before."""

from __future__ import annotations

from engine.delivery.recipients import Recipients, Resolved
from engine.domain import AddressReturned, NotAllowed, NotFound, Refusal, ReturnAddress
from engine.service.context import CommandContext
from engine.store import identities, people
from engine.store.port import Tx


def give_back(context: CommandContext, tx: Tx, command: ReturnAddress, resolved: Resolved) -> AddressReturned | Refusal:
    """Give an address back to the person who had it before: the unit of `Engine.return_address`."""
    actor = Recipients(tx, context.advancer.directory, resolved).actor(command.workspace, command.actor)
    if not context.may(actor, command.actor):
        return NotAllowed(why="Only an admin can give an address back.")
    holder = people.find_person_cached(tx, command.workspace, command.address)
    moved = identities.undo(tx, command.workspace, command.address, actor=actor)
    if moved is None or holder is None:
        return NotFound(what="person with the address", name=str(command.address))
    owner_before = moved[1]
    given_to = people.load_people(tx.connection, [owner_before])[owner_before] if owner_before is not None else None
    # `holder` was loaded before the change, because without the address they may have no name.
    return AddressReturned(address=command.address, taken_from=holder, given_to=given_to)
