"""The command that erases the contents of a run, and the retention. The chain of audit entries stays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from engine import durations, json_values
from engine.audit_entries import EntryKind, entry
from engine.delivery.recipients import Recipients, Resolved
from engine.domain import Erase, Erased, NotAllowed, NotFound, Person, Refusal, Work
from engine.errors import Conflict
from engine.json_values import Value
from engine.service import oversight_requests
from engine.service.context import CommandContext
from engine.store import erasure, old_runs, oversight_rows, request_search, retention, run_rows
from engine.store.port import Tx
from engine.worker import oversight_workflow, run_cancellation

AT_ONCE: Final = 5
"""Maximum number of runs that one unit of the retention erases, so that other units do not wait for long."""
MOST_TOGETHER: Final = 50
"""Maximum number of old runs that are erased before the command reports how far it has come."""
BY_RETENTION: Final = "SIGNOFF_RETENTION"
"""Who erased contents by themselves: the setting."""


def erase(context: CommandContext, tx: Tx, command: Erase, resolved: Resolved) -> Erased | Refusal:
    """Erase the contents of a run that has ended: the unit of `Engine.erase`."""
    run = run_rows.load_run(tx, command.run)
    if run is None:
        return NotFound(what="run", name=command.run)
    actor = Recipients(tx, context.advancer.directory, resolved).actor(run.workspace, command.actor)
    if not context.may(actor, command.actor):
        return NotAllowed(why="Only an admin can erase the contents of a run.")
    if not run.state.status.ended:
        return NotAllowed(why=f"Run {command.run} has not ended yet. Cancel it, or wait until it ends.")
    reason = json_values.clean_text(command.reason).strip()
    if not reason:
        return NotAllowed(why="Please give a reason. The audit log keeps it.")
    author = Author(person=actor, by=actor.label, reason=reason, surface=command.origin.surface)
    return Erased(run=command.run, entries=_erase_run(context, tx, run.workspace, command.run, author, resolved))


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """Who erases contents and why, for the audit log. `person`: None for the retention, which `by` names."""

    person: Person | None
    by: str
    reason: str
    surface: str | None


def _erase_run(context: CommandContext, tx: Tx, workspace: str, run: str, author: Author, resolved: Resolved) -> int:
    """Erase the contents of a run, and return the number of entries that had one."""
    # First, because the retention erases several runs in one unit.
    request_search.take_turn(tx, workspace)
    tx.take_turn(f"erase {run}")
    if not erasure.lock_ended(tx, run):
        raise Conflict(f"run {run} was tried again meanwhile")
    numbers = erasure.erase_run(tx, workspace, run)
    if numbers:
        record(tx, workspace, numbers, author, run=run)
    # What Signoff asked about the run shows values of it.
    about = oversight_rows.runs_about(tx.connection, run)
    return len(numbers) + sum(_erase_oversight(context, tx, other, author, resolved) for other in about)


def _erase_oversight(context: CommandContext, tx: Tx, run: str, author: Author, resolved: Resolved) -> int:
    """Erase an oversight request about a run, and return the number of its entries. One that waits is withdrawn."""
    loaded = run_rows.load_run(tx, run)
    assert loaded is not None
    if loaded.state.status.ended:
        return _erase_run(context, tx, loaded.workspace, run, author, resolved)
    if not loaded.state.cancelled:
        by = author.person or oversight_workflow.asker(tx, loaded.workspace)
        run_cancellation.ask_to_end(tx, loaded, by, reason=author.reason, surface=author.surface)
        oversight_requests.end_cancelled(context, tx, run, resolved)
    numbers = erasure.erase_run(tx, loaded.workspace, run)
    record(tx, loaded.workspace, numbers, author, run=run)
    return len(numbers)


def record(
    tx: Tx, workspace: str, numbers: list[int], author: Author, *, run: str | None, person: str | None = None
) -> None:
    """Append the entry that says who erased the contents of these entries, and why.

    `person`: the id of the person whose names were erased, if not all contents of the run were.
    """
    tx.audit(
        workspace,
        entry(
            EntryKind.CONTENT_ERASED,
            run=run,
            actor=author.person,
            by=author.by,
            reason=author.reason,
            surface=author.surface,
            person=person,
            entries=_ranges(numbers),
        ),
    )


def keep_to_retention(context: CommandContext, tx: Tx, workspace: str, resolved: Resolved) -> None:
    """Erase the contents of the next runs that are older than the retention: a unit of `Engine.process_due`."""
    tx.take_turn(f"retention {workspace}")
    if not retention.is_due(tx, workspace):
        return
    if context.retention is None:
        retention.end(tx, workspace)
        return
    before, written = tx.now - context.retention, durations.show(context.retention)
    old = old_runs.oldest(tx.connection, workspace, before, most=AT_ONCE)
    author = Author(person=None, by=BY_RETENTION, reason=f"older than {written}", surface=None)
    for run in old:
        _erase_run(context, tx, workspace, run, author, resolved)
    has_more = len(old) == AT_ONCE
    retention.plan(tx, workspace, tx.now if has_more else tx.now + retention.EVERY)
    if has_more:
        tx.enqueue(Work("process_due", f"{retention.WORK}{workspace}"))


def _ranges(numbers: list[int]) -> list[Value]:
    """Return the first and last number of each range of successive numbers."""
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return [list[Value](pair) for pair in ranges]
