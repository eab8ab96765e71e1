"""The commands by which people are away and back, and the unit that passes on what waits for them."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from engine import requests, timestamps
from engine.absence_phrases import LONGEST
from engine.audit_entries import EntryKind, entry
from engine.delivery.recipients import Recipients, Resolved
from engine.domain import (
    Absence,
    Address,
    Assurance,
    Away,
    Back,
    CannotTakeOver,
    NotAllowed,
    Person,
    Refusal,
    RequestState,
    SetAway,
    SetBack,
    Work,
)
from engine.references import Reference
from engine.requests import delegate_of
from engine.service import person_lookup, stand_in
from engine.service.context import CommandContext
from engine.store import absences, deliveries, request_model, request_notes, request_rows
from engine.store.port import Tx

_AT_ONCE: Final = 20
"""Maximum number of requests in one transaction."""
LOOKED_AT: Final = 50
"""Open requests whose notes are looked at in one transaction, after a person is back."""
_LATE: Final = timedelta(seconds=30)
"""How long after its beginning an absence is looked at once more.

Another process may open a request at the same moment, without knowing of the absence. It is longer than a transaction.
"""
_FOR_OTHERS: Final = NotAllowed(why="Only an admin can say that another person is away or back.")
_SIGN_IN: Final = NotAllowed(
    why="To choose who decides in your place, use /signoff away in Slack, or sign in here with Slack."
)
_TOO_LONG: Final = NotAllowed(why="Choose an end that is later than the beginning, and within a year.")


def set_away(context: CommandContext, tx: Tx, command: Away, resolved: Resolved) -> SetAway | Refusal:
    """Write that a person is away: the unit of `Engine.set_away`. An earlier absence of theirs ends."""
    recipients = Recipients(tx, context.advancer.directory, resolved)
    person, actor = _people(context, recipients, command)
    if isinstance(person, Refusal):
        return person
    starts_at = max(command.starts_at or tx.now, tx.now)
    if not starts_at < command.ends_at <= tx.now + LONGEST:
        return _TOO_LONG
    delegate = None
    if command.delegate is not None and command.assurance is Assurance.CODE and actor.account is not None:
        # A gate may want a sign-in with the account. A reader of the emails must not get around it.
        return _SIGN_IN
    if command.delegate is not None:
        looked_up = person_lookup.look_up(tx, recipients, command.workspace, command.delegate, any_address=False)
        if isinstance(looked_up, CannotTakeOver):
            return looked_up
        delegate = looked_up
        if delegate.id == person.id:
            return CannotTakeOver(name=delegate.label, why="yourself")
    tx.take_turn(f"absence:{person.id}")
    absences.end_absences(tx, person.id)
    absence = Absence(id=tx.new_id(), person=person, starts_at=starts_at, ends_at=command.ends_at, delegate=delegate)
    absences.insert_absence(tx, command.workspace, absence, set_by=actor.id)
    tx.audit(
        command.workspace,
        entry(
            EntryKind.PERSON_AWAY,
            actor=actor,
            person=person.id,
            name=person.label,
            since=timestamps.iso(starts_at),
            until=timestamps.iso(command.ends_at),
            delegate={"person": delegate.id, "name": delegate.label} if delegate is not None else None,
        ),
    )
    is_now = starts_at <= tx.now
    if is_now:
        tx.enqueue(Work("process_due", absence.id))
    return SetAway(absence=absence, is_now=is_now, stand_in=_stand_in(tx, command.workspace, absence))


def _stand_in(tx: Tx, workspace: str, absence: Absence) -> Person | None:
    """Return who decides for a person now, who is the delegate of the delegate if that one is away as well."""
    away = {one.person.id: one for one in absences.load_open(tx.connection, workspace, tx.now) if one.covers(tx.now)}
    return delegate_of(absence.person.id, away)


def set_back(context: CommandContext, tx: Tx, command: Back, resolved: Resolved) -> SetBack | Refusal:
    """End the absence of a person: the unit of `Engine.set_back`. What was passed on stays with the others."""
    recipients = Recipients(tx, context.advancer.directory, resolved)
    person, actor = _people(context, recipients, command)
    if isinstance(person, Refusal):
        return person
    tx.take_turn(f"absence:{person.id}")
    was_away = absences.end_absences(tx, person.id)
    if was_away:
        record = entry(EntryKind.PERSON_BACK, actor=actor, person=person.id, name=person.label)
        tx.audit(command.workspace, record)
    return SetBack(person=person, was_away=was_away)


def _people(context: CommandContext, recipients: Recipients, command: Away | Back) -> tuple[Person | Refusal, Person]:
    """Return the person who is away or back, and the actor."""
    actor = recipients.actor(command.workspace, command.actor)
    if command.person is None:
        return actor, actor
    person = recipients.named(command.workspace, _reference(command.person))
    return (person if context.may(actor, command.actor, person.id) else _FOR_OTHERS), actor


def _reference(address: Address) -> Reference:
    return Reference(address.kind, address.value, str(address))


def begin(context: CommandContext, tx: Tx, absence_id: str) -> None:
    """Pass on some of the requests that wait for a person whose absence has begun."""
    loaded = absences.load_absence(tx.connection, absence_id)
    if loaded is None:
        _correct_notes(tx, absence_id)
        return
    absence, workspace, up_to = loaded
    if not absence.covers(tx.now):
        # No process ran while the person was away, or the clock was set back.
        next_at = None if absence.ends_at <= tx.now else absence.starts_at
        absences.set_moved(tx, absence.id, up_to=up_to, next_at=next_at)
        return
    waiting = absences.load_to_move(tx.connection, absence.person.id, after=up_to, most=_AT_ONCE)
    away = absences.load_current(tx, workspace)
    for request_id in waiting:
        request_rows.lock(tx, request_id)
        request = request_model.load_request(tx, request_id)
        if request is not None and _is_open(request[0].state) and not request[0].deadlines.is_past_due(tx.now):
            stand_in.move(context.advancer, tx, request[0], absence, away)
    if len(waiting) == _AT_ONCE:
        absences.set_moved(tx, absence.id, up_to=waiting[-1], next_at=tx.now)
        tx.enqueue(Work("process_due", absence.id))
        return
    again_at = absence.starts_at + _LATE
    absences.set_moved(tx, absence.id, up_to="", next_at=again_at if tx.now < again_at else None)


def _correct_notes(tx: Tx, absence_id: str) -> None:
    """Let some open requests no longer say that a person is away whose absence ended early."""
    loaded = absences.load_ended(tx.connection, absence_id)
    if loaded is None:
        return
    absence, workspace, up_to = loaded
    present = absences.load_current(tx, workspace).get(absence.person.id)
    still = requests.away_until(present) if present is not None else None

    def corrected(note: str) -> str:
        return note if still and note.startswith(still) else requests.after_return(note, absence.person)

    looked_at = absences.load_with_notes(tx.connection, workspace, after=up_to, most=LOOKED_AT)
    for request_id in [request for request, may_say_so in looked_at if may_say_so]:
        request_rows.lock(tx, request_id)
        request = request_model.load_request(tx, request_id)
        if request is None or not _is_open(request[0].state):
            continue
        if request_notes.try_update(tx, request[0], corrected):
            deliveries.mark_outdated(tx, request[0].subject.run, request_id)
    if len(looked_at) < LOOKED_AT:
        absences.set_corrected(tx, absence.id, up_to="", next_at=None)
        return
    absences.set_corrected(tx, absence.id, up_to=looked_at[-1][0], next_at=tx.now)
    tx.enqueue(Work("process_due", absence.id))


def _is_open(state: RequestState) -> bool:
    return state is RequestState.PENDING
