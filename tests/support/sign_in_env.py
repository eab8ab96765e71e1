"""Pages whose people sign in with their accounts in a local Slack, over real HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from bot import page_urls
from bot.devtools.sandbox import RunningSandbox, sandbox
from bot.openid.id_token import Workspace
from bot.openid.provider import ClientCredentials, IdentityProvider
from bot.web import routes, server
from bot.web.routes import ReviewPages
from bot.web.service import ReviewService
from engine.code_derivation import MIN_KEY
from engine.ports import Clock
from tests.support.account_directory import AccountDirectory
from tests.support.fakes import FakeClock
from tests.support.web_env import Answer, Browser, WebEnv, open_web

KEY = b"k" * MIN_KEY


@dataclass
class SignInEnv:
    """The pages, the Slack in which people sign in, and the directory of their accounts."""

    web: WebEnv
    slack: RunningSandbox
    directory: AccountDirectory
    provider: Callable[[str, Clock], IdentityProvider]

    def account(self, name: str) -> str:
        return self.slack.person(name).id

    async def go_to_slack(self, browser: Browser, page: Answer) -> str:
        """Press “Sign in with Slack” on a page, and return the address at Slack to which the browser is sent."""
        (link,) = [link for link in page.page.links if link.endswith("/begin")]
        answer = await browser.get(link, follow=False)
        assert answer.status == 303
        return str(answer.headers["Location"])

    async def at_slack(self, address: str, person: str) -> str:
        """Sign in at Slack as a person, and return the path of our pages to which the browser is sent back."""
        async with self.web.session.get(f"{address}&user={person}", allow_redirects=False) as answer:
            assert answer.status == 302, await answer.text()
            back = answer.headers["Location"]
        assert back.startswith(self.web.url)
        return back.removeprefix(self.web.url)

    async def sign_in(self, browser: Browser, page: Answer, person: str) -> Answer:
        """Sign in with Slack as a person from the page that asks for it, and return the page that follows."""
        return await browser.get(await self.at_slack(await self.go_to_slack(browser, page), person))

    @asynccontextmanager
    async def other_process(self) -> AsyncIterator[str]:
        """Serve the same pages by another process of the same database, and yield its address."""
        env = self.web.engine_env
        review = ReviewPages(
            ReviewService(env.engine, env.identity), env.clock, KEY, self.provider(self.web.url, env.clock)
        )
        site = routes.site(self.web.url, mounted={}, review=review)
        async with server.listening(site, host="127.0.0.1", port=0) as (_, port):
            yield f"http://127.0.0.1:{port}"


@asynccontextmanager
async def open_sign_in(path: Path) -> AsyncIterator[SignInEnv]:
    """Open pages on which the people of a local Slack sign in."""
    clock = FakeClock()
    async with sandbox(clock=clock) as slack, aiohttp.ClientSession() as session:
        people = [user for user in slack.world.users.values() if user.email and not user.deleted]
        directory = AccountDirectory(**{user.id: user.email for user in people})

        async def workspace() -> Workspace:
            return Workspace(team=slack.world.team.id)

        def provider(url: str, pages_clock: Clock) -> IdentityProvider:
            credentials = ClientCredentials(
                issuer=slack.base_url,
                client_id=slack.app.client_id,
                client_secret=slack.app.client_secret,
                redirect_url=page_urls.redirect_url(url),
            )
            return IdentityProvider(credentials, session, pages_clock, workspace)

        async with open_web(path, directory=directory, provider=provider, clock=clock) as web:
            yield SignInEnv(web, slack, directory, provider)
