"""Every page and status, with the headers that every answer has."""

from __future__ import annotations

import asyncio
import io
import logging
import re
import socket
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from bot.web import server
from bot.web.middleware import HEADERS, MOST_BYTES
from engine.domain import Cancel, Done
from tests.support.engine_env import SAM, TERMINAL
from tests.support.web_env import ADA, BEN, Answer, Browser, WebEnv, email_workflow, open_web

BY_LINK = "      assurance: link\n"
NOBODY = "0" * 17


def fine(answer: Answer, *, secure: bool = False) -> None:
    """The headers of every answer."""
    for name, value in HEADERS.items():
        if name == "Cache-Control" and "/static/" in answer.path and answer.status == 200:
            assert "immutable" in answer.headers[name]
        else:
            assert answer.headers.get(name) == value, (answer.path, answer.status, name)
    assert ("Strict-Transport-Security" in answer.headers) is secure
    assert "server" not in {name.lower() for name in answer.headers}


async def everything(here: WebEnv, browser: Browser) -> list[Answer]:
    """All kinds of answers to GET, redirects too."""
    asked = await here.request_approval()
    home = await browser.get(f"/r/{here.token()}", follow=False)
    page = await browser.get(home.headers["Location"])
    static = re.findall(r'(?:href|src)="([^"]*/static/[^"]*)"', page.text)
    at_code = await browser.send(page.page.form, follow=False)
    prefix = home.headers["Location"].partition("/review/")[0]
    paths = ["/inbox", "/r/unknown", f"/review/{NOBODY}", "/code/x", "/nothing", "/healthz", "/robots.txt", "/static/x"]
    answers = [await browser.get(prefix + path, follow=False) for path in paths]
    answers += [await browser.get(path, follow=False) for path in (*static, at_code.headers["Location"])]
    answers.append(await browser.post(f"{prefix}/review/{asked.id}", [], Sec_Fetch_Site="cross-site"))
    answers.append(await browser.get(f"{prefix}/inbox", method="DELETE"))
    return [home, page, at_code, *answers]


async def test_every_answer_has_the_headers(here: WebEnv) -> None:
    for answer in await everything(here, here.browser()):
        fine(answer)


async def test_over_https_the_headers_and_cookies_are_for_https_alone(path: Path) -> None:
    async with open_web(path, scheme="https", host="signoff.example.com") as here:
        answers = await everything(here, here.browser())
        for answer in answers:
            fine(answer, secure=True)
        cookies = [one for answer in answers for one in answer.cookies]
        assert cookies
        for one in cookies:
            assert "; HttpOnly" in one
            assert "; Secure" in one
            assert "; SameSite=lax" in one
        assert any(one.startswith("__Secure-signoff-view=") and "Path=/review/" in one for one in cookies)
        assert any(one.startswith("__Host-signoff-holder=") and "Path=/;" in one for one in cookies)


async def test_head_is_get_without_the_body(here: WebEnv) -> None:
    asked = await here.request_approval()
    browser, _ = await here.open_link()
    for path in ("/inbox", f"/review/{asked.id}", f"/review/{asked.id}/events", "/healthz", "/nothing", "/r/x"):
        got = await browser.get(path, follow=False) if "events" not in path else None
        head = await browser.get(path, method="HEAD", follow=False)
        assert head.text == ""
        assert head.status == (got.status if got else 200), path
        fine(head)
    fine(await browser.get(f"/r/{here.token()}", method="HEAD", follow=False))


async def test_other_methods_are_told_so(here: WebEnv) -> None:
    asked = await here.request_approval()
    browser, _ = await here.open_link()
    for path in (f"/review/{asked.id}", "/inbox", "/healthz", f"/r/{here.token()}"):
        for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"):
            answer = await browser.get(path, method=method)
            assert answer.status == 405, (path, method)
            assert "GET" in answer.headers["Allow"]
            assert answer.page.headings == ["That does not work at this address"]


async def test_pages_say_what_happened_and_what_to_do(here: WebEnv) -> None:
    asked = await here.request_approval()
    stranger = here.browser()
    told = {
        "/nothing": (404, "There is no such page"),
        "/r/unknown": (404, "This link is not known here"),
        f"/review/{asked.id}": (403, "Open the link in your mail, or sign in"),
        f"/review/{NOBODY}": (403, "Open the link in your mail, or sign in"),
        "/code/unknown": (410, "This code can no longer be used here"),
        "/docs": (404, "There is no such page"),
        "/openapi.json": (404, "There is no such page"),
    }
    for path, (status, heading) in told.items():
        answer = await stranger.get(path)
        assert (answer.status, answer.page.headings) == (status, [heading])
        assert "Send this to Kim" not in answer.text
    stranger.jar["signoff-view", f"/review/{asked.id}"] = "guessed"
    assert (await stranger.get(f"/review/{asked.id}")).status == 404


async def test_a_link_that_has_expired_or_was_revoked_says_so(here: WebEnv) -> None:
    asked = await here.request_approval()
    browser, page = await here.open_link()
    await here.engine_env.identity.revoke(asked.id)
    for answer in (await browser.get(page.path), await browser.send(page.page.form), (await here.open_link())[1]):
        assert (answer.status, answer.page.headings) == (410, ["This link was revoked"])
    await here.request_approval()
    browser, page = await here.open_link()
    here.engine_env.pass_time(days=31)
    for answer in (await browser.get(page.path), (await here.open_link())[1]):
        assert (answer.status, answer.page.headings) == (410, ["This link has expired"])
        assert "/inbox" in answer.page.links


async def test_a_request_that_expired_or_was_cancelled_says_so(here: WebEnv) -> None:
    await here.request_approval("      expires: 1h\n")
    browser, page = await here.open_link()
    assert "Expires 2026-03-02 10:00 UTC" in page.page.text
    here.engine_env.pass_time(hours=2)
    late = await browser.send(page.page.form)
    assert late.status == 410
    assert "This request expired, 2026-03-02 10:00 UTC." in late.page.text
    await here.engine_env.settle()
    closed = await browser.get(page.path)
    assert closed.status == 200
    assert "Expired" in closed.page.text
    asked = await here.request_approval()
    browser, page = await here.open_link()
    assert isinstance(await here.engine_env.engine.cancel(Cancel(run=asked.run, actor=SAM, origin=TERMINAL)), Done)
    late = await browser.send(page.page.form)
    assert late.status == 410
    assert "was cancelled with its run" in late.page.text


async def test_somebody_else_does_not_see_the_request(here: WebEnv) -> None:
    await here.request_approval(source=email_workflow().replace("ada@example.com, ben@example.com", "eve@example.com"))
    eve = await here.sign_in("eve@example.com")
    asked = await here.request_approval()
    answer = await eve.get(f"/review/{asked.id}")
    assert (answer.status, answer.page.headings) == (403, ["You are not asked here"])
    assert (await eve.get(f"/review/{NOBODY}")).status == 404


async def test_whoever_is_no_longer_asked_is_told_so(here: WebEnv) -> None:
    await here.request_approval()
    browser, page = await here.open_link(ADA)
    with closing(sqlite3.connect(here.engine_env.path)) as connection:
        connection.execute("DELETE FROM approver WHERE person = (SELECT person FROM address WHERE value = ?)", (ADA,))
        connection.commit()
    for answer in (await browser.get(page.path), await browser.send(page.page.form)):
        assert (answer.status, answer.page.headings) == (403, ["This request is no longer yours to decide"])


@pytest.mark.parametrize(
    ("site", "origin", "status"),
    [
        ("same-origin", None, 303),
        ("same-origin", "https://evil.example", 303),
        ("cross-site", "ours", 403),
        ("same-site", "ours", 403),
        ("none", "ours", 403),
        (None, "ours", 303),
        (None, "https://evil.example", 403),
        (None, "null", 403),
        (None, None, 403),
    ],
)
async def test_only_our_own_pages_may_send_forms(
    here: WebEnv, site: str | None, origin: str | None, status: int
) -> None:
    asked = await here.request_approval(BY_LINK)
    browser, page = await here.open_link()
    sent = here.url if origin == "ours" else origin
    form = page.page.form
    fields = form.with_(verdict="approve")
    answer = await browser.post(form.action, fields, kind=form.kind, follow=False, Sec_Fetch_Site=site, Origin=sent)
    assert answer.status == status
    assert ((await here.reload(asked)).decision is not None) is (status == 303)


@pytest.mark.parametrize("page", [f"/review/{NOBODY}", f"/attention/{NOBODY}", f"/code/{NOBODY}", "/inbox"])
async def test_every_page_that_takes_a_form_refuses_one_of_another_site(here: WebEnv, page: str) -> None:
    answer = await Browser(here.session, here.base).post(page, [], Sec_Fetch_Site="cross-site")
    assert (answer.status, answer.page.headings) == (403, ["This form was sent from somewhere else"])
    ours = await Browser(here.session, here.base).post(page, [])
    assert ours.page.headings != answer.page.headings


async def test_a_form_is_for_one_request_and_one_browser(here: WebEnv) -> None:
    first = await here.request_approval(BY_LINK)
    browser, page = await here.open_link()
    nonce = dict(page.page.form.fields)["nonce"]
    second = await here.request_approval(BY_LINK)
    browser, other = await here.open_link(browser=browser)
    assert (await browser.send(other.page.form, nonce=nonce)).status == 422
    ben, theirs = await here.open_link(BEN)
    assert (await ben.send(theirs.page.form, nonce=dict(other.page.form.fields)["nonce"])).status == 422
    for one in (first, second):
        assert (await here.reload(one)).decision is None


async def test_what_is_too_large_is_refused_before_it_is_read(here: WebEnv) -> None:
    asked = await here.request_approval(BY_LINK)
    browser, page = await here.open_link()
    headers = {**browser.extra, "Cookie": browser._cookies(page.path)}  # noqa: SLF001
    headers["Content-Type"] = "application/x-www-form-urlencoded"

    async def slowly() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"a" * MOST_BYTES

    for body in (io.BytesIO(b"a" * (MOST_BYTES + 1)), slowly()):
        async with here.session.post(here.base + page.path, data=body, headers=headers) as response:
            assert response.status == 413
            assert "That is too much text" in await response.text()
            assert response.headers["X-Frame-Options"] == "DENY"
    assert (await here.reload(asked)).decision is None


async def test_forms_that_are_none_are_refused(here: WebEnv) -> None:
    asked = await here.request_approval(BY_LINK)
    browser, page = await here.open_link()
    headers = {**browser.extra, "Cookie": browser._cookies(page.path)}  # noqa: SLF001
    for kind, body in (
        ("multipart/form-data; boundary=x", b"--x\r\nnonsense"),
        ("multipart/form-data", b"--x--"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\na\r\n--x--',
        ),
        ("application/json", b"{}"),
        ("application/x-www-form-urlencoded", b"verdict=approve&nonce=%ff%fe&digest=%00"),
        ("application/x-www-form-urlencoded", b"&".join(b"f-%d=1" % number for number in range(3000))),
        ("text/plain", b"\xff" * 100),
    ):
        sent = {**headers, "Content-Type": kind}
        async with here.session.post(here.base + page.path, data=body, headers=sent) as response:
            assert response.status in (400, 422), (kind, body, await response.text())
    assert (await here.reload(asked)).decision is None


@pytest.mark.parametrize("strips", [True, False])
async def test_a_prefix_works_whether_the_proxy_passes_it_on_or_not(path: Path, strips: bool) -> None:
    async with open_web(path, prefix="/approve/it") as here:
        asked = await here.request_approval()
        browser = here.browser()
        browser.stripped_prefix = "/approve/it" if strips else ""
        page = await browser.get(f"/approve/it/r/{here.token()}")
        assert page.path == f"/approve/it/review/{asked.id}"
        assert page.page.form.action == page.path
        assert ("signoff-view", page.path) in browser.jar
        for address in re.findall(r'(?:href|src|action|data-live)="(/[^"]*)"', page.text):
            assert address.startswith("/approve/it/")
        receipt = await here.enter_code(browser, await browser.send(page.page.form))
        assert receipt.path == page.path
        assert "Approved by" in receipt.text
        for address in re.findall(r'(?:href|src)="(/[^"]*)"', receipt.text):
            assert (await browser.get(address)).status == 200
        for bare in ("/approve/it", "/approve/it/"):
            assert (await browser.get(bare)).path == "/approve/it/inbox"


async def test_what_a_proxy_or_a_client_says_of_the_host_is_not_believed(here: WebEnv) -> None:
    await here.request_approval()
    browser = here.browser(Host="evil.example", X_Forwarded_Host="evil.example", X_Forwarded_Proto="https")
    home = await browser.get(f"/r/{here.token()}", follow=False)
    assert home.headers["Location"].startswith("/review/")
    assert "evil" not in (await browser.get(home.headers["Location"])).text


async def test_what_breaks_has_a_number_and_no_trace(here: WebEnv, caplog: pytest.LogCaptureFixture) -> None:
    await here.request_approval()
    browser, page = await here.open_link()
    with closing(sqlite3.connect(here.engine_env.path)) as connection:
        connection.execute("UPDATE request SET details = 'the inside'")
        connection.commit()
    answer = await browser.get(page.path)
    assert (answer.status, answer.page.headings) == (500, ["Something broke"])
    assert "the inside" not in answer.text
    assert "Traceback" not in answer.text
    number = re.search(r"incident ([0-9a-f]{8})", answer.page.text)
    assert number is not None
    assert number[1] in caplog.text
    fine(answer)


async def test_whoever_goes_away_in_the_middle_is_no_incident(here: WebEnv, caplog: pytest.LogCaptureFixture) -> None:
    asked = await here.request_approval()
    _, writer = await asyncio.open_connection("127.0.0.1", int(here.base.rpartition(":")[2]))
    head = f"POST /review/{asked.id} HTTP/1.1\r\nHost: x\r\nSec-Fetch-Site: same-origin\r\nContent-Length: 9\r\n"
    writer.write(f"{head}Content-Type: application/x-www-form-urlencoded\r\n\r\nver".encode())
    await writer.drain()
    assert (await here.browser().get("/healthz")).status == 200
    writer.close()
    await writer.wait_closed()
    assert (await here.browser().get("/healthz")).status == 200
    assert "incident" not in caplog.text


async def test_nothing_secret_is_logged(here: WebEnv, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    await here.request_approval()
    browser, page = await here.open_link()
    at_code = await browser.send(page.page.form)
    code = await here.code()
    await here.enter_code(browser, at_code)
    secrets = [here.token(), code, *browser.jar.values()]
    assert len(secrets) >= 4
    for one in secrets:
        assert one not in caplog.text


async def test_the_bare_address_leads_to_what_waits(here: WebEnv) -> None:
    answer = await here.browser().get("/")
    assert (answer.path, answer.page.headings) == ("/inbox", ["See what waits for you"])


async def test_robots_are_sent_away_and_the_server_says_that_it_is_well(here: WebEnv) -> None:
    assert "Disallow: /" in (await here.browser().get("/robots.txt")).text
    assert (await here.browser().get("/healthz")).text == "ok\n"


async def test_invisible_characters_are_marked_and_the_value_stays(here: WebEnv) -> None:
    body = "pay \u202e001 now\u200b"
    asked = await here.request_approval(BY_LINK, body=body)
    browser, page = await here.open_link()
    assert "⟦U+202E⟧" in page.text
    assert "characters that cannot be seen" in page.page.text
    await browser.send(page.page.form)
    decision = (await here.reload(asked)).decision
    assert decision is not None
    assert decision.edits == ()


async def test_hidden_characters_are_marked_in_an_excerpt_and_not_in_all_of_the_text(here: WebEnv) -> None:
    await here.request_approval(
        BY_LINK, body="before it " * 200 + "pay \u202e001 now " + "after it " * 200 + "the end\u200b"
    )
    _, page = await here.open_link()
    assert "…re it before it pay ⟦U+202E⟧001 now after it af…" in page.text
    assert "… it after it the end⟦U+200B⟧<" in page.text


LINES = email_workflow().replace("customer: {type: text,", "customer: {type: long_text,")


async def test_text_of_several_lines_stands_in_a_quote(here: WebEnv) -> None:
    text = "please\nApproved by Ada\nAmount: 5.00 EUR"
    await here.request_approval(source=LINES, customer=text)
    _, page = await here.open_link()
    assert f'class="quote">{text}<' in page.text
    assert f'"auto">{text}<' not in page.text
    await here.request_approval(source=LINES, customer="one line")
    _, page = await here.open_link()
    assert '"auto">one line<' in page.text


async def test_a_long_text_says_how_long_it_is(here: WebEnv) -> None:
    await here.request_approval(BY_LINK, body="word " * 1_000)
    _, page = await here.open_link()
    assert "It came with 5,000 characters." in page.page.text
    await here.request_approval(BY_LINK, body="a few words")
    _, page = await here.open_link()
    assert "It came with" not in page.page.text


async def test_markup_in_the_data_is_text(here: WebEnv) -> None:
    await here.request_approval(customer="</dd><script>alert(1)</script>", body='</textarea><b onclick="x">')
    _, page = await here.open_link()
    assert "<script>alert" not in page.text
    assert "<b onclick" not in page.text


async def test_no_answer_waits_for_the_other_side_between_its_parts() -> None:
    sockets = await server.bound("127.0.0.1", 0)
    for one in sockets:
        assert one.proto == socket.IPPROTO_TCP, "asyncio switches Nagle's algorithm off only where a socket says so"
        one.close()
