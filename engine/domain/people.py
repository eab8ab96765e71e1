"""People and the addresses that they are known by."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from msgspec import Struct

from engine.domain import accounts
from engine.domain.preferences import Preferences
from engine.domain.triggers import AUTOMATIC

ACCOUNT: Final = accounts.SLACK.name
"""The kind of address that is an account. An account never passes to another person; a person has at most one."""
API: Final = "api"
"""The kind of address of a program, whose value is the id of its API key. Its person has the name of the key."""
SIGNOFF: Final = "signoff"
"""The kind of address of Signoff itself, where it asks people for its own sake (`engine.domain.oversight`)."""
_NOT_HUMAN: Final = AUTOMATIC | {API, SIGNOFF}


class Address(Struct, frozen=True):
    """An address by which a person is reached or recognized. `kind`: `email`, `slack` or `terminal`.

    A trigger that starts runs has one too, of the kinds in `engine.domain.triggers.AUTOMATIC`, and so has a program,
    of the kind `api`, and Signoff itself, of the kind `signoff`. They are never reached.
    """

    kind: str
    value: str

    def __str__(self) -> str:
        return self.value if self.kind == "email" else f"{self.kind}:{self.value}"


class Person(Struct, frozen=True):
    """One human with any number of addresses."""

    id: str
    name: str
    addresses: tuple[Address, ...] = ()
    zone: str | None = None
    """The IANA name of their time zone, as the directory knows it, or None."""
    preferences: Preferences | None = None
    """When they want to be told of what waits for them; None: at once."""

    @property
    def email(self) -> str | None:
        return self._first("email")

    @property
    def account(self) -> Address | None:
        """The account of the person, which identifies them, or None."""
        return next((address for address in self.addresses if address.kind == ACCOUNT), None)

    @property
    def automation(self) -> str | None:
        """The kind of the trigger that stands for a person as the requester of its runs, or None for a human."""
        return next((address.kind for address in self.addresses if address.kind in AUTOMATIC), None)

    @property
    def is_human(self) -> bool:
        """Whether this is a person who can be reached, and neither a trigger, a program with an API key nor Signoff."""
        return not any(address.kind in _NOT_HUMAN for address in self.addresses)

    @property
    def handle(self) -> str:
        """The text by which an expression, a gate or a step can refer to the person: email, else account."""
        return self._first("email") or self._first(ACCOUNT) or self.label

    def _first(self, kind: str) -> str | None:
        for address in self.addresses:
            if address.kind == kind:
                return address.value
        return None

    @property
    def label(self) -> str:
        """The text that is shown for the person: name, else email, else another address."""
        label = self.name or self.email
        if label or not self.addresses:
            return label or self.id
        first = self.addresses[0]
        if first.kind in AUTOMATIC:
            return f"the {first.kind} of {first.value}"
        if first.kind == API:
            return f"API key {first.value}"
        if first.kind == "terminal":
            return f"{first.value} (terminal)"
        return accounts.person_label(first.kind, first.value)


class Absence(Struct, frozen=True, kw_only=True):
    """The time for which a person is away. `starts_at` and `ends_at` are in UTC."""

    id: str
    person: Person
    starts_at: datetime
    ends_at: datetime
    delegate: Person | None = None

    def covers(self, now: datetime) -> bool:
        """Return whether the person is away now."""
        return self.starts_at <= now < self.ends_at


FIRST_GROUP: Final = (0,)
"""The groups of an approver who belongs to no chain, or to the first group of one."""
ESCALATION: Final = "escalation: "
"""Begins the rule of an approver who was asked because there was no decision in time."""


class Approver(Struct, frozen=True):
    """A person who may decide a request. `rule`: the reference in the gate that names them, as written.

    `named_by`: kind and value of the references that name them, if `rule` does not hold them. `excluded`: why they
    could no longer decide when they last tried. `not_requester`: only data names them, so they may not be the
    person who started the run. `groups`: the groups of a chain that they belong to, from 0. `handed_to`: the name of
    the person who decides in their place since the request was opened.
    """

    person: Person
    rule: str
    named_by: tuple[tuple[str, str], ...] = ()
    excluded: str | None = None
    not_requester: bool = False
    groups: tuple[int, ...] = FIRST_GROUP
    handed_to: str | None = None

    @property
    def may_decide(self) -> bool:
        """Return whether nothing is known that keeps them from deciding."""
        return self.excluded is None and self.handed_to is None

    @property
    def is_backup(self) -> bool:
        """Whether the person was asked because there was no decision in time."""
        return self.rule.startswith(ESCALATION)
