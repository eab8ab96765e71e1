"""Links to the question that a run asks its owner. Each alert has its own token, of which only a hash is kept."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import bindparam, delete, insert, select, update

from engine.code_derivation import hashed
from engine.domain import AttentionLink
from engine.store import links
from engine.store.connection import Connection
from engine.store.delivery_leases import LeasedDelivery
from engine.store.links import NewLink
from engine.store.people_tables import AttentionLinkRow
from engine.store.port import Tx
from engine.store.statements import Statement

_link = AttentionLinkRow.__table__  # type: ignore[attr-defined]
_NEW = Statement(insert(_link))
_BY_HASH = Statement(select(_link).where(_link.c.hash == bindparam("hash")))
_DROP = Statement(delete(_link).where(_link.c.hash == bindparam("hash")))
_REVOKE = Statement(
    update(_link)
    .where(_link.c.run == bindparam("held"), _link.c.revoked_at.is_(None))
    .values(revoked_at=bindparam("now"))
)
_SET_RIGHT = Statement(
    update(_link)
    .where(_link.c.expires_at > bindparam("latest"))
    .values(created_at=bindparam("now"), expires_at=bindparam("until"))
)


def mint(tx: Tx, delivery: LeasedDelivery, *, step: str, visit: int, attempt: int) -> NewLink:
    """Write a new link to this call, for the alert about it, and return it."""
    assert delivery.run is not None
    minted, row = links.make(tx, delivery)
    tx.write(_NEW, {**row, "run": delivery.run, "step": step, "visit": visit, "attempt": attempt})
    return minted


def drop(tx: Tx, minted: NewLink) -> None:
    """Delete a link that was never sent."""
    tx.write(_DROP, {"hash": hashed(minted.token)})


def load_link(connection: Connection, token: str, now: datetime) -> AttentionLink | None:
    """Return the link for a token, or None if it is unknown."""
    row = _BY_HASH.one(connection, {"hash": hashed(token)})
    if row is None:
        return None
    standing = links.standing(connection, row, now)
    return AttentionLink(run=row.run, step=row.step, visit=row.visit, attempt=row.attempt, **standing)


def correct_times(tx: Tx) -> None:
    """Correct the times of links that were made while the clock was ahead: they begin now."""
    links.correct_times(tx, _SET_RIGHT)


def revoke(tx: Tx, run: str) -> int:
    """Revoke every link to the questions of this run, and return how many there were."""
    return tx.write(_REVOKE, {"held": run, "now": tx.now})
