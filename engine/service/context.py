"""The context that every command gets: the units of work that move runs, the admins and the auditors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from engine.access import Reader, may_act_for
from engine.domain import Address, Assurance, Person
from engine.domain.oversight import OversightPurpose
from engine.worker.advance import Advancer


@dataclass(frozen=True, slots=True)
class CommandContext:
    """`admins`: addresses of people who may replace, cancel and resume what other people own.

    `auditors`: addresses of people who may see everything, and change nothing that is not theirs.

    `unavailable`: the identifications that this server cannot ask for, each with what its operator has to do.
    `missing`: the channels that a gate can name and that this server does not have, each with what to set.
    `retention`: how long after its end the contents of a run are kept; None: for ever.
    `followers`: what follows from the answer to an oversight request, by its purpose.
    `protects_all`: every change to a workflow waits for the approval of another person.
    `is_trial`: one person answers for everyone, and no one is identified.
    """

    advancer: Advancer
    admins: frozenset[Address]
    unavailable: Mapping[Assurance, str] = field(default_factory=dict)
    is_trial: bool = False
    missing: Mapping[str, str] = field(default_factory=dict)
    auditors: frozenset[Address] = frozenset()
    retention: timedelta | None = None
    followers: Mapping[OversightPurpose, Callable[..., Any]] = field(default_factory=dict)
    protects_all: bool = False

    def may(self, actor: Person, address: Address, *owners: str) -> bool:
        """Return whether the actor, who acts from `address`, is one of these persons or an admin."""
        return may_act_for(self.reader(actor, address), *owners)

    def names(self, address: Address) -> bool:
        """Return whether the settings name this address as that of an admin or auditor."""
        return any(known == address for known in (*self.admins, *self.auditors))

    def reader(self, person: Person, *acts_from: Address) -> Reader:
        """Return the person with what they may read. `acts_from`: an address that they have proven, if it is known."""
        addresses = frozenset({*person.addresses, *acts_from})
        return Reader(
            person=person,
            is_admin=not self.admins.isdisjoint(addresses),
            is_auditor=not self.auditors.isdisjoint(addresses),
        )
