"""Checks of Slack: tokens, scopes, manifest, and the difference between the clocks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Final

import aiohttp

from bot.doctor import block_validation, slack_call
from bot.doctor.context import TIMEOUT, CheckContext
from bot.doctor.finding import CORRECT_SETTINGS, Finding, ok, problem, warning
from bot.doctor.slack_call import ApiResponse
from bot.slack import manifest

_APPS: Final = "https://api.slack.com/apps"
_REINSTALL: Final = (
    f"Paste what `signoff manifest` prints as the app's manifest at {_APPS}, install the app again, and set its token."
)
SIGNATURE_WINDOW: Final = timedelta(minutes=5)
"""Maximum age of a signed request: https://docs.slack.dev/authentication/verifying-requests-from-slack"""
_DELIVERY_TIME: Final = timedelta(minutes=1)
"""The part of that window that a delivery may take."""
_MAX_OFFSET: Final = timedelta(seconds=30)
"""Difference of the clocks from which times that people see are wrong."""


async def bot(context: CheckContext) -> AsyncIterator[Finding]:
    """Check the bot token, and everything that can be read with it."""
    token = context.settings.slack_bot_token.get_secret_value()
    if {"slack_bot_token", "slack_api_url"} & context.unusable:
        yield warning("slack.token", "The bot token was not checked, because a setting is wrong.", CORRECT_SETTINGS)
        return
    if not token:
        yield ok("slack.token", "Slack is not set up, so people are asked at the terminal of `signoff serve`.")
        return
    async with aiohttp.ClientSession(timeout=TIMEOUT) as session:
        response = await slack_call.call_method(session, context, "auth.test", token)
        for finding in _clock(context, response):
            yield finding
        if not response.ok:
            yield response.finding("slack.token", "The bot token")
            return
        user, team = response.data.get("user", "?"), response.data.get("team", "?")
        yield ok("slack.token", f"The bot token works: the bot is {user} in the workspace {team}.")
        scopes = _granted_scopes(response)
        yield _scopes(scopes)
        yield _manifest(scopes)
        if scopes is None or "users:read" in scopes:
            yield await _account(session, context, token, str(response.data.get("user_id", "")))
        async for finding in block_validation.validate(session, context, token):
            yield finding


def _granted_scopes(response: ApiResponse) -> frozenset[str] | None:
    """Return the scopes of the token, which every response names, or None if the header is missing."""
    header = response.headers.get("X-OAuth-Scopes")
    return None if header is None else frozenset(scope.strip() for scope in header.split(",") if scope.strip())


def _scopes(granted: frozenset[str] | None) -> Finding:
    if granted is None:
        return warning(
            "slack.scopes",
            "Slack's response does not name the scopes of the token: something between Slack and us removes headers.",
            "Check which proxy this machine uses for HTTPS.",
        )
    missing = sorted(manifest.SCOPES.keys() - granted)
    if missing:
        scopes = ", ".join(f"{name} (to {manifest.SCOPES[name]})" for name in missing)
        return problem("slack.scopes", f"The bot token lacks {scopes}.", _REINSTALL)
    unused = sorted(granted - manifest.SCOPES.keys() - manifest.OPTIONAL.keys())
    also = f" It has scopes that Signoff never uses: {', '.join(unused)}." if unused else ""
    return ok("slack.scopes", f"The bot token has all {len(manifest.SCOPES)} scopes that are needed.{also}")


def _manifest(granted: frozenset[str] | None) -> Finding:
    """Compare the app with the manifest by its scopes; only a configuration token could read the rest."""
    matches = granted is not None and granted >= manifest.SCOPES.keys()
    comparison = (
        "has the scopes of `signoff manifest`" if matches else "differs from `signoff manifest`, as its scopes show"
    )
    hidden = (
        "Its slash command, events, tabs, interactivity and request URL cannot be seen without a configuration token, "
        "and Signoff does not use one"
    )
    if granted is None:
        return ok("slack.manifest", f"{hidden}.", f"Compare it with `signoff manifest` at {_APPS} yourself.")
    if matches:
        advice = f"After an upgrade, compare it with `signoff manifest` at {_APPS} yourself."
        return ok("slack.manifest", f"The app {comparison}. {hidden}.", advice)
    return warning("slack.manifest", f"The app {comparison}. {hidden}.", _REINSTALL)


async def _account(session: aiohttp.ClientSession, context: CheckContext, token: str, user: str) -> Finding:
    """Check that the bot user is active."""
    response = await slack_call.call_method(session, context, "users.info", token, user=user)
    if not response.ok:
        return response.finding("slack.bot_user", "The account of the bot")
    account = response.data.get("user")
    if isinstance(account, dict) and account.get("deleted"):
        return problem("slack.bot_user", "The bot user is deactivated in the workspace.", _REINSTALL)
    return ok("slack.bot_user", "The bot user is active in the workspace.")


def _clock(context: CheckContext, response: ApiResponse) -> Iterator[Finding]:
    """Compare our clock with Slack's: with a wrong clock we would refuse signed requests as too old."""
    if response.ahead is None:
        return
    offset = abs(response.ahead)
    direction = "behind" if response.ahead > timedelta() else "ahead of"
    difference = f"This machine's clock is {offset.total_seconds():.0f} seconds {direction} Slack's"
    advice = "Set the clock of this machine, and let NTP keep it right."
    if offset >= SIGNATURE_WINDOW - _DELIVERY_TIME and context.settings.slack_signing_secret:
        yield problem("slack.clock", f"{difference}: signed requests are refused from five minutes on.", advice)
    elif offset >= _MAX_OFFSET:
        yield warning("slack.clock", f"{difference}, so times and expiries are off by as much.", advice)
    else:
        yield ok("slack.clock", f"{difference}.")


async def app(context: CheckContext) -> AsyncIterator[Finding]:
    """Check the app-level token. The call returns an address for a connection, which is not opened."""
    token = context.settings.slack_app_token.get_secret_value()
    if not token or "slack_api_url" in context.unusable:
        return
    async with aiohttp.ClientSession(timeout=TIMEOUT) as session:
        response = await slack_call.call_method(session, context, "apps.connections.open", token)
    if response.ok:
        yield ok("slack.app_token", "The app-level token works, and the app may use Socket Mode.")
    elif response.code == "missing_scope":
        yield problem(
            "slack.app_token",
            "The app-level token lacks the scope connections:write.",
            f"Create another one at {_APPS}, under Basic Information, App-Level Tokens.",
        )
    elif response.code == "forbidden":
        yield problem(
            "slack.app_token", "Socket Mode is off for this app.", f"Turn it on at {_APPS}, under Socket Mode."
        )
    else:
        yield response.finding("slack.app_token", "The app-level token")


CHECKS: Final = (bot, app)
