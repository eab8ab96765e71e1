"""The eligibility of an approver, checked again at the decision: people leave while requests wait."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from engine.audit_entries import EntryKind, entry
from engine.delivery.recipients import Recipients, references_of
from engine.domain import Address, Approver, Person
from engine.domain.people import ACCOUNT
from engine.ports import Resolution
from engine.references import EMAIL, MEMBERS, ROLE_MEMBERS, Reference
from engine.requests import Request
from engine.service import hand_on, stand_in
from engine.store import absences, deliveries, request_rows, run_rows
from engine.store.port import Tx
from engine.worker.advance import Advancer

DEACTIVATED: Final = "the account was deactivated"
"""Why an approver is excluded whose account was deactivated while the request waited. It stays so: their place was
handed on, and other processes may still have an older answer of the directory."""
STARTED_IT: Final = "in this workflow, requesters do not decide their own requests"


class Eligibility(Struct, frozen=True):
    """`excluded`: why the approver can no longer decide. `unchecked`: why the directory could not be asked."""

    excluded: str | None = None
    unchecked: tuple[str, ...] = ()


def check(recipients: Recipients, request: Request, approver: Approver, actor: Address) -> Eligibility:
    """Check that the gate still names this approver, and that the address `actor` still belongs to them.

    Raises `NeedsDirectory` if the directory has to be asked first.
    """
    person = approver.person
    if approver.excluded == DEACTIVATED:
        return Eligibility(excluded=DEACTIVATED)
    if approver.not_requester and person.id == request.requester:
        # They were two persons when the request was opened. The directory has since joined them.
        return Eligibility(excluded=STARTED_IT)
    named = [_for_person(reference, person) for reference in references_of(approver)]
    own = [Reference(ACCOUNT, person.account.value, str(person.account))] if person.account else []
    proof = [Reference(EMAIL, actor.value, actor.value)] if actor.kind == EMAIL else []
    # The answer about an email address tells the state of its account. The answer about a group or a role does not.
    account = own if all(reference.is_members for reference in named) else []
    answers = recipients.answers(list(dict.fromkeys([*named, *account, *proof])))
    if not answers:
        return Eligibility()
    unchecked = tuple(str(answer.why) for answer in answers.values() if answer.unanswered)
    for references in (named, account, proof):
        reasons = [_why_excluded(reference, answers.get(reference), person) for reference in references]
        if reasons and None not in reasons:
            return Eligibility(excluded=reasons[0])
    return Eligibility(unchecked=unchecked)


def _for_person(reference: Reference, person: Person) -> Reference:
    """Return the reference by which the directory is asked about this one person."""
    if reference.has_members:
        return reference.as_members
    if reference.is_keyword and person.account is not None:
        return Reference(ACCOUNT, person.account.value, reference.rule)
    return reference


def _why_excluded(reference: Reference, answer: Resolution | None, person: Person) -> str | None:
    """Return why the reference no longer names the person, or None if it does or the directory did not answer."""
    if answer is None or answer.unanswered:
        return None
    account = person.account
    if reference.kind == ROLE_MEMBERS:
        is_member = not answer.members.isdisjoint(person.addresses)
        return None if is_member else f"the role {reference.value} no longer includes this person"
    if reference.kind == MEMBERS:
        return None if account in answer.members else f"@{reference.value} no longer includes this account"
    if account is None:
        stands_alone = any(holder.account is None and _share(holder.addresses, person) for holder in answer.people)
        return None if answer.unknown or stands_alone else f"the account of {reference.value} {_account_state(answer)}"
    if any(account in holder.addresses for holder in answer.people):
        return None
    if reference.kind == EMAIL and answer.standing is None:
        return f"{reference.value} is no longer the email address of this account"
    return f"the account {_account_state(answer)}"


def _share(addresses: Sequence[Address], person: Person) -> bool:
    return not set(addresses).isdisjoint(person.addresses)


def _account_state(answer: Resolution) -> str:
    return f"is {answer.standing}" if answer.standing else "is no longer in this workspace"


def exclude(advancer: Advancer, tx: Tx, request: Request, approver: Approver, why: str) -> Request:
    """Record that an approver can no longer decide. The first time, update the copies and alert the owner.

    Their delegate or a backup of the gate takes the place; else, if approvals are missing that no one can give, the
    owner does. Returns the request as it is
    afterwards. Raises `Conflict` if it has changed since it was loaded.
    """
    person = approver.person
    if not request_rows.try_exclude(tx, request, person.id, why):
        return request
    run = request.subject.run
    deliveries.mark_outdated(tx, run, request.id)
    advancer.alert(tx, run_rows.load_owner(tx.connection, run), topic="excluded", request=request.id)
    record = entry(
        EntryKind.REQUEST_APPROVER_EXCLUDED,
        run=run,
        request=request.id,
        step=request.subject.step,
        content={"person": person.id, "name": person.label, "rule": approver.rule, "why": why},
    )
    tx.audit(request.workspace, record)
    rows = tuple(replace(row, excluded=why) if row.person.id == person.id else row for row in request.approvers)
    later = replace(request, rev=request.rev + 1, approvers=rows)
    left = next(row for row in rows if row.person.id == person.id)
    away = absences.load_current(tx, request.workspace)
    handed_on = stand_in.try_hand_on(advancer, tx, later, left, away, why=f"{person.label}: {why}")
    return handed_on or hand_on.ask(advancer, tx, later, before=request)
