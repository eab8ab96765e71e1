"""The ruling on a decision, or the refusal of it."""

from __future__ import annotations

from datetime import datetime
from typing import assert_never

from msgspec import Struct
from msgspec.structs import replace

from engine import json_values
from engine.domain import (
    Address,
    AloneReason,
    AlreadyDecided,
    AlreadyUndone,
    AlreadyVoted,
    Approver,
    Cancelled,
    CannotRevise,
    CannotSkip,
    Changed,
    Decide,
    DecideAlone,
    Expired,
    HandedOn,
    NotAnApprover,
    NotYourTurn,
    OverLimit,
    OwnEdit,
    OwnRequest,
    Params,
    Person,
    ReasonMissing,
    ReasonRequired,
    Refusal,
    RequesterRule,
    RequestState,
    RiskRaised,
    Verdict,
    accounts,
)
from engine.oversight import limits
from engine.oversight.risk import CannotTell
from engine.requests.edits import apply_edits
from engine.requests.identification import check_identification
from engine.requests.model import REASON_LENGTH, Edit, Request, clip
from engine.requests.policy import Tally, Vote
from engine.requests.ratings import check_with_decision
from engine.requests.separation import is_left_out
from engine.workflowfile.step_kinds import FORM, StepKind


class Ruling(Struct, frozen=True, kw_only=True):
    """A decision that is allowed, and not saved yet.

    With the state `pending` the approval of others is missing. `counts`: whether it is an approval; a change by a
    person who may not approve their own wording is none. `tally`: after this decision.
    """

    state: RequestState
    approver: Approver
    edits: tuple[Edit, ...] = ()
    approved: Params | None = None
    approved_digest: str | None = None
    reason: str | None = None
    counts: bool = True
    tally: Tally | None = None

    @property
    def is_new_version(self) -> bool:
        """Return whether the content becomes another, which the approvals so far are not about."""
        return bool(self.edits) and self.state is RequestState.PENDING


def decide(
    request: Request, command: Decide, *, kind: StepKind, person: Person | None, now: datetime
) -> Ruling | Refusal:
    """Return the ruling on this command, or the refusal that the surface has to show.

    Raises `Tampered` if the content is not the content that was shown.
    """
    approver = next((row for row in request.approvers if person and row.person.id == person.id), None)
    if approver is None:
        return no_approver(request, command.actor, person)
    refusal = (
        check_open(request, approver.person, now)
        or check_person(request, approver)
        or _check_content(request, command)
        or _check_turn(request, approver, command)
        or _check_together(request, command)
        or _check_revise(request, command)
        or _check_skip(request, command)
        or _check_reason(request, command)
        or check_with_decision(request, command)
    )
    if refusal is not None:
        return refusal
    reason = clip(json_values.clean_text(command.reason).strip(), REASON_LENGTH) if command.reason else None
    needs_code = check_identification(request, command, approver.person)
    if command.verdict is Verdict.REVISE:
        return needs_code or _revision(request, approver, command, kind, reason)
    if command.verdict is Verdict.REJECT:
        if needs_code is not None:
            return needs_code
        # A rejection ignores any edits that came with it.
        return Ruling(state=RequestState.REJECTED, approver=approver, reason=reason or None)
    if command.verdict is Verdict.SKIP:
        return needs_code or Ruling(state=RequestState.SKIPPED, approver=approver, reason=reason or None)
    # Edited content gets a digest of its own, so the content before the edits is checked here.
    request.subject.check(request.content, request.digest)
    applied = apply_edits(request, command.edits, kind=kind)
    if isinstance(applied, Refusal):
        return applied
    edits, approved = applied
    own = _check_own_edits(request, approver) if not edits else _check_risk(request, approved)
    refusal = own or _check_limit(request, approver, approved) or needs_code
    if refusal is not None:
        return refusal
    return _approval(request, approver, edits, approved, reason or None, now)


def _revision(
    request: Request, approver: Approver, command: Decide, kind: StepKind, reason: str | None
) -> Ruling | Refusal:
    """Return the ruling on asking for changes. What the person changed by hand goes to the step with the reason."""
    applied = apply_edits(request, command.edits, kind=kind)
    if isinstance(applied, Refusal):
        return applied
    return Ruling(state=RequestState.CHANGES_REQUESTED, approver=approver, edits=applied[0], reason=reason)


def _approval(
    request: Request, approver: Approver, edits: tuple[Edit, ...], approved: Params, reason: str | None, now: datetime
) -> Ruling:
    """Return the ruling on an approval: it closes the request, or others have to approve as well.

    An edit makes another content, so the approvals before it do not count any more.
    """
    ruling = Ruling(
        state=RequestState.APPROVED,
        approver=approver,
        edits=edits,
        approved=approved,
        approved_digest=request.subject.digest(approved) if edits else request.digest,
        reason=reason,
    )
    if edits:
        # Who may approve depends on the amount, which an edit may change.
        request = replace(request, content=approved)
    if not request.policy.counts_votes and not (edits and request.separation.editor):
        return ruling
    earlier = () if edits else request.votes
    editors = frozenset({approver.person.id}) if edits and request.separation.editor else frozenset()
    # In a chain the first group is asked again, to which the person may not belong.
    counts = request.tally_of(earlier, editors=editors).is_asked(approver.person.id)
    votes = (*earlier, Vote(approver.person, now, ruling.reason)) if counts else earlier
    after = request.tally_of(votes, editors=editors)
    state = RequestState.APPROVED if after.is_complete else RequestState.PENDING
    return replace(ruling, state=state, counts=counts, tally=after)


def no_approver(request: Request, actor: Address, person: Person | None) -> Refusal:
    """Return the refusal for a person who is no approver of this request."""
    asked = _names_of_asked(request)
    is_requester = person is not None and person.id == request.requester
    is_allowed = request.separation.requester is RequesterRule.ALLOWED
    if is_requester and not is_allowed and request.state is RequestState.PENDING:
        return OwnRequest(approvers=asked)
    # People do not recognize account ids.
    who = person.label if person else None if actor.kind in accounts.NAMES else str(actor)
    return NotAnApprover(who=who, approvers=asked)


def _names_of_asked(request: Request, *, without: Approver | None = None) -> tuple[str, ...]:
    """Return the names of the people who may decide, but for those who may not approve their own change."""
    asked = (row for row in request.eligible if row is not without and row.person.id not in request.editors)
    return tuple(row.person.label for row in asked)


def check_person(request: Request, approver: Approver) -> Refusal | None:
    """Check that the approver may decide this request at all."""
    if approver.handed_to is not None:
        return HandedOn(to=approver.handed_to)
    if is_left_out(request.approvers, request.separation, request.requester, approver):
        # They were two persons when the request was opened. The directory has since joined them, or others were added.
        return OwnRequest(approvers=_names_of_asked(request, without=approver))
    return None


def _check_turn(request: Request, approver: Approver, command: Decide) -> Refusal | None:
    """Check that the approver is asked now. One who has approved may still reject."""
    tally = request.tally
    waiting = tuple(row.person.label for row in tally.waiting)
    vote = tally.vote_of(approver.person.id)
    if vote is not None:
        is_change = command.verdict is not Verdict.APPROVE or command.edits
        return None if is_change else AlreadyVoted(at=vote.at, waiting=waiting, all_needed=tally.is_all_needed)
    if not request.policy.is_chain or tally.group in approver.groups:
        return None
    last = max(approver.groups)
    return NotYourTurn(waiting=waiting, approved_by=tally.votes[last].person.label if last < len(tally.votes) else None)


def _check_own_edits(request: Request, approver: Approver) -> Refusal | None:
    if approver.person.id not in request.editors:
        return None
    tally = request.tally
    names = tuple(row.person.label for row in tally.waiting)
    return OwnEdit(approvers=names, all_needed=tally.is_all_needed)


def _check_limit(request: Request, approver: Approver, approved: Params) -> Refusal | None:
    """Check that the amount is within the limit of the person who approves it, with their edits."""
    if request.amount is None:
        return None
    after = replace(request, content=approved)
    if approver.person.id not in after.limited:
        return None
    amount = request.amount.of(approved)
    return OverLimit(
        limit=limits.write(request.amount.limits[approver.person.id]),
        amount=None if isinstance(amount, CannotTell) else limits.show(amount),
        unclear=str(amount) if isinstance(amount, CannotTell) else None,
        is_edited=approved.value != request.content.value,
        approvers=tuple(row.person.label for row in request.eligible if row.person.id not in after.limited),
    )


def _check_risk(request: Request, approved: Params) -> Refusal | None:
    """Check that the edits leave the risk at the level for which people were asked."""
    if request.risk is None:
        return None
    level, before = request.risk.after(approved).level, request.risk.level
    return RiskRaised(level=level, before=before) if level.rank > before.rank else None


def check_open(request: Request, person: Person, now: datetime) -> Refusal | None:
    """Check that the request waits, and is not past due."""
    if request.state is RequestState.PENDING:
        expires_at = request.deadlines.expires_at
        return Expired(at=expires_at) if expires_at is not None and request.deadlines.is_past_due(now) else None
    assert request.closed_at is not None
    match request.state:
        case RequestState.APPROVED | RequestState.REJECTED | RequestState.CHANGES_REQUESTED | RequestState.SKIPPED:
            by_you = request.closed_by is not None and request.closed_by.id == person.id
            return AlreadyDecided(
                state=request.state,
                by=request.closed_by,
                at=request.closed_at,
                by_you=by_you,
                about_failure=request.subject.is_failure,
            )
        case RequestState.UNDONE:
            return already_undone(request, person)
        case RequestState.EXPIRED:
            return Expired(at=request.closed_at)
        case RequestState.CANCELLED:
            return Cancelled(at=request.closed_at)
        case _:  # pragma: no cover
            assert_never(request.state)


def already_undone(request: Request, person: Person | None) -> Refusal:
    """Return the refusal of a command about a request whose approval was undone."""
    assert request.undone is not None
    by = request.undone.person
    return AlreadyUndone(by=by, at=request.undone.at, by_you=person is not None and person.id == by.id)


def _check_content(request: Request, command: Decide) -> Refusal | None:
    if (command.content_version, command.digest) == (request.content_version, request.digest):
        return None
    return Changed(content_version=request.content_version)


def _check_together(request: Request, command: Decide) -> Refusal | None:
    why = why_alone(request) if command.together else None
    return DecideAlone(why=why) if why is not None else None


def why_alone(request: Request) -> AloneReason | None:
    """Return why a request is not decided together with others, or None if it can be."""
    if request.alone is not None:
        return request.alone
    if request.policy.counts_votes:
        return AloneReason.SECOND_PERSON
    if request.confirm_with is not None:
        return AloneReason.CONFIRMATION
    return AloneReason.FORM if request.subject.uses == FORM else None


def together_refusal(request: Request, person: Person, now: datetime) -> Refusal | None:
    """Return why this person cannot decide the request together with others now, or None if they can.

    It is asked before they press the button. The decision is checked by itself.
    """
    approver = next((row for row in request.approvers if row.person.id == person.id), None)
    if approver is None:
        return no_approver(request, Address("email", ""), person)
    why = why_alone(request)
    alone = DecideAlone(why=why) if why is not None else None
    limit = _check_limit(request, approver, request.content)
    return check_open(request, person, now) or check_person(request, approver) or alone or limit


def _check_revise(request: Request, command: Decide) -> Refusal | None:
    if command.verdict is not Verdict.REVISE or (request.revision is not None and request.revision.left > 0):
        return None
    return CannotRevise(rounds=request.revision.rounds if request.revision is not None else 0)


def _check_skip(request: Request, command: Decide) -> Refusal | None:
    return CannotSkip() if command.verdict is Verdict.SKIP and not request.subject.is_failure else None


def _check_reason(request: Request, command: Decide) -> Refusal | None:
    needed = (
        command.verdict is Verdict.REVISE
        or request.reason_required is ReasonRequired.ALWAYS
        or (request.reason_required is ReasonRequired.REJECT and command.verdict is Verdict.REJECT)
    )
    has_reason = bool(command.reason and command.reason.strip())
    return ReasonMissing(verdict=command.verdict) if needed and not has_reason else None
