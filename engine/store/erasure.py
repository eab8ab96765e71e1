"""Erases the contents of a run from the log and the tables. The links of the chain and all keys stay."""

from __future__ import annotations

from typing import Any, Final, cast

from sqlalchemy import bindparam, case, delete, literal_column, or_, select, update

from engine import json_values
from engine.audit_entries import EntryKind
from engine.domain import Params
from engine.store import attachments, oversight_rows, proposed_versions, ratings, request_search, run_rows
from engine.store.ask_tables import AskRow
from engine.store.connection import Connection
from engine.store.item_tables import ItemRow
from engine.store.people_tables import ChallengeRow, FormDraftRow, SignInRow
from engine.store.port import Tx
from engine.store.statements import Statement
from engine.store.tables import (
    AuditRow,
    ContentChangeRow,
    DecisionRow,
    ModelCallRow,
    QuestionRow,
    RatingRow,
    RequestRow,
    RunRow,
    StepRunRow,
)

_ask = AskRow.__table__  # type: ignore[attr-defined]
_audit = AuditRow.__table__  # type: ignore[attr-defined]
_challenge = ChallengeRow.__table__  # type: ignore[attr-defined]
_change = ContentChangeRow.__table__  # type: ignore[attr-defined]
_decision = DecisionRow.__table__  # type: ignore[attr-defined]
_draft = FormDraftRow.__table__  # type: ignore[attr-defined]
_item = ItemRow.__table__  # type: ignore[attr-defined]
_model_call = ModelCallRow.__table__  # type: ignore[attr-defined]
_question = QuestionRow.__table__  # type: ignore[attr-defined]
_rating = RatingRow.__table__  # type: ignore[attr-defined]
_request = RequestRow.__table__  # type: ignore[attr-defined]
_run = RunRow.__table__  # type: ignore[attr-defined]
_sign_in = SignInRow.__table__  # type: ignore[attr-defined]
_visit = StepRunRow.__table__  # type: ignore[attr-defined]

_NO_CONTENTS: Final[dict[str, Any]] = {
    "rev": _run.c.rev + literal_column("1"),  # what another unit has read of it is not true any more
    "inputs": "{}",
    "error": None,
    "output": None,
    "cancel": case((_run.c.cancel.is_not(None), "{}")),  # that it was cancelled stays, and why does not
}
_HAS_ENDED: Final = _run.c.ended_at.is_not(None)
_LOCK_REQUESTS = Statement(
    select(_request.c.id)
    .where(_request.c.run == bindparam("run"))
    .order_by(_request.c.id)
    .with_for_update(key_share=True)
)
_TITLE: Final = "(erased)"
_KEPT: Final = ("approve_label", "reject_label", "uses", "assurance", "confirm_with", "alone", "plan")
"""Details of a request that come from its workflow, and not from this run."""


def erase_run(tx: Tx, workspace: str, run: str) -> list[int]:
    """Erase the contents of a run for good, and return the numbers of the entries that had one.

    An entry about an earlier erasure keeps its content: it explains the gap. The lanes of a run are a part of it.
    """
    of_item = update(_item).where(_item.c.run == run)
    tx.connection.execute(of_item.values(value=None, params=None, output=None, error=None))
    lanes = select(_run.c.id).where(_run.c.parent == run, _run.c.lane.is_not(None)).order_by(_run.c.id)
    below = [number for lane in tx.connection.execute(lanes).scalars() for number in _erase_one(tx, workspace, lane)]
    return sorted([*_erase_one(tx, workspace, run), *below])


def _erase_one(tx: Tx, workspace: str, run: str) -> list[int]:
    # Freed pages are overwritten, and not left in the file.
    tx.connection.overwrite_deleted()
    request_search.erase_words(tx, workspace, run)
    numbers = _erase_entries(tx, workspace, run)
    of_run = select(_request.c.id).where(_request.c.run == run)
    tx.connection.execute(
        update(_decision).where(_decision.c.request.in_(of_run)).values(reason=None, edits=None, record="{}")
    )
    tx.connection.execute(update(_change).where(_change.c.request.in_(of_run)).values(edits="[]"))
    nothing_said = update(_question).where(_question.c.request.in_(of_run)).values(text="", answer=None)
    tx.connection.execute(nothing_said)
    tx.connection.execute(update(_rating).where(_rating.c.request.in_(of_run)).values(comment=None))
    _erase_requests(tx, run)
    erase_what_waits(tx, run)
    attachments.release(tx, workspace, run)
    tx.connection.execute(update(_visit).where(_visit.c.run == run).values(params=None, output=None, error=None))
    tx.connection.execute(update(_model_call).where(_model_call.c.run == run).values(problem=None))
    tx.connection.execute(update(_ask).where(_ask.c.run == run).values(note=None, echo=None, body="", calls=None))
    oversight_rows.empty(tx, run)
    proposed_versions.empty(tx, run)
    tx.connection.execute(update(_run).where(_run.c.id == run).values(**_NO_CONTENTS, erased_at=tx.now))
    return numbers


def lock_ended(tx: Tx, run: str) -> bool:
    """Keep a run and its requests as they are until this unit is committed. Return False if the run has not ended.

    No rating comes meanwhile, and no new try of the run begins with what is erased.
    """
    tx.lock(_LOCK_REQUESTS, {"run": run})
    run_rows.lock(tx, run)
    return tx.connection.execute(select(_run.c.id).where(_run.c.id == run, _HAS_ENDED)).first() is not None


def is_erased(connection: Connection, run: str) -> bool:
    """Return whether the contents of a run were erased as a whole."""
    return connection.execute(select(_run.c.erased_at).where(_run.c.id == run)).scalar() is not None


def _erase_entries(tx: Tx, workspace: str, run: str) -> list[int]:
    conditions = (_audit.c.workspace == workspace, _audit.c.run == run, _audit.c.content.is_not(None))
    rows = tx.connection.execute(select(_audit.c.seq, _audit.c.leaf).where(*conditions).order_by(_audit.c.seq))
    kinds = {row.seq: cast("dict[str, Any]", json_values.loads(row.leaf))["kind"] for row in rows}
    numbers = [seq for seq, kind in kinds.items() if kind != EntryKind.CONTENT_ERASED]
    empty_entries(tx, workspace, numbers)
    return numbers


def empty_entries(tx: Tx, workspace: str, numbers: list[int]) -> None:
    """Erase the contents of these entries."""
    if numbers:
        emptied = update(_audit).where(_audit.c.workspace == workspace, _audit.c.seq == bindparam("number"))
        tx.connection.execute(emptied.values(salt=None, content=None), [{"number": number} for number in numbers])


def erase_what_waits(tx: Tx, run: str) -> None:
    """Delete what people typed and have not confirmed; it is there until it expires."""
    requests = select(_request.c.id).where(_request.c.run == run)
    of_run = or_(_challenge.c.run == run, _challenge.c.request.in_(requests))
    tx.connection.execute(update(_challenge).where(of_run).values(decision=None))
    tx.connection.execute(update(_sign_in).where(_sign_in.c.request.in_(requests)).values(decision=None))
    tx.connection.execute(delete(_draft).where(_draft.c.run == run))


def _erase_requests(tx: Tx, run: str) -> None:
    nothing = json_values.dumps(Params(value={}).as_value())
    for row in tx.connection.execute(select(_request.c.id, _request.c.details).where(_request.c.run == run)).all():
        details = cast("dict[str, Any]", json_values.loads(row.details))
        remaining: dict[str, Any] = {name: details[name] for name in _KEPT if name in details}
        # Ratings that were given stay. No comment comes to what was erased.
        remaining |= {ratings.ASKED: False} if ratings.ASKED in details else {}
        changed = update(_request).where(_request.c.id == row.id)
        tx.connection.execute(changed.values(title=_TITLE, details=json_values.dumps(remaining), content=nothing))
