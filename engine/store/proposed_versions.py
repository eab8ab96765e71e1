"""Changes to protected workflows that wait for an approval, as rows."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from msgspec import Struct
from sqlalchemy import bindparam, insert, select, update

from engine.store.connection import Connection
from engine.store.oversight_tables import OversightRequestRow
from engine.store.port import Tx
from engine.store.statements import Statement
from engine.store.version_tables import ProposedVersionRow

_proposed = ProposedVersionRow.__table__  # type: ignore[attr-defined]
_oversight = OversightRequestRow.__table__  # type: ignore[attr-defined]

_NEW = Statement(insert(_proposed))
_ONE = Statement(select(_proposed).where(_proposed.c.run == bindparam("of_run")))
_OPEN = Statement(
    select(_proposed)
    .join(_oversight, _oversight.c.run == _proposed.c.run)
    .where(
        _proposed.c.workspace == bindparam("in_workspace"),
        _proposed.c.workflow == bindparam("name"),
        _oversight.c.ended_at.is_(None),
    )
    .order_by(_proposed.c.run)
)
_EMPTY = Statement(update(_proposed).where(_proposed.c.run == bindparam("held")).values(source=None))


class Action(StrEnum):
    """What is proposed."""

    REGISTER = "register"
    ROLL_BACK = "roll_back"
    TRANSFER = "transfer"
    ENABLE = "enable"
    DELETE = "delete"


class ProposedVersion(Struct, frozen=True, kw_only=True):
    """A change that waits, by the run of its request. See `ProposedVersionRow`."""

    run: str
    workspace: str
    workflow: str
    action: Action
    base: int | None
    source: bytes | None
    hash: str | None
    from_version: int | None
    author: str
    proposed_at: datetime


def insert_row(tx: Tx, proposed: ProposedVersion) -> None:
    """Write a proposal."""
    values = {name: getattr(proposed, name) for name in proposed.__struct_fields__}
    tx.write(_NEW, values | {"action": proposed.action.value})


def find(connection: Connection, run: str) -> ProposedVersion | None:
    """Return what the request of a run proposes, or None if it proposes nothing."""
    row = _ONE.one(connection, {"of_run": run})
    return None if row is None else _read(row)


def load_open(connection: Connection, workspace: str, workflow: str) -> list[ProposedVersion]:
    """Return the proposals about a workflow that wait, the oldest first."""
    return [_read(row) for row in _OPEN.all(connection, {"in_workspace": workspace, "name": workflow})]


def empty(tx: Tx, run: str) -> None:
    """Erase the file that was proposed."""
    tx.write(_EMPTY, {"held": run})


def _read(row: Any) -> ProposedVersion:
    values = row._asdict()
    source = None if values["source"] is None else bytes(values["source"])
    return ProposedVersion(**values | {"source": source, "action": Action(values["action"])})
