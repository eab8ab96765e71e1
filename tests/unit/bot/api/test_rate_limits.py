"""The bucket of a key: it gives no more calls than it may, refuses none that it may, and tells how long to wait."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.api.rate_limits import RateLimits
from engine.domain import Address
from engine.domain.api_keys import ApiPrincipal
from tests.support.examples import example_count

SLACK = 1e-6
"""Tolerance for sums of fractions of a call."""


@dataclass
class Stopwatch:
    """Seconds that only rise."""

    seconds: float = 1_000.0

    def __call__(self) -> float:
        return self.seconds


def program(per_minute: int, name: str = "k") -> ApiPrincipal:
    return ApiPrincipal(id=name, name=name, address=Address("api", name), actions=frozenset(), per_minute=per_minute)


PAUSES = st.lists(st.one_of(st.just(0.0), st.floats(0, 90, allow_nan=False)), min_size=1, max_size=200)


@settings(max_examples=example_count(100), deadline=None)
@given(per_minute=st.integers(1, 60), pauses=PAUSES)
def test_in_every_span_a_key_makes_at_most_its_minute_and_what_fills_meanwhile(
    per_minute: int, pauses: list[float]
) -> None:
    watch, key, taken = Stopwatch(), program(per_minute), list[float]()
    limits = RateLimits(watch)
    for pause in pauses:
        watch.seconds += pause
        if limits.take(key) is None:
            taken.append(watch.seconds)
    for first, start in enumerate(taken):
        for last in range(first, len(taken)):
            most = per_minute + (taken[last] - start) * per_minute / 60
            assert last - first + 1 <= most + SLACK


@settings(max_examples=example_count(100), deadline=None)
@given(per_minute=st.integers(1, 60), pauses=PAUSES)
def test_a_key_that_keeps_to_its_rate_is_never_refused_and_the_wait_is_enough(
    per_minute: int, pauses: list[float]
) -> None:
    watch, key = Stopwatch(), program(per_minute)
    limits = RateLimits(watch)
    for pause in pauses:
        watch.seconds += pause
        refused = limits.take(key)
        if refused is not None:
            assert 0 < refused.wait.total_seconds() <= 60 / per_minute + SLACK
            assert refused.per_minute == per_minute
            watch.seconds += refused.wait.total_seconds() + SLACK
            assert limits.take(key) is None


@given(st.integers(1, 1_000_000))
def test_keys_do_not_share_a_bucket_and_the_headers_count_down(per_minute: int) -> None:
    limits = RateLimits(Stopwatch())
    one, other = program(per_minute), program(per_minute, "other")
    assert limits.take(one) is None
    assert f"r={per_minute - 1};" in limits.headers(one)["RateLimit"]
    assert f"r={per_minute};t=0" in limits.headers(other)["RateLimit"]
    assert f"q={per_minute};w=60" in limits.headers(one)["RateLimit-Policy"]
