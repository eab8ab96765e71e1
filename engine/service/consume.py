"""The command with which a program takes an approval, before it acts on it: exactly once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine import json_values, runs
from engine.audit_entries import EntryKind
from engine.domain import NotFound, StepStatus
from engine.domain.asks import (
    AlreadyConsumed,
    ApprovalLapsed,
    ArgumentsChanged,
    AskStatus,
    AskUse,
    Consume,
    Consumed,
    NotApproved,
)
from engine.domain.results import Refusal
from engine.errors import Conflict, InvalidValue
from engine.json_values import Value
from engine.runs import Visit
from engine.service import own_asks
from engine.service.context import CommandContext
from engine.service.own_asks import OwnAsk
from engine.store import ask_rows, run_rows
from engine.store.port import Tx


def consume(context: CommandContext, tx: Tx, command: Consume) -> Consumed | Refusal:
    """Take an approval: the unit of `Engine.consume`."""
    own = own_asks.find(tx, command, tried="consume")
    if isinstance(own, NotFound):
        return own
    visit = _check_state(tx, own, command)
    if isinstance(visit, Refusal):
        return visit
    approved: Mapping[str, Value] = visit.params.value if visit.params is not None else {}
    changed = _check_arguments(command, approved, own.row.digest)
    if changed is not None:
        _record_refusal(tx, own, command, why="arguments", content={"names": list[Value](changed.names)})
        return changed
    if own.row.consumed_at is None:
        _take(context, tx, own, command)
    at, again = own.row.consumed_at or tx.now, own.row.consumed_at is not None
    return Consumed(run=own.row.run, consumed_at=at, arguments=approved, digest=own.row.digest, again=again)


def _take(context: CommandContext, tx: Tx, own: OwnAsk, command: Consume) -> None:
    run, row = own.run, own.row
    progress = runs.consume(context.advancer.workflow(tx, run.workflow, run.version), run.state, now=tx.now)
    # The update of the run is the fence: of all who try at once, one takes the approval.
    if not run_rows.try_save_run(tx, run, progress) or not ask_rows.try_consume(tx, row.run, key=command.key):
        raise Conflict(f"the approval of {row.run} was taken or withdrawn")
    own_asks.record(tx, row, EntryKind.ASK_CONSUMED, command.actor, command.origin, {"digest": row.digest})
    context.advancer.follow(tx, run, progress, {})


def _check_state(tx: Tx, own: OwnAsk, command: Consume) -> Visit | Refusal:
    """Return the visit whose approval can be taken, or was taken with the same key, or why it cannot."""
    row, visit = own.row, own.run.state.visits.get(own.row.step or "")
    if row.use == AskUse.ONCE and row.consumed_at is not None and visit is not None:
        return _taken_before(tx, own, visit, command)
    return _refusal(row, own, tx) or (
        visit if visit is not None and visit.status is StepStatus.GRANTED else NotApproved(status=AskStatus(row.status))
    )


def _taken_before(tx: Tx, own: OwnAsk, visit: Visit, command: Consume) -> Visit | Refusal:
    if command.key is not None and command.key == own.row.consume_key:
        return visit
    _record_refusal(tx, own, command, why="consumed")
    return AlreadyConsumed(at=own.row.consumed_at)


def _refusal(row: Any, own: OwnAsk, tx: Tx) -> Refusal | None:
    status = AskStatus(row.status)
    if row.use != AskUse.ONCE:
        return NotApproved(status=status, answers=status is AskStatus.APPROVED)
    if own.run.state.cancelled:
        return NotApproved(status=AskStatus.CANCELLED)
    return ApprovalLapsed(at=row.valid_until) if ask_rows.is_lapsed(row, tx.now) else None


def _check_arguments(command: Consume, approved: Mapping[str, Value], digest: str | None) -> ArgumentsChanged | None:
    """Return the refusal of a program that is about to do something else than what was approved."""
    if command.digest is not None and command.digest != digest:
        return ArgumentsChanged()
    if command.arguments is None:
        return None
    try:
        given = {name: json_values.clean(value) for name, value in command.arguments.items()}
    except InvalidValue:
        return ArgumentsChanged()
    both = given.keys() & approved.keys()
    differ = {name for name in both if not json_values.same(given[name], approved[name])}
    names = sorted(differ | (given.keys() ^ approved.keys()))
    return ArgumentsChanged(names=tuple(names)) if names else None


def _record_refusal(
    tx: Tx, own: OwnAsk, command: Consume, *, why: str, content: Mapping[str, Value] | None = None
) -> None:
    own_asks.refuse(tx, own.row, command.actor, command.origin, tried="consume", why=why, content=content)
