"""Problem Details (RFC 9457): the form of every error that a program gets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Final, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from bot import request_scope
from bot.log import RETRY_SECONDS, is_busy, report_incident
from bot.presentation import refusals
from engine import json_values
from engine.domain import Contested, InvalidInputs, NotAllowed, NotFound, QueueFull, Refusal
from engine.domain.api_keys import ApiKeyForbids, ApiKeyRefused, TooManyCalls
from engine.domain.asks import IdempotencyConflict, InvalidAsk
from engine.json_values import Value

MEDIA_TYPE: Final = "application/problem+json"
_STATUS: Final[Mapping[type[Refusal], int]] = {
    ApiKeyRefused: 401,
    ApiKeyForbids: 403,
    NotAllowed: 403,
    NotFound: 404,
    IdempotencyConflict: 422,
    InvalidAsk: 422,
    InvalidInputs: 422,
    QueueFull: 429,
    TooManyCalls: 429,
}
"""The HTTP status of a refusal; all others are conflicts with the present state."""
_WORD: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
_WAIT_SECONDS: Final = 60
"""When a program should try again if no better time is known, in seconds."""


class ProblemBody(TypedDict):
    """Why the call was not carried out."""

    type: Annotated[str, Field(description="Always `about:blank`: `code` says what is wrong.")]
    title: Annotated[str, Field(description="The phrase of the HTTP status.")]
    status: Annotated[int, Field(description="The HTTP status.")]
    detail: Annotated[str, Field(description="A sentence for people: what happened, and what to do now.")]
    code: Annotated[str, Field(description="A word for programs, such as `already-consumed`.")]
    errors: NotRequired[
        Annotated[dict[str, str], Field(description="What is wrong with each part of the input, by its dotted path.")]
    ]
    incident: NotRequired[Annotated[str, Field(description="The id under which the server's log has more.")]]


class ApiProblem(Exception):
    """Raised where a call cannot be carried out. `errors`: what is wrong, by dotted path. `headers`: of the answer."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        errors: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        incident: str | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail = status, code, detail
        self.errors, self.headers, self.incident = errors, dict(headers or {}), incident

    @property
    def body(self) -> bytes:
        """Return the problem as JSON."""
        title = HTTPStatus(self.status).phrase
        facts: dict[str, Value] = {"type": "about:blank", "title": title, "status": self.status}
        facts |= {"detail": self.detail, "code": self.code}
        if self.errors:
            facts["errors"] = dict(self.errors)
        if self.incident is not None:
            facts["incident"] = self.incident
        return json_values.encoded(facts)


FORBIDDEN: Final = "api-key-forbids"
"""The code of what a key may not do."""


def code(refusal: Refusal) -> str:
    """Return the word for a refusal that programs compare: the name of its type, as `already-consumed`."""
    return _WORD.sub("-", type(refusal).__name__).lower()


def of_refusal(refusal: Refusal) -> ApiProblem:
    """Return the problem that says why a command was not carried out."""
    status = next((status for kind, status in _STATUS.items() if isinstance(refusal, kind)), 409)
    errors = refusal.errors if isinstance(refusal, InvalidAsk | InvalidInputs) else None
    sentence = refusals.sentence(refusal)
    return ApiProblem(status, code(refusal), sentence, errors=errors, headers=_headers(refusal, status))


def _headers(refusal: Refusal, status: int) -> dict[str, str]:
    if status == HTTPStatus.UNAUTHORIZED:
        return {"WWW-Authenticate": 'Bearer realm="Signoff"'}
    if isinstance(refusal, TooManyCalls):
        return {"Retry-After": str(int(refusal.wait.total_seconds()) + 1)}
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return {"Retry-After": str(_WAIT_SECONDS)}
    return {"Retry-After": "1"} if isinstance(refusal, Contested) else {}


def of_exception(error: Exception) -> ApiProblem:
    """Return the problem for an unexpected error. Its traceback is in the log only. A busy database is no incident."""
    if is_busy(error):
        return ApiProblem(503, "busy", report_incident(error), headers={"Retry-After": str(RETRY_SECONDS)})
    sentence, scope = report_incident(error), request_scope.current()
    return ApiProblem(500, "incident", sentence, incident=scope.id if scope is not None else None)
