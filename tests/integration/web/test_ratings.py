"""The page on which a person who decided rates what they were asked, over HTTP, and the email that leads to it."""

from __future__ import annotations

from bot.email import view
from engine.domain import DeliveryKind, RequestState
from engine.read_models import RequestView
from tests.support.web_env import ADA, BEN, Browser, WebEnv

FEEDBACK = "      feedback: true\n"


async def decided(env: WebEnv, keys: str = FEEDBACK) -> tuple[Browser, RequestView]:
    request = await env.request_approval(keys)
    browser = await env.sign_in(ADA)
    page = await browser.get(f"/review/{request.id}")
    await browser.send(page.page.form)
    return browser, request


async def given(env: WebEnv, request: RequestView) -> list[tuple[str, int, str | None]]:
    ratings = (await env.reload(request)).model.ratings
    return [(one.person.label, one.rating, one.comment) for one in ratings]


async def test_the_receipt_leads_to_the_rating_which_may_be_changed_later(env: WebEnv) -> None:
    browser, request = await decided(env)
    receipt = await browser.get(f"/review/{request.id}")
    assert "Rate it" in receipt.page.text
    page = await browser.get(f"/review/{request.id}/rate")
    form = page.page.form
    saved = await browser.post(form.action, form.with_(rating="4", comment="clear"), kind=form.kind)
    assert "You rated this 4 of 5. Change your rating" in saved.page.text
    assert await given(env, request) == [(ADA, 4, "clear")]
    again = (await browser.get(f"/review/{request.id}/rate")).page.form
    assert ("comment", "clear") in [(name, value.strip()) for name, value in again.with_()]
    await browser.post(again.action, again.with_(rating="1", comment=""), kind=again.kind)
    assert await given(env, request) == [(ADA, 1, None)]


async def test_a_form_without_a_choice_keeps_what_was_typed(env: WebEnv) -> None:
    browser, request = await decided(env)
    form = (await browser.get(f"/review/{request.id}/rate")).page.form
    answer = await browser.post(form.action, form.with_(comment="<b>clear</b>"), kind=form.kind)
    assert answer.status == 422
    assert "Choose a rating from 1 to 5." in answer.page.text
    assert "&lt;b&gt;clear&lt;/b&gt;" in answer.text
    forged = await browser.post(form.action, [("rating", "5")], kind=form.kind)
    assert forged.status == 422
    assert await given(env, request) == []


async def test_only_who_decided_is_offered_to_rate(env: WebEnv) -> None:
    _, request = await decided(env)
    ben = await env.sign_in(BEN)
    assert "Rate it" not in (await ben.get(f"/review/{request.id}")).page.text
    assert "How good was" not in (await ben.get(f"/review/{request.id}/rate")).page.text
    _, by_link = await env.open_link(ADA)
    assert "Rate it" not in by_link.page.text, "a link may have been forwarded"
    stranger = await env.browser().get(f"/review/{request.id}/rate")
    assert "How good was" not in stranger.page.text


async def test_a_gate_that_asks_for_no_feedback_offers_none(env: WebEnv) -> None:
    browser, request = await decided(env, "")
    assert "Rate it" not in (await browser.get(f"/review/{request.id}")).page.text
    assert "How good was" not in (await browser.get(f"/review/{request.id}/rate")).page.text


async def test_the_receipt_by_email_has_the_link_for_who_decided_only(env: WebEnv) -> None:
    _, request = await decided(env)
    await env.engine_env.settle()
    assert (await env.reload(request)).model.state is RequestState.APPROVED
    shown = {}
    for address in (ADA, BEN):
        [copy] = [
            email.card
            for email in env.engine_env.mail.channel.of(address)
            if email.cards[0].kind is DeliveryKind.REQUEST
        ]
        shown[address] = view.shown(copy, public_url="https://s.example")
    assert (shown[ADA].link, shown[ADA].button) == (f"https://s.example/review/{request.id}", "Rate it")
    assert shown[BEN].link is None
