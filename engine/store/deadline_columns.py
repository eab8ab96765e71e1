"""The columns of a request that hold its `Deadlines`, and the way from each to the other."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec import Struct

from engine.domain import OnExpiry
from engine.domain.statuses import by_value
from engine.json_values import Value
from engine.requests import Deadlines, Reminder
from engine.requests.working_hours import WorkingHours
from engine.store import questions
from engine.workflowfile.workflow import FALLBACK_AFTER, Remind

_ON_EXPIRY = by_value(OnExpiry)


class _Clocks(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The column `clocks`: what few requests have, so that all others have a null."""

    hours: WorkingHours | None = None
    remind: Remind | None = None
    reminders: tuple[Reminder, ...] = ()
    escalate_after: timedelta | None = None
    escalate_at: datetime | None = None
    escalated_at: datetime | None = None
    restarts: bool = False
    """`on_expiry: escalate`. The column `on_expiry` is then `stop`, what happens in the end."""
    restart_at: datetime | None = None
    held_until: datetime | None = None


_read_clocks = msgspec.json.Decoder(_Clocks).decode
_write_clocks = msgspec.json.Encoder().encode
_NO_CLOCKS = _Clocks()


def read(row: Any, details: Mapping[str, Any]) -> Deadlines:
    """Return the deadlines of a row of `request` and its `details`."""
    clocks = _NO_CLOCKS if row.clocks is None else _read_clocks(row.clocks)
    return Deadlines(
        opened_at=row.opened_at,
        first_shown_at=row.first_shown_at,
        owner_notified=row.told_unseen,
        expires_after=_timedelta(row.expires_after),
        expires_at=row.expires_at,
        on_expiry=OnExpiry.ESCALATE if clocks.restarts else _ON_EXPIRY[row.on_expiry],
        fallback_after=_timedelta(details.get("fallback_after")) or FALLBACK_AFTER,
        fall_back_at=row.fall_back_at,
        hours=clocks.hours,
        remind=clocks.remind,
        reminders=clocks.reminders,
        escalate_after=clocks.escalate_after,
        escalate_at=clocks.escalate_at,
        restart_at=clocks.restart_at,
        escalated_at=clocks.escalated_at,
        held_until=clocks.held_until,
        paused_at=questions.read_pause(details),
    )


def reminds(clocks: str | None) -> bool:
    """Return whether the gate of these clocks asked for reminders."""
    return clocks is not None and _read_clocks(clocks).remind is not None


def next_reminder(clocks: str | None) -> datetime | None:
    """Return the moment of the next reminder that these clocks plan, or None if there is none."""
    planned = () if clocks is None else _read_clocks(clocks).reminders
    return min((reminder.at for reminder in planned), default=None)


def fixed(deadlines: Deadlines) -> dict[str, Any]:
    """Return the columns that are written when a request is opened, and never again."""
    return {
        "opened_at": deadlines.opened_at,
        "expires_after": _microseconds(deadlines.expires_after),
        "on_expiry": OnExpiry.STOP if deadlines.on_expiry is OnExpiry.ESCALATE else deadlines.on_expiry,
    }


def moving(deadlines: Deadlines) -> dict[str, Any]:
    """Return the columns that change while a request waits."""
    return {
        "first_shown_at": deadlines.first_shown_at,
        "told_unseen": deadlines.owner_notified,
        "expires_at": deadlines.expires_at,
        "fall_back_at": deadlines.fall_back_at,
        "clocks": _clocks(deadlines),
        "check_at": deadlines.next_check(),
    }


def _clocks(deadlines: Deadlines) -> str | None:
    if deadlines.is_plain:
        return None
    clocks = _Clocks(
        hours=deadlines.hours,
        remind=deadlines.remind,
        reminders=deadlines.reminders,
        escalate_after=deadlines.escalate_after,
        escalate_at=deadlines.escalate_at,
        escalated_at=deadlines.escalated_at,
        restarts=deadlines.on_expiry is OnExpiry.ESCALATE,
        restart_at=deadlines.restart_at,
        held_until=deadlines.held_until,
    )
    return _write_clocks(clocks).decode()


def details(deadlines: Deadlines) -> dict[str, Value]:
    """Return the values for `details`: most requests wait the default time, which is not written."""
    if deadlines.fallback_after == FALLBACK_AFTER:
        return {}
    return {"fallback_after": deadlines.fallback_after // timedelta(microseconds=1)}


def _microseconds(delta: timedelta | None) -> int | None:
    return None if delta is None else delta // timedelta(microseconds=1)


def _timedelta(microseconds: int | None) -> timedelta | None:
    return None if microseconds is None else timedelta(microseconds=microseconds)
