"""Workflows whose owner left: the account of the person was deactivated while they owned them."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from msgspec import Struct
from sqlalchemy import bindparam, select, update

from engine.domain import Person
from engine.domain.oversight import OVERSIGHT_WORKFLOW
from engine.domain.workflow_commands import WorkflowState
from engine.notices import OwnerNotice
from engine.store import people
from engine.store.connection import Connection
from engine.store.port import Tx
from engine.store.statements import Statement
from engine.store.tables import WorkflowRow

TOPIC: Final = "owner:"
"""What the topic of a message about the owner of a workflow begins with; the id of the workflow follows."""

_workflow = WorkflowRow.__table__  # type: ignore[attr-defined]
_MARK = Statement(
    update(_workflow)
    .where(_workflow.c.id == bindparam("held"), _workflow.c.owner == bindparam("of"))
    .values(owner_left_at=bindparam("now"))
)
_OWNED = Statement(
    select(_workflow.c.id).where(
        _workflow.c.workspace == bindparam("workspace"),
        _workflow.c.owner == bindparam("person"),
        _workflow.c.owner_left_at.is_(None),
        _workflow.c.state != WorkflowState.DELETED.value,
        _workflow.c.name != OVERSIGHT_WORKFLOW,
    )
)
_ONE = Statement(
    select(_workflow.c.name, _workflow.c.title, _workflow.c.owner, _workflow.c.owner_left_at).where(
        _workflow.c.id == bindparam("workflow")
    )
)
_LEFT = Statement(
    select(_workflow.c.name, _workflow.c.owner, _workflow.c.owner_left_at)
    .where(_workflow.c.owner_left_at.is_not(None), _workflow.c.state != WorkflowState.DELETED.value)
    .order_by(_workflow.c.name)
)


class LeftOwner(Struct, frozen=True, kw_only=True):
    """A workflow whose owner left."""

    workflow: str
    owner: str
    at: datetime


def mark(tx: Tx, workspace: str, person: str) -> list[str]:
    """Mark the workflows that a person owns who left, and return the ids of those that were not marked before."""
    owned = _OWNED.scalars(tx.connection, {"workspace": workspace, "person": person})
    for workflow in owned:
        tx.write(_MARK, {"held": workflow, "of": person, "now": tx.now})
    return owned


def load_notice(connection: Connection, delivery: str, topic: str, person: Person) -> OwnerNotice:
    """Return what to tell an admin about the owner of a workflow."""
    row = _ONE.one(connection, {"workflow": topic.removeprefix(TOPIC)})
    assert row is not None
    owner = people.load_people(connection, [row.owner])[row.owner]
    return OwnerNotice(
        delivery=delivery, person=person, name=row.name, title=row.title, owner=owner.label, left_at=row.owner_left_at
    )


def left_owners(connection: Connection) -> list[LeftOwner]:
    """Return the workflows whose owner left, by name."""
    rows = _LEFT.all(connection, {})
    owners = people.load_people(connection, [row.owner for row in rows])
    return [LeftOwner(workflow=row.name, owner=owners[row.owner].label, at=row.owner_left_at) for row in rows]
