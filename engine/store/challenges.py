"""Codes that were sent, and the commands that wait for them.

A row is written only where a code is sent, so the limit of codes for one address also limits the rows.
`engine.service.sign_in` has the value that a browser carries while it signs in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, cast

from sqlalchemy import bindparam, delete, insert, or_, select, update

from engine import json_values
from engine.code_derivation import DIGITS, LONG_DIGITS, Codes, hashed
from engine.domain import CODE_LIFETIME, Decide, Purpose
from engine.store import form_drafts, kept_forms, waiting_commands
from engine.store.browsers import LABEL_LENGTH
from engine.store.connection import Connection
from engine.store.people_tables import ChallengeRow
from engine.store.port import Tx
from engine.store.statements import Statement
from engine.store.waiting_commands import Command, ShownValues
from engine.store.wrong_clock import CLOCK_SLACK

TRIES: Final = 5
"""Wrong codes that one browser may give before it has to ask for another code."""
HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
UNANSWERED_PER_HOUR: Final = 5
UNANSWERED_PER_DAY: Final = 15
"""Codes to confirm something that an address gets, and that no one types, before it gets none but to sign in. So
trying out codes of 8 digits is limited to 75 tries a day; docs/decisions.md has the arithmetic."""
SIGN_INS_PER_HOUR: Final = 2
"""Unused sign-in codes that an address gets in an hour, while an earlier one is still valid."""
KEPT_BYTES: Final = 100_000
"""Maximum size of a command that waits for its code, in bytes. A larger one needs a browser that is signed in."""

_challenge = ChallengeRow.__table__  # type: ignore[attr-defined]
_NEW = Statement(insert(_challenge))
_NEW_BLANK = Statement(insert(_challenge))
_BY_ID = Statement(select(_challenge).where(_challenge.c.id == bindparam("id")))
_BY_FORM = Statement(
    select(_challenge).where(_challenge.c.holder == bindparam("holder"), _challenge.c.form == bindparam("form"))
)
_RECENT = Statement(
    select(_challenge).where(
        _challenge.c.workspace == bindparam("workspace"),
        _challenge.c.address == bindparam("address"),
        _challenge.c.created_at > bindparam("since"),
        _challenge.c.created_at <= bindparam("latest"),
    )
)
_TRIED = Statement(
    update(_challenge)
    .where(
        _challenge.c.id == bindparam("held"), _challenge.c.tries == bindparam("seen"), _challenge.c.used_at.is_(None)
    )
    .values(tries=_challenge.c.tries + 1)
)
_USED = Statement(
    update(_challenge)
    .where(
        _challenge.c.id == bindparam("held"),
        _challenge.c.used_at.is_(None),
        # Each guess counts: of many at the same time, one is judged by the number of tries that it saw.
        _challenge.c.tries == bindparam("seen"),
    )
    .values(used_at=bindparam("now"), decision=None)
)
_OLD = Statement(
    delete(_challenge).where(
        or_(_challenge.c.created_at < bindparam("before"), _challenge.c.created_at > bindparam("latest"))
    )
)
_DROPPED = Statement(delete(_challenge).where(_challenge.c.id == bindparam("id")))
_LAPSED = Statement(
    update(_challenge)
    .where(_challenge.c.created_at <= bindparam("before"), _challenge.c.decision.is_not(None))
    .values(decision=None)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredChallenge:
    """A challenge whose code was sent. `command` waits for the code; it is None for a code to sign in or a used one."""

    id: str
    workspace: str
    purpose: Purpose
    holder: bytes = field(repr=False)
    label: str
    person: str
    address: str
    request: str | None
    run: str | None
    command: Command | None
    shown_values: ShownValues = field(repr=False)
    subject: str = field(repr=False)
    """Everything that the code confirms: a code that was sent for anything else does not match."""
    mac: bytes = field(repr=False)
    tries: int
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None

    def live(self, now: datetime) -> bool:
        """Return whether its code can still be used, in this browser or in another that asked for the same."""
        return self.created_at - CLOCK_SLACK <= now < self.expires_at and self.used_at is None

    def open(self, now: datetime) -> bool:
        """Return whether a code may still be tried in its own browser."""
        return self.live(now) and self.tries < TRIES


@dataclass(frozen=True, slots=True, kw_only=True)
class NewChallenge:
    """A challenge to be written. `command`, and `request` or `run`: of a code that confirms something."""

    id: str
    workspace: str
    purpose: Purpose
    holder: str = field(repr=False)
    form: str | None
    label: str
    person: str
    address: str
    request: str | None = None
    run: str | None = None
    command: Command | None = None
    shown_values: ShownValues = field(default=(), repr=False)


def insert_challenge(tx: Tx, codes: Codes, new: NewChallenge) -> StoredChallenge:
    """Write a challenge, and return it."""
    waits = None if new.command is None else waiting_commands.write(new.command, new.shown_values)
    subject = _subject(new.purpose, new.workspace, new.person, new.address, waits)
    tx.write(
        _NEW,
        {
            "id": new.id,
            "workspace": new.workspace,
            "purpose": new.purpose.value,
            "holder": hashed(new.holder),
            "form": new.form,
            "label": new.label[:LABEL_LENGTH],
            "person": new.person,
            "address": new.address,
            "request": new.request,
            "run": new.run,
            "decision": None if waits is None else json_values.dumps(waits),
            "mac": codes.mac(new.id, subject, codes.code(new.id, digits(new.purpose))),
            "tries": 0,
            "created_at": tx.now,
            "expires_at": tx.now + CODE_LIFETIME,
        },
    )
    return cast("StoredChallenge", load_challenge(tx.connection, new.id))


def sweep(tx: Tx) -> None:
    """Delete expired commands, old challenges and forms, and those of a clock that was ahead."""
    form_drafts.sweep(tx)
    kept_forms.sweep(tx)
    tx.write(_OLD, {"before": tx.now - DAY, "latest": tx.now + CLOCK_SLACK})
    tx.write(_LAPSED, {"before": tx.now - CODE_LIFETIME})


def touch(tx: Tx, workspace: str) -> None:
    """Write a row and delete it, so that this unit waits for the disk even if it has nothing to keep.

    Otherwise the time of the answer would tell whether an address is known. (A row that is written as it was is
    no change to SQLite.)
    """
    blank = dict.fromkeys((column.key for column in _challenge.columns), None)
    row = {"id": tx.new_id(), "workspace": workspace, "holder": b"", "address": "", "tries": 0}
    tx.write(_NEW_BLANK, {**blank, **row, "created_at": tx.now, "expires_at": tx.now})
    tx.write(_DROPPED, {"id": row["id"]})


def load_challenge(connection: Connection, challenge: str) -> StoredChallenge | None:
    """Return a challenge, or None if there is none, or none that this version made."""
    row = _BY_ID.one(connection, {"id": challenge})
    return None if row is None or row.purpose is None else _read(row)


def find_confirming(connection: Connection, holder: str, form: str | None, command: Command) -> StoredChallenge | None:
    """Return the challenge in which the same command waits, if this browser sent it before with the same form.

    A person may go back in the browser, and send the form again with another answer. After too many wrong codes they
    need another code.
    """
    subject = _subject_of(command)
    left = (sent for sent in _load_by_form(connection, holder, form) if sent.tries < TRIES)
    commands = ((sent, sent.command) for sent in left)
    return next((sent for sent, waiting in commands if waiting and _subject_of(waiting) == subject), None)


def find_sign_in(connection: Connection, holder: str, form: str | None) -> StoredChallenge | None:
    """Return the code to sign in that this browser asked for with this very form."""
    waiting = _load_by_form(connection, holder, form)
    return next((challenge for challenge in waiting if challenge.purpose is Purpose.SIGN_IN), None)


def _load_by_form(connection: Connection, holder: str, form: str | None) -> list[StoredChallenge]:
    rows = _BY_FORM.all(connection, {"holder": hashed(holder), "form": form}) if form else []
    return [_read(row) for row in rows if row.purpose is not None]


def take_turn(tx: Tx, workspace: str, address: str) -> None:
    """Wait until no other unit sends a code to this address, so that the codes that it got can be counted."""
    tx.take_turn(f"codes {workspace} {address}")


def load_sent(connection: Connection, workspace: str, address: str, now: datetime) -> list[StoredChallenge]:
    """Return the challenges whose codes went to the address within a day."""
    span = {"since": now - DAY, "latest": now + CLOCK_SLACK}
    rows = _RECENT.all(connection, {"workspace": workspace, "address": address, **span})
    return [_read(row) for row in rows if row.purpose is not None]


def may_confirm(sent: list[StoredChallenge], command: Command, now: datetime) -> bool:
    """Return whether a code for this command may go to an address that got these."""
    times = [
        challenge.created_at
        for challenge in sent
        if challenge.purpose is not Purpose.SIGN_IN and challenge.used_at is None
    ]
    few = sum(at > now - HOUR for at in times) < UNANSWERED_PER_HOUR and len(times) < UNANSWERED_PER_DAY
    return few and not is_too_large(command)


def is_too_large(command: Command) -> bool:
    """Return whether a command is too large to wait for its code."""
    return waiting_commands.size(command) > KEPT_BYTES


def may_sign_in(sent: list[StoredChallenge], now: datetime) -> bool:
    """Return whether another code to sign in may go to an address that got these.

    If none of them is valid, another one always may: otherwise a stranger could keep a person from signing in.
    """
    unanswered = [challenge for challenge in sent if challenge.purpose is Purpose.SIGN_IN and challenge.used_at is None]
    few = sum(challenge.created_at > now - HOUR for challenge in unanswered) < SIGN_INS_PER_HOUR
    return few or not any(challenge.live(now) for challenge in unanswered)


def purpose_of(command: Command) -> Purpose:
    """Return the purpose of a code for this command."""
    return Purpose.DECIDE if isinstance(command, Decide) else Purpose.ANSWER


def digits(purpose: Purpose) -> int:
    """Return how many digits a code has."""
    return LONG_DIGITS if purpose is Purpose.SIGN_IN else DIGITS


def try_count(tx: Tx, challenge: StoredChallenge) -> bool:
    """Count a wrong code. Return False if another was counted, or the right one given, meanwhile."""
    return bool(tx.write(_TRIED, {"held": challenge.id, "seen": challenge.tries}))


def try_use(tx: Tx, challenge: StoredChallenge) -> bool:
    """Record that the right code was given, and delete its command.

    Return False if it was given before, or a wrong one was counted meanwhile.
    """
    return bool(tx.write(_USED, {"held": challenge.id, "seen": challenge.tries, "now": tx.now}))


_STANDS_FOR: Final[Mapping[Purpose, tuple[str, ...]]] = {
    Purpose.DECIDE: ("request", "content_version", "digest", "verdict", "edits", "reason"),
    Purpose.ANSWER: ("run", "step", "visit", "attempt", "answer", "output"),
}
"""The parts of a command that its code confirms. Not the form: the same button in two browsers is one thing."""


def _subject(purpose: Purpose, workspace: str, person: str, address: str, waits: dict[str, Any] | None) -> str:
    thing = None if waits is None else [waits[name] for name in _STANDS_FOR[purpose]]
    return json_values.canonical([purpose.value, workspace, person, address, thing]).decode()


def _subject_of(command: Command) -> bytes:
    waits = waiting_commands.write(command)
    return json_values.canonical([waits[name] for name in _STANDS_FOR[purpose_of(command)]])


def _read(row: Any) -> StoredChallenge:
    purpose = Purpose(row.purpose)
    waits = cast("dict[str, Any]", json_values.loads(row.decision)) if row.decision else None
    return StoredChallenge(
        id=row.id,
        workspace=row.workspace,
        purpose=purpose,
        holder=bytes(row.holder),
        label=row.label or "",
        person=row.person,
        address=row.address,
        request=row.request,
        run=row.run,
        command=None if waits is None else _read_command(purpose, waits),
        shown_values=() if waits is None else tuple((label, text) for label, text in waits.get("said", ())),
        subject=_subject(purpose, row.workspace, row.person, row.address, waits),
        mac=bytes(row.mac),
        tries=row.tries,
        created_at=row.created_at,
        expires_at=row.expires_at,
        used_at=row.used_at,
    )


def _read_command(purpose: Purpose, stored: dict[str, Any]) -> Command:
    if purpose is Purpose.ANSWER:
        return waiting_commands.read_answer(stored)
    return waiting_commands.read_decision(stored)
