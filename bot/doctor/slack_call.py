"""One call of Slack's Web API, with what the bot's own client does not keep: headers, and when it was."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final

import aiohttp
from yarl import URL

from bot.doctor.context import NETWORK_SECONDS, Case, why
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
_ELSE: Final = "Look that word up at https://docs.slack.dev, and compare the app with `signoff manifest`."


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiResponse:
    """What came back. `code`: Slack's own word for what is wrong; `sentence`: all of it, for a person."""

    data: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    code: str | None = None
    sentence: str | None = None
    todo: str = _ELSE
    is_busy: bool = False
    ahead: timedelta | None = None
    """By how much Slack's clock is ahead of ours, to a second."""

    @property
    def ok(self) -> bool:
        return self.sentence is None

    def finding(self, check: str, what: str) -> Finding:
        """That it failed. `what`: was asked about."""
        if self.is_busy:
            return warning(check, f"{what} could not be checked. {self.sentence}", self.todo)
        verdict = "could not be checked" if self.code is None else "is refused"
        return problem(check, f"{what} {verdict}. {self.sentence}", self.todo)


async def ask(
    session: aiohttp.ClientSession, case: Case, method: str, token: str, **arguments: str | Mapping[str, Any]
) -> ApiResponse:
    """Call a method. Form fields, which all methods take; no failure raises."""
    form = {name: one if isinstance(one, str) else json.dumps(one) for name, one in arguments.items()}
    try:
        url = URL(case.settings.slack_api_url) / method
    except ValueError as error:
        return ApiResponse(sentence=f"SIGNOFF_SLACK_API_URL is no address: {error}.", todo="Correct that setting.")
    began = case.clock.now()
    try:
        headers = {"Authorization": f"Bearer {token}"}
        async with session.post(url, data=form, headers=headers, allow_redirects=False) as response:
            body = await response.read()
    except aiohttp.ClientConnectorError as error:
        return _unreached(url, f"cannot be reached: {why(error.os_error)}.")
    except TimeoutError:
        return _unreached(url, f"did not answer within {NETWORK_SECONDS:.0f} seconds.")
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return _unreached(url, f"broke off ({type(error).__name__}).")
    middle = began + (case.clock.now() - began) / 2
    return _read(response, body, url, ahead=_ahead(response.headers.get("Date"), middle))


def _unreached(url: URL, said: str) -> ApiResponse:
    todo = f"See that this machine may open connections to {url.host}:{url.port}, and that Slack is up."
    return ApiResponse(sentence=f"Slack at {url.host}:{url.port} {said}", todo=todo)


def _read(response: aiohttp.ClientResponse, body: bytes, url: URL, *, ahead: timedelta | None) -> ApiResponse:
    try:
        data = json.loads(body)
    except ValueError:
        data = None
    said = data if isinstance(data, dict) else {}
    if said.get("ok") is True and response.status == 200:
        return ApiResponse(data=said, headers=response.headers, ahead=ahead)
    code = said.get("error") if isinstance(said.get("error"), str) else None
    kind = errors.classify(code, response.status)
    todo = _ADVICE.get(code or "", _ELSE)
    if kind is FailureClass.WAIT:
        todo = f"Look again in {response.headers.get('Retry-After', '60')} seconds."
    elif code is None:
        todo = f"See that {url.parent} is a Slack API, and at https://slack-status.com that it is up."
    return ApiResponse(
        data=said,
        headers=response.headers,
        code=code,
        sentence=errors.sentence(code, http_status=response.status, changes_nothing=True),
        todo=todo,
        is_busy=kind is FailureClass.WAIT,
        ahead=ahead,
    )


def _ahead(date: str | None, ours: datetime) -> timedelta | None:
    """Slack's `Date` has whole seconds, so half of one is the best guess for what it leaves out."""
    try:
        theirs = parsedate_to_datetime(date or "")
    except ValueError:
        return None
    return theirs.astimezone(UTC) + timedelta(seconds=0.5) - ours
