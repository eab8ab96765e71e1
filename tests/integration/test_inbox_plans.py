"""How SQLite reads the pages of an inbox, with what it knows of a new file: no one lets it analyze a file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from sqlalchemy import insert

from engine.access import Reader
from engine.domain import DEFAULT_WORKSPACE, Person, RequestState
from engine.inbox import InboxFilter, InboxPart, InboxQuery
from engine.store import reader_workflows
from engine.store.inbox_queries import inbox_page
from engine.store.search_tables import SearchWordRow
from engine.store.sqlite_connection import SqliteConnection, connect
from tests.support import stepwise_units
from tests.support.fakes import START

KEY = re.compile(r"\((id|request|run)=\?|PRIMARY KEY \(workspace=\? AND word=\? AND request=\?\)|\bid>\? AND id<\?\)")
"""What a step reads that looks up one row, or those of one run or request."""
READERS = [Reader(person=Person("p", "Ada")), Reader(person=Person("p", "Ada"), is_auditor=True)]
FILTERS = [
    InboxFilter(workflow=workflow, person=person, state=state, since=since, search=search)
    for workflow, person, state, since, search in product(
        ("", "flow"), ("", "q"), (None, RequestState.APPROVED, RequestState.REJECTED), (None, START), ("", "refund eur")
    )
]


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[SqliteConnection]:
    connection = connect(stepwise_units.copy_empty_database(tmp_path / "signoff.db"), writable=True)
    words = [{"workspace": DEFAULT_WORKSPACE, "word": word, "request": f"of {word}"} for word in ("refund", "eur")]
    connection.execute(insert(SearchWordRow), words)
    yield connection
    connection.close()


@pytest.mark.parametrize("part", InboxPart)
@pytest.mark.parametrize("reader", READERS, ids=["person", "auditor"])
def test_what_a_filter_checks_is_looked_up_by_key(
    connection: SqliteConnection, part: InboxPart, reader: Reader
) -> None:
    seen: set[str] = set()
    connection.driver.set_trace_callback(seen.add)
    for wanted in FILTERS:
        inbox_page(connection, DEFAULT_WORKSPACE, InboxQuery(reader=reader, part=part, filter=wanted))
    connection.driver.set_trace_callback(None)
    plans = [connection.driver.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall() for statement in seen]
    checks = {step for plan in plans for step in _checks(plan)}
    assert checks
    assert {step for step in checks if not KEY.search(step)} == set()
    steps = {step for plan in plans for *_, step in plan}
    assert not {step for step in steps if re.search(r"SEARCH (request|run|decision) .*\bworkspace=\?\)", step)} - LISTS
    assert not {step for step in steps if re.match(r"SCAN (request|run|decision|approver|person|had|also_had)", step)}


def test_the_workflows_to_choose_from_are_looked_up_along_the_indexes_of_a_person(connection: SqliteConnection) -> None:
    seen: set[str] = set()
    connection.driver.set_trace_callback(seen.add)
    reader_workflows.of_reader(connection, DEFAULT_WORKSPACE, READERS[0])
    connection.driver.set_trace_callback(None)
    plans = [connection.driver.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall() for statement in seen]
    steps = {step for plan in plans for *_, step in plan}
    assert not {step for step in steps if re.match(r"SCAN (person|address_period|had|also_had)\b", step)}
    tables = re.compile(r"(SCAN|SEARCH) (request|run|decision|approver)\b")
    assert {step for step in steps if tables.match(step)} == {
        "SEARCH run USING INDEX run_requester (requester=?)",
        "SEARCH run USING INDEX sqlite_autoindex_run_1 (id=?)",
        "SEARCH request USING INDEX sqlite_autoindex_request_1 (id=?)",
        "SEARCH approver USING INDEX approver_inbox (person=?)",
        "SEARCH decision USING COVERING INDEX decision_person (person=?)",
    }


LISTS = {
    "SEARCH request USING COVERING INDEX request_workspace (workspace=?)",
    "SEARCH request USING INDEX request_rejected (workspace=?)",
}
"""Steps that read a limited number of the newest requests, in their order."""


def _checks(plan: list[tuple[int, int, int, str]]) -> Iterator[str]:
    """Yield the steps that are done for each row of another step."""
    inner = set[int]()
    for number, parent, _, step in plan:
        if step.startswith("CORRELATED") or parent in inner:
            inner.add(number)
            if step.startswith("SEARCH") or re.match(r"SCAN \w", step.removesuffix(" CONSTANT ROW")):
                yield step
