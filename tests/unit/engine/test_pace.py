"""The pace of one process: what it keeps for callers, and for how long."""

from __future__ import annotations

from engine.pace import KEPT_SECONDS, LocalPace, Rate

RATE = Rate("posts", 1.0, 1)


async def test_a_turn_that_its_caller_let_pass_is_no_longer_theirs() -> None:
    now = 0.0
    pace = LocalPace(lambda: now)
    for caller in ("late", "in time"):
        await pace.keep([RATE], caller, 5)
    now = 5 + KEPT_SECONDS - 1
    assert [turn.seconds for turn in await pace.reserve([RATE], "in time")] == [1 - KEPT_SECONDS]
    now = 5 + KEPT_SECONDS
    await pace.reserve([RATE], "")
    (turn,) = await pace.reserve([RATE], "late")
    assert turn.seconds == 1, "it is behind the others, as for a caller that comes the first time"


async def test_callers_that_did_not_come_back_are_forgotten() -> None:
    now = 0.0
    pace = LocalPace(lambda: now)
    for number in range(1_000):
        now = float(number)
        await pace.keep([RATE], str(number), 1)
    (plan,) = pace.plans.values()
    assert len(plan.kept) < 130
    assert set(map(str, range(1_000 - int(KEPT_SECONDS), 1_000))) <= plan.kept.keys()
