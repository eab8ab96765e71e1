"""Codes by mail: asking for one, and giving it."""

from __future__ import annotations

import hmac

from engine.codes import Codes, hashed
from engine.errors import Conflict
from engine.model import (
    Address,
    AskCode,
    ChallengeView,
    CodeLapsed,
    CodeSent,
    Decide,
    Decided,
    DeliveryKind,
    GiveCode,
    NeedsCode,
    NotFound,
    Person,
    Proven,
    Refusal,
    SignIn,
    WrongCode,
)
from engine.ports import Route
from engine.reaching import MAIL
from engine.service import deciding, proving
from engine.service.ground import Ground, entry
from engine.store import browsers, challenges, deliveries, loading, people
from engine.store.challenges import Held
from engine.store.deliveries import NewDelivery
from engine.store.tx import Tx


def ask(ground: Ground, codes: Codes, tx: Tx, command: AskCode) -> CodeSent | Refusal:
    """The unit of `Identity.ask_code`. A decision that would be refused anyway is refused now."""
    decide = command.decide
    loaded = loading.load_asked(tx, decide.request)
    if loaded is None:
        return NotFound(what="request", name=decide.request)
    asked, _ = loaded
    earlier = challenges.find_challenge(tx.connection, command.holder, decide.form) if decide.form else None
    if earlier is not None and earlier.request == asked.id:
        return _sent(earlier)
    proof = proving.prove(tx, asked, decide)
    if isinstance(proof, Refusal):
        return proof
    ruling = deciding.rule(ground, tx, asked, decide, proof)
    if isinstance(ruling, Refusal) and not isinstance(ruling, NeedsCode):
        return ruling
    assert proof.person is not None
    assert proof.address is not None
    return _sent(
        _open(
            codes,
            tx,
            workspace=asked.workspace,
            holder=command.holder,
            form=decide.form,
            address=proof.address,
            person=proof.person,
            decision=decide,
            run=asked.subject.run,
        )
    )


def sign_in(codes: Codes, tx: Tx, command: SignIn) -> CodeSent:
    """The unit of `Identity.sign_in`. For an address that nobody has all looks the same, and nothing is sent."""
    earlier = challenges.find_challenge(tx.connection, command.holder, command.form) if command.form else None
    if earlier is not None:
        return _sent(earlier)
    address = command.email.strip().lower()
    person = people.known_person(tx, command.workspace, Address("email", address))
    return _sent(
        _open(
            codes,
            tx,
            workspace=command.workspace,
            holder=command.holder,
            form=command.form,
            address=address,
            person=person,
        )
    )


def _open(
    codes: Codes,
    tx: Tx,
    *,
    workspace: str,
    holder: str,
    form: str | None,
    address: str,
    person: Person | None,
    decision: Decide | None = None,
    run: str | None = None,
) -> Held:
    challenge = tx.new_id()
    sent = challenges.load_sent(tx.connection, workspace, address, tx.now)
    sends = person is not None and challenges.may_send(sent, tx.now)
    held = challenges.insert_challenge(
        tx,
        challenge=challenge,
        workspace=workspace,
        holder=holder,
        form=form,
        person=person.id if person else None,
        address=address,
        decision=decision,
        mac=codes.mac(challenge, codes.code(challenge)) if sends else None,
    )
    if person is not None and sends:
        copy = NewDelivery(
            kind=DeliveryKind.CODE,
            run=run,
            person=person,
            route=Route(MAIL, address),
            request=held.request,
            topic=challenge,
        )
        deliveries.insert_deliveries(tx, workspace, [copy])
    return held


def _sent(held: Held) -> CodeSent:
    # Of somebody who signs in nobody shall learn whether anything was sent.
    sent = held.sent or held.request is None
    return CodeSent(challenge=held.id, address=held.address, until=held.expires_at, sent=sent)


def view(held: Held | None, holder: str) -> ChallengeView | None:
    """The challenge, for the browser that asked for it."""
    if held is None or not hmac.compare_digest(held.holder, hashed(holder)):
        return None
    decision = held.decision
    return ChallengeView(
        id=held.id,
        address=held.address,
        request=held.request,
        verdict=decision.verdict if decision else None,
        tries_left=max(0, challenges.TRIES - held.tries),
        until=held.expires_at,
        sent=_sent(held).sent,
        used=held.used_at is not None,
    )


def give(ground: Ground, codes: Codes, tx: Tx, command: GiveCode) -> Proven | WrongCode | CodeLapsed:
    """The unit of `Identity.give_code`: whoever gives the right code is remembered, and what they decided is done."""
    held = challenges.load_challenge(tx.connection, command.challenge)
    if held is None or view(held, command.holder) is None or not held.open(tx.now):
        return CodeLapsed()
    if not _is_right(codes, tx, held, command.code):
        if not challenges.try_count(tx, held):
            raise Conflict(f"challenge {held.id} was tried by somebody else")
        left = challenges.TRIES - held.tries - 1
        return WrongCode(left=left) if left else CodeLapsed()
    assert held.person is not None
    challenges.use(tx, held)
    proof = proving.by_code(tx, held.person, held.address)
    assert proof.person is not None
    secret, until = browsers.remember(tx, held.workspace, proof.person, held.address, command.label)
    tx.audit(
        held.workspace,
        entry("browser.remembered", request=held.request, actor=proof.person, address=held.address),
    )
    answer = _decide(ground, tx, held, proof) if held.decision is not None else None
    return Proven(
        person=proof.person, address=held.address, browser=secret, until=until, request=held.request, answer=answer
    )


def _decide(ground: Ground, tx: Tx, held: Held, proof: proving.Proof) -> Decided | Refusal:
    assert held.decision is not None
    loaded = loading.load_asked(tx, held.decision.request)
    assert loaded is not None
    asked, labels = loaded
    return deciding.decide_as(ground, tx, asked, labels, held.decision, proof)


def _is_right(codes: Codes, tx: Tx, held: Held, code: str) -> bool:
    """Whether it is a code that went to the address and still holds, whichever browser asked for it.

    Whoever reads the newest mail cannot know that a scanner had it sent.
    """
    if held.person is None:
        return False
    if challenges.guessed(tx.connection, held.workspace, held.address, tx.now) >= challenges.GUESSES:
        return False
    sent = challenges.load_sent(tx.connection, held.workspace, held.address, tx.now)
    live = [one for one in sent if one.until > tx.now]
    return any(codes.matches(one.challenge, code, one.mac) for one in live)
