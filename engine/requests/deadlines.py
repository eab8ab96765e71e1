"""The deadlines of a request: expiry, escalation, reminders, the fallback to email, and the alert of no delivery."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from engine import timestamps
from engine.domain import OnExpiry, RequestState
from engine.json_values import Value
from engine.requests.working_hours import WorkingHours
from engine.workflowfile.workflow import FALLBACK_AFTER, Remind

UNDELIVERED_AFTER: Final = timedelta(minutes=15)
"""How long after opening the owner is alerted that no copy was delivered. The expiry is counted from then as well."""
LONGEST_PAUSE: Final = timedelta(days=7)
"""How long clocks stand still at most, however long a question waits for its answer."""
REMINDED_AT: Final = (0.5, 0.9)
"""When approvers are reminded by default, as parts of the time until the expiry."""

Zones = Collection[str | None]
"""The time zones of the people whose working hours count; None: not known."""


class NotDelivered(Struct, frozen=True):
    """No copy was delivered within `UNDELIVERED_AFTER`: the owner must be notified."""


class PastDue(Struct, frozen=True):
    """The request has expired and must be closed with `state`."""

    state: RequestState


class NoResponse(Struct, frozen=True):
    """No approver responded within `fallback_after`: they must be asked by email as well."""


class Overdue(Struct, frozen=True):
    """No decision in time: the backups must be asked as well."""


class Unanswered(Struct, frozen=True):
    """The approvers whose decision is missing must be reminded."""


class Reminder(Struct, frozen=True):
    """A moment at which approvers are reminded, and how often again after it."""

    at: datetime
    left: int = 0


class Deadlines(Struct, frozen=True, kw_only=True):
    """Every deadline of a pending request. A deadline that has not started, or was processed, is None.

    A new deadline needs a field here, a branch in `due` and `next_check`, and a column in
    `engine.store.deadline_columns`. With `hours`, expiry, escalation and reminders count working hours. Of several
    approvers the last one counts, so that each of them has the whole time.
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
    held_until: datetime | None = None
    """Until when no one is told of the request, because all who are asked chose that. Its time runs meanwhile."""
    hours: WorkingHours | None = None
    """The working hours that count, or None if every hour does."""
    remind: Remind | None = None
    reminders: tuple[Reminder, ...] = ()
    """The reminders that are planned. They are planned when their clock starts, and again when it starts anew."""
    escalate_after: timedelta | None = None
    escalate_at: datetime | None = None
    """When the backups are asked because of `escalate_after`."""
    restart_at: datetime | None = None
    """With `on_expiry: escalate`, when the backups are asked and the time until the expiry starts again."""
    escalated_at: datetime | None = None
    paused_at: datetime | None = None
    """Since when expiry, escalation and reminders stand still, because a question waits for its answer.

    Meanwhile their moments are those that come if the pause is as long as it can be.
    """

    def due(self, now: datetime) -> NotDelivered | PastDue | NoResponse | Overdue | Unanswered | None:
        """Return the first thing that is due, or None. Call it again after that was processed, for the next one."""
        if self.is_past_due(now):
            rejects = self.on_expiry is OnExpiry.REJECT
            return PastDue(RequestState.REJECTED if rejects else RequestState.EXPIRED)
        if self.asks_backups_at is not None and self.asks_backups_at <= now:
            return Overdue()
        if self.fall_back_at is not None and self.fall_back_at <= now:
            return NoResponse()
        if self._undelivered_at is not None and self._undelivered_at <= now:
            return NotDelivered()
        if any(reminder.at <= now for reminder in self.reminders):
            return Unanswered()
        return None

    def next_check(self) -> datetime | None:
        """Return the earliest time at which something is due, or None if nothing ever is."""
        times = (self._undelivered_at, self.expires_at, self.fall_back_at, self.escalate_at, self.restart_at)
        planned = (*times, *(reminder.at for reminder in self.reminders))
        return min((at for at in planned if at is not None), default=None)

    def is_past_due(self, now: datetime) -> bool:
        """Return whether the request has expired."""
        return self.expires_at is not None and self.expires_at <= now

    @property
    def asks_backups_at(self) -> datetime | None:
        """When the backups are asked, for the first time or with the time until the expiry starting again."""
        return min((at for at in (self.escalate_at, self.restart_at) if at is not None), default=None)

    @property
    def is_plain(self) -> bool:
        """Whether the gate asks for no reminders, no escalation and no working hours, as most do.

        A request that no one is told of yet is not plain.
        """
        plain = self.remind is None and self.escalate_after is None and self.hours is None
        return plain and self.on_expiry is not OnExpiry.ESCALATE and self.held_until is None

    @property
    def decided_by(self) -> datetime | None:
        """When the time to decide ends, or others are asked as well, for now; None: never."""
        return min((at for at in (self.ends_at, self.asks_backups_at) if at is not None), default=None)

    @property
    def ends_at(self) -> datetime | None:
        """When the time to decide is over, for now: the expiry, or an escalation that starts the time again."""
        return self.expires_at or self.restart_at

    def as_record(self) -> dict[str, Value]:
        """Return the moments that are planned, and the working hours that they were computed with, for the record."""
        planned = {"expires_at": self.ends_at, "escalates_at": self.asks_backups_at}
        record: dict[str, Value] = {name: timestamps.iso(at) for name, at in planned.items() if at is not None}
        if self.reminders:
            record["reminders"] = [timestamps.iso(reminder.at) for reminder in self.reminders]
        if self.hours is not None:
            record |= self.hours.as_record()
        return record

    def after_shown(self, at: datetime, zones: Zones = ()) -> Deadlines:
        """Return the deadlines after the first copy was delivered: all of them count from that moment."""
        fall_back_at = None if self.fall_back_at is None else at + self.fallback_after
        started = self._started(at, zones)
        planned = self._plan(at, zones) if self.held_until is None else self.reminders
        return replace(started, first_shown_at=at, held_until=None, fall_back_at=fall_back_at, reminders=planned)

    def after_holding(self, now: datetime, until: datetime, zones: Zones = ()) -> Deadlines:
        """Return the deadlines of a request that no one is told of before `until`.

        Its time runs from now on, so that no one has to wait longer because of what an approver chose. Only the email
        that follows without a response counts from when they are told.
        """
        fall_back_at = None if self.fall_back_at is None else until + self.fallback_after
        started = self._started(now, zones)
        return replace(started, held_until=until, fall_back_at=fall_back_at, reminders=self._plan(now, zones))

    def after_notifying_owner(self, at: datetime, zones: Zones = ()) -> Deadlines:
        """Return the deadlines after the owner was notified that no copy was delivered: they count from now.

        With `on_expiry: continue` the expiry does not: a run goes on without approval only if approvers were asked and
        did not respond.
        """
        started = self._started(at, zones)
        if self.on_expiry is OnExpiry.CONTINUE:
            started = replace(started, expires_at=self.expires_at)
        return replace(started, owner_notified=True)

    def after_asking_more(self, at: datetime) -> Deadlines:
        """Return the deadlines after more people were asked: they have the whole time until they are asked by email."""
        return replace(self, fall_back_at=at + self.fallback_after)

    def after_falling_back(self, *, next_at: datetime | None = None) -> Deadlines:
        """Return the deadlines after approvers were asked by email as well. `next_at`: when others will be."""
        return replace(self, fall_back_at=next_at)

    def after_telling_more(self, at: datetime) -> Deadlines:
        """Return the deadlines after more people were told: they are asked by email as well if they do not respond."""
        fall_back_at = at + self.fallback_after
        return replace(self, fall_back_at=min(fall_back_at, self.fall_back_at or fall_back_at))

    def after_escalating(self, at: datetime, zones: Zones = ()) -> Deadlines:
        """Return the deadlines after the backups were asked.

        With `on_expiry: escalate`, the time until the expiry starts again once it is over.
        """
        escalated = replace(self, escalate_at=None, escalated_at=self.escalated_at or at)
        if self.restart_at is None or self.restart_at > at:
            return escalated
        assert self.expires_after is not None
        expires_at = self._later(at, self.expires_after, zones)
        return replace(escalated, restart_at=None, expires_at=expires_at, reminders=self._plan(at, zones))

    def after_reminding(self, now: datetime, zones: Zones = ()) -> Deadlines:
        """Return the deadlines after the approvers were reminded: once, whatever number of reminders was due."""
        following = (self._following(reminder, now, zones) for reminder in self.reminders)
        return replace(self, reminders=tuple(reminder for reminder in following if reminder is not None))

    @property
    def paused_until(self) -> datetime | None:
        """When the pause ends at the latest, or None if there is none."""
        return None if self.paused_at is None else self.paused_at + LONGEST_PAUSE

    def after_pausing(self, now: datetime) -> Deadlines:
        """Return the deadlines after a question was asked: they go on with its answer, or after `LONGEST_PAUSE`.

        A second question at the same time adds nothing.
        """
        if self.paused_at is not None:
            return self
        return replace(_moved(self, lambda at: at + LONGEST_PAUSE), paused_at=now)

    def after_resuming(self, now: datetime, zones: Zones = ()) -> Deadlines:
        """Return the deadlines after the last open question was answered: what was left of each is left again."""
        if self.paused_at is None or self.paused_until is None:
            return self
        resumed = replace(self, paused_at=None)
        early = self.paused_until - now
        if early <= timedelta():
            return resumed
        if self.hours is None:
            return _moved(resumed, lambda at: at - early)
        hours, began = self.hours, self.paused_at

        def work_on(at: datetime) -> datetime:
            planned = at - LONGEST_PAUSE
            return max(hours.after(now, hours.between(began, planned, zone), zone) for zone in (zones or (None,)))

        return _moved(resumed, work_on)

    def _started(self, at: datetime, zones: Zones) -> Deadlines:
        """Return the deadlines with expiry and escalation counting from `at`, unless they count already."""
        expires_at, restart_at, escalate_at = self.expires_at, self.restart_at, self.escalate_at
        if self.expires_after is not None and expires_at is None and restart_at is None:
            ends_at = self._later(at, self.expires_after, zones)
            restarts = self.on_expiry is OnExpiry.ESCALATE
            expires_at, restart_at = (None, ends_at) if restarts else (ends_at, None)
        if self.escalate_after is not None and escalate_at is None and self.escalated_at is None:
            escalate_at = self._later(at, self.escalate_after, zones)
        return replace(self, expires_at=expires_at, restart_at=restart_at, escalate_at=escalate_at)

    def _plan(self, at: datetime, zones: Zones) -> tuple[Reminder, ...]:
        if self.remind is None:
            return ()
        if self.remind.after is not None:
            return (Reminder(self._later(at, self.remind.after, zones), self.remind.times - 1),)
        assert self.expires_after is not None
        return tuple(Reminder(self._later(at, self.expires_after, zones, part=part)) for part in REMINDED_AT)

    def _following(self, reminder: Reminder, now: datetime, zones: Zones) -> Reminder | None:
        """Return the first reminder of its series that is not due yet, or None if there is none."""
        while reminder.at <= now:
            if reminder.left == 0 or self.remind is None or self.remind.every is None:
                return None
            reminder = Reminder(self._later(reminder.at, self.remind.every, zones), reminder.left - 1)
        return reminder

    def _later(self, at: datetime, duration: timedelta, zones: Zones, *, part: float = 1) -> datetime:
        if self.paused_until is not None:
            at = max(at, self.paused_until)
        if self.hours is None:
            return at + duration * part
        working_time = self.hours.working_time(duration) * part
        return max(self.hours.after(at, working_time, zone) for zone in (zones or (None,)))

    @property
    def _undelivered_at(self) -> datetime | None:
        if self.first_shown_at is not None or self.owner_notified:
            return None
        return (self.held_until or self.opened_at) + UNDELIVERED_AFTER


def _moved(deadlines: Deadlines, move: Callable[[datetime], datetime]) -> Deadlines:
    """Return the deadlines with expiry, escalation and reminders at other moments."""

    def moved(at: datetime | None) -> datetime | None:
        return None if at is None else move(at)

    return replace(
        deadlines,
        expires_at=moved(deadlines.expires_at),
        restart_at=moved(deadlines.restart_at),
        escalate_at=moved(deadlines.escalate_at),
        reminders=tuple(Reminder(move(reminder.at), reminder.left) for reminder in deadlines.reminders),
    )
