"""Checks of the settings: wrong values, the Slack that they name, and the builders."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from bot.doctor.context import CheckContext
from bot.doctor.finding import Finding, ok, problem, warning
from bot.roles.source import roles_file
from bot.setting_values import is_loopback
from bot.settings import SettingsError

_REAL_SLACK: Final = frozenset({"https://slack.com/api/", "https://slack-gov.com/api/"})
"""The API addresses of Slack and GovSlack: https://docs.slack.dev/govslack"""


def values(context: CheckContext) -> Iterator[Finding]:
    """Check each setting, and settings that need each other."""
    for sentence in context.complaints:
        yield problem("settings", sentence, "Correct it in the environment or in the file .env of the server's folder.")
    if not context.complaints:
        yield ok("settings", "All settings can be used.")


def which_slack(context: CheckContext) -> Iterator[Finding]:
    """Check whether the API's address is Slack's own, or was left at a sandbox."""
    address = context.settings.slack_api_url
    if "slack_api_url" in context.unusable:
        return
    advice = "Unset SIGNOFF_SLACK_API_URL, unless that is what you want."
    if is_loopback(urlsplit(address).hostname or ""):
        yield warning(
            "slack.api",
            f"{address} is on this machine: a sandbox, not the real Slack, so no real person is asked.",
            advice,
        )
    elif address not in _REAL_SLACK:
        unencrypted = " Tokens travel to it unencrypted." if address.startswith("http://") else ""
        yield warning("slack.api", f"{address} is not the real Slack.{unencrypted}", advice)
    elif context.settings.slack_bot_token:
        yield ok("slack.api", f"{address} is the real Slack.")


def builders(context: CheckContext) -> Iterator[Finding]:
    """Check whether anyone may register workflows in Slack."""
    settings = context.settings
    if not settings.slack_bot_token or "builders" in context.unusable:
        return
    if settings.builders:
        yield ok("slack.builders", f"Workflows may be registered in Slack by {', '.join(settings.builders)}.")
    else:
        yield warning(
            "slack.builders",
            "No one may register workflows in Slack, because SIGNOFF_BUILDERS is empty.",
            "Set SIGNOFF_BUILDERS, or register them on this machine: signoff register FILE",
        )


def roles(context: CheckContext) -> Iterator[Finding]:
    """Check the roles file, and whether other users of this machine could say in it who approves."""
    if (not context.settings.roles and not context.settings.builders) or "roles" in context.unusable:
        return
    try:
        file = roles_file(context.settings)
    except SettingsError as error:
        for sentence in error.sentences:
            yield problem("settings.roles", sentence, "Correct it. A server that runs keeps what it has read before.")
        return
    if not file.is_set:
        return
    path, current = Path(file.current.file), file.current
    if path.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        yield warning(
            "settings.roles",
            f"Other users of this machine can change {path}, and so decide who approves.",
            f"Run: chmod go-w {path}",
        )
    roles_found = f"{len(current.members):,} role{'' if len(current.members) == 1 else 's'}"
    people_found = f"{len(current.people):,} {'person' if len(current.people) == 1 else 'people'}"
    yield ok("settings.roles", f"{path} has {roles_found} and {people_found}.")


CHECKS: Final = (values, which_slack, builders, roles)
