"""Links to what a run asks of its owner. A token is made for one alert about one call, and only its hash is kept."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import bindparam, delete, insert, select, update

from engine.codes import hashed
from engine.model import Address, AttentionLink, LinkState
from engine.store import people
from engine.store.connection import Connection
from engine.store.deliveries import HeldDelivery
from engine.store.links import LIFETIME, Minted
from engine.store.prepared import Prepared
from engine.store.tx import Tx
from engine.store.wrong_clock import SLACK
from engine.tables import AttentionLinkRow

_link = AttentionLinkRow.__table__  # type: ignore[attr-defined]
_NEW = Prepared(insert(_link))
_BY_HASH = Prepared(select(_link).where(_link.c.hash == bindparam("hash")))
_DROP = Prepared(delete(_link).where(_link.c.hash == bindparam("hash")))
_REVOKE = Prepared(
    update(_link)
    .where(_link.c.run == bindparam("held"), _link.c.revoked_at.is_(None))
    .values(revoked_at=bindparam("now"))
)
_SET_RIGHT = Prepared(
    update(_link)
    .where(_link.c.expires_at > bindparam("latest"))
    .values(created_at=bindparam("now"), expires_at=bindparam("until"))
)


def mint(tx: Tx, held: HeldDelivery, *, step: str, visit: int, attempt: int) -> Minted:
    """Make a fresh link to this call, for the alert about it."""
    assert held.run is not None
    minted = Minted(tx.ids.token(), (tx.now + LIFETIME).replace(second=0, microsecond=0))
    tx.write(
        _NEW,
        {
            "hash": hashed(minted.token),
            "run": held.run,
            "step": step,
            "visit": visit,
            "attempt": attempt,
            "person": held.person,
            "address": held.address,
            "delivery": held.id,
            "created_at": tx.now,
            "expires_at": minted.until,
        },
    )
    return minted


def drop(tx: Tx, minted: Minted) -> None:
    """Forget a link that never left."""
    tx.write(_DROP, {"hash": hashed(minted.token)})


def load_link(connection: Connection, token: str, now: datetime) -> AttentionLink | None:
    """Return what the token opens, or None if it is no link of ours."""
    row = _BY_HASH.one(connection, {"hash": hashed(token)})
    if row is None:
        return None
    person = people.load_people(connection, [row.person])[row.person]
    until = min(row.expires_at, now + LIFETIME)
    live = LinkState.LIVE if until > now else LinkState.EXPIRED
    # As of a link to a request: the mail lies where another person reads it once the address has moved.
    moved = Address("email", row.address) not in person.addresses
    return AttentionLink(
        run=row.run,
        step=row.step,
        visit=row.visit,
        attempt=row.attempt,
        person=person,
        address=row.address,
        state=LinkState.REVOKED if row.revoked_at or moved else live,
        until=until,
        is_of_wrong_clock=row.expires_at > now + LIFETIME + SLACK,
    )


def set_right(tx: Tx) -> None:
    """Have the links that were made while the clock was ahead begin now."""
    tx.write(_SET_RIGHT, {"latest": tx.now + LIFETIME + SLACK, "now": tx.now, "until": tx.now + LIFETIME})


def revoke(tx: Tx, run: str) -> int:
    """Make every link to what this run asks useless, and return how many there were."""
    return tx.write(_REVOKE, {"held": run, "now": tx.now})
