"""Signing in with a code by mail.

Nothing is stored for a browser that asks: what it asked for goes with it, sealed. So whoever asks for codes fills no
disk, and an address that nobody has looks like any other. Codes to sign in are long, and each of those that went to an
address can be used once, in whichever browser asked with that address: somebody who has codes sent keeps nobody out,
and no number of guesses helps.
"""

from __future__ import annotations

import hmac
from datetime import datetime

import msgspec

from engine.audit_entries import EntryKind, entry
from engine.code_derivation import Codes, hashed
from engine.delivery.recipients import Recipients
from engine.delivery.routing import MAIL
from engine.domain import (
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
from engine.store.challenges import LIFETIME, NewChallenge, StoredChallenge
from engine.store.connection import Connection
from engine.store.deliveries import NewDelivery
from engine.store.transaction import Tx
from engine.store.wrong_clock import CLOCK_SLACK


class CarriedSignIn(msgspec.Struct, frozen=True, kw_only=True):
    """What a browser carries while it signs in. `request`, `run`: where it goes on afterwards."""

    workspace: str
    address: str
    holder: str
    until: datetime
    request: str | None = None
    run: str | None = None

    def open(self, now: datetime) -> bool:
        """Return whether a code may still be typed."""
        return self.until - LIFETIME - CLOCK_SLACK <= now < self.until


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
    """Send a code to sign in, where somebody has the address and may get another; the answer is always the same."""
    challenges.sweep(tx)
    challenges.touch(tx, workspace)
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
    until = tx.now + LIFETIME
    place = {"request": request, "run": run}
    carried = CarriedSignIn(workspace=workspace, address=address, holder=hashed(holder).hex(), until=until, **place)
    sealed = codes.seal(msgspec.json.encode(carried).decode())
    return CodeSent(challenge=sealed, address=address, until=until, purpose=Purpose.SIGN_IN)


def send(tx: Tx, new: NewChallenge, person: Person, *, run: str | None = None) -> None:
    """Write the mail with the code of this challenge into the outbox."""
    copy = NewDelivery(
        kind=DeliveryKind.CODE,
        run=run,
        person=person,
        route=Route(MAIL, new.address),
        request=new.request,
        topic=new.id,
    )
    deliveries.insert_deliveries(tx, new.workspace, [copy])


def carried(codes: Codes, sealed: str, holder: str) -> CarriedSignIn | None:
    """Return what this browser carries, or None if it was sealed for another one, or not by us."""
    text = codes.unseal(sealed)
    if text is None:
        return None
    found = msgspec.json.decode(text, type=CarriedSignIn)
    return found if hmac.compare_digest(found.holder, hashed(holder).hex()) else None


def view(sealed: str, found: CarriedSignIn) -> ChallengeView:
    """Return what the page shows."""
    return ChallengeView(
        id=sealed,
        purpose=Purpose.SIGN_IN,
        address=found.address,
        request=found.request,
        run=found.run,
        verdict=None,
        tries_left=None,
        until=found.until,
        used=False,
        digits=challenges.digits(Purpose.SIGN_IN),
    )


def match(
    codes: Codes, connection: Connection, found: CarriedSignIn, code: str, now: datetime
) -> StoredChallenge | None:
    """Return the code to sign in that was typed, if it went to the address and can still be used."""
    sent = challenges.load_sent(connection, found.workspace, found.address, now)
    live = [one for one in sent if one.purpose is Purpose.SIGN_IN and one.live(now)]
    return next((one for one in live if codes.matches(one.id, one.subject, code, one.mac)), None)


def give(
    codes: Codes, tx: Tx, who: Recipients, found: CarriedSignIn, code: str, label: str
) -> ProvenIdentity | WrongCode | CodeExpired:
    """Sign in the browser that typed the right code. The code is used up by that."""
    if not found.open(tx.now):
        return CodeExpired()
    held = match(codes, tx.connection, found, code, tx.now)
    if held is None:
        return WrongCode()
    # Whose address it is now, and not when the code was sent.
    who.actor(held.workspace, Address("email", held.address))
    return remember(tx, held, label, request=found.request, run=found.run)


def remember(
    tx: Tx, held: StoredChallenge, label: str, *, request: str | None = None, run: str | None = None
) -> ProvenIdentity | CodeExpired:
    """Use up the code, and remember the browser in which it was typed; not for an address that has moved since."""
    proof = assurance.by_code(tx, held.person, held.address)
    if proof is None or proof.person is None:
        return CodeExpired()
    if not challenges.try_use(tx, held):
        raise Conflict(f"the code of challenge {held.id} was used by somebody else")
    person = proof.person
    secret, until = browsers.remember(tx, held.workspace, person, held.address, label)
    tx.audit(
        held.workspace,
        entry(EntryKind.BROWSER_REMEMBERED, run=held.run, request=held.request, actor=person, address=held.address),
    )
    return ProvenIdentity(person=person, address=held.address, browser=secret, until=until, request=request, run=run)
