"""The command that erases a person's names and addresses, some runs at a time. Their id and their decisions stay.

It may be stopped at any time, and begun anew: what was erased is not found again. The person's own row comes last,
because it says what to look for.
"""

from __future__ import annotations

from typing import Final, Literal

from msgspec import Struct

from engine import json_values
from engine.audit_entries import EntryKind, entry
from engine.delivery.recipients import Recipients, Resolved
from engine.domain import ErasePerson, NotAllowed, NotFound, PersonErased, Refusal
from engine.service import erase
from engine.service.context import CommandContext
from engine.service.erase import Author
from engine.store import erasure, person_erasure, person_obligations, person_queries, request_search
from engine.store.connection import Connection
from engine.store.person_erasure import ErasablePerson, PersonRuns
from engine.store.port import Tx

_YOURSELF: Final = "You cannot erase yourself: the log names who erased a person. Ask another admin."
_BY_ADMIN: Final = "Only an admin can erase a person."


class Position(Struct, frozen=True):
    """How far the command has come. `after`: the last run or entry that was looked at."""

    stage: Literal["runs", "log", "person"] = "runs"
    after: str = ""
    unfinished: int = 0
    """Number of runs that name the person and have not ended."""

    @classmethod
    def read(cls, text: str) -> Position:
        """Return the position of a text that `written` made; of an empty one, the beginning."""
        if not text:
            return cls()
        stage, unfinished, after = text.split(":", 2)
        if stage not in ("runs", "log", "person"):
            raise ValueError(f"{stage} is no stage")
        return cls(stage, after, int(unfinished))  # type: ignore[arg-type]

    @property
    def is_last(self) -> bool:
        """Whether only the person's own row is left, and no run names them any more."""
        return self.stage == "person" and not self.unfinished

    @property
    def written(self) -> str:
        return f"{self.stage}:{self.unfinished}:{self.after}"

    def after_runs(self, found: PersonRuns) -> Position:
        """Return the position after some runs were looked at."""
        unfinished = self.unfinished + found.unfinished
        if found.reached is None:
            return Position("log", "", unfinished)
        return Position("runs", found.reached, unfinished)

    def after_entries(self, reached: int | None) -> Position:
        """Return the position after some entries of no run were looked at."""
        if reached is None:
            return Position("person", "", self.unfinished)
        return Position("log", str(reached), self.unfinished)


class Erasing(Struct, frozen=True):
    """A person to erase, and who erases them."""

    workspace: str
    person: ErasablePerson
    author: Author


def begin(context: CommandContext, tx: Tx, command: ErasePerson, resolved: Resolved) -> Erasing | Refusal:
    """Return the person to erase, or why they cannot be erased now."""
    actor = Recipients(tx, context.advancer.directory, resolved).actor(command.workspace, command.actor)
    if not context.may(actor, command.actor):
        return NotAllowed(why=_BY_ADMIN)
    found = person_queries.find(tx.connection, command.workspace, command.person)
    if found is None:
        return NotFound(what="person", name=command.person)
    person = person_erasure.load(tx.connection, command.workspace, found.person.id)
    if actor.id in person.known:
        return NotAllowed(why=_YOURSELF)
    why = _why_not(tx.connection, command.workspace, person, found.person.label)
    if why is not None:
        return NotAllowed(why=why)
    reason = json_values.clean_text(command.reason).strip()
    if not reason:
        return NotAllowed(why="Please give a reason. The audit log keeps it.")
    author = Author(person=actor, by=actor.label, reason=reason, surface=command.origin.surface)
    return Erasing(command.workspace, person, author)


def _why_not(connection: Connection, workspace: str, person: ErasablePerson, name: str) -> str | None:
    """Return why a person is still needed, with what to do, or None."""
    needed = person_obligations.load(connection, workspace, person.ids)
    if needed.waiting:
        what = f"request {needed.waiting[0]}" if len(needed.waiting) == 1 else f"{len(needed.waiting)} requests"
        return f"{name} is asked about {what}. Pass it on with `signoff reassign`, or wait until it is decided."
    if needed.runs:
        what = f"Run {needed.runs[0]}" if len(needed.runs) == 1 else f"{len(needed.runs)} runs"
        return f"{what} of {name} has not ended. Cancel it, or wait until it ends."
    if needed.workflows:
        return f"{name} owns the workflow {needed.workflows[0]}. Register it with another owner first."
    if needed.keys:
        return f"The API key “{needed.keys[0]}” belongs to {name} or acts for them. Revoke it first."
    return None


def erase_run(tx: Tx, erasing: Erasing, run: str) -> int:
    """Erase what names the person in one run, and return the number of entries that were emptied."""
    request_search.take_turn(tx, erasing.workspace)
    tx.take_turn(f"erase {run}")
    numbers = person_erasure.erase_in_run(tx, erasing.workspace, run, erasing.person)
    if numbers:
        _record(tx, erasing, numbers, run=run)
    return len(numbers)


def erase_entries(tx: Tx, erasing: Erasing, after: str) -> tuple[int, int | None]:
    """Erase the next entries of no run that name the person. Return their number, and the last that was looked at."""
    tx.take_turn("erase log")
    numbers, reached = person_erasure.find_entries(tx.connection, erasing.workspace, erasing.person, int(after or 0))
    if numbers:
        tx.connection.overwrite_deleted()
        erasure.empty_entries(tx, erasing.workspace, numbers)
        _record(tx, erasing, numbers, run=None)
    return len(numbers), reached


def _record(tx: Tx, erasing: Erasing, numbers: list[int], *, run: str | None) -> None:
    erase.record(tx, erasing.workspace, numbers, erasing.author, run=run, person=erasing.person.ids[0])


def finish(context: CommandContext, tx: Tx, command: ErasePerson, resolved: Resolved) -> Erasing | Refusal:
    """Erase the person's own rows, unless they have become needed meanwhile."""
    tx.work_alone()
    erasing = begin(context, tx, command, resolved)
    if isinstance(erasing, Refusal):
        return erasing
    person_erasure.erase_rows(tx, erasing.person)
    author = erasing.author
    tx.audit(
        erasing.workspace,
        entry(
            EntryKind.PERSON_ERASED,
            actor=author.person,
            person=erasing.person.ids[0],
            by=author.by,
            reason=author.reason,
            surface=author.surface,
        ),
    )
    return erasing


def result(
    erasing: Erasing, *, runs: int = 0, entries: int = 0, unfinished: int = 0, after: Position | None = None
) -> PersonErased:
    """Return what a call has erased, and where the next one begins."""
    return PersonErased(
        person=erasing.person.ids[0],
        pseudonym=erasing.person.pseudonym,
        runs=runs,
        entries=entries,
        unfinished=unfinished,
        after=after.written if after is not None else None,
    )
