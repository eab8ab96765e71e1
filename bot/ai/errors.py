"""What the failure of a call to a language model means for its step: one sentence, and whether to try again. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from openai import APIStatusError
from pydantic_ai.exceptions import (
    ModelAPIError,
    ModelAuthenticationError,
    ModelConnectionError,
    ModelContextWindowExceededError,
    ModelHTTPError,
    ModelNotFoundError,
    ModelQuotaExceededError,
    ModelRateLimitError,
    ModelRequestRejectedError,
    ModelRequestTimeout,
    ModelTimeoutError,
)

from engine.errors import StepError
from engine.retry import MAX_RETRY_AFTER

_QUOTED: Final = 300
"""Maximum length of what a provider says, in characters."""
_NOT_SENT: Final = frozenset({"pool", "connect"})
"""Phases of a connection in which nothing has been sent yet."""
_FINAL: Final[Mapping[type[ModelAPIError], str]] = {
    ModelAuthenticationError: "The provider of {model} does not accept the key of this server (SIGNOFF_AI_KEY)",
    ModelQuotaExceededError: "The account at the provider of {model} has no credit left",
    ModelNotFoundError: "The provider does not know the model {model}, or SIGNOFF_AI_URL leads elsewhere",
    ModelContextWindowExceededError: "The prompt is too long for {model}",
    ModelRequestRejectedError: "The provider of {model} refused the call",
}
"""Failures that no other call can undo, the special ones first."""


def step_error(error: Exception, model: str) -> StepError:
    """Return the error of the step for a failure of the library."""
    if isinstance(error, ModelAPIError):
        return _of_provider(error, model)
    return StepError(f"{model} gave an answer that cannot be read ({type(error).__name__}).", retryable=True)


def _of_provider(error: ModelAPIError, model: str) -> StepError:
    said = _said(error)
    for kind, sentence in _FINAL.items():
        if isinstance(error, kind):
            return StepError(f"{sentence.format(model=model)}{said}")
    if isinstance(error, ModelRateLimitError):
        text = f"The provider of {model} takes no more calls at the moment (429)"
        return StepError(f"{text}{_wait(error)}{said}", retryable=True, retry_after=_retry_after(error))
    if isinstance(error, ModelTimeoutError | ModelRequestTimeout):
        return StepError(f"{model} did not answer in time.", retryable=True, outcome_unknown=True)
    if isinstance(error, ModelConnectionError):
        sent = error.phase not in _NOT_SENT
        what = "closed the connection without an answer" if sent else "cannot be reached"
        return StepError(f"The provider of {model} {what}.", retryable=True, outcome_unknown=sent)
    if isinstance(error, ModelHTTPError):
        text = f"The provider of {model} failed ({error.status_code})"
        return StepError(f"{text}{_wait(error)}{said}", retryable=True, retry_after=_retry_after(error))
    if isinstance(error.__cause__, APIStatusError):
        # The library has no error of its own for it: a redirect, which is not followed.
        return StepError(f"The provider of {model} answered {error.__cause__.status_code}, and not with an answer.")
    return StepError(f"{model} gave an answer that cannot be read.", retryable=True)


def _retry_after(error: ModelAPIError) -> timedelta | None:
    seconds = error.retry_after
    if seconds is None or not seconds >= 0:
        return None
    return timedelta(seconds=min(seconds, MAX_RETRY_AFTER.total_seconds()))


def _wait(error: ModelAPIError) -> str:
    wait = _retry_after(error)
    return "" if wait is None else f"; it asks to wait {wait.total_seconds():,.0f} seconds"


def _said(error: ModelAPIError) -> str:
    """Return what the provider says about the failure, as the end of a sentence."""
    body = error.body
    message = body.get("message") if isinstance(body, dict) else None
    if not isinstance(message, str) or not message.strip():
        return "."
    words = " ".join("".join(char if char.isprintable() else " " for char in message).split())
    return f": {words if len(words) <= _QUOTED else f'{words[:_QUOTED]}…'}"
