"""The people that references and addresses mean, from the tables and from the directory.

A unit of work never waits for a network. If it needs the directory it raises `NeedsDirectory`; `run_with_directory`
asks the directory outside of any transaction, and runs the unit again with the answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import Any, Final, TypeAlias, TypeVar

from msgspec.structs import replace

from engine.delivery import account_holders
from engine.delivery.recent_answers import DirectoryWithRecentAnswers
from engine.domain import DEFAULT_WORKSPACE, Address, Approver, Person
from engine.domain.people import ACCOUNT
from engine.errors import ChannelError, SignoffError
from engine.ports import Directory, DirectoryPerson, Resolution
from engine.references import EMAIL, OWNER, Reference, parse
from engine.requests import is_email
from engine.store import identities, people
from engine.store.port import Tx
from engine.store.run_rows import LoadedRun

T = TypeVar("T")
Resolved: TypeAlias = Mapping[Reference, Resolution]
MAX_APPROVERS: Final = 500
"""Maximum number of approvers of one request. Each gets a copy in the transaction that opens the request."""
_AT_ONCE: Final = 25
"""Maximum number of people who are saved in one transaction that does nothing else. While a new person is saved, no
other unit runs."""
_ROUNDS: Final = 5
"""Maximum number of times that one unit may ask the directory."""


class NeedsDirectory(SignoffError):
    """The unit needs the people of these references from the directory."""

    def __init__(self, references: Sequence[Reference]) -> None:
        super().__init__(f"the directory has to say who {', '.join(reference.rule for reference in references)} is")
        self.references = tuple(references)


async def run_with_directory(
    transact: Callable[[Callable[[Tx], T]], Awaitable[T]],
    unit: Callable[[Tx, Resolved], T],
    directory: Directory,
    *,
    required: bool = True,
    seconds: float | None = None,
) -> T:
    """Run the unit, and ask the directory for the references that it needs, within `seconds` in all.

    Raises `ChannelError` if the directory does not answer and is `required`. Otherwise those references name no
    approver, and the request has a note about it.
    """
    resolved = _Answers(directory)
    until = None if seconds is None else asyncio.get_running_loop().time() + seconds
    for _ in range(_ROUNDS):
        answers = resolved.copy()
        try:
            return await transact(lambda tx, known=answers: unit(tx, known))  # type: ignore[misc]
        except NeedsDirectory as needs:
            references = needs.references
        try:
            async with asyncio.timeout_at(until):
                resolved |= await directory.resolve(references)
        except (ChannelError, TimeoutError) as caught:
            error = (
                caught if isinstance(caught, ChannelError) else ChannelError("The directory did not answer in time.")
            )
            if required:
                raise error from caught
            resolved |= {reference: _unanswered_resolution(reference, error) for reference in references}
        else:
            await _learn_many(transact, directory, resolved)
    raise SignoffError("The directory gave no answer to what it was asked.")


class _Answers(dict[Reference, Resolution]):
    """The answers for one unit. An answer that the directory has just given is among them once it is looked for.

    It stays there then, so that the unit finds the same again.
    """

    __slots__ = ("_directory",)

    def __init__(self, directory: Directory, known: Mapping[Reference, Resolution] = MappingProxyType({})) -> None:
        super().__init__(known)
        self._directory = directory

    def copy(self) -> _Answers:
        return _Answers(self._directory, self)

    def __contains__(self, reference: object) -> bool:
        if super().__contains__(reference):
            return True
        if not isinstance(self._directory, DirectoryWithRecentAnswers) or not isinstance(reference, Reference):
            return False
        answer = self._directory.recent(reference)
        if answer is None:
            return False
        self[reference] = answer
        return True


async def _learn_many(transact: Any, directory: Directory, resolved: Resolved) -> None:
    """Save many people in parts before the unit needs them, so that other units run in between."""
    found = [person for resolution in resolved.values() for person in resolution.people]
    for start in range(0, len(found) if len(found) > _AT_ONCE else 0, _AT_ONCE):
        part = {_PART: Resolution(tuple(found[start : start + _AT_ONCE]))}
        await transact(partial(_learn, directory, part))


_PART: Final = Reference("part", "", "")


def _learn(directory: Directory, resolved: Resolved, tx: Tx) -> bool:
    return Recipients(tx, directory, resolved).learn(DEFAULT_WORKSPACE)


def _unanswered_resolution(reference: Reference, error: ChannelError) -> Resolution:
    return Resolution((), f"{reference.rule} could not be looked up: {error}", unanswered=True)


class Recipients:
    """The people of one unit of work."""

    def __init__(self, tx: Tx, directory: Directory, resolved: Resolved) -> None:
        self._tx, self._directory, self._resolved = tx, directory, resolved

    def learn(self, workspace: str) -> bool:
        """Save the people, guests included, that the directory has news of. Return whether there were any."""
        answers = self._resolved.values()
        known = [person for resolution in answers for person in (*resolution.people, *resolution.guests)]
        if len(known) >= _AT_ONCE:
            people.remember_by_accounts(
                self._tx, workspace, [person.account.value for person in known if person.account]
            )
        changed = [person for person in known if people.find_unchanged(self._tx, workspace, person) is None]
        for person in changed:
            identities.adopt(self._tx, workspace, person)
        return bool(changed)

    def actor(self, workspace: str, address: Address) -> Person:
        """Return the person who acts from an address, as the directory knows them now. Create one for a new address."""
        resolution = self._resolve_actor(workspace, address)
        for person in resolution.people if resolution is not None else ():
            # A human with two accounts is one person, who has the other account.
            return identities.adopt(self._tx, workspace, person)
        return people.need_person(self._tx, workspace, address, evidence="A command came from it.")

    def addresses(self, address: Address) -> list[Address]:
        """Return the addresses of the person who acts from an address, as the directory has them. Save nothing."""
        reference = Reference(address.kind, address.value, str(address))
        if not self._directory.asks(reference):
            return []
        self._need([reference])
        return [known for person in self._resolved[reference].people for known in person.addresses]

    def guest(self, workspace: str, address: Address) -> DirectoryPerson | None:
        """Return the person who acts from an address if they are a guest or belong to another workspace."""
        resolution = self._resolve_actor(workspace, address)
        return resolution.guests[0] if resolution is not None and resolution.guests else None

    def is_unverified(self, workspace: str, address: Address) -> bool:
        """Return whether the directory does not answer now, and never confirmed that the account is a member."""
        resolution = self._resolve_actor(workspace, address)
        if resolution is None or not resolution.unanswered or address.kind != ACCOUNT:
            return False
        person = people.find_person_cached(self._tx, workspace, address)
        return person is None or person.email is None

    def _resolve_actor(self, workspace: str, address: Address) -> Resolution | None:
        reference = Reference(address.kind, address.value, str(address))
        if not self._directory.asks(reference):
            return None
        self._need([reference])
        self.learn(workspace)
        return self._resolved[reference]

    def named(self, workspace: str, reference: Reference) -> Person:
        """Return the person that a reference names. Create one if the directory knows none."""
        if self._directory.asks(reference):
            self._need([reference])
            for person in self._resolved[reference].people:
                return identities.adopt(self._tx, workspace, person)
        return people.need_person(self._tx, workspace, reference.address, evidence=f"{reference.rule} names it.")

    def adopted(self, workspace: str, person: DirectoryPerson) -> Person:
        """Return the person that the directory means. Create one for a new address."""
        return identities.adopt(self._tx, workspace, person)

    def answers(self, references: Sequence[Reference]) -> Mapping[Reference, Resolution]:
        """Return the answers of the directory, without the references that it is not asked about."""
        to_resolve = [reference for reference in references if self._directory.asks(reference)]
        self._need(to_resolve)
        return {reference: self._resolved[reference] for reference in to_resolve}

    def among(self, addresses: Sequence[Address], references: Sequence[Reference]) -> tuple[bool, list[str]]:
        """Return whether a reference names the person with these addresses, and why some groups have no members."""
        keys = {(address.kind, address.value) for address in addresses}
        if any((reference.kind, reference.value) in keys for reference in references):
            return True, []
        groups = [reference.as_members for reference in references if reference.has_members]
        self._need(groups)
        answers = [self._resolved[group] for group in groups]
        is_member = any(not answer.members.isdisjoint(addresses) for answer in answers)
        return is_member, [answer.why for answer in answers if answer.why]

    def foresee(self, run: LoadedRun, references: Sequence[Reference], accounts: Sequence[str] = ()) -> list[Reference]:
        """Raise `NeedsDirectory` before anything is written if the directory has to be asked.

        `accounts`, or email addresses, are shown by name only. Returns the references with `owner` and `requester`
        replaced by addresses.
        """
        concrete = [self._replace_keyword(run, reference) for reference in references]
        to_resolve = [reference for reference in concrete if self._directory.asks(reference)]
        self._need([*to_resolve, *self._without_name(run.workspace, accounts)])
        return concrete

    def introduce(self, workspace: str, accounts: Sequence[str]) -> None:
        """Save the names of these accounts and email addresses.

        Raises `NeedsDirectory` if the directory has to be asked for them first.
        """
        nameless = self._without_name(workspace, accounts)
        self._need(nameless)
        if nameless:
            self.learn(workspace)

    def _without_name(self, workspace: str, accounts: Sequence[str]) -> list[Reference]:
        if not accounts:
            return []
        addresses = [Address(EMAIL if is_email(known) else ACCOUNT, known) for known in accounts]
        persons = {address: people.find_person_cached(self._tx, workspace, address) for address in addresses}
        unnamed = [address for address, person in persons.items() if person is None or not person.name]
        nameless = [Reference(address.kind, address.value, address.value) for address in unnamed]
        return [reference for reference in nameless if self._directory.asks(reference)]

    def approvers(self, run: LoadedRun, groups: Sequence[Sequence[Reference]]) -> tuple[list[Approver], list[str]]:
        """Return the approvers that the references name, each person once, and notes on those who cannot be asked."""
        concrete = [self.foresee(run, references) for references in groups]
        self.learn(run.workspace)
        named: dict[str, _NamedPerson] = {}
        notes: dict[str, None] = {}
        for group, references in enumerate(concrete):
            for reference in references:
                for person in self._asked(run, reference, notes):
                    named.setdefault(person.id, _NamedPerson(person)).add(reference, group)
        approvers = [_approver(by_person) for by_person in named.values()]
        if len(approvers) > MAX_APPROVERS:
            sentence = f"The workflow names {len(approvers):,} approvers; only the first {MAX_APPROVERS} are asked."
            notes[sentence] = None
        return approvers[:MAX_APPROVERS], list(notes)

    def with_accounts(self, named: Sequence[Approver], *, needs_account: bool) -> tuple[list[Approver], list[str]]:
        """Return the people who can decide with an account if they need one, and a note for each of the others."""
        return account_holders.with_accounts(self._directory, named, needs_account=needs_account)

    def _asked(self, run: LoadedRun, reference: Reference, notes: dict[str, None]) -> Iterator[Person]:
        """Yield the people of one reference who can be asked, and note why others cannot."""
        resolution = self._resolved.get(reference)
        if resolution is not None and resolution.unknown and self._had_account(run, reference):
            notes[f"{reference.value} no longer has an active account and is not asked."] = None
            return
        if resolution is not None and resolution.why:
            notes[resolution.why] = None
        notes |= dict.fromkeys(self._notes_on_leavers(run, resolution))
        for person in self._people(run, reference, resolution):
            if not person.is_human:
                notes["No person started this run, so there is no requester to ask."] = None
            elif reference.not_requester and person.id == run.requester:
                notes[f"{person.label} started this run and is not asked."] = None
            else:
                yield person

    def _had_account(self, run: LoadedRun, reference: Reference) -> bool:
        """Return whether the person had an account when the directory last knew them: they may have left."""
        person = people.find_person_cached(self._tx, run.workspace, reference.address)
        return person is not None and person.account is not None

    def _left(self, run: LoadedRun, person: DirectoryPerson) -> bool:
        """Return whether a person without an account had one when the directory last knew them."""
        return person.unlisted and identities.adopt(self._tx, run.workspace, person).account is not None

    def _notes_on_leavers(self, run: LoadedRun, resolution: Resolution | None) -> list[str]:
        left = [person for person in resolution.people if self._left(run, person)] if resolution is not None else []
        names = [person.name or person.addresses[0] for person in left]
        return [f"{name} no longer has an active account and is not asked." for name in names]

    def _need(self, references: Sequence[Reference]) -> None:
        missing = [reference for reference in references if reference not in self._resolved]
        if missing:
            raise NeedsDirectory(missing)

    def _replace_keyword(self, run: LoadedRun, reference: Reference) -> Reference:
        """Return `owner` or `requester` as an account or address that the directory can be asked about."""
        if not reference.is_keyword:
            return reference
        if reference.kind == OWNER and run.owner_rule is not None:
            owner = parse(run.owner_rule, rule=f"owner ({run.owner_rule})")
            if owner is not None and self._directory.asks(owner):
                return replace(owner, not_requester=reference.not_requester)
        (person,) = self._people(run, reference, None)
        kinds = (ACCOUNT, EMAIL)
        addresses = [address for kind in kinds for address in person.addresses if address.kind == kind]
        by_address = [replace(reference, kind=address.kind, value=address.value) for address in addresses]
        return next((candidate for candidate in by_address if self._directory.asks(candidate)), reference)

    def _people(self, run: LoadedRun, reference: Reference, resolution: Resolution | None) -> list[Person]:
        if resolution is not None:
            staying = [person for person in resolution.people if not self._left(run, person)]
            return [identities.adopt(self._tx, run.workspace, person) for person in staying]
        if reference.kind == EMAIL:
            evidence = f"{reference.rule} names it."
            return [people.need_person(self._tx, run.workspace, reference.address, evidence=evidence)]
        person_id = run.owner if reference.kind == OWNER else run.requester
        return list(people.load_people_cached(self._tx, [person_id]).values())


@dataclass(slots=True)
class _NamedPerson:
    """A person, the references that name them, and the groups of a chain that these belong to."""

    person: Person
    references: list[Reference] = field(default_factory=list)
    groups: dict[int, None] = field(default_factory=dict)

    def add(self, reference: Reference, group: int) -> None:
        self.references.append(reference)
        self.groups[group] = None


def _approver(named: _NamedPerson) -> Approver:
    """Return the approver. `named_by` is stored only if the printed rule does not hold all of it."""
    references, groups = named.references, tuple(named.groups)
    rule = references[0].rule
    if references == [parse(rule)]:
        return Approver(named.person, rule, groups=groups)
    named_by = tuple((reference.kind, reference.value) for reference in references)
    not_requester = all(reference.not_requester for reference in references)
    return Approver(named.person, rule, named_by, not_requester=not_requester, groups=groups)


def references_of(approver: Approver) -> list[Reference]:
    """Return the references that named an approver when the request was opened."""
    if approver.named_by:
        return [Reference(kind, value, approver.rule) for kind, value in approver.named_by]
    reference = parse(approver.rule)
    return [] if reference is None else [reference]
