"""Runs and their visits to steps, as values of `engine.runs`. The fence is `run.rev`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, cast

from msgspec import Struct
from sqlalchemy import Boolean, bindparam, case, false, insert, literal_column, or_, select, true, update

from engine import json_values
from engine.domain import Origin, RunStatus, StepStatus, Work
from engine.domain.oversight import OVERSIGHT_WORKFLOW
from engine.domain.statuses import by_value
from engine.json_values import Value
from engine.retry import DIRECTORY_DOWN_WAIT
from engine.runs import ChildRun, ItemList, LanesOrder, Progress, RunOrder, RunState, Visit
from engine.store import (
    ask_rows,
    child_rows,
    failure_requests,
    item_rows,
    request_model,
    visit_rows,
    workflows,
)
from engine.store.columns import Utc
from engine.store.connection import Connection
from engine.store.item_rows import ForeachVisit
from engine.store.oversight_rows import owner_of
from engine.store.port import Tx
from engine.store.statements import Statement
from engine.store.tables import RunRow, WorkflowRow
from engine.store.visit_rows import LaneRow

QUEUE_CHECK: Final = timedelta(minutes=1)
"""How often a queued run looks whether the runs before it have ended, if their end does not wake it."""
LEASE: Final = timedelta(seconds=7)
"""Lease of a claimed run; renewed every 2 seconds while its step works."""


_run = RunRow.__table__  # type: ignore[attr-defined]
_STATUSES: Final = by_value(RunStatus)
_REVIEWED: Final = frozenset({StepStatus.IN_REVIEW, StepStatus.OUTPUT_IN_REVIEW, StepStatus.HELD})
_workflow = WorkflowRow.__table__  # type: ignore[attr-defined]

# Unused columns are left out: each column of a row costs as much as half a look-up.
_NOT_LOADED: Final = ("id", "key", "error", "ended_at", "erased_at", "output", *visit_rows.OF_LANES)
_LOAD = Statement(
    select(*(column for column in _run.c if column.name not in _NOT_LOADED)).where(_run.c.id == bindparam("id"))
)
_BY_KEY = Statement(
    select(_run.c.id).where(_run.c.workspace == bindparam("workspace"), _run.c.key == bindparam("start_key"))
)
_ONE: Final[Any] = literal_column("1")
_NEW = Statement(insert(_run).values(rev=_ONE, wakes=literal_column("0")))
_OF_TRIGGER = select(_run.c.id).where(_run.c.trigger == bindparam("by"), _run.c.ended_at.is_(None)).order_by(_run.c.id)
_BEFORE = Statement(
    _OF_TRIGGER.where(
        _run.c.id != bindparam("but"), or_(_run.c.queued.is_(false()), _run.c.id < bindparam("but"))
    ).limit(1)
)
_QUEUED = Statement(_OF_TRIGGER.where(_run.c.queued.is_(true())).limit(bindparam("most")))
_WAIT_LONGER = Statement(
    update(_run)
    .where(_run.c.id == bindparam("held"), _run.c.rev == bindparam("seen_rev"), _run.c.queued.is_(true()))
    .values(ready_at=bindparam("next_at"))
)
_progress = (
    update(_run)
    .where(
        _run.c.id == bindparam("held"),
        _run.c.rev == bindparam("seen_rev"),
        # A run that is asked to end opens no request any more: it has to be loaded again.
        or_(_run.c.cancel.is_(None), bindparam("knows_cancel", type_=Boolean)),
    )
    .values(
        rev=_run.c.rev + _ONE,
        status=bindparam("new_status"),
        cursor=bindparam("new_cursor"),
        error=bindparam("new_error"),
        output=bindparam("new_output"),
        ready_at=case(
            (_run.c.wakes > bindparam("seen_wakes"), bindparam("now", type_=Utc)), else_=bindparam("next_at", type_=Utc)
        ),
        lease_until=bindparam("new_lease"),
        ended_at=bindparam("new_end"),
        queued=false(),
    )
)
_PROGRESS = Statement(_progress)
_PROGRESS_OF_LANE = Statement(_progress.values(item=bindparam("new_item"), item_since=bindparam("new_since")))
_STAY = Statement(
    update(_run)
    .where(_run.c.id == bindparam("held"), _run.c.rev == bindparam("seen_rev"), _run.c.cancel.is_(None))
    .values(rev=_run.c.rev + _ONE, ready_at=bindparam("now"))
)
_RENEW = Statement(
    update(_run)
    .where(_run.c.id == bindparam("held"), _run.c.rev == bindparam("seen_rev"))
    .values(lease_until=bindparam("new_lease"))
)
_WAKE = Statement(
    update(_run)
    .where(_run.c.id == bindparam("held"), _run.c.ended_at.is_(None))
    .values(wakes=_run.c.wakes + _ONE, ready_at=bindparam("now"))
)
_PLACE = Statement(
    select(_run.c.workspace, _workflow.c.owner, _workflow.c.name)
    .select_from(_run.join(_workflow, _workflow.c.id == _run.c.workflow))
    .where(_run.c.id == bindparam("id"))
)
_POSTPONED = (
    update(_run)
    .where(
        _run.c.id == bindparam("held"),
        _run.c.ended_at.is_(None),
        or_(_run.c.lease_until.is_(None), _run.c.lease_until <= bindparam("now")),
    )
    .values(rev=_run.c.rev + 1, error=bindparam("reason"), ready_at=bindparam("later"), lease_until=None)
)
_POSTPONE = Statement(_POSTPONED)
_POSTPONE_FIRST = Statement(_POSTPONED.where(or_(_run.c.error.is_(None), _run.c.error != bindparam("reason"))))
_LOCK = Statement(select(_run.c.id).where(_run.c.id == bindparam("run")).with_for_update(key_share=True))
_CANCEL = Statement(
    update(_run)
    .where(
        _run.c.id == bindparam("held"),
        # A run that moved meanwhile may just be opening a request.
        _run.c.rev == bindparam("seen_rev"),
        _run.c.ended_at.is_(None),
        _run.c.cancel.is_(None),
    )
    .values(cancel=bindparam("record"), wakes=_run.c.wakes + 1, ready_at=bindparam("now"))
)
_CANCELLATION = Statement(select(_run.c.cancel).where(_run.c.id == bindparam("run")))
DUE = (
    select(_run.c.id)
    .where(
        _run.c.ready_at <= bindparam("ready"), or_(_run.c.lease_until.is_(None), _run.c.lease_until <= bindparam("now"))
    )
    .order_by(_run.c.ready_at)
    .limit(bindparam("limit"))
)
"""Selects runs that are ready; `engine.store.due_work` reads it."""


class RunOwner(Struct, frozen=True, kw_only=True):
    """The workspace of a run, and the owner of its workflow."""

    run: str
    workspace: str
    owner: str


class LoadedRun(Struct, frozen=True, kw_only=True):
    """A run as loaded, with the values that its next conditional write compares."""

    state: RunState
    workspace: str
    workflow: str
    workflow_name: str
    version: int
    requester: str
    owner: str
    origin: Origin
    rev: int
    wakes: int
    ready_at: datetime | None
    lease_until: datetime | None
    trigger: str | None = None
    queued: bool = False
    """Whether it begins when the earlier runs of its trigger have ended."""
    parent: str | None = None
    """The run whose step started it."""
    owner_rule: str | None = None
    """The role or group that owns the workflow, of which `owner` is the contact."""
    lane: LaneRow | None = None
    """Where it is, if it works on the items of a foreach."""

    @property
    def is_oversight(self) -> bool:
        """Whether Signoff itself asks in it."""
        return self.workflow_name == OVERSIGHT_WORKFLOW

    @property
    def run_owner(self) -> RunOwner:
        return RunOwner(run=self.state.id, workspace=self.workspace, owner=self.owner)

    def claimable(self, now: datetime) -> bool:
        """Return whether the run is ready and unclaimed."""
        return (
            self.ready_at is not None and self.ready_at <= now and (self.lease_until is None or self.lease_until <= now)
        )


def load_run(tx: Tx, run: str) -> LoadedRun | None:
    """Return the run with the latest visit of each step, and the result of the request that it waits for, or None."""
    connection = tx.connection
    row = _LOAD.one(connection, {"id": run})
    if row is None:
        return None
    pinned = workflows.load_pinned_cached(tx, row.workflow, row.version)
    lane = None if row.lane is None else visit_rows.load_lane(tx, run, row)
    visits = visit_rows.load_visits(connection, run, lane)
    children = _children(connection, run, row.cursor, visits)
    return LoadedRun(
        state=RunState(
            id=run,
            status=_STATUSES[row.status],
            cursor=row.cursor,
            inputs=cast("dict[str, Value]", json_values.loads(row.inputs)),
            requester=row.requester_label,
            started_at=row.started_at,
            visits=visits,
            review=_answer(connection, run, row.cursor, visits),
            children=children,
            items=_items(connection, run, row.cursor, visits, children),
            cancelled=row.cancel is not None,
        ),
        workspace=row.workspace,
        workflow=row.workflow,
        workflow_name=pinned.name,
        version=row.version,
        requester=row.requester,
        owner=owner_of(connection, run, pinned.name, pinned.owner),
        owner_rule=pinned.owner_rule,
        origin=read_origin(row.origin),
        rev=row.rev,
        wakes=row.wakes,
        ready_at=row.ready_at,
        lease_until=row.lease_until,
        trigger=row.trigger,
        queued=row.queued,
        parent=row.parent,
        lane=lane,
    )


def _items(
    connection: Connection, run: str, cursor: int, visits: Mapping[str, Visit], children: Sequence[ChildRun]
) -> ItemList | None:
    """Return the items of the foreach that the run is at: how far they are written down, or what became of all."""
    for visit in visits.values():
        if visit.index == cursor and visit.status is StepStatus.PREPARING:
            return item_rows.load_prepared(connection, ForeachVisit(run, visit.step, visit.visit))
        if visit.index == cursor and children and all(child.status.ended for child in children):
            return item_rows.load_results(connection, ForeachVisit(run, visit.step, visit.visit))
    return None


def _children(connection: Connection, run: str, cursor: int, visits: Mapping[str, Visit]) -> tuple[ChildRun, ...]:
    for visit in visits.values():
        if visit.index == cursor and visit.status is StepStatus.IN_RUNS:
            return child_rows.load_children(connection, run=run, step=visit.step, visit=visit.visit)
    return ()


def _answer(connection: Connection, run: str, cursor: int, visits: Mapping[str, Visit]) -> Any:
    for visit in visits.values():
        if visit.index == cursor and visit.status is StepStatus.FAILURE_IN_REVIEW:
            return failure_requests.load_answer(connection, run, visit)
        if visit.index == cursor and visit.status in _REVIEWED:
            at = "before" if visit.output is None else "after"
            return request_model.load_answer(connection, run=run, step=visit.step, visit=visit.visit, at=at)
    return None


def read_origin(text: str) -> Origin:
    stored = cast("dict[str, Any]", json_values.loads(text))
    return Origin(surface=stored["surface"], place=stored.get("place", {}))


def write_origin(origin: Origin) -> str:
    return json_values.dumps({"surface": origin.surface, "place": dict(origin.place)})


def load_owner(connection: Connection, run: str) -> RunOwner:
    """Return the owner of a run, even if nothing else of it can be read."""
    row = _PLACE.one(connection, {"id": run})
    assert row is not None
    return RunOwner(run=run, workspace=row.workspace, owner=owner_of(connection, run, row.name, row.owner))


def find_run_by_key(connection: Connection, workspace: str, key: str) -> str | None:
    """Return the id of the run that was started with this key, or None."""
    row = _BY_KEY.one(connection, {"workspace": workspace, "start_key": key})
    return None if row is None else row.id


def insert_run(
    tx: Tx,
    run: LoadedRun,
    progress: Progress,
    *,
    key: str | None,
    inputs: str,
    order: RunOrder | LanesOrder | None = None,
    lane: int | None = None,
) -> None:
    """Write a new run with its first progress. `inputs`: as JSON. `order`: of its parent, if a step started it.

    `lane`: its number, if it is a lane.
    """
    tx.write(
        _NEW,
        {
            "id": run.state.id,
            "workspace": run.workspace,
            "workflow": run.workflow,
            "version": run.version,
            "requester": run.requester,
            "requester_label": run.state.requester,
            "origin": write_origin(run.origin),
            "key": key,
            "inputs": inputs,
            "started_at": tx.now,
            "trigger": run.trigger,
            "queued": run.queued,
            "parent": run.parent,
            "parent_step": order.step if order is not None else None,
            "parent_visit": order.visit if order is not None else None,
            "lane": lane,
            **_progress_columns(tx, progress),
        },
    )
    visit_rows.insert_visits(tx, run.state.id, progress.visits)


def try_save_run(tx: Tx, run: LoadedRun, progress: Progress) -> bool:
    """Write the progress of a run if it is still as loaded.

    Return False if another process has the run: then drop the result.
    """
    columns = _progress_columns(tx, progress)
    params = {
        "held": run.state.id,
        "seen_rev": run.rev,
        "seen_wakes": run.wakes,
        "knows_cancel": run.state.cancelled,
        "now": tx.now,
        "new_status": columns["status"],
        "new_cursor": columns["cursor"],
        "new_error": columns["error"],
        "new_output": columns["output"],
        "next_at": columns["ready_at"],
        "new_lease": columns["lease_until"],
        "new_end": columns["ended_at"],
    }
    if progress.lane is None:
        won = tx.write(_PROGRESS, params)
    else:
        place = {"new_item": progress.lane.item, "new_since": progress.lane.since}
        won = tx.write(_PROGRESS_OF_LANE, {**params, **place})
    if won:
        visit_rows.save_visits(tx, run.state.id, progress.visits)
        if progress.ask is not None:
            ask_rows.save(tx, run.state.id, progress.ask)
    return bool(won)


def try_stay(tx: Tx, run: LoadedRun) -> bool:
    """Let a run be advanced again at once, where it is. Return False if it has moved, or was asked to end."""
    return bool(tx.write(_STAY, {"held": run.state.id, "seen_rev": run.rev, "now": tx.now}))


def _progress_columns(tx: Tx, progress: Progress) -> dict[str, Any]:
    has_effect = progress.effect is not None
    return {
        "status": progress.status,
        "cursor": progress.cursor,
        "error": progress.error,
        "output": None if progress.output is None else json_values.dumps(progress.output),
        "ready_at": tx.now if has_effect else progress.ready_at,
        "lease_until": tx.now + LEASE if has_effect else None,
        "ended_at": tx.now if progress.status.ended else None,
    }


def try_renew(tx: Tx, run: str, rev: int) -> bool:
    """Renew the lease while a step works. Return False if another process has the run."""
    return bool(tx.write(_RENEW, {"held": run, "seen_rev": rev, "new_lease": tx.now + LEASE}))


def hand_over(tx: Tx, run: str, rev: int) -> None:
    """End the lease of a run whose step was cut off here, so that another process goes on at once."""
    if tx.write(_RENEW, {"held": run, "seen_rev": rev, "new_lease": tx.now}):
        tx.enqueue(Work("advance", run))


def wake(tx: Tx, run: str) -> None:
    """Make the run ready, even if it is being advanced now."""
    tx.write(_WAKE, {"held": run, "now": tx.now})


def postpone(tx: Tx, run: str, reason: str) -> bool:
    """Postpone a run that cannot be advanced for a minute, with the reason, unless it is being advanced.

    Returns whether it is the first time for this reason.
    """
    params = {"held": run, "reason": reason, "now": tx.now, "later": tx.now + DIRECTORY_DOWN_WAIT}
    if tx.write(_POSTPONE_FIRST, params):
        return True
    tx.write(_POSTPONE, params)
    return False


def find_before(connection: Connection, trigger: str, run: str = "") -> str | None:
    """Return an open run of a trigger that has begun, or that is queued before `run`; None if there is none."""
    row = _BEFORE.one(connection, {"by": trigger, "but": run})
    return None if row is None else row.id


def load_queued(connection: Connection, trigger: str, most: int) -> list[str]:
    """Return the runs of a trigger that wait for the run before, the oldest first."""
    return _QUEUED.scalars(connection, {"by": trigger, "most": most})


def wait_longer(tx: Tx, run: LoadedRun) -> None:
    """Let a queued run look again later whether the runs before it have ended. Usually their end wakes it."""
    tx.write(_WAIT_LONGER, {"held": run.state.id, "seen_rev": run.rev, "next_at": tx.now + QUEUE_CHECK})


def wake_queued(tx: Tx, trigger: str) -> None:
    """Let the oldest queued run of a trigger look whether it may begin."""
    for run in load_queued(tx.connection, trigger, 1):
        wake(tx, run)
        tx.enqueue(Work("advance", run))


def lock(tx: Tx, run: str) -> None:
    """Keep the run as it is until this unit is committed."""
    tx.lock(_LOCK, {"run": run})


def try_cancel(tx: Tx, run: LoadedRun, record: dict[str, Value]) -> bool:
    """Ask the run to end. Return False if it has moved, or was asked by another unit."""
    params = {"held": run.state.id, "seen_rev": run.rev, "record": json_values.dumps(record), "now": tx.now}
    return bool(tx.write(_CANCEL, params))


def load_cancellation(connection: Connection, run: str) -> dict[str, Value]:
    """Return who asked a run to end, and why."""
    row = _CANCELLATION.one(connection, {"run": run})
    assert row is not None
    return cast("dict[str, Value]", json_values.loads(row.cancel))
