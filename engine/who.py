"""Whom references and addresses mean: what the tables know, and what only the directory can tell.

A unit of work never waits for anybody, so it raises `NeedsDirectory` with what it has to know; `answered` asks the
directory outside of any transaction and runs the unit again with the answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, TypeAlias, TypeVar

from msgspec.structs import replace

from engine.errors import ChannelError, SignoffError
from engine.gate import Reference
from engine.model import Address, Approver, Person
from engine.ports import Directory, Found, Resolution
from engine.store import people
from engine.store.runs import HeldRun
from engine.store.tx import Tx

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
            resolved |= {one: Resolution((), f"{one.rule} could not be looked up: {error}") for one in wanted}
    raise SignoffError("The directory gave no answer to what it was asked.")


class Who:
    """The people of one unit of work."""

    def __init__(self, tx: Tx, directory: Directory, resolved: Resolved) -> None:
        self._tx, self._directory, self._resolved = tx, directory, resolved

    def actor(self, workspace: str, address: Address) -> Person:
        """The person who acts from `address`; a new one if nobody is known by it."""
        found = people.known_person(self._tx, workspace, address)
        if found is not None:
            return found
        return self.named(workspace, Reference(address.kind, address.value, str(address)))[0]

    def named(self, workspace: str, reference: Reference) -> tuple[Person, str | None]:
        """The one person whom a reference means; and why the directory does not find them, if it does not."""
        why = None
        if self._directory.asks(reference):
            self._need([reference])
            for one in self._resolved[reference].people:
                return people.adopt(self._tx, workspace, one), None
            why = self._resolved[reference].why
        return people.need_person(self._tx, workspace, Address(reference.kind, reference.value)), why

    def among(self, person: Person, references: Sequence[Reference]) -> tuple[bool, list[str]]:
        """Whether one of the references means this person; if not, why some of them mean nobody."""
        addresses = {(one.kind, one.value) for one in person.addresses}
        if any((one.kind, one.value) in addresses for one in references):
            return True, []
        groups = [replace(one, kind="members") for one in references if one.kind == "group"]
        self._need(groups)
        found = [self._resolved[one] for one in groups]
        known = any(not one.members.isdisjoint(person.addresses) for one in found)
        return known, [one.why for one in found if one.why]

    def foresee(self, held: HeldRun, references: Sequence[Reference]) -> list[Reference]:
        """Raise `NeedsDirectory` now if the directory has to say who these are: before anything is written."""
        meant = [self._meant(held, one) for one in references]
        self._need([one for one in meant if self._directory.asks(one)])
        return meant

    def approvers(self, held: HeldRun, references: Sequence[Reference]) -> tuple[list[Approver], list[str]]:
        """Who is asked, and notes on who cannot be. A person counts once, whatever reference or address names them."""
        meant = self.foresee(held, references)
        found: dict[str, Approver] = {}
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
                found.setdefault(person.id, Approver(person, reference.rule))
        asked = list(found.values())
        if len(asked) > MAX_APPROVERS:
            notes.append(f"The gate names {len(asked):,} approvers; only the first {MAX_APPROVERS} are asked.")
        return asked[:MAX_APPROVERS], notes

    def _had_account(self, held: HeldRun, reference: Reference) -> bool:
        """Whether somebody of whom the directory knows nothing now was one of those it knows: they may have left."""
        known = people.known_person(self._tx, held.workspace, Address(reference.kind, reference.value))
        return known is not None and any(one.kind == "slack" for one in known.addresses)

    def _need(self, references: Sequence[Reference]) -> None:
        missing = [one for one in references if one not in self._resolved]
        if missing:
            raise NeedsDirectory(missing)

    def _meant(self, held: HeldRun, reference: Reference) -> Reference:
        """`owner` and `requester` by an account or address: the directory knows whether they may still be asked."""
        if reference.kind not in ("owner", "requester"):
            return reference
        (person,) = self._people(held, reference, None)
        kinds = ("slack", "email")
        known = sorted((one for one in person.addresses if one.kind in kinds), key=lambda one: kinds.index(one.kind))
        by_address = [replace(reference, kind=one.kind, value=one.value) for one in known]
        return next((one for one in by_address if self._directory.asks(one)), reference)

    def _people(self, held: HeldRun, reference: Reference, resolution: Resolution | None) -> list[Person]:
        if resolution is not None:
            return [people.adopt(self._tx, held.workspace, one) for one in resolution.people]
        if reference.kind == "email":
            return [people.adopt(self._tx, held.workspace, Found("", (Address("email", reference.value),)))]
        known = held.owner if reference.kind == "owner" else held.requester
        return list(people.known_people(self._tx, [known]).values())
