"""A test of attention on the review page: it looks like every request, and is told to the person right after."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from functools import partial
from pathlib import Path

import pytest

from engine.domain import Address, Decided
from engine.store import log_followers
from tests.integration.test_seeded_requests import FLOW, come_for
from tests.support.web_env import ADA, BEN, WebEnv, open_web

SOURCE = FLOW.replace("SEEDED", "seeded: 1 in 50").replace("lee@example.com", ADA).replace("kim@example.com", BEN)


@pytest.fixture
async def env(path: Path) -> AsyncIterator[WebEnv]:
    async with open_web(path) as env:
        yield env


async def ask(env: WebEnv) -> str:
    engine = env.engine_env
    engine.pass_time(seconds=1)
    run = await engine.start(amount={"amount": "120.50", "currency": "EUR"}, note="hello")
    await engine.settle()
    return run


async def seeded_request(env: WebEnv) -> str:
    """Return a seeded request for Ada and Ben."""
    engine = env.engine_env
    await engine.register(SOURCE)
    assert isinstance(await engine.decide(await ask(env), by=Address("email", ADA)), Decided)
    await engine.settle()
    for address in (ADA, BEN):
        one = await engine.engine.person(Address("email", address))
        assert one is not None
        await engine.store.transact(partial(come_for, one=one))
    await ask(env)
    ((run,),) = await engine.rows("SELECT run FROM oversight_request")
    return (await engine.request(str(run))).id


async def test_a_test_is_reviewed_like_every_request_and_told_after_the_click(env: WebEnv) -> None:
    request = await seeded_request(env)
    ada, ben = await env.sign_in(), await env.sign_in(BEN)
    shown = await ada.get(f"/review/{request}")
    assert "1205.00" in shown.text.replace(",", "")
    assert "test" not in shown.page.text
    assert "signoff-oversight" not in shown.text
    told = await ada.send(shown.page.form, "reject", reason="Ten times too much.")
    assert "This was a test, and you caught it" in told.page.text
    assert "10 times the real one." in told.page.text
    assert "real one.." not in told.page.text
    assert "The result will appear here" not in told.page.text
    for path in ("/inbox?part=decided", f"/requests/{request}"):
        assert "10 times the real one." in (await ada.get(path)).page.text
    other = (await ben.get(f"/review/{request}")).page.text
    assert "you caught it" not in other
    assert "10 times the real one" not in other
    ((run,),) = await env.engine_env.rows("SELECT run FROM oversight_request")
    for path in ("/inbox", "/inbox?part=waiting", f"/requests/{request}", f"/runs/{run}"):
        seen = (await ben.get(path)).page.text
        assert "Ten times too much." not in seen
        assert ADA not in seen or path == "/inbox"


async def real_run(env: WebEnv) -> str:
    """Return the run of the real request beside the seeded one."""
    of_flow = "SELECT run.id FROM run JOIN workflow ON workflow.id = run.workflow WHERE workflow.name = 'flow'"
    return str((await env.engine_env.rows(f"{of_flow} ORDER BY run.id"))[-1][0])


def without_values(page: str, ids: Mapping[str, str]) -> list[str]:
    """Return the lines of a page without what differs between any two requests, and without the order of copies."""
    for written, shown in ids.items():
        page = page.replace(written, shown)
    page = re.sub(r"1,?205(?:\.00)?|120\.50?", "AMOUNT", page)
    page = re.sub(r"value=\"[^\"]{20,}\"", "VALUE", page)
    page = re.sub(r"\b[0-9a-f]{64}\b", "DIGEST", page)
    page = page.replace("? · AMOUNT EUR · hello", "?")  # a line names the values that its question does not have
    page = re.sub(r"data-mark=\"[0-9.]+\"", "MARK", page)
    return sorted(page.splitlines())


async def test_before_the_click_no_page_tells_a_test_from_a_real_request(env: WebEnv) -> None:
    """The run of the workflow did something before it asked: that is there as well, and in its order."""
    seeded = await seeded_request(env)
    engine = env.engine_env
    ((seeded_run,),) = await engine.rows("SELECT run FROM oversight_request")
    run = await real_run(env)
    real = (await engine.engine.requests_of_run(run))[-1].id
    await engine.settle()
    for person in (ADA, BEN):
        browser = await env.sign_in(person)
        for path in ("/review/{request}", "/requests/{request}", "/runs/{run}"):
            pages = [
                without_values((await browser.get(path.format(request=asked, run=of))).text, {asked: "ID", of: "RUN"})
                for asked, of in ((real, run), (seeded, str(seeded_run)))
            ]
            assert pages[0] == pages[1], path


async def test_before_the_click_every_filter_and_search_finds_a_test_beside_the_real_request(env: WebEnv) -> None:
    seeded = await seeded_request(env)
    engine = env.engine_env
    real = (await engine.engine.requests_of_run(await real_run(env)))[-1].id
    await engine.store.transact(lambda tx: log_followers.follow_log(tx, "default"))
    browser = await env.sign_in()
    for query in (
        "",
        "workflow=flow",
        "person=ann@example.com",
        "search=refund",
        "search=Refunds",
        "search=flow",
        "search=hello",
        "search=oversight",
    ):
        page = (await browser.get(f"/inbox?{query}")).text
        assert (seeded in page) == (real in page) == ("oversight" not in query), query
    ((run,),) = await engine.rows("SELECT run FROM oversight_request")
    for query in ("", "workflow=flow", "part=all"):
        page = (await browser.get(f"/runs?{query}")).text
        assert (str(run) in page) == (await real_run(env) in page), query
