"""Whom references and addresses mean: what the tables know, and what only the directory can tell.

A unit of work never waits for anybody, so it raises `NeedsDirectory` with what it has to know; `answered` asks the
directory outside of any transaction and runs the unit again with the answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, TypeAlias, TypeVar

from msgspec.structs import replace

from engine.domain import Address, Approver, Person
from engine.domain.people import ACCOUNT
from engine.errors import ChannelError, SignoffError
from engine.ports import Directory, DirectoryPerson, Resolution
from engine.references import EMAIL, GROUP, OWNER, Reference, parse_resolvable
from engine.store import identities, people
from engine.store.run_rows import LoadedRun
from engine.store.transaction import Tx

T = TypeVar("T")
Resolved: TypeAlias = Mapping[Reference, Resolution]
MAX_APPROVERS: Final = 100
"""People that one request asks: each gets a copy, in the transaction that opens it."""
_ROUNDS: Final = 5


class NeedsDirectory(SignoffError):
    """The unit cannot go on before the directory has said whom these mean."""

    def __init__(self, references: Sequence[Reference]) -> None:
        super().__init__(f"the directory has to say who {', '.join(one.rule for one in references)} is")
        self.references = tuple(references)


async def answered(
    transact: Callable[[Callable[[Tx], T]], Awaitable[T]],
    unit: Callable[[Tx, Resolved], T],
    directory: Directory,
    *,
    patient: bool = True,
    seconds: float | None = None,
) -> T:
    """Run the unit, asking the directory for what it needs. `seconds`: what all its answers may take together.

    Raises `ChannelError` while the directory cannot be asked; not `patient`: such references then mean nobody, and the
    request says so.
    """
    resolved: dict[Reference, Resolution] = {}
    until = None if seconds is None else asyncio.get_running_loop().time() + seconds
    for _ in range(_ROUNDS):
        known = dict(resolved)
        try:
            return await transact(lambda tx, known=known: unit(tx, known))  # type: ignore[misc]
        except NeedsDirectory as needs:
            wanted = needs.references
        try:
            async with asyncio.timeout_at(until):
                resolved |= await directory.resolve(wanted)
        except (ChannelError, TimeoutError) as caught:
            error = caught if isinstance(caught, ChannelError) else ChannelError("Nobody answered in time.")
            if patient:
                raise error from caught
            resolved |= {one: _unanswered(one, error) for one in wanted}
    raise SignoffError("The directory gave no answer to what it was asked.")


def _unanswered(reference: Reference, error: ChannelError) -> Resolution:
    return Resolution((), f"{reference.rule} could not be looked up: {error}", unanswered=True)


class Recipients:
    """The people of one unit of work."""

    def __init__(self, tx: Tx, directory: Directory, resolved: Resolved) -> None:
        self._tx, self._directory, self._resolved = tx, directory, resolved

    def learn(self, workspace: str) -> bool:
        """Write down what the directory answered, if it is news; whether any was. Guests are not asked, but named."""
        news = [
            one
            for resolution in self._resolved.values()
            for one in (*resolution.people, *resolution.guests)
            if people.as_known(self._tx, workspace, one) is None
        ]
        for one in news:
            identities.adopt(self._tx, workspace, one)
        return bool(news)

    def actor(self, workspace: str, address: Address) -> Person:
        """The person who acts from `address`, which belongs to whom the directory names for it now.

        A new one if nobody is known by it.
        """
        self._of_actor(workspace, address)
        return people.need_person(self._tx, workspace, address, evidence="A command came from it.")

    def guest(self, workspace: str, address: Address) -> DirectoryPerson | None:
        """Who acts from `address`, if that is a guest, or belongs to another workspace."""
        resolution = self._of_actor(workspace, address)
        return resolution.guests[0] if resolution is not None and resolution.guests else None

    def stranger(self, workspace: str, address: Address) -> bool:
        """Whether it cannot be found out now if `address` is a member's, and never was before."""
        resolution = self._of_actor(workspace, address)
        if resolution is None or not resolution.unanswered or address.kind != ACCOUNT:
            return False
        known = people.known_person(self._tx, workspace, address)
        return known is None or known.email is None

    def _of_actor(self, workspace: str, address: Address) -> Resolution | None:
        reference = Reference(address.kind, address.value, str(address))
        if not self._directory.asks(reference):
            return None
        self._need([reference])
        self.learn(workspace)
        return self._resolved[reference]

    def named(self, workspace: str, reference: Reference) -> Person:
        """The one person whom a reference means; a new one where the directory knows of nobody."""
        if self._directory.asks(reference):
            self._need([reference])
            for one in self._resolved[reference].people:
                return identities.adopt(self._tx, workspace, one)
        return people.need_person(self._tx, workspace, reference.address, evidence=f"{reference.rule} names it.")

    def answers(self, references: Sequence[Reference]) -> Mapping[Reference, Resolution]:
        """What the directory says of these; those that it is not asked about are left out."""
        asked = [one for one in references if self._directory.asks(one)]
        self._need(asked)
        return {one: self._resolved[one] for one in asked}

    def among(self, addresses: Sequence[Address], references: Sequence[Reference]) -> tuple[bool, list[str]]:
        """Whether one of the references means who has these addresses; if not, why some of them mean nobody."""
        mine = {(one.kind, one.value) for one in addresses}
        if any((one.kind, one.value) in mine for one in references):
            return True, []
        groups = [one.as_members for one in references if one.kind == GROUP]
        self._need(groups)
        found = [self._resolved[one] for one in groups]
        known = any(not one.members.isdisjoint(addresses) for one in found)
        return known, [one.why for one in found if one.why]

    def foresee(
        self, held: LoadedRun, references: Sequence[Reference], accounts: Sequence[str] = ()
    ) -> list[Reference]:
        """Raise `NeedsDirectory` now if the directory has to say who these are: before anything is written.

        `accounts`: those that are only shown, by the names of their people.
        """
        meant = [self._meant(held, one) for one in references]
        self._need([*(one for one in meant if self._directory.asks(one)), *self._nameless(held.workspace, accounts)])
        return meant

    def introduce(self, workspace: str, accounts: Sequence[str]) -> None:
        """Raise `NeedsDirectory` if it has to be asked for the names of these; write down those that it said."""
        nameless = self._nameless(workspace, accounts)
        self._need(nameless)
        if nameless:
            self.learn(workspace)

    def _nameless(self, workspace: str, accounts: Sequence[str]) -> list[Reference]:
        known = {one: people.known_person(self._tx, workspace, Address(ACCOUNT, one)) for one in accounts}
        wanted = [Reference(ACCOUNT, one, one) for one, person in known.items() if person is None or not person.name]
        return [one for one in wanted if self._directory.asks(one)]

    def approvers(self, held: LoadedRun, references: Sequence[Reference]) -> tuple[list[Approver], list[str]]:
        """Who is asked, and notes on who cannot be. A person counts once, whatever reference or address names them."""
        meant = self.foresee(held, references)
        self.learn(held.workspace)
        found: dict[str, tuple[Person, list[Reference]]] = {}
        notes: list[str] = []
        for reference in meant:
            resolution = self._resolved.get(reference)
            if resolution is not None and resolution.unknown and self._had_account(held, reference):
                notes.append(f"{reference.value} has no active account any more, so they are not asked.")
                continue
            if resolution is not None and resolution.why:
                notes.append(resolution.why)
            for person in self._people(held, reference, resolution):
                if reference.not_requester and person.id == held.requester:
                    notes.append(f"{reference.rule} names {person.label}, who started this run, so they are not asked.")
                    continue
                found.setdefault(person.id, (person, []))[1].append(reference)
        asked = [_approver(person, references) for person, references in found.values()]
        if len(asked) > MAX_APPROVERS:
            notes.append(f"The gate names {len(asked):,} approvers; only the first {MAX_APPROVERS} are asked.")
        return asked[:MAX_APPROVERS], notes

    def _had_account(self, held: LoadedRun, reference: Reference) -> bool:
        """Whether somebody of whom the directory knows nothing now was one of those it knows: they may have left."""
        known = people.known_person(self._tx, held.workspace, reference.address)
        return known is not None and known.account is not None

    def _need(self, references: Sequence[Reference]) -> None:
        missing = [one for one in references if one not in self._resolved]
        if missing:
            raise NeedsDirectory(missing)

    def _meant(self, held: LoadedRun, reference: Reference) -> Reference:
        """`owner` and `requester` by an account or address: the directory knows whether they may still be asked."""
        if not reference.is_keyword:
            return reference
        (person,) = self._people(held, reference, None)
        kinds = (ACCOUNT, EMAIL)
        known = sorted((one for one in person.addresses if one.kind in kinds), key=lambda one: kinds.index(one.kind))
        by_address = [replace(reference, kind=one.kind, value=one.value) for one in known]
        return next((one for one in by_address if self._directory.asks(one)), reference)

    def _people(self, held: LoadedRun, reference: Reference, resolution: Resolution | None) -> list[Person]:
        if resolution is not None:
            return [identities.adopt(self._tx, held.workspace, one) for one in resolution.people]
        if reference.kind == EMAIL:
            evidence = f"{reference.rule} names it."
            return [people.need_person(self._tx, held.workspace, reference.address, evidence=evidence)]
        known = held.owner if reference.kind == OWNER else held.requester
        return list(people.known_people(self._tx, [known]).values())


def _approver(person: Person, references: Sequence[Reference]) -> Approver:
    """What names the person is kept where the rule that is printed does not say all of it."""
    rule = references[0].rule
    if list(references) == [parse_resolvable(rule)]:
        return Approver(person, rule)
    named_by = tuple((one.kind, one.value) for one in references)
    return Approver(person, rule, named_by, not_requester=all(one.not_requester for one in references))


def references_of(approver: Approver) -> list[Reference]:
    """The references that name an approver, as they were when the request was opened."""
    if approver.named_by:
        return [Reference(kind, value, approver.rule) for kind, value in approver.named_by]
    found = parse_resolvable(approver.rule)
    return [] if found is None else [found]
