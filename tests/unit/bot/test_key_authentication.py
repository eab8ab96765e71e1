"""A client with many wrong keys gets short answers, and no one else is refused for it."""

from __future__ import annotations

import logging

import pytest

from bot.client_limits import SPAN
from bot.key_authentication import MOST_WRONG, KeyAuthentication
from engine.domain import Address
from engine.domain.api_keys import ApiKeyRefused, ApiPrincipal, TooManyCalls
from tests.support.fakes import FakeClock

BOT = ApiPrincipal(id="k1", name="Bot", address=Address("api", "k1"), actions=frozenset())
UNKNOWN = ApiKeyRefused(why="unknown")


async def recognize(text: str) -> ApiPrincipal | ApiKeyRefused:
    return BOT if text == "right" else ApiKeyRefused(why="unknown" if text else "missing")


async def test_wrong_keys_of_a_client_are_limited_and_right_ones_are_not(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    clock = FakeClock()
    keys = KeyAuthentication(recognize, clock)
    assert [await keys.principal("Bearer wrong", "192.0.2.1") for _ in range(MOST_WRONG)] == [UNKNOWN] * MOST_WRONG
    assert await keys.principal("Bearer wrong", "192.0.2.1") == TooManyCalls(wait=SPAN)
    assert await keys.principal("Bearer right", "192.0.2.1") == BOT
    assert await keys.principal("", "192.0.2.1") == ApiKeyRefused(why="missing")
    assert await keys.principal("sgn_wrong", "192.0.2.1") == ApiKeyRefused(why="no_bearer")
    assert await keys.principal("Bearer wrong", "192.0.2.2") == UNKNOWN
    clock.pass_time(SPAN)
    assert await keys.principal("Bearer wrong", "192.0.2.1") == UNKNOWN
    assert len(caplog.records) == MOST_WRONG + 2
    assert "wrong" not in caplog.text
