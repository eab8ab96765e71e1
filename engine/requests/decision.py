"""The ruling on a decision, or the refusal of it."""

from __future__ import annotations

from datetime import datetime
from typing import assert_never

from msgspec import Struct

from engine import json_values
from engine.domain import (
    AlreadyDecided,
    Approver,
    Cancelled,
    Changed,
    Decide,
    Expired,
    NotAnApprover,
    Params,
    Person,
    ReasonMissing,
    ReasonRequired,
    Refusal,
    RequestState,
    Verdict,
    accounts,
)
from engine.requests.edits import Edit, apply_edits
from engine.requests.identification import check_identification
from engine.requests.model import REASON_LENGTH, Request, clip
from engine.workflowfile.step_kinds import StepKind


class Ruling(Struct, frozen=True, kw_only=True):
    """A decision that is allowed, and not saved yet."""

    state: RequestState
    approver: Approver
    edits: tuple[Edit, ...] = ()
    approved: Params | None = None
    approved_digest: str | None = None
    reason: str | None = None


def decide(
    request: Request, command: Decide, *, kind: StepKind, person: Person | None, now: datetime
) -> Ruling | Refusal:
    """Return the ruling on this command, or the refusal that the surface has to show.

    Raises `Tampered` if the content is not the content that was shown.
    """
    approver = next((row for row in request.approvers if person and row.person.id == person.id), None)
    if approver is None:
        # People do not recognize account ids.
        who = person.label if person else None if command.actor.kind in accounts.NAMES else str(command.actor)
        return NotAnApprover(who=who, approvers=tuple(eligible.person.label for eligible in request.eligible))
    refusal = (
        _check_open(request, approver.person, now)
        or _check_content(request, command)
        or _check_reason(request, command)
    )
    if refusal is not None:
        return refusal
    reason = clip(_clean(command.reason), REASON_LENGTH) if command.reason else None
    needs_code = check_identification(request, command, approver.person)
    if command.verdict is Verdict.REJECT:
        if needs_code is not None:
            return needs_code
        # A rejection ignores any edits that came with it.
        return Ruling(state=RequestState.REJECTED, approver=approver, reason=reason or None)
    # Edited content gets a digest of its own, so the content before the edits is checked here.
    request.subject.check(request.content, request.digest)
    applied = apply_edits(request, command.edits, kind=kind)
    if isinstance(applied, Refusal):
        return applied
    if needs_code is not None:
        return needs_code
    edits, approved = applied
    return Ruling(
        state=RequestState.APPROVED,
        approver=approver,
        edits=edits,
        approved=approved,
        approved_digest=request.subject.digest(approved) if edits else request.digest,
        reason=reason or None,
    )


def _check_open(request: Request, person: Person, now: datetime) -> Refusal | None:
    if request.state is RequestState.PENDING:
        expires_at = request.deadlines.expires_at
        return Expired(at=expires_at) if expires_at is not None and request.deadlines.is_past_due(now) else None
    assert request.closed_at is not None
    match request.state:
        case RequestState.APPROVED | RequestState.REJECTED:
            by_you = request.closed_by is not None and request.closed_by.id == person.id
            return AlreadyDecided(state=request.state, by=request.closed_by, at=request.closed_at, by_you=by_you)
        case RequestState.EXPIRED:
            return Expired(at=request.closed_at)
        case RequestState.CANCELLED:
            return Cancelled(at=request.closed_at)
        case _:  # pragma: no cover
            assert_never(request.state)


def _check_content(request: Request, command: Decide) -> Refusal | None:
    if (command.content_version, command.digest) == (request.content_version, request.digest):
        return None
    return Changed(content_version=request.content_version)


def _clean(reason: str) -> str:
    # It is stored as text, and PostgreSQL stores no U+0000.
    return str(json_values.clean(reason)).replace("\0", "\ufffd").strip()


def _check_reason(request: Request, command: Decide) -> Refusal | None:
    needed = request.reason_required is ReasonRequired.ALWAYS or (
        request.reason_required is ReasonRequired.REJECT and command.verdict is Verdict.REJECT
    )
    has_reason = bool(command.reason and command.reason.strip())
    return ReasonMissing(verdict=command.verdict) if needed and not has_reason else None
