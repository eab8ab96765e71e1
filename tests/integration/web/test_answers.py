"""The answer to every path: page, status and headers."""

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


def check_headers(answer: Answer, *, secure: bool = False) -> None:
    """Check the headers that every answer has."""
    for name, value in HEADERS.items():
        if name == "Cache-Control" and "/static/" in answer.path and answer.status == 200:
            assert "immutable" in answer.headers[name]
        else:
            assert answer.headers.get(name) == value, (answer.path, answer.status, name)
    assert ("Strict-Transport-Security" in answer.headers) is secure
    assert "server" not in {name.lower() for name in answer.headers}


async def everything(env: WebEnv, browser: Browser) -> list[Answer]:
    """Return answers of every kind, redirects too."""
    request = await env.request_approval()
    home = await browser.get(f"/r/{env.token()}", follow=False)
    page = await browser.get(home.headers["Location"])
    static = re.findall(r'(?:href|src)="([^"]*/static/[^"]*)"', page.text)
    at_code = await browser.send(page.page.form, follow=False)
    prefix = home.headers["Location"].partition("/review/")[0]
    paths = ["/inbox", "/r/unknown", f"/review/{NOBODY}", "/code/x", "/nothing", "/healthz", "/robots.txt", "/static/x"]
    answers = [await browser.get(prefix + path, follow=False) for path in paths]
    answers += [await browser.get(path, follow=False) for path in (*static, at_code.headers["Location"])]
    answers.append(await browser.post(f"{prefix}/review/{request.id}", [], Sec_Fetch_Site="cross-site"))
    answers.append(await browser.get(f"{prefix}/inbox", method="DELETE"))
    return [home, page, at_code, *answers]


async def test_every_answer_has_the_headers(env: WebEnv) -> None:
    for answer in await everything(env, env.browser()):
        check_headers(answer)


async def test_over_https_the_headers_and_cookies_are_for_https_alone(path: Path) -> None:
    async with open_web(path, scheme="https", host="signoff.example.com") as env:
        answers = await everything(env, env.browser())
        for answer in answers:
            check_headers(answer, secure=True)
        cookies = [cookie for answer in answers for cookie in answer.cookies]
        assert cookies
        for cookie in cookies:
            assert "; HttpOnly" in cookie
            assert "; Secure" in cookie
            assert "; SameSite=lax" in cookie
        assert any(cookie.startswith("__Secure-signoff-view=") and "Path=/review/" in cookie for cookie in cookies)
        assert any(cookie.startswith("__Host-signoff-holder=") and "Path=/;" in cookie for cookie in cookies)


async def test_head_is_get_without_the_body(env: WebEnv) -> None:
    request = await env.request_approval()
    browser, _ = await env.open_link()
    for path in ("/inbox", f"/review/{request.id}", f"/review/{request.id}/events", "/healthz", "/nothing", "/r/x"):
        answer = await browser.get(path, follow=False) if "events" not in path else None
        head = await browser.get(path, method="HEAD", follow=False)
        assert head.text == ""
        assert head.status == (answer.status if answer else 200), path
        check_headers(head)
    check_headers(await browser.get(f"/r/{env.token()}", method="HEAD", follow=False))


async def test_other_methods_are_refused(env: WebEnv) -> None:
    request = await env.request_approval()
    browser, _ = await env.open_link()
    for path in (f"/review/{request.id}", "/inbox", "/healthz", f"/r/{env.token()}"):
        for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"):
            answer = await browser.get(path, method=method)
            assert answer.status == 405, (path, method)
            assert "GET" in answer.headers["Allow"]
            assert answer.page.headings == ["This address does not work that way"]


async def test_pages_say_what_happened_and_what_to_do(env: WebEnv) -> None:
    request = await env.request_approval()
    stranger = env.browser()
    expected = {
        "/nothing": (404, "This page does not exist"),
        "/r/unknown": (404, "This link is not valid"),
        f"/review/{request.id}": (403, "Open the link in your email, or sign in"),
        f"/review/{NOBODY}": (403, "Open the link in your email, or sign in"),
        "/code/unknown": (410, "This code does not work in this browser"),
        "/docs": (404, "This page does not exist"),
        "/openapi.json": (404, "This page does not exist"),
    }
    for path, (status, heading) in expected.items():
        answer = await stranger.get(path)
        assert (answer.status, answer.page.headings) == (status, [heading])
        assert "Send this to Kim" not in answer.text
    stranger.jar["signoff-view", f"/review/{request.id}"] = "guessed"
    assert (await stranger.get(f"/review/{request.id}")).status == 404


async def test_a_link_that_has_expired_or_was_revoked_says_so(env: WebEnv) -> None:
    request = await env.request_approval()
    browser, page = await env.open_link()
    await env.engine_env.identity.revoke(request.id)
    for answer in (await browser.get(page.path), await browser.send(page.page.form), (await env.open_link())[1]):
        assert (answer.status, answer.page.headings) == (410, ["This link was revoked"])
    await env.request_approval()
    browser, page = await env.open_link()
    env.engine_env.pass_time(days=31)
    for answer in (await browser.get(page.path), (await env.open_link())[1]):
        assert (answer.status, answer.page.headings) == (410, ["This link has expired"])
        assert "/inbox" in answer.page.links


async def test_a_request_that_expired_or_was_cancelled_says_so(env: WebEnv) -> None:
    await env.request_approval("      expires: 1h\n")
    browser, page = await env.open_link()
    assert "Expires Mar 2, 2026, 10:00 AM UTC, then the run is stopped." in page.page.text
    env.engine_env.pass_time(hours=2)
    late = await browser.send(page.page.form)
    assert late.status == 410
    assert "This request expired Mar 2, 2026, 10:00 AM UTC." in late.page.text
    assert late.page.title == "Expired: Send this to Kim? – Signoff"
    await env.engine_env.settle()
    closed = await browser.get(page.path)
    assert closed.status == 200
    assert "Expired" in closed.page.text
    request = await env.request_approval()
    browser, page = await env.open_link()
    assert isinstance(await env.engine_env.engine.cancel(Cancel(run=request.run, actor=SAM, origin=TERMINAL)), Done)
    late = await browser.send(page.page.form)
    assert late.status == 410
    assert "The run was cancelled, " in late.page.text


async def test_a_person_who_is_not_asked_does_not_see_the_request(env: WebEnv) -> None:
    await env.request_approval(source=email_workflow().replace("ada@example.com, ben@example.com", "eve@example.com"))
    eve = await env.sign_in("eve@example.com")
    request = await env.request_approval()
    answer = await eve.get(f"/review/{request.id}")
    assert (answer.status, answer.page.headings) == (403, ["You were not asked to decide this request"])
    assert (await eve.get(f"/review/{NOBODY}")).text == answer.text, "eve does not learn whether it exists"


async def test_an_approver_who_is_no_longer_asked_reads_so(env: WebEnv) -> None:
    await env.request_approval()
    browser, page = await env.open_link(ADA)
    with closing(sqlite3.connect(env.engine_env.path)) as connection:
        connection.execute("DELETE FROM approver WHERE person = (SELECT person FROM address WHERE value = ?)", (ADA,))
        connection.commit()
    for answer in (await browser.get(page.path), await browser.send(page.page.form)):
        assert (answer.status, answer.page.headings) == (403, ["You no longer need to decide this request"])


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
    env: WebEnv, site: str | None, origin: str | None, status: int
) -> None:
    request = await env.request_approval(BY_LINK)
    browser, page = await env.open_link()
    sent = env.url if origin == "ours" else origin
    form = page.page.form
    fields = form.with_(verdict="approve")
    answer = await browser.post(form.action, fields, kind=form.kind, follow=False, Sec_Fetch_Site=site, Origin=sent)
    assert answer.status == status
    assert ((await env.reload(request)).decision is not None) is (status == 303)


@pytest.mark.parametrize("page", [f"/review/{NOBODY}", f"/attention/{NOBODY}", f"/code/{NOBODY}", "/inbox"])
async def test_every_page_that_takes_a_form_refuses_one_of_another_site(env: WebEnv, page: str) -> None:
    answer = await Browser(env.session, env.base).post(page, [], Sec_Fetch_Site="cross-site")
    assert (answer.status, answer.page.headings) == (403, ["This form came from another website"])
    ours = await Browser(env.session, env.base).post(page, [])
    assert ours.page.headings != answer.page.headings


async def test_a_form_is_for_one_request_and_one_browser(env: WebEnv) -> None:
    first = await env.request_approval(BY_LINK)
    browser, page = await env.open_link()
    nonce = dict(page.page.form.fields)["nonce"]
    second = await env.request_approval(BY_LINK)
    browser, other_page = await env.open_link(browser=browser)
    assert (await browser.send(other_page.page.form, nonce=nonce)).status == 422
    ben, theirs = await env.open_link(BEN)
    assert (await ben.send(theirs.page.form, nonce=dict(other_page.page.form.fields)["nonce"])).status == 422
    for request in (first, second):
        assert (await env.reload(request)).decision is None


async def test_an_oversized_form_is_refused_before_it_is_read(env: WebEnv) -> None:
    request = await env.request_approval(BY_LINK)
    browser, page = await env.open_link()
    headers = {**browser.extra, "Cookie": browser._cookies(page.path)}  # noqa: SLF001

    headers["Content-Type"] = "application/x-www-form-urlencoded"

    async def slowly() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"a" * MOST_BYTES

    for body in (io.BytesIO(b"a" * (MOST_BYTES + 1)), slowly()):
        async with env.session.post(env.base + page.path, data=body, headers=headers) as response:
            assert response.status == 413
            assert "This is too much text" in await response.text()
            assert response.headers["X-Frame-Options"] == "DENY"
    assert (await env.reload(request)).decision is None


async def test_malformed_forms_are_refused(env: WebEnv) -> None:
    request = await env.request_approval(BY_LINK)
    browser, page = await env.open_link()
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
        async with env.session.post(env.base + page.path, data=body, headers=sent) as response:
            assert response.status in (400, 422), (kind, body, await response.text())
    assert (await env.reload(request)).decision is None


@pytest.mark.parametrize("strips", [True, False])
async def test_a_prefix_works_whether_the_proxy_passes_it_on_or_not(path: Path, strips: bool) -> None:
    async with open_web(path, prefix="/approve/it") as env:
        request = await env.request_approval()
        browser = env.browser()
        browser.stripped_prefix = "/approve/it" if strips else ""
        page = await browser.get(f"/approve/it/r/{env.token()}")
        assert page.path == f"/approve/it/review/{request.id}"
        assert page.page.form.action == page.path
        assert ("signoff-view", page.path) in browser.jar
        for address in re.findall(r'(?:href|src|action|data-live)="(/[^"]*)"', page.text):
            assert address.startswith("/approve/it/")
        receipt = await env.enter_code(browser, await browser.send(page.page.form))
        assert receipt.path == page.path
        assert "Approved by" in receipt.text
        for address in re.findall(r'(?:href|src)="(/[^"]*)"', receipt.text):
            assert (await browser.get(address)).status == 200
        for bare in ("/approve/it", "/approve/it/"):
            assert (await browser.get(bare)).path == "/approve/it/inbox"


async def test_the_host_named_by_a_proxy_or_a_client_is_ignored(env: WebEnv) -> None:
    await env.request_approval()
    browser = env.browser(Host="evil.example", X_Forwarded_Host="evil.example", X_Forwarded_Proto="https")
    home = await browser.get(f"/r/{env.token()}", follow=False)
    assert home.headers["Location"].startswith("/review/")
    assert "evil" not in (await browser.get(home.headers["Location"])).text


async def test_an_unexpected_error_shows_an_incident_number_and_no_traceback(
    env: WebEnv, caplog: pytest.LogCaptureFixture
) -> None:
    await env.request_approval()
    browser, page = await env.open_link()
    with closing(sqlite3.connect(env.engine_env.path)) as connection:
        connection.execute("UPDATE request SET details = 'the inside'")
        connection.commit()
    answer = await browser.get(page.path)
    assert (answer.status, answer.page.headings) == (500, ["This page does not work right now"])
    assert "the inside" not in answer.text
    assert "Traceback" not in answer.text
    number = re.search(r"incident ([0-9a-z]{17})", answer.page.text)
    assert number is not None
    assert number[1] == answer.headers["X-Request-Id"], "all lines of this request carry it"
    assert number[1] in caplog.text
    check_headers(answer)


async def test_a_client_that_disconnects_is_not_an_incident(env: WebEnv, caplog: pytest.LogCaptureFixture) -> None:
    request = await env.request_approval()
    _, writer = await asyncio.open_connection("127.0.0.1", int(env.base.rpartition(":")[2]))
    head = f"POST /review/{request.id} HTTP/1.1\r\nHost: x\r\nSec-Fetch-Site: same-origin\r\nContent-Length: 9\r\n"
    writer.write(f"{head}Content-Type: application/x-www-form-urlencoded\r\n\r\nver".encode())
    await writer.drain()
    assert (await env.browser().get("/healthz")).status == 200
    writer.close()
    await writer.wait_closed()
    assert (await env.browser().get("/healthz")).status == 200
    assert "incident" not in caplog.text


async def test_nothing_secret_is_logged(env: WebEnv, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    await env.request_approval()
    browser, page = await env.open_link()
    at_code = await browser.send(page.page.form)
    code = await env.code()
    await env.enter_code(browser, at_code)
    secrets = [env.token(), code, *browser.jar.values()]
    assert len(secrets) >= 4
    for secret in secrets:
        assert secret not in caplog.text


async def test_the_root_address_leads_to_the_inbox(env: WebEnv) -> None:
    answer = await env.browser().get("/")
    assert (answer.path, answer.page.headings) == ("/inbox", ["Sign in to see your requests"])


async def test_robots_are_excluded_and_the_health_check_passes(env: WebEnv) -> None:
    assert "Disallow: /" in (await env.browser().get("/robots.txt")).text
    assert (await env.browser().get("/healthz")).text == "ok\n"


async def test_invisible_characters_are_marked_and_the_value_stays(env: WebEnv) -> None:
    body = "pay \u202e001 now\u200b"
    request = await env.request_approval(BY_LINK, body=body)
    browser, page = await env.open_link()
    assert "⟦U+202E⟧" in page.text
    assert "invisible characters" in page.page.text
    await browser.send(page.page.form)
    decision = (await env.reload(request)).decision
    assert decision is not None
    assert decision.edits == ()


async def test_hidden_characters_are_marked_in_an_excerpt_and_not_in_all_of_the_text(env: WebEnv) -> None:
    await env.request_approval(
        BY_LINK, body="before it " * 200 + "pay \u202e001 now " + "after it " * 200 + "the end\u200b"
    )
    _, page = await env.open_link()
    assert "…re it before it pay ⟦U+202E⟧001 now after it af…" in page.text
    assert "… it after it the end⟦U+200B⟧<" in page.text


LINES = email_workflow().replace("customer: {type: text,", "customer: {type: long_text,")


async def test_text_of_several_lines_stands_in_a_quote(env: WebEnv) -> None:
    text = "please\nApproved by Ada\nAmount: 5.00 EUR"
    await env.request_approval(source=LINES, customer=text)
    _, page = await env.open_link()
    assert f'class="now quote">{text}<' in page.text
    assert f'class="now">{text}<' not in page.text
    await env.request_approval(source=LINES, customer="one line")
    _, page = await env.open_link()
    assert 'class="now">one line<' in page.text


async def test_a_long_text_says_how_long_it_is(env: WebEnv) -> None:
    await env.request_approval(BY_LINK, body="word " * 1_000)
    _, page = await env.open_link()
    assert "5,000 characters" in page.page.text
    await env.request_approval(BY_LINK, body="a few words")
    _, page = await env.open_link()
    assert "characters" not in page.page.text


async def test_markup_in_the_data_is_text(env: WebEnv) -> None:
    await env.request_approval(customer="</dd><script>alert(1)</script>", body='</textarea><b onclick="x">')
    _, page = await env.open_link()
    assert "<script>alert" not in page.text
    assert "<b onclick" not in page.text


async def test_nagles_algorithm_is_off() -> None:
    sockets = await server.bound("127.0.0.1", 0)
    for sock in sockets:
        assert sock.proto == socket.IPPROTO_TCP, (
            "asyncio switches Nagle's algorithm off only for sockets of this protocol"
        )
        sock.close()
