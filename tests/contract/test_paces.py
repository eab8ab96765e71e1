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


async def seconds(pace: Pace, rate: Rate, caller: str = "", *, urgent: bool = False) -> float:
    (turn,) = await pace.reserve([rate], caller, urgent=urgent)
    return turn.seconds


async def put_off(pace: Pace, rate: Rate) -> float:
    (news,) = await pace.news([rate])
    return news.put_off


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
    assert [one.rest for one in await second.news([BURST, SLOW])] == [0, 0]
    await first.rest(BURST, 500)
    assert [one.rest for one in await second.news([SLOW, BURST])] == [0, near(500)]
    (turn,) = await second.reserve([BURST], "")
    assert (turn.seconds, turn.rest) == (near(500), near(500))
    assert await seconds(first, BURST) == near(600)
    await second.rest(BURST, 10)
    assert [one.rest for one in await first.news([BURST])] == [near(500)], "a shorter rest ends none"


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


# -- urgent turns -------------------------------------------------------------------------------------------


async def test_an_urgent_turn_comes_before_those_that_wait_and_puts_them_off(paces: tuple[Pace, Pace]) -> None:
    first, second = paces
    assert [await seconds(first, SLOW) for _ in range(4)] == [near(0), near(100), near(200), near(300)]
    assert [await seconds(second, SLOW, urgent=True) for _ in range(2)] == [near(100), near(200)]
    assert await put_off(first, SLOW) == near(200)
    assert await seconds(first, SLOW) == near(600), "behind all others"
    assert await put_off(first, BURST) == 0


async def test_urgent_turns_are_as_many_as_the_rate_allows(paces: tuple[Pace, Pace]) -> None:
    first, second = paces
    assert [await seconds(pace, BURST, urgent=True) for pace in (first, second, first, second)] == [
        near(0), near(0), near(0), near(100)
    ]  # fmt: skip
    assert await seconds(second, BURST) == near(200)
    assert await put_off(second, BURST) == near(100), "the fourth could have put off others"


async def test_a_turn_that_was_kept_is_put_off_unless_it_is_urgent(paces: tuple[Pace, Pace]) -> None:
    first, second = paces
    for _ in range(3):
        await seconds(first, SLOW)
    await first.keep([SLOW], "d1", 40, put_off=[await put_off(first, SLOW)])
    await first.keep([SLOW], "d2", 40)
    await seconds(second, SLOW, urgent=True)
    assert await seconds(second, SLOW, "d1") == near(140)
    assert await seconds(first, SLOW, "d2") == near(40)


async def test_a_caller_whose_call_became_urgent_does_not_wait_for_the_turn_that_was_kept(
    paces: tuple[Pace, Pace],
) -> None:
    first, second = paces
    for _ in range(8):
        await seconds(first, SLOW)
    await first.keep([SLOW], "d1", 700, put_off=[0.0])
    assert await seconds(second, SLOW, "d1", urgent=True) == near(100)
    await first.keep([SLOW], "d1", 60)
    assert await seconds(second, SLOW, "d1", urgent=True) == near(60)


async def test_an_urgent_turn_is_not_before_the_end_of_a_rest(paces: tuple[Pace, Pace]) -> None:
    first, second = paces
    await first.rest(SLOW, 500)
    turns = [await seconds(second, SLOW, urgent=True) for _ in range(2)]
    assert turns[0] >= 500 - NEAR
    assert turns[1] == near(turns[0] + 100)


async def test_callers_at_once_get_urgent_turns_first(paces: tuple[Pace, Pace]) -> None:
    first, _ = paces
    await seconds(first, SLOW)
    wishes = [False, True, False, True, False]
    turns = await asyncio.gather(*(seconds(first, SLOW, urgent=urgent) for urgent in wishes))
    assert sorted(turns)[-1] == near(500)
    urgent = [turn for turn, wish in zip(turns, wishes, strict=True) if wish]
    assert urgent == [near(100), near(200)]
