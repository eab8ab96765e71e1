"""The columns of a request that hold its `Deadlines`, and the way from each to the other."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from engine.domain import OnExpiry
from engine.domain.statuses import by_value
from engine.json_values import Value
from engine.requests import Deadlines
from engine.workflowfile.workflow import FALLBACK_AFTER

_ON_EXPIRY = by_value(OnExpiry)


def read(row: Any, details: Mapping[str, Any]) -> Deadlines:
    """Return the deadlines of a row of `request` and its `details`."""
    return Deadlines(
        opened_at=row.opened_at,
        first_shown_at=row.first_shown_at,
        owner_notified=row.told_unseen,
        expires_after=_timedelta(row.expires_after),
        expires_at=row.expires_at,
        on_expiry=_ON_EXPIRY[row.on_expiry],
        fallback_after=_timedelta(details.get("fallback_after")) or FALLBACK_AFTER,
        fall_back_at=row.fall_back_at,
    )


def fixed(deadlines: Deadlines) -> dict[str, Any]:
    """Return the columns that are written when a request is opened, and never again."""
    return {
        "opened_at": deadlines.opened_at,
        "expires_after": _microseconds(deadlines.expires_after),
        "on_expiry": deadlines.on_expiry,
    }


def moving(deadlines: Deadlines) -> dict[str, Any]:
    """Return the columns that change while a request waits."""
    return {
        "first_shown_at": deadlines.first_shown_at,
        "told_unseen": deadlines.owner_notified,
        "expires_at": deadlines.expires_at,
        "fall_back_at": deadlines.fall_back_at,
        "check_at": deadlines.next_check(),
    }


def details(deadlines: Deadlines) -> dict[str, Value]:
    """Return the values for `details`: most requests wait the default time, which is not written."""
    if deadlines.fallback_after == FALLBACK_AFTER:
        return {}
    return {"fallback_after": deadlines.fallback_after // timedelta(microseconds=1)}


def _microseconds(delta: timedelta | None) -> int | None:
    return None if delta is None else delta // timedelta(microseconds=1)


def _timedelta(microseconds: int | None) -> timedelta | None:
    return None if microseconds is None else timedelta(microseconds=microseconds)
