"""The newest answers of a directory: there at once for a second, and gone once an account has changed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from engine.delivery.recent_answers import FRESH_SECONDS, DirectoryWithRecentAnswers
from engine.delivery.recipients import NeedsDirectory, run_with_directory
from engine.domain import Address, Origin, Person
from engine.ports import DirectoryPerson, Resolution, Route
from engine.references import EMAIL, Reference

LEE = Reference(EMAIL, "lee@example.com", "lee@example.com")
SAM = Reference(EMAIL, "sam@example.com", "sam@example.com")


@dataclass
class Answering:
    """A directory that counts what it is asked, and forgets. `while_asked` runs in between."""

    asked: list[Sequence[Reference]] = field(default_factory=list)
    forgotten: list[Address] = field(default_factory=list)
    while_asked: Callable[[], None] = lambda: None

    def asks(self, reference: Reference) -> bool:
        return reference.kind == EMAIL

    async def resolve(self, references: Sequence[Reference]) -> Mapping[Reference, Resolution]:
        self.asked.append(references)
        self.while_asked()
        number = len(self.asked)
        return {each: Resolution((DirectoryPerson(f"Name {number}", (each.address,)),)) for each in references}

    def reach(self, person: Person) -> Sequence[Route]:
        return [Route("email", person.label)]

    def back(self, origin: Origin, person: Person) -> Route | None:
        return Route(origin.surface, person.label)

    def place(self, name: str) -> Route | None:
        return Route("slack", name)

    def forget(self, account: Address) -> None:
        self.forgotten.append(account)


def opened(directory: Answering) -> tuple[DirectoryWithRecentAnswers, list[float]]:
    """Return the directory that keeps the answers of another one, and its clock."""
    clock = [100.0]
    return DirectoryWithRecentAnswers(directory, now=lambda: clock[0]), clock


async def test_an_answer_is_there_at_once_for_a_second() -> None:
    recent, clock = opened(Answering())
    assert recent.recent(LEE) is None
    answers = await recent.resolve([LEE])
    assert recent.recent(LEE) == answers[LEE]
    assert recent.recent(SAM) is None
    clock[0] += FRESH_SECONDS
    assert recent.recent(LEE) is None


async def test_an_account_that_changed_is_asked_about_again() -> None:
    directory = Answering()
    recent, _ = opened(directory)
    account = Address("slack", "U1")
    await recent.resolve([LEE])
    recent.forget(account)
    assert (recent.recent(LEE), directory.forgotten) == (None, [account])
    directory.while_asked = lambda: recent.forget(account)
    await recent.resolve([LEE])
    assert recent.recent(LEE) is None, "the account changed while the directory was asked"


async def test_what_is_kept_is_limited() -> None:
    recent, _ = opened(Answering())
    many = [Reference(EMAIL, f"p{number}@example.com", "") for number in range(3_000)]
    for start in range(0, 3_000, 500):
        await recent.resolve(many[start : start + 500])
    assert sum(recent.recent(reference) is not None for reference in many) <= 2_000
    await recent.resolve(many)
    assert recent.recent(many[0]) is None


async def test_everything_else_is_the_answer_of_the_other_directory() -> None:
    directory = Answering()
    recent, _ = opened(directory)
    lee = Person(id="p1", name="Lee", addresses=(Address("email", "lee@example.com"),))
    assert recent.asks(LEE)
    assert not recent.asks(Reference("owner", "", "owner"))
    assert recent.reach(lee) == [Route("email", "Lee")]
    assert recent.back(Origin(surface="slack"), lee) == Route("slack", "Lee")
    assert recent.place("#ops") == Route("slack", "#ops")


async def test_a_unit_runs_once_if_the_answer_has_just_been_given() -> None:
    directory = Answering()
    recent, clock = opened(directory)
    runs: list[str] = []

    def unit(_: object, known: Mapping[Reference, Resolution]) -> str:
        runs.append("began")
        if LEE not in known:
            raise NeedsDirectory([LEE])
        # It may have become too old meanwhile, and the unit still sees the same.
        clock[0] += FRESH_SECONDS
        assert LEE in known
        return known[LEE].people[0].name

    async def transact(work: Callable[[Any], str]) -> str:
        await asyncio.sleep(0)
        return work(None)

    assert await run_with_directory(transact, unit, recent) == "Name 1"
    assert (len(runs), len(directory.asked)) == (2, 1)
    await recent.resolve([LEE])
    runs.clear()
    assert await run_with_directory(transact, unit, recent) == "Name 2"
    assert (len(runs), len(directory.asked)) == (1, 2)
    assert await run_with_directory(transact, unit, directory) == "Name 3", "others are asked as before"
