"""The parts of the demo, put up on free ports of loopback and taken down again."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from rich.console import Console

from bot import app, settings
from bot.app import App, AppOptions
from bot.devtools.demo import payments
from bot.devtools.demo.payments import Payments
from bot.devtools.sandbox import RunningSandbox, sandbox
from bot.settings import Settings
from bot.slack.transport import PATH
from bot.web.server import PortTaken

BUILDER: Final = "cleo@example.com"
HOST: Final = "127.0.0.1"
_SENDER: Final = "Signoff <signoff@example.com>"
_TRIES: Final = 5
"""Another program may take a free port between our look and our use of it."""
_PROXIES: Final = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy")


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoEnvironment:
    """`app`: the server, as `signoff serve` builds it; `slack`: the local Slack that it talks to."""

    app: App
    slack: RunningSandbox
    payments: Payments
    folder: Path

    @property
    def url(self) -> str:
        """Where the server takes what Slack delivers."""
        return self.slack.app.request_url or ""

    @property
    def public_url(self) -> str:
        """Where people's browsers reach the server."""
        return self.app.settings.public_url


def free_port() -> int:
    """A port of loopback that nobody uses now."""
    with socket.socket() as free:
        free.bind((HOST, 0))
        number: int = free.getsockname()[1]
    return number


@asynccontextmanager
async def standing(port: Callable[[], int] = free_port) -> AsyncIterator[DemoEnvironment]:
    """All parts at work while the body runs; nothing of them is left afterwards. Raises `PortTaken`."""
    async with AsyncExitStack() as stack:
        stack.enter_context(without_proxies())
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="signoff-demo-")))
        slack = await stack.enter_async_context(sandbox())
        paying = await stack.enter_async_context(payments.taking())
        for tried in range(1, _TRIES + 1):
            chosen = chosen_settings(
                slack,
                database=folder / "signoff.db",
                allow=paying.url.removeprefix("http://"),
                port=port(),
            )
            options = AppOptions(settings=chosen, environment={}, console=Console(quiet=True))
            try:
                serving = await stack.enter_async_context(app.open_server(options))
                break
            except PortTaken:
                if tried == _TRIES:
                    raise
        slack.app.request_url = f"http://{chosen.host}:{chosen.port}{PATH}"
        yield DemoEnvironment(app=serving, slack=slack, payments=paying, folder=folder)


def chosen_settings(slack: RunningSandbox, *, database: Path, allow: str, port: int) -> Settings:
    """None of the user's own settings are taken for the demo. `allow`: the host and port that workflows may call."""
    chosen = {
        "DATABASE_URL": f"sqlite:///{database}",
        "HTTP_ALLOW": allow,
        "SLACK_BOT_TOKEN": slack.app.bot_token,
        "SLACK_SIGNING_SECRET": slack.app.signing_secret,
        "SLACK_API_URL": slack.api_url,
        "BUILDERS": BUILDER,
        "HOST": HOST,
        "PORT": str(port),
        "PUBLIC_URL": f"http://{HOST}:{port}",
        "SMTP_URL": slack.mail.url,
        "EMAIL_FROM": _SENDER,
    }
    # What does not begin with the prefix is nobody's setting, so a slip in it would go unnoticed.
    return settings.load({f"{settings.PREFIX}{name}": value for name, value in chosen.items()})


@contextmanager
def without_proxies() -> Iterator[None]:
    """A client of Slack would ask the proxy of this machine for its own loopback."""
    taken = {name: os.environ.pop(name) for name in _PROXIES if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(taken)
