"""The whole server without Slack: real mail to a real SMTP server, and its pages over real HTTP."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from bot import app, settings
from bot.app import App
from bot.demo.stage import free_port
from bot.sandbox import Running, sandbox
from bot.sandbox.mail.kinds import Mail
from engine.model import Address, Origin, Register, Registered, Start, Started
from engine.views import RequestView

MIA, NOA, SAM = "mia@example.com", "noa@example.com", "sam@example.com"
TERMINAL: Final = Origin(surface="terminal")
_LINK: Final = re.compile(r"""https?://[^\s"'<>]+""")
_CODE: Final = re.compile(r"\b\d{4}[ -]?\d{4}\b")


@dataclass(frozen=True, slots=True)
class Office:
    """A server, and the mail of the world."""

    app: App
    sandbox: Running
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
        """The latest request of a run."""
        return (await self.app.engine.requests_of_run(run))[-1]

    async def code(self, to: str = MIA, *, after: int = 0) -> str:
        """The code in the newest mail; `after`: once there are more than so many."""
        mails = await self.sandbox.mail.wait_for(to=to, subject="code", count=after + 1)
        found = _CODE.search(mails[-1].text or "")
        assert found is not None, mails[-1].text
        return found[0]


def links(mail: Mail) -> list[str]:
    """Every address in a mail, in its text or its HTML."""
    found = [*_LINK.findall(mail.text or ""), *_LINK.findall((mail.html or "").replace("&amp;", "&"))]
    return list(dict.fromkeys(one.rstrip(".,)") for one in found))


@asynccontextmanager
async def office(folder: Path) -> AsyncIterator[Office]:
    """A server at work while the body runs."""
    async with sandbox() as world:
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        chosen = settings.load(
            {
                "SIGNOFF_DATABASE_URL": f"sqlite:///{folder / 'signoff.db'}",
                "SIGNOFF_SMTP_URL": world.mail.url,
                "SIGNOFF_EMAIL_FROM": "Signoff <signoff@example.com>",
                "SIGNOFF_PUBLIC_URL": url,
                "SIGNOFF_PORT": str(port),
            }
        )
        async with app.serving(chosen, {}, Console(quiet=True)) as serving:
            yield Office(serving, world, url)
