"""Answers the commands of LMTP (RFC 2033): an email to `run+WORKFLOW@domain` starts a run, or is refused with a reason.

One recipient in one delivery: a mail server sends the others again by themselves, so each has an answer of its own.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias

from bot.lmtp import authentication, email_reader
from bot.lmtp.email_reader import ReadEmail, UnreadableEmail
from bot.log import is_busy, report_incident
from bot.presentation import refusals
from bot.presentation.characters import line
from engine.domain import QueueFull, ReceiveEmail, Refusal, Started
from engine.off_loop import off_loop
from engine.ports import Clock

PREFIX: Final = "run+"
_LARGE: Final = 50_000
_SECONDS: Final = 30.0
"""How long a mail server waits for the answer to an email, in seconds."""
_LONGEST: Final = 400

Receive: TypeAlias = Callable[[ReceiveEmail], Awaitable[Started | Refusal]]
Takes: TypeAlias = Callable[[str], Awaitable[bool]]
"""Returns whether emails start a workflow."""

log = logging.getLogger(__name__)


class DeliverySession:
    """The handler of all deliveries. `domain`: of the addresses; `authserv`: the mail server that is believed.

    `own`: our own address, whose emails start nothing.
    """

    def __init__(
        self, receive: Receive, takes: Takes, clock: Clock, *, domain: str, authserv: str, own: str = ""
    ) -> None:
        self._receive, self._takes, self._clock = receive, takes, clock
        self._domain, self._authserv, self._own = domain.lower(), authserv, own.lower()

    async def handle_MAIL(self, _: Any, __: Any, envelope: Any, address: str, options: list[str]) -> str:
        """Take the sender of the envelope, for a bounce. It proves nothing."""
        # The library counts an empty text as no sender at all.
        envelope.mail_from = address or "<>"
        envelope.mail_options.extend(options)
        return "250 2.1.0 Sender is noted"

    async def handle_RCPT(self, _: Any, __: Any, envelope: Any, address: str, options: list[str]) -> str:
        """Take a recipient, if emails start its workflow."""
        if envelope.rcpt_tos:
            return "452 4.5.3 One recipient at a time"
        workflow = self._workflow(address)
        if workflow is None or not await self._takes(workflow):
            return "550 5.1.1 No workflow takes emails at this address"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 This address starts a workflow"

    async def handle_DATA(self, _: Any, __: Any, envelope: Any) -> str:
        """Start the run, and answer once it is saved."""
        workflow = self._workflow(envelope.rcpt_tos[0]) or ""
        try:
            async with asyncio.timeout(_SECONDS):
                return await self._deliver(workflow, bytes(envelope.content), str(envelope.mail_from).strip("<>"))
        except TimeoutError:
            return "451 4.3.0 Signoff is busy. Try again later"
        except Exception as error:  # noqa: BLE001 the boundary to a program, which reads no page
            return _reply("451 4.3.0" if is_busy(error) else "451 4.3.5", report_incident(error))

    async def handle_exception(self, error: Exception) -> str:
        """Answer what no command expects."""
        return _reply("451 4.3.5", report_incident(error))

    async def _deliver(self, workflow: str, content: bytes, bounces_to: str) -> str:
        try:
            mail = await off_loop(lambda: email_reader.read(content), large=len(content) > _LARGE)
        except UnreadableEmail as error:
            return _reply("550 5.6.0", f"No run was started. {error}") if bounces_to else _drop(workflow, str(error))
        if mail.is_automatic or not bounces_to or mail.sender.lower() == self._own:
            return _drop(workflow, "a program sent it")
        domain = mail.sender.rpartition("@")[2]
        if not authentication.is_from(mail.results, authserv=self._authserv, domain=domain):
            return self._unproven(workflow, mail, bounces_to)
        if workflow not in map(self._workflow, mail.named):
            # What its sender once wrote to another person could be delivered here by anyone who has it.
            address = f"{PREFIX}{workflow}@{self._domain}"
            return _reply("550 5.7.1", f"No run was started. Write {address} in To or Cc, without an alias.")
        return _answer(await self._receive(self._command(workflow, mail)))

    def _unproven(self, workflow: str, mail: ReadEmail, bounces_to: str) -> str:
        """Refuse an email whose sender is not proven. Only a proven sender of the envelope gets a bounce."""
        why = f"Your mail server did not prove that this email is from {mail.sender}."
        if authentication.is_envelope_from(mail.results, authserv=self._authserv, sender=bounces_to):
            return _reply("550 5.7.1", f"No run was started. {why}")
        return _drop(workflow, "its sender is not proven")

    def _command(self, workflow: str, mail: ReadEmail) -> ReceiveEmail:
        return ReceiveEmail(
            workflow=workflow,
            sender=mail.sender,
            subject=mail.subject,
            text=mail.text,
            message_id=mail.id,
            received_at=self._clock.now(),
            attachments=mail.attachments,
        )

    def _workflow(self, address: str) -> str | None:
        """Return the workflow of an address, or None if it is not one of ours."""
        local, _, domain = address.strip("<>").lower().rpartition("@")
        return local.removeprefix(PREFIX) if local.startswith(PREFIX) and domain == self._domain else None


def _answer(result: Started | Refusal) -> str:
    if isinstance(result, Started):
        return f"250 2.6.0 {'Started' if result.created else 'Started before:'} run {result.run}"
    status = "451 4.5.3" if isinstance(result, QueueFull) else "550 5.7.1"
    return _reply(status, refusals.sentence(result))


def _drop(workflow: str, why: str) -> str:
    """Take an email that starts nothing and whose sender must get no answer."""
    log.warning("an email to %s%s started nothing: %s", PREFIX, workflow, why)
    return "250 2.6.0 Taken, and nothing was started"


def _reply(status: str, sentence: str) -> str:
    text = line(sentence).encode("ascii", "replace").decode()
    return f"{status} {text[:_LONGEST]}"
