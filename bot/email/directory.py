"""A directory that adds email to another one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.presentation import people
from engine.delivery.routing import EMAIL_CHANNEL
from engine.domain import Address, Origin, Person
from engine.ports import Directory, DirectoryPerson, KeepsAnswers, Resolution, Route
from engine.references import EMAIL, Reference


class DirectoryWithEmail:
    """Port Directory. Adds a route by email to those of another directory, for every person with an email address.

    Email replaces the terminal of this machine, which shows nothing to a person who is somewhere else.
    """

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    def asks(self, reference: Reference) -> bool:
        """Return the answer of the other directory: email itself looks up no people."""
        return self._directory.asks(reference)

    async def resolve(self, references: Sequence[Reference]) -> Mapping[Reference, Resolution]:
        """Return the answers of the other directory. An address that is unknown there stands for its reader."""
        resolutions = await self._directory.resolve(references)
        return {reference: _with_email(reference, resolution) for reference, resolution in resolutions.items()}

    def reach(self, person: Person) -> Sequence[Route]:
        """Return the routes of the other directory, then the person's first email address."""
        routes = self._directory.reach(person)
        if person.email is None:
            return routes
        return [*(route for route in routes if route.channel != "terminal"), Route(EMAIL_CHANNEL, person.email)]

    def back(self, origin: Origin, person: Person) -> Route | None:
        """Return the sender of the email that started the run, or the answer of the other directory."""
        if origin.surface == "email" and "from" in origin.place:
            return Route(EMAIL_CHANNEL, origin.place["from"])
        return self._directory.back(origin, person)

    def place(self, name: str) -> Route | None:
        """Return the answer of the other directory."""
        return self._directory.place(name)

    def forget(self, account: Address) -> None:
        """Have the other directory drop its answers about an account."""
        if isinstance(self._directory, KeepsAnswers):
            self._directory.forget(account)


def _with_email(reference: Reference, resolution: Resolution) -> Resolution:
    if resolution.people or reference.kind != EMAIL or not resolution.unknown:
        return resolution
    person = DirectoryPerson("", (reference.address,), unlisted=True)
    return Resolution((person,), people.asked_by_email(reference.value), unknown=True)
