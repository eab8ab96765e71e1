"""Reads visits of runs to steps with gates, for a replay: the newest first, with a page of runs in memory at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby, islice
from operator import attrgetter
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import bindparam, or_, select

from engine import json_values
from engine.domain import RequestState, ReviewPoint, StepStatus
from engine.json_values import Value
from engine.replay import Correction, GateReplay, RecordedVisit
from engine.store import edit_columns, joined_people
from engine.store.connection import Connection
from engine.store.statements import Statement
from engine.store.tables import DecisionRow, RequestRow, RunRow, StepRunRow
from engine.workflowfile.rule import NO_RULE, Rule
from engine.workflowfile.rule_grammar import MAX_RULES

PAGE: Final = 1000
"""Number of runs that are read at a time."""

_run = RunRow.__table__  # type: ignore[attr-defined]
_visit = StepRunRow.__table__  # type: ignore[attr-defined]
_request = RequestRow.__table__  # type: ignore[attr-defined]
_decision = DecisionRow.__table__  # type: ignore[attr-defined]
_OLDER = Statement(
    select(_run.c.id)
    .where(_run.c.workflow == bindparam("workflow"), _run.c.id < bindparam("before"))
    .order_by(_run.c.id.desc())
    .limit(PAGE)
)
_OF_RUNS: Final = (
    _run.c.workflow == bindparam("workflow"),
    _run.c.id >= bindparam("first"),
    _run.c.id <= bindparam("last"),
)
_VISITS = (
    select(
        _visit.c.run,
        _visit.c.step,
        _visit.c.visit,
        _visit.c.started_at.is_not(None).label("has_begun"),
        _visit.c.status,
        _visit.c.attempt,
        _visit.c.output.is_not(None).label("has_output"),
        _run.c.inputs,
        _run.c.requester_label,
        _run.c.started_at,
        _run.c.erased_at.is_not(None).label("is_erased"),
        _run.c.lane,
        _request.c.id.label("request"),
        _request.c.state,
        or_(_decision.c.edits.is_not(None), _request.c.content_version > 1).label("is_edited"),
        _request.c.closed_by,
        _run.c.requester,
    )
    .select_from(
        _run.join(_visit, _visit.c.run == _run.c.id)
        .outerjoin(
            _request,
            (_request.c.run == _visit.c.run)
            & (_request.c.step == _visit.c.step)
            & (_request.c.visit == _visit.c.visit)
            & (_request.c.at != ReviewPoint.FAILED.value),
        )
        .outerjoin(
            _decision,
            (_decision.c.request == _request.c.id)
            & (_decision.c.content_version == _request.c.content_version)
            & (_decision.c.person == _request.c.closed_by),
        )
    )
    .where(*_OF_RUNS)
    .order_by(_visit.c.run.desc(), _visit.c.position.desc(), _visit.c.visit.desc(), _request.c.id)
)
_TIMES: Final = (_visit.c.started_at.label("begun_at"), _request.c.opened_at)
_EDITS: Final = (_decision.c.edits, _request.c.content_version)
_CONTENTS: Final = (_request.c.content, _visit.c.params, _visit.c.output)
_OUTPUTS = select(
    _visit.c.run, _visit.c.step, _visit.c.visit, _visit.c.status, _visit.c.output, _visit.c.error, _visit.c.ended_at
).select_from(_run.join(_visit, _visit.c.run == _run.c.id))
_NEWEST: Final = "\N{DEL}"
"""A text that sorts after every id."""
_APPROVED: Final = RequestState.APPROVED.value
_CORRECTED: Final = {
    RequestState.REJECTED.value: Correction.REJECTED,
    RequestState.CHANGES_REQUESTED.value: Correction.CHANGES_REQUESTED,
    RequestState.UNDONE.value: Correction.UNDONE,
}
_RULE_STEPS: Final = frozenset({NO_RULE, *(Rule(number=number).step for number in range(1, MAX_RULES + 1))})


class _Output(Struct, frozen=True):
    """What a visit to a step returned. `value`: JSON."""

    visit: int
    ended_at: datetime | None
    value: str | None
    error: str | None

    def was_there(self, visit: int | None, at: datetime) -> bool:
        """Return whether it is of this visit; without one, whether it was there at this time."""
        return self.visit == visit if visit is not None else self.ended_at is not None and self.ended_at <= at


_Outputs = Mapping[tuple[str, str], Sequence[_Output]]
"""The outputs by run and step."""


def newest(connection: Connection, workflow: str, replay: GateReplay, most: int) -> Iterator[RecordedVisit]:
    """Yield the newest visits at which a gate of the workflow opened, or at which one of the file may open."""
    return islice(_visits(connection, workflow, replay), most)


def _visits(connection: Connection, workflow: str, replay: GateReplay) -> Iterator[RecordedVisit]:
    before, humans = _NEWEST, joined_people.load_all_joined(connection)
    while runs := _OLDER.scalars(connection, {"workflow": workflow, "before": before}):
        before = runs[-1]
        within = {"workflow": workflow, "first": before, "last": runs[0]}
        wanted = _VISITS.add_columns(
            *(_CONTENTS if replay.reads_content else ()),
            *(_TIMES if replay.steps_read else ()),
            *(_EDITS if replay.reads_edits else ()),
        )
        rows = connection.execute(wanted.where(_wanted(replay)), within).all()
        outputs = _load_outputs(connection, replay, within) if replay.steps_read else {}
        for _, same in groupby(rows, key=attrgetter("run", "step", "visit")):
            visit = _read([*same], replay, outputs, humans)
            if visit is not None:
                yield visit


def _wanted(replay: GateReplay) -> Any:
    steps = replay.steps_with_gates | (_RULE_STEPS if replay.has_rules else frozenset())
    return or_(_request.c.id.is_not(None), _visit.c.step.in_(sorted(steps)))


def _read(
    rows: Sequence[Any], replay: GateReplay, outputs: _Outputs, humans: Mapping[str, str]
) -> RecordedVisit | None:
    """Return a visit, or None if it never came to its gate. `rows`: one for each of its requests, the oldest first.

    `humans`: who the people really are that turned out to be another one.
    """
    first, last = rows[0], rows[-1]
    if first.request is None and not replay.has_rules and not _came_to_gate(first):
        return None
    return RecordedVisit(
        run=first.run,
        step=first.step,
        started_at=first.started_at,
        requester=first.requester_label,
        inputs=first.inputs,
        has_output=first.has_output,
        is_erased=first.is_erased,
        is_item=first.lane is not None,
        request=last.request,
        correction=next((found for row in rows if (found := _correction(row)) is not None), None),
        outputs=dict(_outputs_at(first, replay, outputs)) if outputs else {},
        visit=first.visit,
        is_own=last.closed_by is not None
        and humans.get(last.closed_by, last.closed_by) == humans.get(last.requester, last.requester),
        edited=_edited(rows) if replay.reads_edits else None,
        content=first.content if replay.reads_content else None,
        params=first.params if replay.reads_content else None,
        output=first.output if replay.reads_content else None,
    )


def _came_to_gate(row: Any) -> bool:
    """Return whether a visit that asked no one came to its gate: not if it was skipped, or failed before its call."""
    return bool(row.has_begun) and (row.attempt > 0 or row.status != StepStatus.FAILED.value)


def _edited(rows: Sequence[Any]) -> tuple[str, ...] | None:
    """Return the fields that the approval of a visit changed, or None if it is not known, or nothing was."""
    approved = [row for row in rows if row.state == _APPROVED and row.is_edited]
    if len(approved) != 1 or approved[0].content_version > 1 or approved[0].edits is None:
        return None
    return tuple(json_values.show_path(path) for path in edit_columns.read(approved[0].edits))


def _correction(row: Any) -> Correction | None:
    state = row.state
    if state == _APPROVED:
        return Correction.EDITED if row.is_edited else None
    return _CORRECTED.get(state)


def _load_outputs(connection: Connection, replay: GateReplay, within: Mapping[str, str]) -> _Outputs:
    found: dict[tuple[str, str], list[_Output]] = {}
    query = _OUTPUTS.where(*_OF_RUNS, _visit.c.step.in_(sorted(replay.steps_read))).order_by(_visit.c.visit)
    for row in connection.execute(query, within):
        error = row.error if row.status == StepStatus.FAILED.value else None
        found.setdefault((row.run, row.step), []).append(_Output(row.visit, row.ended_at, row.output, error))
    return found


def _outputs_at(row: Any, replay: GateReplay, outputs: _Outputs) -> Iterator[tuple[str, Value]]:
    """Yield what the steps that a gate reads had returned when the visit came to its gate."""
    at = row.opened_at or row.begun_at
    for step in replay.steps_read:
        of_step = outputs.get((row.run, step), ())
        ended = [output for output in of_step if output.was_there(row.visit if step == row.step else None, at)]
        if ended and ended[-1].value is not None:
            yield step, json_values.loads(ended[-1].value)
        elif ended and ended[-1].error is not None:
            yield step, {"error": ended[-1].error}
