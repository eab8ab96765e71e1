"""What time brings to a request."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

from engine.domain import OnExpiry, RequestState
from engine.requests.model import Request

UNSEEN_AFTER: Final = timedelta(minutes=15)
"""A request that reached nobody for this long is told to the owner, and its clocks start all the same."""


class Unseen(Struct, frozen=True):
    """Nobody was shown the request for `UNSEEN_AFTER`: the owner is told. `expires_at`: the clock, if it starts now."""

    expires_at: datetime | None


class Lapsed(Struct, frozen=True):
    """The request is past due; `state` is what it becomes."""

    state: RequestState


class Unanswered(Struct, frozen=True):
    """Nobody acted for as long as the gate waits: approvers are asked another way as well."""


def due(asked: Request, now: datetime) -> Unseen | Lapsed | Unanswered | None:
    """What time has brought to this request: the first of it; the rest is due again at once."""
    if asked.state is not RequestState.PENDING:
        return None
    if asked.expires_at is not None and asked.expires_at <= now:
        rejects = asked.on_expiry is OnExpiry.REJECT
        return Lapsed(RequestState.REJECTED if rejects else RequestState.EXPIRED)
    if asked.fall_back_at is not None and asked.fall_back_at <= now:
        return Unanswered()
    if asked.first_shown_at is None and not asked.told_unseen and asked.opened_at + UNSEEN_AFTER <= now:
        # Going on without approval is only for people who were asked and kept silent.
        starts = asked.expires_after is not None and asked.on_expiry is not OnExpiry.CONTINUE
        return Unseen(now + asked.expires_after if starts and asked.expires_after else None)
    return None


def expiry(asked: Request, *, shown_at: datetime) -> datetime | None:
    """When the request expires, now that it was first shown at `shown_at`."""
    if asked.expires_at is not None or asked.expires_after is None:
        return asked.expires_at
    return shown_at + asked.expires_after


def fall_back(asked: Request, *, shown_at: datetime) -> datetime | None:
    """When mails go out, now that the request was first shown at `shown_at`."""
    return None if asked.fall_back_at is None else shown_at + asked.fallback_after


def next_check(
    *,
    opened_at: datetime,
    first_shown_at: datetime | None,
    told_unseen: bool,
    expires_at: datetime | None,
    fall_back_at: datetime | None,
) -> datetime | None:
    """When `due` is worth asking next; None: never by itself."""
    unseen = None if first_shown_at or told_unseen else opened_at + UNSEEN_AFTER
    return min((at for at in (unseen, expires_at, fall_back_at) if at is not None), default=None)
