"""`signoff bench mail`: how fast emails are sent, compared with one bare connection that sends the same emails.

The mail server is the sandbox's, without encryption, in a process of its own. The **relay** sends the copies of
requests to people without Slack, as shipped: each copy is claimed, gets its own link, is rendered as text and HTML,
sent, and recorded as shown with its audit entry; the database is durable. The **floor** is one connection of aiosmtplib
that sends an email of the relay again and again. Both run in turns, so that other load on the machine affects both.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

import aiosmtplib

from bot import loaded_settings
from bot.devtools.bench.figures import Figure, Machine, Target
from bot.devtools.bench.slack_env import BenchFailed
from bot.devtools.sandbox import sandbox
from bot.email import setup
from bot.presentation import card
from bot.variable_checks import PREFIX
from engine.delivery.outbox import Relay
from engine.domain import Address, Origin, Person, Register, Start, Started, Work
from engine.ports import Resolution, Route
from engine.references import Reference
from engine.service import Engine
from engine.steps.set import SetStep
from engine.store import schema
from engine.store.sqlite import SqliteStore
from engine.system import EnvironmentSecrets, RandomIds, SystemClock, calm_collector
from engine.worker.advance import Advancer
from engine.worker.embedded import Embedded

APPROVERS: Final = 10
"""Approvers of each run, at most."""
WORKFLOW: Final = """\
name: bench
title: Answer a customer
steps:
  - id: answer
    uses: set
    with: {{subject: Your refund, body: "Dear Kim, your refund of 120 EUR is on its way. It may take three days."}}
    gate: {{title: Send this to Kim?, reason: It was written by a machine., approvers: [{approvers}]}}
"""
SAM: Final = Address("email", "sam@example.com")
API: Final = Origin(surface="api")
_TIMEOUT_SECONDS: Final = 120.0
_SENDER: Final = "signoff@example.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailBenchSize:
    """How much is measured. The defaults are those of the documented figures."""

    emails: int = 500
    rounds: int = 3


class _EmailDirectory:
    """A directory in which each person has one route, their email address."""

    def asks(self, reference: Reference) -> bool:  # noqa: ARG002 the port's shape
        return False

    async def resolve(self, references: Sequence[Reference]) -> Mapping[Reference, Resolution]:  # noqa: ARG002
        return {}

    def reach(self, person: Person) -> Sequence[Route]:
        return [Route("email", person.label)]

    def back(self, origin: Origin, person: Person) -> Route | None:  # noqa: ARG002 the port's shape
        return None

    def place(self, name: str) -> Route | None:  # noqa: ARG002 the port's shape
        return None


@dataclass(frozen=True, slots=True)
class _EmailBenchEnv:
    """An engine whose copies are sent only by `relay_emails`."""

    store: SqliteStore
    engine: Engine
    relay: Relay

    async def open_requests(self, emails: int) -> None:
        """Open requests with that many copies in all."""
        for _ in range(max(1, emails // APPROVERS)):
            started = await self.engine.start(Start(workflow="bench", inputs={}, actor=SAM, origin=API))
            assert isinstance(started, Started)

    async def _due_emails(self, now: datetime) -> list[Work]:
        return [work for work in await self.engine.due(now) if work.kind == "deliver"]

    async def relay_emails(self, emails: int) -> float:
        """Send all copies and return the seconds until all are recorded as shown. Raises `BenchFailed`."""
        sent, all_sent = set[str](), asyncio.Event()

        async def deliver(delivery: str) -> None:
            await self.relay.deliver(delivery)
            sent.add(delivery)
            if len(sent) >= emails:
                all_sent.set()

        executor = Embedded(units={"deliver": deliver}, due=self._due_emails, now=SystemClock().now)
        started = time.perf_counter()
        running = asyncio.ensure_future(executor.run())
        try:
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                await all_sent.wait()
            seconds = time.perf_counter() - started
        except TimeoutError:
            raise BenchFailed(f"After {_TIMEOUT_SECONDS:g} seconds {len(sent)} of {emails} emails were sent.") from None
        finally:
            executor.stop()
            await running
        if unsent := await self._due_emails(SystemClock().now()):
            raise BenchFailed(f"{len(unsent)} of {emails} emails could not be sent.")
        return seconds


async def run(
    size: EmailBenchSize, report_progress: Callable[[str], None], *, folder: Path | None = None
) -> tuple[list[Figure], Machine]:
    """Measure the figures, and describe the machine. Raises `BenchFailed` if emails were not sent."""
    with tempfile.TemporaryDirectory(prefix="signoff-bench-", dir=folder) as temporary:
        work_folder = Path(temporary)
        machine = Machine.detect(work_folder)
        approvers = min(size.emails, APPROVERS)
        report_progress(f"{size.emails} emails, {size.rounds} times …")
        with _mail_server() as server:
            async with _open_env(work_folder, server.url, approvers) as env:
                relay_rates, bare_rates = [], []
                for _ in range(size.rounds):
                    await env.open_requests(size.emails)
                    relay_rates.append(size.emails / await env.relay_emails(size.emails))
                    bare_rates.append(size.emails / await _send_directly(server, size.emails))
    return _figures(relay_rates, bare_rates), machine


@asynccontextmanager
async def _open_env(work_folder: Path, server: str, approvers: int) -> AsyncIterator[_EmailBenchEnv]:
    values = {
        "DATABASE_URL": f"sqlite:///{work_folder / 'signoff.db'}",
        "SMTP_URL": server,
        "EMAIL_FROM": f"Signoff <{_SENDER}>",
        "PUBLIC_URL": "http://127.0.0.1:8000",
    }
    loaded, clock = loaded_settings.load({PREFIX + name: value for name, value in values.items()}), SystemClock()
    async with setup.open_email(loaded, clock.now) as email:
        assert email is not None
        with schema.owned(loaded.database, clock=clock, ids=RandomIds()) as store, calm_collector():
            advancer = Advancer(kinds={"set": SetStep()}, directory=_EmailDirectory(), secrets=EnvironmentSecrets({}))
            engine = Engine(store, advancer)
            addresses = ", ".join(f"p{number}@example.com" for number in range(approvers))
            await engine.register(Register(source=WORKFLOW.format(approvers=addresses).encode(), actor=SAM, origin=API))
            yield _EmailBenchEnv(
                store,
                engine,
                Relay(store, channels={"email": email.channel}, directory=_EmailDirectory(), render=card.card),
            )


async def _send_directly(server: _MailServerProcess, emails: int) -> float:
    """Send the last received email again over one connection, and return the seconds."""
    content, (host, _, port) = server.take_last(), server.url.removeprefix("smtp://").rpartition(":")
    async with aiosmtplib.SMTP(hostname=host, port=int(port), start_tls=False) as client:
        started = time.perf_counter()
        for number in range(emails):
            await client.sendmail(_SENDER, f"p{number % APPROVERS}@example.com", content)
        return time.perf_counter() - started


def _figures(relay_rates: Sequence[float], bare_rates: Sequence[float]) -> list[Figure]:
    ratios = [relay / bare for relay, bare in zip(relay_rates, bare_rates, strict=True)]
    return [
        Figure(
            name="mail.ratio",
            value=statistics.median(ratios),
            meaning="relayed over bare, in the same round",
            target=Target(0.9, least=True),
        ),
        Figure(
            name="mail.relayed_per_s",
            value=statistics.median(relay_rates),
            meaning="emails a second, from claimed to recorded",
        ),
        Figure(
            name="mail.bare_per_s",
            value=statistics.median(bare_rates),
            meaning="the same emails over one bare connection",
        ),
    ]


# -- a mail server in its own process -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _MailServerProcess:
    url: str
    pipe: Connection

    def take_last(self) -> bytes:
        """Return the last received email, and clear all mailboxes."""
        self.pipe.send(None)
        content: bytes = self.pipe.recv_bytes()
        return content


@contextmanager
def _mail_server() -> Iterator[_MailServerProcess]:
    """Run a mail server in a new process."""
    context = multiprocessing.get_context("spawn")
    parent_end, child_end = context.Pipe()
    process = context.Process(target=_serve_mail, args=(child_end,))
    process.start()
    child_end.close()  # Otherwise recv() would wait forever for a process that has died.
    try:
        yield _MailServerProcess(parent_end.recv(), parent_end)
    finally:
        parent_end.close()
        process.join()


def _serve_mail(pipe: Connection) -> None:
    async def serve() -> None:
        async with sandbox() as running:
            pipe.send(running.mail.url)
            with contextlib.suppress(EOFError):
                while await asyncio.to_thread(pipe.recv) is None:
                    pipe.send_bytes(running.mail.received()[-1].raw)
                    running.mail.clear()

    asyncio.run(serve())
