"""Runs as people see them: lists and single ones, with their steps."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final, cast

from sqlalchemy import Row, Select, bindparam, exists, literal_column, select

from engine import json_values
from engine.domain import Params, Person, RunStatus, StepStatus
from engine.domain.oversight import OVERSIGHT_WORKFLOW
from engine.json_values import Value
from engine.read_models import PageQuery, RunView, StepView
from engine.store import (
    child_rows,
    item_queries,
    model_calls,
    oversight_views,
    people,
    sampling_plans,
    step_answers,
    workflows,
)
from engine.store.connection import Connection
from engine.store.oversight_tables import OversightRequestRow
from engine.store.pages import paged
from engine.store.run_rows import read_origin
from engine.store.statements import Statement
from engine.store.tables import RunRow, StepRunRow, WorkflowRow
from engine.workflowfile import ValueLabels, load_step_labels, load_value_labels

_LABELLED: Final = 256
"""Number of workflow versions whose labels of steps are cached, by their source."""

_run = RunRow.__table__  # type: ignore[attr-defined]
_visit = StepRunRow.__table__  # type: ignore[attr-defined]
_workflow = WorkflowRow.__table__  # type: ignore[attr-defined]
_oversight = OversightRequestRow.__table__  # type: ignore[attr-defined]

_RUNS = select(
    _run,
    _workflow.c.name.label("workflow_name"),
    _workflow.c.title,
    _workflow.c.owner,
    _workflow.c.version.label("current_version"),
    sampling_plans.IS_UNREVIEWED,
).select_from(_run.join(_workflow, _workflow.c.id == _run.c.workflow))
_RUN = Statement(_RUNS.where(_run.c.id == bindparam("id")))
_NEED_ATTENTION = (
    _RUNS.where(
        _run.c.workspace == bindparam("workspace"),
        _run.c.ended_at.is_(None),
        _run.c.status == literal_column(f"'{RunStatus.NEEDS_ATTENTION.value}'"),  # as in the index
    )
    .order_by(_run.c.id.desc())
    .limit(bindparam("limit"))
)
_WAITING_FOR_ANSWER = Statement(_NEED_ATTENTION)
_WAITING_FOR_OWNER = Statement(_NEED_ATTENTION.where(_workflow.c.owner == bindparam("owner")))
_VISITS = Statement(select(_visit).where(_visit.c.run == bindparam("run")).order_by(_visit.c.position, _visit.c.visit))


def run_view(connection: Connection, run: str, *, steps: bool = True) -> RunView | None:
    """Return one run, or None; with `steps`, with every visit to every step."""
    row = _RUN.one(connection, {"id": run})
    if row is None:
        return None
    persons = people.load_people(connection, [row.requester, row.owner])
    view = _run_view(row, persons)
    if steps:
        source = workflows.load_source(connection, row.workflow, row.version)
        view = _with_steps(connection, view, _step_labels(source), _value_labels(source))
    seen = oversight_views.runs(connection, [view])[0]
    look = oversight_views.look_of_run(connection, run) if steps and view.workflow == OVERSIGHT_WORKFLOW else None
    imitated = run_view(connection, look.run) if look is not None else None
    return seen if look is None or imitated is None else oversight_views.with_past(seen, look, imitated)


def load_source(connection: Connection, run: str) -> bytes | None:
    """Return the source of the workflow's version that a run started with, or None if there is no such run."""
    row = _RUN.one(connection, {"id": run})
    if row is None:
        return None
    return workflows.load_source(connection, *oversight_views.shown_version(connection, run, row))


def runs_by_ids(connection: Connection, ids: Collection[str]) -> list[RunView]:
    """Return the runs with these ids, the newest first, without their steps."""
    return _run_views(connection, connection.execute(_RUNS.where(_run.c.id.in_(ids)).order_by(_run.c.id.desc())).all())


def _with_steps(connection: Connection, view: RunView, labels: Mapping[str, str], values: ValueLabels) -> RunView:
    """Return the view of a run with every visit to every step. `labels`: those of the steps by id."""
    unreviewed = sampling_plans.load_unreviewed(connection, view.id) if view.is_unreviewed else frozenset()
    labelled = replace(view, step_labels=labels, input_labels=values.inputs)
    answers, calls = step_answers.load_answers(connection, view.id), model_calls.load_of_run(connection, view.id)
    steps = (_step_view(row, labelled, values) for row in _VISITS.all(connection, {"run": view.id}))
    by_call = ((step, (step.step, step.visit)) for step in steps)
    visits = (
        replace(
            step,
            answers=answers.get(call, ()),
            model_calls=calls.get(call, ()),
            is_unreviewed=call in unreviewed,
        )
        for step, call in by_call
    )
    return replace(
        labelled,
        steps=tuple(visits),
        children=child_rows.child_views(connection, view.id),
        items=item_queries.progress_of_run(connection, view.id),
    )


_step_labels = lru_cache(_LABELLED)(load_step_labels)
_value_labels = lru_cache(_LABELLED)(load_value_labels)


def runs_waiting_for_owner(connection: Connection, workspace: str, owner: str, limit: int) -> list[RunView]:
    """Return the runs that wait for their owner to say what became of a step, the newest first."""
    return _run_views(
        connection, _WAITING_FOR_OWNER.all(connection, {"workspace": workspace, "owner": owner, "limit": limit})
    )


def runs_waiting_for_answer(connection: Connection, workspace: str, limit: int) -> list[RunView]:
    """Return the runs whose owner, any owner, has to say what became of a step, the newest first."""
    return _run_views(connection, _WAITING_FOR_ANSWER.all(connection, {"workspace": workspace, "limit": limit}))


def run_views(connection: Connection, workspace: str, page: PageQuery) -> list[RunView]:
    """Return runs, the newest first, without their steps."""
    return _run_views(connection, connection.execute(page_of_runs(_RUNS, page, workspace)).all())


def page_of_runs(runs: Select[Any], page: PageQuery, workspace: str) -> Select[Any]:
    """Limit a selection of runs to a page of those that lists have: lanes of a foreach are in none."""
    if page.started_only:
        runs = runs.where(~exists().where(_oversight.c.run == _run.c.id))
    return paged(runs.where(_run.c.lane.is_(None)), page, workspace, _run.c.id, _run.c.ended_at.is_(None))


def _run_views(connection: Connection, rows: Sequence[Row[Any]]) -> list[RunView]:
    persons = people.load_people(connection, {person for row in rows for person in (row.requester, row.owner)})
    return oversight_views.runs(connection, [_run_view(row, persons) for row in rows])


def _run_view(row: Row[Any], persons: Mapping[str, Person]) -> RunView:
    return RunView(
        id=row.id,
        workspace=row.workspace,
        workflow=row.workflow_name,
        workflow_title=row.title,
        version=row.version,
        current_version=row.current_version,
        status=RunStatus(row.status),
        requester=persons[row.requester],
        owner=persons[row.owner],
        origin=read_origin(row.origin),
        inputs=cast("dict[str, Value]", json_values.loads(row.inputs)),
        error=row.error,
        ready_at=row.ready_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
        queued=row.queued and row.ended_at is None,
        cancelled=row.cancel is not None,
        is_erased=row.erased_at is not None,
        is_unreviewed=bool(row.is_unreviewed),
        parent=row.parent,
        item=row.item if row.lane is not None else None,
        is_lane=row.lane is not None,
        output=cast("dict[str, Value]", json_values.loads(row.output)) if row.output is not None else None,
    )


def _step_view(row: Row[Any], run: RunView, values: ValueLabels) -> StepView:
    return StepView(
        step=row.step,
        label=run.step_label(row.step),
        visit=row.visit,
        status=StepStatus(row.status),
        attempt=row.attempt,
        params=Params.from_value(json_values.loads(row.params)) if row.params is not None else None,
        output=cast("dict[str, Value]", json_values.loads(row.output)) if row.output is not None else None,
        uses=values.uses.get(row.step, ""),
        repeats_unknown=values.repeats.get(row.step, True),
        param_labels=values.params.get(row.step, {}),
        output_labels=values.outputs.get(row.step, {}),
        error=row.error,
        wakes_at=row.wakes_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
    )
