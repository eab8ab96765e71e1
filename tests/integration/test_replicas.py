"""Two processes on one database behind a load balancer: each delivery and each page may reach any of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from bot.devtools.sandbox.delivery import Ack, AppDelivery
from engine.domain import RequestState
from engine.read_models import PageQuery
from engine.store.asked_codes import MOST
from tests.support import databases
from tests.support.slack_env import SlackEnv, buttons, copy_of, ephemeral_texts, expect_ok, is_copy, open_slack, words
from tests.support.web_env import ADA, Browser, WebEnv, open_web

PUBLIC = "signoff.example.com"
BY_LINK = "      assurance: link\n"
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
    assert "You approved this" in receipt.page.text
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


async def test_what_was_typed_before_a_code_is_there_at_another_process_and_after_a_restart(
    tmp_path: Path, postgres_database: str
) -> None:
    async with two_sites(postgres_database, tmp_path) as (first, second):
        await first.request_approval(body="Dear Kim,")
        browser, page = await first.open_link()
        field = next(name for name, _ in page.page.form.fields if name.startswith("f-"))
        typed = {field: "\r\nDear Kim,\r\n  <b>", "reason": "So"}
        at_code = await browser.send(page.page.form, typed=typed)
        back = next(link for link in at_code.page.links if link.endswith("typed=1"))
        turn(browser, second)
        again = await browser.get(back)
        assert "Your text is still here" in again.page.text
        assert dict(again.page.form.fields).items() >= typed.items()
    async with two_sites(postgres_database, tmp_path) as (first, _):
        after = await Browser(first.session, first.base, jar=browser.jar).get(back)
        assert dict(after.page.form.fields).items() >= typed.items()
        jar = {(name, path): value for (name, path), value in browser.jar.items() if "holder" not in name}
        stranger = await Browser(first.session, first.base, jar=jar).get(back)
        assert dict(stranger.page.form.fields)[field] != typed[field]


async def test_who_signed_in_at_one_process_is_known_to_the_other(sites: tuple[WebEnv, WebEnv]) -> None:
    first, second = sites
    request = await first.request_approval(body="Dear Kim,")
    browser = await first.sign_in()
    turn(browser, second)
    assert f"/review/{request.id}" in (await browser.get("/inbox")).text


async def test_a_sign_in_code_that_is_sent_to_both_at_once_signs_in_once(sites: tuple[WebEnv, WebEnv]) -> None:
    first, second = sites
    await first.request_approval()
    browser = first.browser()
    form = (await browser.get("/inbox")).page.form
    at_code = await browser.post(form.action, form.with_(email=ADA), kind=form.kind)
    other = Browser(browser.session, second.base, jar=dict(browser.jar))
    answers = await asyncio.gather(first.enter_code(browser, at_code), first.enter_code(other, at_code))
    assert sorted(answer.status for answer in answers) == [200, 422]
    assert await first.engine_env.rows("SELECT count(*) FROM browser") == [(1,)]


async def ask_codes(browser: Browser, count: int) -> int:
    """Ask for codes to sign in with addresses that no person has, and return how many were granted."""
    form = (await browser.get("/inbox")).page.form
    answers = [
        await browser.post(form.action, form.with_(email=f"no{number}@example.com"), kind=form.kind)
        for number in range(count)
    ]
    return sum(answer.status == 200 for answer in answers)


async def test_a_client_may_ask_for_as_many_codes_at_all_processes_as_at_one(
    tmp_path: Path, postgres_database: str
) -> None:
    async with two_sites(postgres_database, tmp_path) as (first, second):
        at_first, at_second = first.browser(), second.browser()
        assert sum(await asyncio.gather(ask_codes(at_first, 10), ask_codes(at_second, 10))) == 20
        assert sum(await asyncio.gather(ask_codes(at_first, 15), ask_codes(at_second, 15))) == MOST - 20
    async with two_sites(postgres_database, tmp_path) as sites:
        assert [await ask_codes(site.browser(), 1) for site in sites] == [0, 0], "a restart does not reset it"
        sites[1].engine_env.pass_time(minutes=11)
        assert await ask_codes(sites[1].browser(), 1) == 1


async def test_a_form_of_one_process_is_taken_by_another(sites: tuple[WebEnv, WebEnv]) -> None:
    first, second = sites
    request = await first.request_approval(BY_LINK)
    browser, page = await first.open_link()
    turn(browser, second)
    form = page.page.form
    fields = form.with_(verdict="approve")
    strange = await browser.post(form.action, fields, kind=form.kind, Sec_Fetch_Site=None, Origin=second.base)
    assert strange.status == 403, "the address of a process is not the public one"
    receipt = await browser.post(form.action, fields, kind=form.kind, Sec_Fetch_Site=None, Origin=first.url)
    assert (receipt.status, receipt.path) == (200, f"/review/{request.id}")
    assert "ada@example.com approved this" in receipt.page.text
    turn(browser, first)
    again = await browser.post(form.action, fields, kind=form.kind)
    assert (again.status, again.page.headings) == (receipt.status, receipt.page.headings)


async def test_a_form_that_is_sent_to_both_at_once_decides_once(sites: tuple[WebEnv, WebEnv]) -> None:
    first, second = sites
    request = await first.request_approval(BY_LINK)
    browser, page = await first.open_link()
    other = Browser(browser.session, second.base, jar=browser.jar)
    receipts = await asyncio.gather(browser.send(page.page.form), other.send(page.page.form))
    for receipt in receipts:
        assert (receipt.status, receipt.path) == (200, f"/review/{request.id}")
        assert "ada@example.com approved this" in receipt.page.text
    assert (await first.engine_env.kinds(request.run)).count("request.approved") == 1


async def test_a_code_that_is_sent_to_both_at_once_decides_once(sites: tuple[WebEnv, WebEnv]) -> None:
    first, second = sites
    request = await first.request_approval()
    browser, page = await first.open_link()
    at_code = await browser.send(page.page.form)
    other = Browser(browser.session, second.base, jar=browser.jar)
    receipts = await asyncio.gather(first.enter_code(browser, at_code), first.enter_code(other, at_code))
    for receipt in receipts:
        assert (receipt.status, receipt.path) == (200, f"/review/{request.id}")
        assert receipt.page.title.startswith("Approved: ")
    assert "You approved this" in (await browser.get(receipts[0].path)).page.text
    assert (await first.engine_env.kinds(request.run)).count("request.approved") == 1


@dataclass(frozen=True)
class Bots:
    """Two bots of one Slack app. People act at the first, and Slack delivers the same to the second."""

    first: SlackEnv
    second: SlackEnv
    second_url: str

    async def retry(self, delivery: AppDelivery) -> Ack:
        """Deliver the same to the second bot, as Slack does if it heard no answer from the first."""
        slack = self.first.slack
        app = replace(slack.app, request_url=self.second_url)
        return await slack.slack.deliveries.send(
            app, kind=delivery.kind, payload=delivery.payload, retry=1, reason="http_timeout"
        )

    async def at_both(self, action: Coroutine[Any, Any, Ack | None]) -> list[Ack]:
        """Act at the first bot, and deliver the same to the second at the same time."""
        slack = self.first.slack
        acting, count = asyncio.ensure_future(action), len(slack.deliveries)
        await slack.until(lambda: len(slack.deliveries) > count)
        retried = await self.retry(slack.deliveries[count])
        answers = [expect_ok(await acting), expect_ok(retried)]
        await self.settle()
        return answers

    async def settle(self) -> None:
        await self.second.finish_background_work()
        await self.first.settle()


@pytest.fixture
async def bots(tmp_path: Path, postgres_database: str) -> AsyncIterator[Bots]:
    opener = databases.on_server(postgres_database)
    async with open_slack(tmp_path / "a", "http", open_store=opener) as first:
        app = first.slack.app
        first_url = app.request_url
        second = SlackEnv(first.slack, tmp_path / "b", "http", first.clock, first.builders, opener)
        await second.start_bot()
        second_url, app.request_url = str(app.request_url), first_url
        try:
            yield Bots(first, second, second_url)
        finally:
            await second.stop_bot()


async def test_clicks_that_reach_two_processes_make_one_decision(bots: Bots) -> None:
    env = bots.first
    run, ada, ben = await env.request_approval(), env.person("ada"), env.person("ben")
    first_url, env.slack.app.request_url = env.slack.app.request_url, bots.second_url
    expect_ok(await ada.click("Approve"))
    env.slack.app.request_url = first_url
    expect_ok(await ben.click("Approve"))
    await env.slack.until(lambda: ephemeral_texts(env.slack, ben))
    await bots.settle()
    decision = (await env.request(run)).decision
    assert decision is not None
    assert decision.person.label == "Ada Approver"
    assert buttons(copy_of(ada)) == buttons(copy_of(ben)) == ["Details"]


async def test_a_click_that_slack_repeats_at_another_process_decides_once(bots: Bots) -> None:
    env = bots.first
    run, ada = await env.request_approval(), env.person("ada")
    await bots.at_both(ada.click("Approve"))
    expect_ok(await bots.retry(env.slack.deliveries[-1]))
    await bots.settle()
    assert await env.state(run) is RequestState.APPROVED
    assert len(env.bot.step.calls) == 1
    assert buttons(copy_of(ada)) == ["Details"]
    told = ephemeral_texts(env.slack, ada)
    assert len(told) == 2, "each delivery after the one that decided"
    assert all("You already approved this request" in text for text in told)


async def test_a_form_that_slack_repeats_at_another_process_decides_once(bots: Bots) -> None:
    env = bots.first
    run, ben = await env.request_approval(), env.person("ben")
    expect_ok(await ben.click("Edit"))
    await env.slack.until(lambda: ben.modal)
    answers = await bots.at_both(ben.submit({"Text": "Pay 100 EUR"}))
    decision = (await env.request(run)).decision
    assert decision is not None
    assert [edit.after for edit in decision.edits] == ["Pay 100 EUR"]
    assert [params.text for params, _ in env.bot.step.calls] == ["Pay 100 EUR"]
    closed, told = sorted((answer.body for answer in answers), key=lambda body: body["response_action"])
    assert closed == {"response_action": "clear"}
    assert told["response_action"] == "update"
    assert "You already approved this request" in words(told["view"])


async def test_a_command_that_slack_repeats_at_another_process_starts_one_run(bots: Bots) -> None:
    env = bots.first
    await env.register()
    ben = env.person("ben")
    await bots.at_both(ben.command("/signoff run refund amount=80", channel="general"))
    assert len(await env.engine.runs(PageQuery(limit=10))) == 1
    assert len([message for message in env.person("ada").sees() if is_copy(message, "Refund 80 EUR?")]) == 1
    told = ephemeral_texts(env.slack, ben)
    assert len(told) == 2
    assert all(text.startswith("Refund 80 EUR?") for text in told)
    assert sum("This was started already, so it was not started again." in text for text in told) == 1


async def test_an_event_that_slack_repeats_at_another_process_shows_the_same(bots: Bots) -> None:
    env = bots.first
    run, ada = await env.request_approval(), env.person("ada")
    ada.open_home()
    await env.slack.until(lambda: ada.home)
    await bots.settle()
    home = words(ada.home["blocks"] if ada.home else "")
    expect_ok(await ada.click("Approve"))
    opened = next(delivery for delivery in env.slack.deliveries if delivery.kind == "events_api")
    expect_ok(await bots.retry(opened))
    await bots.settle()
    assert ada.home is not None
    assert "1 request is waiting for you" in home
    assert "1 request is waiting for you" not in words(ada.home["blocks"]), "it shows what is true now"
    assert await env.state(run) is RequestState.APPROVED
