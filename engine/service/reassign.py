"""The command that passes a request on: another person decides in the place of an approver."""

from __future__ import annotations

from engine import json_values, requests
from engine.audit_entries import EntryKind, entry
from engine.delivery import amount_limits
from engine.delivery.recipients import Recipients, Resolved
from engine.domain import (
    AlreadyVoted,
    Approver,
    Assurance,
    CannotTakeOver,
    HandedOn,
    NeedsSignIn,
    NotAllowed,
    NotFound,
    Person,
    Reassign,
    Reassigned,
    Refusal,
    WhosePlace,
)
from engine.requests import Request
from engine.requests.succession import MISSING
from engine.service import assurance, hand_on, oversight_requests, person_lookup
from engine.service.context import CommandContext
from engine.store import browsers, request_model, request_rows, run_rows
from engine.store.port import Tx

_VOUCHED = frozenset({Assurance.SLACK, Assurance.TERMINAL})
_NOT_YOURS = NotAllowed(why="Only an approver of this request or the owner of its workflow can pass it on.")
_SIGN_IN = NotAllowed(why="Sign in first. Then you can pass this request on.")
_ELSEWHERE = NotAllowed(
    why="People decide this request with their Slack account. Pass it on in Slack, or sign in with Slack on its page."
)
_NO_REASON = NotAllowed(why="Please say why you pass this on. It is kept in the record.")
_NOT_MISSING = NotAllowed(why="No approval is missing that needs another person. Choose in whose place they decide.")


def reassign(context: CommandContext, tx: Tx, command: Reassign, resolved: Resolved) -> Reassigned | Refusal:
    """Let another person decide in the place of an approver: the unit of `Engine.reassign`."""
    request_rows.lock(tx, command.request)
    loaded = request_model.load_request(tx, command.request)
    if loaded is None:
        return NotFound(what="request", name=command.request)
    request, recipients = loaded[0], Recipients(tx, context.advancer.directory, resolved)
    actor = _actor(tx, recipients, request, command)
    if isinstance(actor, Refusal):
        return actor
    is_owner = actor.id == run_rows.load_owner(tx.connection, request.subject.run).owner
    refusal = (
        (None if is_owner else _not_an_approver(request, actor))
        or requests.check_open(request, actor, tx.now)
        # A person who may not decide does not choose who decides either.
        or oversight_requests.barred(context, tx, request, actor)
    )
    if refusal is not None:
        return refusal
    place = _place(request, actor, command.place, is_owner=is_owner)
    if isinstance(place, Refusal):
        return place
    to = _successor(recipients, tx, request, command, any_address=is_owner)
    if isinstance(to, Refusal):
        return to
    if not amount_limits.suffices(recipients, context.advancer.directory, request, to):
        return CannotTakeOver(name=to.label, why="limit")
    reason = requests.clip(json_values.clean_text(command.reason).strip(), requests.REASON_LENGTH)
    if not reason:
        return _NO_REASON
    _save(context, tx, request, place, to, reason=reason, actor=actor)
    person = place.person if place is not None else None
    return Reassigned(request=request.id, run=request.subject.run, place=person, to=to)


def _actor(tx: Tx, recipients: Recipients, request: Request, command: Reassign) -> Person | Refusal:
    """Return who passes it on. What proves less than the gate wants is no proof: they could let themselves decide."""
    if command.assurance is Assurance.TERMINAL and request.needs_account:
        return _ELSEWHERE
    if command.assurance in _VOUCHED:
        return recipients.actor(request.workspace, command.actor)
    browser = browsers.load_browser(tx.connection, command.browser, tx.now) if command.browser else None
    if browser is None:
        return _SIGN_IN
    proof = assurance.of_browser(browser)
    if request.needs_account and proof.assurance is not Assurance.SSO:
        return NeedsSignIn()
    return browser.person


def _not_an_approver(request: Request, actor: Person) -> Refusal | None:
    return None if any(row.person.id == actor.id for row in request.approvers) else _NOT_YOURS


def _place(request: Request, actor: Person, wanted: str | None, *, is_owner: bool) -> Approver | Refusal | None:
    """Return whose place is passed on, or None if it is an approval that no one can give."""
    places = requests.open_places(request)
    by_person = {place.person.id: place for place in places}
    if wanted == MISSING:
        return (None if request.tally.short else _NOT_MISSING) if is_owner else _NOT_YOURS
    if wanted in by_person and (is_owner or wanted == actor.id):
        return by_person[wanted]
    if wanted is not None:
        return _gone(request, wanted, actor) if is_owner or wanted == actor.id else _NOT_YOURS
    if actor.id in by_person:
        return by_person[actor.id]
    if not is_owner:
        return _gone(request, actor.id, actor)
    if request.tally.short and not any(place.excluded for place in places):
        return None
    left = [place for place in places if place.excluded] if request.tally.short else places
    return left[0] if len(left) == 1 else WhosePlace(names=requests.names_of(left))


def _gone(request: Request, person: str, actor: Person) -> Refusal:
    """Return why the place of a person cannot be passed on."""
    row = next((row for row in request.approvers if row.person.id == person), None)
    vote = request.tally.vote_of(person)
    if row is None:
        return _NOT_YOURS
    if row.handed_to is not None and person == actor.id:
        return HandedOn(to=row.handed_to)
    if vote is not None and person == actor.id:
        return AlreadyVoted(at=vote.at, waiting=requests.names_of(request.tally.waiting))
    return NotAllowed(why=f"{row.person.label} has no decision left to make here. Look at the request again.")


def _successor(
    recipients: Recipients, tx: Tx, request: Request, command: Reassign, *, any_address: bool
) -> Person | CannotTakeOver:
    """Return the person who takes over. Only the owner may name an address that Signoff does not know."""
    person = person_lookup.look_up(tx, recipients, request.workspace, command.to, any_address=any_address)
    return person if isinstance(person, CannotTakeOver) else requests.check_successor(request, person) or person


def _save(
    context: CommandContext,
    tx: Tx,
    request: Request,
    place: Approver | None,
    to: Person,
    *,
    reason: str,
    actor: Person,
) -> None:
    if place is not None:
        rule = requests.rule_for(place)
        hand_on.hand_on(context.advancer, tx, request, place, to, rule=rule, why=reason, actor=actor)
        return
    approver = requests.newcomer(request, to, f"named by the owner, {actor.label}")
    hand_on.add_approvers(context.advancer, tx, request, [approver])
    record = entry(
        EntryKind.REQUEST_HANDED_ON,
        run=request.subject.run,
        request=request.id,
        step=request.subject.step,
        actor=actor,
        content={"to": {"person": to.id, "name": to.label, "rule": approver.rule}, "why": reason},
    )
    tx.audit(request.workspace, record)
