"""Slots of slow channels: how many deliveries run at once, and that none is lost or held up by another address."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.delivery.concurrency import (
    ADDRESS_AT_ONCE,
    MOST_WAITING,
    SEPARATE_AT_ONCE,
    SLOW_AT_ONCE,
    STRAINED_AT_ONCE,
    ConcurrencyLimiter,
)

SLOW, SEPARATE = "email", "callback"
_ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["begin", "end", "strain", "relax"]), st.sampled_from([SLOW, SEPARATE]), st.integers(0, 3)
    ),
    max_size=300,
)


def limiter() -> ConcurrencyLimiter:
    return ConcurrencyLimiter([SLOW, SEPARATE], [SEPARATE])


def fill(slots: ConcurrencyLimiter, channel: str, address: str, number: int) -> int:
    """Begin deliveries, and return how many got a slot. The others wait."""
    begun = 0
    for index in range(number):
        delivery = f"{channel} {address} {index}"
        if slots.try_acquire(channel, address, delivery):
            begun += 1
        else:
            slots.add_waiting(channel, address, delivery)
    return begun


@given(_ACTIONS)
def test_limits_hold_and_no_delivery_is_lost(actions: list[tuple[str, str, int]]) -> None:
    slots, active, waiting = limiter(), dict[str, tuple[str, str]](), dict[str, tuple[str, str]]()
    for number, (action, channel, place) in enumerate(actions):
        address = f"a{place}"
        if action == "begin":
            delivery = f"d{number}"
            if slots.try_acquire(channel, address, delivery):
                active[delivery] = channel, address
            else:
                slots.add_waiting(channel, address, delivery)
                waiting[delivery] = channel, address
        elif action == "end" and active:
            ended, _ = active.popitem()
            following = slots.release(ended)
            if following is not None:
                where = waiting.pop(following)
                assert slots.try_acquire(*where, following), "a delivery that is handed a slot gets it"
                active[following] = where
        else:
            slots.note(channel, address, strained=action == "strain")
        running = [*active.values()]
        assert sum(name == SLOW for name, _ in running) <= SLOW_AT_ONCE
        assert sum(name == SEPARATE for name, _ in running) <= SEPARATE_AT_ONCE
        assert all(running.count((SEPARATE, f"a{index}")) <= ADDRESS_AT_ONCE for index in range(4))
    while active:
        ended, _ = active.popitem()
        following = slots.release(ended)
        if following is not None:
            active[following] = waiting.pop(following)
            assert slots.try_acquire(*active[following], following)
    left = {where for where in waiting.values() if where[0] == SLOW}
    assert not left, "a delivery that waits for a shared slot gets it"


def test_a_slow_address_leaves_slots_to_the_others() -> None:
    slots = limiter()
    assert fill(slots, SEPARATE, "hangs", 100) == ADDRESS_AT_ONCE
    assert fill(slots, SEPARATE, "works", 3) == 3
    slots = limiter()
    slots.note(SEPARATE, "hangs", strained=True)
    assert fill(slots, SEPARATE, "hangs", 100) == STRAINED_AT_ONCE
    assert fill(slots, SEPARATE, "works", ADDRESS_AT_ONCE) == ADDRESS_AT_ONCE
    assert fill(slots, SLOW, "a", 100) == SLOW_AT_ONCE


def test_only_a_slow_address_is_crowded() -> None:
    slots = limiter()
    fill(slots, SEPARATE, "hangs", MOST_WAITING + ADDRESS_AT_ONCE)
    assert not slots.is_crowded(SEPARATE, "hangs")
    slots.note(SEPARATE, "hangs", strained=True)
    assert slots.is_crowded(SEPARATE, "hangs")
    assert not slots.is_crowded(SEPARATE, "works")
    fill(slots, SLOW, "a", 200)
    assert not slots.is_crowded(SLOW, "a")


def test_an_address_that_works_again_has_all_its_slots() -> None:
    slots = limiter()
    slots.note(SEPARATE, "a", strained=True)
    slots.note(SEPARATE, "a", strained=False)
    assert fill(slots, SEPARATE, "a", 100) == ADDRESS_AT_ONCE
