"""Persons and the addresses they are known by."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from engine.domain import accounts

ACCOUNT: Final = accounts.SLACK.name
"""The kind of address that is an account: it never changes its owner, and a person has at most one."""


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
    def account(self) -> Address | None:
        """The person's account, if they have one: what tells them from everybody else."""
        return next((one for one in self.addresses if one.kind == ACCOUNT), None)

    @property
    def handle(self) -> str:
        """How an expression names the person, so that a gate or a step can find them: email, else account."""
        return self._first("email") or self._first(ACCOUNT) or self.label

    def _first(self, kind: str) -> str | None:
        for address in self.addresses:
            if address.kind == kind:
                return address.value
        return None

    @property
    def label(self) -> str:
        """How the person is printed: name, else email, else what any address is."""
        known = self.name or self.email
        if known or not self.addresses:
            return known or self.id
        first = self.addresses[0]
        if first.kind == "terminal":
            return f"{first.value} (terminal)"
        return accounts.person_label(first.kind, first.value)


class Approver(Struct, frozen=True):
    """A person who may decide a request, and the reference in the gate that says so.

    `named_by`: kind and value of the references that name them, where `rule` alone does not tell. `excluded`: why they
    could no longer decide when they last tried. `not_requester`: only data names them, so they may not be the person
    who started the run.
    """

    person: Person
    rule: str
    named_by: tuple[tuple[str, str], ...] = ()
    excluded: str | None = None
    not_requester: bool = False
