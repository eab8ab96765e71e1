"""Counts what became of requests, for insights: the next entries of the audit log are added to the counts.

The log says what happened and in which order; what a request is about comes from columns that never change again. So
the counts are the same however the entries are divided into units, and `forget` lets all be counted anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Table, bindparam, delete, select

from engine.audit_entries import EntryKind
from engine.domain import DeliveryKind
from engine.oversight import time_buckets
from engine.store import deadline_columns, insight_evidence, insight_facts
from engine.store.dialect import Upsert
from engine.store.insight_evidence import EvidenceBatch
from engine.store.insight_facts import (
    CLOSED,
    COPIES,
    NO_COPY,
    CountedRequest,
    EntryFacts,
    LastReminded,
    LogLeaf,
    read_leaf,
)
from engine.store.insight_tables import (
    DECIDED,
    DECISION_TIMES,
    HOURLY_TIMES,
    UNDECIDED,
    CopyCountRow,
    EvidenceCountRow,
    FieldCountRow,
    GateCountRow,
    InsightProgressRow,
    LoadCountRow,
    OpenCountRow,
    RemindedRequestRow,
    ReminderCountRow,
)
from engine.store.port import Tx
from engine.store.statements import Statement

WHOLE: Final = -1
"""The spell of the whole time of a request."""
NEAR: Final = 3600
"""Decisions count as near a reminder if they come at most so many seconds before or after it."""
ROUND: Final = timedelta(minutes=30)
"""Messages that follow a first one within this time are the same reminder, to other people."""
_UNDECIDED: Final = frozenset({"expired", "cancelled"})
_DECISIONS: Final = frozenset({*CLOSED, EntryKind.REQUEST_VOTED, EntryKind.REQUEST_CHANGED}) - {
    EntryKind.REQUEST_EXPIRED,
    EntryKind.REQUEST_WITHDRAWN,
}
"""Entries that each tell a decision of a person."""

_progress = InsightProgressRow.__table__  # type: ignore[attr-defined]
_reminded = RemindedRequestRow.__table__  # type: ignore[attr-defined]

_gates: Final[Table] = GateCountRow.__table__  # type: ignore[attr-defined]
_waits: Final[Table] = OpenCountRow.__table__  # type: ignore[attr-defined]
_reminders: Final[Table] = ReminderCountRow.__table__  # type: ignore[attr-defined]
_fields: Final[Table] = FieldCountRow.__table__  # type: ignore[attr-defined]
_copies: Final[Table] = CopyCountRow.__table__  # type: ignore[attr-defined]
_evidence: Final[Table] = EvidenceCountRow.__table__  # type: ignore[attr-defined]
_load: Final[Table] = LoadCountRow.__table__  # type: ignore[attr-defined]
_TABLES: Final = (_gates, DECISION_TIMES, HOURLY_TIMES, _waits, _reminders, _fields, _copies, _load)
_KEYS: Final = {table: tuple(column.name for column in table.primary_key) for table in _TABLES}
_VALUES: Final = {table: tuple(c.name for c in table.columns if not c.primary_key) for table in _TABLES}
_ADD: Final = {table: Statement(Upsert(table, key=_KEYS[table], adds=_VALUES[table])) for table in _TABLES}
_NONE_OPEN = Statement(
    delete(_waits).where(
        *(_waits.c[name] == bindparam(f"of_{name}") for name in _KEYS[_waits]),
        _waits.c.requests == bindparam("none"),
    )
)
_PROGRESS = Statement(select(_progress.c.seq).where(_progress.c.workspace == bindparam("workspace")))
_SET_PROGRESS = Statement(Upsert(_progress, key=["workspace"], replaces=["seq", "at"]))
_REMIND = Statement(Upsert(_reminded, key=["workspace", "request"], replaces=["told", "since", "seconds_before"]))
_FORGET_REMINDED = Statement(
    delete(_reminded).where(
        _reminded.c.workspace == bindparam("of_workspace"), _reminded.c.request == bindparam("of_request")
    )
)


# -- progress -------------------------------------------------------------------------------------------------


def reached(tx: Tx, workspace: str) -> int:
    """Return the number of the last entry of the log that is counted. Call it in the turn of what follows the log."""
    row = _PROGRESS.one(tx.connection, {"workspace": workspace})
    return row.seq if row is not None else 0


def forget(tx: Tx, workspace: str) -> None:
    """Delete all counts: they begin anew with the first entry. Call it in the turn of what follows the log."""
    for table in (*_TABLES, _evidence, _reminded, _progress):
        tx.connection.execute(delete(table).where(table.c.workspace == workspace))


def count(tx: Tx, workspace: str, entries: Sequence[Any]) -> None:
    """Add these entries, the next ones of the log, to the counts."""
    leaves = [(entry.seq, read_leaf(entry.leaf)) for entry in entries]
    of_requests = [(seq, leaf) for seq, leaf in leaves if leaf.request is not None]
    batch = _Batch(workspace, insight_facts.load(tx, workspace, of_requests), EvidenceBatch(workspace))
    refused = insight_evidence.refusals(tx, leaves)
    for seq, leaf in of_requests:
        batch.add(seq, leaf)
        for test in refused.get(seq, ()):
            batch.evidence.restart(*test)
    for gate in insight_facts.sampled_out(tx, [leaf for _, leaf in leaves if leaf.kind == EntryKind.GATE_SAMPLED_OUT]):
        batch.add_sampled_out(gate)
    batch.write(tx)
    _SET_PROGRESS.write(tx.connection, {"workspace": workspace, "seq": entries[-1].seq, "at": leaves[-1][1].at})


# -- counting -------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Batch:
    """The counts of some entries, until they are written together."""

    workspace: str
    facts: EntryFacts
    evidence: EvidenceBatch
    counts: dict[Table, dict[tuple[Any, ...], dict[str, int]]] = field(
        default_factory=lambda: {table: {} for table in _TABLES}
    )
    reminded: dict[str, LastReminded | None] = field(default_factory=dict)
    """Open requests whose approvers were reminded, as these entries left them; None: ended."""

    def add(self, seq: int, leaf: LogLeaf) -> None:
        request = self.facts.requests.get(leaf.request or "")
        if request is None:
            return
        if leaf.kind in COPIES:
            self._copy(seq, leaf, request)
        if leaf.kind in _DECISIONS and leaf.actor is not None:
            key = (time_buckets.week(leaf.at), request.workflow, leaf.actor)
            self._count(_load, key, decisions=1)
        if request.is_failure:
            return
        if leaf.kind == EntryKind.REQUEST_OPENED:
            self._open(request)
        elif leaf.kind in CLOSED:
            self._close(request, leaf.at, CLOSED[leaf.kind])
        elif leaf.kind == EntryKind.REQUEST_UNDONE:
            self._count(_gates, request.gate, undone=1)
            self.evidence.add(request.tested, decided=1, corrected=1)
        elif leaf.kind == EntryKind.REQUEST_RELEASED:
            self._judge(request, is_corrected=self.facts.is_corrected(request.id))

    def add_sampled_out(self, gate: tuple[int, str, str]) -> None:
        """Count a visit to a gate that went through without a review."""
        self._count(_gates, gate, sampled_out=1)

    def _count(self, table: Table, key: tuple[Any, ...], **more: int) -> None:
        counts = self.counts[table]
        numbers = counts.get(key)
        if numbers is None:
            numbers = counts[key] = dict.fromkeys(_VALUES[table], 0)
        for name, number in more.items():
            numbers[name] += number

    def _copy(self, seq: int, leaf: LogLeaf, request: CountedRequest) -> None:
        copy = self.facts.copies.get(seq, NO_COPY)
        key = (time_buckets.week(leaf.at), request.workflow, copy.channel)
        self._count(_copies, key, **{COPIES[leaf.kind]: 1})
        is_reminder = copy.kind == DeliveryKind.REMINDER and leaf.kind == EntryKind.DELIVERY_SHOWN
        # A reminder may arrive while the request ends. The order of the log says which was first.
        if is_reminder and request.reminds and self.facts.closed.get(request.id, seq) >= seq:
            self._remind(request, leaf.at)

    def _open(self, request: CountedRequest) -> None:
        self._count(_gates, request.gate, opened=1)
        self._wait(request, WHOLE, request.opened_at, 1)
        if request.reminds:
            self._wait(request, 0, request.opened_at, 1)

    def _close(self, request: CountedRequest, at: datetime, end: str) -> None:
        edits = self.facts.edits.get(request.id)
        self._count(_gates, request.gate, **{end: 1, "edited": edits is not None})
        for name in edits or ():
            self._count(_fields, (*request.gate, name), edits=1)
        is_decided = end not in _UNDECIDED
        is_corrected = end != "approved" or edits is not None
        # An approval that can be undone says nothing until it no longer can be.
        if is_decided and not (request.is_held and end == "approved"):
            self._judge(request, is_corrected=is_corrected)
        self._wait(request, WHOLE, request.opened_at, -1)
        bucket = self._spend(request, WHOLE, at - request.opened_at, is_decided=is_decided)
        hour = (*request.gate[:2], request.opened_at.hour)
        self._count(HOURLY_TIMES, hour, **{_column(bucket, is_decided=is_decided): 1})
        if request.reminds:
            self._end_spell(request, at, is_decided=is_decided)

    def _judge(self, request: CountedRequest, *, is_corrected: bool) -> None:
        """Count what people thought of a request. No one reviews their own program."""
        if is_corrected or request.id not in self.facts.own:
            self.evidence.add(request.tested, decided=1, corrected=int(is_corrected))

    def _end_spell(self, request: CountedRequest, at: datetime, *, is_decided: bool) -> None:
        last = self._last_reminder(request)
        told, since = (last.told, last.since) if last is not None else (0, request.opened_at)
        self._wait(request, told, since, -1)
        self._spend(request, told, at - since, is_decided=is_decided)
        if last is not None:
            self.reminded[request.id] = None
        if not is_decided:
            return
        if last is not None and _seconds(at - since) <= _near(last.seconds_before):
            self._count(_reminders, (*request.gate, told), after=1)
            self.evidence.add(request.tested, after=1)
        planned = deadline_columns.next_reminder(request.clocks)
        if planned is not None and planned > at and _seconds(planned - at) <= _near(_seconds(planned - since)):
            self._count(_reminders, (*request.gate, told + 1), before=1)
            self.evidence.add(request.tested, before=1)

    def _last_reminder(self, request: CountedRequest) -> LastReminded | None:
        return self.reminded[request.id] if request.id in self.reminded else self.facts.reminded.get(request.id)

    def _remind(self, request: CountedRequest, at: datetime) -> None:
        """Count a message that reminds a person; it may be one more of a reminder that was counted."""
        last = self._last_reminder(request)
        if last is not None and at - last.since < ROUND:
            return
        told, since = (last.told, last.since) if last is not None else (0, request.opened_at)
        self._wait(request, told, since, -1)
        self._spend(request, told, at - since, is_decided=False)
        self._wait(request, told + 1, at, 1)
        self._count(_reminders, (*request.gate, told + 1), sent=1)
        self.reminded[request.id] = LastReminded(told + 1, at, _seconds(at - since))

    def _wait(self, request: CountedRequest, spell: int, since: datetime, number: int) -> None:
        key = (*request.gate[1:], request.deadline, spell, time_buckets.hour(since))
        self._count(_waits, key, requests=number)

    def _spend(self, request: CountedRequest, spell: int, duration: timedelta, *, is_decided: bool) -> int:
        """Count a time that ended, and return its class."""
        bucket = time_buckets.bucket(duration)
        key = (*request.gate, request.deadline, spell)
        self._count(DECISION_TIMES, key, **{_column(bucket, is_decided=is_decided): 1})
        return bucket

    def write(self, tx: Tx) -> None:
        """Add the counts to the tables."""
        for table, counts in self.counts.items():
            keys = _KEYS[table]
            rows = [
                {**dict(zip(keys, (self.workspace, *key), strict=True)), **numbers}
                for key, numbers in sorted(counts.items())
                if any(numbers.values())  # opened and closed by these entries
            ]
            _ADD[table].write_all(tx.connection, rows)
        for key, numbers in self.counts[_waits].items():
            if numbers["requests"] < 0:
                of_key = zip(_KEYS[_waits], (self.workspace, *key), strict=True)
                _NONE_OPEN.write(tx.connection, {f"of_{name}": value for name, value in of_key} | {"none": 0})
        self.evidence.write(tx)
        self._write_reminded(tx)

    def _write_reminded(self, tx: Tx) -> None:
        for request, last in sorted(self.reminded.items()):
            if last is None:
                _FORGET_REMINDED.write(tx.connection, {"of_workspace": self.workspace, "of_request": request})
                continue
            key = {"workspace": self.workspace, "request": request}
            state = {"told": last.told, "since": last.since, "seconds_before": last.seconds_before}
            _REMIND.write(tx.connection, key | state)


def _column(bucket: int, *, is_decided: bool) -> str:
    return (DECIDED if is_decided else UNDECIDED)[bucket]


def _near(seconds: int) -> float:
    """Return how many seconds count as near a reminder that follows so many seconds of waiting."""
    return min(NEAR, seconds / 2)


def _seconds(duration: timedelta) -> int:
    return int(duration.total_seconds())
