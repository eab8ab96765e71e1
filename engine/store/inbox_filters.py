"""What a query of an inbox asks of one request, as conditions that read as little of it as they can.

Each condition looks up one key. Where an index has all that it needs, no row is read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, FromClause, Select, exists, literal_column, or_, select, true

from engine.domain import RequestState
from engine.inbox import InboxPart, InboxQuery
from engine.store import joined_people, request_search, workflows
from engine.store.connection import Connection
from engine.store.oversight_tables import OversightRequestRow
from engine.store.request_search import SearchMeaning
from engine.store.tables import DecisionRow, RequestRow, RunRow

_run = RunRow.__table__  # type: ignore[attr-defined]
_request = RequestRow.__table__  # type: ignore[attr-defined]
_decision = DecisionRow.__table__  # type: ignore[attr-defined]
_in_state = _request.alias("in_state")
_later = _decision.alias("later")
_seeded = OversightRequestRow.__table__  # type: ignore[attr-defined]
_imitated = _run.alias("imitated")
RARE: Final = frozenset({*RequestState} - {RequestState.APPROVED})
"""States that have an index of their own. Most requests are approved."""


@dataclass(frozen=True, slots=True)
class InboxConditions:
    """The conditions of one query. `meaning`: of what was typed to search for.

    `named`: the workflows that are filtered for, or None. `owned`: those of a reader who does not see everything.
    `deciders`: for the part of decided requests, the reader and who turned out to be them.
    """

    workspace: str
    query: InboxQuery
    meaning: SearchMeaning
    named: Sequence[str] | None
    owned: Sequence[str]
    deciders: Sequence[str]

    @classmethod
    def of(cls, connection: Connection, workspace: str, query: InboxQuery, meaning: SearchMeaning) -> InboxConditions:
        """Return the conditions of a query, with the ids of the workflows that it is about."""
        name, person = query.filter.workflow, query.reader.person.id
        named = workflows.load_named(connection, workspace, name) if name else None
        sees_own = query.part is InboxPart.ALL and not query.reader.reads_everything
        owned = workflows.load_owned(connection, workspace, person) if sees_own else ()
        deciders = joined_people.humans(connection, person) if query.part is InboxPart.DECIDED else ()
        return cls(workspace, query, meaning, named, owned, deciders)

    def words(self, request: ColumnElement[str]) -> list[ColumnElement[bool]]:
        """Return the conditions that a request has the words that were typed."""
        return request_search.has_words(request, self.workspace, self.meaning)

    def state(self, request: ColumnElement[str]) -> Iterator[ColumnElement[bool]]:
        """Yield the condition on the state of a request."""
        state = self.query.filter.state
        if state is not None:
            yield has_state(state, request, self.workspace)

    def period(self) -> Iterator[ColumnElement[bool]]:
        """Yield the conditions that a row of requests was opened on the days that are filtered for."""
        if self.query.part is not InboxPart.DECIDED:
            yield from self._days(_request.c.opened_at)

    def decided_within(self, decision: ColumnElement[str]) -> Iterator[ColumnElement[bool]]:
        """Yield the condition that a decision was made on these days, if the part is that of decisions."""
        days = [*self._days(_decision.c.decided_at)]
        if days and self.query.part is InboxPart.DECIDED:
            yield is_one(_decision, _decision.c.id == decision, *days)

    def _days(self, moment: ColumnElement[Any]) -> Iterator[ColumnElement[bool]]:
        wanted = self.query.filter
        if wanted.since is not None:
            yield moment >= wanted.since
        if wanted.until is not None:
            yield moment < wanted.until

    def run(self, *, person: str) -> Iterator[ColumnElement[bool]]:
        """Yield the conditions on the run of a row of requests. `person`: who started or decided it, if not empty."""
        if self.named is not None:
            of_workflow = is_one(_run, _run.c.workflow.in_(self.named), _equals(_run.c.id, _request.c.run))
            yield or_(of_workflow, _looks_like(_imitated.c.workflow.in_(self.named)))
        of_run = _run.c.id == _request.c.run
        if self.query.part is InboxPart.ALL and not self.query.reader.reads_everything:
            reader = self.query.reader.person.id
            yield is_one(_run, of_run, or_(_run.c.workflow.in_(self.owned), _run.c.requester == reader))
        if person:
            started = is_one(_run, _run.c.requester == person, _equals(_run.c.id, _request.c.run))
            yield or_(decided(_request.c.id, person), started, _looks_like(_imitated.c.requester == person))


def is_one(table: FromClause, *conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return the condition that a table has such a row. PostgreSQL might look through all of it for an EXISTS."""
    row: Select[Any] = (
        select(literal_column("1")).select_from(table).where(*conditions).limit(1).correlate_except(table)
    )
    return row.scalar_subquery().is_not(None)


def _looks_like(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return the condition that a request is a seeded one that waits, and imitates one of such a run."""
    joined = _seeded.join(_imitated, _equals(_imitated.c.id, _seeded.c.about_run))
    waits = _seeded.c.looks_like.is_not(None), _seeded.c.ended_at.is_(None)
    found: Select[Any] = (
        select(literal_column("1"))
        .select_from(joined)
        .where(_seeded.c.run == _request.c.run, *waits, condition)
        .limit(1)
        .correlate_except(_seeded, _imitated)
    )
    return found.scalar_subquery().is_not(None)


def all_of(conditions: Sequence[ColumnElement[bool]], table: FromClause | None) -> ColumnElement[bool]:
    """Return whether all conditions are met, in a row of a table if there is one.

    As a value, SQLite would compute each of them; in a WHERE none after one that is not met.
    """
    if table is not None:
        return is_one(table, *conditions)
    met: Select[Any] = select(literal_column("1")).where(*conditions).correlate_except()
    return met.scalar_subquery().is_not(None) if conditions else true()


def _equals(column: ColumnElement[str], value: ColumnElement[str] | str) -> ColumnElement[bool]:
    """Return the condition that a column has a value, which SQLite does not take for the best way to the row.

    For `=` it takes the primary key, and then reads the row, or an index of a person, which has all that they ever did.
    """
    return column.between(value, value)


def has_state(state: RequestState, request: ColumnElement[str], workspace: str) -> ColumnElement[bool]:
    """Return the condition that a request is in a state."""
    if state not in RARE:
        return is_one(_in_state, _in_state.c.id == request, _in_state.c.state == state.value)
    in_index = _in_state.c.workspace == workspace, is_in(state, _in_state), _equals(_in_state.c.id, request)
    return is_one(_in_state, *in_index)


def is_in(state: RequestState, table: Any = _request) -> ColumnElement[bool]:
    """Return the condition that a row is in a state, in the words of the index of the state."""
    condition: ColumnElement[bool] = table.c.state == literal_column(f"'{state.value}'")
    return condition


def decided(request: ColumnElement[str], person: str) -> ColumnElement[bool]:
    """Return the condition that a person decided a request."""
    found = exists().where(_decision.c.request == request, _equals(_decision.c.person, person))
    return found.correlate_except(_decision)


def is_latest(decision: ColumnElement[str], request: ColumnElement[str], person: str) -> ColumnElement[bool]:
    """Return the condition that a person decided nothing about a request after this decision."""
    later = exists().where(_later.c.request == request, _equals(_later.c.person, person), _later.c.id > decision)
    return ~later.correlate_except(_later)
