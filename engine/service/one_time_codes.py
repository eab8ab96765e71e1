"""One-time codes by email: the commands that ask for a code, and the command that gives it."""

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
    TooManyCodes,
    WrongCode,
)
from engine.errors import Conflict
from engine.service import answer_attention, assurance, code_confirmation, decide, sign_in
from engine.service.context import CommandContext
from engine.store import asked_codes, challenges, form_drafts, people, request_model
from engine.store.challenges import StoredChallenge
from engine.store.port import Tx


def ask(context: CommandContext, codes: Codes, tx: Tx, command: AskCode) -> CodeSent | Refusal:
    """Send a code that confirms a decision: the unit of `Identity.ask_code`.

    A decision that would be refused anyway is refused here, before a code is sent.
    """
    decision = command.decide
    loaded = request_model.load_request(tx, decision.request)
    if loaded is None:
        return NotFound(what="request", name=decision.request)
    request, _ = loaded
    challenges.sweep(tx)
    earlier = challenges.find_confirming(tx.connection, command.holder, decision.form, decision)
    if earlier is not None:
        return code_confirmation.sent(earlier)
    proof = assurance.prove(tx, request, decision)
    if isinstance(proof, Refusal):
        return proof
    ruling = decide.rule(context, tx, request, decision, proof)
    if isinstance(ruling, Refusal) and not isinstance(ruling, NeedsCode):
        return ruling
    return code_confirmation.ask(
        codes,
        tx,
        command,
        decision,
        proof,
        workspace=request.workspace,
        run=request.subject.run,
        form=decision.form,
        is_needed_each_time=request.confirm_with is not None,
    )


def ask_sign_in_code(context: CommandContext, codes: Codes, tx: Tx, command: SignIn) -> CodeSent | TooManyCodes:
    """Send a code to sign in, unless the client asked for too many: the unit of `Identity.sign_in`.

    For an unknown address nothing is sent, and the result looks the same. The settings make the addresses of admins and
    auditors known.
    """
    if command.client is not None:
        wait = asked_codes.count(tx, command.workspace, codes.client(command.client))
        if wait is not None:
            return TooManyCodes(wait=wait)
    address = command.email.strip().lower()
    if command.draft is not None:
        form_drafts.save(tx, command.holder, command.draft)
    person = people.find_person_cached(tx, command.workspace, Address("email", address))
    if person is None and context.names(Address("email", address)):
        evidence = "The settings of the server name it."
        person = people.need_person(tx, command.workspace, Address("email", address), evidence=evidence)
    return sign_in.ask(
        codes,
        tx,
        workspace=command.workspace,
        address=address,
        person=person,
        holder=command.holder,
        form=command.form,
        label=command.label,
        request=command.request,
    )


def view(challenge: StoredChallenge | None, holder: str) -> ChallengeView | None:
    """Return the challenge as the browser that asked for it may see it, or None for any other browser.

    Challenges to sign in are not stored: `engine.service.sign_in` shows them.
    """
    if (
        challenge is None
        or challenge.purpose is Purpose.SIGN_IN
        or not hmac.compare_digest(challenge.holder, hashed(holder))
    ):
        return None
    return ChallengeView(
        id=challenge.id,
        purpose=challenge.purpose,
        address=challenge.address,
        request=challenge.request,
        verdict=challenge.command.verdict if isinstance(challenge.command, Decide) else None,
        tries_left=max(0, challenges.TRIES - challenge.tries),
        until=challenge.expires_at,
        used=challenge.used_at is not None,
        reference=reference(challenge.subject),
        digits=challenges.digits(challenge.purpose),
        run=challenge.run,
        answer=challenge.command.answer if isinstance(challenge.command, Resume) else None,
    )


def give(
    context: CommandContext, codes: Codes, tx: Tx, command: GiveCode, resolved: Resolved
) -> ProvenIdentity | WrongCode | CodeExpired:
    """Carry out the command that the code confirms, and remember the browser: the unit of `Identity.give_code`."""
    challenge = challenges.load_challenge(tx.connection, command.challenge)
    if (
        challenge is None
        or view(challenge, command.holder) is None
        or challenge.command is None
        or not challenge.open(tx.now)
    ):
        return CodeExpired()
    sent = _match(codes, tx, challenge, command.code)
    if sent is None:
        return _count_wrong_code(tx, challenge)
    if sent.id != challenge.id and not challenges.try_use(tx, challenge):
        raise Conflict(f"challenge {challenge.id} was used by another browser")
    # The address may have moved to another person since the code was sent.
    Recipients(tx, context.advancer.directory, resolved).actor(challenge.workspace, Address("email", challenge.address))
    waiting = challenge.command
    # A person who decides in a messenger has no browser that could be remembered.
    label = None if isinstance(waiting, Decide) and assurance.vouched(waiting) else command.label
    proven = sign_in.remember(tx, sent, label, browser=command.browser, request=challenge.request, run=challenge.run)
    if isinstance(proven, CodeExpired):
        return proven
    answer: Decided | Done | Refusal
    if isinstance(waiting, Resume):
        answer = _answer(context, tx, challenge, waiting, resolved)
    else:
        answer = _decide(context, tx, challenge, waiting, resolved)
    if not isinstance(answer, Refusal):
        form_drafts.drop(tx, command.holder, challenge.request or challenge.run or "")
    return replace(proven, answer=answer)


def _match(codes: Codes, tx: Tx, challenge: StoredChallenge, code: str) -> StoredChallenge | None:
    """Return the challenge whose code was typed: this one, or another one that confirms exactly the same.

    The newest email may be there because an email scanner pressed the same button, and the person cannot know that.
    """
    others = challenges.load_sent(tx.connection, challenge.workspace, challenge.address, tx.now)
    # This one as it was judged: a wrong code may have been counted since.
    sent = [challenge, *(other for other in others if other.id != challenge.id)]
    same = [other for other in sent if other.subject == challenge.subject and other.live(tx.now)]
    return next((other for other in same if codes.matches(other.id, challenge.subject, code, other.mac)), None)


def _count_wrong_code(tx: Tx, challenge: StoredChallenge) -> WrongCode | CodeExpired:
    """Count a wrong code, and close the challenge after too many."""
    if not challenges.try_count(tx, challenge):
        raise Conflict(f"challenge {challenge.id} was tried by another browser")
    tries_left = challenges.TRIES - challenge.tries - 1
    if tries_left:
        return WrongCode(left=tries_left, reference=reference(challenge.subject))
    loaded = request_model.load_request(tx, challenge.request) if challenge.request else None
    run = loaded[0].subject.run if loaded else challenge.run
    tx.audit(
        challenge.workspace,
        entry(
            EntryKind.CODE_EXHAUSTED,
            run=run,
            request=challenge.request,
            address=challenge.address,
            browser=challenge.label,
            tries=challenges.TRIES,
        ),
    )
    return CodeExpired()


def _decide(
    context: CommandContext, tx: Tx, challenge: StoredChallenge, decision: Decide, resolved: Resolved
) -> Decided | Refusal:
    loaded = decide.load(context, tx, decision.request, resolved)
    assert loaded is not None
    request, labels = loaded
    proof = assurance.by_code_for(tx, decision, challenge.person, challenge.address)
    return NoLink() if proof is None else decide.decide_as(context, tx, request, labels, decision, proof, resolved)


def _answer(
    context: CommandContext, tx: Tx, challenge: StoredChallenge, resume: Resume, resolved: Resolved
) -> Done | Refusal:
    proof = assurance.by_code(tx, challenge.person, challenge.address)
    return NoLink() if proof is None else answer_attention.answer_as(context, tx, resume, proof, resolved)
