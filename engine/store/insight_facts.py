"""What the counts of insights need to know of some entries of the audit log, read for all of them together."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, cast

import msgspec
from msgspec import Struct
from sqlalchemy import case, exists, select

from engine import json_values
from engine.audit_entries import EntryKind
from engine.domain import DeliveryKind, RequestState, ReviewPoint
from engine.json_values import Path
from engine.oversight import time_buckets
from engine.store import deadline_columns, edit_columns, joined_people, undos
from engine.store.insight_tables import RemindedRequestRow
from engine.store.oversight_tables import OversightRequestRow
from engine.store.port import Tx
from engine.store.tables import AuditRow, ContentChangeRow, DecisionRow, RequestRow, RunRow
from engine.workflowfile.step_kinds import FORM

CLOSED: Final[Mapping[str, str]] = {
    EntryKind.REQUEST_APPROVED: "approved",
    EntryKind.REQUEST_REJECTED: "rejected",
    EntryKind.REQUEST_CHANGES_REQUESTED: "changes_requested",
    EntryKind.REQUEST_SKIPPED: "skipped",
    EntryKind.REQUEST_EXPIRED: "expired",
    EntryKind.REQUEST_WITHDRAWN: "cancelled",
}
"""The column that counts each end of a request."""
COPIES: Final[Mapping[str, str]] = {EntryKind.DELIVERY_SHOWN: "shown", EntryKind.DELIVERY_DEAD: "failed"}

_request = RequestRow.__table__  # type: ignore[attr-defined]
_oversight = OversightRequestRow.__table__  # type: ignore[attr-defined]
_run = RunRow.__table__  # type: ignore[attr-defined]
_audit = AuditRow.__table__  # type: ignore[attr-defined]
_decision = DecisionRow.__table__  # type: ignore[attr-defined]
_change = ContentChangeRow.__table__  # type: ignore[attr-defined]
_reminded = RemindedRequestRow.__table__  # type: ignore[attr-defined]
_REQUESTS = (
    select(_request.c.id, _request.c.step, _request.c.at, _request.c.opened_at, _request.c.expires_after)
    .add_columns(_request.c.clocks, _request.c.content_version, _run.c.workflow)
    .add_columns(_run.c.version, _run.c.requester)
    .add_columns(_request.c.details.contains(f'"uses":"{FORM}"').label("is_form"))
    # A value of the request may have such a key too, so what is found is read.
    .add_columns(case((_request.c.details.contains(f'"{undos.HOLD}":'), _request.c.details)).label("with_hold"))
    .select_from(_request.join(_run, _run.c.id == _request.c.run))
    # What Signoff itself asks is no gate of a workflow. A seeded rejection would count as one of people.
    .where(~exists().where(_oversight.c.run == _request.c.run))
)


class LogLeaf(Struct, frozen=True, gc=False):
    """What a count needs of an entry."""

    at: datetime
    kind: str
    run: str | None = None
    request: str | None = None
    step: str | None = None
    actor: str | None = None


class CopyContent(Struct, frozen=True, gc=False):
    channel: str = ""
    kind: str = ""


read_leaf = msgspec.json.Decoder(LogLeaf).decode
_read_copy = msgspec.json.Decoder(CopyContent).decode
NO_COPY: Final = CopyContent()
"""The contents of an entry were erased."""


class LastReminded(Struct, frozen=True):
    """How often the approvers of an open request were reminded, when last, and the seconds that it had waited then."""

    told: int
    since: datetime
    seconds_before: int


class CountedRequest(Struct, frozen=True, gc=False):
    """A request with the classes under which it counts."""

    id: str
    gate: tuple[int, str, str]
    """The week of its opening, its workflow and its step."""
    version: int
    """That of the workflow."""
    opened_at: datetime
    deadline: int
    clocks: str | None
    reminds: bool
    is_failure: bool
    """Whether it asks about a failure, which is no gate."""
    is_held: bool
    """Whether an approval of it can be undone for a time."""

    @classmethod
    def of(cls, row: Any) -> CountedRequest:
        return cls(
            id=row.id,
            gate=(time_buckets.week(row.opened_at), row.workflow, row.step),
            version=row.version,
            opened_at=row.opened_at,
            deadline=time_buckets.deadline_class(_duration(row.expires_after)),
            clocks=row.clocks,
            reminds=deadline_columns.reminds(row.clocks),
            is_failure=row.at == ReviewPoint.FAILED,
            is_held=row.with_hold is not None
            and undos.HOLD in cast("dict[str, Any]", json_values.loads(row.with_hold)),
        )

    @property
    def workflow(self) -> str:
        return self.gate[1]

    @property
    def tested(self) -> tuple[str, int, str]:
        """The workflow, its version and the step, of which recommendations are tested."""
        return self.workflow, self.version, self.gate[2]


class EntryFacts(Struct, frozen=True):
    """What was read for some entries: requests by id, edited fields by request, copies by the number of their entry.

    `edits`: only requests whose content was changed; which fields, is not known of one whose contents were erased.
    `closed`: the numbers of the entries that end the requests of reminders.
    """

    requests: Mapping[str, CountedRequest]
    edits: Mapping[str, frozenset[str]]
    copies: Mapping[int, CopyContent]
    reminded: Mapping[str, LastReminded]
    closed: Mapping[str, int]
    own: frozenset[str]
    """Requests that the person approved who had started the run."""

    def is_corrected(self, request: str) -> bool:
        """Return whether people changed what they approved."""
        return request in self.edits


def load(tx: Tx, workspace: str, entries: Sequence[tuple[int, LogLeaf]]) -> EntryFacts:
    ids = sorted({leaf.request for _, leaf in entries if leaf.request is not None})
    approved = {leaf.request: leaf.actor for _, leaf in entries if leaf.kind == EntryKind.REQUEST_APPROVED}
    approved |= _approvers(tx, {leaf.request for _, leaf in entries if leaf.kind == EntryKind.REQUEST_RELEASED})
    rows = tx.connection.execute(_REQUESTS.where(_request.c.id.in_(ids))).all() if ids else []
    copies = _copies(tx, workspace, [seq for seq, leaf in entries if leaf.kind in COPIES])
    reminders = {seq for seq, copy in copies.items() if copy.kind == DeliveryKind.REMINDER}
    return EntryFacts(
        requests={row.id: CountedRequest.of(row) for row in rows},
        edits=_edited_fields(tx, [row for row in rows if row.id in approved and not row.is_form]),
        copies=copies,
        reminded=_load_reminded(tx, workspace, ids),
        closed=_closed(tx, workspace, {leaf.run for seq, leaf in entries if seq in reminders}),
        own=_own(tx, {row.id: (row.requester, approved[row.id]) for row in rows if row.id in approved}),
    )


def _approvers(tx: Tx, released: Collection[str | None]) -> dict[str | None, str | None]:
    """Return who approved these requests, of several people one."""
    if not released:
        return {}
    approvals = select(_decision.c.request, _decision.c.person).where(
        _decision.c.request.in_(released), _decision.c.verdict == RequestState.APPROVED.value
    )
    return {row.request: row.person for row in tx.connection.execute(approvals.order_by(_decision.c.id)).all()}


def _own(tx: Tx, approved: Mapping[str, tuple[str, str | None]]) -> frozenset[str]:
    """Return the requests whose requester and approver are one human, by request."""
    ids = {person for pair in approved.values() for person in pair if person is not None}
    joined = joined_people.load_joined(tx.connection, sorted(ids))
    return frozenset(
        request
        for request, (requester, approver) in approved.items()
        if approver is not None and joined.get(requester, requester) == joined.get(approver, approver)
    )


def sampled_out(tx: Tx, leaves: Sequence[LogLeaf]) -> list[tuple[int, str, str]]:
    """Return the week, the workflow and the step of each of these visits, which went through without a review."""
    runs = {leaf.run for leaf in leaves}
    if not runs:
        return []
    rows = tx.connection.execute(select(_run.c.id, _run.c.workflow).where(_run.c.id.in_(runs))).all()
    workflows = {row.id: row.workflow for row in rows}
    return [
        (time_buckets.week(leaf.at), workflows[leaf.run], leaf.step)
        for leaf in leaves
        if leaf.run in workflows and leaf.step is not None
    ]


def _edited_fields(tx: Tx, approved: Sequence[Any]) -> dict[str, frozenset[str]]:
    """Return the fields that approvers changed, by request."""
    fields: dict[str, set[str]] = {row.id: set() for row in approved if row.content_version > 1}
    if fields:
        changes = select(_change.c.request, _change.c.edits).where(_change.c.request.in_([*fields]))
        for row in tx.connection.execute(changes).all():
            fields[row.request] |= _fields(row.edits)
    for row in _with_edits(tx, [row.id for row in approved]):
        fields.setdefault(row.request, set()).update(_fields(row.edits))
    return {request: frozenset(found) for request, found in fields.items()}


def _with_edits(tx: Tx, approved: Sequence[str]) -> Sequence[Any]:
    """Return the decisions that changed what they approved."""
    if not approved:
        return ()
    edits = select(_decision.c.request, _decision.c.edits).where(
        _decision.c.request.in_(approved), _decision.c.approved_digest != _decision.c.shown_digest
    )
    return tx.connection.execute(edits).all()


def _fields(edits: str | None) -> set[str]:
    return set() if edits is None else {_field(path) for path in edit_columns.read(edits)}


def _closed(tx: Tx, workspace: str, runs: Collection[str | None]) -> dict[str, int]:
    """Return the number of the entry that ended each request of these runs."""
    if not runs:
        return {}
    entries = select(_audit.c.seq, _audit.c.leaf).where(_audit.c.workspace == workspace, _audit.c.run.in_(runs))
    leaves = [(row.seq, read_leaf(row.leaf)) for row in tx.connection.execute(entries.order_by(_audit.c.seq)).all()]
    return {leaf.request: seq for seq, leaf in leaves if leaf.kind in CLOSED and leaf.request is not None}


def _field(path: Path) -> str:
    """Return the name of an edited field: all rows of a list are one field."""
    return ".".join(str(part) for part in path if not isinstance(part, int))


def _copies(tx: Tx, workspace: str, seqs: Sequence[int]) -> dict[int, CopyContent]:
    if not seqs:
        return {}
    contents = select(_audit.c.seq, _audit.c.content).where(_audit.c.workspace == workspace, _audit.c.seq.in_(seqs))
    rows = tx.connection.execute(contents).all()
    return {row.seq: NO_COPY if row.content is None else _read_copy(row.content) for row in rows}


def _load_reminded(tx: Tx, workspace: str, ids: Sequence[str]) -> dict[str, LastReminded]:
    if not ids:
        return {}
    reminded = select(_reminded).where(_reminded.c.workspace == workspace, _reminded.c.request.in_(ids))
    rows = tx.connection.execute(reminded).all()
    return {row.request: LastReminded(row.told, row.since, row.seconds_before) for row in rows}


def _duration(microseconds: int | None) -> timedelta | None:
    return None if microseconds is None else timedelta(microseconds=microseconds)
