"""The form of the inbox in which people say that they are away and back."""

from __future__ import annotations

from datetime import timedelta

from tests.support.web_env import ADA, BEN, Answer, Browser, WebEnv


async def send(browser: Browser, act: str, **typed: str) -> Answer:
    page = (await browser.get("/inbox")).page
    form = next(form for form in page.forms if any(button[1] == act for button in form.buttons))
    return await browser.post(form.action, form.with_(act=act, **typed), kind=form.kind)


async def test_a_person_is_away_and_back(env: WebEnv) -> None:
    request = await env.request_approval()
    ada = await env.sign_in()
    back_on, past = ((env.clock.now() + timedelta(days=days)).date().isoformat() for days in (3, -3))
    for typed, said in (
        ({}, "Say on which day you are back."),
        ({"back_on": past}, "That is over already."),
        ({"back_on": back_on, "delegate": "kim"}, "The address"),
        ({"back_on": back_on, "delegate": ADA}, "The person who is away cannot decide in their own place."),
    ):
        wrong = await send(ada, "away", **typed)
        assert (wrong.status, said in wrong.page.text) == (422, True)
    saved = await send(ada, "away", back_on=back_on, delegate="sam@example.com")
    assert "You are away until" in saved.page.text
    assert "sam@example.com decides in your place." in saved.page.text
    await env.engine_env.settle()
    assert [row.person.email for row in (await env.reload(request)).model.eligible] == [BEN, "sam@example.com"]
    back = await send(ada, "back")
    assert "You are away" not in back.page.text


async def test_a_later_absence_is_shown_before_it_begins(env: WebEnv) -> None:
    await env.request_approval()
    ada = await env.sign_in()
    since, back_on = ((env.clock.now() + timedelta(days=days)).date().isoformat() for days in (2, 4))
    saved = await send(ada, "away", since=since, back_on=back_on)
    assert "You are away from" in saved.page.text
    assert "No one decides in your place." in saved.page.text
