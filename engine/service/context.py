"""The context that every command gets: the units of work that move runs, and the admins."""

from __future__ import annotations

from dataclasses import dataclass

from engine.domain import Address, Person
from engine.worker.advance import Advancer


@dataclass(frozen=True, slots=True)
class CommandContext:
    """`admins`: addresses of people who may replace, cancel and resume what other people own."""

    advancer: Advancer
    admins: frozenset[Address]

    def may(self, actor: Person, address: Address, *owners: str) -> bool:
        """Return whether the actor, who acts from `address`, is one of these persons or an admin."""
        return actor.id in owners or not self.admins.isdisjoint({address, *actor.addresses})
