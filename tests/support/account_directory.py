"""A directory of accounts and their email addresses, which a test can change at any time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from engine.domain import Address, Origin, Person
from engine.errors import ChannelError
from engine.ports import DirectoryPerson, Resolution, Route
from engine.references import Reference


def account(name: str) -> Address:
    return Address("slack", name)


class AccountDirectory:
    """A directory of accounts. `active` and `closed` have the email address of each account by its name.

    `groups` has the names of the accounts in each usergroup.
    """

    def __init__(self, **active: str) -> None:
        self.active = dict(active)
        self.closed: dict[str, str] = {}
        self.groups: dict[str, list[str]] = {}
        self.down = False

    def asks(self, reference: Reference) -> bool:
        return reference.kind in ("email", "slack", "group", "members")

    async def resolve(self, references: Sequence[Reference]) -> Mapping[Reference, Resolution]:
        if self.down:
            raise ChannelError("The directory does not answer.")
        return {reference: self._resolution(reference) for reference in references}

    def _resolution(self, reference: Reference) -> Resolution:
        if reference.kind in ("group", "members"):
            return self._group(reference)
        for users, standing in (self.active, None), (self.closed, "deactivated"):
            for user, email in users.items():
                if reference.value in (user, email):
                    if standing:
                        return Resolution((), "They are deactivated.", standing=standing, never=True)
                    return Resolution((DirectoryPerson(user.title(), (account(user), Address("email", email))),))
        if reference.kind == "email":
            return Resolution((DirectoryPerson("", (Address("email", reference.value),), unlisted=True),), unknown=True)
        return Resolution((), "There is no such account.", never=True)

    def _group(self, reference: Reference) -> Resolution:
        if reference.value not in self.groups:
            return Resolution((), f"There is no usergroup @{reference.value}.", never=True)
        users = self.groups[reference.value]
        if reference.kind == "members":
            return Resolution((), members=frozenset(map(account, users)))
        people = [self._resolution(Reference("slack", user, user)).people for user in users]
        return Resolution(tuple(person for found in people for person in found))

    def reach(self, person: Person) -> Sequence[Route]:
        return [Route("email", person.email)] if person.email else [Route("recording", person.label)]

    def back(self, origin: Origin, person: Person) -> Route | None:
        return None

    def place(self, name: str) -> Route | None:
        return None
