"""Persons and their addresses as operators see them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from engine.domain import Address, Person


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressPeriod:
    """A period in which an address belonged to a person, with the evidence. `until` is None while it does."""

    address: Address
    since: datetime
    until: datetime | None
    evidence: str
    ended: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonView:
    """A person as operators see them.

    `split_from`: the person that an older version had joined them with. `joined_into`: the person that they turned out
    to be.
    """

    person: Person
    split_from: str | None
    joined_into: str | None
    created_at: datetime
