"""The codes to sign in that clients asked for, so that all processes on the database limit each client together."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from sqlalchemy import bindparam, delete, insert, or_, select

from engine.store.people_tables import AskedCodeRow
from engine.store.port import Tx
from engine.store.statements import Statement
from engine.store.wrong_clock import CLOCK_SLACK

SPAN: Final = timedelta(minutes=10)
MOST: Final = 30
"""Maximum number of sign-in codes that one client may ask for in `SPAN`, for all addresses together."""
PORTION: Final = 100
"""Maximum number of old rows that are deleted at once. Each code adds one row, so the rest is gone soon."""

_asked = AskedCodeRow.__table__  # type: ignore[attr-defined]
_NEW = Statement(insert(_asked))
_RECENT = Statement(
    select(_asked.c.asked_at)
    .where(
        _asked.c.workspace == bindparam("workspace"),
        _asked.c.client == bindparam("client"),
        _asked.c.asked_at > bindparam("since"),
        _asked.c.asked_at <= bindparam("latest"),
    )
    .order_by(_asked.c.asked_at)
)
_PRUNE = Statement(
    delete(_asked).where(
        _asked.c.id.in_(
            select(_asked.c.id)
            .where(or_(_asked.c.asked_at <= bindparam("before"), _asked.c.asked_at > bindparam("latest")))
            .order_by(_asked.c.asked_at, _asked.c.id)
            .limit(PORTION)
            # What another process deletes at the same moment is deleted. SQLite has no rivals, and ignores this.
            .with_for_update(skip_locked=True)
        )
    )
)


def count(tx: Tx, workspace: str, client: bytes) -> timedelta | None:
    """Count that a client asks for a code and return None, or return how long it has to wait without counting.

    A row in the future is of a clock that was ahead, and does not count.
    """
    tx.take_turn(f"client {workspace} {client.hex()}")
    before, latest = tx.now - SPAN, tx.now + CLOCK_SLACK
    times = _RECENT.scalars(
        tx.connection, {"workspace": workspace, "client": client, "since": before, "latest": latest}
    )
    if len(times) >= MOST:
        wait: timedelta = times[-MOST] + SPAN - tx.now
        return wait
    tx.write(_NEW, {"id": tx.new_id(), "workspace": workspace, "client": client, "asked_at": tx.now})
    tx.write(_PRUNE, {"before": before, "latest": latest})
    return None
