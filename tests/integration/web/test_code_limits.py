"""One client cannot have codes sent without end; others, and codes for decisions, are not concerned."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from bot.web import client_limits
from bot.web.client_limits import MOST, SPAN, ClientLimits
from engine.domain import DeliveryKind
from tests.support.web_env import ADA, BEN, Answer, Browser, WebEnv, open_web

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


async def asks(browser: Browser, email: str, *, for_: str | None = None) -> Answer:
    """Ask for a code to sign in. `for_`: what is said of the client."""
    form = (await browser.get("/inbox")).page.form
    return await browser.post(form.action, form.with_(email=email), kind=form.kind, X_Forwarded_For=for_)


async def test_one_client_asks_only_so_often_whoever_the_codes_are_for(
    here: WebEnv, caplog: pytest.LogCaptureFixture
) -> None:
    await here.request_approval()
    browser = here.browser()
    for number in range(MOST):
        assert (await asks(browser, f"someone{number}@example.com")).status == 200
    for email in (ADA, "nobody@example.com"):
        for _ in range(3):
            refused = await asks(here.browser(), email)
            assert refused.status == 429
            assert refused.headers["Retry-After"] == "600"
            assert "Try again in 10 minutes" in refused.page.text
            assert dict(refused.page.form.fields)["email"] == email
    assert await here.codes(ADA) == 0
    told = [one for one in caplog.records if "too many codes" in one.getMessage()]
    assert len(told) == 1, "and the log is not flooded"
    assert "127.0.0.1" in told[0].getMessage()
    other, page = await here.open_link()
    receipt = await here.enter_code(other, await other.send(page.page.form))
    assert "Approved by" in receipt.text, "a decision takes no part in it"
    here.engine_env.pass_time(minutes=11)
    assert (await asks(browser, BEN)).status == 200
    assert await here.codes(BEN) == 1


async def test_what_a_client_says_of_itself_counts_only_where_its_address_is_a_proxy_of_ours(
    here: WebEnv, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(MOST + 1):
        last = await asks(here.browser(), "x@example.com", for_=f"192.0.2.{number}")
    assert last.status == 429
    assert "SIGNOFF_TRUSTED_PROXIES" in caplog.text


async def test_behind_a_proxy_each_client_has_its_own_measure(path: Path) -> None:
    async with open_web(path, proxies=["127.0.0.0/8"]) as here:
        for number in range(MOST + 1):
            # What stands before the last address is what the client sent itself.
            last = await asks(here.browser(), "x@example.com", for_=f"198.51.100.{number}, 192.0.2.7")
        assert last.status == 429
        assert (await asks(here.browser(), "x@example.com", for_="192.0.2.8")).status == 200


async def test_wrong_codes_without_end_do_not_flood_the_log(here: WebEnv, caplog: pytest.LogCaptureFixture) -> None:
    await here.request_approval()
    caplog.set_level(logging.WARNING, logger="bot.web.code_handlers")
    browser = here.browser()
    at_code = await asks(browser, ADA)
    form = at_code.page.form
    for number in range(110):
        wrong = await browser.post(form.action, form.with_(code=f"{number:016d}"), kind=form.kind)
        assert wrong.status == 422
    lines = [one.getMessage() for one in caplog.records if one.name == "bot.web.code_handlers"]
    assert len(lines) == 101
    assert lines[-1].endswith("no more of them are told for a while")
    right = await here.enter_code(browser, at_code)
    assert right.path == "/inbox", "and the right code is taken after all of them"
    assert len(here.engine_env.mail.to(ADA, DeliveryKind.CODE)) == 1


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 900)), max_size=200))
def test_no_client_gets_more_than_its_measure_in_any_span(asked: list[tuple[str, int]]) -> None:
    kept, now, got = ClientLimits(most=3), NOW, list[tuple[str, datetime]]()
    for who, seconds in asked:
        now += timedelta(seconds=seconds)
        wait = kept.take(who, now)
        if wait is None:
            got.append((who, now))
            assert sum(one == who and at > now - SPAN for one, at in got) <= 3
        else:
            assert timedelta() < wait <= SPAN


def test_a_clock_that_was_ahead_makes_nobody_wait() -> None:
    kept = ClientLimits(most=1)
    assert kept.take("a", NOW + timedelta(days=3_650)) is None
    assert kept.take("a", NOW) is None


def test_only_so_many_clients_are_remembered() -> None:
    kept = ClientLimits(most=1)
    for number in range(10_001):
        assert kept.take(str(number), NOW) is None
    assert kept.take("0", NOW) is None
    assert kept.take("10000", NOW) is not None


@pytest.mark.parametrize(
    ("host", "who"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", "unknown"),
        ("x" * 100, "x" * 60),
    ],
)
def test_clients_are_told_apart_by_address_or_site(host: str, who: str) -> None:
    assert client_limits.client(Request({"type": "http", "client": (host, 1), "headers": []})) == who
