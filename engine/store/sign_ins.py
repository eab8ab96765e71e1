"""Sign-ins with an account that were begun, and the decisions that wait for them.

Each is for one browser. What the identity provider is sent is stored as a hash, replaced each time that the browser
begins anew, and marked as spent as soon as the provider sends the browser back.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, cast

from sqlalchemy import bindparam, delete, insert, or_, select, update

from engine import json_values
from engine.code_derivation import hashed
from engine.domain import CODE_LIFETIME, Decide
from engine.store import waiting_commands
from engine.store.connection import Connection
from engine.store.people_tables import SignInRow
from engine.store.port import Tx
from engine.store.statements import Statement
from engine.store.wrong_clock import CLOCK_SLACK

MOST_ATTEMPTS: Final = 20
"""How often a browser is sent to the provider for one sign-in."""
MOST_WAITING: Final = 20
"""Decisions on one request that wait for a sign-in at the same time: email scanners press buttons too."""
KEPT_BYTES: Final = 100_000
"""Maximum size of a decision that waits, in bytes. A larger one needs a browser that is signed in."""
_DAY: Final = timedelta(days=1)

_sign_in = SignInRow.__table__  # type: ignore[attr-defined]
_OPEN = (_sign_in.c.used_at.is_(None)) & (_sign_in.c.expires_at > bindparam("now"))
_NEW = Statement(insert(_sign_in))
_BY_ID = Statement(select(_sign_in).where(_sign_in.c.id == bindparam("id")))
_BY_STATE = Statement(select(_sign_in).where(_sign_in.c.state == bindparam("state")))
_BY_FORM = Statement(
    select(_sign_in).where(_sign_in.c.holder == bindparam("holder"), _sign_in.c.form == bindparam("form"))
)
_WAITING = Statement(
    select(_sign_in.c.id)
    .where(_sign_in.c.request == bindparam("request"), _OPEN)
    .order_by(_sign_in.c.created_at, _sign_in.c.id)
)
_BEGIN = Statement(
    update(_sign_in)
    .where(
        _sign_in.c.id == bindparam("held"),
        _sign_in.c.attempts == bindparam("seen"),
        _sign_in.c.used_at.is_(None),
    )
    .values(state=bindparam("new_state"), holder=bindparam("of"), attempts=_sign_in.c.attempts + 1)
)
_SPEND = Statement(update(_sign_in).where(_sign_in.c.state == bindparam("seen")).values(state=bindparam("spent")))
_USE = Statement(
    update(_sign_in)
    .where(_sign_in.c.id == bindparam("held"), _sign_in.c.used_at.is_(None))
    .values(used_at=bindparam("now"), decision=None)
)
_DROP = Statement(delete(_sign_in).where(_sign_in.c.id == bindparam("held")))
_OLD = Statement(
    delete(_sign_in).where(
        or_(_sign_in.c.created_at < bindparam("before"), _sign_in.c.created_at > bindparam("latest"))
    )
)
_LAPSED = Statement(
    update(_sign_in)
    .where(_sign_in.c.created_at <= bindparam("before"), _sign_in.c.decision.is_not(None))
    .values(decision=None)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSignIn:
    """A sign-in. `decision` waits for it; `person`: who has to sign in, if they are known. `holder`: its browser."""

    id: str
    workspace: str
    holder: bytes | None = field(repr=False)
    person: str | None
    request: str | None
    decision: Decide | None
    attempts: int
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None

    def open(self, now: datetime) -> bool:
        """Return whether it can still be completed."""
        return self.used_at is None and self.created_at - CLOCK_SLACK <= now < self.expires_at

    def belongs_to(self, holder: str) -> bool:
        """Return whether it is of this browser, or of none yet."""
        return bool(holder) and (self.holder is None or hmac.compare_digest(self.holder, hashed(holder)))


def insert_sign_in(
    tx: Tx,
    *,
    workspace: str,
    holder: str,
    form: str | None,
    request: str | None,
    decision: Decide | None,
    person: str | None,
) -> str:
    """Write a sign-in, and return its id. `holder`: empty if no browser has begun it yet."""
    sign_in = tx.ids.token()
    tx.write(
        _NEW,
        {
            "id": sign_in,
            "workspace": workspace,
            "state": None,
            "holder": hashed(holder) if holder else None,
            "form": form,
            "person": person,
            "request": request,
            "decision": None if decision is None else json_values.dumps(waiting_commands.write(decision)),
            "attempts": 0,
            "created_at": tx.now,
            "expires_at": tx.now + CODE_LIFETIME,
            "used_at": None,
        },
    )
    return sign_in


def is_too_large(decision: Decide) -> bool:
    """Return whether a decision is too large to wait."""
    return waiting_commands.size(decision) > KEPT_BYTES


def sweep(tx: Tx) -> None:
    """Delete expired decisions, old sign-ins, and those of a clock that was ahead."""
    tx.write(_OLD, {"before": tx.now - _DAY, "latest": tx.now + CLOCK_SLACK})
    tx.write(_LAPSED, {"before": tx.now - CODE_LIFETIME})


def take_turn(tx: Tx, request: str) -> None:
    """Wait until no other unit keeps a decision on this request until a sign-in."""
    tx.take_turn(f"sign-ins {request}")


def make_room(tx: Tx, request: str) -> None:
    """Delete the oldest sign-ins for a request, so that at most `MOST_WAITING` wait after one more."""
    waiting = _WAITING.scalars(tx.connection, {"request": request, "now": tx.now})
    for sign_in in waiting[: max(0, len(waiting) + 1 - MOST_WAITING)]:
        tx.write(_DROP, {"held": sign_in})


def load_sign_in(connection: Connection, sign_in: str) -> StoredSignIn | None:
    """Return a sign-in, or None if there is none of this id."""
    row = _BY_ID.one(connection, {"id": sign_in})
    return None if row is None else _read(row)


def load_by_state(connection: Connection, state: str, *, spent: bool = False) -> StoredSignIn | None:
    """Return the sign-in for which the provider was sent this state last. `spent`: the state came back before."""
    row = _BY_STATE.one(connection, {"state": _spent(state) if spent else hashed(state)})
    return None if row is None else _read(row)


def find_by_form(connection: Connection, holder: str, form: str | None, decision: Decide | None) -> StoredSignIn | None:
    """Return the open sign-in that this browser asked for with the same form and the same decision."""
    rows = _BY_FORM.all(connection, {"holder": hashed(holder), "form": form}) if holder and form else []
    return next((found for found in map(_read, rows) if found.used_at is None and _same(found, decision)), None)


def _same(sign_in: StoredSignIn, decision: Decide | None) -> bool:
    if sign_in.decision is None or decision is None:
        return sign_in.decision is decision
    return waiting_commands.write(sign_in.decision) == waiting_commands.write(decision)


def try_begin(tx: Tx, sign_in: StoredSignIn, *, state: str, holder: str) -> bool:
    """Write what the provider is sent now. Return False if it was begun anew or completed meanwhile."""
    values = {"held": sign_in.id, "seen": sign_in.attempts, "new_state": hashed(state), "of": hashed(holder)}
    return bool(tx.write(_BEGIN, values))


def try_spend(tx: Tx, state: str) -> bool:
    """Record that a state came back. Return False if it came back before, or another one was sent since."""
    return bool(tx.write(_SPEND, {"seen": hashed(state), "spent": _spent(state)}))


def _spent(state: str) -> bytes:
    return hashed(f"spent {state}")


def try_use(tx: Tx, sign_in: StoredSignIn) -> bool:
    """Record that the person signed in, and delete the decision. Return False if it was recorded before."""
    return bool(tx.write(_USE, {"held": sign_in.id, "now": tx.now}))


def _read(row: Any) -> StoredSignIn:
    waits = cast("dict[str, Any]", json_values.loads(row.decision)) if row.decision else None
    return StoredSignIn(
        id=row.id,
        workspace=row.workspace,
        holder=None if row.holder is None else bytes(row.holder),
        person=row.person,
        request=row.request,
        decision=None if waits is None else waiting_commands.read_decision(waits),
        attempts=row.attempts,
        created_at=row.created_at,
        expires_at=row.expires_at,
        used_at=row.used_at,
    )
