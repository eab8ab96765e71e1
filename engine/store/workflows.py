"""Workflows and the source of their versions."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import bindparam, case, func, insert, select, update

from engine.domain.oversight import OVERSIGHT_WORKFLOW
from engine.domain.workflow_commands import WorkflowState
from engine.errors import Conflict
from engine.read_models import WorkflowName, WorkflowView
from engine.store import people, trigger_rows
from engine.store.connection import Connection
from engine.store.port import Tx
from engine.store.statements import Statement
from engine.store.tables import WorkflowRow, WorkflowVersionRow

_workflow = WorkflowRow.__table__  # type: ignore[attr-defined]
_version = WorkflowVersionRow.__table__  # type: ignore[attr-defined]

_DELETED: Final = WorkflowState.DELETED.value
_CURRENT = (
    select(
        *(
            _workflow.c[name]
            for name in (
                *("id", "name", "title", "owner", "version", "updated_at", "state"),
                *("owner_rule", "owner_left_at"),
            )
        ),
        _version.c.source,
        _version.c.hash,
        _version.c.registered_by,
    )
    .select_from(
        _workflow.join(_version, (_version.c.workflow == _workflow.c.id) & (_version.c.version == _workflow.c.version))
    )
    .where(_workflow.c.workspace == bindparam("workspace"))
)
_OF_PEOPLE: Any = _workflow.c.name != OVERSIGHT_WORKFLOW
"""Leaves out the workflow of oversight requests, which no one may see, start, call or replace."""
_BY_NAME = Statement(_CURRENT.where(_workflow.c.name == bindparam("name"), _OF_PEOPLE))
_OVERSIGHT = Statement(_CURRENT.where(_workflow.c.name == OVERSIGHT_WORKFLOW))
_VERSION = Statement(
    select(
        *(_workflow.c[name] for name in ("id", "owner", "version", "state", "owner_rule")),
        _version.c.hash,
    )
    .select_from(
        _workflow.join(_version, (_version.c.workflow == _workflow.c.id) & (_version.c.version == _workflow.c.version))
    )
    .where(_workflow.c.workspace == bindparam("workspace"), _workflow.c.name == bindparam("name"), _OF_PEOPLE)
)
_LISTED = Statement(_CURRENT.where(_OF_PEOPLE, _workflow.c.state != _DELETED).order_by(_workflow.c.name))
_BY_ID = Statement(
    select(_workflow.c.name, _workflow.c.owner, _workflow.c.owner_rule, _version.c.hash)
    .select_from(_workflow.join(_version, _version.c.workflow == _workflow.c.id))
    .where(_workflow.c.id == bindparam("workflow"), _version.c.version == bindparam("version"))
)
_SOURCE = Statement(
    select(_version.c.source).where(
        _version.c.workflow == bindparam("workflow"), _version.c.version == bindparam("version")
    )
)
_CHOICES = Statement(
    select(_workflow.c.name, _workflow.c.title, _workflow.c.owner)
    .where(_workflow.c.workspace == bindparam("workspace"), _OF_PEOPLE)
    .order_by(_workflow.c.name)
)
_NAMES = Statement(
    select(_workflow.c.name).where(
        _workflow.c.workspace == bindparam("workspace"), _OF_PEOPLE, _workflow.c.state != _DELETED
    )
)
_SAME_TITLE = Statement(
    select(_workflow.c.name)
    .where(
        _workflow.c.workspace == bindparam("workspace"),
        _workflow.c.state == WorkflowState.ACTIVE.value,
        func.lower(_workflow.c.title) == func.lower(bindparam("title")),
        _workflow.c.name != bindparam("name"),
        _OF_PEOPLE,
    )
    .order_by(_workflow.c.name)
    .limit(1)
)
_OWNED = Statement(
    select(_workflow.c.id).where(
        _workflow.c.workspace == bindparam("workspace"), _workflow.c.owner == bindparam("person")
    )
)
_NAMED = Statement(
    select(_workflow.c.id).where(
        _workflow.c.workspace == bindparam("workspace"), _workflow.c.name == bindparam("name"), _OF_PEOPLE
    )
)
_RESPONSIBLE = Statement(
    select(_workflow.c.owner, _version.c.registered_by)
    .select_from(_workflow.join(_version, _version.c.workflow == _workflow.c.id))
    .where(_workflow.c.id == bindparam("workflow"), _version.c.version == bindparam("version"))
)
_NEW = Statement(insert(_workflow))
_NEW_VERSION = Statement(insert(_version))
_REPLACE = Statement(
    update(_workflow)
    .where(_workflow.c.id == bindparam("held"), _workflow.c.version == bindparam("seen"))
    .values(
        title=bindparam("new_title"),
        owner=bindparam("new_owner"),
        owner_rule=bindparam("new_rule"),
        # Admins are told once of an owner who left, and not again for each version.
        owner_left_at=case(
            (_workflow.c.owner == bindparam("kept_owner"), _workflow.c.owner_left_at),
            else_=None,
        ),
        version=bindparam("new_version"),
        updated_at=bindparam("now"),
        # A workflow that was deleted is there again.
        state=case((_workflow.c.state == _DELETED, WorkflowState.ACTIVE.value), else_=_workflow.c.state),
    )
)

_HOLD = Statement(
    update(_workflow)
    .where(_workflow.c.id == bindparam("held"), _workflow.c.version == bindparam("seen"))
    .values(version=_workflow.c.version)
)

_CONTACT = Statement(
    update(_workflow)
    .where(_workflow.c.id == bindparam("held"), _workflow.c.owner == bindparam("seen"))
    .values(owner=bindparam("new_owner"), owner_left_at=None)
)


class NewVersion(Struct, frozen=True, kw_only=True):
    """A new version of a workflow."""

    id: str
    name: str
    title: str
    owner: str
    version: int
    source: bytes
    hash: str
    registered_by: str
    updated_at: datetime
    state: str = WorkflowState.ACTIVE.value
    """A `WorkflowState`, as it was loaded. A new version leaves it, but of a deleted workflow."""
    owner_rule: str | None = None
    """The role or group that owns it, of which `owner` is the contact."""
    owner_left_at: datetime | None = None
    """Since when the owner is known to have left, as it was loaded."""


class CurrentWorkflow(Struct, frozen=True, kw_only=True):
    """The current version of a workflow, as starting a run needs it."""

    id: str
    name: str
    owner: str
    version: int
    state: str = WorkflowState.ACTIVE.value
    owner_rule: str | None = None


class PinnedWorkflow(Struct, frozen=True, kw_only=True):
    """The version that a run started with. `owner`: the present owner of the workflow."""

    name: str
    owner: str
    hash: str
    owner_rule: str | None = None


def load_pinned_cached(tx: Tx, workflow: str, version: int) -> PinnedWorkflow:
    """Return a version that a run pinned, without its source. Raises `Conflict` if it is only being written."""
    key = (workflow, version)
    pinned: PinnedWorkflow | None = tx.memory.get(key)
    if pinned is None:
        row = _BY_ID.one(tx.connection, {"workflow": workflow, "version": version})
        if row is None:
            raise Conflict(f"version {version} of workflow {workflow} is being registered")
        pinned = PinnedWorkflow(name=row.name, owner=row.owner, hash=row.hash, owner_rule=row.owner_rule)
        tx.memory.keep(key, pinned)
    return pinned


def load_current_cached(tx: Tx, workspace: str, name: str) -> CurrentWorkflow | None:
    """Return the current version without its source, which is cached compiled (see `load_source`)."""
    if name == OVERSIGHT_WORKFLOW:
        return None
    key = (workspace, name)
    current: CurrentWorkflow | None = tx.memory.get(key)
    if current is None:
        row = _VERSION.one(tx.connection, {"workspace": workspace, "name": name})
        if row is not None:
            current = _keep_current(tx, key, row)
    return current


def _keep_current(tx: Tx, key: tuple[str, str], row: Any) -> CurrentWorkflow:
    """Cache the current version, and the version that runs started now pin, which they need at once."""
    name = key[1]
    current = CurrentWorkflow(
        id=row.id, name=name, owner=row.owner, version=row.version, state=row.state, owner_rule=row.owner_rule
    )
    pinned = PinnedWorkflow(name=name, owner=row.owner, hash=row.hash, owner_rule=row.owner_rule)
    tx.memory.keep(key, current)
    tx.memory.keep((row.id, row.version), pinned)
    return current


def load_oversight(connection: Connection, workspace: str) -> NewVersion | None:
    """Return the workflow of oversight requests, which no other function here returns, or None before the first."""
    row = _OVERSIGHT.one(connection, {"workspace": workspace})
    return _read(row) if row is not None else None


def load_oversight_cached(tx: Tx, workspace: str, hash: str) -> CurrentWorkflow | None:
    """Return the workflow of oversight requests if its current version has this hash, or None."""
    key = (workspace, OVERSIGHT_WORKFLOW)
    current: CurrentWorkflow | None = tx.memory.get(key)
    if current is None:
        found = load_oversight(tx.connection, workspace)
        if found is None or found.hash != hash:
            return None
        current = CurrentWorkflow(id=found.id, name=found.name, owner=found.owner, version=found.version)
        tx.memory.keep(key, current)
    return current


def load_workflow(connection: Connection, workspace: str, name: str) -> NewVersion | None:
    row = _BY_NAME.one(connection, {"workspace": workspace, "name": name})
    return _read(row) if row is not None else None


def _read(row: Any) -> NewVersion:
    return NewVersion(**row._asdict())


def load_workflows(connection: Connection, workspace: str) -> list[NewVersion]:
    """Return all workflows by name."""
    return [_read(row) for row in _LISTED.all(connection, {"workspace": workspace})]


def load_names(connection: Connection, workspace: str) -> list[str]:
    return _NAMES.scalars(connection, {"workspace": workspace})


def find_same_title(connection: Connection, workspace: str, name: str, title: str) -> str | None:
    """Return the name of another workflow that can be started and has this title, whatever its case."""
    names: list[str] = _SAME_TITLE.scalars(connection, {"workspace": workspace, "name": name, "title": title})
    return next(iter(names), None)


def load_owned(connection: Connection, workspace: str, person: str) -> list[str]:
    """Return the ids of the workflows that a person owns."""
    return _OWNED.scalars(connection, {"workspace": workspace, "person": person})


def load_named(connection: Connection, workspace: str, name: str) -> list[str]:
    """Return the id of the workflow with this name, if there is one."""
    return _NAMED.scalars(connection, {"workspace": workspace, "name": name})


def load_owner_and_author(connection: Connection, workflow: str, version: int) -> tuple[str, str]:
    """Return the persons who own a workflow and who registered this version of it."""
    row = _RESPONSIBLE.one(connection, {"workflow": workflow, "version": version})
    assert row is not None
    return row.owner, row.registered_by


def load_source(connection: Connection, workflow: str, version: int) -> bytes:
    """Return the source of a version; versions are never removed. Raises `Conflict` if it is only being written."""
    row = _SOURCE.one(connection, {"workflow": workflow, "version": version})
    if row is None:
        raise Conflict(f"version {version} of workflow {workflow} is being registered")
    return bytes(row.source)


def change_contact(tx: Tx, current: CurrentWorkflow, person: str) -> CurrentWorkflow:
    """Let another member of the role or group that owns a workflow be its contact."""
    tx.memory.forget()
    tx.write(_CONTACT, {"held": current.id, "seen": current.owner, "new_owner": person})
    return replace(current, owner=person)


def take_turn(tx: Tx, workspace: str) -> None:
    """Wait until no other unit changes the workflows of a workspace, so that what is read now stays true.

    Without it the many that change the same workflow at once would all fail but one, and try again in vain.
    """
    tx.take_turn(f"workflows {workspace}")


def hold_version(tx: Tx, workflow: str, version: int) -> bool:
    """Hold the workflow until the unit ends. Return False if this is not its current version any more.

    Units that hold the same workflow come one after the other, also in one group, where no lock of a row divides them.
    """
    tx.take_turn(_turn(workflow))
    return bool(tx.write(_HOLD, {"held": workflow, "seen": version}))


def _turn(workflow: str) -> str:
    return f"version {workflow}"


def save_version(tx: Tx, workspace: str, registration: NewVersion, *, replaces: NewVersion | None) -> bool:
    """Write the version and make it current. Return False if another registration was faster."""
    tx.memory.forget()
    if replaces is None:
        tx.write(_NEW, _new_workflow(tx, workspace, registration))
    else:
        tx.take_turn(_turn(replaces.id))
    # The version first, so that a run never starts with a current version that has no source yet.
    tx.write(
        _NEW_VERSION,
        {
            "workflow": registration.id,
            "version": registration.version,
            "source": registration.source,
            "hash": registration.hash,
            "registered_by": registration.registered_by,
            "registered_at": tx.now,
        },
    )
    return replaces is None or _try_replace(tx, registration, replaces)


def _new_workflow(tx: Tx, workspace: str, registration: NewVersion) -> dict[str, Any]:
    return {
        "id": registration.id,
        "workspace": workspace,
        "name": registration.name,
        "title": registration.title,
        "owner": registration.owner,
        "version": registration.version,
        "created_at": tx.now,
        "updated_at": tx.now,
        "state": WorkflowState.ACTIVE.value,
        "state_by": None,
        "state_at": None,
        "owner_rule": registration.owner_rule,
        "owner_left_at": None,
    }


def _try_replace(tx: Tx, registration: NewVersion, replaces: NewVersion) -> bool:
    params = {
        "held": replaces.id,
        "seen": replaces.version,
        "new_title": registration.title,
        "new_owner": registration.owner,
        "new_rule": registration.owner_rule,
        # The owner who registers a version is there again.
        "kept_owner": None if registration.registered_by == registration.owner else registration.owner,
        "new_version": registration.version,
        "now": tx.now,
    }
    return bool(tx.write(_REPLACE, params))


def workflow_views(connection: Connection, workspace: str) -> list[WorkflowView]:
    """Return all workflows of the workspace, by name."""
    current = load_workflows(connection, workspace)
    persons = people.load_people(connection, [workflow.owner for workflow in current])
    triggers = trigger_rows.trigger_views(connection, workspace)
    return [
        WorkflowView(
            name=workflow.name,
            title=workflow.title,
            version=workflow.version,
            owner=persons[workflow.owner],
            source=bytes(workflow.source),
            hash=workflow.hash,
            updated_at=workflow.updated_at,
            state=WorkflowState(workflow.state),
            triggers=tuple(triggers.get(workflow.id, ())),
            owner_rule=workflow.owner_rule,
        )
        for workflow in current
    ]


def workflow_names(connection: Connection, workspace: str) -> list[WorkflowName]:
    """Return the names, titles and owners of the workflows, by name. No file is read."""
    rows = _CHOICES.all(connection, {"workspace": workspace})
    return [WorkflowName(name=row.name, title=row.title, owner=row.owner) for row in rows]
