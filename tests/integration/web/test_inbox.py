"""Signing in by email, the waiting requests, and the remembered browsers."""

from __future__ import annotations

from tests.support.web_env import ADA, WebEnv

BY_LINK = "      assurance: link\n"


async def test_a_person_who_signs_in_by_email_sees_their_waiting_requests(env: WebEnv) -> None:
    request = await env.request_approval()
    browser = env.browser()
    sign_in = await browser.get("/inbox")
    assert sign_in.page.headings == ["Sign in to see your requests"]
    form = sign_in.page.form
    at_code = await browser.post(form.action, form.with_(email=f" {ADA.upper()} "), kind=form.kind)
    assert at_code.path.startswith("/code/")
    inbox = await env.enter_code(browser, at_code)
    assert inbox.path == "/inbox"
    assert "Send this to Kim?" in inbox.page.headings
    assert f"/review/{request.id}" in inbox.page.links
    assert "See where you are signed in (1 browser)" in inbox.page.text
    assert "/sessions" in inbox.page.links
    page = await browser.get(f"/review/{request.id}")
    await browser.send(page.page.form)
    assert (await env.reload(request)).decision is not None
    assert "No request is waiting for you" in (await browser.get("/inbox")).page.text


async def test_the_page_does_not_reveal_known_addresses(env: WebEnv) -> None:
    await env.request_approval()
    pages = []
    for email in (ADA, "nobody@example.com"):
        browser = env.browser()
        form = (await browser.get("/inbox")).page.form
        answer = await browser.post(form.action, form.with_(email=email), kind=form.kind)
        pages.append((answer.status, answer.page.text.replace("n…@", "a…@")))
    assert pages[0] == pages[1]
    assert await env.codes("nobody@example.com") == 0


async def test_an_invalid_address_is_shown_again_with_its_error(env: WebEnv) -> None:
    browser = env.browser()
    form = (await browser.get("/inbox")).page.form
    for typed in ("", "ada", 'a"<b>@example'):
        answer = await browser.post(form.action, form.with_(email=typed), kind=form.kind)
        assert answer.status == 422
        assert dict(answer.page.form.fields)["email"] == typed
        assert answer.page.ids["email"]["aria-describedby"] == "email-error"


async def test_signing_out_forgets_this_browser(env: WebEnv) -> None:
    await env.request_approval()
    mine = await env.sign_in()
    inbox = (await mine.get("/inbox")).page
    form = next(form for form in inbox.forms if ("act", "sign-out", "Sign out here") in form.buttons)
    out = await mine.post(form.action, form.with_(act="sign-out"), kind=form.kind)
    assert out.page.headings == ["Sign in to see your requests"]
    assert not any("browser" in name for name, _ in mine.jar)


async def test_the_inbox_lists_questions_in_the_order_in_which_they_expire(env: WebEnv) -> None:
    later = await env.request_approval("      expires: 3d\n", customer="Lee")
    never = await env.request_approval(customer="Noa")
    first = await env.request_approval("      expires: 4h\n", customer="Eve")
    inbox = await (await env.sign_in()).get("/inbox")
    assert inbox.page.headings[:4] == [
        "3 requests are waiting for you",
        "Send this to Eve?",
        "Send this to Lee?",
        "Send this to Noa?",
    ]
    assert inbox.page.title == "3 requests are waiting for you – Signoff"
    assert [link for link in inbox.page.links if link.startswith("/review/")] == [
        f"/review/{request.id}" for request in (first, later, never)
    ]
    assert "ann@example.com asked Mar 2, 2026, 9:00 AM UTC. Expires Mar 2, 2026, 1:00 PM UTC." in inbox.page.text


async def test_an_empty_inbox_says_so(env: WebEnv) -> None:
    await env.request_approval(BY_LINK)
    browser = await env.sign_in()
    await browser.send((await env.open_link(browser=browser))[1].page.form)
    inbox = await browser.get("/inbox")
    assert inbox.page.headings[0] == "No request is waiting for you"
    assert "Signoff tells you when your decision is needed." in inbox.page.text
