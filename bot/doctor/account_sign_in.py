"""Checks of the sign-in with Slack: its settings, what the provider publishes, and whether it knows this app."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

import aiohttp

from bot import page_urls
from bot.doctor.context import TIMEOUT, CheckContext
from bot.doctor.finding import CORRECT_SETTINGS, Finding, ok, problem, warning
from bot.openid.errors import ProviderRefusesApp, ProviderUnavailable
from bot.openid.id_token import Workspace
from bot.openid.provider import ClientCredentials, IdentityProvider

_CHECK: Final = "slack.sign-in"
_APP_PAGE: Final = "https://api.slack.com/apps"
_NEEDED: Final = frozenset({"public_url", "slack_client_id", "slack_client_secret", "slack_issuer"})


async def sign_in(context: CheckContext) -> AsyncIterator[Finding]:
    """Check that people can sign in, if a setting for it is there."""
    settings = context.settings
    if not settings.slack_client_id and not settings.slack_client_secret and not _NEEDED & context.unusable:
        return
    if _NEEDED & context.unusable:
        yield warning(_CHECK, "The sign-in with Slack was not checked, because a setting is wrong.", CORRECT_SETTINGS)
        return
    if settings.missing_for_sign_in:
        missing = ", ".join(settings.missing_for_sign_in)
        yield problem(_CHECK, f"People cannot sign in with Slack, because {missing} is not set.", f"Set {missing}.")
        return
    async with aiohttp.ClientSession(timeout=TIMEOUT) as session:
        yield await _ask(context, session)
    redirect = page_urls.redirect_url(settings.public_url)
    if not redirect.startswith("https:") and settings.slack_issuer.startswith("https:"):
        message = f"Slack sends people back to addresses with https only, and the one of this server is {redirect}."
        yield problem(_CHECK, message, "Set SIGNOFF_PUBLIC_URL to the https address of the review pages.")


async def _ask(context: CheckContext, session: aiohttp.ClientSession) -> Finding:
    settings = context.settings
    redirect = page_urls.redirect_url(settings.public_url)
    credentials = ClientCredentials(
        issuer=settings.slack_issuer,
        client_id=settings.slack_client_id,
        client_secret=settings.slack_client_secret.get_secret_value(),
        redirect_url=redirect,
    )

    async def no_workspace() -> Workspace | None:
        return None

    provider = IdentityProvider(credentials, session, context.clock, no_workspace)
    try:
        await provider.check()
    except ProviderUnavailable as error:
        return problem(
            _CHECK, f"People cannot sign in with Slack. {error}", "Check SIGNOFF_SLACK_ISSUER and the network."
        )
    except ProviderRefusesApp as error:
        advice = (
            f"Copy the Client ID and the Client Secret again, from the app's page at {_APP_PAGE}, "
            f"and add {redirect} to its redirect URLs."
        )
        return problem(_CHECK, f"Slack does not accept this app ({error}).", advice)
    return ok(_CHECK, f"People can sign in with Slack at {settings.slack_issuer}. It sends them back to {redirect}.")


CHECKS: Final = (sign_in,)
