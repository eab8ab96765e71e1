"""The workflow of oversight requests. It ships inside the engine, and its one step only keeps values.

So no effect can follow from an oversight request, whatever it is for and whatever it says: there is no step that has
one. What follows from the answer is the work of the follower of its purpose (`engine.service.oversight_followers`).
"""

from __future__ import annotations

import hashlib
from typing import Final

from engine.audit_entries import EntryKind, entry
from engine.domain import Person
from engine.domain.oversight import ASKER, ASKER_NAME, OVERSIGHT_WORKFLOW
from engine.store import people, workflows
from engine.store.port import Tx
from engine.store.workflows import CurrentWorkflow, NewVersion

TITLE: Final = "Signoff"
STEP: Final = "answer"
SOURCE: Final = f"""\
name: {OVERSIGHT_WORKFLOW}
title: {TITLE}
steps:
  - id: {STEP}
    title: Signoff takes note of your answer
    uses: set
    with:
      asked: true
    gate:
      title: Signoff asks
      approvers: [owner]
      questions: "off"
""".encode()
_EVIDENCE: Final = "It asks people for its own sake."


def asker(tx: Tx, workspace: str) -> Person:
    """Return Signoff as the one who asks."""
    return people.need_person(tx, workspace, ASKER, name=ASKER_NAME, evidence=_EVIDENCE)


def registered(tx: Tx, workspace: str) -> CurrentWorkflow:
    """Return the workflow of oversight requests, registered in this unit if this workspace has none, or another one."""
    current = workflows.load_oversight_cached(tx, workspace, _HASH)
    if current is not None:
        return current
    # Two units at the same moment may both find none.
    tx.take_turn(f"oversight {workspace}")
    replaced = workflows.load_oversight(tx.connection, workspace)
    if replaced is None or replaced.hash != _HASH:
        _register(tx, workspace, replaced)
    current = workflows.load_oversight_cached(tx, workspace, _HASH)
    assert current is not None
    return current


_HASH: Final = hashlib.sha256(SOURCE).hexdigest()


def _register(tx: Tx, workspace: str, replaces: NewVersion | None) -> None:
    owner = asker(tx, workspace)
    version = NewVersion(
        id=replaces.id if replaces else tx.new_id(),
        name=OVERSIGHT_WORKFLOW,
        title=TITLE,
        owner=owner.id,
        version=replaces.version + 1 if replaces else 1,
        source=SOURCE,
        hash=_HASH,
        registered_by=owner.id,
        updated_at=tx.now,
    )
    workflows.save_version(tx, workspace, version, replaces=replaces)
    record = entry(
        EntryKind.WORKFLOW_REGISTERED,
        actor=owner,
        workflow=version.name,
        version=version.version,
        hash=version.hash,
        owner=owner.label,
        surface=ASKER.kind,
    )
    tx.audit(workspace, record)
