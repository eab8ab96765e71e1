"""The set-up of the sign-in with Slack: what is missing for it, and where people sign in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from bot import page_urls
from bot.app_parts import App
from bot.settings import Settings
from bot.slack.installation import Installation
from engine.domain import Assurance

if TYPE_CHECKING:
    from bot.openid.provider import IdentityProvider


def unavailable_proofs(settings: Settings) -> Iterator[tuple[Assurance, str]]:
    """Yield the identifications that these settings do not allow, with what the operator has to do."""
    for proof, missing in ((Assurance.SSO, settings.missing_for_sign_in), (Assurance.CODE, settings.missing_for_codes)):
        if missing:
            yield proof, f"Set {', '.join(missing)}. Then restart the server."


async def open_provider(app: App, stack: AsyncExitStack) -> IdentityProvider | None:
    """Return where people sign in with their account until the stack is left, or None if it is not set up."""
    slack, settings = app.slack, app.settings
    if slack is None or settings.missing_for_sign_in:
        return None
    # Imported here, because few installations need it.
    from bot.openid import slack_provider

    installation = Installation(slack.client)
    stack.push_async_callback(installation.close)

    async def workspace() -> tuple[str, str] | None:
        identity = await installation.identity()
        return None if identity is None else (identity.team, identity.enterprise)

    return await stack.enter_async_context(
        slack_provider.opened(
            issuer=settings.slack_issuer,
            client_id=settings.slack_client_id,
            client_secret=settings.slack_client_secret.get_secret_value(),
            redirect_url=page_urls.redirect_url(settings.public_url),
            clock=app.clock,
            workspace=workspace,
        )
    )
