"""The sign-in with a code by email.

Nothing is stored about an address that is asked with: the browser carries the challenge, sealed. So an unknown address
looks like any other. What is stored about the client that asks (`store.asked_codes`) means nothing after ten minutes.
Codes to sign in are long, and each can be used once, in any browser that asked with its address: sending codes to a
person does not lock them out, and guessing does not help.
"""

from __future__ import annotations

import hmac
from datetime import datetime

import msgspec

from engine.audit_entries import EntryKind, entry
from engine.code_derivation import Codes, hashed
from engine.delivery.recipients import Recipients
from engine.delivery.routing import EMAIL_CHANNEL
from engine.domain import (
    CODE_LIFETIME,
    Address,
    ChallengeView,
    CodeExpired,
    CodeSent,
    DeliveryKind,
    Person,
    ProvenIdentity,
    Purpose,
    WrongCode,
)
from engine.errors import Conflict
from engine.ports import Route
from engine.service import assurance
from engine.store import browsers, challenges, deliveries
from engine.store.challenges import NewChallenge, StoredChallenge
from engine.store.connection import Connection
from engine.store.deliveries import NewDelivery
from engine.store.port import Tx
from engine.store.wrong_clock import CLOCK_SLACK


class CarriedSignIn(msgspec.Struct, frozen=True, kw_only=True):
    """The challenge that a browser carries while it signs in. `request`, `run`: the page that it returns to."""

    workspace: str
    address: str
    holder: str
    until: datetime
    request: str | None = None
    run: str | None = None

    def open(self, now: datetime) -> bool:
        """Return whether a code can still be given."""
        return self.until - CODE_LIFETIME - CLOCK_SLACK <= now < self.until


def ask(
    codes: Codes,
    tx: Tx,
    *,
    workspace: str,
    address: str,
    person: Person | None,
    holder: str,
    form: str | None,
    label: str,
    request: str | None = None,
    run: str | None = None,
) -> CodeSent:
    """Send a code to sign in, if the address is known and not too many were sent. The result is always the same."""
    challenges.sweep(tx)
    challenges.touch(tx, workspace)
    challenges.take_turn(tx, workspace, address)
    earlier = challenges.find_sign_in(tx.connection, holder, form)
    sent = challenges.load_sent(tx.connection, workspace, address, tx.now)
    if person is not None and earlier is None and challenges.may_sign_in(sent, tx.now):
        new = NewChallenge(
            id=tx.new_id(),
            workspace=workspace,
            purpose=Purpose.SIGN_IN,
            holder=holder,
            form=form,
            label=label,
            person=person.id,
            address=address,
        )
        challenges.insert_challenge(tx, codes, new)
        send(tx, new, person)
    until = tx.now + CODE_LIFETIME
    page = {"request": request, "run": run}
    challenge = CarriedSignIn(workspace=workspace, address=address, holder=hashed(holder).hex(), until=until, **page)
    sealed = codes.seal(msgspec.json.encode(challenge).decode())
    return CodeSent(challenge=sealed, address=address, until=until, purpose=Purpose.SIGN_IN)


def send(tx: Tx, new: NewChallenge, person: Person, *, run: str | None = None) -> None:
    """Put the email with the code of this challenge into the outbox."""
    copy = NewDelivery(
        kind=DeliveryKind.CODE,
        run=run,
        person=person,
        route=Route(EMAIL_CHANNEL, new.address),
        request=new.request,
        topic=new.id,
    )
    deliveries.insert_deliveries(tx, new.workspace, [copy])


def read_carried(codes: Codes, sealed: str, holder: str) -> CarriedSignIn | None:
    """Return the challenge that this browser carries, or None if it was sealed for another browser or server."""
    text = codes.unseal(sealed)
    if text is None:
        return None
    carried = msgspec.json.decode(text, type=CarriedSignIn)
    return carried if hmac.compare_digest(carried.holder, hashed(holder).hex()) else None


def view(sealed: str, carried: CarriedSignIn) -> ChallengeView:
    """Return the challenge for its page."""
    return ChallengeView(
        id=sealed,
        purpose=Purpose.SIGN_IN,
        address=carried.address,
        request=carried.request,
        run=carried.run,
        verdict=None,
        tries_left=None,
        until=carried.until,
        used=False,
        digits=challenges.digits(Purpose.SIGN_IN),
    )


def match(
    codes: Codes, connection: Connection, carried: CarriedSignIn, code: str, now: datetime
) -> StoredChallenge | None:
    """Return the challenge of the code that was typed, if it was sent to the address and can still be used."""
    sent = challenges.load_sent(connection, carried.workspace, carried.address, now)
    live = [challenge for challenge in sent if challenge.purpose is Purpose.SIGN_IN and challenge.live(now)]
    return next((row for row in live if codes.matches(row.id, row.subject, code, row.mac)), None)


def give(
    codes: Codes, tx: Tx, recipients: Recipients, carried: CarriedSignIn, code: str, label: str
) -> ProvenIdentity | WrongCode | CodeExpired:
    """Sign in the browser that typed the right code, and use the code up."""
    if not carried.open(tx.now):
        return CodeExpired()
    challenge = match(codes, tx.connection, carried, code, tx.now)
    if challenge is None:
        return WrongCode()
    # The address may have moved to another person since the code was sent.
    recipients.actor(challenge.workspace, Address("email", challenge.address))
    return remember(tx, challenge, label, request=carried.request, run=carried.run)


def remember(
    tx: Tx,
    challenge: StoredChallenge,
    label: str | None,
    *,
    browser: str | None = None,
    request: str | None = None,
    run: str | None = None,
) -> ProvenIdentity | CodeExpired:
    """Use up the code and remember the browser, unless the address has moved to another person since.

    `label`: the name of the browser, or None if there is no browser to remember. `browser`: its secret so far, if any.
    """
    proof = assurance.by_code(tx, challenge.person, challenge.address)
    if proof is None or proof.person is None:
        return CodeExpired()
    if not challenges.try_use(tx, challenge):
        raise Conflict(f"the code of challenge {challenge.id} was used by another browser")
    person = proof.person
    secret, until = ("", tx.now) if label is None else _remembered(tx, challenge, person, label, browser)
    return ProvenIdentity(
        person=person, address=challenge.address, browser=secret, until=until, request=request, run=run
    )


def _remembered(
    tx: Tx, challenge: StoredChallenge, person: Person, label: str, browser: str | None
) -> tuple[str, datetime]:
    """Return the secret of the browser and until when it is remembered. One that is remembered stays the same."""
    known = browsers.load_browser(tx.connection, browser, tx.now) if browser else None
    if browser is not None and known is not None and known.person.id == person.id:
        return browser, known.until
    facts = entry(
        EntryKind.BROWSER_REMEMBERED,
        run=challenge.run,
        request=challenge.request,
        actor=person,
        address=challenge.address,
    )
    remembered = browsers.remember(tx, challenge.workspace, person, challenge.address, label)
    tx.audit(challenge.workspace, facts)
    return remembered
