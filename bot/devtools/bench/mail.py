"""`signoff bench mail`: how fast mails leave, beside what one bare connection does with the same mails.

The mail server is the sandbox's, in a process of its own, in plain. **Relayed** are the copies of requests to people
without Slack, as shipped: each is claimed, gets a link of its own, is rendered as text and HTML, handed in, and written
down as shown with its audit entry; the database is durable. The **floor** is one connection of aiosmtplib that sends
the very mails that came, one after the other, in turns with the relay, so that whatever else the machine does weighs
on both.
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
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

import aiosmtplib

from bot import settings
from bot.devtools.bench.figures import Figure, Machine, Target
from bot.devtools.bench.slack_env import BenchFailed
from bot.devtools.sandbox import sandbox
from bot.email import setup
from bot.presentation import card
from bot.settings import PREFIX
from engine.delivery.outbox import Relay
from engine.domain import Address, Origin, Person, Register, Start, Started
from engine.ports import Resolution, Route
from engine.references import Reference
from engine.service import Engine
from engine.steps.set import SetStep
from engine.store import schema
from engine.store.sqlite import SqliteStore
from engine.system import EnvironmentSecrets, RandomIds, SystemClock, calm_collector
from engine.worker.advance import Advancer
from engine.worker.embedded import Embedded

ASKED: Final = 10
"""Who are asked by each run."""
WORKFLOW: Final = """\
name: bench
title: Answer a customer
steps:
  - id: answer
    uses: set
    with: {{subject: Your refund, body: "Dear Kim, your refund of 120 EUR is on its way. It may take three days."}}
    gate: {{title: Send this to Kim?, reason: It was written by a machine., approvers: [{who}]}}
"""
SAM: Final = Address("email", "sam@example.com")
API: Final = Origin(surface="api")
_PATIENCE: Final = 120.0
_SENDER: Final = "signoff@example.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much is measured. The defaults are those of the documented figures."""

    mails: int = 500
    rounds: int = 3


class _ByMail:
    """Everybody has a mailbox and nothing else."""

    def asks(self, reference: Reference) -> bool:  # noqa: ARG002 the port's shape
        return False

    async def resolve(self, references: Sequence[Reference]) -> Mapping[Reference, Resolution]:  # noqa: ARG002
        return {}

    def reach(self, person: Person) -> Sequence[Route]:
        return [Route("email", person.label)]

    def back(self, origin: Origin, person: Person) -> Route | None:  # noqa: ARG002 the port's shape
        return None


@dataclass(frozen=True, slots=True)
class _Rig:
    """An engine whose copies nobody shows before they are told to."""

    store: SqliteStore
    engine: Engine
    relay: Relay

    async def opened(self, mails: int) -> None:
        """Requests with so many copies, all of them due."""
        for _ in range(max(1, mails // ASKED)):
            started = await self.engine.start(Start(workflow="bench", inputs={}, actor=SAM, origin=API))
            assert isinstance(started, Started)

    async def relayed(self, mails: int) -> float:
        """Seconds until all of them are written down as shown. Raises `BenchFailed`."""
        handed_in, all_of_them = set[str](), asyncio.Event()

        async def deliver(delivery: str) -> None:
            await self.relay.deliver(delivery)
            handed_in.add(delivery)
            if len(handed_in) >= mails:
                all_of_them.set()

        executor = Embedded(units={"deliver": deliver}, due=self.engine.due, now=SystemClock().now)
        began = time.perf_counter()
        running = asyncio.ensure_future(executor.run())
        try:
            async with asyncio.timeout(_PATIENCE):
                await all_of_them.wait()
            spent = time.perf_counter() - began
        except TimeoutError:
            raise BenchFailed(f"After {_PATIENCE:g} seconds {len(handed_in)} of {mails} mails were relayed.") from None
        finally:
            executor.stop()
            await running
        if left := await self.engine.due(SystemClock().now()):
            raise BenchFailed(f"{len(left)} of {mails} mails could not be relayed.")
        return spent


async def run(size: Size, say: Callable[[str], None], *, folder: Path | None = None) -> tuple[list[Figure], Machine]:
    """The figures, and the machine that they are of. Raises `BenchFailed` where mails did not leave."""
    with tempfile.TemporaryDirectory(prefix="signoff-bench-", dir=folder) as made:
        place = Path(made)
        machine = Machine.here(place)
        asked = min(size.mails, ASKED)
        say(f"{size.mails} mails, {size.rounds} times …")
        with _mail_server() as server:
            async with _rig(place, server.url, asked) as rig:
                relayed, bare = [], []
                for _ in range(size.rounds):
                    await rig.opened(size.mails)
                    relayed.append(size.mails / await rig.relayed(size.mails))
                    bare.append(size.mails / await _bare(server, size.mails))
    return _figures(relayed, bare), machine


@asynccontextmanager
async def _rig(place: Path, server: str, asked: int) -> AsyncIterator[_Rig]:
    given = {
        "DATABASE_URL": f"sqlite:///{place / 'signoff.db'}",
        "SMTP_URL": server,
        "EMAIL_FROM": f"Signoff <{_SENDER}>",
        "PUBLIC_URL": "http://127.0.0.1:8000",
    }
    chosen, clock = settings.load({PREFIX + name: value for name, value in given.items()}), SystemClock()
    async with setup.open_email(chosen, clock.now) as mail:
        assert mail is not None
        with schema.owned(chosen.database, clock=clock, ids=RandomIds()) as store, calm_collector():
            advancer = Advancer(kinds={"set": SetStep()}, directory=_ByMail(), secrets=EnvironmentSecrets({}))
            engine = Engine(store, advancer)
            who = ", ".join(f"p{number}@example.com" for number in range(asked))
            await engine.register(Register(source=WORKFLOW.format(who=who).encode(), actor=SAM, origin=API))
            yield _Rig(
                store, engine, Relay(store, channels={"email": mail.channel}, directory=_ByMail(), render=card.card)
            )


async def _bare(server: _MailServerProcess, mails: int) -> float:
    """Seconds that one connection takes for as many of the last mail that came."""
    content, (host, _, port) = server.last(), server.url.removeprefix("smtp://").rpartition(":")
    async with aiosmtplib.SMTP(hostname=host, port=int(port), start_tls=False) as client:
        began = time.perf_counter()
        for number in range(mails):
            await client.sendmail(_SENDER, f"p{number % ASKED}@example.com", content)
        return time.perf_counter() - began


def _figures(relayed: Sequence[float], bare: Sequence[float]) -> list[Figure]:
    ratios = [one / other for one, other in zip(relayed, bare, strict=True)]
    return [
        Figure(
            name="mail.ratio",
            value=statistics.median(ratios),
            what="of the two, in the same round",
            target=Target(0.5, least=True),
        ),
        Figure(name="mail.relayed_per_s", value=statistics.median(relayed), what="mails a second, claimed to recorded"),
        Figure(name="mail.bare_per_s", value=statistics.median(bare), what="the same mails by one bare connection"),
    ]


# -- a mail server of its own process -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _MailServerProcess:
    url: str
    pipe: Connection

    def last(self) -> bytes:
        """The last mail that came, as it came; all are forgotten."""
        self.pipe.send(None)
        content: bytes = self.pipe.recv_bytes()
        return content


@contextmanager
def _mail_server() -> Iterator[_MailServerProcess]:
    """A mail server in a fresh process, while the body runs."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(there,))
    process.start()
    there.close()  # else a process that dies would be waited for without end
    try:
        yield _MailServerProcess(here.recv(), here)
    finally:
        here.close()
        process.join()


def _serve(pipe: Connection) -> None:
    async def serve() -> None:
        async with sandbox() as world:
            pipe.send(world.mail.url)
            with contextlib.suppress(EOFError):
                while await asyncio.to_thread(pipe.recv) is None:
                    pipe.send_bytes(world.mail.received()[-1].raw)
                    world.mail.clear()

    asyncio.run(serve())
