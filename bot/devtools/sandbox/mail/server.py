"""The mail server: listens, takes mails over, and is told to fail."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from bot.devtools.sandbox.mail import mailbox
from bot.devtools.sandbox.mail.config import MailConfig
from bot.devtools.sandbox.mail.faults import MailFault, MailFaultKind, MailFaults
from bot.devtools.sandbox.mail.records import ReceivedMail
from bot.devtools.sandbox.mail.session import Session, Wants
from bot.devtools.sandbox.mail.wire import Wire
from bot.devtools.sandbox.slack import Slack


class MailServer:
    """The world's mail servers in one: every address gets its mail here.

    `keep`: runs a coroutine until it ends or the sandbox stops.
    """

    def __init__(self, slack: Slack, config: MailConfig, keep: Callable[[Coroutine[Any, Any, None]], None]) -> None:
        self.slack, self.config = slack, config
        self.host, self.port = "", config.port
        self._keep = keep
        self._wants = Wants(config=config, faults=slack.mail_faults, time=slack.time, keep=self._take)
        self._wires: set[Wire] = set()
        self._server: asyncio.Server | None = None
        self._held: socket.socket | None = None

    @property
    def url(self) -> str:
        """`smtp://127.0.0.1:PORT`, `smtp+starttls://…` or `smtps://…`, with user and password if it asks for them."""
        return self.config.url(self.host, self.port)

    @property
    def faults(self) -> MailFaults:
        """Faults on demand."""
        return self.slack.mail_faults

    def fault(self, on: str, kind: MailFaultKind, **details: Any) -> MailFault:
        """Arm a fault: `fault("rcpt", "error", code=550, to="mia@example.com", times=None)`. Raises `ValueError`."""
        if kind == "certificate" and self.config.wrong_certificate is None:
            raise ValueError("the mail server was given no wrong certificate")
        return self.faults.add(MailFault(on=on, kind=kind, **details))

    # --- mails -------------------------------------------------------------------------------------------------

    async def _take(self, mail: ReceivedMail) -> None:
        mailbox.add(self.slack.world, mail)
        self.slack.changes.moved()
        await self.slack.kept()

    def received(self, *, to: str | None = None, subject: str = "") -> list[ReceivedMail]:
        """The mails for this address (None: all) with this in their Subject, oldest first."""
        return mailbox.found(self.slack.world, to=to, subject=subject)

    async def wait_for(
        self, *, to: str | None = None, subject: str = "", count: int = 1, seconds: float = 5.0
    ) -> list[ReceivedMail]:
        """The same, once there are as many. Waits in real time; raises `TimeoutError` that tells what there is."""
        try:
            async with asyncio.timeout(seconds):
                while len(there := self.received(to=to, subject=subject)) < count:
                    await self.slack.changes.after(self.slack.changes.count)
        except TimeoutError:
            got = ", ".join(f"{one.subject!r} to {' '.join(one.recipients)}" for one in self.received())
            raise TimeoutError(f"no {count} mails to {to or 'anybody'} with {subject!r}; there are: {got}") from None
        return there

    def clear(self) -> None:
        """Throw all mails away."""
        self.slack.world.mails.clear()
        self.slack.changes.moved()

    # --- listening ---------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def serving(self, host: str) -> AsyncIterator[None]:
        """Listens while the body runs. Raises `OSError` for a port that is taken."""
        self.host = host
        await self.come_back()
        try:
            yield
        finally:
            self._close()
            if self._held is not None:
                self._held.close()

    async def come_back(self) -> None:
        """Listen, at the same port as before."""
        if self._server is None:
            own = self._held or self._bound()
            self._held = None
            self._server = await asyncio.get_running_loop().create_server(lambda: Wire(self._begin), sock=own)
        self.faults.down = False
        self.slack.changes.moved()

    async def go_down(self) -> None:
        """Cut all connections, and refuse new ones."""
        self._close()
        # Nobody else may get the port meanwhile.
        self._held = self._held or self._bound()
        self.faults.down = True
        self.slack.changes.moved()

    def _bound(self) -> socket.socket:
        made = socket.socket(socket.AF_INET6 if ":" in self.host else socket.AF_INET)
        try:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind((self.host, self.port))
        except OSError:
            made.close()
            raise
        self.port = made.getsockname()[1]
        return made

    def _close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        self.disconnect()

    def disconnect(self) -> None:
        """Cut all connections."""
        for wire in list(self._wires):
            wire.cut()

    def _begin(self, wire: Wire) -> None:
        self._wires.add(wire)
        self._keep(self._serve(wire))

    async def _serve(self, wire: Wire) -> None:
        try:
            await Session(wire, self._wants).run()
        finally:
            self._wires.discard(wire)
