"""Deciding a request: the ruling on a command, or the refusal that its surface must answer."""

from __future__ import annotations

from datetime import datetime
from typing import assert_never

from msgspec import Struct

from engine import json_values
from engine.domain import (
    AlreadyDecided,
    Approver,
    Assurance,
    Cancelled,
    Changed,
    Decide,
    Expired,
    NeedsCode,
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
from engine.requests.model import REASON_LENGTH, Request, clip
from engine.workflowfile.step_kinds import StepKind


class Ruling(Struct, frozen=True, kw_only=True):
    """A valid decision, not yet written."""

    state: RequestState
    approver: Approver
    edits: tuple[Edit, ...] = ()
    approved: Params | None = None
    approved_digest: str | None = None
    reason: str | None = None


def decide(
    asked: Request, command: Decide, *, kind: StepKind, person: Person | None, now: datetime
) -> Ruling | Refusal:
    """The ruling of this command on this request, or the refusal that its surface must answer.

    Raises `Tampered` if the content is not what was shown.
    """
    approver = next((one for one in asked.approvers if person and one.person.id == person.id), None)
    if approver is None:
        # The id of an account says nothing to people.
        who = person.label if person else None if command.actor.kind in accounts.NAMES else str(command.actor)
        return NotAnApprover(who=who, approvers=tuple(one.person.label for one in asked.eligible))
    refusal = _closed(asked, approver.person, now) or _other_content(asked, command) or _no_reason(asked, command)
    if refusal is not None:
        return refusal
    reason = clip(str(json_values.clean(command.reason)).strip(), REASON_LENGTH) if command.reason else None
    unproven = _unproven(asked, command)
    if command.verdict is Verdict.REJECT:
        if unproven is not None:
            return unproven
        # Whatever else came with it: nothing is edited by a rejection.
        return Ruling(state=RequestState.REJECTED, approver=approver, reason=reason or None)
    # Edits get a digest of their own, so it must be seen here that what they change is what was shown.
    asked.subject.check(asked.content, asked.digest)
    edited = apply_edits(asked, command.edits, kind=kind)
    if isinstance(edited, Refusal):
        return edited
    if unproven is not None:
        return unproven
    edits, approved = edited
    return Ruling(
        state=RequestState.APPROVED,
        approver=approver,
        edits=edits,
        approved=approved,
        approved_digest=asked.subject.digest(approved) if edits else asked.digest,
        reason=reason or None,
    )


def _closed(asked: Request, person: Person, now: datetime) -> Refusal | None:
    if asked.state is RequestState.PENDING:
        expires_at = asked.deadlines.expires_at
        return Expired(at=expires_at) if expires_at is not None and asked.deadlines.is_past_due(now) else None
    match asked.state:
        case RequestState.APPROVED | RequestState.REJECTED:
            assert asked.closed_at is not None
            by_you = asked.closed_by is not None and asked.closed_by.id == person.id
            return AlreadyDecided(state=asked.state, by=asked.closed_by, at=asked.closed_at, by_you=by_you)
        case RequestState.EXPIRED:
            assert asked.closed_at is not None
            return Expired(at=asked.closed_at)
        case RequestState.CANCELLED:
            assert asked.closed_at is not None
            return Cancelled(at=asked.closed_at)
        case _:  # pragma: no cover
            assert_never(asked.state)


def _other_content(asked: Request, command: Decide) -> Refusal | None:
    if (command.content_version, command.digest) == (asked.content_version, asked.digest):
        return None
    return Changed(content_version=asked.content_version)


def _no_reason(asked: Request, command: Decide) -> Refusal | None:
    needed = asked.reason_required is ReasonRequired.ALWAYS or (
        asked.reason_required is ReasonRequired.REJECT and command.verdict is Verdict.REJECT
    )
    given = bool(command.reason and command.reason.strip())
    return ReasonMissing(verdict=command.verdict) if needed and not given else None


def _unproven(asked: Request, command: Decide) -> Refusal | None:
    """The last of all refusals: whoever gets a code by mail has nothing left to mend."""
    if command.assurance is Assurance.LINK and asked.assurance is not Assurance.LINK:
        return NeedsCode(address=command.actor.value)
    return None
