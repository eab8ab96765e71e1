"""Where the rows of a run name people: which columns hold texts, JSON, and ids of people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, Table, and_, select

from engine.store.ask_tables import AskRow
from engine.store.connection import Connection
from engine.store.item_tables import ItemRow
from engine.store.oversight_tables import OversightRequestRow
from engine.store.tables import (
    ApproverRow,
    ContentChangeRow,
    DecisionRow,
    DeliveryRow,
    ModelCallRow,
    QuestionRow,
    RatingRow,
    RequestRow,
    RunRow,
    StepAnswerRow,
    StepRunRow,
    UndoRow,
)

_request = RequestRow.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class TextTable:
    """A table with rows of a run. `texts`: columns with plain text; `json`: with JSON; `people`: with ids of people."""

    table: Table
    texts: tuple[str, ...] = ()
    json: tuple[str, ...] = ()
    people: tuple[str, ...] = ()

    @property
    def of_run(self) -> ColumnElement[str]:
        """Return the column that says of which run a row is, in what `select` reads."""
        if self.table.name == "run":
            return self.table.c.id
        return self.table.c.run if "run" in self.table.c else _request.c.run

    def select(self, runs: Sequence[str]) -> Select[Any]:
        """Select the rows of these runs: their keys, all columns that may name people, and their run as `of_run`."""
        keys = [column.name for column in self.table.primary_key.columns]
        names = dict.fromkeys([*keys, *self.texts, *self.json, *self.people])
        statement = select(*(self.table.c[name] for name in names), self.of_run.label("of_run"))
        if "run" not in self.table.c and self.table.name != "run":
            joined = self.table.join(_request, _request.c.id == self.table.c.request)
            statement = statement.select_from(joined)
        return statement.where(self.of_run.in_(runs))

    def names_one_of(self, row: Any, ids: frozenset[str]) -> bool:
        """Return whether a row holds the id of one of these people."""
        return any(getattr(row, name) in ids for name in self.people)

    def is_row(self, row: Any) -> ColumnElement[bool]:
        """Return the condition that finds a row again."""
        return and_(*(column == getattr(row, column.name) for column in self.table.primary_key.columns))


def _table(row: Any, *, texts: str = "", json: str = "", people: str = "") -> TextTable:
    return TextTable(row.__table__, tuple(texts.split()), tuple(json.split()), tuple(people.split()))


RUN: Final = _table(RunRow, texts="requester_label error key", json="origin inputs cancel output", people="requester")
DECISION: Final = _table(DecisionRow, texts="reason", json="edits record", people="person")
REQUEST: Final = _table(RequestRow, texts="title", json="details content", people="closed_by")
DELIVERY: Final = _table(DeliveryRow, texts="address last_error", people="person")
TABLES: Final = (
    RUN,
    _table(StepRunRow, texts="error", json="params output"),
    _table(ItemRow, texts="error", json="value params output"),
    _table(AskRow, texts="note key external_id consume_key", json="echo"),
    _table(OversightRequestRow, json="facts", people="owner"),
    _table(StepAnswerRow, people="person"),
    _table(ModelCallRow, texts="problem"),
    REQUEST,
    _table(ApproverRow, texts="rule excluded handed_to", json="named_by", people="person"),
    DECISION,
    _table(ContentChangeRow, json="edits", people="person"),
    _table(UndoRow, people="person"),
    _table(QuestionRow, texts="text answer", people="asked_by asked_to answered_by"),
    _table(RatingRow, texts="comment", people="person"),
    DELIVERY,
)


def rows_of(connection: Connection, runs: Sequence[str]) -> Iterator[tuple[TextTable, Any]]:
    """Yield every row of these runs that may name people, with its table."""
    for table in TABLES:
        for row in connection.execute(table.select(runs)).all():
            yield table, row
