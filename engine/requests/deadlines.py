"""The deadlines of a request: its expiry, its fallback to email, and the alert that no copy was delivered."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from engine.domain import OnExpiry, RequestState
from engine.workflowfile.workflow import FALLBACK_AFTER

UNDELIVERED_AFTER: Final = timedelta(minutes=15)
"""How long after opening the owner is alerted that no copy was delivered. The expiry is counted from then as well."""


class NotDelivered(Struct, frozen=True):
    """No copy was delivered within `UNDELIVERED_AFTER`: the owner must be notified."""


class PastDue(Struct, frozen=True):
    """The request has expired and must be closed with `state`."""

    state: RequestState


class NoResponse(Struct, frozen=True):
    """No approver responded within `fallback_after`: they must be asked by email as well."""


class Deadlines(Struct, frozen=True, kw_only=True):
    """Every deadline of a pending request. A deadline that has not started, or was processed, is None.

    A new deadline needs a field here, a branch in `due` and `next_check`, and a column in
    `engine.store.deadline_columns`.
    """

    opened_at: datetime
    first_shown_at: datetime | None = None
    owner_notified: bool = False
    """Whether the owner was notified that no copy was delivered."""
    expires_after: timedelta | None = None
    """Time from the first delivery to the expiry, or None if the request never expires."""
    expires_at: datetime | None = None
    on_expiry: OnExpiry = OnExpiry.STOP
    fallback_after: timedelta = FALLBACK_AFTER
    fall_back_at: datetime | None = None
    """When approvers who did not respond are asked by email as well."""

    def due(self, now: datetime) -> NotDelivered | PastDue | NoResponse | None:
        """Return the first thing that is due, or None. Call it again after that was processed, for the next one."""
        if self.is_past_due(now):
            rejects = self.on_expiry is OnExpiry.REJECT
            return PastDue(RequestState.REJECTED if rejects else RequestState.EXPIRED)
        if self.fall_back_at is not None and self.fall_back_at <= now:
            return NoResponse()
        if self._undelivered_at is not None and self._undelivered_at <= now:
            return NotDelivered()
        return None

    def next_check(self) -> datetime | None:
        """Return the earliest time at which something is due, or None if nothing ever is."""
        times = (self._undelivered_at, self.expires_at, self.fall_back_at)
        return min((at for at in times if at is not None), default=None)

    def is_past_due(self, now: datetime) -> bool:
        """Return whether the request has expired."""
        return self.expires_at is not None and self.expires_at <= now

    def after_shown(self, at: datetime) -> Deadlines:
        """Return the deadlines after the first copy was delivered: expiry and fallback count from that moment."""
        expires_at = self.expires_at
        if expires_at is None and self.expires_after is not None:
            expires_at = at + self.expires_after
        fall_back_at = None if self.fall_back_at is None else at + self.fallback_after
        return replace(self, first_shown_at=at, expires_at=expires_at, fall_back_at=fall_back_at)

    def after_notifying_owner(self, at: datetime) -> Deadlines:
        """Return the deadlines after the owner was notified that no copy was delivered: the expiry counts from now.

        With `on_expiry: continue` it does not: a run goes on without approval only if approvers were asked and did
        not respond.
        """
        expires_at = self.expires_at
        if self.expires_after is not None and self.on_expiry is not OnExpiry.CONTINUE:
            expires_at = at + self.expires_after
        return replace(self, owner_notified=True, expires_at=expires_at)

    def after_falling_back(self) -> Deadlines:
        """Return the deadlines after approvers were asked by email as well."""
        return replace(self, fall_back_at=None)

    @property
    def _undelivered_at(self) -> datetime | None:
        if self.first_shown_at is not None or self.owner_notified:
            return None
        return self.opened_at + UNDELIVERED_AFTER
