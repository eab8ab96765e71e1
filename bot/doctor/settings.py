"""The settings: what is wrong with them, and which Slack they mean."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from bot.doctor.context import Case
from bot.doctor.finding import Finding, ok, problem, warning
from bot.endpoints import is_loopback

_REAL: Final = frozenset({"https://slack.com/api/", "https://slack-gov.com/api/"})
"""Slack and GovSlack: https://docs.slack.dev/govslack"""


def values(case: Case) -> Iterator[Finding]:
    """Each setting by itself, and those that need each other."""
    for sentence in case.complaints:
        yield problem("settings", sentence, "Correct it in the environment or in the file .env of the server's folder.")
    if not case.complaints:
        yield ok("settings", "All settings can be used.")


def which_slack(case: Case) -> Iterator[Finding]:
    """Whether the API's address is Slack's own, or was left at a sandbox."""
    address = case.settings.slack_api_url
    if "slack_api_url" in case.unusable:
        return
    back = "Unset SIGNOFF_SLACK_API_URL, unless that is what you want."
    if is_loopback(urlsplit(address).hostname or ""):
        yield warning(
            "slack.api", f"{address} is on this machine: a sandbox, not the real Slack, so nobody real is asked.", back
        )
    elif address not in _REAL:
        clear = " Tokens travel to it unencrypted." if address.startswith("http://") else ""
        yield warning("slack.api", f"{address} is not the real Slack.{clear}", back)
    elif case.settings.slack_bot_token:
        yield ok("slack.api", f"{address} is the real Slack.")


def builders(case: Case) -> Iterator[Finding]:
    """Whether anybody may register workflows in Slack."""
    settings = case.settings
    if not settings.slack_bot_token or "builders" in case.unusable:
        return
    if settings.builders:
        yield ok("slack.builders", f"Workflows may be registered in Slack by {', '.join(settings.builders)}.")
    else:
        yield warning(
            "slack.builders",
            "Nobody may register workflows in Slack, because SIGNOFF_BUILDERS names nobody.",
            "Set SIGNOFF_BUILDERS, or register them on this machine: signoff register FILE",
        )


CHECKS: Final = (values, which_slack, builders)
