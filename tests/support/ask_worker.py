"""A program that asks, acts and reports, over and over, for tests that kill it: python -m … DATABASE JOURNAL COUNT.

Each step has a key, so that a new start goes on where the last one was killed. It prints a line after each answer, and
notes each act in the journal between the consumption and the report.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from engine.domain import Address, Origin, Register
from engine.domain.asks import Ask, AskContent, Asked, AskUse, Consume, Consumed, OutcomeReported, OutcomeStatus
from engine.domain.asks import ReportOutcome as Report
from engine.service import Engine
from tests.support.engine_env import SAM, open_engine
from tests.support.fakes import FakeClock

BOT = Address("api", "key1")
API = Origin(surface="api")
FLOW = f"name: approvals\nowner: {SAM.value}\nsteps:\n  - {{id: call, uses: ask}}\n"


async def act(engine: Engine, journal: Path, number: int) -> None:
    content = AskContent(title=f"Number {number}", arguments={"number": number}, use=AskUse.ONCE)
    asked = await engine.ask(Ask(content=content, actor=BOT, agent="Bot", origin=API, key=f"ask {number}"))
    assert isinstance(asked, Asked), asked
    tell(f"asked {number} {asked.run}")
    taken = await engine.consume(Consume(ask=asked.run, actor=BOT, origin=API, key=f"act {number}"))
    assert isinstance(taken, Consumed), taken
    tell(f"consumed {number} {taken.consumed_at.isoformat()}")
    note(journal, number)
    reported = await engine.report_outcome(
        Report(ask=asked.run, actor=BOT, origin=API, status=OutcomeStatus.SUCCEEDED, result=number)
    )
    assert isinstance(reported, OutcomeReported), reported
    tell(f"reported {number}")


def note(journal: Path, number: int) -> None:
    """Write down that the program acted, unless it did before it was killed."""
    if f"{number}\n" not in journal.read_text():
        with journal.open("a") as file:
            file.write(f"{number}\n")


def tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def main(database: Path, journal: Path, count: int) -> None:
    async with open_engine(database, clock=FakeClock()) as env:
        await env.engine.register(Register(source=FLOW.encode(), actor=SAM, origin=API))
        tell("ready")
        for number in range(count):
            await act(env.engine, journal, number)
    tell("done")


if __name__ == "__main__":
    Path(sys.argv[2]).touch()
    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])))
