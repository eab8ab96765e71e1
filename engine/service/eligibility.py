"""Whether an approver may still decide: looked up again at the decision, because people leave while requests wait."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from engine.audit_entries import EntryKind, entry
from engine.delivery.recipients import Recipients, references_of
from engine.domain import Address, Approver, Person
from engine.domain.people import ACCOUNT
from engine.ports import Resolution
from engine.references import EMAIL, GROUP, MEMBERS, Reference
from engine.requests import Request
from engine.store import deliveries, request_rows, run_rows
from engine.store.transaction import Tx
from engine.worker.advance import Advancer

_STARTED_IT: Final = "they started this run themselves"


class Eligibility(Struct, frozen=True):
    """`excluded`: why the approver can no longer decide. `unchecked`: what the directory did not answer."""

    excluded: str | None = None
    unchecked: tuple[str, ...] = ()


def check(who: Recipients, asked: Request, approver: Approver, actor: Address) -> Eligibility:
    """Look whether the gate still means this approver, and whether `actor` still tells who they are.

    Raises `NeedsDirectory` for what only the directory knows.
    """
    person = approver.person
    if approver.not_requester and person.id == asked.requester:
        # They were two when it was opened; since then the directory named the address for this account.
        return Eligibility(excluded=_STARTED_IT)
    named = [_as_asked(one, person) for one in references_of(approver)]
    own = [Reference(ACCOUNT, person.account.value, str(person.account))] if person.account else []
    proof = [Reference(EMAIL, actor.value, actor.value)] if actor.kind == EMAIL else []
    # The answer about an email address says how its account stands, that about a group does not.
    whole = own if all(one.kind == MEMBERS for one in named) else []
    answers = who.answers(list(dict.fromkeys([*named, *whole, *proof])))
    unchecked = tuple(str(one.why) for one in answers.values() if one.unanswered)
    for wanted in (named, whole, proof):
        reasons = [_why_not(one, answers.get(one), person) for one in wanted]
        if reasons and None not in reasons:
            return Eligibility(excluded=reasons[0])
    return Eligibility(unchecked=unchecked)


def _as_asked(reference: Reference, person: Person) -> Reference:
    """The reference as the directory is asked whether this one person is meant."""
    if reference.kind == GROUP:
        return Reference(MEMBERS, reference.value, reference.rule)
    if reference.is_keyword and person.account is not None:
        return Reference(ACCOUNT, person.account.value, reference.rule)
    return reference


def _why_not(reference: Reference, answer: Resolution | None, person: Person) -> str | None:
    """Why the reference does not mean the person now; None: it does, or that cannot be found out."""
    if answer is None or answer.unanswered:
        return None
    account = person.account
    if reference.kind == MEMBERS:
        return None if account in answer.members else f"no longer in @{reference.value}"
    if account is None:
        return None if answer.unknown else f"{reference.value} {_stands(answer)}"
    if any(account in one.addresses for one in answer.people):
        return None
    if reference.kind == EMAIL and answer.standing is None:
        return f"{reference.value} is not the email address of this account any more"
    return f"the account {_stands(answer)}"


def _stands(answer: Resolution) -> str:
    return f"is {answer.standing}" if answer.standing else "is not in this workspace any more"


def exclude(advancer: Advancer, tx: Tx, asked: Request, approver: Approver, why: str) -> None:
    """Write down that an approver can no longer decide; the first time, its copies and the owner are told."""
    person = approver.person
    if not request_rows.try_exclude(tx, asked.id, person.id, why):
        return
    run = asked.subject.run
    deliveries.mark_outdated(tx, run, asked.id)
    advancer.alert(tx, run_rows.load_place(tx.connection, run), topic="excluded", request=asked.id)
    record = entry(
        EntryKind.REQUEST_APPROVER_EXCLUDED,
        run=run,
        request=asked.id,
        step=asked.subject.step,
        content={"person": person.id, "name": person.label, "rule": approver.rule, "why": why},
    )
    tx.audit(asked.workspace, record)
