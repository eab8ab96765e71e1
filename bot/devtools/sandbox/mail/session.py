"""One connection: reads commands, sends the answers of the dialogue, and fails as the faults say."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from bot.devtools.sandbox.clock import Time
from bot.devtools.sandbox.mail import contents, syntax
from bot.devtools.sandbox.mail.config import MailConfig
from bot.devtools.sandbox.mail.dialogue import COMMANDS, NAME, Dialogue, SmtpEnvelope
from bot.devtools.sandbox.mail.faults import EXTENSIONS, MailFault, MailFaults
from bot.devtools.sandbox.mail.records import ReceivedMail
from bot.devtools.sandbox.mail.replies import SmtpRefusal, SmtpReply
from bot.devtools.sandbox.mail.syntax import Command
from bot.devtools.sandbox.mail.wire import Disconnected, MailData, Wire

_MOST_MISTAKES: Final = 50
"""Maximum number of refused commands of a client before it is disconnected."""
_ALONE: Final = frozenset({"EHLO", "HELO", "STARTTLS", "AUTH", "DATA", "VRFY", "NOOP", "QUIT"})
"""Commands whose answer a client must wait for, even with PIPELINING (RFC 2920)."""

Work: TypeAlias = Callable[[], Awaitable[SmtpReply]]
Keep: TypeAlias = Callable[[ReceivedMail], Awaitable[None]]
"""Stores an email, gives it an id, and returns when the email may be acknowledged."""


@dataclass(kw_only=True)
class SessionContext:
    """The values that all sessions share."""

    config: MailConfig
    faults: MailFaults
    time: Time
    keep: Keep


class Session:
    """The conversation on one connection."""

    def __init__(self, wire: Wire, context: SessionContext) -> None:
        self.wire, self.context = wire, context
        self.dialogue = Dialogue(config=context.config, ask=self._ask)
        self._mistakes = 0
        self._over = False

    async def run(self) -> None:
        """Talk until the client or the server ends the connection."""
        try:
            if self.context.config.security == "tls":
                await self._handshake()
            self.dialogue.lacking = frozenset(filter(self.context.faults.lacks, sorted(EXTENSIONS)))
            greeting = await self._run_stage("connect", self._greet)
            self.dialogue.closed = greeting.code != 220
            while not self._over:
                await self._next()
            self.wire.close()
            await self.wire.wait_until_closed()
        except Disconnected:
            pass
        finally:
            self.wire.cut()

    async def _greet(self) -> SmtpReply:
        return SmtpReply(220, f"{NAME} ESMTP")

    async def _next(self) -> None:
        try:
            command = syntax.parse_command(await self.wire.line())
            self._check_pipelining(command)
        except SmtpRefusal as refusal:
            self._say(self._count_mistake(refusal))
            return
        stage = "ehlo" if command.verb == "HELO" else command.verb.lower()
        to = contents.addresses(command.rest) if stage == "rcpt" else self.dialogue.envelope.recipients
        reply = await self._run_stage(stage, lambda: self.dialogue.answer(command), to=to)
        if stage == "quit":
            self._over = True
        elif stage == "starttls" and reply.code == 220:
            await self._handshake()
        elif stage == "data" and reply.code == 354:
            await self._content()

    def _check_pipelining(self, command: Command) -> None:
        if not self.wire.ahead:
            return
        if command.verb == "STARTTLS":
            # An attacker may have added the plain text that follows, so the connection must end (CVE-2011-0411).
            self._over = True
        if command.verb in _ALONE or "pipelining" not in self.dialogue.announced:
            raise SmtpRefusal(503, "5.5.1", f"Wait for the answer to {command.verb}")

    def _count_mistake(self, refusal: SmtpRefusal) -> SmtpReply:
        self._mistakes += 1
        if self._mistakes < _MOST_MISTAKES:
            return refusal.reply
        return SmtpReply(421, "Too many mistakes", enhanced="4.7.0")

    async def _ask(self, challenge: str) -> str:
        self.wire.send(f"334 {challenge}\r\n".encode())
        return (await self.wire.line()).decode("ascii", "replace").rstrip("\r\n")

    # --- answers, and their faults -----------------------------------------------------------------------------

    async def _run_stage(self, stage: str, work: Work, *, to: Sequence[str] = ()) -> SmtpReply:
        """Do the work and answer, or fail as a fault says. Raises `Disconnected`."""
        fault = self.context.faults.take(stage if stage in _STAGES else "*", to)
        if fault is None:
            reply = await self._answer(work)
        else:
            reply = await self._faulty(fault, stage, work)
        self._say(reply)
        return reply

    async def _faulty(self, fault: MailFault, stage: str, work: Work) -> SmtpReply:
        if fault.kind == "slow":
            await self.context.time.sleep(fault.seconds)
            return await self._answer(work)
        if fault.kind == "error":
            if fault.landed and stage == "dot":
                await self._answer(work)
            return fault.reply
        if fault.kind in ("lost", "hang"):
            await self._answer(work)
        await self._end(hanging=fault.kind == "hang")
        raise Disconnected

    async def _end(self, *, hanging: bool) -> None:
        if hanging:
            await self.wire.wait_until_closed()
        self.wire.cut()

    async def _answer(self, work: Work) -> SmtpReply:
        try:
            return await work()
        except SmtpRefusal as refusal:
            return self._count_mistake(refusal)

    def _say(self, reply: SmtpReply) -> None:
        self.wire.send(reply.encode(enhanced="enhancedstatuscodes" in self.dialogue.announced))
        if reply.code == 421:
            self._over = True

    async def _handshake(self) -> None:
        """Make the TLS handshake, or fail as a fault says. Raises `Disconnected`."""
        self.wire.stop_reading()
        fault = self.context.faults.take("tls")
        if fault is not None and fault.kind == "slow":
            await self.context.time.sleep(fault.seconds)
        elif fault is not None and fault.kind != "certificate":
            if fault.kind == "broken":
                self.wire.send(b"This is no TLS.\r\n")
                self.wire.close()
            await self._end(hanging=fault.kind in ("hang", "broken"))
            raise Disconnected
        wrong = fault is not None and fault.kind == "certificate"
        try:
            await self.wire.start_tls(self.context.config.context(wrong=wrong))
        except OSError:
            raise Disconnected from None
        self.dialogue.start_over()

    # --- contents ----------------------------------------------------------------------------------------------

    async def _content(self) -> None:
        content = await self.wire.content(most=self.context.config.size)
        envelope = self.dialogue.envelope
        await self._run_stage("dot", lambda: self._take(content, envelope), to=envelope.recipients)
        self.dialogue.envelope = SmtpEnvelope()

    async def _take(self, content: MailData, envelope: SmtpEnvelope) -> SmtpReply:
        contents.check(content, envelope, most=self.context.config.size)
        assert envelope.sender is not None
        mail = ReceivedMail(
            id="",
            received_at=self.context.time.seconds,
            helo=self.dialogue.helo or "",
            sender=envelope.sender,
            recipients=envelope.recipients,
            raw=content.raw,
            complaints=contents.complaints(content.raw, envelope, exposed=self.dialogue.exposed),
            tls=self.dialogue.tls,
            user=self.dialogue.user,
        )
        await self.context.keep(mail)
        return SmtpReply(250, f"Taken over as {mail.id}", enhanced="2.0.0")


_STAGES: Final = frozenset({"connect", "dot"} | {verb.lower() for verb in COMMANDS})
