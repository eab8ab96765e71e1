"""Codes by mail: asking for one to decide or to sign in, and giving the one that came."""

from __future__ import annotations

import hmac
from dataclasses import replace

from engine.audit_entries import EntryKind, entry
from engine.code_derivation import Codes, hashed, reference
from engine.delivery.recipients import Recipients, Resolved
from engine.domain import (
    Address,
    AskCode,
    ChallengeView,
    CodeExpired,
    CodeSent,
    Decide,
    Decided,
    Done,
    GiveCode,
    NeedsCode,
    NoLink,
    NotFound,
    ProvenIdentity,
    Purpose,
    Refusal,
    Resume,
    SignIn,
    WrongCode,
)
from engine.errors import Conflict
from engine.service import answer_attention, assurance, code_confirmation, decide, sign_in
from engine.service.context import CommandContext
from engine.store import challenges, people, request_model
from engine.store.challenges import StoredChallenge
from engine.store.transaction import Tx


def ask(context: CommandContext, codes: Codes, tx: Tx, command: AskCode) -> CodeSent | Refusal:
    """The unit of `Identity.ask_code`. A decision that would be refused anyway is refused now."""
    decision = command.decide
    loaded = request_model.load_request(tx, decision.request)
    if loaded is None:
        return NotFound(what="request", name=decision.request)
    asked, _ = loaded
    challenges.sweep(tx)
    earlier = challenges.find_confirming(tx.connection, command.holder, decision.form, decision)
    if earlier is not None:
        return code_confirmation.sent(earlier)
    proof = assurance.prove(tx, asked, decision)
    if isinstance(proof, Refusal):
        return proof
    ruling = decide.rule(context, tx, asked, decision, proof)
    if isinstance(ruling, Refusal) and not isinstance(ruling, NeedsCode):
        return ruling
    return code_confirmation.ask(
        codes, tx, command, decision, proof, workspace=asked.workspace, run=asked.subject.run, form=decision.form
    )


def ask_sign_in_code(codes: Codes, tx: Tx, command: SignIn) -> CodeSent:
    """The unit of `Identity.sign_in`. For an address that nobody has all looks the same, and nothing is sent."""
    address = command.email.strip().lower()
    return sign_in.ask(
        codes,
        tx,
        workspace=command.workspace,
        address=address,
        person=people.known_person(tx, command.workspace, Address("email", address)),
        holder=command.holder,
        form=command.form,
        label=command.label,
    )


def view(held: StoredChallenge | None, holder: str) -> ChallengeView | None:
    """The challenge, for the browser that asked for it. One to sign in is carried by its browser, and not seen here."""
    if held is None or held.purpose is Purpose.SIGN_IN or not hmac.compare_digest(held.holder, hashed(holder)):
        return None
    return ChallengeView(
        id=held.id,
        purpose=held.purpose,
        address=held.address,
        request=held.request,
        verdict=held.command.verdict if isinstance(held.command, Decide) else None,
        tries_left=max(0, challenges.TRIES - held.tries),
        until=held.expires_at,
        used=held.used_at is not None,
        reference=reference(held.subject),
        digits=challenges.digits(held.purpose),
        run=held.run,
        answer=held.command.answer if isinstance(held.command, Resume) else None,
    )


def give(
    context: CommandContext, codes: Codes, tx: Tx, command: GiveCode, resolved: Resolved
) -> ProvenIdentity | WrongCode | CodeExpired:
    """The unit of `Identity.give_code`: what the code was sent for is done, once, and the browser is remembered."""
    held = challenges.load_challenge(tx.connection, command.challenge)
    if held is None or view(held, command.holder) is None or held.command is None or not held.open(tx.now):
        return CodeExpired()
    sent = _match(codes, tx, held, command.code)
    if sent is None:
        return _wrong(tx, held)
    if sent.id != held.id and not challenges.try_use(tx, held):
        raise Conflict(f"challenge {held.id} was used by somebody else")
    # Whose address it is now, and not when the code was sent.
    Recipients(tx, context.advancer.directory, resolved).actor(held.workspace, Address("email", held.address))
    proven = sign_in.remember(tx, sent, command.label, request=held.request, run=held.run)
    if isinstance(proven, CodeExpired):
        return proven
    if isinstance(held.command, Resume):
        return replace(proven, answer=_answer(context, tx, held, held.command, resolved))
    return replace(proven, answer=_decide(context, tx, held, held.command, resolved))


def _match(codes: Codes, tx: Tx, held: StoredChallenge, code: str) -> StoredChallenge | None:
    """Return the challenge whose code was typed: this one, or another that stands for the very same thing.

    A person who reads the newest email cannot know whether it came because a scanner pressed the same button.
    """
    sent = challenges.load_sent(tx.connection, held.workspace, held.address, tx.now)
    same = [one for one in sent if one.subject == held.subject and one.live(tx.now)]
    return next((one for one in same if codes.matches(one.id, held.subject, code, one.mac)), None)


def _wrong(tx: Tx, held: StoredChallenge) -> WrongCode | CodeExpired:
    """Count a wrong code, against this challenge alone."""
    if not challenges.try_count(tx, held):
        raise Conflict(f"challenge {held.id} was tried by somebody else")
    left = challenges.TRIES - held.tries - 1
    if left:
        return WrongCode(left=left, reference=reference(held.subject))
    loaded = request_model.load_request(tx, held.request) if held.request else None
    run = loaded[0].subject.run if loaded else held.run
    tx.audit(
        held.workspace,
        entry(
            EntryKind.CODE_EXHAUSTED,
            run=run,
            request=held.request,
            address=held.address,
            browser=held.label,
            tries=challenges.TRIES,
        ),
    )
    return CodeExpired()


def _decide(
    context: CommandContext, tx: Tx, held: StoredChallenge, decision: Decide, resolved: Resolved
) -> Decided | Refusal:
    loaded = decide.load(context, tx, decision.request, resolved)
    assert loaded is not None
    asked, labels = loaded
    proof = assurance.by_code(tx, held.person, held.address)
    return NoLink() if proof is None else decide.decide_as(context, tx, asked, labels, decision, proof, resolved)


def _answer(
    context: CommandContext, tx: Tx, held: StoredChallenge, resume: Resume, resolved: Resolved
) -> Done | Refusal:
    proof = assurance.by_code(tx, held.person, held.address)
    return NoLink() if proof is None else answer_attention.answer_as(context, tx, resume, proof, resolved)
