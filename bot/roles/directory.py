"""A directory that adds the roles and people of a file to another directory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Final

from msgspec import structs

from bot.roles.model import PersonEntry, Roles
from engine.domain import Address, Origin, Person
from engine.name_lists import join_names
from engine.ports import Directory, DirectoryPerson, KeepsAnswers, Resolution, Route
from engine.references import EMAIL, MEMBERS, ROLE, ROLE_ENTRIES, ROLE_MEMBERS, Reference

_ROLE_KINDS: Final = frozenset({ROLE, ROLE_ENTRIES, ROLE_MEMBERS})
_MOST_REASONS: Final = 5
"""Maximum number of members of a role that are named because they cannot be asked."""
_MOST_NAMES: Final = 20
"""Maximum number of roles that are named to a person who asks for one that does not exist."""


class DirectoryWithRoles:
    """Port Directory. Resolves `role:`, and takes all addresses that the file lists for a person for one person.

    The other directory is asked about the account of that person. `roles` returns the file as it is now.
    """

    def __init__(self, directory: Directory, roles: Callable[[], Roles]) -> None:
        self._directory, self._roles = directory, roles

    def asks(self, reference: Reference) -> bool:
        """Return whether the file or the other directory has to be asked."""
        if reference.kind in _ROLE_KINDS:
            return True
        if reference.is_address and self._roles().entry([reference.address]) is not None:
            return True
        return self._directory.asks(reference)

    async def resolve(self, references: Sequence[Reference]) -> Mapping[Reference, Resolution]:
        """Return the people of each reference. Raises `ChannelError` if the other directory does not answer."""
        roles = self._roles()
        lookup = _Lookup(self._directory, roles)
        parts = {reference: _parts(roles, reference) for reference in references}
        await lookup.ask([part for some in parts.values() for part in some or ()])
        return {reference: _answer(roles, lookup, reference, some) for reference, some in parts.items()}

    def reach(self, person: Person) -> Sequence[Route]:
        """Return the routes of the other directory. Email goes to the first address that the file lists."""
        entry = self._roles().entry(person.addresses)
        if entry is not None:
            first = [address for address in entry.emails if address in person.addresses]
            others = [address for address in person.addresses if address not in first]
            person = structs.replace(person, addresses=(*first, *others))
        return self._directory.reach(person)

    def back(self, origin: Origin, person: Person) -> Route | None:
        """Return the answer of the other directory."""
        return self._directory.back(origin, person)

    def place(self, name: str) -> Route | None:
        """Return the answer of the other directory."""
        return self._directory.place(name)

    def limits(self) -> Mapping[str, Mapping[str, Decimal] | None]:
        """Return the largest amounts that the members of each role may approve."""
        return self._roles().limits

    def department(self, person: Person) -> str | None:
        """Return the department that the file gives a person."""
        entry = self._roles().entry(person.addresses)
        return entry.department if entry is not None else None

    def departments(self) -> frozenset[str]:
        """Return the departments that the file gives people."""
        return frozenset(entry.department.casefold() for entry in self._roles().people if entry.department)

    def forget(self, account: Address) -> None:
        """Have the other directory drop its answers about an account."""
        if isinstance(self._directory, KeepsAnswers):
            self._directory.forget(account)


def _parts(roles: Roles, reference: Reference) -> Sequence[Reference] | None:
    """Return the references that one stands for, or None for a role that does not exist."""
    if reference.kind not in _ROLE_KINDS:
        return [reference]
    members = roles.members.get(reference.value)
    if members is None or reference.kind == ROLE:
        return members
    # The members of a group are looked up one by one only if they are to be asked.
    listed = [member.as_members for member in members]
    return listed if reference.kind == ROLE_ENTRIES else [member for member in listed if member.kind == MEMBERS]


def _answer(roles: Roles, lookup: _Lookup, reference: Reference, parts: Sequence[Reference] | None) -> Resolution:
    if parts is None:
        return _unknown_role(roles, reference)
    if reference.kind not in _ROLE_KINDS:
        return lookup.answer(reference)
    answers = [lookup.answer(part) for part in parts]
    if reference.kind == ROLE_MEMBERS:
        listed = {member.address for member in roles.members[reference.value] if member.is_address}
        entries = [entry for address in listed if (entry := roles.entry([address])) is not None]
        members = [*listed, *(address for entry in entries for address in entry.addresses)]
        return Resolution((), members=frozenset(members).union(*(answer.members for answer in answers)))
    return _members(reference, answers)


def _members(reference: Reference, answers: Sequence[Resolution]) -> Resolution:
    """Return the people of a role, each once, and a sentence about the members who cannot be asked."""
    people = {person.addresses[0]: person for answer in answers for person in answer.people}
    reasons = list(dict.fromkeys(answer.why for answer in answers if answer.why))
    more = len(reasons) - _MOST_REASONS
    listed = [*reasons[:_MOST_REASONS], *([f"And {more:,} more cannot be asked."] if more > 0 else [])]
    if reference.kind == ROLE and not people:
        listed.insert(0, f"The role {reference.value} has no member who can be asked.")
    return Resolution(tuple(people.values()), " ".join(listed) or None)


def _unknown_role(roles: Roles, reference: Reference) -> Resolution:
    if not roles.file:
        why = f"There is no role {reference.value}: this server has no roles file (SIGNOFF_ROLES)."
    else:
        names = sorted(roles.members)
        has = join_names(names[:_MOST_NAMES], len(names)) or "none"
        why = f"There is no role {reference.value} in the roles file of this server, which has {has}."
    return Resolution((), why, never=True)


class _Lookup:
    """The answers of the other directory, joined by the people of the file."""

    def __init__(self, directory: Directory, roles: Roles) -> None:
        self._directory, self._roles = directory, roles
        self._answers: dict[Reference, Resolution] = {}

    async def ask(self, references: Sequence[Reference]) -> None:
        """Ask about references, then about further addresses of the people that were found."""
        entries = {reference: self._entry(reference) for reference in references}
        await self._ask([reference for reference, entry in entries.items() if entry is None])
        found = [self._roles.entry(person.addresses) for person in self._people()]
        known = dict.fromkeys(entry for entry in (*entries.values(), *found) if entry is not None)
        await self._ask([reference for entry in known for reference in entry.references])

    async def _ask(self, references: Iterable[Reference]) -> None:
        missing = [reference for reference in dict.fromkeys(references) if reference not in self._answers]
        asked = [reference for reference in missing if self._directory.asks(reference)]
        if asked:
            self._answers |= await self._directory.resolve(asked)

    def _people(self) -> Iterable[DirectoryPerson]:
        return [person for answer in self._answers.values() for person in (*answer.people, *answer.guests)]

    def _entry(self, reference: Reference) -> PersonEntry | None:
        return self._roles.entry([reference.address]) if reference.is_address else None

    def answer(self, reference: Reference) -> Resolution:
        """Return the people of a reference, with all addresses that the file lists for them."""
        entry = self._entry(reference)
        if entry is not None:
            return self._of_entry(entry, reference)
        answer = self._answers.get(reference)
        if answer is None:
            # The other directory leaves this address to the tables.
            return Resolution((DirectoryPerson("", (reference.address,)),)) if reference.is_address else Resolution(())
        people = {person.addresses[0]: person for person in map(self._joined, answer.people)}
        return replace(answer, people=tuple(people.values()), guests=tuple(map(self._joined, answer.guests)))

    def _joined(self, person: DirectoryPerson) -> DirectoryPerson:
        """Return a person of the other directory as the file knows them."""
        entry = self._roles.entry(person.addresses)
        if entry is None:
            return person
        resolution = self._of_entry(entry, entry.references[0])
        return next(iter((*resolution.people, *resolution.guests)), person)

    def _of_entry(self, entry: PersonEntry, reference: Reference) -> Resolution:
        """Return the one person of an entry.

        An account that may be asked comes first. A person whose account may not be asked is not asked by email either.
        """
        answers = [self._answers[part] for part in entry.references if part in self._answers]
        for answer in answers:
            if any(person.account is not None for person in answer.people):
                return _with_entry(answer, entry, reference)
        for answer in answers:
            if answer.standing is not None or answer.never:
                return _with_entry(answer, entry, reference)
        by_email = [answer for answer in answers if answer.people]
        if by_email:
            return _with_entry(replace(by_email[0], why=None), entry, reference)
        if answers and (not entry.emails or any(answer.unknown for answer in answers)):
            return answers[0]
        return _with_entry(Resolution((DirectoryPerson("", entry.emails),)), entry, reference)


def _with_entry(answer: Resolution, entry: PersonEntry, reference: Reference) -> Resolution:
    people = tuple(_with_addresses(person, entry) for person in answer.people)
    standing = answer.standing
    if reference.kind != EMAIL and people and reference.address not in people[0].addresses:
        standing = f"another account of {entry.name}"
    guests = tuple(_with_addresses(person, entry) for person in answer.guests)
    return replace(answer, people=people, guests=guests, standing=standing)


def _with_addresses(person: DirectoryPerson, entry: PersonEntry) -> DirectoryPerson:
    """Return a person with the addresses of the file. Only the account of the directory counts."""
    further = [address for address in entry.emails if address not in person.addresses]
    addresses = (*person.addresses, *further)
    name = person.name or entry.name
    return structs.replace(person, name=name, addresses=addresses, zone=person.zone or entry.zone, joined=True)
