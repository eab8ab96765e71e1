"""Sampling plans and the draws at their gates, as values of `engine.oversight`.

A unit that lets a run through holds the row of its plan until it is committed, and so does one that brings bad news:
a run that draws after bad news was committed is reviewed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, cast

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import String, bindparam, exists, func, insert, literal_column, select, text, update
from sqlalchemy import cast as cast_sql

from engine import json_values
from engine.errors import Conflict
from engine.json_values import Value
from engine.oversight.draw import GateDraw
from engine.oversight.sampling_plan import NEW, PlanStage, PlanState
from engine.store.connection import Connection
from engine.store.dialect import Upsert
from engine.store.port import Tx
from engine.store.sampling_tables import GateDrawRow, SamplingPlanRow
from engine.store.statements import Statement
from engine.store.tables import RequestRow, RunRow, StepRunRow

WORK: Final = "plan:"
"""What the id of the work begins with; the id of the plan follows."""
LATER_WORK: Final = "later:"
"""What the id of the work begins with that asks people afterwards; run, step and visit follow."""
_plan = SamplingPlanRow.__table__  # type: ignore[attr-defined]
_draw = GateDrawRow.__table__  # type: ignore[attr-defined]
_run = RunRow.__table__  # type: ignore[attr-defined]
_request = RequestRow.__table__  # type: ignore[attr-defined]
_FIRST_REV: Final = 1
_KEY: Final = ("workflow", "version", "step", "class_name", "model")

DUE = (
    select((literal_column(f"'{WORK}'") + _plan.c.id).label("id"))
    .where(_plan.c.next_at <= bindparam("now"))
    .order_by(_plan.c.next_at)
    .limit(bindparam("limit"))
)
"""Selects the plans that have to be looked at; `engine.store.due_work` reads it."""
IS_UNREVIEWED: Final = exists().where(_draw.c.run == _run.c.id, _draw.c.request.is_(None)).label("is_unreviewed")
"""A column of a selection from `run`: whether the run went through a gate without review."""
_NEW = Statement(Upsert(_plan, key=_KEY))
_BY_KEY = Statement(select(_plan).where(*(_plan.c[name] == bindparam(name) for name in _KEY)))
_BY_ID = Statement(select(_plan).where(_plan.c.id == bindparam("id")))
_BY_PROPOSAL = Statement(select(_plan).where(_plan.c.proposal == bindparam("proposal")))
_HOLD = Statement(select(_plan).where(_plan.c.id == bindparam("id")).with_for_update(read=True))
_LOCK = Statement(select(_plan).where(_plan.c.id == bindparam("id")).with_for_update(key_share=True))
_COUNTS: Final = ("clean", "reviewed", "bad", "by_requester", "owed")
_STATE: Final = ("stage", "number", *_COUNTS, "waits_for", "proposal", "proposed_at")
_AGREED: Final = ("agreed_by", "agreed_at", "used_at")
_SAVE = Statement(
    update(_plan)
    .where(_plan.c.id == bindparam("held"), _plan.c.rev == bindparam("seen_rev"))
    .values(
        rev=_plan.c.rev + 1,
        **{name: bindparam(f"new_{name}") for name in (*_STATE, *_AGREED, "commitment", "zones", "next_at")},
    )
)
_COUNTED: Final = ("clean", "reviewed", "bad", "by_requester", "owed", "waits_for", "used_at")
"""What changes within a stage. None of it is in an index."""
_COUNT = Statement(
    update(_plan)
    .where(_plan.c.id == bindparam("held"), _plan.c.rev == bindparam("seen_rev"))
    .values(rev=_plan.c.rev + literal_column("1"), **{name: bindparam(f"new_{name}") for name in _COUNTED})
)
_NEW_DRAW = Statement(insert(_draw))
_AWAITS_LATER: Final = text("gate_draw.is_later AND gate_draw.later IS NULL")
"""The words of the index, so that SQLite uses it."""
_visit = StepRunRow.__table__  # type: ignore[attr-defined]
LATER_DUE: Any = (
    select(
        literal_column(f"'{LATER_WORK}'")
        .concat(_draw.c.run)
        .concat("/")
        .concat(_draw.c.step)
        .concat("/")
        .concat(cast_sql(_draw.c.visit, String))
        .label("id")
    )
    .select_from(
        _draw.join(
            _visit, (_visit.c.run == _draw.c.run) & (_visit.c.step == _draw.c.step) & (_visit.c.visit == _draw.c.visit)
        )
    )
    .where(_AWAITS_LATER, _draw.c.at <= bindparam("now"), _visit.c.ended_at <= bindparam("now"))
    .order_by(_draw.c.at)
    .limit(bindparam("limit"))
)
"""Selects the visits that people look at afterwards, once their step is over; `engine.store.due_work` reads it."""
_OF_VISIT = (
    _draw.c.run == bindparam("of_run"),
    _draw.c.step == bindparam("of_step"),
    _draw.c.visit == bindparam("of_visit"),
)
_LATER = Statement(select(_draw).where(*_OF_VISIT, _draw.c.later.is_(None)))
_LOCK_LATER = Statement(select(_draw.c.run).where(*_OF_VISIT).with_for_update(key_share=True))
_SET_LATER = Statement(
    update(_draw)
    .where(
        _draw.c.run == bindparam("held"),
        _draw.c.step == bindparam("of_step"),
        _draw.c.visit == bindparam("of_visit"),
        _draw.c.later.is_(None),
    )
    .values(later=bindparam("new_later"))
)
_ASKED = Statement(
    select(*(_request.c[name] for name in ("run", "step", "visit", "workspace", "digest", "opened_at"))).where(
        _request.c.id == bindparam("request")
    )
)
_LOOK_AT = Statement(Upsert(_draw, key=("run", "step", "visit"), replaces=("is_later",)))
_OF_RUN = Statement(select(_draw).where(_draw.c.run == bindparam("run")))
_REQUESTS_OF_RUN = Statement(select(_request.c.details).where(_request.c.run == bindparam("run")))
_REQUEST = Statement(select(_request.c.details).where(_request.c.id == bindparam("request")))
_LAST_USE = Statement(select(func.max(_draw.c.at).label("at")).where(_draw.c.plan == bindparam("plan")))
_LAST_RUN = Statement(
    select(_draw.c.run).where(_draw.c.plan == bindparam("plan")).order_by(_draw.c.at.desc(), _draw.c.run).limit(1)
)


class PlanKey(Struct, frozen=True, kw_only=True):
    """What a plan counts by itself. `workflow`: the id of the workflow. `class_name`, `model`: may be empty."""

    workspace: str
    workflow: str
    version: int
    step: str
    class_name: str
    model: str


class LoadedPlan(Struct, frozen=True, kw_only=True):
    """A plan as loaded, with the `rev` that its next conditional write compares."""

    id: str
    key: PlanKey
    state: PlanState
    commitment: str | None
    zones: tuple[str | None, ...]
    rev: int

    @property
    def is_new(self) -> bool:
        """Whether nothing was counted yet."""
        return self.rev == _FIRST_REV


class LaterReview(Struct, frozen=True, kw_only=True):
    """A visit without review that people look at afterwards. `digest`: of what went through, or what was asked.

    `is_undecided`: it was drawn for review, and withdrawn or left until it expired.
    """

    run: str
    step: str
    visit: int
    plan: str
    digest: str
    is_undecided: bool


def find_later(tx: Tx, work: str) -> LaterReview | None:
    """Return the visit that a work of later reviews is about, or None if people were asked about it already."""
    run, step, visit = work.split("/")
    key = {"of_run": run, "of_step": step, "of_visit": int(visit)}
    tx.lock(_LOCK_LATER, key)
    row = _LATER.one(tx.connection, key)
    if row is None:
        return None
    return LaterReview(
        run=row.run,
        step=row.step,
        visit=row.visit,
        plan=row.plan,
        digest=row.digest,
        is_undecided=row.request is not None,
    )


def try_set_later(tx: Tx, drawn: LaterReview, later: str) -> bool:
    """Write which run asks about a visit. Return False if that was written before."""
    params = {"held": drawn.run, "of_step": drawn.step, "of_visit": drawn.visit, "new_later": later}
    return bool(tx.write(_SET_LATER, params))


def find(tx: Tx, key: PlanKey) -> LoadedPlan | None:
    """Return the plan with this key, or None if nothing was counted yet. While only a share is reviewed, it is held."""
    known: str | None = tx.memory.get(key)
    plan: LoadedPlan | None = tx.memory.get((WORK, known)) if known is not None else None
    if plan is None:
        row = _BY_KEY.one(tx.connection, _columns(key, ()))
        if row is None:
            return None
        plan = _keep(tx, read(row))
    return plan if plan.state.stage is PlanStage.ALL else _locked(tx, plan.id, _HOLD)


def need(tx: Tx, key: PlanKey) -> str:
    """Return the id of the plan with this key. It is written if there is none."""
    row = _BY_KEY.one(tx.connection, _columns(key, ()))
    if row is not None:
        return str(row.id)
    new = {"id": tx.new_id(), **_columns(key), **_state_columns(NEW), "commitment": None, "next_at": None}
    tx.write(_NEW, {**new, "zones": "[]", "rev": _FIRST_REV, "created_at": tx.now})
    row = _BY_KEY.one(tx.connection, _columns(key, ()))
    if row is None:
        raise Conflict("another process wrote the same sampling plan")
    return str(row.id)


def lock(tx: Tx, plan: str) -> LoadedPlan:
    """Return a plan that no other unit changes, nor lets a run through, until this one is committed."""
    return _locked(tx, plan, _LOCK)


def _locked(tx: Tx, plan: str, statement: Statement) -> LoadedPlan:
    known: LoadedPlan | None = tx.memory.get((WORK, plan))
    if known is not None and not tx.connection.has_rivals:
        return known
    return _keep(tx, read(statement.one(tx.connection, {"id": plan})))


def _keep(tx: Tx, plan: LoadedPlan) -> LoadedPlan:
    tx.memory.keep(plan.key, plan.id)
    tx.memory.keep((WORK, plan.id), plan)
    return plan


def load(connection: Connection, plan: str) -> LoadedPlan:
    """Return a plan that exists."""
    return read(_BY_ID.one(connection, {"id": plan}))


def find_by_proposal(connection: Connection, proposal: str) -> str | None:
    """Return the plan whose next stage a run asks about, or None if that is over."""
    row = _BY_PROPOSAL.one(connection, {"proposal": proposal})
    return None if row is None else str(row.id)


def save(
    tx: Tx,
    plan: LoadedPlan,
    state: PlanState,
    *,
    next_at: datetime | None,
    commitment: str | None = None,
    zones: Sequence[str | None] | None = None,
) -> None:
    """Write what has become of a plan. Raises `Conflict` if it has changed since it was loaded."""
    commitment = commitment if state.stage is PlanStage.SAMPLE else None
    zones = plan.zones if zones is None else tuple(zones)
    more = {"commitment": commitment, "zones": json_values.dumps(list[Value](zones)), "next_at": next_at}
    saved = replace(plan, state=state, commitment=commitment, zones=zones, rev=plan.rev + 1)
    new = {f"new_{name}": value for name, value in {**_state_columns(state), **more}.items()}
    _write(tx, _SAVE, saved, {"held": plan.id, "seen_rev": plan.rev, **new})


def count(tx: Tx, plan: LoadedPlan, state: PlanState) -> None:
    """Write what was counted or drawn within a stage. Raises `Conflict` if the plan has changed since it was loaded."""
    # Each decision writes it: so every name is written out.
    params = {
        "held": plan.id,
        "seen_rev": plan.rev,
        "new_clean": state.clean,
        "new_reviewed": state.reviewed,
        "new_bad": state.bad,
        "new_by_requester": state.by_requester,
        "new_owed": state.owed,
        "new_waits_for": state.waits_for,
        "new_used_at": state.used_at,
    }
    _write(tx, _COUNT, replace(plan, state=state, rev=plan.rev + 1), params)


def _write(tx: Tx, statement: Statement, saved: LoadedPlan, params: Mapping[str, Any]) -> None:
    if not tx.write(statement, params):
        tx.memory.forget()
        raise Conflict(f"sampling plan {saved.id} changed meanwhile")
    tx.memory.keep((WORK, saved.id), saved)


def insert_draw(tx: Tx, workspace: str, run: str, drawn: GateDraw, *, digest: str, request: str | None) -> None:
    """Write how a visit of a run was drawn. `request`: the one that opened, or None if it went through."""
    columns: dict[str, Any] = {
        "run": run,
        "step": drawn.step,
        "visit": drawn.visit,
        "workspace": workspace,
        "plan": drawn.plan,
        "number": drawn.number,
        "is_sample": drawn.is_sample,
        "request": request,
        "digest": digest,
        "is_later": drawn.is_later,
        "later": None,
        "at": tx.now,
    }
    tx.write(_NEW_DRAW, columns)


def load_plans_of(connection: Connection, run: str) -> list[str]:
    """Return the plans at whose gates a run was counted or let through."""
    drawn = [row.plan for row in _OF_RUN.all(connection, {"run": run})]
    counted = map(plan_of, _REQUESTS_OF_RUN.scalars(connection, {"run": run}))
    return list(dict.fromkeys(plan for plan in (*drawn, *counted) if plan is not None))


def load_unreviewed(connection: Connection, run: str) -> frozenset[tuple[str, int]]:
    """Return the steps, with the visit, at whose gates a run went through without review."""
    rows = _OF_RUN.all(connection, {"run": run})
    return frozenset((row.step, row.visit) for row in rows if row.request is None)


def find_of_request(connection: Connection, request: str) -> str | None:
    """Return the plan that counts a request, or None if no plan does."""
    return next(map(plan_of, _REQUEST.scalars(connection, {"request": request})), None)


def plan_of(details: str) -> str | None:
    """Return the plan that counts a request by its details, or None if no plan does."""
    plan: str | None = cast("dict[str, Any]", json_values.loads(details)).get("plan")
    return plan


def look_at_later(tx: Tx, plan: LoadedPlan, request: str) -> None:
    """Let people look afterwards at a request that was drawn and that no one decided. Others have no row."""
    row = _ASKED.one(tx.connection, {"request": request})
    assert row is not None
    drawn: dict[str, Any] = {"plan": plan.id, "number": plan.state.number, "is_sample": True, "request": request}
    columns = {"run": row.run, "step": row.step, "visit": row.visit, "workspace": row.workspace, "digest": row.digest}
    tx.write(_LOOK_AT, {**columns, **drawn, "is_later": True, "later": None, "at": row.opened_at})


def last_use(connection: Connection, plan: str) -> datetime | None:
    """Return when a run came through the gate of a plan last, reviewed or not."""
    row = _LAST_USE.one(connection, {"plan": plan})
    return None if row is None else cast("datetime | None", row.at)


def last_run(connection: Connection, plan: str) -> str | None:
    """Return the run that came to the gate of a plan last."""
    row = _LAST_RUN.one(connection, {"plan": plan})
    return None if row is None else str(row.run)


def _columns(key: PlanKey, more: Sequence[str] = ("workspace",)) -> dict[str, Any]:
    return {name: getattr(key, name) for name in (*more, *_KEY)}


def _state_columns(state: PlanState) -> dict[str, Any]:
    return {name: getattr(state, name) for name in (*_STATE, *_AGREED)}


def read(row: Any) -> LoadedPlan:
    """Return the plan in a row of its table."""
    return LoadedPlan(
        id=row.id,
        key=PlanKey(workspace=row.workspace, **{name: getattr(row, name) for name in _KEY}),
        state=PlanState(**{name: getattr(row, name) for name in (*_STATE[1:], *_AGREED)}, stage=PlanStage(row.stage)),
        commitment=row.commitment,
        zones=tuple(cast("list[str | None]", json_values.loads(row.zones))),
        rev=row.rev,
    )
