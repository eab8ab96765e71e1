"""The form of the inbox in which people say that they are away and back."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from tests.support.account_directory import AccountDirectory
from tests.support.sign_in_env import open_sign_in
from tests.support.web_env import ADA, BEN, Answer, Browser, WebEnv, open_web


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
        # The form is at the end of a long page: the top says what is wrong, and leads to it.
        assert wrong.page.text.index("Your absence was not saved: ") < wrong.page.text.index("Filter")
        assert "#back_on" in wrong.page.links
        assert "autofocus" in wrong.page.ids["back_on"]
    saved = await send(ada, "away", back_on=back_on, delegate="sam@example.com")
    assert "You are away until" in saved.page.text
    assert "sam@example.com decides in your place." in saved.page.text
    await env.engine_env.settle()
    assert [row.person.email for row in (await env.reload(request)).model.eligible] == [BEN, "sam@example.com"]
    back = await send(ada, "back")
    assert "You are away" not in back.page.text
    assert "You are back. New requests come to you again." in back.page.text
    await send(ada, "away", back_on=back_on)
    page = await ada.get("/inbox?done=back")
    assert page.page.text.index("You are away until") < page.page.text.index("Your browsers")
    assert "You are back." not in page.page.text


async def test_a_later_absence_is_shown_before_it_begins(env: WebEnv) -> None:
    await env.request_approval()
    ada = await env.sign_in()
    since, back_on = ((env.clock.now() + timedelta(days=days)).date().isoformat() for days in (2, 4))
    saved = await send(ada, "away", since=since, back_on=back_on)
    assert "You are away from" in saved.page.text
    assert "No one decides in your place." in saved.page.text


_IN_SLACK = "To choose who decides in your place, use /signoff away in Slack"


async def test_a_person_with_an_account_is_offered_no_delegate_after_a_code(path: Path) -> None:
    """They are told where to choose one, and of no way that does not exist here."""
    async with open_web(path, directory=AccountDirectory(UADA=ADA, UBEN=BEN)) as env:
        await env.request_approval()
        ada = await env.sign_in()
        page = await ada.get("/inbox")
        assert "delegate" not in page.page.ids
        assert f"{_IN_SLACK}." in page.page.text
        back_on = (env.clock.now() + timedelta(days=3)).date().isoformat()
        assert "You are away until" in (await send(ada, "away", back_on=back_on)).page.text


async def test_where_people_sign_in_with_slack_they_choose_their_delegate_after_it(path: Path) -> None:
    async with open_sign_in(path) as env:
        await env.web.request_approval()
        by_code = await (await env.web.sign_in()).get("/inbox")
        assert f"{_IN_SLACK}, or sign in here with Slack first." in by_code.page.text
        browser = env.web.browser()
        form = (await browser.get("/inbox")).page.form_with("act")
        at_sign_in = await browser.post(form.action, form.with_(act="sign-in-with-account"), kind=form.kind)
        await env.sign_in(browser, at_sign_in, "ada")
        assert "delegate" in (await browser.get("/inbox")).page.ids
