"""Who people are and where they are reached: at this machine's terminal, and by mail beside any other way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from engine.delivery.routing import MAIL
from engine.domain import Origin, Person, accounts
from engine.ports import Directory, Found, Resolution, Route
from engine.references import EMAIL, GROUP, MEMBERS, Reference

_LOOKED_UP: Final = frozenset({GROUP, MEMBERS}) | accounts.NAMES


class TerminalDirectory:
    """Everybody is reached at the terminal of this machine: whoever stands there passes the word on."""

    def asks(self, reference: Reference) -> bool:
        """Only of Slack accounts and usergroups is there more to know than the tables hold."""
        return reference.kind in _LOOKED_UP

    async def resolve(self, references: Sequence[Reference]) -> Mapping[Reference, Resolution]:
        """Nobody: without Slack, nobody can say who these are."""
        return {
            one: Resolution((), f"{one.rule} cannot be asked: Slack is not set up on this server.")
            for one in references
        }

    def reach(self, person: Person) -> Sequence[Route]:
        """The terminal, under the name that the person is known by."""
        return [Route("terminal", person.label)]

    def back(self, origin: Origin, person: Person) -> Route | None:  # noqa: ARG002 the port's shape
        """Nowhere: whoever started a run at a terminal follows it there."""
        return None


class WithMail:
    """Another directory, and mail: to those whom it does not reach, and as another way to those whom it does.

    The terminal of this machine is only for those without an address: it shows nothing to whoever is not there.
    """

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    def asks(self, reference: Reference) -> bool:
        """What the other directory asks: who is in Slack is known there."""
        return self._directory.asks(reference)

    async def resolve(self, references: Sequence[Reference]) -> Mapping[Reference, Resolution]:
        """As the other has it. Somebody whom it does not know by an address is whoever reads its mail."""
        found = await self._directory.resolve(references)
        return {reference: _by_mail(reference, one) for reference, one in found.items()}

    def reach(self, person: Person) -> Sequence[Route]:
        """As the other has it, then the person's first mail address."""
        routes = self._directory.reach(person)
        if person.email is None:
            return routes
        return [*(one for one in routes if one.channel != "terminal"), Route(MAIL, person.email)]

    def back(self, origin: Origin, person: Person) -> Route | None:
        """As the other has it."""
        return self._directory.back(origin, person)


def _by_mail(reference: Reference, found: Resolution) -> Resolution:
    if found.people or reference.kind != EMAIL or not found.unknown:
        return found
    person = Found("", (reference.address,))
    return Resolution((person,), f"{reference.value} is not in Slack, so they are asked by email.", unknown=True)
