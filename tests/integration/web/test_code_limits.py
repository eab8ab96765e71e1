"""The limit of codes for one client. Other clients and codes for decisions are not affected."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from bot import client_limits
from bot.client_limits import SPAN, ClientLimits
from engine.domain import DeliveryKind
from engine.store.asked_codes import MOST
from tests.support.web_env import ADA, BEN, Answer, Browser, WebEnv, open_web

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


async def ask_code(browser: Browser, email: str, *, forwarded_for: str | None = None) -> Answer:
    """Ask for a code to sign in. `for_` is the forwarded address of the client."""
    form = (await browser.get("/inbox")).page.form
    return await browser.post(form.action, form.with_(email=email), kind=form.kind, X_Forwarded_For=forwarded_for)


async def test_one_client_may_ask_for_few_codes_for_any_recipient(
    env: WebEnv, caplog: pytest.LogCaptureFixture
) -> None:
    await env.request_approval()
    browser = env.browser()
    for number in range(MOST):
        assert (await ask_code(browser, f"someone{number}@example.com")).status == 200
    for email in (ADA, "nobody@example.com"):
        for _ in range(3):
            refused = await ask_code(env.browser(), email)
            assert refused.status == 429
            assert refused.headers["Retry-After"] == "600"
            assert "Try again in 10 minutes" in refused.page.text
            assert dict(refused.page.form.fields)["email"] == email
    assert await env.codes(ADA) == 0
    records = [record for record in caplog.records if "too many codes" in record.getMessage()]
    assert len(records) == 1, "the log is not flooded"
    assert "127.0.0.1" in records[0].getMessage()
    other, page = await env.open_link()
    receipt = await env.enter_code(other, await other.send(page.page.form))
    assert "Approved by" in receipt.text, "the limit does not affect decisions"
    env.engine_env.pass_time(minutes=11)
    assert (await ask_code(browser, BEN)).status == 200
    assert await env.codes(BEN) == 1


async def test_the_forwarded_address_counts_only_from_a_trusted_proxy(
    env: WebEnv, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(MOST + 1):
        last = await ask_code(env.browser(), "x@example.com", forwarded_for=f"192.0.2.{number}")
    assert last.status == 429
    assert "SIGNOFF_TRUSTED_PROXIES" in caplog.text


async def test_behind_a_proxy_each_client_has_its_own_limit(path: Path) -> None:
    async with open_web(path, proxies=["127.0.0.0/8"]) as env:
        for number in range(MOST + 1):
            # The client itself sent everything before the last address.
            last = await ask_code(env.browser(), "x@example.com", forwarded_for=f"198.51.100.{number}, 192.0.2.7")
        assert last.status == 429
        assert (await ask_code(env.browser(), "x@example.com", forwarded_for="192.0.2.8")).status == 200


async def test_wrong_codes_without_end_do_not_flood_the_log(env: WebEnv, caplog: pytest.LogCaptureFixture) -> None:
    await env.request_approval()
    caplog.set_level(logging.WARNING, logger="bot.web.code_handlers")
    browser = env.browser()
    at_code = await ask_code(browser, ADA)
    form = at_code.page.form
    for number in range(110):
        wrong = await browser.post(form.action, form.with_(code=f"{number:016d}"), kind=form.kind)
        assert wrong.status == 422
    lines = [record.getMessage() for record in caplog.records if record.name == "bot.web.code_handlers"]
    assert len(lines) == 101
    assert lines[-1].endswith("no more of them are told for a while")
    right = await env.enter_code(browser, at_code)
    assert right.path == "/inbox", "the right code still works after all of them"
    assert len(env.engine_env.mail.to(ADA, DeliveryKind.CODE)) == 1


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 900)), max_size=200))
def test_no_client_exceeds_its_limit_in_any_time_span(attempts: list[tuple[str, int]]) -> None:
    limits, now, admitted = ClientLimits(most=3), NOW, list[tuple[str, datetime]]()
    for who, seconds in attempts:
        now += timedelta(seconds=seconds)
        wait = limits.take(who, now)
        if wait is None:
            admitted.append((who, now))
            assert sum(client == who and at > now - SPAN for client, at in admitted) <= 3
        else:
            assert timedelta() < wait <= SPAN


def test_after_a_clock_that_was_ahead_no_client_has_to_wait() -> None:
    limits = ClientLimits(most=1)
    assert limits.take("a", NOW + timedelta(days=3_650)) is None
    assert limits.take("a", NOW) is None


def test_only_so_many_clients_are_remembered() -> None:
    limits = ClientLimits(most=1)
    for number in range(10_001):
        assert limits.take(str(number), NOW) is None
    assert limits.take("0", NOW) is None
    assert limits.take("10000", NOW) is not None


@pytest.mark.parametrize(
    ("host", "client"),
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
def test_clients_are_told_apart_by_address_or_site(host: str, client: str) -> None:
    assert client_limits.client(Request({"type": "http", "client": (host, 1), "headers": []})) == client
