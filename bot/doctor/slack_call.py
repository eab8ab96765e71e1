"""One call of Slack's Web API that keeps the response's headers and Slack's time, which the bot's client drops."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final

import aiohttp
from yarl import URL

from bot.doctor.context import NETWORK_SECONDS, CheckContext, os_error_text
from bot.doctor.finding import Finding, problem, warning
from bot.slack import errors
from bot.slack.errors import FailureClass

_ADVICE: Final = {
    "not_authed": "Copy the token of this app again, from its page at https://api.slack.com/apps",
    "invalid_auth": "Copy the token of this app again, from its page at https://api.slack.com/apps",
    "not_allowed_token_type": "Swap the tokens: xoxb-… is the bot's, xapp-… the app-level one.",
    "token_revoked": "Install the app again at https://api.slack.com/apps, and set the new token.",
    "account_inactive": "Install the app again at https://api.slack.com/apps, and set the new token.",
    "token_expired": "Turn off token rotation for the app, install it again, and set the new token.",
}
_DEFAULT_ADVICE: Final = "Look that word up at https://docs.slack.dev, and compare the app with `signoff manifest`."


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiResponse:
    """The response of a method. `code`: Slack's error code; `sentence`: the error for people, None if it is ok."""

    data: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    code: str | None = None
    sentence: str | None = None
    advice: str = _DEFAULT_ADVICE
    is_busy: bool = False
    ahead: timedelta | None = None
    """How far Slack's clock is ahead of ours, accurate to a second."""

    @property
    def ok(self) -> bool:
        return self.sentence is None

    def finding(self, check: str, subject: str) -> Finding:
        """Return the finding of a failed call about the subject."""
        if self.is_busy:
            return warning(check, f"{subject} could not be checked. {self.sentence}", self.advice)
        verdict = "could not be checked" if self.code is None else "is refused"
        return problem(check, f"{subject} {verdict}. {self.sentence}", self.advice)


async def call_method(
    session: aiohttp.ClientSession, context: CheckContext, method: str, token: str, **arguments: str | Mapping[str, Any]
) -> ApiResponse:
    """Call a method with form fields, which all methods accept. Failures are part of the response, not raised."""
    form = {name: value if isinstance(value, str) else json.dumps(value) for name, value in arguments.items()}
    try:
        url = URL(context.settings.slack_api_url) / method
    except ValueError as error:
        return ApiResponse(
            sentence=f"SIGNOFF_SLACK_API_URL is not an address: {error}.", advice="Correct that setting."
        )
    started = context.clock.now()
    try:
        headers = {"Authorization": f"Bearer {token}"}
        async with session.post(url, data=form, headers=headers, allow_redirects=False) as response:
            body = await response.read()
    except aiohttp.ClientConnectorError as error:
        return _no_response(url, f"cannot be reached: {os_error_text(error.os_error)}.")
    except TimeoutError:
        return _no_response(url, f"did not answer within {NETWORK_SECONDS:.0f} seconds.")
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return _no_response(url, f"closed the connection ({type(error).__name__}).")
    middle = started + (context.clock.now() - started) / 2
    return _parse_response(response, body, url, ahead=_clock_offset(response.headers.get("Date"), middle))


def _no_response(url: URL, error: str) -> ApiResponse:
    advice = f"Check that this machine may open connections to {url.host}:{url.port}, and that Slack is up."
    return ApiResponse(sentence=f"Slack at {url.host}:{url.port} {error}", advice=advice)


def _parse_response(response: aiohttp.ClientResponse, body: bytes, url: URL, *, ahead: timedelta | None) -> ApiResponse:
    data = _json_object(body)
    if data.get("ok") is True and response.status == 200:
        return ApiResponse(data=data, headers=response.headers, ahead=ahead)
    error = data.get("error")
    code = error if isinstance(error, str) else None
    kind = errors.classify(code, response.status)
    advice = _ADVICE.get(code or "", _DEFAULT_ADVICE)
    if kind is FailureClass.WAIT:
        advice = f"Run this again in {response.headers.get('Retry-After', '60')} seconds."
    elif code is None:
        advice = f"Check that {url.parent} is a Slack API, and at https://slack-status.com that it is up."
    return ApiResponse(
        data=data,
        headers=response.headers,
        code=code,
        sentence=errors.sentence(code, http_status=response.status, changes_nothing=True),
        advice=advice,
        is_busy=kind is FailureClass.WAIT,
        ahead=ahead,
    )


def _json_object(body: bytes) -> dict[str, Any]:
    """Return the object in the body, or an empty one if there is none."""
    try:
        data = json.loads(body)
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}


def _clock_offset(date: str | None, our_time: datetime) -> timedelta | None:
    """Return how far Slack's clock is ahead. Its `Date` has whole seconds, so half a second is added."""
    try:
        slack_time = parsedate_to_datetime(date or "")
    except ValueError:
        return None
    return slack_time.astimezone(UTC) + timedelta(seconds=0.5) - our_time
