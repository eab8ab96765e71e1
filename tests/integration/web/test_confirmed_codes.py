"""Gates that have every decision confirmed with a code, on the pages over real HTTP."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import pytest

from engine.domain import RequestState
from tests.support.web_env import WebEnv

CONFIRMED: Final = "      confirm_with: code"


async def test_a_remembered_browser_gives_a_code_for_each_decision(env: WebEnv) -> None:
    request = await env.request_approval(CONFIRMED)
    browser, page = await env.open_link()
    await env.enter_code(browser, await browser.send(page.page.form))
    for _ in range(2):
        request = await env.request_approval(CONFIRMED)
        page = await browser.get(f"/review/{request.id}")
        at_code = await browser.send(page.page.form)
        assert at_code.path.startswith("/code/")
        assert (await env.reload(request)).model.state is RequestState.PENDING
        closed = await env.enter_code(browser, at_code)
        assert "You approved this" in closed.page.text
        assert "Signed by" in closed.page.text
        assert "Send email: Send this to Kim?" in closed.page.text
    assert await env.engine_env.rows("SELECT count(*) FROM browser") == [(1,)]
    decided = await env.reload(request)
    assert decided.decision is not None
    assert decided.decision.signature is not None
    assert decided.decision.signature.at == env.clock.now()


async def test_a_code_to_sign_in_confirms_no_decision(env: WebEnv) -> None:
    request = await env.request_approval(CONFIRMED)
    browser = await env.sign_in()
    at_code = await browser.send((await browser.get(f"/review/{request.id}")).page.form)
    assert at_code.path.startswith("/code/")
    assert (await env.reload(request)).model.state is RequestState.PENDING


async def test_the_holder_of_a_link_confirms_with_a_code_too(env: WebEnv) -> None:
    request = await env.request_approval(f"      assurance: link\n{CONFIRMED}")
    browser, page = await env.open_link()
    at_code = await browser.send(page.page.form)
    assert (await env.reload(request)).model.state is RequestState.PENDING
    await env.enter_code(browser, at_code)
    assert (await env.reload(request)).model.state is RequestState.APPROVED


@pytest.mark.parametrize("verdict", ["approve", "reject"])
async def test_who_got_too_many_codes_waits_and_loses_nothing(env: WebEnv, verdict: str) -> None:
    request = await env.request_approval(f"{CONFIRMED}\n      reason_required: never")
    for _ in range(5):
        browser, page = await env.open_link()
        await browser.send(page.page.form)
    browser, page = await env.open_link()
    refused = await browser.send(page.page.form, verdict, reason="kept")
    assert refused.status == 409
    assert "no other one can be sent now. Try again in an hour." in refused.page.text
    assert "kept" in [value for _, value in refused.page.form.fields]
    env.clock.pass_time(timedelta(hours=1))
    at_code = await browser.send(refused.page.form, verdict)
    await env.enter_code(browser, at_code)
    assert (await env.reload(request)).model.state is not RequestState.PENDING


async def test_a_text_that_is_too_long_for_a_code_has_to_be_shortened(env: WebEnv) -> None:
    request = await env.request_approval(CONFIRMED)
    browser, page = await env.open_link()
    name = next(name for name, _ in page.page.form.fields if name.startswith("f-"))
    refused = await browser.send(page.page.form, typed={name: "ä" * 60_000})
    assert "Your text is too long to be confirmed with a code." in refused.page.text
    assert await env.codes() == 0
    assert (await env.reload(request)).model.state is RequestState.PENDING
