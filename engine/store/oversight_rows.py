"""Reads and writes oversight requests: the rows beside the runs in which Signoff itself asks people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, cast

from msgspec import Struct
from sqlalchemy import and_, bindparam, insert, or_, select, update

from engine import json_values
from engine.domain import RequestState
from engine.domain.oversight import OVERSIGHT_WORKFLOW, About, OversightPurpose
from engine.insights import ANY_KIND, ChangeKey, GateChanges
from engine.json_values import Value
from engine.store.connection import Connection
from engine.store.oversight_tables import OversightRequestRow
from engine.store.port import Tx
from engine.store.statements import Statement
from engine.store.tables import RequestRow, WorkflowRow

_oversight = OversightRequestRow.__table__  # type: ignore[attr-defined]
_request = RequestRow.__table__  # type: ignore[attr-defined]
_workflow = WorkflowRow.__table__  # type: ignore[attr-defined]
_ABOUT: Final = ("run", "request", "workflow", "version", "step")
DECLINED_FOR: Final = timedelta(days=90)
"""How long a change that people refused is not recommended again."""

_ROWS = select(*_oversight.c, _request.c.id.label("request")).select_from(
    _oversight.outerjoin(_request, _request.c.run == _oversight.c.run)
)
_ONE = Statement(_ROWS.where(_oversight.c.run == bindparam("of_run")))
_OPEN = Statement(
    _ROWS.where(
        _oversight.c.workspace == bindparam("in_workspace"),
        _oversight.c.purpose == bindparam("for_purpose"),
        _oversight.c.ended_at.is_(None),
    ).order_by(_oversight.c.run)
)
_GATE_CHANGES = Statement(
    select(*_oversight.c, _workflow.c.version.label("current"))
    .select_from(_oversight.join(_workflow, _workflow.c.id == _oversight.c.about_workflow))
    .where(
        _oversight.c.workspace == bindparam("in_workspace"),
        _oversight.c.purpose == OversightPurpose.CHANGE_GATE.value,
        or_(
            _oversight.c.ended_at.is_(None),
            and_(_oversight.c.state == RequestState.REJECTED.value, _oversight.c.ended_at > bindparam("since")),
        ),
    )
    .order_by(_oversight.c.run)
)
_OWNER = Statement(select(_oversight.c.owner).where(_oversight.c.run == bindparam("of_run")))
_RUNS_ABOUT = Statement(
    select(_oversight.c.run).where(_oversight.c.about_run == bindparam("of_run")).order_by(_oversight.c.run)
)
_NEW = Statement(insert(_oversight))
_END = Statement(
    update(_oversight)
    .where(_oversight.c.run == bindparam("held"), _oversight.c.ended_at.is_(None))
    .values(state=bindparam("new_state"), ended_at=bindparam("now"))
)
_EMPTY = Statement(update(_oversight).where(_oversight.c.run == bindparam("held")).values(facts="{}"))


class OversightRow(Struct, frozen=True, kw_only=True):
    """An oversight request as stored. `request`: its request; None only while the unit that opens it writes.

    `state`: how it ended, or None.
    """

    run: str
    request: str | None
    workspace: str
    purpose: OversightPurpose
    owner: str | None
    about: About
    looks_like: str | None
    facts: Mapping[str, Value]
    state: RequestState | None


def insert_row(tx: Tx, row: OversightRow) -> None:
    """Write a new oversight request."""
    tx.write(
        _NEW,
        {
            "run": row.run,
            "workspace": row.workspace,
            "purpose": row.purpose.value,
            "owner": row.owner,
            **{f"about_{name}": getattr(row.about, name) for name in _ABOUT},
            "looks_like": row.looks_like,
            "facts": json_values.dumps(dict(row.facts)),
            "state": None,
            "ended_at": None,
        },
    )


def find(connection: Connection, run: str) -> OversightRow | None:
    """Return the oversight request of a run, or None if it has none."""
    row = _ONE.one(connection, {"of_run": run})
    return None if row is None else _read(row)


def load_by_runs(connection: Connection, runs: Sequence[str]) -> dict[str, OversightRow]:
    """Return the oversight requests of these runs, by run."""
    rows = connection.execute(_ROWS.where(_oversight.c.run.in_(runs))).all() if runs else []
    return {row.run: _read(row) for row in rows}


def load_open(
    connection: Connection, workspace: str, *, purpose: OversightPurpose, workflow: str | None = None
) -> list[OversightRow]:
    """Return the oversight requests of a purpose that wait, the oldest first. `workflow`: only those about this one."""
    rows = map(_read, _OPEN.all(connection, {"in_workspace": workspace, "for_purpose": purpose.value}))
    return [row for row in rows if workflow in (None, row.about.workflow)]


def load_gate_changes(connection: Connection, workspace: str, now: datetime) -> GateChanges:
    """Return the changes of gates that wait for an answer about a current version, and those that people refused."""
    waiting, declined = dict[ChangeKey, str](), set[ChangeKey]()
    for row in _GATE_CHANGES.all(connection, {"in_workspace": workspace, "since": now - DECLINED_FOR}):
        # After an erasure it is not known what was refused, so nothing is recommended there.
        kind = str(cast("dict[str, Value]", json_values.loads(row.facts)).get("kind", ANY_KIND))
        key = (row.about_workflow, row.about_step, kind)
        if row.ended_at is not None:
            declined.add(key)
        elif row.about_version == row.current:
            waiting[key] = row.run
    return GateChanges(waiting=waiting, declined=frozenset(declined))


def runs_about(connection: Connection, run: str) -> list[str]:
    """Return the runs of the oversight requests that are about a run."""
    return _RUNS_ABOUT.scalars(connection, {"of_run": run})


def owner_of(connection: Connection, run: str, workflow: str, owner: str) -> str:
    """Return who is alerted about a run: of an oversight request, the owner of what it is about, if there is one.

    `owner`: of its workflow.
    """
    row = None if workflow != OVERSIGHT_WORKFLOW else _OWNER.one(connection, {"of_run": run})
    return owner if row is None else row.owner or owner


def try_end(tx: Tx, run: str, state: RequestState) -> bool:
    """Write how the oversight request ended. Return False if that was written before."""
    return bool(tx.write(_END, {"held": run, "new_state": state.value, "now": tx.now}))


def empty(tx: Tx, run: str) -> None:
    """Erase what the follower of an oversight request would read."""
    tx.write(_EMPTY, {"held": run})


def _read(row: Any) -> OversightRow:
    return OversightRow(
        run=row.run,
        request=row.request,
        workspace=row.workspace,
        purpose=OversightPurpose(row.purpose),
        owner=row.owner,
        about=About(**{name: getattr(row, f"about_{name}") for name in _ABOUT}),
        looks_like=row.looks_like,
        facts=cast("dict[str, Value]", json_values.loads(row.facts)),
        state=None if row.state is None else RequestState(row.state),
    )
