"""Fills a database with requests of many workflows and people, past the engine: hundreds of thousands in a minute."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from bot.devtools.bench.engine_load import open_engine
from engine import search_words, timestamps
from engine.domain import DEFAULT_WORKSPACE, RequestState, RunStatus
from engine.system import RandomIds, SystemClock

WORKFLOWS: Final = 20
NAMES: Final = ("Ada", "Ben", "Cleo", "Dana", "Emil", "Finn", "Gus", "Hana", "Ida", "Jon", "Kim", "Lee", "Mia", "Nils")
PEOPLE: Final = 200
DAYS: Final = 700
"""Days over which the requests were opened."""
_CHUNK: Final = 20_000
_SEED: Final = 7
_TEMPLATE_TABLES: Final = ("run", "step_run", "request", "approver", "decision", "delivery")
_ENDED: Final[Mapping[RequestState, RunStatus]] = {
    RequestState.APPROVED: RunStatus.SUCCEEDED,
    RequestState.REJECTED: RunStatus.REJECTED,
    RequestState.EXPIRED: RunStatus.EXPIRED,
    RequestState.CANCELLED: RunStatus.CANCELLED,
}
_STATES: Final = (*[RequestState.APPROVED] * 17, RequestState.REJECTED, RequestState.EXPIRED, RequestState.CANCELLED)

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxFillSize:
    """How many requests are stored, how many of them wait, and how many of those for one person."""

    stored: int
    pending: int
    of_reader: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """What queries need to know: people by id, names of workflows, and numbers of orders that exist."""

    reader: str
    owner: str
    people: Sequence[str]
    workflows: Sequence[str]
    orders: int


async def record(path: Path) -> None:
    """Write the rows of one decided request with the engine: those of all others are made after them."""
    with open_engine(path) as env:
        await env.register()
        run = await env.start()
        await env.decide(run)
        await env.advance(run)


def fill(path: Path, size: InboxFillSize) -> Filled:
    """Fill a database that has the rows of one request. It is not analyzed: Signoff never does that."""
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA synchronous = OFF")
        filler = _Filler(connection, size)
        filler.write_people_and_workflows()
        filler.write_requests()
        return filler.filled


class _Filler:
    """Writes rows like those that the engine wrote."""

    def __init__(self, connection: sqlite3.Connection, size: InboxFillSize) -> None:
        self._connection, self._size, self._random, self._ids = connection, size, random.Random(_SEED), RandomIds()  # noqa: S311
        self._templates = {name: self._first(name) for name in _TEMPLATE_TABLES}
        self._workflow = self._first("workflow")
        self._version = self._first("workflow_version")
        self._now = SystemClock().now()
        self._people: list[tuple[str, str]] = []
        self._workflows: list[tuple[str, str]] = []

    @property
    def filled(self) -> Filled:
        people = [person for person, _ in self._people]
        return Filled(
            reader=people[0],
            owner=self._workflow["owner"],
            people=people,
            workflows=[name for _, name in self._workflows],
            orders=self._size.stored,
        )

    def _first(self, table: str) -> Row:
        return dict(self._connection.execute(f"SELECT * FROM {table} LIMIT 1").fetchone())  # noqa: S608 our own name

    def _write(self, table: str, rows: Sequence[Row]) -> None:
        if rows:
            names = [*rows[0]]
            marks = ", ".join("?" * len(names))
            insert = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})"  # noqa: S608 names of columns
            self._connection.executemany(insert, [[row[name] for name in names] for row in rows])

    def write_people_and_workflows(self) -> None:
        person = self._first("person")
        for number in range(PEOPLE):
            name = f"{NAMES[number % len(NAMES)]} {number}"
            row = {**person, "id": self._ids.new(self._now), "name": name}
            self._write("person", [row])
            self._people.append((row["id"], name))
        for number in range(WORKFLOWS):
            own = {
                **self._workflow,
                "id": self._ids.new(self._now),
                "name": f"flow-{number}",
                "title": f"Flow {number}",
            }
            if number:  # the first has an owner of its own
                own["owner"] = self._people[number][0]
            self._write("workflow", [own])
            self._write("workflow_version", [{**self._version, "workflow": own["id"]}])
            self._workflows.append((own["id"], own["name"]))

    def write_requests(self) -> None:
        for first in range(0, self._size.stored, _CHUNK):
            tables: dict[str, list[Row]] = {name: [] for name in _TEMPLATE_TABLES}
            words: list[tuple[str, str]] = []
            for number in range(first, min(first + _CHUNK, self._size.stored)):
                for table, row in self._rows(number):
                    tables[table].append(row)
                request = tables["request"][-1]
                texts = [request["title"], tables["run"][-1]["requester_label"]]
                words += [(word, request["id"]) for word in search_words.words(texts)]
            for name in _TEMPLATE_TABLES:
                self._write(name, tables[name])
            insert = "INSERT INTO search_word (workspace, word, request) VALUES (?, ?, ?)"
            self._connection.executemany(insert, [(DEFAULT_WORKSPACE, *pair) for pair in sorted(words)])
        self._connection.commit()

    def _rows(self, number: int) -> Iterator[tuple[str, Row]]:
        """Yield the rows of one request. The last ones wait, and the very last for the reader."""
        opened = self._now - timedelta(days=DAYS) * (1 - number / self._size.stored)
        left = self._size.stored - number
        state = RequestState.PENDING if left <= self._size.pending else self._random.choice(_STATES)
        run, request = self._ids.new(opened), self._ids.new(opened + timedelta(milliseconds=3))
        requester, label = self._random.choice(self._people)
        approvers = self._approvers(number, left)
        ended = _written(opened + timedelta(hours=1)) if state is not RequestState.PENDING else None
        yield (
            "run",
            {
                **self._templates["run"],
                **{"id": run, "workflow": self._workflows[number % WORKFLOWS][0], "requester": requester},
                **{"requester_label": label, "status": _ENDED.get(state, RunStatus.WAITING).value, "ended_at": ended},
                **{"started_at": _written(opened), "ready_at": None, "key": None},
            },
        )
        yield "step_run", {**self._templates["step_run"], "run": run}
        yield (
            "request",
            {
                **self._templates["request"],
                **{"id": request, "run": run, "state": state.value, "opened_at": _written(opened), "closed_at": ended},
                **{"title": f"Refund {number % 997}.50 EUR for order A-{number}?", **self._deadline(state)},
                "closed_by": approvers[0] if state in (RequestState.APPROVED, RequestState.REJECTED) else None,
            },
        )
        pending = state is RequestState.PENDING
        for position, person in enumerate(approvers):
            own = {"request": request, "person": person, "position": position, "pending": pending}
            yield "approver", {**self._templates["approver"], **own}
        if state in (RequestState.APPROVED, RequestState.REJECTED):
            decision = {"id": self._ids.new(opened + timedelta(hours=1)), "request": request, "person": approvers[0]}
            yield "decision", {**self._templates["decision"], **decision, "verdict": state.value, "decided_at": ended}
        sent = {"id": self._ids.new(opened), "run": run, "request": request, "person": approvers[0], "next_at": None}
        yield "delivery", {**self._templates["delivery"], **sent}

    def _approvers(self, number: int, left: int) -> list[str]:
        people, count = self._people, len(self._people)
        if left <= self._size.of_reader or (left > self._size.pending and number % 20 == 0):
            return [people[0][0], people[1 + number % (count - 1)][0]]
        return [people[1 + number % (count - 1)][0], people[1 + (number + 1) % (count - 1)][0]]

    def _deadline(self, state: RequestState) -> Row:
        if state is not RequestState.PENDING or self._random.random() < 0.1:
            return {"expires_at": None, "check_at": None}
        due = _written(self._now + timedelta(minutes=self._random.randrange(100, 50_000)))
        return {"expires_at": due, "check_at": due}


def _written(moment: datetime) -> str:
    return timestamps.exact(moment)[:-1].replace("T", " ")
