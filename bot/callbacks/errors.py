"""Failures of callbacks, pure: what the answer of a receiver, or none, means for a callback."""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus
from typing import Final

from engine.errors import ChannelError, StepError
from engine.retry import CALLBACK_PATIENCE

_GONE: Final = 410
"""The status by which a receiver says that it wants no callbacks any more."""
_SLOW_DOWN: Final = frozenset({429, 503})
"""The statuses whose `Retry-After` is obeyed."""


def of_answer(host: str, status: int, *, quoted: str, wait: timedelta | None) -> ChannelError:
    """Return the error for an answer that is no success. `quoted`: the start of its body. `wait`: its `Retry-After`."""
    phrase = f" {HTTPStatus(status).phrase}" if status in HTTPStatus._value2member_map_ else ""
    answered = f"{host} answered {status}{phrase}"
    if status == _GONE:
        return ChannelError(f"{answered}: it wants no callbacks any more.", permanent=True, about="address")
    if 300 <= status < 400:
        answered = f"{answered}, and callbacks do not follow redirects"
    return ChannelError(
        f"{answered}: {quoted.rstrip('.')}." if quoted else f"{answered}.",
        retry_after=wait if status in _SLOW_DOWN else None,
        patience=CALLBACK_PATIENCE,
    )


def of_refusal(error: StepError) -> ChannelError:
    """Return the error for a URL that may not be called. It leaves out the URL, whose path may hold a secret."""
    why = str(error).partition(" was not sent: ")[2]
    return ChannelError(f"The callback was not sent: {why}.", patience=CALLBACK_PATIENCE)


def of_call(error: StepError) -> ChannelError:
    """Return the error for a call without an answer. What is unknown may have arrived: it is sent again, same id."""
    return ChannelError(f"{error}.", outcome_unknown=error.outcome_unknown, patience=CALLBACK_PATIENCE)
