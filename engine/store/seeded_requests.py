"""Seeded requests: when a person may get the next one, what it is made of, and how often people catch them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import Struct
from sqlalchemy import bindparam, insert, select, update

from engine.domain import RequestState
from engine.store.connection import Connection
from engine.store.dialect import Upsert
from engine.store.port import Tx
from engine.store.seeded_tables import SeededResultRow, SeedingRow
from engine.store.statements import Statement
from engine.store.tables import ApproverRow, RequestRow, RunRow, WorkflowRow

FEWEST_PEOPLE: Final = 5
"""Fewest people before an owner is told how often they catch seeded requests."""
MOST_PAST: Final = 20
"""Number of past requests of which one is chosen."""
_RUNS_A_REQUEST: Final = 4
"""Number of runs that are looked at for each request that a person must have been asked."""
_MOST_RUNS: Final = 200
"""Number of the latest runs among which past requests are looked for."""

_approver = ApproverRow.__table__  # type: ignore[attr-defined]
_seeding = SeedingRow.__table__  # type: ignore[attr-defined]
_result = SeededResultRow.__table__  # type: ignore[attr-defined]
_request = RequestRow.__table__  # type: ignore[attr-defined]
_run = RunRow.__table__  # type: ignore[attr-defined]
_workflow = WorkflowRow.__table__  # type: ignore[attr-defined]

_ONE = Statement(
    select(_seeding.c.since, _seeding.c.gap).where(
        _seeding.c.workflow == bindparam("of"), _seeding.c.person == bindparam("to")
    )
)
_BEGIN = Statement(Upsert(_seeding, key=["workflow", "person"]))
_GO_ON = Statement(
    update(_seeding)
    .where(
        _seeding.c.workflow == bindparam("of"),
        _seeding.c.person == bindparam("to"),
        _seeding.c.since == bindparam("seen"),
    )
    .values(since=bindparam("new_since"), gap=bindparam("new_gap"))
)
_ASKED = Statement(
    select(_approver.c.request)
    .select_from(_run.join(_request, _request.c.run == _run.c.id).join(_approver, _approver.c.request == _request.c.id))
    .where(
        _run.c.id.in_(
            select(_run.c.id)
            .where(_run.c.workflow == bindparam("of"), _run.c.id > bindparam("since"))
            .order_by(_run.c.id.desc())
            .limit(bindparam("runs"))
            .scalar_subquery()
        ),
        _approver.c.person == bindparam("to"),
    )
    .limit(bindparam("limit"))
)
_PAST = Statement(
    select(_request.c.id)
    .select_from(_run.join(_request, _request.c.run == _run.c.id))
    .where(
        _run.c.id.in_(
            select(_run.c.id)
            .where(_run.c.workflow == bindparam("of"))
            .order_by(_run.c.id.desc())
            .limit(bindparam("runs"))
            .scalar_subquery()
        ),
        _run.c.version == bindparam("version"),
        _run.c.erased_at.is_(None),
        _request.c.step == bindparam("step"),
        _request.c.state == RequestState.APPROVED.value,
    )
    .order_by(_request.c.id.desc())
    .limit(bindparam("limit"))
)
_NEW_RESULT = Statement(insert(_result))
_RESULTS = Statement(select(_result.c.person, _result.c.is_caught).where(_result.c.workflow == bindparam("of")))
_BY_NAME = Statement(
    select(_result.c.person, _result.c.is_caught)
    .select_from(_result.join(_workflow, _workflow.c.id == _result.c.workflow))
    .where(_workflow.c.workspace == bindparam("in_workspace"), _workflow.c.name == bindparam("name"))
)


class SeededResult(Struct, frozen=True, kw_only=True):
    """What a person did with a seeded request."""

    run: str
    workflow: str
    person: str
    kind: str
    is_caught: bool


class Seeding(Struct, frozen=True):
    """When a person may get the next seeded request: after `gap` requests that follow `since`."""

    since: str
    gap: int


def load_seeding(tx: Tx, workflow: str, person: str) -> Seeding | None:
    """Return when a person may get the next seeded request about a workflow, or None if none was planned yet."""
    row = tx.one(_ONE, {"of": workflow, "to": person})
    return None if row is None else Seeding(row.since, row.gap)


def begin(tx: Tx, workflow: str, person: str, seeding: Seeding) -> None:
    """Plan the first seeded request for a person, unless another unit did."""
    tx.write(_BEGIN, {"workflow": workflow, "person": person, "since": seeding.since, "gap": seeding.gap})


def try_go_on(tx: Tx, workflow: str, person: str, seen: Seeding, following: Seeding) -> bool:
    """Plan the one after this. Return False if another unit gave the person a seeded request meanwhile."""
    params = {"of": workflow, "to": person, "seen": seen.since, "new_since": following.since}
    return bool(tx.write(_GO_ON, {**params, "new_gap": following.gap}))


def was_asked(tx: Tx, workflow: str, person: str, seeding: Seeding) -> bool:
    """Return whether a person was asked enough about a workflow since the last seeded request.

    It looks at a bounded number of runs: people who are asked rarely get none.
    """
    params = {"of": workflow, "to": person, "since": seeding.since, "limit": seeding.gap}
    return len(_ASKED.all(tx.connection, {**params, "runs": _RUNS_A_REQUEST * seeding.gap})) >= seeding.gap


def past_requests(connection: Connection, workflow: str, version: int, step: str) -> list[str]:
    """Return the latest approved requests of a step, of runs whose contents were not erased."""
    params = {"of": workflow, "version": version, "step": step, "runs": _MOST_RUNS, "limit": MOST_PAST}
    return [str(request) for request in _PAST.scalars(connection, params)]


def insert_result(tx: Tx, result: SeededResult) -> None:
    """Write what became of a seeded request that a person decided."""
    tx.write(
        _NEW_RESULT,
        {
            "run": result.run,
            "workflow": result.workflow,
            "person": result.person,
            "kind": result.kind,
            "is_caught": result.is_caught,
            "ended_at": tx.now,
        },
    )


def detection(connection: Connection, workflow: str) -> tuple[int, int]:
    """Return how many of the seeded requests about a workflow people caught, and how many they decided."""
    return _counted([bool(row.is_caught) for row in _RESULTS.all(connection, {"of": workflow})])


def told_detection(connection: Connection, workflow: str) -> tuple[int, int] | None:
    """Return the same, or None if fewer than five people decided any: what follows from it is told to others."""
    rows = _RESULTS.all(connection, {"of": workflow})
    if len({row.person for row in rows}) < FEWEST_PEOPLE:
        return None
    return _counted([bool(row.is_caught) for row in rows])


def shared_detection(connection: Connection, workspace: str, name: str, *, without: str) -> tuple[int, int] | None:
    """Return the same of a workflow by its name, or None if fewer than five people besides the reader decided any."""
    rows = [row for row in _BY_NAME.all(connection, {"in_workspace": workspace, "name": name}) if row.person != without]
    if len({row.person for row in rows}) < FEWEST_PEOPLE:
        return None
    return _counted([bool(row.is_caught) for row in rows])


def _counted(caught: Sequence[bool]) -> tuple[int, int]:
    return sum(caught), len(caught)
