"""A test of attention on the review page: it looks like every request, and is told to the person right after."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from engine.domain import Address, Decided
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
