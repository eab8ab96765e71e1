"""The clocks of a request: when it expires, when email goes out, when its owner hears that nobody was reached."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from engine.domain import OnExpiry, RequestState
from engine.workflowfile.workflow import FALLBACK_AFTER

UNDELIVERED_AFTER: Final = timedelta(minutes=15)
"""Time from opening after which the owner hears that a request reached nobody, and its clocks start all the same."""


class NotDelivered(Struct, frozen=True):
    """No copy has reached anybody for `UNDELIVERED_AFTER`: the owner is notified."""


class PastDue(Struct, frozen=True):
    """The request has expired; `state` is what it becomes."""

    state: RequestState


class NoResponse(Struct, frozen=True):
    """Nobody has acted for as long as the gate waits: approvers are asked by email as well."""


class Deadlines(Struct, frozen=True, kw_only=True):
    """Every clock of a pending request. A clock that has not started, or has done its work, is None.

    To add a clock: a field here with its part in `due` and `next_check`, and its column in
    `engine.store.deadline_columns`.
    """

    opened_at: datetime
    first_shown_at: datetime | None = None
    owner_notified: bool = False
    """Whether the owner was told that the request reached nobody."""
    expires_after: timedelta | None = None
    """Time from the first delivery to the expiry; None: the request never expires."""
    expires_at: datetime | None = None
    on_expiry: OnExpiry = OnExpiry.STOP
    fallback_after: timedelta = FALLBACK_AFTER
    fall_back_at: datetime | None = None
    """When approvers who did not act are asked by email as well."""

    def due(self, now: datetime) -> NotDelivered | PastDue | NoResponse | None:
        """Return the first thing that is due; call it again after that one is done, for the next."""
        if self.is_past_due(now):
            rejects = self.on_expiry is OnExpiry.REJECT
            return PastDue(RequestState.REJECTED if rejects else RequestState.EXPIRED)
        if self.fall_back_at is not None and self.fall_back_at <= now:
            return NoResponse()
        if self._undelivered_at is not None and self._undelivered_at <= now:
            return NotDelivered()
        return None

    def next_check(self) -> datetime | None:
        """Return the earliest time at which `due` has something; None: never."""
        clocks = (self._undelivered_at, self.expires_at, self.fall_back_at)
        return min((at for at in clocks if at is not None), default=None)

    def is_past_due(self, now: datetime) -> bool:
        """Return whether the request has expired."""
        return self.expires_at is not None and self.expires_at <= now

    def after_shown(self, at: datetime) -> Deadlines:
        """Return the clocks after the first copy reached somebody: expiry and fallback count from then."""
        expires_at = self.expires_at
        if expires_at is None and self.expires_after is not None:
            expires_at = at + self.expires_after
        fall_back_at = None if self.fall_back_at is None else at + self.fallback_after
        return replace(self, first_shown_at=at, expires_at=expires_at, fall_back_at=fall_back_at)

    def after_notifying_owner(self, at: datetime) -> Deadlines:
        """Return the clocks after the owner heard that nobody was reached: the request expires all the same.

        Except where the run would then go on without approval: that needs people who were asked and did not respond.
        """
        expires_at = self.expires_at
        if self.expires_after is not None and self.on_expiry is not OnExpiry.CONTINUE:
            expires_at = at + self.expires_after
        return replace(self, owner_notified=True, expires_at=expires_at)

    def after_falling_back(self) -> Deadlines:
        """Return the clocks after approvers were asked by email as well."""
        return replace(self, fall_back_at=None)

    @property
    def _undelivered_at(self) -> datetime | None:
        if self.first_shown_at is not None or self.owner_notified:
            return None
        return self.opened_at + UNDELIVERED_AFTER
