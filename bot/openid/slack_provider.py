"""Slack as the identity provider of the review pages."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp

from bot.openid.id_token import Workspace
from bot.openid.provider import ClientCredentials, IdentityProvider
from engine.ports import Clock


@asynccontextmanager
async def opened(
    *,
    issuer: str,
    client_id: str,
    client_secret: str,
    redirect_url: str,
    clock: Clock,
    workspace: Callable[[], Awaitable[tuple[str, str] | None]],
) -> AsyncIterator[IdentityProvider]:
    """Open the provider while the body runs. `workspace`: the ids of our team and of its organisation, if any."""
    credentials = ClientCredentials(
        issuer=issuer, client_id=client_id, client_secret=client_secret, redirect_url=redirect_url
    )

    async def known() -> Workspace | None:
        ids = await workspace()
        return None if ids is None else Workspace(team=ids[0], enterprise=ids[1])

    async with aiohttp.ClientSession() as session:
        yield IdentityProvider(credentials, session, clock, known)
