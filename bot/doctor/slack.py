"""Slack: whether the tokens work and may do what we do, and whether our clocks agree."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Final

import aiohttp

from bot.doctor import block_validation, slack_call
from bot.doctor.context import TIMEOUT, Case
from bot.doctor.finding import Finding, ok, problem, warning
from bot.doctor.slack_call import ApiResponse
from bot.slack import manifest

_APPS: Final = "https://api.slack.com/apps"
_REINSTALL: Final = (
    f"Paste what `signoff manifest` prints as the app's manifest at {_APPS}, install the app again, and set its token."
)
WINDOW: Final = timedelta(minutes=5)
"""How old a signed request may be: https://docs.slack.dev/authentication/verifying-requests-from-slack"""
_LATE: Final = timedelta(minutes=1)
"""What a delivery may take of that window."""
_OFF: Final = timedelta(seconds=30)


async def bot(case: Case) -> AsyncIterator[Finding]:
    """The bot token, and all that it tells."""
    token = case.settings.slack_bot_token.get_secret_value()
    if {"slack_bot_token", "slack_api_url"} & case.unusable:
        yield warning("slack.token", "The bot token was not checked, because a setting is wrong.", "See `settings`.")
        return
    if not token:
        yield ok("slack.token", "Slack is not set up, so people are asked at the terminal of `signoff serve`.")
        return
    async with aiohttp.ClientSession(timeout=TIMEOUT) as session:
        answer = await slack_call.ask(session, case, "auth.test", token)
        for finding in _clock(case, answer):
            yield finding
        if not answer.ok:
            yield answer.finding("slack.token", "The bot token")
            return
        who, where = answer.data.get("user", "?"), answer.data.get("team", "?")
        yield ok("slack.token", f"The bot token works: the bot is {who} in the workspace {where}.")
        scopes = _granted(answer)
        yield _scopes(scopes)
        yield _manifest(scopes)
        if scopes is None or "users:read" in scopes:
            yield await _account(session, case, token, str(answer.data.get("user_id", "")))
        async for finding in block_validation.validate(session, case, token):
            yield finding


def _granted(answer: ApiResponse) -> frozenset[str] | None:
    """What the token may do, as Slack says with every answer; None: it did not say."""
    said = answer.headers.get("X-OAuth-Scopes")
    return None if said is None else frozenset(one.strip() for one in said.split(",") if one.strip())


def _scopes(granted: frozenset[str] | None) -> Finding:
    if granted is None:
        return warning(
            "slack.scopes",
            "Slack did not say what the token may do; something between it and us removes its headers.",
            "See which proxy this machine uses for HTTPS.",
        )
    missing = sorted(manifest.SCOPES.keys() - granted)
    if missing:
        told = ", ".join(f"{name} (to {manifest.SCOPES[name]})" for name in missing)
        return problem("slack.scopes", f"The bot token lacks {told}.", _REINSTALL)
    more = sorted(granted - manifest.SCOPES.keys() - manifest.OPTIONAL.keys())
    also = f" It may also do what Signoff never does: {', '.join(more)}." if more else ""
    return ok("slack.scopes", f"The bot token has all {len(manifest.SCOPES)} scopes that are needed.{also}")


def _manifest(granted: frozenset[str] | None) -> Finding:
    """What can be said of the app itself: little, for its settings are open to a configuration token only."""
    same = granted is not None and granted >= manifest.SCOPES.keys()
    seen = "has the scopes of `signoff manifest`" if same else "differs from `signoff manifest`, as its scopes show"
    hidden = (
        "Its slash command, events, tabs, interactivity and request URL cannot be seen without a configuration token, "
        "and Signoff takes none"
    )
    if granted is None:
        return ok("slack.manifest", f"{hidden}.", f"Compare it with `signoff manifest` at {_APPS} yourself.")
    if same:
        todo = f"After an upgrade, compare it with `signoff manifest` at {_APPS} yourself."
        return ok("slack.manifest", f"The app {seen}. {hidden}.", todo)
    return warning("slack.manifest", f"The app {seen}. {hidden}.", _REINSTALL)


async def _account(session: aiohttp.ClientSession, case: Case, token: str, user: str) -> Finding:
    """Whether the bot user is there."""
    answer = await slack_call.ask(session, case, "users.info", token, user=user)
    if not answer.ok:
        return answer.finding("slack.bot_user", "The account of the bot")
    account = answer.data.get("user")
    if isinstance(account, dict) and account.get("deleted"):
        return problem("slack.bot_user", "The bot user is deactivated in the workspace.", _REINSTALL)
    return ok("slack.bot_user", "The bot user is active in the workspace.")


def _clock(case: Case, answer: ApiResponse) -> Iterator[Finding]:
    """Our clock against Slack's: it refuses nothing, but we refuse signed requests that seem too old."""
    if answer.ahead is None:
        return
    off = abs(answer.ahead)
    where = "behind" if answer.ahead > timedelta() else "ahead of"
    told = f"This machine's clock is {off.total_seconds():.0f} seconds {where} Slack's"
    todo = "Set the clock of this machine, and have it kept right (NTP)."
    if off >= WINDOW - _LATE and case.settings.slack_signing_secret:
        yield problem("slack.clock", f"{told}: signed requests are refused from five minutes on.", todo)
    elif off >= _OFF:
        yield warning("slack.clock", f"{told}, so times and expiries are off by as much.", todo)
    else:
        yield ok("slack.clock", f"{told}.")


async def app(case: Case) -> AsyncIterator[Finding]:
    """The app-level token. Asking for a connection opens none: that is a second step, which is not taken."""
    token = case.settings.slack_app_token.get_secret_value()
    if not token or "slack_api_url" in case.unusable:
        return
    async with aiohttp.ClientSession(timeout=TIMEOUT) as session:
        answer = await slack_call.ask(session, case, "apps.connections.open", token)
    if answer.ok:
        yield ok("slack.app_token", "The app-level token works, and the app may use Socket Mode.")
    elif answer.code == "missing_scope":
        yield problem(
            "slack.app_token",
            "The app-level token lacks the scope connections:write.",
            f"Make another one at {_APPS}, under Basic Information, App-Level Tokens.",
        )
    elif answer.code == "forbidden":
        yield problem(
            "slack.app_token", "Socket Mode is off for this app.", f"Turn it on at {_APPS}, under Socket Mode."
        )
    else:
        yield answer.finding("slack.app_token", "The app-level token")


CHECKS: Final = (bot, app)
