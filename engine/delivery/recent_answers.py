"""A directory whose newest answers are there at once, for units of work that must not wait.

Every unit that opens a request needs the same few people as the one before. Without this it stops, lets the directory
be asked, and runs a second time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Final

from engine.domain import Address, Origin, Person
from engine.ports import Directory, KeepsAnswers, KnowsDepartments, KnowsLimits, Resolution, Route
from engine.references import Reference

FRESH_SECONDS: Final = 1.0
"""How long an answer is there at once, in seconds. A directory keeps its own answers longer than that."""
_MOST_KEPT: Final = 2_000


class DirectoryWithRecentAnswers:
    """Port Directory. Keeps what another directory has just answered. `now`: seconds that only rise.

    Answers are kept in the event loop, and read in the threads of stores as well.
    """

    def __init__(self, directory: Directory, *, now: Callable[[], float] = time.monotonic) -> None:
        self._directory, self._now = directory, now
        self._kept: dict[Reference, tuple[float, Resolution]] = {}
        self._forgotten = 0

    def recent(self, reference: Reference) -> Resolution | None:
        """Return the answer about a reference if it has just been given, or None."""
        asked_at, answer = self._kept.get(reference, (None, None))
        return answer if asked_at is not None and self._now() - asked_at < FRESH_SECONDS else None

    def asks(self, reference: Reference) -> bool:
        """Return the answer of the other directory."""
        return self._directory.asks(reference)

    async def resolve(self, references: Sequence[Reference]) -> Mapping[Reference, Resolution]:
        """Return the answers of the other directory, and keep them."""
        asked_at, forgotten = self._now(), self._forgotten
        answers = await self._directory.resolve(references)
        # An account that changed meanwhile may be in these answers as it was before.
        if forgotten == self._forgotten:
            self._keep(asked_at, answers)
        return answers

    def _keep(self, asked_at: float, answers: Mapping[Reference, Resolution]) -> None:
        if len(self._kept) + len(answers) > _MOST_KEPT:
            self._kept.clear()
        if len(answers) <= _MOST_KEPT:
            self._kept |= {reference: (asked_at, answer) for reference, answer in answers.items()}

    def reach(self, person: Person) -> Sequence[Route]:
        """Return the routes of the other directory."""
        return self._directory.reach(person)

    def back(self, origin: Origin, person: Person) -> Route | None:
        """Return the answer of the other directory."""
        return self._directory.back(origin, person)

    def place(self, name: str) -> Route | None:
        """Return the answer of the other directory."""
        return self._directory.place(name)

    def limits(self) -> Mapping[str, Mapping[str, Decimal] | None]:
        """Return the limits of the other directory."""
        return self._directory.limits() if isinstance(self._directory, KnowsLimits) else {}

    def department(self, person: Person) -> str | None:
        """Return the answer of the other directory."""
        return self._directory.department(person) if isinstance(self._directory, KnowsDepartments) else None

    def departments(self) -> frozenset[str]:
        """Return the answer of the other directory."""
        return self._directory.departments() if isinstance(self._directory, KnowsDepartments) else frozenset()

    def forget(self, account: Address) -> None:
        """Drop every kept answer, which may be about this account, and have the other directory drop its own."""
        self._forgotten += 1
        self._kept.clear()
        if isinstance(self._directory, KeepsAnswers):
            self._directory.forget(account)
