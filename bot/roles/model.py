"""The content of a roles file: roles with their members and limits, and people with their addresses. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from engine.domain import Address
from engine.domain.people import ACCOUNT
from engine.references import EMAIL, Reference


@dataclass(frozen=True, slots=True)
class PersonEntry:
    """One human: the name, all addresses, and if known the IANA name of the time zone and the department."""

    name: str
    addresses: tuple[Address, ...]
    zone: str | None = None
    department: str | None = None

    @property
    def references(self) -> list[Reference]:
        """Return a reference for each address. The account comes first: it identifies the person."""
        ordered = sorted(self.addresses, key=lambda address: address.kind != ACCOUNT)
        return [Reference(address.kind, address.value, address.value) for address in ordered]

    @property
    def emails(self) -> tuple[Address, ...]:
        """Return the email addresses, in the order of the file."""
        return tuple(address for address in self.addresses if address.kind == EMAIL)


@dataclass(frozen=True, slots=True)
class Roles:
    """The roles and people of one file. `members`: what each role names, without references to other roles."""

    members: Mapping[str, tuple[Reference, ...]] = field(default_factory=dict)
    people: tuple[PersonEntry, ...] = ()
    limits: Mapping[str, Mapping[str, Decimal] | None] = field(default_factory=dict)
    """The largest amounts by currency that the members of a role may approve, by role; None if they may approve any."""
    file: str = ""
    """The path of the file, or an empty text if the settings name none."""
    _entries: dict[Address, PersonEntry] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        for person in self.people:
            self._entries.update(dict.fromkeys(person.addresses, person))

    def entry(self, addresses: Iterable[Address]) -> PersonEntry | None:
        """Return the entry of the first of these addresses that the file has, or None."""
        entries = (self._entries.get(address) for address in addresses) if self._entries else ()
        return next((entry for entry in entries if entry is not None), None)
