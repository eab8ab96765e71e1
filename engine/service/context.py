"""What every command needs: the units that move runs, who is an admin."""

from __future__ import annotations

from dataclasses import dataclass

from engine.domain import Address, Person
from engine.worker.advance import Advancer


@dataclass(frozen=True, slots=True)
class CommandContext:
    """`admins`: who may replace, cancel and resume what others own."""

    advancer: Advancer
    admins: frozenset[Address]

    def may(self, actor: Person, address: Address, *owners: str) -> bool:
        """Whether the actor, who came by `address`, is one of these persons or an admin."""
        return actor.id in owners or not self.admins.isdisjoint({address, *actor.addresses})
