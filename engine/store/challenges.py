"""Codes that were asked for, and the decisions that wait for them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, cast

from sqlalchemy import bindparam, delete, func, insert, or_, select, update

from engine import data
from engine.codes import hashed
from engine.model import Address, Assurance, Decide, Origin, Verdict
from engine.store.connection import Connection
from engine.store.prepared import Prepared
from engine.store.tx import Tx
from engine.tables import ChallengeRow

LIFETIME: Final = timedelta(minutes=10)
TRIES: Final = 5
"""Codes that may be tried in one browser before it has to ask again."""
SENDS: Final = 5
"""Mails with codes that an address gets in an hour without waiting; after them one in `LIFETIME`, so that whoever is
refused another has a mail with a code that still holds. No scanner that asks for codes can lock a person out."""
GUESSES: Final = 600
"""Wrong codes for one address in an hour, from all browsers together, before nothing is compared any more: somebody
who tries out codes gets 8 digits right once in 20 years. A scanner that fills in forms does not come near."""
KEPT: Final = timedelta(days=1)
WINDOW: Final = timedelta(hours=1)
"""How far back codes and guesses are counted; so long a challenge of somebody who signs in is kept at least."""

_challenge = ChallengeRow.__table__  # type: ignore[attr-defined]
_NEW = Prepared(insert(_challenge))
_BY_ID = Prepared(select(_challenge).where(_challenge.c.id == bindparam("id")))
_BY_FORM = Prepared(
    select(_challenge).where(_challenge.c.holder == bindparam("holder"), _challenge.c.form == bindparam("form"))
)
_RECENT = Prepared(
    select(_challenge.c.id, _challenge.c.mac, _challenge.c.created_at, _challenge.c.expires_at).where(
        _challenge.c.workspace == bindparam("workspace"),
        _challenge.c.address == bindparam("address"),
        _challenge.c.created_at > bindparam("since"),
        _challenge.c.mac.is_not(None),
    )
)
_GUESSED = Prepared(
    select(func.coalesce(func.sum(_challenge.c.tries), 0).label("tries")).where(
        _challenge.c.workspace == bindparam("workspace"),
        _challenge.c.address == bindparam("address"),
        _challenge.c.created_at > bindparam("since"),
    )
)
_TRIED = Prepared(
    update(_challenge)
    .where(_challenge.c.id == bindparam("held"), _challenge.c.tries == bindparam("seen"))
    .values(tries=_challenge.c.tries + 1)
)
_OLD = Prepared(
    delete(_challenge).where(
        _challenge.c.created_at < bindparam("before"),
        or_(_challenge.c.created_at < bindparam("long_before"), _challenge.c.request.is_(None)),
    )
)
"""Anybody may ask to sign in, with any address and as often as they like: that must not fill the disk for a day."""
_USED = Prepared(update(_challenge).where(_challenge.c.id == bindparam("held")).values(used_at=bindparam("now")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A challenge. `decision`: what waits for the code; None: somebody signs in."""

    id: str
    workspace: str
    holder: bytes = field(repr=False)
    person: str | None
    address: str
    request: str | None
    decision: Decide | None
    sent: bool
    tries: int
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None

    def open(self, now: datetime) -> bool:
        """Whether a code may still be tried."""
        return self.expires_at > now and self.tries < TRIES


@dataclass(frozen=True, slots=True)
class Sent:
    """A code that was sent to an address."""

    challenge: str
    mac: bytes = field(repr=False)
    at: datetime
    until: datetime


def insert_challenge(
    tx: Tx,
    *,
    challenge: str,
    workspace: str,
    holder: str,
    form: str | None,
    person: str | None,
    address: str,
    decision: Decide | None,
    mac: bytes | None,
) -> Held:
    """Write a challenge. `mac`: of the code that is sent for it, if one is. Those of yesterday go: they hold edits."""
    tx.write(_OLD, {"before": tx.now - WINDOW, "long_before": tx.now - KEPT})
    tx.write(
        _NEW,
        {
            "id": challenge,
            "workspace": workspace,
            "holder": hashed(holder),
            "form": form,
            "person": person,
            "address": address,
            "request": decision.request if decision else None,
            "decision": data.dumps(_write(decision)) if decision else None,
            "mac": mac,
            "tries": 0,
            "created_at": tx.now,
            "expires_at": tx.now + LIFETIME,
        },
    )
    return cast("Held", load_challenge(tx.connection, challenge))


def load_challenge(connection: Connection, challenge: str) -> Held | None:
    row = _BY_ID.one(connection, {"id": challenge})
    return None if row is None else _read(row)


def find_challenge(connection: Connection, holder: str, form: str) -> Held | None:
    """What this browser asked for with this very form."""
    row = _BY_FORM.one(connection, {"holder": hashed(holder), "form": form})
    return None if row is None else _read(row)


def load_sent(connection: Connection, workspace: str, address: str, now: datetime) -> list[Sent]:
    """Codes that went to the address in the last hour, the oldest first."""
    rows = _RECENT.all(connection, {"workspace": workspace, "address": address, "since": now - WINDOW})
    return sorted((Sent(row.id, row.mac, row.created_at, row.expires_at) for row in rows), key=lambda one: one.at)


def may_send(sent: list[Sent], now: datetime) -> bool:
    """Whether another code may go to an address that got these in the last hour."""
    return len(sent) < SENDS or sent[-1].at + LIFETIME <= now


def guessed(connection: Connection, workspace: str, address: str, now: datetime) -> int:
    """Wrong codes for the address in the last hour."""
    row = _GUESSED.one(connection, {"workspace": workspace, "address": address, "since": now - WINDOW})
    return 0 if row is None else int(row.tries)


def try_count(tx: Tx, held: Held) -> bool:
    """Count a wrong code. False: another was counted meanwhile."""
    return bool(tx.write(_TRIED, {"held": held.id, "seen": held.tries}))


def use(tx: Tx, held: Held) -> None:
    """Write down that the right code was given."""
    tx.write(_USED, {"held": held.id, "now": tx.now})


# -- the command that waits ---------------------------------------------------------------------------------


def _write(decision: Decide) -> dict[str, Any]:
    return {
        "request": decision.request,
        "verdict": decision.verdict.value,
        "actor": [decision.actor.kind, decision.actor.value],
        "content_version": decision.content_version,
        "digest": decision.digest,
        "surface": decision.origin.surface,
        "place": dict(decision.origin.place),
        "edits": dict(decision.edits),
        "reason": decision.reason,
        "form": decision.form,
    }


def _read(row: Any) -> Held:
    return Held(
        id=row.id,
        workspace=row.workspace,
        holder=bytes(row.holder),
        person=row.person,
        address=row.address,
        request=row.request,
        decision=_read_decision(cast("dict[str, Any]", data.loads(row.decision))) if row.decision else None,
        sent=row.mac is not None,
        tries=row.tries,
        created_at=row.created_at,
        expires_at=row.expires_at,
        used_at=row.used_at,
    )


def _read_decision(stored: dict[str, Any]) -> Decide:
    return Decide(
        request=stored["request"],
        verdict=Verdict(stored["verdict"]),
        actor=Address(*stored["actor"]),
        content_version=int(stored["content_version"]),
        digest=stored["digest"],
        origin=Origin(surface=stored["surface"], place=stored["place"]),
        assurance=Assurance.LINK,
        edits=stored["edits"],
        reason=stored["reason"],
        form=stored["form"],
    )
