"""The page on which people choose when they are told of requests, over real HTTP."""

from __future__ import annotations

from engine.domain import Address, Digest, Preferences
from tests.support.web_env import ADA, Answer, Browser, WebEnv


async def send(browser: Browser, **typed: str) -> Answer:
    (form,) = (await browser.get("/preferences")).page.forms
    return await browser.post(form.action, form.with_(**typed), kind=form.kind)


async def test_a_person_chooses_a_digest_and_quiet_hours(env: WebEnv) -> None:
    await env.request_approval()
    ada = await env.sign_in()
    assert "Choose a digest, or quiet hours" in (await ada.get("/inbox")).page.text
    shown = await ada.get("/preferences")
    assert "You get one message for each request, at once." in shown.page.text
    assert "Signoff does not know your time zone, so times are in UTC." in shown.page.text
    saved = await send(
        ada, digest="count", at="17:30", count="3", quiet_from="20:00", quiet_until="07:00", weekends="yes"
    )
    for sentence in (
        "You get a digest when 3 requests wait, and at 5:30 PM in any case.",
        "Your quiet hours are from 8:00 PM to 7:00 AM, and on Saturday and Sunday.",
    ):
        assert sentence in saved.page.text
        assert sentence in (await ada.get("/preferences")).page.text
    person = await env.engine_env.engine.person(Address("email", ADA))
    assert person is not None
    assert person.preferences == Preferences(
        digest=Digest.COUNT, at=17 * 60 + 30, count=3, quiet_from=20 * 60, quiet_until=7 * 60, quiet_weekends=True
    )


async def test_what_cannot_be_followed_is_said_and_what_was_typed_stays(env: WebEnv) -> None:
    await env.request_approval()
    ada = await env.sign_in()
    for typed, said in (
        ({"digest": "count", "count": "1"}, "Choose a number of requests from 2 to 20."),
        ({"digest": "count", "count": "many"}, "Choose a number of requests from 2 to 20."),
        ({"digest": "daily", "at": "25:00"}, "Choose a time from 00:00 to 23:59."),
        ({"quiet_from": "20:00"}, "Say when your quiet hours begin and when they end."),
        ({"quiet_from": "20:00", "quiet_until": "8 pm"}, "Say when your quiet hours begin and when they end."),
    ):
        wrong = await send(ada, **typed)
        assert (wrong.status, said in wrong.page.text) == (422, True)
        assert all(f'value="{text}"' in wrong.text for text in typed.values())
    person = await env.engine_env.engine.person(Address("email", ADA))
    assert person is not None
    assert person.preferences is None


async def test_the_page_needs_a_browser_that_is_signed_in(env: WebEnv) -> None:
    await env.request_approval()
    ada, stranger = await env.sign_in(), env.browser()
    answer = await stranger.get("/preferences")
    assert (answer.status, "Sign in to choose how you are asked" in answer.page.text) == (403, True)
    (form,) = (await ada.get("/preferences")).page.forms
    refused = await stranger.post(form.action, form.with_(digest="daily"), kind=form.kind)
    assert refused.status == 403
    stale = await ada.post(form.action, form.with_(digest="daily", nonce="x"), kind=form.kind)
    assert (stale.status, "Nothing was saved yet. Press the button again." in stale.page.text) == (422, True)
