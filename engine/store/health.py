"""The state of a database and the problems in it, read without changing anything."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any, Final, cast

from sqlalchemy import Row, Select, bindparam, exists, func, select

from engine import json_values
from engine.domain import DeliveryKind, DeliveryState, RequestState, RunStatus
from engine.domain.oversight import OVERSIGHT_WORKFLOW
from engine.domain.people import ACCOUNT
from engine.domain.workflow_commands import WorkflowState
from engine.store import schema
from engine.store.connection import Connection
from engine.store.oversight_tables import OversightRequestRow
from engine.store.people_tables import AddressRow, PersonRow
from engine.store.sqlite_connection import SqliteConnection, connect
from engine.store.sqlite_errors import translated
from engine.store.tables import (
    ApproverRow,
    AuditRow,
    DeliveryRow,
    RequestRow,
    RunRow,
    WorkflowRow,
    WorkflowVersionRow,
    WorkspaceRow,
)
from engine.store.trigger_tables import TriggerRow

_address = AddressRow.__table__  # type: ignore[attr-defined]
_approver = ApproverRow.__table__  # type: ignore[attr-defined]
_audit = AuditRow.__table__  # type: ignore[attr-defined]
_delivery = DeliveryRow.__table__  # type: ignore[attr-defined]
_oversight = OversightRequestRow.__table__  # type: ignore[attr-defined]
_person = PersonRow.__table__  # type: ignore[attr-defined]
_request = RequestRow.__table__  # type: ignore[attr-defined]
_run = RunRow.__table__  # type: ignore[attr-defined]
_trigger = TriggerRow.__table__  # type: ignore[attr-defined]
_version = WorkflowVersionRow.__table__  # type: ignore[attr-defined]
_workflow = WorkflowRow.__table__  # type: ignore[attr-defined]
_workspace = WorkspaceRow.__table__  # type: ignore[attr-defined]

_FIRST: Final = 3
"""How many of each kind are named; the others are only counted."""
_STEPS_BETWEEN_LOOKS: Final = 100_000
"""Instructions of SQLite between two checks of the time in a long check."""


class SchemaState(Enum):
    """What kind of database a file is."""

    CURRENT = "current"
    OLDER = "older"
    NEWER = "newer"
    EMPTY = "empty"
    FOREIGN = "foreign"
    """A database of another program."""
    TRIAL = "trial"
    """Made by `signoff try`."""


@dataclass(frozen=True, slots=True)
class Summary:
    """A count, and the first of them in words."""

    count: int
    first: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WorkflowSource:
    """The bytes of a workflow's version that is current, or that an open run pinned."""

    name: str
    version: int
    is_current: bool
    source: bytes


@dataclass(frozen=True, slots=True)
class TroubledTrigger:
    """A trigger that does not start runs. `failure`: why, or None if it is a schedule that is only late."""

    workflow: str
    kind: str
    next_at: datetime | None
    failure: str | None


@contextmanager
def open_for_inspection(path: Path) -> Iterator[SqliteConnection]:
    """Open a read-only connection to a file of any schema, also one that another process owns. Raises `StoreError`.

    Readers of a WAL leave files beside the database. Without a WAL, no process has it open.
    """
    real = path.resolve()
    untouched = not real.with_name(real.name + "-wal").exists()
    with closing(connect(path, writable=False, untouched=untouched)) as connection, translated(path):
        yield connection


def schema_state(connection: Connection) -> SchemaState:
    """Return what kind of database the file is, by its schema."""
    revision, known_revisions = schema.current_revision(connection), schema.revisions(schema.HISTORY)
    if revision is None:
        tables = connection.exec_driver_sql("SELECT 1 FROM sqlite_master").first()
        return SchemaState.EMPTY if tables is None else SchemaState.FOREIGN
    if revision not in known_revisions:
        return SchemaState.NEWER
    if connection.execute(select(_workspace.c.name)).scalar() == schema.TRIAL:
        return SchemaState.TRIAL
    return SchemaState.CURRENT if revision == known_revisions[-1] else SchemaState.OLDER


def has_wal(path: Path) -> bool:
    """Return whether the header of the file says that it has a WAL: https://sqlite.org/fileformat2.html"""
    with path.open("rb") as file:
        return file.read(20)[18:] == b"\x02\x02"


def find_damage(connection: SqliteConnection, *, seconds: float) -> str | None:
    """Return the messages of SQLite's quick check, empty if all is well, or None if it takes longer than `seconds`."""
    driver = connection.driver
    deadline = time.monotonic() + seconds
    driver.set_progress_handler(lambda: int(time.monotonic() > deadline), _STEPS_BETWEEN_LOOKS)
    try:
        messages = [str(row[0]) for row in driver.execute("PRAGMA quick_check(1)")]
    except sqlite3.OperationalError as error:
        if error.sqlite_errorname == "SQLITE_INTERRUPT":
            return None
        raise
    finally:
        driver.set_progress_handler(None, 0)
    return "" if messages == ["ok"] else "; ".join(messages)


def last_entry_at(connection: Connection) -> datetime | None:
    """Return the time of the last entry of the audit log, or None."""
    leaf = connection.execute(select(_audit.c.leaf).order_by(_audit.c.seq.desc()).limit(1)).scalar()
    return None if leaf is None else datetime.fromisoformat(cast("dict[str, Any]", json_values.loads(leaf))["at"])


def workflow_sources(connection: Connection) -> list[WorkflowSource]:
    """Return the current version of every workflow, and the versions that open runs pinned."""
    pinned = select(_run.c.workflow, _run.c.version).where(_run.c.ended_at.is_(None))
    now = select(_workflow.c.id, _workflow.c.version).where(_workflow.c.state != WorkflowState.DELETED.value)
    versions = pinned.union(now).subquery()
    statement = (
        select(_workflow.c.name, _version.c.version, _workflow.c.version.label("current"), _version.c.source)
        .select_from(
            versions.join(
                _version, (_version.c.workflow == versions.c.workflow) & (_version.c.version == versions.c.version)
            ).join(_workflow, _workflow.c.id == _version.c.workflow)
        )
        .where(_workflow.c.name != OVERSIGHT_WORKFLOW)
        .order_by(_workflow.c.name, _version.c.version)
    )
    return [
        WorkflowSource(row.name, row.version, row.version == row.current, bytes(row.source))
        for row in connection.execute(statement)
    ]


def troubled_triggers(connection: Connection, *, before: datetime) -> list[TroubledTrigger]:
    """Return the first triggers that could last not start a run, or that have been due since before a moment."""
    is_late = _trigger.c.next_at < bindparam("before", type_=_trigger.c.next_at.type)
    statement = (
        select(_workflow.c.name, _trigger.c.kind, _trigger.c.next_at, _trigger.c.failure)
        .join(_workflow, _workflow.c.id == _trigger.c.workflow)
        .where(_trigger.c.failure.is_not(None) | is_late)
        .order_by(_workflow.c.name, _trigger.c.position)
        .limit(_FIRST)
    )
    return [
        TroubledTrigger(workflow=row.name, kind=row.kind, next_at=row.next_at, failure=row.failure)
        for row in connection.execute(statement, {"before": before})
    ]


# -- work for a person --------------------------------------------------------------------------------------

_PENDING = _request.c.state == RequestState.PENDING.value
_COPY = select(_delivery.c.channel, _delivery.c.address, _delivery.c.last_error).order_by(_delivery.c.id)
_FAILING = _COPY.where(
    _delivery.c.state == DeliveryState.DUE.value, _delivery.c.last_error.is_not(None), _delivery.c.next_at.is_not(None)
)
_other = _delivery.alias("other")
_DEAD = _COPY.join(_request, _request.c.id == _delivery.c.request).where(
    _PENDING,
    _delivery.c.kind == DeliveryKind.REQUEST.value,
    _delivery.c.state == DeliveryState.DEAD.value,
    # A person who was then asked another way has a delivery.
    ~exists().where(
        _other.c.run == _delivery.c.run,
        _other.c.request == _delivery.c.request,
        _other.c.person == _delivery.c.person,
        _other.c.kind == DeliveryKind.REQUEST.value,
        _other.c.state != DeliveryState.DEAD.value,
    ),
)
_REFUSED = (
    select(_address.c.value, _address.c.refused_why)
    .where(_address.c.refused_at.is_not(None))
    .order_by(_address.c.refused_at.desc())
)
_ATTENTION = (
    select(_run.c.id, _workflow.c.name)
    .join(_workflow, _workflow.c.id == _run.c.workflow)
    .where(_run.c.ended_at.is_(None), _run.c.status == RunStatus.NEEDS_ATTENTION.value)
    .order_by(_run.c.id)
)
_TOGETHER = (
    select(func.aggregate_strings(_address.c.value, " and ").label("accounts"))
    .where(_address.c.kind == ACCOUNT)
    .group_by(_address.c.person)
    .having(func.count() > 1)
    .order_by(_address.c.person)
)
_before = _address.alias("before")
_APART = (
    select(_address.c.value.label("account"), _before.c.value.label("other"))
    .select_from(
        _person.join(_address, (_address.c.person == _person.c.id) & (_address.c.kind == ACCOUNT)).join(
            _before, (_before.c.person == _person.c.split_from) & (_before.c.kind == ACCOUNT)
        )
    )
    .order_by(_person.c.id)
)
_UNDECIDABLE = (
    select(_request.c.id, _request.c.title)
    .join(_oversight, _oversight.c.run == _request.c.run)
    .where(_PENDING, ~exists().where(_approver.c.request == _request.c.id, _approver.c.pending))
    .order_by(_request.c.id)
)
_UNSEEN = (
    select(_request.c.id)
    .where(_PENDING, _request.c.first_shown_at.is_(None), _request.c.opened_at <= bindparam("before"))
    .order_by(_request.c.id)
)


def failing_deliveries(connection: Connection) -> Summary:
    """Return deliveries that failed and will be tried again."""
    return _some(connection, _FAILING, _copy)


def dead_deliveries(connection: Connection) -> Summary:
    """Return deliveries of open requests that will never be shown."""
    return _some(connection, _DEAD, _copy)


def refused_addresses(connection: Connection) -> Summary:
    """Return addresses that refused the last delivery for good, the latest first."""
    return _some(connection, _REFUSED, lambda row: f"{row.value}: {row.refused_why}")


def runs_needing_attention(connection: Connection) -> Summary:
    """Return runs whose owner has to say what became of a step."""
    return _some(connection, _ATTENTION, lambda row: f"{row.id} ({row.name})")


def joined_accounts(connection: Connection) -> Summary:
    """Return accounts that an older version joined into one person, and that are separate now or will be."""
    both = _some(connection, _TOGETHER, lambda row: f"{row.accounts} (one person until the server starts)")
    summary = _some(connection, _APART, lambda row: f"{row.account} and {row.other}")
    return Summary(both.count + summary.count, (*both.first, *summary.first)[:_FIRST])


def oversight_without_deciders(connection: Connection) -> Summary:
    """Return requests of Signoff itself that wait and that no person can decide."""
    return _some(connection, _UNDECIDABLE, lambda row: f"“{row.title}” ({row.id})")


def undelivered_requests(connection: Connection, *, before: datetime) -> Summary:
    """Return requests that were opened before `before` and reached no one."""
    return _some(connection, _UNSEEN, lambda row: str(row.id), {"before": before})


def _some(
    connection: Connection,
    statement: Select[Any],
    describe: Callable[[Row[Any]], str],
    params: Mapping[str, Any] | None = None,
) -> Summary:
    count = connection.execute(select(func.count()).select_from(statement.order_by(None).subquery()), params).scalar()
    rows = connection.execute(statement.limit(_FIRST), params)
    return Summary(count or 0, tuple(map(describe, rows)))


def _copy(row: Row[Any]) -> str:
    return f"{row.address} ({row.channel}): {row.last_error}"
