"""What every command needs: the units that move runs, who is an admin, and how the record is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from engine.audit import Entry
from engine.domain import Address, Person
from engine.json_values import Value
from engine.worker.advance import Advancer


@dataclass(frozen=True, slots=True)
class CommandContext:
    """`admins`: who may replace, cancel and resume what others own."""

    advancer: Advancer
    admins: frozenset[Address]

    def may(self, actor: Person, address: Address, *owners: str) -> bool:
        """Whether the actor, who came by `address`, is one of these persons or an admin."""
        return actor.id in owners or not self.admins.isdisjoint({address, *actor.addresses})


def entry(
    kind: str,
    *,
    run: str | None = None,
    request: str | None = None,
    step: str | None = None,
    actor: Person | None = None,
    more: Mapping[str, Value] | None = None,
    **content: Value,
) -> Entry:
    """An audit entry; facts that are not there are left out."""
    facts = {name: value for name, value in {**content, **(more or {})}.items() if value or value in (0, "")}
    if actor is not None:
        facts["actor_name"] = actor.label
    return Entry(kind=kind, run=run, request=request, step=step, actor=actor.id if actor else None, content=facts)
