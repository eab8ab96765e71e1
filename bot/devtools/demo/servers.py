"""The servers of the story, on free ports of loopback."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from rich.console import Console

from bot import app, loaded_settings
from bot.app_parts import App, AppOptions
from bot.devtools.demo import payments
from bot.devtools.demo.payments import Payments
from bot.devtools.sandbox import RunningSandbox, sandbox
from bot.settings import Settings
from bot.slack.transport import PATH
from bot.variable_checks import PREFIX
from bot.web.server import PortTaken

BUILDER: Final = "cleo@example.com"
HOST: Final = "127.0.0.1"
_SENDER: Final = "Signoff <signoff@example.com>"
_PORT_ATTEMPTS: Final = 5
"""Attempts to find a port, because another program may take a free port before we use it."""
_PROXIES: Final = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy")


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoEnvironment:
    """The running parts: the server as `signoff serve` builds it, its local Slack, and the payment service."""

    app: App
    slack: RunningSandbox
    payments: Payments
    folder: Path

    @property
    def url(self) -> str:
        """The URL at which the server accepts Slack's deliveries."""
        return self.slack.app.request_url or ""

    @property
    def public_url(self) -> str:
        """The URL of the server for browsers."""
        return self.app.settings.public_url


def free_port() -> int:
    """Return a free port of loopback."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
    return port


@asynccontextmanager
async def run_servers(
    port: Callable[[], int] = free_port, more: Mapping[str, str] | None = None
) -> AsyncIterator[DemoEnvironment]:
    """Run all parts in a temporary folder, which is deleted afterwards. Raises `PortTaken`.

    `more`: further settings, without the prefix of their names.
    """
    async with AsyncExitStack() as stack:
        stack.enter_context(without_proxies())
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="signoff-demo-")))
        slack = await stack.enter_async_context(sandbox())
        payment_service = await stack.enter_async_context(payments.run_payments())
        for attempt in range(1, _PORT_ATTEMPTS + 1):
            chosen = demo_settings(
                slack,
                database=folder / "signoff.db",
                allow=payment_service.url.removeprefix("http://"),
                port=port(),
                more=more or {},
            )
            options = AppOptions(settings=chosen, environment={}, console=Console(quiet=True))
            try:
                running_app = await stack.enter_async_context(app.open_server(options))
                break
            except PortTaken:
                if attempt == _PORT_ATTEMPTS:
                    raise
        slack.app.request_url = f"http://{chosen.host}:{chosen.port}{PATH}"
        yield DemoEnvironment(app=running_app, slack=slack, payments=payment_service, folder=folder)


def demo_settings(
    slack: RunningSandbox, *, database: Path, allow: str, port: int, more: Mapping[str, str] | None = None
) -> Settings:
    """Build the settings of the demo, which ignore the user's own. `allow`: host and port that workflows may call.

    `more`: further settings, without the prefix of their names.
    """
    values = {
        "DATABASE_URL": f"sqlite:///{database}",
        "HTTP_ALLOW": allow,
        "SLACK_BOT_TOKEN": slack.app.bot_token,
        "SLACK_SIGNING_SECRET": slack.app.signing_secret,
        "SLACK_API_URL": slack.api_url,
        "SLACK_CLIENT_ID": slack.app.client_id,
        "SLACK_CLIENT_SECRET": slack.app.client_secret,
        "SLACK_ISSUER": slack.base_url,
        "BUILDERS": BUILDER,
        "HOST": HOST,
        "PORT": str(port),
        "PUBLIC_URL": f"http://{HOST}:{port}",
        "NAME": "Demo",
        "SMTP_URL": slack.mail.url,
        "EMAIL_FROM": _SENDER,
        **(more or {}),
    }
    # Names without the prefix are ignored without an error, so the prefix is added here.
    return loaded_settings.load({f"{PREFIX}{name}": value for name, value in values.items()})


@contextmanager
def without_proxies() -> Iterator[None]:
    """Remove the proxies from the environment, because a Slack client would use them even for loopback."""
    removed = {name: os.environ.pop(name) for name in _PROXIES if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(removed)
