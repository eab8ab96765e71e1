"""Oversight requests and their runs as people see them: what they are about, and, of a seeded one, what it looks like.

A seeded request is disguised only while it waits. As soon as it ends, people read what it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, cast

from msgspec import Struct, structs
from sqlalchemy import bindparam, select

from engine import json_values
from engine.audit_entries import EntryKind
from engine.domain import Origin, Person, RequestState
from engine.domain.oversight import OVERSIGHT_WORKFLOW, OversightFacts, OversightPurpose, SeededFacts
from engine.identifiers import in_words
from engine.json_values import Value
from engine.read_models import RequestView, RunView
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
    select(_request.c.step, _request.c.details, _run.c.requester, _run.c.version, _run.c.origin)
    .add_columns(_workflow.c.name, _workflow.c.title, _run.c.workflow, _run.c.inputs)
    .select_from(_request.join(_run, _run.c.id == _request.c.run).join(_workflow, _workflow.c.id == _run.c.workflow))
    .where(_request.c.id == bindparam("id"))
)
_TELLING: Final = frozenset({EntryKind.RUN_STARTED.value, EntryKind.OVERSIGHT_OPENED.value})
"""Entries that say who began a run, and what for."""
_TITLES: Final = select(_workflow.c.id, _workflow.c.title)


class Look(Struct, frozen=True, kw_only=True):
    """What a seeded request looks like while it waits: the request that it imitates."""

    workflow_id: str
    workflow: str
    workflow_title: str
    version: int
    step: str
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
    return Look(
        workflow_id=found.workflow,
        workflow=found.name,
        workflow_title=found.title,
        version=found.version,
        step=found.step,
        step_label=details.get("step_label") or in_words(found.step),
        uses=details["uses"],
        requester=people.load_people(connection, [found.requester])[found.requester],
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
    owner = people.load_people(connection, [row.owner])[row.owner] if row.owner is not None else view.owner
    look = look_of(connection, row)
    if look is None:
        return replace(view, owner=owner)
    return replace(
        view,
        owner=owner,
        workflow=look.workflow,
        workflow_title=look.workflow_title,
        version=look.version,
        requester=look.requester,
        origin=look.origin,
        inputs=look.inputs,
        steps=tuple(replace(step, step=look.step, label=look.step_label, uses=look.uses) for step in view.steps),
        step_labels={look.step: look.step_label},
    )


def story(connection: Connection, run: str, after: int = 0) -> list[StoryEntry]:
    """Return the entries of a run after number `after`, oldest first, without those that give a disguise away."""
    entries = audit_log.story(connection, run, after)
    row = oversight_rows.find(connection, run) if any(entry.kind in _TELLING for entry in entries) else None
    if row is None or look_of(connection, row) is None:
        return entries
    return [entry for entry in entries if entry.kind not in _TELLING]


def shown_version(connection: Connection, run: str, row: Any) -> tuple[str, int]:
    """Return the id and the version of the workflow that the page of a run shows. `row`: the run, with its workflow."""
    found = oversight_rows.find(connection, run) if row.workflow_name == OVERSIGHT_WORKFLOW else None
    look = None if found is None else look_of(connection, found)
    return (row.workflow, row.version) if look is None else (look.workflow_id, look.version)
