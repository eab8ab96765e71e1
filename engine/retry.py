"""Every retry policy: the waits before failed work is tried again, and when it is given up. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from msgspec import Struct


class RetryPolicy(Struct, frozen=True):
    """`retry` of a step: `attempts` counts all calls; the wait doubles after each failure, up to an hour."""

    attempts: int = 1
    wait: timedelta = timedelta(seconds=1)

    def delay(self, attempt: int) -> timedelta | None:
        """Return the wait after the failure of call number `attempt` (from 1), or None if there is no further call."""
        if attempt >= self.attempts:
            return None
        return min(self.wait * (1 << min(attempt - 1, 20)), LONGEST_STEP_WAIT)


LONGEST_STEP_WAIT: Final = timedelta(hours=1)
"""The longest wait between two calls of a step."""

MAX_RETRY_AFTER: Final = timedelta(days=1)
"""The longest `Retry-After` of a server that is obeyed: a longer one is a mistake, and would hide the work."""

# -- deliveries: a copy that could not be shown ---------------------------------------------------------------

DELIVERY_WAITS: Final = (
    *(timedelta(seconds=seconds) for seconds in (1, 5, 30, 120, 600, 1800)),
    timedelta(hours=1),
)
"""Waits after failures of one delivery; the last repeats."""
UNKNOWN_OUTCOME_WAIT: Final = timedelta(seconds=2)
"""Wait after a first attempt of unknown outcome: a channel that can look for the copy finds it by then."""
BROKEN_CHANNEL_WAIT: Final = timedelta(minutes=1)
"""Shortest wait after a failure of the whole channel: no set-up is fixed sooner."""
GIVE_UP_AFTER: Final = 12
"""Failures in a row, over some hours, after which even a copy that people already see is given up."""

# -- channels: all deliveries of a channel whose set-up is broken ---------------------------------------------

CHANNEL_WAITS: Final = tuple(timedelta(minutes=minutes) for minutes in (1, 2, 5, 10))
"""Waits after failures of a whole channel; the last repeats. Then one delivery is tried."""

# -- what vendors ask for -------------------------------------------------------------------------------------

SLACK_INSTALLATION_WAIT: Final = timedelta(minutes=10)
"""Wait after Slack said that the app's installation is broken: an admin has to fix it."""
SLACK_RATE_LIMIT_WAIT: Final = timedelta(seconds=30)
"""Wait after a rate limit without `Retry-After`: Slack counts by the minute."""
SLACK_MAX_RETRY_AFTER: Final = timedelta(hours=1)
"""The longest `Retry-After` of Slack that is obeyed."""
EMAIL_UNKNOWN_OUTCOME_WAIT: Final = timedelta(minutes=1)
"""Wait after an unknown outcome: the mail server may still be delivering the first email."""
EMAIL_FULL_MAILBOX_PATIENCE: Final = timedelta(hours=24)
"""How long an email to a full mailbox is tried again."""
ENDPOINT_WAITS: Final = tuple(timedelta(seconds=seconds) for seconds in (1, 5, 30, 120, 600))
"""How long an endpoint of callbacks rests after failures in a row; the last repeats. Then one callback is tried."""
CALLBACK_PATIENCE: Final = timedelta(days=3)
"""How long a callback is tried again: over a weekend on which no one looks after the receiver."""

# -- work of the engine ---------------------------------------------------------------------------------------

DIRECTORY_DOWN_WAIT: Final = timedelta(minutes=1)
"""Wait of a run that cannot go on until the directory answers."""
TICK_SECONDS: Final = 0.5
"""Time between two looks for due work: what a lost hint costs at most."""
CONFLICT_SECONDS: Final = 0.5
"""Wait before a unit that has to be recorded is tried again after the database failed."""


def waits(schedule: Sequence[timedelta], failures: int) -> timedelta:
    """Return the wait after failure number `failures` (from 1) in a row; the last of the schedule repeats."""
    return schedule[min(failures, len(schedule)) - 1]


def delivery_wait(
    failures: int, *, outcome_unknown: bool, channel_broken: bool, retry_after: timedelta | None
) -> timedelta:
    """Return how long a delivery waits after failure number `failures` (from 1) in a row."""
    wait = UNKNOWN_OUTCOME_WAIT if outcome_unknown and failures == 1 else waits(DELIVERY_WAITS, failures)
    shortest = BROKEN_CHANNEL_WAIT if channel_broken else timedelta(0)
    return max(wait, shortest, min(retry_after or timedelta(0), MAX_RETRY_AFTER))
