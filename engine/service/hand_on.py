"""Who is asked next, while a request waits: later groups of a chain, people who join, places that are handed on.

Every function writes under the `rev` of the request as it was loaded, and returns the request as it is afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from engine.audit_entries import EntryKind, entry
from engine.delivery import account_holders, digests, routing
from engine.domain import Approver, EmailPolicy, Person
from engine.errors import Conflict
from engine.json_values import Value
from engine.requests import Request, Ruling, separation, succession
from engine.store import deliveries, people, request_rows, run_rows, votes
from engine.store.port import Tx
from engine.worker.advance import Advancer

VOIDED: Final = "voided"
"""Topic of the alert to a person whose approval does not count any more, because another one changed the content."""
SHORT: Final = "short"
"""Topic of the alert to the owner that approvals are missing which no one can give."""


def after_vote(advancer: Advancer, tx: Tx, request: Request, ruling: Ruling) -> None:
    """Ask the people whose turn it is after an approval or a change, and tell those whose approvals were voided."""
    assert ruling.approved is not None
    if ruling.is_new_version:
        for vote in request.votes:
            if vote.person.id != ruling.approver.person.id:
                _alert(advancer, tx, request, vote.person, topic=VOIDED)
    tally = ruling.tally
    assert tally is not None
    content = ruling.approved if ruling.is_new_version else request.content
    later = replace(request, rev=request.rev + 1, votes=tally.votes, content=content)
    if ruling.is_new_version and request.separation.editor:
        # The change is not loaded again; what matters of it is whose it is.
        change = votes.change_of(request, ruling, tx.now)
        later = replace(later, changes=(*request.changes, change))
    ask(advancer, tx, later, before=request)


def ask(advancer: Advancer, tx: Tx, request: Request, *, before: Request) -> Request:
    """Bring inboxes and copies up to the people who can decide now. Let the owner join if approvals are missing."""
    request = _with_owner(advancer, tx, request)
    waited = {approver.person.id for approver in before.tally.waiting}
    waiting = {approver.person.id: approver.person for approver in request.tally.waiting}
    votes.set_asked(tx, request.id, waited - waiting.keys(), is_asked=False)
    newly = [person for person in waiting if person not in waited]
    votes.set_asked(tx, request.id, newly, is_asked=True)
    return _send_copies(advancer, tx, request, [waiting[person] for person in newly])


def add_approvers(advancer: Advancer, tx: Tx, request: Request, newcomers: Sequence[Approver]) -> Request:
    """Let more people decide a request that waits, and give them copies. People who are asked already stay as they are.

    People that the gate leaves out do not join (`may_join`). Raises `Conflict` if the request has changed since it was
    loaded.
    """
    return _add(advancer, tx, request, newcomers, before=request)


def _add(advancer: Advancer, tx: Tx, request: Request, newcomers: Sequence[Approver], *, before: Request) -> Request:
    """Write the newcomers among the people of a request. `before`: the request as it was loaded."""
    present = {approver.person.id for approver in request.approvers}
    added = [row for row in newcomers if row.person.id not in present and may_join(request, row)]
    touched = _touch(tx, request)
    later = replace(touched, approvers=(*request.approvers, *added))
    request_rows.insert_approvers(tx, request.id, added, asked=(), position=len(request.approvers))
    deliveries.mark_outdated(tx, request.subject.run, request.id)
    return ask(advancer, tx, later, before=before)


def may_join(request: Request, newcomer: Approver) -> bool:
    """Return whether the gate would let this person approve if they joined now."""
    rows = (*request.approvers, newcomer)
    left_out = separation.is_left_out(rows, request.separation, request.requester, newcomer)
    return not left_out and newcomer.person.id not in request.editors


def hand_on(
    advancer: Advancer,
    tx: Tx,
    request: Request,
    approver: Approver,
    to: Person,
    *,
    rule: str,
    why: str,
    actor: Person | None = None,
) -> Request:
    """Let another person decide in the place of an approver, and record why. `actor`: who said so, if a person did.

    `rule`: how the record names the place of the new approver. The person must be one who `may_join`. Raises `Conflict`
    if the request has changed.
    """
    assert may_join(request, Approver(to, rule, groups=approver.groups))
    if not votes.try_hand_on(tx, request.id, approver, to):
        raise Conflict(f"request {request.id}: the place of {approver.person.id} was handed on meanwhile")
    record = entry(
        EntryKind.REQUEST_HANDED_ON,
        run=request.subject.run,
        request=request.id,
        step=request.subject.step,
        actor=actor,
        content={
            "person": approver.person.id,
            "name": approver.person.label,
            "to": {"person": to.id, "name": to.label, "rule": rule},
            "why": why,
        },
    )
    tx.audit(request.workspace, record)
    rows = [replace(row, handed_to=to.label) if row is approver else row for row in request.approvers]
    present = next((row for row in rows if row.person.id == to.id), None)
    if present is not None:
        # They take over the groups of a chain as well.
        both = replace(present, groups=tuple(sorted({*present.groups, *approver.groups})))
        votes.set_groups(tx, request.id, both)
        if present.handed_to is not None:
            both = succession.taken_back(both)
            votes.take_back(tx, request.id, both)
        rows = [both if row is present else row for row in rows]
    newcomer = Approver(to, rule, groups=approver.groups)
    return _add(advancer, tx, replace(request, approvers=tuple(rows)), [newcomer], before=request)


def _with_owner(advancer: Advancer, tx: Tx, request: Request) -> Request:
    """Return the request with its owner among the approvers if approvals are missing that no one else can give.

    If the owner cannot give them either, they are alerted: they can hand the request on.
    """
    if not request.tally.short:
        return request
    run_owner = run_rows.load_owner(tx.connection, request.subject.run)
    owner = people.load_people_cached(tx, [run_owner.owner])[run_owner.owner]
    others = bool(request.eligible)
    asked = None
    is_able = account_holders.may_decide(advancer.directory, owner, needs_account=request.needs_account)
    if (
        is_able
        and owner.id not in request.editors
        and separation.may_stand_in(owner, request.separation, request.requester, others=others)
    ):
        asked = separation.with_owner(request.approvers, request.policy, owner)
    if asked is None:
        advancer.alert_once(tx, run_owner, topic=SHORT, request=request.id)
        return request
    known = {approver.person.id for approver in request.approvers}
    if owner.id in known:
        votes.set_groups(tx, request.id, next(row for row in asked if row.person.id == owner.id))
    else:
        request_rows.insert_approvers(tx, request.id, asked[-1:], asked=(), position=len(request.approvers))
    joined = replace(request, approvers=asked)
    if joined.tally.short:
        advancer.alert_once(tx, run_owner, topic=SHORT, request=request.id)
    return joined


def _send_copies(advancer: Advancer, tx: Tx, request: Request, persons: Sequence[Person]) -> Request:
    """Give each of these people a copy who has none yet."""
    if not persons:
        return request
    run = request.subject.run
    reached = deliveries.load_channels(tx.connection, run, request.id)
    without = [person for person in persons if person.id not in reached]
    copies, more_ways = routing.open_copies(
        # Slack notifies no one of a mention that is added to the shared copy, so they get their own.
        advancer.directory,
        request.ways.directly,
        run=run,
        request=request.id,
        persons=without,
    )
    zones = {person.zone for person in persons}
    at_once, held = digests.split(copies, request.deadlines, now=tx.now, hours=advancer.hours, zones=zones)
    deliveries.insert_deliveries(tx, request.workspace, at_once)
    digests.hold(tx, request.workspace, held, hours=advancer.hours)
    asked: list[Value] = [{"person": person.id, "name": person.label} for person in persons]
    record = entry(EntryKind.REQUEST_ASKED, run=run, request=request.id, step=request.subject.step, people=asked)
    tx.audit(request.workspace, record)
    if not more_ways or request.ways.email is not EmailPolicy.FALLBACK:
        return request
    later = request.deadlines.after_asking_more(tx.now)
    if later == request.deadlines:
        return request
    if not request_rows.try_set_deadlines(tx, request, later):
        raise Conflict(f"request {request.id} changed meanwhile")
    return replace(request, rev=request.rev + 1, deadlines=later)


def _touch(tx: Tx, request: Request) -> Request:
    if not request_rows.try_touch(tx, request):
        raise Conflict(f"request {request.id} changed meanwhile")
    return replace(request, rev=request.rev + 1)


def _alert(advancer: Advancer, tx: Tx, request: Request, person: Person, *, topic: str) -> None:
    alert = routing.alert(advancer.directory, request.subject.run, person, topic=topic, request=request.id)
    deliveries.insert_deliveries(tx, request.workspace, [alert])
