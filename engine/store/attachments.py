"""Files as rows: who uploaded them, which runs use them, and which of them are to be removed.

The id of a file is a secret: a person who knows that of a file that no run uses may use it in one. After that it is
of use in that run only, and in others that the same person started.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import bindparam, delete, exists, func, insert, literal_column, select, update

from engine.domain import Work
from engine.errors import Conflict
from engine.file_references import FileReference
from engine.store.attachment_tables import AttachmentRow, RunAttachmentRow
from engine.store.connection import Connection
from engine.store.port import Tx
from engine.store.statements import Statement
from engine.store.tables import RunRow, WorkspaceRow

WORK: Final = "files:"
"""What the id of the work begins with that removes files; the workspace follows."""
UNUSED: Final = timedelta(days=1)
"""How long a file is kept that no run uses."""
UNSTORED: Final = timedelta(hours=1)
"""How long the upload of a file may take, until it counts as broken off."""
REMOVED_AT_ONCE: Final = 50

_file = AttachmentRow.__table__  # type: ignore[attr-defined]
_use = RunAttachmentRow.__table__  # type: ignore[attr-defined]
_run = RunRow.__table__  # type: ignore[attr-defined]
_workspace = WorkspaceRow.__table__  # type: ignore[attr-defined]

_NEW = Statement(insert(_file))
_STORED = Statement(
    update(_file)
    .where(_file.c.id == bindparam("held"), _file.c.stored_at.is_(None))
    .values(stored_at=bindparam("now"), remove_at=bindparam("then"))
)
_UNUSED_OF = Statement(
    select(func.count().label("count"))
    .select_from(_file)
    .where(
        _file.c.workspace == bindparam("of"),
        _file.c.uploader == bindparam("by"),
        _file.c.remove_at.is_not(None),
    )
)
_IS_SAME = (
    _file.c.id == bindparam("held"),
    _file.c.workspace == bindparam("of"),
    _file.c.name == bindparam("said_name"),
    _file.c.type == bindparam("said_type"),
    _file.c.size == bindparam("said_size"),
    _file.c.sha256 == bindparam("said_digest"),
    _file.c.stored_at.is_not(None),
)
_UNUSED = Statement(select(_file.c.id).where(*_IS_SAME, _file.c.remove_at > bindparam("now")))
_CLAIM = Statement(update(_file).where(*_IS_SAME, _file.c.remove_at > bindparam("now")).values(remove_at=None))
_USED = Statement(
    select(_use.c.run)
    .select_from(_use.join(_file, _file.c.id == _use.c.attachment).join(_run, _run.c.id == _use.c.run))
    .where(*_IS_SAME, _file.c.remove_at.is_(None), _run.c.requester == bindparam("by"))
    .limit(literal_column("1"))
)
_OF_RUN = (
    select(_file)
    .select_from(_use.join(_file, _file.c.id == _use.c.attachment))
    .where(_file.c.id == bindparam("held"), _file.c.remove_at.is_(None))
)
_USED_HERE = Statement(_OF_RUN.where(_use.c.run == bindparam("run")))
_this = _run.alias("this_run")
_REQUESTER = select(_this.c.requester).where(_this.c.id == bindparam("run")).scalar_subquery()
_IS_OF_REQUESTER = exists().where(_run.c.id == _use.c.run, _run.c.requester == _REQUESTER)
_OF_REQUESTER = Statement(_OF_RUN.where(_IS_OF_REQUESTER).limit(literal_column("1")))
_USE = Statement(insert(_use))
_TO_REMOVE = Statement(
    select(_file.c.id, _file.c.sha256)
    .where(_file.c.workspace == bindparam("of"), _file.c.remove_at <= bindparam("now"))
    .order_by(_file.c.remove_at)
    .limit(literal_column(str(REMOVED_AT_ONCE)))
)
_WITHDRAW = Statement(
    update(_file).where(_file.c.id == bindparam("held"), _file.c.remove_at <= bindparam("now")).values(stored_at=None)
)
_REMOVE = Statement(
    select(_file.c.id, _file.c.sha256)
    .where(_file.c.workspace == bindparam("of"), _file.c.remove_at <= bindparam("now"))
    .order_by(_file.c.remove_at)
    .limit(literal_column(str(REMOVED_AT_ONCE)))
)
_WITHDRAW = Statement(
    update(_file).where(_file.c.id == bindparam("held"), _file.c.remove_at <= bindparam("now")).values(stored_at=None)
)
_REMOVE = Statement(delete(_file).where(_file.c.id == bindparam("held"), _file.c.remove_at <= bindparam("now")))
DUE = select((literal_column(f"'{WORK}'") + _workspace.c.id).label("id")).where(
    exists().where(_file.c.workspace == _workspace.c.id, _file.c.remove_at <= bindparam("now"))
)
"""Selects the workspaces with files to remove; `engine.store.due_work` reads it."""


# -- uploading ----------------------------------------------------------------------------------------------


def count_unused(connection: Connection, workspace: str, uploader: str) -> int:
    """Return how many files this address has uploaded that no run uses."""
    row = _UNUSED_OF.one(connection, {"of": workspace, "by": uploader})
    return 0 if row is None else int(row.count)


def begin(tx: Tx, workspace: str, file: FileReference, *, uploader: str | None, scanned: bool) -> None:
    """Write that the bytes of a file are about to be stored. Without `keep` it is removed again."""
    row = {
        "id": file.id,
        "workspace": workspace,
        "name": file.name,
        "type": file.type,
        "size": file.size,
        "sha256": file.sha256,
        "uploader": uploader,
        "scanned": scanned,
        "created_at": tx.now,
        "remove_at": tx.now + UNSTORED,
    }
    tx.write(_NEW, row)


def keep(tx: Tx, file: str) -> bool:
    """Write that the bytes of a file are stored. Return False if the file was removed meanwhile."""
    return tx.write(_STORED, {"held": file, "now": tx.now, "then": tx.now + UNUSED}) > 0


# -- using --------------------------------------------------------------------------------------------------


def may_use(tx: Tx, workspace: str, run: str, file: FileReference, *, requester: str) -> bool:
    """Return whether a run may use a file that is exactly the stored one.

    It may if no run uses the file yet, or one that the same person started.
    """
    if _is_used(tx, run, file):
        return True
    same = _same(workspace, file)
    is_new = _UNUSED.one(tx.connection, {**same, "now": tx.now}) is not None
    return is_new or _USED.one(tx.connection, {**same, "by": requester}) is not None


def use(tx: Tx, workspace: str, run: str, file: FileReference, *, requester: str) -> None:
    """Let a run use a file. Raises `Conflict` if it may not any more."""
    if _is_used(tx, run, file):
        return
    same = _same(workspace, file)
    if not tx.write(_CLAIM, {**same, "now": tx.now}) and _USED.one(tx.connection, {**same, "by": requester}) is None:
        raise Conflict(f"a file for run {run} was removed, or another run uses it")
    tx.write(_USE, {"run": run, "attachment": file.id})


def _is_used(tx: Tx, run: str, file: FileReference) -> bool:
    row = _USED_HERE.one(tx.connection, {"run": run, "held": file.id})
    return row is not None and _read(row) == file


def _same(workspace: str, file: FileReference) -> dict[str, Any]:
    return {
        "held": file.id,
        "of": workspace,
        "said_name": file.name,
        "said_type": file.type,
        "said_size": file.size,
        "said_digest": file.sha256,
    }


def load(connection: Connection, run: str, file: str) -> FileReference | None:
    """Return a file that a run uses, or another run of the same person, such as one that a step started, or None."""
    row = _OF_REQUESTER.one(connection, {"run": run, "held": file})
    return None if row is None else _read(row)


def _read(row: Any) -> FileReference:
    return FileReference(id=row.id, name=row.name, type=row.type, size=row.size, sha256=row.sha256)


# -- removing -----------------------------------------------------------------------------------------------


def release(tx: Tx, workspace: str, run: str) -> None:
    """Let a run use no file any more. A file that no other run uses is due to be removed."""
    of_run = select(_use.c.attachment).where(_use.c.run == run)
    files: Sequence[str] = tx.connection.execute(of_run).scalars().all()
    if not files:
        return
    tx.connection.execute(delete(_use).where(_use.c.run == run))
    used = select(_use.c.attachment).where(_use.c.attachment.in_(files))
    unused = update(_file).where(_file.c.id.in_(files), _file.c.id.not_in(used))
    tx.connection.execute(unused.values(remove_at=tx.now))
    tx.enqueue(Work("process_due", f"{WORK}{workspace}"))


def release_of(tx: Tx, uploaders: Sequence[str]) -> None:
    """Remove all files that these addresses have uploaded."""
    of_them = select(_file.c.id).where(_file.c.uploader.in_(uploaders))
    files: Sequence[str] = tx.connection.execute(of_them).scalars().all()
    tx.connection.execute(delete(_use).where(_use.c.attachment.in_(files)))
    tx.connection.execute(update(_file).where(_file.c.id.in_(files)).values(remove_at=tx.now, uploader=None))


def begin_removal(tx: Tx, workspace: str) -> list[Any]:
    """Return the `id` and the `sha256` of some files that are due to be removed. No run can use them from now on."""
    due = _TO_REMOVE.all(tx.connection, {"of": workspace, "now": tx.now})
    return [file for file in due if tx.write(_WITHDRAW, {"held": file.id, "now": tx.now})]


def remove(tx: Tx, files: Sequence[str]) -> None:
    """Delete the rows of files whose bytes are removed. They are still due: a run takes no file that is."""
    _REMOVE.write_all(tx.connection, [{"held": file, "now": tx.now} for file in files])
