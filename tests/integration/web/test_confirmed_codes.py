"""Gates that have every decision confirmed with a code, on the pages over real HTTP."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any, Final, cast

import pytest

from bot.cli import serialize
from engine.domain import RequestState
from tests.support.web_env import ADA, BEN, Answer, WebEnv

CONFIRMED: Final = "      confirm_with: code"
_SIGNED: Final = re.compile(r"([^\s>]+), <time [^>]*>Mar 2, 2026, ([0-9:]+ AM) UTC</time>: “([^”]+)”")


def signatures(answer: Answer) -> list[tuple[str, ...]]:
    """Return the signatures of a page: the printed name, the time and the meaning of each, once."""
    return list(dict.fromkeys(_SIGNED.findall(answer.text)))


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


async def test_a_closed_page_shows_the_signature_of_each_person_who_approved(env: WebEnv) -> None:
    request = await env.request_approval(f"{CONFIRMED}\n      policy: all")
    ada, page = await env.open_link()
    await env.enter_code(ada, await ada.send(page.page.form))
    env.engine_env.pass_time(minutes=5)
    ben, page = await env.open_link(BEN)
    assert signatures(page) == [(ADA, "9:00 AM", "Send email: Send this to Kim?")]
    closed = await env.enter_code(ben, await ben.send(page.page.form), BEN)
    for shown in closed, await ada.get(f"/review/{request.id}"):
        assert signatures(shown) == [
            (ADA, "9:00 AM", "Send email: Send this to Kim?"),
            (BEN, "9:05 AM", "Send email: Send this to Kim?"),
        ]
        # They are at the top of the page, and not only in the details.
        outcome, _, _ = shown.text.partition('<details id="details">')
        assert outcome.count(": “Send email: ") == 2
    given = cast("Any", serialize.request(await env.reload(request)))["signatures"]
    assert [signed["name"] for signed in given] == [ADA, BEN]


async def test_a_rejection_stands_beside_the_signatures_before_it(env: WebEnv) -> None:
    await env.request_approval(f"{CONFIRMED}\n      policy: all\n      reason_required: never")
    ada, page = await env.open_link()
    await env.enter_code(ada, await ada.send(page.page.form))
    env.engine_env.pass_time(minutes=5)
    ben, page = await env.open_link(BEN)
    closed = await env.enter_code(ben, await ben.send(page.page.form, "reject", reason="Too early."), BEN)
    assert [(name, meaning) for name, _, meaning in signatures(closed)] == [
        (ADA, "Send email: Send this to Kim?"),
        (BEN, "Hold it back: Send this to Kim?"),
    ]


async def test_a_code_that_comes_after_an_edit_of_another_shows_the_request_and_what_was_typed(env: WebEnv) -> None:
    request = await env.request_approval(f"{CONFIRMED}\n      policy: all")
    pages = [await env.open_link(address) for address in (ADA, BEN)]
    name = next(name for name, value in pages[0][1].page.form.fields if value.startswith("Dear Kim"))
    waiting = [
        await browser.send(page.page.form, typed={name: f"Dear Kim, {number}."})
        for number, (browser, page) in enumerate(pages)
    ]
    assert (await env.enter_code(pages[1][0], waiting[1], BEN)).status == 200
    stale = await env.enter_code(pages[0][0], waiting[0])
    assert (stale.status, stale.path) == (409, waiting[0].path)
    assert "This request has changed since you opened it." in stale.page.text
    assert "Dear Kim, 0." in stale.page.text
    assert "Dear Kim, 1." in dict(stale.page.form.fields)[name]
    at_code = await pages[0][0].send(stale.page.form)
    await env.enter_code(pages[0][0], at_code)
    assert (await env.reload(request)).model.state is RequestState.APPROVED
