"""Remembered browsers: each belongs to a person who proved who they are, with a code by email or with their account."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import bindparam, insert, or_, select, update

from engine.code_derivation import hashed
from engine.domain import BROWSER_LIFETIME, SIGN_IN_LIFETIME, Address, Person, RememberedBrowser
from engine.domain.people import ACCOUNT
from engine.store import people
from engine.store.connection import Connection
from engine.store.people_tables import BrowserRow
from engine.store.port import Tx
from engine.store.statements import Statement
from engine.store.wrong_clock import CLOCK_SLACK

SEEN_EVERY: Final = timedelta(hours=1)
"""How exact `seen_at` is: it is written at most once an hour."""
LABEL_LENGTH: Final = 100

_browser = BrowserRow.__table__  # type: ignore[attr-defined]
_LIVE = (_browser.c.revoked_at.is_(None)) & (_browser.c.expires_at > bindparam("now"))
_NEW = Statement(insert(_browser))
_BY_HASH = Statement(select(_browser).where(_browser.c.hash == bindparam("hash"), _LIVE))
_BY_PERSON = Statement(
    select(_browser).where(_browser.c.person == bindparam("person"), _LIVE).order_by(_browser.c.created_at)
)
_SEEN = Statement(update(_browser).where(_browser.c.id == bindparam("held")).values(seen_at=bindparam("now")))
_REVOKE = Statement(
    update(_browser)
    .where(_browser.c.id == bindparam("held"), _browser.c.person == bindparam("of"), _browser.c.revoked_at.is_(None))
    .values(revoked_at=bindparam("now"))
)
_REVOKE_ALL = Statement(
    update(_browser)
    .where(
        _browser.c.person == bindparam("of"),
        _browser.c.id != bindparam("but"),
        _browser.c.revoked_at.is_(None),
        _browser.c.expires_at > bindparam("now"),
    )
    .values(revoked_at=bindparam("now"))
)
_SET_RIGHT = Statement(
    update(_browser)
    .where(or_(_browser.c.expires_at > bindparam("latest"), _browser.c.seen_at > bindparam("soon")))
    .values(created_at=bindparam("now"), seen_at=bindparam("now"), expires_at=bindparam("until"))
)


def remember(
    tx: Tx, workspace: str, person: Person, address: str, label: str, *, account: Address | None = None
) -> tuple[str, datetime]:
    """Remember a browser, and return the secret that it keeps and the time until which it is remembered.

    `account`: with which the person has just signed in.
    """
    secret, until = tx.ids.token(), tx.now + BROWSER_LIFETIME
    signed_in = {"account": account.value, "signed_in_until": tx.now + SIGN_IN_LIFETIME} if account else {}
    tx.write(
        _NEW,
        {
            "id": tx.new_id(),
            "workspace": workspace,
            "hash": hashed(secret),
            "person": person.id,
            "address": address,
            "label": label[:LABEL_LENGTH],
            "created_at": tx.now,
            "seen_at": tx.now,
            "expires_at": until,
            "account": None,
            "signed_in_until": None,
            **signed_in,
        },
    )
    return secret, until


def load_browser(connection: Connection, secret: str, now: datetime) -> RememberedBrowser | None:
    """Return the browser with this secret, or None if it is not remembered."""
    rows = _BY_HASH.all(connection, {"hash": hashed(secret), "now": now})
    browsers = _read(connection, rows, now)
    # An address that moved proves nothing any more, neither for its new person nor for the old one.
    return browsers[0] if browsers and _proven_address(browsers[0]) in browsers[0].person.addresses else None


def _proven_address(browser: RememberedBrowser) -> Address:
    return browser.account or Address("email", browser.address)


def load_browsers(connection: Connection, person: str, now: datetime) -> list[RememberedBrowser]:
    """Return every browser that is remembered for this person, the oldest first."""
    return _read(connection, _BY_PERSON.all(connection, {"person": person, "now": now}), now)


def _read(connection: Connection, rows: list[Any], now: datetime) -> list[RememberedBrowser]:
    persons = people.load_people(connection, [row.person for row in rows])
    return [
        RememberedBrowser(
            id=row.id,
            person=persons[row.person],
            address=row.address,
            account=Address(ACCOUNT, row.account) if row.account else None,
            signed_in_until=_still_until(row.signed_in_until, now),
            label=row.label,
            created_at=row.created_at,
            seen_at=row.seen_at,
            until=min(row.expires_at, now + BROWSER_LIFETIME),
            is_of_wrong_clock=row.expires_at > now + BROWSER_LIFETIME + CLOCK_SLACK or row.seen_at > now + CLOCK_SLACK,
        )
        for row in rows
    ]


def _still_until(until: datetime | None, now: datetime) -> datetime | None:
    """Return until when a sign-in counts, or None if it no longer does."""
    return min(until, now + SIGN_IN_LIFETIME) if until is not None and now < until else None


def correct_times(tx: Tx) -> None:
    """Correct the times of browsers that were remembered while the clock was ahead: they begin now."""
    span = {"latest": tx.now + BROWSER_LIFETIME + CLOCK_SLACK, "soon": tx.now + CLOCK_SLACK}
    tx.write(_SET_RIGHT, {**span, "now": tx.now, "until": tx.now + BROWSER_LIFETIME})


def record_use(tx: Tx, browser: RememberedBrowser) -> None:
    """Record that the browser was used."""
    tx.write(_SEEN, {"held": browser.id, "now": tx.now})


def revoke(tx: Tx, browser: str, *, of: str) -> bool:
    """Revoke a browser of this person. Return False if it is not theirs, or was revoked before."""
    return bool(tx.write(_REVOKE, {"held": browser, "of": of, "now": tx.now}))


def revoke_all(tx: Tx, *, of: str, but: str = "") -> int:
    """Revoke the browsers of this person, except one, and return their number."""
    return tx.write(_REVOKE_ALL, {"of": of, "but": but, "now": tx.now})
