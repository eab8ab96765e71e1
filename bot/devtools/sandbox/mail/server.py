"""The mail server: listens, accepts emails, and fails on demand."""

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
from bot.devtools.sandbox.mail.session import Session, SessionContext
from bot.devtools.sandbox.mail.wire import Wire
from bot.devtools.sandbox.slack import SlackSandbox


class MailServer:
    """The mail server of all addresses.

    `keep`: runs a coroutine until it ends or the sandbox stops.
    """

    def __init__(
        self, slack: SlackSandbox, config: MailConfig, keep: Callable[[Coroutine[Any, Any, None]], None]
    ) -> None:
        self.slack, self.config = slack, config
        self.host, self.port = "", config.port
        self._keep = keep
        self._context = SessionContext(config=config, faults=slack.mail_faults, time=slack.time, keep=self._take)
        self._wires: set[Wire] = set()
        self._server: asyncio.Server | None = None
        self._reserved_socket: socket.socket | None = None

    @property
    def url(self) -> str:
        """Return the URL, with user and password if the server asks for them."""
        return self.config.url(self.host, self.port)

    @property
    def faults(self) -> MailFaults:
        """Return the armed faults."""
        return self.slack.mail_faults

    def fault(self, on: str, kind: MailFaultKind, **details: Any) -> MailFault:
        """Arm a fault: `fault("rcpt", "error", code=550, to="mia@example.com", times=None)`. Raises `ValueError`."""
        if kind == "certificate" and self.config.wrong_certificate is None:
            raise ValueError("the mail server was given no wrong certificate")
        return self.faults.add(MailFault(on=on, kind=kind, **details))

    # --- emails ------------------------------------------------------------------------------------------------

    async def _take(self, mail: ReceivedMail) -> None:
        mailbox.add(self.slack.world, mail)
        self.slack.changes.count_change()
        await self.slack.save()

    def received(self, *, to: str | None = None, subject: str = "") -> list[ReceivedMail]:
        """Return the emails to this address (None: all) whose subject contains this text, oldest first."""
        return mailbox.find(self.slack.world, to=to, subject=subject)

    async def wait_for(
        self, *, to: str | None = None, subject: str = "", count: int = 1, seconds: float = 5.0
    ) -> list[ReceivedMail]:
        """Wait in real time for `count` such emails. Raises `TimeoutError` with a list of all emails."""
        try:
            async with asyncio.timeout(seconds):
                while len(mails := self.received(to=to, subject=subject)) < count:
                    await self.slack.changes.wait_for_change(self.slack.changes.count)
        except TimeoutError:
            existing = ", ".join(f"{mail.subject!r} to {' '.join(mail.recipients)}" for mail in self.received())
            raise TimeoutError(
                f"no {count} mails to {to or 'anybody'} with {subject!r}; there are: {existing}"
            ) from None
        return mails

    def clear(self) -> None:
        """Delete all emails."""
        self.slack.world.mails.clear()
        self.slack.changes.count_change()

    # --- listening ---------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def serving(self, host: str) -> AsyncIterator[None]:
        """Listen while the body runs. Raises `OSError` for a port that is in use."""
        self.host = host
        await self.come_back()
        try:
            yield
        finally:
            self._close()
            if self._reserved_socket is not None:
                self._reserved_socket.close()

    async def come_back(self) -> None:
        """Listen at the same port as before."""
        if self._server is None:
            own = self._reserved_socket or self._bind()
            self._reserved_socket = None
            self._server = await asyncio.get_running_loop().create_server(lambda: Wire(self._begin), sock=own)
        self.faults.down = False
        self.slack.changes.count_change()

    async def go_down(self) -> None:
        """Cut all connections and refuse new ones."""
        self._close()
        # The port stays bound, so that no other program gets it meanwhile.
        self._reserved_socket = self._reserved_socket or self._bind()
        self.faults.down = True
        self.slack.changes.count_change()

    def _bind(self) -> socket.socket:
        listener = socket.socket(socket.AF_INET6 if ":" in self.host else socket.AF_INET)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((self.host, self.port))
        except OSError:
            listener.close()
            raise
        self.port = listener.getsockname()[1]
        return listener

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
            await Session(wire, self._context).run()
        finally:
            self._wires.discard(wire)
