"""Every pace keeps the contract of `engine.pace.Pace`."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator

import pytest

from engine.pace import LocalPace, Pace, Rate
from engine.store import postgres_pace

SLOW = Rate("slow", 100.0, 1)
BURST = Rate("burst", 100.0, 3)
NEAR = 20.0
"""How much later than meant a turn may be, in seconds, on a machine that is slow."""


@pytest.fixture(params=["local", "postgresql"])
async def paces(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Pace, Pace]]:
    """Yield the pace of two processes that share it; in memory there is only one."""
    if request.param == "local":
        pace = LocalPace()
        yield pace, pace
        return
    url = request.getfixturevalue("postgres_database")
    async with postgres_pace.opened(url) as first, postgres_pace.opened(url) as second:
        yield first, second


async def seconds(pace: Pace, rate: Rate, caller: str = "") -> float:
    (turn,) = await pace.reserve([rate], caller)
    return turn.seconds


def near(expected: float) -> object:
    return pytest.approx(expected, abs=NEAR)


async def test_turns_come_one_after_another_in_whichever_process(paces: tuple[Pace, Pace]) -> None:
    first, second = paces
    assert [await seconds(pace, SLOW) for pace in (first, second, first, second)] == [
        near(0), near(100), near(200), near(300)
    ]  # fmt: skip


async def test_a_burst_is_allowed_once_for_all_processes(paces: tuple[Pace, Pace]) -> None:
    first, second = paces
    assert [await seconds(pace, BURST) for pace in (first, second, first, second)] == [
        near(0), near(0), near(0), near(100)
    ]  # fmt: skip


async def test_callers_at_once_have_turns_of_their_own(paces: tuple[Pace, Pace]) -> None:
    turns = await asyncio.gather(*(seconds(paces[number % 2], SLOW) for number in range(10)))
    assert sorted(turns) == [near(100 * number) for number in range(10)]


async def test_rates_are_counted_apart_also_in_one_call(paces: tuple[Pace, Pace]) -> None:
    first, second = paces
    await seconds(first, SLOW)
    turns = await second.reserve([SLOW, BURST], "")
    assert [turn.seconds for turn in turns] == [near(100), near(0)]


async def test_a_kept_turn_is_for_its_caller_once_in_whichever_process(paces: tuple[Pace, Pace]) -> None:
    first, second = paces
    await first.keep([SLOW, BURST], "d1", 40)
    assert await seconds(second, SLOW, "d2") == near(0)
    assert [turn.seconds for turn in await second.reserve([SLOW, BURST], "d1")] == [near(40), near(40)]
    assert await seconds(second, SLOW, "d1") == near(100)
    await first.keep([SLOW], "", 40)
    assert await seconds(second, SLOW, "") == near(200)


async def test_a_rest_holds_for_all_processes_and_then_turns_come_evenly(paces: tuple[Pace, Pace]) -> None:
    first, second = paces
    assert list(await second.rests([BURST, SLOW])) == [0, 0]
    await first.rest(BURST, 500)
    assert list(await second.rests([SLOW, BURST])) == [0, near(500)]
    (turn,) = await second.reserve([BURST], "")
    assert (turn.seconds, turn.rest) == (near(500), near(500))
    assert await seconds(first, BURST) == near(600)
    await second.rest(BURST, 10)
    assert list(await first.rests([BURST])) == [near(500)], "a shorter rest ends none"


async def test_a_turn_that_was_kept_before_a_rest_tells_of_the_rest(paces: tuple[Pace, Pace]) -> None:
    first, second = paces
    await first.keep([SLOW], "d1", 40)
    await second.rest(SLOW, 500)
    (turn,) = await first.reserve([SLOW], "d1")
    assert turn.rest == near(500)


async def test_a_caller_that_is_cancelled_leaves_the_others_their_turns(paces: tuple[Pace, Pace]) -> None:
    callers = [asyncio.ensure_future(seconds(paces[0], SLOW)) for _ in range(6)]
    await asyncio.sleep(0)
    callers[0].cancel()
    callers[3].cancel()
    turns = await asyncio.gather(*callers, return_exceptions=True)
    taken = [turn for turn in turns if isinstance(turn, float)]
    assert len(taken) >= 4
    assert min(b - a for a, b in itertools.pairwise(taken)) == near(100)
