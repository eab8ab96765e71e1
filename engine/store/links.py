"""Review links. Each delivery has its own token, of which only a hash is kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, insert, select, update

from engine.code_derivation import hashed
from engine.domain import LINK_LIFETIME, Address, Link, LinkState
from engine.store import people
from engine.store.connection import Connection
from engine.store.delivery_leases import LeasedDelivery
from engine.store.people_tables import LinkRow
from engine.store.port import Tx
from engine.store.statements import Statement
from engine.store.tables import ApproverRow
from engine.store.wrong_clock import CLOCK_SLACK

_link = LinkRow.__table__  # type: ignore[attr-defined]
_approver = ApproverRow.__table__  # type: ignore[attr-defined]

OF_WAITING = _link.c.request.in_(
    select(_approver.c.request).where(_approver.c.person == bindparam("of"), _approver.c.pending)
)
"""Links to requests that still wait, found by index. Those to closed ones show nothing once the address is gone."""
_NEW = Statement(insert(_link))
_BY_HASH = Statement(select(_link).where(_link.c.hash == bindparam("hash")))
_DROP = Statement(delete(_link).where(_link.c.hash == bindparam("hash")))
_REVOKE = Statement(
    update(_link)
    .where(_link.c.request == bindparam("held"), _link.c.revoked_at.is_(None))
    .values(revoked_at=bindparam("now"))
)
_SET_RIGHT = Statement(
    update(_link)
    .where(_link.c.expires_at > bindparam("latest"))
    .values(created_at=bindparam("now"), expires_at=bindparam("until"))
)


@dataclass(frozen=True, slots=True)
class NewLink:
    """A new link. Its token is only in the email that it is sent with."""

    token: str
    until: datetime


def mint(tx: Tx, delivery: LeasedDelivery, request: str) -> NewLink:
    """Write a new link to a request for this delivery. Links of earlier attempts stay if their emails may be there."""
    minted, row = make(tx, delivery)
    tx.write(_NEW, {**row, "request": request})
    return minted


def make(tx: Tx, delivery: LeasedDelivery) -> tuple[NewLink, dict[str, Any]]:
    """Return a new link for this delivery, and the columns that every kind of link has."""
    # To the minute, as people read it: then emails that leave together say the same.
    minted = NewLink(tx.ids.token(), (tx.now + LINK_LIFETIME).replace(second=0, microsecond=0))
    row = {
        "hash": hashed(minted.token),
        "person": delivery.person,
        "address": delivery.address,
        "delivery": delivery.id,
        "created_at": tx.now,
        "expires_at": minted.until,
    }
    return minted, row


def drop(tx: Tx, minted: NewLink) -> None:
    """Delete a link that was never sent, so that it is not counted among the links that people have."""
    tx.write(_DROP, {"hash": hashed(minted.token)})


def load_link(connection: Connection, token: str, now: datetime) -> Link | None:
    """Return the link for a token, or None if it is unknown."""
    row = _BY_HASH.one(connection, {"hash": hashed(token)})
    return None if row is None else Link(request=row.request, **standing(connection, row, now))


def standing(connection: Connection, row: Any, now: datetime) -> dict[str, Any]:
    """Return what every kind of link has: its person, until when it is valid, and whether it can be used."""
    person = people.load_people(connection, [row.person])[row.person]
    until = min(row.expires_at, now + LINK_LIFETIME)
    live = LinkState.LIVE if until > now else LinkState.EXPIRED
    # Once the address is with another person, they read the mailbox that the email is in.
    moved = Address("email", row.address) not in person.addresses
    return {
        "person": person,
        "address": row.address,
        "state": LinkState.REVOKED if row.revoked_at or moved else live,
        "until": until,
        "is_of_wrong_clock": row.expires_at > now + LINK_LIFETIME + CLOCK_SLACK,
    }


def correct_times(tx: Tx, statement: Statement = _SET_RIGHT) -> None:
    """Correct the times of links that were made while the clock was ahead: they begin now."""
    tx.write(
        statement, {"latest": tx.now + LINK_LIFETIME + CLOCK_SLACK, "now": tx.now, "until": tx.now + LINK_LIFETIME}
    )


def revoke(tx: Tx, request: str) -> int:
    """Revoke every link to this request, and return how many there were."""
    return tx.write(_REVOKE, {"held": request, "now": tx.now})
