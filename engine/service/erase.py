"""The command that erases the contents of a run. The chain of audit entries stays."""

from __future__ import annotations

from engine.audit_entries import EntryKind, entry
from engine.delivery.recipients import Recipients, Resolved
from engine.domain import Erase, Erased, NotAllowed, NotFound, Refusal
from engine.json_values import Value
from engine.service.context import CommandContext
from engine.store import erasure, run_rows
from engine.store.port import Tx


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
    if not command.reason.strip():
        return NotAllowed(why="Please give a reason. The audit log keeps it.")
    tx.take_turn(f"erase {command.run}")
    numbers = erasure.erase_run(tx, run.workspace, command.run)
    if numbers:
        tx.audit(
            run.workspace,
            entry(
                EntryKind.CONTENT_ERASED,
                run=command.run,
                actor=actor,
                by=actor.label,
                reason=command.reason.strip(),
                surface=command.origin.surface,
                entries=_ranges(numbers),
            ),
        )
    return Erased(run=command.run, entries=len(numbers))


def _ranges(numbers: list[int]) -> list[Value]:
    """Return the first and last number of each range of successive numbers."""
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return [list[Value](pair) for pair in ranges]
