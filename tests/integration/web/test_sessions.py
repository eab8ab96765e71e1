"""The page of the browsers in which a person has signed in: each can be signed out, and all others at once."""

from __future__ import annotations

from datetime import timedelta

from engine.code_derivation import MIN_KEY, Codes
from engine.domain import Address, NotAllowed, NotFound, SignedOut, SignOut
from engine.service import Engine, Identity
from tests.support.engine_env import SAM, TERMINAL
from tests.support.html_forms import Form
from tests.support.web_env import ADA, BEN, Answer, Browser, WebEnv

FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:130.0) Gecko/20100101 Firefox/130.0"


async def sign_in_with_firefox(env: WebEnv) -> Browser:
    browser = env.browser(**{"User-Agent": FIREFOX})
    form = (await browser.get("/inbox")).page.form
    at_code = await browser.post(form.action, form.with_(email=ADA), kind=form.kind)
    await env.enter_code(browser, at_code)
    return browser


def of_browsers(page: Answer) -> list[Form]:
    return [form for form in page.page.forms if "browser" in dict(form.fields)]


def button(form: Form) -> str:
    return form.buttons[0][2].partition(", ")[0]


async def is_signed_in(browser: Browser) -> bool:
    return (await browser.get("/sessions")).path == "/sessions"


async def test_each_browser_says_where_since_when_and_how(env: WebEnv) -> None:
    await env.request_approval()
    await sign_in_with_firefox(env)
    env.clock.pass_time(timedelta(hours=3))
    mine = await env.sign_in()
    page = await mine.get("/sessions")
    assert page.page.headings == ["Your browsers"]
    assert [button(form) for form in of_browsers(page)] == ["Sign out here", "Sign out of Firefox on Windows"]
    text = " ".join(page.page.text.split())
    assert f"Signed in Mar 2, 2026, 12:00 PM UTC with a code sent to {ADA}. " in text
    assert text.count("Last used ") == 2


async def test_another_browser_is_signed_out(env: WebEnv) -> None:
    await env.request_approval()
    lost, mine = await sign_in_with_firefox(env), await env.sign_in()
    form = of_browsers(await mine.get("/sessions"))[1]
    after = await mine.post(form.action, form.with_(act="forget"), kind=form.kind)
    assert "You signed out 1 browser." in after.page.text
    assert len(of_browsers(after)) == 1
    assert not await is_signed_in(lost)
    assert (await lost.get("/inbox")).page.headings == ["Sign in to see your requests"]
    again = await mine.post(form.action, form.with_(act="forget"), kind=form.kind)
    assert "No other browser was signed in." in again.page.text


async def test_all_other_browsers_are_signed_out_at_once(env: WebEnv) -> None:
    await env.request_approval()
    others = [await env.sign_in(), await sign_in_with_firefox(env)]
    ben, mine = await env.sign_in(BEN), await env.sign_in()
    form = (await mine.get("/sessions")).page.forms[-1]
    after = await mine.post(form.action, form.with_(act="others"), kind=form.kind)
    assert "You signed out 2 browsers." in after.page.text
    assert [await is_signed_in(browser) for browser in (*others, ben, mine)] == [False, False, True, True]
    assert "Sign out all other browsers" not in after.text
    entries = await env.engine_env.rows("SELECT content FROM audit WHERE leaf LIKE '%browsers.revoked%'")
    assert ['"browsers":2' in content for (content,) in entries] == [True]


async def test_signing_out_this_browser_leads_to_the_page_to_sign_in(env: WebEnv) -> None:
    await env.request_approval()
    mine = await env.sign_in()
    form = of_browsers(await mine.get("/sessions"))[0]
    out = await mine.post(form.action, form.with_(act="forget"), kind=form.kind)
    assert out.page.headings == ["Sign in to see your requests"]
    assert not any("browser" in name for name, _ in mine.jar)


async def test_a_person_who_has_not_signed_in_sees_no_session(env: WebEnv) -> None:
    await env.request_approval()
    mine, stranger = await env.sign_in(), env.browser()
    form = of_browsers(await mine.get("/sessions"))[0]
    assert (await stranger.get("/sessions")).page.headings == ["Sign in to see your requests"]
    posted = await stranger.post(form.action, form.with_(act="others"), kind=form.kind)
    assert posted.page.headings == ["Sign in to see your requests"]
    assert await is_signed_in(mine)


async def test_people_sign_out_only_themselves(env: WebEnv) -> None:
    await env.request_approval()
    ada, ben = await env.sign_in(ADA), await env.sign_in(BEN)
    theirs = dict(of_browsers(await ada.get("/sessions"))[0].fields)["browser"]
    form = of_browsers(await ben.get("/sessions"))[0]
    answer = await ben.post(form.action, form.with_(act="forget", browser=theirs), kind=form.kind)
    assert ADA not in answer.text
    assert await is_signed_in(ada)
    stale = [("act", "others"), ("browser", theirs), ("nonce", "old")]
    other = await env.sign_in(ADA)
    assert (await ada.post(form.action, stale, kind=form.kind)).status == 422
    assert await is_signed_in(other)


async def test_an_admin_signs_a_person_out_everywhere(env: WebEnv) -> None:
    await env.request_approval()
    browsers = [await env.sign_in(), await sign_in_with_firefox(env)]
    ben = await env.sign_in(BEN)
    engine = Engine(env.engine_env.store, env.engine_env.advancer, admins=frozenset({SAM}))
    identity = Identity(engine, Codes(b"k" * MIN_KEY), env.clock)
    refused = await identity.sign_out(SignOut(person=ADA, actor=Address("email", BEN), origin=TERMINAL))
    assert isinstance(refused, NotAllowed)
    assert await is_signed_in(browsers[0])
    unknown = await identity.sign_out(SignOut(person="eve@example.com", actor=SAM, origin=TERMINAL))
    assert isinstance(unknown, NotFound)
    for count in (2, 0):
        result = await identity.sign_out(SignOut(person=ADA, actor=SAM, origin=TERMINAL))
        assert isinstance(result, SignedOut)
        assert (result.person.label, result.browsers) == (ADA, count)
    assert [await is_signed_in(browser) for browser in (*browsers, ben)] == [False, False, True]
