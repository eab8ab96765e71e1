"""The whole server: real emails to a real SMTP server, pages over real HTTP, and Slack if a test wants it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from bot import app, loaded_settings
from bot.app_parts import App, AppOptions
from bot.devtools.demo.servers import free_port
from bot.devtools.sandbox import RunningSandbox, sandbox
from bot.devtools.sandbox.mail.records import ReceivedMail
from bot.slack.rate_limit import RateLimiter
from bot.slack.transport import PATH
from engine.domain import Address, Origin, Register, Registered, Start, Started
from engine.read_models import RequestView
from engine.server_secrets import ServerSecrets
from tests.support import stepwise_units

MIA, NOA, SAM = "mia@example.com", "noa@example.com", "sam@example.com"
TERMINAL: Final = Origin(surface="terminal")
_LINK: Final = re.compile(r"""https?://[^\s"'<>]+""")
_CODE: Final = re.compile(r"^(?:\d{8}|\d{4}(?: \d{4}){3})$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class ServerEnv:
    """A running server, and the sandbox with the mailboxes and the local Slack."""

    app: App
    sandbox: RunningSandbox
    url: str

    async def register(self, source: str) -> None:
        command = Register(source=source.encode(), actor=Address("email", SAM), origin=TERMINAL)
        assert isinstance(await self.app.engine.register(command), Registered)

    async def start(self, workflow: str, **inputs: Any) -> str:
        command = Start(workflow=workflow, inputs=inputs, actor=Address("email", SAM), origin=TERMINAL)
        started = await self.app.engine.start(command)
        assert isinstance(started, Started), started
        return started.run

    async def request(self, run: str) -> RequestView:
        """Return the latest request of a run."""
        return (await self.app.engine.requests_of_run(run))[-1]

    async def code(self, to: str = MIA, *, after: int = 0) -> str:
        """Return the code in the newest email. Wait until there are more than `after` emails with a code."""
        emails = await self.sandbox.mail.wait_for(to=to, subject="code", count=after + 1)
        match = _CODE.search(emails[-1].text or "")
        assert match is not None, emails[-1].text
        return match[0]


def links(mail: ReceivedMail) -> list[str]:
    """Return every URL in an email, in its text or its HTML."""
    urls = [*_LINK.findall(mail.text or ""), *_LINK.findall((mail.html or "").replace("&amp;", "&"))]
    return list(dict.fromkeys(url.rstrip(".,)") for url in urls))


@asynccontextmanager
async def open_server(
    folder: Path,
    *,
    in_slack: bool = False,
    more: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
    secrets: ServerSecrets | None = None,
) -> AsyncIterator[ServerEnv]:
    """Run a server. With `in_slack`, it also serves the local Slack, whose rate limits are turned off.

    `more`: further settings. `environment`: further variables, such as the secrets of workflows.
    `secrets`: see `AppOptions`.
    """
    database = stepwise_units.copy_empty_database(folder / "signoff.db")
    async with sandbox() as world:
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        loaded = loaded_settings.load(
            {
                "SIGNOFF_DATABASE_URL": f"sqlite:///{database}",
                "SIGNOFF_SMTP_URL": world.mail.url,
                "SIGNOFF_EMAIL_FROM": "Signoff <signoff@example.com>",
                "SIGNOFF_PUBLIC_URL": url,
                "SIGNOFF_PORT": str(port),
                **(_slack(world) if in_slack else {}),
                **(more or {}),
            }
        )
        world.rates.configure(multiplier=1000)
        world.app.request_url = f"{url}{PATH}" if in_slack else None
        options = AppOptions(
            settings=loaded,
            environment=environment or {},
            console=Console(quiet=True),
            slack_limiter=RateLimiter(multiplier=1000),
            secrets=secrets,
        )
        async with app.open_server(options) as running_app:
            yield ServerEnv(running_app, world, url)


def _slack(world: RunningSandbox) -> dict[str, str]:
    return {
        "SIGNOFF_SLACK_BOT_TOKEN": world.app.bot_token,
        "SIGNOFF_SLACK_SIGNING_SECRET": world.app.signing_secret,
        "SIGNOFF_SLACK_API_URL": world.api_url,
    }
