"""Two processes on one database behind a load balancer: each delivery and each page may reach any of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from engine.domain import RequestState
from tests.support import databases
from tests.support.slack_env import SlackEnv, buttons, copy_of, ephemeral_texts, expect_ok, open_slack
from tests.support.web_env import Browser, WebEnv, open_web

PUBLIC = "signoff.example.com"
TRIES = 5
"""How often a code may be tried in one browser."""


@asynccontextmanager
async def two_sites(url: str, folder: Path) -> AsyncIterator[tuple[WebEnv, WebEnv]]:
    opener = databases.on_server(url)
    async with (
        open_web(folder / "a", host=PUBLIC, open_store=opener) as first,
        open_web(folder / "b", host=PUBLIC, open_store=opener) as second,
    ):
        yield first, second


@pytest.fixture
async def sites(tmp_path: Path, postgres_database: str) -> AsyncIterator[tuple[WebEnv, WebEnv]]:
    async with two_sites(postgres_database, tmp_path) as both:
        yield both


def turn(browser: Browser, site: WebEnv) -> None:
    """Send what the browser does next to this process."""
    browser.base = site.base


async def test_each_step_of_a_decision_may_reach_another_process(sites: tuple[WebEnv, WebEnv]) -> None:
    first, second = sites
    request = await first.request_approval(body="Dear Kim,")
    browser = second.browser()
    _, page = await first.open_link(browser=browser)
    turn(browser, first)
    at_code = await browser.send(page.page.form, reason="Fine by me")
    code = await first.code()
    turn(browser, second)
    form = at_code.page.form
    receipt = await browser.post(form.action, form.with_(code=code), kind=form.kind)
    assert "You approved this" in receipt.text
    turn(browser, first)
    again = await browser.post(form.action, form.with_(code=code), kind=form.kind)
    assert again.status in (200, 410)
    view = await first.reload(request)
    assert view.model.state is RequestState.APPROVED
    assert view.decision is not None
    assert view.decision.reason == "Fine by me"


async def test_wrong_codes_are_counted_together(sites: tuple[WebEnv, WebEnv]) -> None:
    first, second = sites
    request = await first.request_approval()
    browser, page = await first.open_link()
    at_code = await browser.send(page.page.form)
    code, form = await first.code(), at_code.page.form
    wrong = "0" * len(code) if code != "0" * len(code) else "1" * len(code)
    for number in range(TRIES):
        turn(browser, sites[number % 2])
        await browser.post(form.action, form.with_(code=wrong), kind=form.kind)
    for site in sites:
        turn(browser, site)
        answer = await browser.post(form.action, form.with_(code=code), kind=form.kind)
        assert answer.status == 410
    assert (await second.reload(request)).model.state is RequestState.PENDING


async def test_who_signed_in_at_one_process_is_known_to_the_other(sites: tuple[WebEnv, WebEnv]) -> None:
    first, second = sites
    request = await first.request_approval(body="Dear Kim,")
    browser = await first.sign_in()
    turn(browser, second)
    assert f"/review/{request.id}" in (await browser.get("/inbox")).text


async def test_clicks_that_reach_two_processes_make_one_decision(tmp_path: Path, postgres_database: str) -> None:
    opener = databases.on_server(postgres_database)
    async with open_slack(tmp_path / "a", "http", open_store=opener) as env:
        run, at_first = await env.request_approval(), env.slack.app.request_url
        ada, ben = env.person("ada"), env.person("ben")
        other = SlackEnv(env.slack, tmp_path / "b", "http", env.clock, env.builders, opener)
        await other.start_bot()  # from now on Slack delivers here
        try:
            expect_ok(await ada.click("Approve"))
            env.slack.app.request_url = at_first
            expect_ok(await ben.click("Approve"))
            await env.slack.until(lambda: ephemeral_texts(env.slack, ben))
            await env.settle()
            decision = (await env.request(run)).decision
            assert decision is not None
            assert decision.person.label == "Ada Approver"
            assert buttons(copy_of(ada)) == buttons(copy_of(ben)) == ["Details"]
        finally:
            await other.stop_bot()
