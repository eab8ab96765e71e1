"""The unit of work that starts the run of a schedule whose time has come."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from engine import schedules, timestamps
from engine.audit_entries import EntryKind, entry
from engine.delivery import routing
from engine.delivery.recipients import Resolved
from engine.domain import (
    Address,
    Firing,
    InvalidInputs,
    Origin,
    Overlap,
    QueueFull,
    Refusal,
    Start,
    Started,
    StillRunning,
    TriggerKind,
)
from engine.errors import Conflict, DefinitionError, ExpressionError, InvalidValue
from engine.json_values import Value
from engine.schedules import Schedule
from engine.service import start
from engine.service.context import CommandContext
from engine.store import trigger_rows, workflows
from engine.store.port import Tx
from engine.store.trigger_rows import LoadedTrigger
from engine.workflowfile import Trigger

_ONCE_IN: Final = timedelta(hours=1)
"""How often it is recorded that a schedule cannot be read."""
_LOOKED_AT_AGAIN: Final = timedelta(minutes=1)
"""Time after which a schedule that could not be read is looked at again."""
_LONGEST: Final = 1_000
"""Maximum length of the reason why a trigger could not start a run, in characters."""


def fire(
    context: CommandContext, tx: Tx, trigger_id: str, resolved: Resolved, *, may_open_requests: bool = True
) -> Started | Refusal | None:
    """Start the run for a time of a schedule that has come, and let it be due at the next one.

    The run and the next time are one transaction. Whatever happens to clocks and servers, the key of the run sees to it
    that one time starts one run.
    """
    row = trigger_rows.load_trigger(tx, trigger_id)
    if row is None or row.next_at is None:
        return None
    try:
        trigger = _compiled(context, tx, row)
        assert trigger.schedule is not None
        next_at = trigger.schedule.next_after(tx.now)
    except (DefinitionError, InvalidValue) as error:
        _keep_for_later(tx, row, str(error).partition("\n")[0])
        return None
    if row.was_ahead(tx.now):
        _move(tx, row, next_at)
        return None
    if row.next_at > tx.now:
        return None
    due = schedules.occurrence(trigger.schedule, row.next_at, tx.now, trigger.missed)
    result, failure = None, None
    if due.skipped is not None:
        _record_skipped(tx, row, "missed", *due.skipped)
    if due.fires is not None:
        result, failure = _start(context, tx, row, trigger, due.fires, resolved, may_open_requests=may_open_requests)
    _move(tx, row, due.next_at, failure=failure)
    if failure is not None and failure != row.failure:
        # Told once, and not each time that it is due.
        routing.notify_of_trigger(tx, context.advancer.directory, row)
    return result


def _compiled(context: CommandContext, tx: Tx, row: LoadedTrigger) -> Trigger:
    current = workflows.load_current_cached(tx, row.workspace, row.workflow_name)
    assert current is not None
    triggers = context.advancer.workflow(tx, current.id, current.version).triggers
    for trigger in triggers:
        if trigger.index == row.position and trigger.identity == row.identity:
            return trigger
    raise Conflict(f"the triggers of {row.workflow_name} are being registered")


def _keep_for_later(tx: Tx, row: LoadedTrigger, why: str) -> None:
    """Record, once an hour, that this server cannot read the schedule, which stays due. It is looked at again soon, and
    meanwhile hides none that can be read.

    Another one could when it registered the file, so a step type or a time zone is missing here.
    """
    assert row.next_at is not None
    if row.failed_at is None or row.failed_at <= tx.now - _ONCE_IN:
        failure = _record_failed(tx, row, row.next_at, why)
        if not trigger_rows.try_move(tx, row, row.next_at, failure=failure):
            raise Conflict(f"the schedule of {row.workflow_name} was started by another process")
    trigger_rows.hold(tx, row, tx.now + _LOOKED_AT_AGAIN)


def _move(tx: Tx, row: LoadedTrigger, next_at: datetime, *, failure: str | None = None) -> None:
    if not trigger_rows.try_move(tx, row, next_at, failure=failure):
        raise Conflict(f"the schedule of {row.workflow_name} was started by another process")
    if next_at <= tx.now:
        tx.enqueue(trigger_rows.work(row.id))


def _start(
    context: CommandContext,
    tx: Tx,
    row: LoadedTrigger,
    trigger: Trigger,
    time: datetime,
    resolved: Resolved,
    *,
    may_open_requests: bool,
) -> tuple[Started | Refusal | None, str | None]:
    """Start the run for one time. Return the result, and why there is none if the trigger has to be changed."""
    assert trigger.schedule is not None
    try:
        inputs = trigger.inputs.render({"trigger": _names(trigger.schedule, time)})
    except ExpressionError as error:
        return None, _record_failed(tx, row, time, str(error))
    assert isinstance(inputs, dict)
    command = Start(
        workflow=row.workflow_name,
        inputs=inputs,
        actor=Address(TriggerKind.SCHEDULE, row.workflow_name),
        origin=Origin(surface="schedule", place={"trigger": row.id, "time": timestamps.iso(time)}),
        key=f"{trigger_rows.WORK}{row.id}:{timestamps.iso(time)}",
        firing=Firing(row.id, trigger.overlap),
        workspace=row.workspace,
    )
    result = start.start(context, tx, command, resolved, may_open_requests=may_open_requests)
    if isinstance(result, InvalidInputs):
        errors = "; ".join(f"{result.labels.get(name, name)} {why}" for name, why in result.errors.items())
        return result, _record_failed(tx, row, time, errors)
    if isinstance(result, StillRunning | QueueFull):
        _record_skipped(tx, row, "overlap", time, time, overlap=trigger.overlap)
    return result, None


def _names(schedule: Schedule, time: datetime) -> dict[str, Value]:
    """Return what `trigger` holds: the time and the date in the time zone of the schedule."""
    zone = timestamps.find_zone(schedule.zone)
    local = time.astimezone(zone)
    return {"time": local.isoformat(), "date": local.date().isoformat()}


def _record_skipped(
    tx: Tx, row: LoadedTrigger, why: str, first: datetime, last: datetime, *, overlap: Overlap | None = None
) -> None:
    tx.audit(
        row.workspace,
        entry(
            EntryKind.TRIGGER_SKIPPED,
            workflow=row.workflow_name,
            trigger=row.identity,
            why=why,
            overlap=overlap,
            first=timestamps.iso(first),
            last=timestamps.iso(last),
        ),
    )


def _record_failed(tx: Tx, row: LoadedTrigger, time: datetime, why: str) -> str:
    why = why[:_LONGEST]
    tx.audit(
        row.workspace,
        entry(
            EntryKind.TRIGGER_FAILED,
            workflow=row.workflow_name,
            trigger=row.identity,
            time=timestamps.iso(time),
            error=why,
        ),
    )
    return why
