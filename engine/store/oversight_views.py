"""Oversight requests and their runs as people see them: what they are about, and, of a seeded one, what it looks like.

A seeded request is disguised only while it waits. As soon as it ends, people read what it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final, cast

from msgspec import Struct, structs
from sqlalchemy import bindparam, select

from engine import json_values
from engine.audit_entries import EntryKind
from engine.domain import Origin, Person, RequestState
from engine.domain.oversight import OVERSIGHT_WORKFLOW, OversightFacts, OversightPurpose, SeededFacts
from engine.identifiers import in_words
from engine.json_values import Value
from engine.read_models import RequestView, RunView, StepView
from engine.store import audit_log, oversight_rows, people, run_rows
from engine.store.connection import Connection
from engine.store.oversight_rows import OversightRow
from engine.store.run_rows import read_origin
from engine.store.statements import Statement
from engine.store.tables import RequestRow, RunRow, WorkflowRow
from engine.story_entries import StoryEntry

_request = RequestRow.__table__  # type: ignore[attr-defined]
_run = RunRow.__table__  # type: ignore[attr-defined]
_workflow = WorkflowRow.__table__  # type: ignore[attr-defined]
_LOOK: Final = Statement(
    select(
        _request.c.step, _request.c.visit, _request.c.details, _request.c.opened_at, _run.c.requester, _run.c.version
    )
    .add_columns(_workflow.c.name, _workflow.c.title, _workflow.c.owner, _run.c.workflow, _run.c.inputs, _run.c.origin)
    .add_columns(_run.c.id.label("of_run"), _run.c.started_at)
    .select_from(_request.join(_run, _run.c.id == _request.c.run).join(_workflow, _workflow.c.id == _run.c.workflow))
    .where(_request.c.id == bindparam("id"))
)
_TELLING: Final = frozenset({EntryKind.RUN_STARTED.value, EntryKind.OVERSIGHT_OPENED.value})
"""Entries that say who began a run, and what for."""
_TITLES: Final = select(_workflow.c.id, _workflow.c.title)


class Look(Struct, frozen=True, kw_only=True):
    """What a seeded request looks like while it waits: the request that it imitates.

    `run`: the run of that request, which began at `started_at` and asked at `opened_at`.
    """

    run: str
    started_at: datetime
    opened_at: datetime
    owner: Person
    workflow_id: str
    workflow: str
    workflow_title: str
    version: int
    step: str
    visit: int
    step_label: str
    uses: str
    requester: Person
    origin: Origin
    inputs: Mapping[str, Value]
    models: tuple[tuple[str, str], ...]


def look_of(connection: Connection, row: OversightRow) -> Look | None:
    """Return what an oversight request looks like, or None if it looks like what it is."""
    if row.looks_like is None or row.state is not None:
        return None
    found = _LOOK.one(connection, {"id": row.looks_like})
    if found is None:
        return None
    details = cast("dict[str, Any]", json_values.loads(found.details))
    persons = people.load_people(connection, {found.requester, found.owner})
    return Look(
        run=found.of_run,
        started_at=found.started_at,
        opened_at=found.opened_at,
        owner=persons[found.owner],
        workflow_id=found.workflow,
        workflow=found.name,
        workflow_title=found.title,
        version=found.version,
        step=found.step,
        visit=found.visit,
        step_label=details.get("step_label") or in_words(found.step),
        uses=details["uses"],
        requester=persons[found.requester],
        origin=read_origin(found.origin),
        inputs=cast("dict[str, Value]", json_values.loads(found.inputs)),
        models=tuple((label, model) for label, model in details.get("models", ())),
    )


def requests(connection: Connection, views: Sequence[RequestView]) -> list[RequestView]:
    """Return the views, with those of oversight requests as people see them."""
    runs = [view.run for view in views if view.workflow == OVERSIGHT_WORKFLOW]
    if not runs:
        return [*views]
    rows = oversight_rows.load_by_runs(connection, runs)
    titles = _titles(connection, rows)
    return [_seen(connection, view, rows[view.run], titles) if view.run in rows else view for view in views]


def _seen(connection: Connection, view: RequestView, row: OversightRow, titles: Mapping[str, str]) -> RequestView:
    view = replace(view, owner=row.owner or view.owner)
    look = look_of(connection, row) if view.model.state is RequestState.PENDING else None
    if look is not None:
        return _disguised(view, look)
    workflow = titles.get(row.about.workflow or "")
    told = OversightFacts(
        purpose=row.purpose,
        about=row.about,
        workflow=workflow,
        seeded=_seeded(view, row),
        withdrawn=_why_withdrawn(connection, view),
    )
    return replace(view, oversight=told, workflow_title=workflow or view.workflow_title)


def _why_withdrawn(connection: Connection, view: RequestView) -> str | None:
    by = view.model.closed_by
    if view.model.state is not RequestState.CANCELLED or by is None or by.id != view.requester.id:
        return None
    reason = run_rows.load_cancellation(connection, view.run).get("reason")
    return reason if isinstance(reason, str) else None


def _seeded(view: RequestView, row: OversightRow) -> SeededFacts | None:
    """Return what was wrong with a seeded request, as long as its contents were not erased."""
    if row.purpose is not OversightPurpose.SEEDED or "label" not in row.facts:
        return None
    facts = cast("dict[str, Any]", row.facts)
    is_right = any([*edit.path] == facts["path"] and edit.after == facts["real"] for edit in view.edits)
    is_caught = view.model.state is RequestState.REJECTED or is_right
    return SeededFacts(label=facts["label"], kind=facts["kind"], is_caught=is_caught)


def _disguised(view: RequestView, look: Look) -> RequestView:
    real = view.model.subject
    subject = structs.replace(real, workflow=look.workflow, step=look.step, uses=look.uses, disguises=real)
    return replace(
        view,
        model=structs.replace(view.model, subject=subject, requester=look.requester.id),
        workflow=look.workflow,
        workflow_title=look.workflow_title,
        workflow_version=look.version,
        step_label=look.step_label,
        requester=look.requester,
        started_at=view.started_at - (look.opened_at - look.started_at),
        models=look.models,
    )


def _titles(connection: Connection, rows: Mapping[str, OversightRow]) -> dict[str, str]:
    """Return the titles of the workflows that oversight requests are about, by id."""
    workflows = {row.about.workflow for row in rows.values() if row.about.workflow is not None}
    found = connection.execute(_TITLES.where(_workflow.c.id.in_(sorted(workflows)))).all() if workflows else []
    return {row.id: row.title for row in found}


def runs(connection: Connection, views: Sequence[RunView]) -> list[RunView]:
    """Return the views of runs, with those of oversight requests as people see them."""
    ids = [view.id for view in views if view.workflow == OVERSIGHT_WORKFLOW]
    if not ids:
        return [*views]
    rows = oversight_rows.load_by_runs(connection, ids)
    return [_run_view(connection, view, rows[view.id]) if view.id in rows else view for view in views]


def _run_view(connection: Connection, view: RunView, row: OversightRow) -> RunView:
    look = look_of(connection, row)
    if look is None:
        owner = people.load_people(connection, [row.owner])[row.owner] if row.owner is not None else view.owner
        return replace(view, owner=owner)
    return replace(
        view,
        owner=look.owner,
        workflow=look.workflow,
        workflow_title=look.workflow_title,
        version=look.version,
        requester=look.requester,
        origin=look.origin,
        inputs=look.inputs,
        started_at=view.started_at - (look.opened_at - look.started_at),
        steps=tuple(
            replace(step, step=look.step, visit=look.visit, label=look.step_label, uses=look.uses)
            for step in view.steps
        ),
        step_labels={look.step: look.step_label},
    )


def look_of_run(connection: Connection, run: str) -> Look | None:
    """Return what the request of a run looks like, or None if the run looks like what it is."""
    row = oversight_rows.find(connection, run)
    return None if row is None else look_of(connection, row)


def with_past(view: RunView, look: Look, imitated: RunView) -> RunView:
    """Return the view of a seeded run with what the run that it imitates did before it asked.

    All of that lies as far back as it did there. `imitated`: that run, with its steps.
    """
    moved = view.started_at - look.started_at
    visits = [(step.step, step.visit) for step in imitated.steps]
    past = (_moved(step, moved) for step in imitated.steps[: visits.index((look.step, look.visit))])
    labels, inputs = imitated.step_labels, imitated.input_labels
    return replace(view, steps=(*past, *view.steps), step_labels=labels, input_labels=inputs)


def _moved(step: StepView, moved: timedelta) -> StepView:
    calls = (
        structs.replace(call, asked_at=call.asked_at + moved, answered_at=_later(call.answered_at, moved))
        for call in step.model_calls
    )
    began, ended = _later(step.started_at, moved), _later(step.ended_at, moved)
    return replace(step, started_at=began, ended_at=ended, model_calls=tuple(calls))


def _later(at: datetime | None, moved: timedelta) -> datetime | None:
    return None if at is None else at + moved


def story(connection: Connection, run: str, after: int = 0) -> list[StoryEntry]:
    """Return the entries of a run after number `after`, oldest first, without those that give a disguise away."""
    entries = audit_log.story(connection, run, after)
    look = look_of_run(connection, run)
    if look is None:
        return entries
    told = [entry for entry in entries if entry.kind not in _TELLING]
    began = _began(connection, run)
    return [*_past(connection, look, after, moved=began - look.opened_at), *told]


def _past(connection: Connection, look: Look, after: int, *, moved: timedelta) -> Iterator[StoryEntry]:
    """Yield what the imitated run did before it asked, as far back as it was there."""
    for entry in audit_log.story(connection, look.run):
        if entry.kind == EntryKind.REQUEST_OPENED.value:
            return
        if entry.seq > after:
            yield replace(entry, at=entry.at + moved)


def _began(connection: Connection, run: str) -> datetime:
    began: datetime = connection.execute(select(_run.c.started_at).where(_run.c.id == run)).scalar_one()
    return began


def shown_version(connection: Connection, run: str, row: Any) -> tuple[str, int]:
    """Return the id and the version of the workflow that the page of a run shows. `row`: the run, with its workflow."""
    look = look_of_run(connection, run) if row.workflow_name == OVERSIGHT_WORKFLOW else None
    return (row.workflow, row.version) if look is None else (look.workflow_id, look.version)
