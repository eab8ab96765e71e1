"""Persons and the addresses they are known by."""

from __future__ import annotations

from msgspec import Struct


class Address(Struct, frozen=True):
    """Where a person can be reached or recognised. `kind`: `email`, `slack`, `terminal`."""

    kind: str
    value: str

    def __str__(self) -> str:
        return self.value if self.kind == "email" else f"{self.kind}:{self.value}"


class Person(Struct, frozen=True):
    """One human, many addresses; counted once, whatever address they use."""

    id: str
    name: str
    addresses: tuple[Address, ...] = ()

    @property
    def email(self) -> str | None:
        return self._first("email")

    @property
    def handle(self) -> str:
        """How an expression names the person, so that a gate or a step can find them: email, else account."""
        return self._first("email") or self._first("slack") or self.label

    def _first(self, kind: str) -> str | None:
        for address in self.addresses:
            if address.kind == kind:
                return address.value
        return None

    @property
    def label(self) -> str:
        """How the person is printed: name, else email, else any address."""
        known = self.name or self.email
        if known or not self.addresses:
            return known or self.id
        first = self.addresses[0]
        return f"{first.value} (terminal)" if first.kind == "terminal" else str(first)


class Approver(Struct, frozen=True):
    """A person who may decide a request, and the reference in the gate that says so."""

    person: Person
    rule: str
