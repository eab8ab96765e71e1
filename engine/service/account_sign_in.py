"""The sign-in with an account at an identity provider, and the decision that waits for it.

The engine knows no provider: it gives what is sent there (`begin`), and takes the account that came back (`finish`).
"""

from __future__ import annotations

from dataclasses import replace

from engine.audit_entries import EntryKind, entry
from engine.code_derivation import Codes
from engine.delivery.recipients import Recipients, Resolved
from engine.domain import (
    AskSignIn,
    Assurance,
    Decide,
    Decided,
    FinishSignIn,
    NeedsSignIn,
    NotFound,
    Person,
    ProvenIdentity,
    Refusal,
    SignedInAsOther,
    SignInExpired,
    SignInStart,
    SignInView,
    TooManyCodes,
)
from engine.errors import Conflict
from engine.requests import Request
from engine.service import assurance, decide
from engine.service.context import CommandContext
from engine.store import asked_codes, browsers, form_drafts, request_model, sign_ins
from engine.store.port import Tx
from engine.store.sign_ins import StoredSignIn


def ask(context: CommandContext, codes: Codes, tx: Tx, command: AskSignIn) -> str | Refusal:
    """Keep a decision until the person signs in, and return the id of the sign-in: the unit of `Identity.ask_sign_in`.

    A decision that would be refused anyway is refused here, before the person signs in.
    """
    sign_ins.sweep(tx)
    decision = command.decide
    if decision is not None:
        sign_ins.take_turn(tx, decision.request)
    earlier = sign_ins.find_by_form(tx.connection, command.holder, command.form, decision)
    if earlier is not None:
        return earlier.id
    if decision is None:
        wait = asked_codes.count(tx, command.workspace, codes.client(command.client)) if command.client else None
        if wait is not None:
            return TooManyCodes(wait=wait)
        return _insert(tx, command, workspace=command.workspace, request=command.request, decision=None, person=None)
    loaded = request_model.load_request(tx, decision.request)
    if loaded is None:
        return NotFound(what="request", name=decision.request)
    request, _ = loaded
    proof = assurance.prove(tx, request, decision)
    if isinstance(proof, Refusal):
        return proof
    ruling = decide.rule(context, tx, request, decision, proof)
    if isinstance(ruling, Refusal) and not isinstance(ruling, NeedsSignIn):
        return ruling
    sign_ins.make_room(tx, request.id)
    # The holder of a link may be any person: who decides is known when they sign in.
    is_known = proof.assurance is not Assurance.LINK and proof.person is not None
    return _insert(
        tx,
        command,
        workspace=request.workspace,
        request=request.id,
        # One that is too large to wait is made again once the browser is signed in.
        decision=None if sign_ins.is_too_large(decision) else decision,
        person=proof.person.id if proof.person is not None and is_known else None,
    )


def _insert(
    tx: Tx, command: AskSignIn, *, workspace: str, request: str | None, decision: Decide | None, person: str | None
) -> str:
    return sign_ins.insert_sign_in(
        tx,
        workspace=workspace,
        holder=command.holder,
        form=command.form,
        request=request,
        decision=decision,
        person=person,
    )


def view(sign_in: StoredSignIn | None, holder: str) -> SignInView | None:
    """Return the sign-in as its browser may see it, or None for any other browser."""
    if sign_in is None or not (sign_in.holder is None or sign_in.belongs_to(holder)):
        return None
    return SignInView(
        id=sign_in.id,
        request=sign_in.request,
        decision=sign_in.decision,
        until=sign_in.expires_at,
        used=sign_in.used_at is not None,
    )


def begin(codes: Codes, tx: Tx, sign_in_id: str, holder: str) -> SignInStart | SignInExpired:
    """Bind the sign-in to this browser, and return what the provider is sent this time."""
    sign_in = sign_ins.load_sign_in(tx.connection, sign_in_id)
    if (
        sign_in is None
        or not sign_in.open(tx.now)
        or not sign_in.belongs_to(holder)
        or sign_in.attempts >= sign_ins.MOST_ATTEMPTS
    ):
        return SignInExpired()
    state = tx.ids.token()
    if not sign_ins.try_begin(tx, sign_in, state=state, holder=holder):
        raise Conflict(f"sign-in {sign_in.id} was begun by another request")
    return _secrets(codes, state)


def _secrets(codes: Codes, state: str) -> SignInStart:
    return SignInStart(state=state, nonce=codes.secret("nonce", state), verifier=codes.secret("verifier", state))


def spend(codes: Codes, tx: Tx, state: str, holder: str) -> tuple[SignInView, SignInStart] | SignInView | SignInExpired:
    """Take back a state, which works once, and return its sign-in and what was sent with it.

    If it came back before, return only the sign-in: a person may click twice.
    """
    sign_in = sign_ins.load_by_state(tx.connection, state)
    shown = view(sign_in, holder)
    if sign_in is not None and shown is not None and sign_in.open(tx.now) and sign_ins.try_spend(tx, state):
        return shown, _secrets(codes, state)
    return view(sign_ins.load_by_state(tx.connection, state, spent=True), holder) or SignInExpired()


def finish(
    context: CommandContext, tx: Tx, command: FinishSignIn, resolved: Resolved
) -> ProvenIdentity | SignedInAsOther | SignInExpired:
    """Sign in with an account, and carry out the decision that waits: the unit of `Identity.finish_sign_in`."""
    sign_in = sign_ins.load_sign_in(tx.connection, command.sign_in)
    if sign_in is None or not sign_in.open(tx.now) or not sign_in.belongs_to(command.holder):
        return SignInExpired()
    recipients = Recipients(tx, context.advancer.directory, resolved)
    person = recipients.actor(sign_in.workspace, command.account)
    loaded = decide.load(context, tx, sign_in.request, resolved) if sign_in.request is not None else None
    decision = sign_in.decision
    if decision is not None and loaded is not None:
        refusal = _check_person(tx, loaded[0], sign_in, person, command)
        if refusal is not None:
            return refusal
    if not sign_ins.try_use(tx, sign_in):
        raise Conflict(f"sign-in {sign_in.id} was completed by another request")
    proven = _remember(tx, sign_in, person, command)
    if decision is None or loaded is None:
        return proven
    answer = _decide(context, tx, loaded, decision, person, command, resolved)
    if not isinstance(answer, Refusal):
        form_drafts.drop(tx, command.holder, loaded[0].id)
    return replace(proven, answer=answer)


def _check_person(
    tx: Tx, request: Request, sign_in: StoredSignIn, person: Person, command: FinishSignIn
) -> SignedInAsOther | None:
    """Return the refusal of a person who was not asked, which is on the record."""
    asked = [row.person for row in request.approvers if sign_in.person in (None, row.person.id)]
    if any(approver.id == person.id for approver in asked):
        return None
    names = tuple(approver.label for approver in asked)
    who = person.name or command.name or person.label
    tx.audit(
        request.workspace,
        entry(
            EntryKind.SIGN_IN_REFUSED,
            run=request.subject.run,
            request=request.id,
            step=request.subject.step,
            actor=person,
            account=str(command.account),
            asked=[*names],
        ),
    )
    return SignedInAsOther(who=who, asked=names)


def _remember(tx: Tx, sign_in: StoredSignIn, person: Person, command: FinishSignIn) -> ProvenIdentity:
    """Remember the browser, in the place of what it was remembered as so far."""
    before = browsers.load_browser(tx.connection, command.browser, tx.now) if command.browser else None
    if before is not None:
        browsers.revoke(tx, before.id, of=before.person.id)
    shown_address = person.email or person.label
    secret, until = browsers.remember(
        tx, sign_in.workspace, person, shown_address, command.label, account=command.account
    )
    facts = entry(EntryKind.BROWSER_REMEMBERED, request=sign_in.request, actor=person, account=str(command.account))
    tx.audit(sign_in.workspace, facts)
    return ProvenIdentity(person=person, address=shown_address, browser=secret, until=until, request=sign_in.request)


def _decide(
    context: CommandContext,
    tx: Tx,
    loaded: tuple[Request, tuple[str, str]],
    decision: Decide,
    person: Person,
    command: FinishSignIn,
    resolved: Resolved,
) -> Decided | Refusal:
    request, labels = loaded
    proof = assurance.by_sign_in(person, command.account)
    return decide.decide_as(context, tx, request, labels, decision, proof, resolved)
