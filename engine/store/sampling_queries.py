"""Sampling plans as people read them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import ColumnElement, func, select, tuple_

from engine.domain import Person
from engine.oversight.draw import UnreviewedVisit, VisitKey
from engine.plan_views import PlanView
from engine.read_models import DecisionFilter
from engine.store import people, sampling_plans, workflows
from engine.store.connection import Connection
from engine.store.sampling_tables import GateDrawRow, SamplingPlanRow
from engine.store.tables import RunRow, WorkflowRow, WorkflowVersionRow
from engine.workflowfile import load_step_labels

_plan = SamplingPlanRow.__table__  # type: ignore[attr-defined]
_draw = GateDrawRow.__table__  # type: ignore[attr-defined]
_workflow = WorkflowRow.__table__  # type: ignore[attr-defined]
_run = RunRow.__table__  # type: ignore[attr-defined]
_version = WorkflowVersionRow.__table__  # type: ignore[attr-defined]
MOST: Final = 500
"""Maximum number of plans of a list, and of visits that are read at a time."""
_UNREVIEWED = select(func.count()).where(_draw.c.plan == _plan.c.id, _draw.c.request.is_(None)).scalar_subquery()
_PLANS = (
    select(
        _plan,
        _workflow.c.name.label("workflow_name"),
        _workflow.c.title.label("workflow_title"),
        _workflow.c.version.label("current_version"),
        _UNREVIEWED.label("unreviewed"),
    )
    .select_from(_plan.join(_workflow, _workflow.c.id == _plan.c.workflow))
    .order_by(_workflow.c.name, _plan.c.version.desc(), _plan.c.step, _plan.c.class_name, _plan.c.model)
)


def plan_views(
    connection: Connection, workspace: str, *, workflow: str | None = None, all_versions: bool = False
) -> list[PlanView]:
    """Return the plans, by workflow and step: of the current versions, or of all."""
    statement = _PLANS.where(_plan.c.workspace == workspace).limit(MOST)
    if workflow is not None:
        statement = statement.where(_workflow.c.name == workflow)
    if not all_versions:
        statement = statement.where(_plan.c.version == _workflow.c.version)
    return _views(connection, connection.execute(statement).all())


def plan_view(connection: Connection, workspace: str, plan: str) -> PlanView | None:
    """Return a plan by its id, or None if there is none."""
    rows = connection.execute(_PLANS.where(_plan.c.workspace == workspace, _plan.c.id == plan)).all()
    return next(iter(_views(connection, rows)), None)


def _views(connection: Connection, rows: Sequence[Any]) -> list[PlanView]:
    persons = people.load_people(connection, {row.agreed_by for row in rows if row.agreed_by is not None})
    versions = {(row.workflow, row.version) for row in rows}
    sources = {version: workflows.load_source(connection, *version) for version in versions}
    return [_view(connection, row, persons.get(row.agreed_by), sources[row.workflow, row.version]) for row in rows]


def _view(connection: Connection, row: Any, agreed_by: Person | None, source: bytes) -> PlanView:
    loaded = sampling_plans.read(row)
    return PlanView(
        id=row.id,
        workflow=row.workflow_name,
        workflow_title=row.workflow_title,
        version=row.version,
        is_current=row.version == row.current_version,
        step=row.step,
        step_label=load_step_labels(source).get(row.step, row.step),
        class_name=row.class_name,
        model=row.model,
        state=loaded.state,
        unreviewed=row.unreviewed,
        used_at=max(filter(None, (loaded.state.used_at, sampling_plans.last_use(connection, row.id))), default=None),
        agreed_by=agreed_by,
        source=source,
    )


def unreviewed_visits(connection: Connection, workspace: str, wanted: DecisionFilter) -> Iterator[UnreviewedVisit]:
    """Yield the visits that went through without review in the time of an export, by run."""
    found = page(connection, workspace, wanted, None)
    while found:
        yield from found
        found = page(connection, workspace, wanted, found[-1].key)


def page(
    connection: Connection, workspace: str, wanted: DecisionFilter, after: VisitKey | None
) -> list[UnreviewedVisit]:
    """Return the next of these visits, those that follow `after`; none at the end. Ids of runs sort by their time."""
    statement = _VISITS.where(_draw.c.workspace == workspace, *_within(wanted))
    if after is not None:
        key = tuple_(_draw.c.run, _draw.c.step, _draw.c.visit)
        statement = statement.where(key > tuple_(*after))
    rows = connection.execute(statement).all()
    persons = people.load_people(connection, {row.requester for row in rows})
    return [
        UnreviewedVisit(
            run=row.run,
            workflow=row.name,
            version=row.version,
            hash=row.hash,
            step=row.step,
            step_title=_labels(connection, row.workflow, row.version).get(row.step, row.step),
            visit=row.visit,
            requester=row.requester,
            requester_name=persons[row.requester].label,
            at=row.at,
        )
        for row in rows
    ]


_VISITS = (
    select(
        *(_draw.c.run, _draw.c.step, _draw.c.visit, _draw.c.at, _run.c.workflow, _run.c.version, _run.c.requester),
        *(_workflow.c.name, _version.c.hash),
    )
    .select_from(
        _draw.join(_run, _run.c.id == _draw.c.run)
        .join(_workflow, _workflow.c.id == _run.c.workflow)
        .join(_version, (_version.c.workflow == _run.c.workflow) & (_version.c.version == _run.c.version))
    )
    .where(_draw.c.request.is_(None))
    .order_by(_draw.c.run, _draw.c.step, _draw.c.visit)
    .limit(MOST)
)


def _within(wanted: DecisionFilter) -> Iterator[ColumnElement[bool]]:
    """Yield the conditions of an export."""
    yield _draw.c.at >= wanted.since
    if wanted.until is not None:
        yield _draw.c.at < wanted.until
    if wanted.workflow is not None:
        yield _workflow.c.name == wanted.workflow
    if wanted.workflows is not None:
        yield _workflow.c.name.in_(wanted.workflows)
    if wanted.owner is not None:
        yield _workflow.c.owner == wanted.owner


def _labels(connection: Connection, workflow: str, version: int) -> Mapping[str, str]:
    return _step_labels(workflows.load_source(connection, workflow, version))


_step_labels = lru_cache(64)(load_step_labels)
