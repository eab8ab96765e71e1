"""Compares secrets, and the states and owners of workflows, with the audit log, without which no one changes them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final, Protocol

from sqlalchemy import select

from engine.domain.workflow_commands import WorkflowState
from engine.references import members_rule
from engine.store.connection import Connection
from engine.store.people_tables import PersonRow
from engine.store.secret_tables import SecretRow
from engine.store.tables import WorkflowRow

_secret = SecretRow.__table__  # type: ignore[attr-defined]
_workflow = WorkflowRow.__table__  # type: ignore[attr-defined]
_person = PersonRow.__table__  # type: ignore[attr-defined]
_SET: Final = "secret.set"
_DELETED: Final = "secret.deleted"
_REGISTERED: Final = "workflow.registered"
_JOINED: Final = select(_person.c.id, _person.c.joined_into).where(_person.c.joined_into.is_not(None))
"""People who turned out to be another one, with whom they are."""
_STATES: Final = {
    "workflow.enabled": WorkflowState.ACTIVE.value,
    "workflow.disabled": WorkflowState.DISABLED.value,
    "workflow.deleted": WorkflowState.DELETED.value,
}


class BuilderEntry(Protocol):
    """An entry of the log. `content` is None if it was erased."""

    @property
    def seq(self) -> int: ...
    @property
    def kind(self) -> str: ...
    @property
    def actor(self) -> str | None: ...
    @property
    def content(self) -> dict[str, Any] | None: ...


def differences(connection: Connection, workspace: str, entries: Iterable[BuilderEntry]) -> Iterator[str]:
    """Yield a sentence for every difference between the rows and the entries of no run."""
    about = [entry for entry in entries if entry.kind in (_SET, _DELETED, _REGISTERED, *_STATES)]
    yield from _secrets(connection, workspace, [entry for entry in about if entry.kind in (_SET, _DELETED)])
    yield from _states(connection, workspace, [entry for entry in about if entry.kind not in (_SET, _DELETED)])
    yield from _owners(connection, workspace, [entry for entry in about if entry.kind == _REGISTERED])


def _secrets(connection: Connection, workspace: str, entries: list[BuilderEntry]) -> Iterator[str]:
    # The log of an erased person may lack contents, and so not name all secrets.
    is_erased = any(entry.content is None for entry in entries)
    last = {(entry.content.get("name"), entry.content.get("workflow")): entry for entry in entries if entry.content}
    current = select(_secret).where(_secret.c.workspace == workspace, _secret.c.ended_at.is_(None))
    rows = connection.execute(current.order_by(_secret.c.id)).all()
    places = [(row.name, row.workflow) for row in rows]
    for row, place in zip(rows, places, strict=True):
        entry = last.get(place)
        if places.count(place) > 1:
            yield f"the secret {_named(place)} counts twice in the tables"
        elif entry is None:
            if not is_erased:
                yield f"the secret {_named(place)} is in the tables, and no entry says that it was set"
        elif entry.kind == _DELETED:
            yield f"the secret {_named(place)} was deleted by entry {entry.seq}, and counts in the tables"
        elif entry.actor != row.set_by:
            yield f"the secret {_named(place)} was set by another person than entry {entry.seq} says"
    for place, entry in last.items():
        if entry.kind == _SET and place not in places and not is_erased:
            yield f"entry {entry.seq} says that the secret {_named(place)} was set, and the tables do not hold it"


def _named(place: tuple[Any, Any]) -> str:
    name, workflow = place
    return str(name) if workflow is None else f"{name} of {workflow}"


def _states(connection: Connection, workspace: str, entries: list[BuilderEntry]) -> Iterator[str]:
    """Compare the state of each workflow, and which of its versions counts."""
    states = dict[str, str]()
    versions = dict[str, int]()
    erased = False
    for entry in entries:
        if entry.content is None:
            erased = True
            continue
        name = str(entry.content.get("workflow"))
        state = _STATES.get(entry.kind)
        if state is None:
            versions[name] = entry.content["version"]
            # A new version makes a deleted workflow active, and leaves a disabled one as it is.
            state = WorkflowState.ACTIVE.value if states.get(name) != WorkflowState.DISABLED.value else states[name]
        states[name] = state
    if erased:
        return
    columns = (_workflow.c.name, _workflow.c.state, _workflow.c.version)
    stored = select(*columns).where(_workflow.c.workspace == workspace).order_by(_workflow.c.name)
    for row in connection.execute(stored):
        if row.name in states and row.state != states[row.name]:
            yield f"the workflow {row.name} is {row.state} in the tables, and {states[row.name]} by its entries"
        if row.name in versions and row.version != versions[row.name]:
            yield f"the workflow {row.name} runs version {row.version}, and version {versions[row.name]} by its entries"


def _owners(connection: Connection, workspace: str, entries: list[BuilderEntry]) -> Iterator[str]:
    """Compare who owns each workflow: the person, or the role or group, whose contact changes with its members."""
    last = {str(entry.content["workflow"]): entry for entry in entries if entry.content}
    if any(entry.content is None for entry in entries):
        return
    joined = {row.id: row.joined_into for row in connection.execute(_JOINED)}
    columns = (_workflow.c.name, _workflow.c.owner, _workflow.c.owner_rule)
    stored = select(*columns).where(_workflow.c.workspace == workspace).order_by(_workflow.c.name)
    for row in connection.execute(stored):
        entry = last.get(row.name)
        if entry is None or entry.content is None:
            continue
        owner, known = str(entry.content.get("owner")), entry.content.get("owner_id")
        rule = members_rule(owner)
        if row.owner_rule != rule:
            stated = row.owner_rule or "a person"
            yield f"the workflow {row.name} belongs to {stated}, and entry {entry.seq} says {owner}"
        elif rule is None and known is not None and row.owner not in (known, joined.get(known)):
            yield f"the workflow {row.name} belongs to another person than entry {entry.seq} says"
