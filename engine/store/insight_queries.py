"""Reads the counts of insights: a few grouped reads of small tables, however many requests there are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from typing import Any, Final, Protocol

from sqlalchemy import ColumnElement, case, func, literal, select

from engine.domain.oversight import OVERSIGHT_WORKFLOW
from engine.insights import (
    WHOLE,
    ChannelInsight,
    FieldInsight,
    GateInsight,
    GateKey,
    InsightQuery,
    Insights,
    LoadInsight,
    ReadableWorkflow,
    ReminderInsight,
)
from engine.oversight import time_buckets
from engine.oversight.grouped_times import CLASSES, NO_TIMES, GroupedTimes
from engine.oversight.time_buckets import BOUNDS
from engine.store import insight_evidence, oversight_rows, people
from engine.store.connection import Connection
from engine.store.insight_tables import (
    DECIDED,
    DECISION_TIMES,
    HOURLY_TIMES,
    UNDECIDED,
    CopyCountRow,
    FieldCountRow,
    GateCountRow,
    InsightProgressRow,
    LoadCountRow,
    OpenCountRow,
    ReminderCountRow,
)
from engine.store.tables import AuditRow, WorkflowRow, WorkflowVersionRow

NAMED: Final = 10
"""How many of the people who decide most are named."""
_DAY: Final = 24 * 60
_DAYS_BEFORE: Final = 4
"""Days from the first Sunday of `engine.oversight.time_buckets` to the first day of hours."""
_ENDS: Final = ("opened", "approved", "edited", "rejected", "changes_requested", "skipped", "expired", "cancelled")
_MORE: Final = ("undone", "sampled_out")

_workflow = WorkflowRow.__table__  # type: ignore[attr-defined]
_version = WorkflowVersionRow.__table__  # type: ignore[attr-defined]
_audit = AuditRow.__table__  # type: ignore[attr-defined]
_progress = InsightProgressRow.__table__  # type: ignore[attr-defined]
_gate = GateCountRow.__table__  # type: ignore[attr-defined]
_open = OpenCountRow.__table__  # type: ignore[attr-defined]
_reminder = ReminderCountRow.__table__  # type: ignore[attr-defined]
_field = FieldCountRow.__table__  # type: ignore[attr-defined]
_copy = CopyCountRow.__table__  # type: ignore[attr-defined]
_load = LoadCountRow.__table__  # type: ignore[attr-defined]


class _Times:
    """Times that are being added up, by what tells them apart."""

    def __init__(self) -> None:
        self._numbers: dict[Any, list[int]] = defaultdict(lambda: [0] * (2 * CLASSES))

    def add(self, key: Any, row: Any) -> None:
        """Add a row of `DECISION_TIMES` or `HOURLY_TIMES`, whose last columns are the counts."""
        self._numbers[key] = [a + b for a, b in zip(self._numbers[key], row[-2 * CLASSES :], strict=True)]

    def add_open(self, key: Any, open_: _Open) -> None:
        """Add requests that wait."""
        self._numbers[key][CLASSES + open_.bucket] += open_.requests

    def grouped(self) -> dict[Any, GroupedTimes]:
        rows = sorted(self._numbers.items())
        return {key: GroupedTimes(tuple(row[:CLASSES]), tuple(row[CLASSES:])) for key, row in rows}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scope:
    """What a query reads: the weeks, and the workflows by id."""

    connection: Connection
    workspace: str
    first: int
    now: datetime
    workflows: Mapping[str, Any]
    """The rows of workflows by id."""

    def conditions(self, table: Any) -> list[ColumnElement[bool]]:
        within = [table.c.workspace == self.workspace, table.c.workflow.in_(self.workflows)]
        return [*within, table.c.week >= self.first] if "week" in table.c else within

    def sums(self, table: Any, by: Sequence[str], numbers: Sequence[str]) -> Sequence[Any]:
        """Return the sums of these columns by the others."""
        columns = [table.c[name] for name in by]
        added = [func.sum(table.c[name]).label(name) for name in numbers]
        query = select(*columns, *added).where(*self.conditions(table)).group_by(*columns)
        return self.connection.execute(query).all()

    def recent_open(self) -> list[ColumnElement[bool]]:
        """Return the conditions of what has waited since the first week of the query."""
        first = time_buckets.hour(time_buckets.week_start(self.first))
        return [*self.conditions(_open), _open.c.hour >= first, _open.c.requests > 0]

    def bucket_of_open(self) -> ColumnElement[int]:
        """Return the class of the time that open requests have waited: from the middle of the hour of their opening."""
        middle = self.now - timedelta(minutes=30)
        bounds = [time_buckets.hour(middle - timedelta(seconds=bound)) for bound in BOUNDS]
        whens = [(_open.c.hour >= bound, literal(bucket)) for bucket, bound in enumerate(bounds)]
        return case(*whens, else_=literal(len(BOUNDS))).label("bucket")

    def gate(self, row: Any) -> GateKey:
        workflow = self.workflows[row.workflow]
        return GateKey(workflow=row.workflow, name=workflow.name, workflow_title=workflow.title, step=row.step)


def insights(connection: Connection, workspace: str, query: InsightQuery, now: datetime) -> Insights:
    """Return the counts that a query asks for. A reader without workflows gets none."""
    readable = _readable(connection, workspace, query.owner)
    chosen = {row.id: row for row in readable if query.workflow in (None, row.name)}
    first = time_buckets.week(now) - query.weeks
    scope = _Scope(connection=connection, workspace=workspace, first=first, now=now, workflows=chosen)
    answer = Insights(
        since=time_buckets.week_start(first),
        until=now,
        workflows=tuple(ReadableWorkflow(row.id, row.name, row.title, row.owner) for row in readable),
        changes=oversight_rows.load_gate_changes(connection, workspace, now),
        **_progress_of(connection, workspace),
    )
    return _counted(scope, answer, query.zone) if chosen else answer


def load_sources(connection: Connection, workspace: str, workflows: Collection[str]) -> list[tuple[str, bytes]]:
    """Return the current files of these workflows, by id."""
    joined = _workflow.join(
        _version, (_version.c.workflow == _workflow.c.id) & (_version.c.version == _workflow.c.version)
    )
    sources = select(_workflow.c.id, _version.c.source).select_from(joined)
    wanted = sources.where(_workflow.c.workspace == workspace, _workflow.c.id.in_(workflows))
    return [(row.id, row.source) for row in connection.execute(wanted).all()]


def _readable(connection: Connection, workspace: str, owner: str | None) -> Sequence[Any]:
    columns = (_workflow.c.id, _workflow.c.name, _workflow.c.title, _workflow.c.owner, _workflow.c.version)
    readable = select(*columns).where(_workflow.c.workspace == workspace, _workflow.c.name != OVERSIGHT_WORKFLOW)
    if owner is not None:
        readable = readable.where(_workflow.c.owner == owner)
    return connection.execute(readable.order_by(_workflow.c.name)).all()


def _progress_of(connection: Connection, workspace: str) -> dict[str, Any]:
    row = connection.execute(select(_progress).where(_progress.c.workspace == workspace)).first()
    latest = connection.execute(select(func.max(_audit.c.seq)).where(_audit.c.workspace == workspace)).scalar() or 0
    reached = row.seq if row is not None else 0
    return {"counted_until": row.at if row is not None else None, "uncounted": latest - reached}


def _counted(scope: _Scope, answer: Insights, zone: tzinfo | None) -> Insights:
    spells = scope.sums(DECISION_TIMES, ["workflow", "step", "deadline", "spell"], [*DECIDED, *UNDECIDED])
    open_ = _open_spells(scope)
    return replace(
        answer,
        gates=_gates(scope, spells, open_),
        by_hour=_by_hour(scope, zone),
        by_deadline=_by(spells, open_, lambda row: row.deadline if row.spell == WHOLE else None),
        by_reminder=_by(spells, open_, lambda row: row.spell if row.spell != WHOLE else None),
        reminders=tuple(
            ReminderInsight(gate=scope.gate(row), number=row.number, sent=row.sent, before=row.before, after=row.after)
            for row in scope.sums(_reminder, ["workflow", "step", "number"], ["sent", "before", "after"])
        ),
        fields=_fields(scope),
        channels=tuple(
            ChannelInsight(channel=row.channel, shown=row.shown, failed=row.failed)
            for row in scope.sums(_copy, ["channel"], ["shown", "failed"])
        ),
        load=_load_of(scope),
        evidence=insight_evidence.load(scope.connection, scope.workspace, scope.workflows),
    )


class _Open(Protocol):
    """Requests that wait, all in one class of the time that they have waited."""

    @property
    def bucket(self) -> int: ...

    @property
    def requests(self) -> int: ...


def _open_spells(scope: _Scope) -> Sequence[Any]:
    """Return how many requests of the weeks of the query wait, by gate, deadline, spell and time so far."""
    columns = [_open.c[name] for name in ("workflow", "step", "deadline", "spell")]
    bucket = scope.bucket_of_open()
    query = select(*columns, bucket, func.sum(_open.c.requests).label("requests")).where(*scope.recent_open())
    return scope.connection.execute(query.group_by(*columns, bucket)).all()


def _by(rows: Iterable[Any], waiting: Iterable[Any], key: Callable[[Any], Any]) -> dict[Any, GroupedTimes]:
    times = _Times()
    for row in rows:
        if (name := key(row)) is not None:
            times.add(name, row)
    for open_ in waiting:
        if (name := key(open_)) is not None:
            times.add_open(name, open_)
    return times.grouped()


def _gates(scope: _Scope, spells: Sequence[Any], open_: Sequence[Any]) -> tuple[GateInsight, ...]:
    whole = _by(spells, open_, lambda row: (row.workflow, row.step) if row.spell == WHOLE else None)
    counts = {(row.workflow, row.step): row for row in scope.sums(_gate, ["workflow", "step"], [*_ENDS, *_MORE])}
    waiting = {(row.workflow, row.step): row for row in _all_open(scope)}
    keys = sorted({*counts, *waiting})
    return tuple(_gate_of(scope, key, counts.get(key), whole.get(key), waiting.get(key)) for key in keys)


def _all_open(scope: _Scope) -> Sequence[Any]:
    """Return how many requests of each gate wait, whenever they were opened, and since which hour the oldest does."""
    columns = [_open.c.workflow, _open.c.step]
    numbers = [func.sum(_open.c.requests).label("requests"), func.min(_open.c.hour).label("hour")]
    query = select(*columns, *numbers).where(*scope.conditions(_open), _open.c.spell == WHOLE, _open.c.requests > 0)
    return scope.connection.execute(query.group_by(*columns)).all()


def _gate_of(scope: _Scope, key: tuple[str, str], counts: Any, times: GroupedTimes | None, waiting: Any) -> GateInsight:
    workflow = scope.workflows[key[0]]
    gate = GateInsight(
        gate=GateKey(workflow=key[0], name=workflow.name, workflow_title=workflow.title, step=key[1]),
        open=0 if waiting is None else waiting.requests,
        open_since=None if waiting is None else time_buckets.hour_start(waiting.hour),
    )
    numbers: dict[str, Any] = {}
    if counts is not None:
        numbers = {name: getattr(counts, name) for name in (*_ENDS, *_MORE)}
    return replace(gate, **numbers, times=times or NO_TIMES)


def _by_hour(scope: _Scope, zone: tzinfo | None) -> dict[int, GroupedTimes]:
    """Return the times by the minute of the local day at which their hour begins.

    A week has one offset from UTC, because clocks are changed on Sundays, when it begins.
    """
    times, minutes = _Times(), _LocalMinutes(zone)
    for row in scope.sums(HOURLY_TIMES, ["week", "hour"], [*DECIDED, *UNDECIDED]):
        times.add(minutes(row.week, row.hour), row)
    bucket, hour = scope.bucket_of_open(), _open.c.hour % 24
    week = (_open.c.hour // 24 + _DAYS_BEFORE) // 7
    columns = [week.label("week"), hour.label("of_day"), bucket]
    query = select(*columns, func.sum(_open.c.requests).label("requests"))
    query = query.where(*scope.recent_open(), _open.c.spell == WHOLE).group_by(*columns)
    for open_ in scope.connection.execute(query).all():
        times.add_open(minutes(open_.week, open_.of_day), open_)
    return times.grouped()


class _LocalMinutes:
    """Tells the local minute of the day at which an hour of a week begins."""

    def __init__(self, zone: tzinfo | None) -> None:
        self._zone = zone
        self._offsets: dict[int, int] = {}

    def __call__(self, week: int, hour: int) -> int:
        if week not in self._offsets:
            middle = (time_buckets.week_start(week) + timedelta(days=3, hours=12)).astimezone(self._zone)
            offset = middle.utcoffset() or timedelta()
            self._offsets[week] = int(offset.total_seconds()) // 60
        return (hour * 60 + self._offsets[week]) % _DAY


def _fields(scope: _Scope) -> tuple[FieldInsight, ...]:
    approved = {(row.workflow, row.step): row.approved for row in scope.sums(_gate, ["workflow", "step"], ["approved"])}
    rows = scope.sums(_field, ["workflow", "step", "field"], ["edits"])
    fields = (
        FieldInsight(
            gate=scope.gate(row), field=row.field, edits=row.edits, approved=approved.get((row.workflow, row.step), 0)
        )
        for row in rows
    )
    return tuple(sorted(fields, key=lambda field: -field.edits))


def _load_of(scope: _Scope) -> tuple[LoadInsight, ...]:
    """Return who decided most, with their names for the first ones."""
    rows = sorted(scope.sums(_load, ["person"], ["decisions"]), key=lambda row: (-row.decisions, row.person))
    known = people.load_people(scope.connection, [row.person for row in rows[:NAMED]])
    names = {person: known[person].label if person in known else "" for person in (row.person for row in rows)}
    return tuple(LoadInsight(person=row.person, name=names[row.person], decisions=row.decisions) for row in rows)
