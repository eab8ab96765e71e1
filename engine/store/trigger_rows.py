"""Triggers as rows: written with the version of their workflow, found when their time has come."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import bindparam, delete, insert, literal_column, select, update

from engine.domain import Offer, Person, TriggerKind, Work
from engine.notices import TriggerNotice
from engine.read_models import TriggerView
from engine.store.connection import Connection
from engine.store.port import Tx
from engine.store.statements import Statement
from engine.store.tables import WorkflowRow
from engine.store.trigger_tables import TriggerRow
from engine.store.wrong_clock import CLOCK_SLACK
from engine.workflowfile import Trigger

WORK: Final = "trigger:"
"""What the id of the work begins with; the id of the trigger follows."""

_trigger = TriggerRow.__table__  # type: ignore[attr-defined]
_workflow = WorkflowRow.__table__  # type: ignore[attr-defined]

_WORK_ID = (literal_column(f"'{WORK}'") + _trigger.c.id).label("id")
DUE = (
    select(_WORK_ID)
    .where(_trigger.c.look_at <= bindparam("now"))
    .order_by(_trigger.c.look_at)
    .limit(bindparam("limit"))
)
"""Selects schedules whose time has come; `engine.store.due_work` reads it."""
DUE_AFTER_WRONG_CLOCK = (
    select(_WORK_ID)
    .where(_trigger.c.next_at.is_not(None), _trigger.c.set_at > bindparam("ahead"))
    .order_by(_trigger.c.set_at)
    .limit(bindparam("limit"))
)
"""Selects triggers that were written by a clock that was ahead, which may have jumped over times."""
_LOAD = Statement(
    select(_trigger, _workflow.c.name.label("workflow_name"), _workflow.c.title, _workflow.c.owner)
    .join(_workflow, _workflow.c.id == _trigger.c.workflow)
    .where(_trigger.c.id == bindparam("id"))
)
_OF_WORKFLOW = Statement(
    select(_trigger).where(_trigger.c.workflow == bindparam("workflow")).order_by(_trigger.c.position)
)
_VIEWS = Statement(
    select(_trigger)
    .where(_trigger.c.workspace == bindparam("workspace"))
    .order_by(_trigger.c.workflow, _trigger.c.position)
)
_NEXT_OF = Statement(
    select(_trigger.c.next_at)
    .join(_workflow, _workflow.c.id == _trigger.c.workflow)
    .where(
        _workflow.c.workspace == bindparam("workspace"),
        _workflow.c.name == bindparam("name"),
        _trigger.c.next_at.is_not(None),
    )
    .order_by(_trigger.c.next_at)
    .limit(1)
)
_OFFERS = Statement(
    select(
        _trigger.c.id,
        _trigger.c.position,
        _trigger.c.identity,
        _workflow.c.name.label("workflow"),
        _workflow.c.title,
    )
    .join(_workflow, _workflow.c.id == _trigger.c.workflow)
    .where(
        _trigger.c.workspace == bindparam("workspace"),
        _trigger.c.kind == bindparam("kind"),
        _trigger.c.next_at.is_(None),
    )
    .order_by(_workflow.c.title, _workflow.c.name, _trigger.c.position)
)
_NEW = Statement(insert(_trigger))
_PLACE = Statement(
    update(_trigger).where(_trigger.c.id == bindparam("held")).values(position=bindparam("new_position"))
)
_DELETE = Statement(delete(_trigger).where(_trigger.c.id == bindparam("held")))
_MOVE = Statement(
    update(_trigger)
    .where(_trigger.c.id == bindparam("held"), _trigger.c.next_at == bindparam("seen"))
    .values(
        next_at=bindparam("new_next"),
        look_at=bindparam("new_next"),
        set_at=bindparam("now"),
        failed_at=bindparam("fails_at"),
        failure=bindparam("why"),
    )
)
_HOLD = Statement(
    update(_trigger)
    .where(_trigger.c.id == bindparam("held"), _trigger.c.next_at == bindparam("seen"))
    .values(look_at=bindparam("until"))
)


class LoadedTrigger(Struct, frozen=True, kw_only=True):
    """A trigger as loaded. `next_at`: what its next conditional write compares."""

    id: str
    workspace: str
    workflow: str
    workflow_name: str
    title: str
    owner: str
    position: int
    kind: str
    identity: str
    next_at: datetime | None
    look_at: datetime | None
    set_at: datetime
    failed_at: datetime | None
    failure: str | None

    def was_ahead(self, now: datetime) -> bool:
        """Return whether a clock that was ahead wrote the row."""
        return self.set_at > now + CLOCK_SLACK


def replace_triggers(tx: Tx, workspace: str, workflow: str, triggers: Sequence[Trigger]) -> None:
    """Write the triggers of the current version. Those that are as before keep their rows, so nothing is due twice."""
    rows: dict[str, list[Any]] = defaultdict(list)
    for row in _OF_WORKFLOW.all(tx.connection, {"workflow": workflow}):
        rows[row.identity].append(row)
    for trigger in triggers:
        if same := rows[trigger.identity]:
            kept = same.pop(0)
            if kept.position != trigger.index:
                tx.write(_PLACE, {"held": kept.id, "new_position": trigger.index})
        else:
            _insert(tx, workspace, workflow, trigger)
    for row in (row for left in rows.values() for row in left):
        tx.write(_DELETE, {"held": row.id})


def _insert(tx: Tx, workspace: str, workflow: str, trigger: Trigger) -> None:
    next_at = trigger.schedule.next_after(tx.now) if trigger.schedule is not None else None
    tx.write(
        _NEW,
        {
            "id": tx.new_id(),
            "workspace": workspace,
            "workflow": workflow,
            "position": trigger.index,
            "kind": trigger.kind.value,
            "identity": trigger.identity,
            "next_at": next_at,
            "look_at": next_at,
            "set_at": tx.now,
            "failed_at": None,
            "failure": None,
        },
    )


def work(trigger: str) -> Work:
    """Return the work of a trigger whose time has come."""
    return Work("process_due", f"{WORK}{trigger}")


def load_trigger(tx: Tx, trigger: str) -> LoadedTrigger | None:
    row = _LOAD.one(tx.connection, {"id": trigger})
    return None if row is None else LoadedTrigger(**row._asdict())


def find(connection: Connection, workflow: str, trigger: Trigger) -> str | None:
    """Return the id of a trigger of the current version of a workflow, or None if another one is current."""
    rows = _OF_WORKFLOW.all(connection, {"workflow": workflow})
    same = (row.id for row in rows if row.position == trigger.index and row.identity == trigger.identity)
    return next(same, None)


def next_at(connection: Connection, workspace: str, workflow: str) -> datetime | None:
    """Return when the schedules of a workflow start the next run, or None if it has none."""
    row = _NEXT_OF.one(connection, {"workspace": workspace, "name": workflow})
    return None if row is None else row.next_at


def trigger_views(connection: Connection, workspace: str) -> Mapping[str, Sequence[TriggerView]]:
    """Return the triggers of each workflow, by the id of the workflow."""
    found: dict[str, list[TriggerView]] = defaultdict(list)
    for row in _VIEWS.all(connection, {"workspace": workspace}):
        found[row.workflow].append(
            TriggerView(kind=row.kind, position=row.position, next_at=row.next_at, failure=row.failure)
        )
    return found


def offers(connection: Connection, workspace: str, kind: TriggerKind) -> list[Offer]:
    """Return the triggers of a kind, by the titles of their workflows."""
    rows = _OFFERS.all(connection, {"workspace": workspace, "kind": kind})
    return [Offer(**row._asdict()) for row in rows]


def try_move(tx: Tx, trigger: LoadedTrigger, next_at: datetime, *, failure: str | None = None) -> bool:
    """Let a schedule be due at this time next. Return False if another unit was faster: then drop what was done."""
    return bool(
        tx.write(
            _MOVE,
            {
                "held": trigger.id,
                "seen": trigger.next_at,
                "new_next": next_at,
                "now": tx.now,
                "fails_at": None if failure is None else tx.now,
                "why": failure,
            },
        )
    )


def hold(tx: Tx, trigger: LoadedTrigger, until: datetime) -> None:
    """Let no server look at a schedule before this time. It stays due."""
    tx.write(_HOLD, {"held": trigger.id, "seen": trigger.next_at, "until": until})


def load_notice(connection: Connection, delivery: str, trigger: str, person: Person) -> TriggerNotice:
    """Return what to tell the owner of a workflow about a trigger."""
    row = _LOAD.one(connection, {"id": trigger})
    if row is None:
        return TriggerNotice(delivery=delivery, person=person, kind="", name="", title="", failure=None)
    return TriggerNotice(
        delivery=delivery,
        person=person,
        kind=row.kind,
        name=row.workflow_name,
        title=row.title,
        failure=row.failure,
    )
