"""The database of the shared rates is gone, slow, or full of rates that mean nothing any more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from engine.domain import DEFAULT_WORKSPACE
from engine.pace import KEPT_SECONDS, Pace, Rate
from engine.store import postgres_pace
from tests.support.http_service import PATIENCE
from tests.support.rival_processes import connect

SLOW = Rate("slow", 1000.0, 1)
OTHER = Rate("other", 1000.0, 2)
NEAR = 100.0
"""How much later than meant a turn may be, in seconds, on a machine that is slow."""
BREAK_OFF = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""


def near(expected: float) -> object:
    return pytest.approx(expected, abs=NEAR)


async def seconds(pace: Pace, rate: Rate, caller: str = "") -> float:
    (turn,) = await pace.reserve([rate], caller)
    return turn.seconds


async def check_that_it_goes_on_alone(pace: Pace) -> None:
    """Ask for everything that a pace does: it answers, and keeps the rates."""
    turns = await asyncio.gather(*(seconds(pace, SLOW) for _ in range(4)))
    assert sorted(turns) == [near(1000 * number) for number in range(4)]
    await pace.keep([OTHER], "d1", 5000)
    assert [await seconds(pace, OTHER, "d1"), await seconds(pace, OTHER)] == [near(5000), near(0)]
    await pace.rest(OTHER, 9000)
    assert [one.rest for one in await pace.news([OTHER])] == [near(9000)]
    assert await seconds(pace, OTHER) == near(9000)


def reports(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == postgres_pace.__name__]


@pytest.fixture
async def driver(postgres_database: str) -> AsyncIterator[asyncpg.Connection[Any]]:
    connection = await connect(postgres_database)
    yield connection
    await connection.close()


@asynccontextmanager
async def held(url: str) -> AsyncIterator[None]:
    """Hold the tables of the rates, so that no statement about them comes to an end."""
    other = await connect(url)
    try:
        async with other.transaction():
            await other.execute("LOCK TABLE pace, kept_turn IN ACCESS EXCLUSIVE MODE")
            yield
    finally:
        await other.close()


# -- without an answer --------------------------------------------------------------------------------------


async def test_without_a_server_a_process_keeps_the_rates_by_itself(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    async with postgres_pace.opened("postgresql+asyncpg://signoff@127.0.0.1:1/signoff") as pace:
        await check_that_it_goes_on_alone(pace)
    (report,) = reports(caplog)
    assert report.startswith("this process paces its calls alone while the database does not answer: ")


async def test_a_server_that_accepts_and_says_nothing_holds_up_no_call() -> None:
    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(say_nothing, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        url = f"postgresql+asyncpg://signoff@127.0.0.1:{port}/signoff"
        async with postgres_pace.opened(url, answer_seconds=0.1) as pace:
            await check_that_it_goes_on_alone(pace)


async def test_a_slow_database_holds_up_no_call_and_is_asked_again_later(
    postgres_database: str, driver: asyncpg.Connection[Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    async with postgres_pace.opened(postgres_database, answer_seconds=0.2, alone_seconds=0.2) as pace:
        async with held(postgres_database):
            await check_that_it_goes_on_alone(pace)
        assert await kept(driver) == (set(), set())
        async with asyncio.timeout(PATIENCE):
            while "third" not in (await kept(driver))[0]:
                await pace.reserve([Rate("third", 1.0, 1)], "")
        assert "all processes pace their calls together again" in reports(caplog)


async def test_a_connection_that_was_broken_off_is_replaced_and_no_process_goes_alone(
    postgres_database: str, driver: asyncpg.Connection[Any], caplog: pytest.LogCaptureFixture
) -> None:
    async with postgres_pace.opened(postgres_database, answer_seconds=PATIENCE) as pace:
        for number in range(3):
            assert await seconds(pace, SLOW) == near(1000 * number)
            await driver.execute(BREAK_OFF)
    assert reports(caplog) == []


# -- rows that mean nothing any more ------------------------------------------------------------------------


async def kept(driver: asyncpg.Connection[Any]) -> tuple[set[str], set[str]]:
    """Return the keys of the rates, and those of the turns that are kept."""
    rates = await driver.fetch("SELECT key FROM pace")
    turns = await driver.fetch("SELECT key FROM kept_turn")
    return {row["key"] for row in rates}, {row["key"] for row in turns}


async def fill(driver: asyncpg.Connection[Any]) -> None:
    """Write rates and kept turns whose time has come, will come, or has passed long ago."""
    for key, at in {"past": -2 * KEPT_SECONDS, "just": 0.0, "soon": 60.0}.items():
        time = "clock_timestamp() + make_interval(secs => $3)"
        await driver.execute(
            f"INSERT INTO pace (workspace, key, next_at) VALUES ($1, $2, {time})",
            DEFAULT_WORKSPACE, key, at,
        )  # fmt: skip
        await driver.execute(
            f"INSERT INTO kept_turn (workspace, key, caller, at) VALUES ($1, $2, 'd', {time})",
            DEFAULT_WORKSPACE, key, at,
        )  # fmt: skip


async def test_what_has_passed_is_deleted_and_nothing_else(
    postgres_database: str, driver: asyncpg.Connection[Any]
) -> None:
    await fill(driver)
    async with postgres_pace.opened(postgres_database, answer_seconds=PATIENCE) as pace:
        await pace.reserve([SLOW], "")
        assert await kept(driver) == ({"just", "soon", "slow"}, {"just", "soon"})
        await driver.execute("DELETE FROM pace; DELETE FROM kept_turn")
        await fill(driver)
        await pace.reserve([SLOW], "")
        assert "past" in (await kept(driver))[0], "once a minute is enough"


async def test_a_row_that_another_process_holds_is_left_and_waits_for_nothing(
    postgres_database: str, driver: asyncpg.Connection[Any]
) -> None:
    await fill(driver)
    async with driver.transaction():
        await driver.execute("SELECT 1 FROM pace, kept_turn WHERE pace.key = 'past' FOR UPDATE")
        async with postgres_pace.opened(postgres_database, answer_seconds=PATIENCE) as pace:
            assert await asyncio.wait_for(seconds(pace, SLOW), PATIENCE) == near(0)
    assert await kept(driver) == ({"past", "just", "soon", "slow"}, {"past", "just", "soon"})
