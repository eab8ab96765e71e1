"""The HTTP step with real servers on loopback: requests, answers, and the meaning of every failure."""

import asyncio
import gzip
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from decimal import Decimal
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from pydantic import ValidationError

from engine.errors import InvalidValue
from engine.ports import Resolve, StepContext, StepServices
from engine.steps import url_guard
from engine.steps.http import HttpParams, HttpStep
from tests.support.http_calls import LOCAL, Raw, call, failure, kind, raw, serving

TLS = Path(__file__).parents[1] / "data" / "tls"


def resolver(*answers: Sequence[str] | OSError) -> Resolve:
    """Return a resolver that gives one answer after the other."""
    remaining = list(answers)

    async def resolve(host: str, port: int) -> Sequence[str]:
        answer = remaining.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer

    return resolve


def answering(text: bytes, *, reset: bool = False) -> Raw:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(text)
        await writer.drain()
        if reset:
            sock = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            writer.transport.abort()

    return talk


def replying(body: bytes | str = b"", *, status: int = 200, **headers: str) -> Any:
    async def handler(request: web.Request) -> web.Response:
        all_headers = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=status, body=body, headers=all_headers)

    return handler


# -- requests -----------------------------------------------------------------------------------------------


@pytest.fixture
async def echo() -> AsyncIterator[str]:
    async def handler(request: web.Request) -> web.Response:
        body = (await request.read()).decode()
        return web.json_response(
            {"method": request.method, "path": request.path_qs, "headers": dict(request.headers), "body": body}
        )

    async with serving(handler) as url:
        yield url


@pytest.mark.parametrize(
    ("method", "sent"),
    [("GET", False), ("get", False), ("POST", True), ("put", True), ("PATCH", True), ("DELETE", True)],
)
async def test_the_idempotency_key_goes_with_every_method_that_acts(echo: str, method: str, sent: bool) -> None:
    answer = await call(HttpStep(allow=LOCAL), f"{echo}/x", method=method)
    assert answer["body"]["method"] == method.upper()
    assert answer["body"]["headers"].get("Idempotency-Key") == ("r1:call:1" if sent else None)


async def test_the_idempotency_header_can_be_renamed_or_set_by_the_builder(echo: str) -> None:
    step = HttpStep(allow=LOCAL)
    renamed = await call(step, echo, method="POST", idempotency_header="X-Request-Key")
    assert renamed["body"]["headers"]["X-Request-Key"] == "r1:call:1"
    own = await call(step, echo, method="POST", headers={"idempotency-key": "mine"})
    assert [v for k, v in own["body"]["headers"].items() if k.lower() == "idempotency-key"] == ["mine"]


@pytest.mark.parametrize("own", [None, "Traceparent", "traceparent"])
async def test_the_trace_is_passed_on_unless_the_workflow_does(echo: str, own: str | None) -> None:
    def traceparent(context: StepContext) -> str:
        return f"00-{context.run}-{context.attempt}"

    step = HttpStep.create(StepServices(http_allow=tuple(LOCAL), traceparent=traceparent))
    answer = await call(step, echo, headers={own: "mine"} if own else {})
    sent = [value for name, value in answer["body"]["headers"].items() if name.lower() == "traceparent"]
    assert sent == ["mine" if own else "00-r1-1"]
    off = await call(HttpStep(allow=LOCAL), echo)
    assert "traceparent" not in {name.lower() for name in off["body"]["headers"]}


async def test_a_secret_in_a_header_arrives(echo: str) -> None:
    answer = await call(HttpStep(allow=LOCAL), echo, headers={"Authorization": "Bearer s3cret"})
    assert answer["body"]["headers"]["Authorization"] == "Bearer s3cret"
    assert answer["body"]["headers"]["User-Agent"].startswith("signoff/")
    assert answer["body"]["headers"]["Accept-Encoding"] == "identity"


async def test_json_goes_out_with_exact_numbers(echo: str) -> None:
    answer = await call(HttpStep(allow=LOCAL), echo, method="POST", json={"amount": Decimal("12.50"), "big": 2**53 + 1})
    assert answer["body"]["body"] == '{"amount":12.50,"big":9007199254740993}'
    assert answer["body"]["headers"]["Content-Type"] == "application/json"


async def test_a_json_null_is_a_body_and_a_missing_json_is_not(echo: str) -> None:
    step = HttpStep(allow=LOCAL)
    assert (await call(step, echo, method="POST", json=None))["body"]["body"] == "null"
    empty = await call(step, echo, method="POST")
    assert empty["body"]["body"] == ""
    assert "Content-Type" not in empty["body"]["headers"]


async def test_text_goes_out_in_utf_8_with_the_content_type_of_the_builder(echo: str) -> None:
    answer = await call(HttpStep(allow=LOCAL), echo, method="PUT", body="grün", headers={"content-type": "text/csv"})
    assert answer["body"]["body"] == "grün"
    assert answer["body"]["headers"]["Content-Type"] == "text/csv"


async def test_a_body_over_a_mebibyte_goes_out_without_a_warning(echo: str) -> None:
    answer = await call(HttpStep(allow=LOCAL, max_bytes=2**23), echo, method="POST", body="x" * 2_000_000)
    assert len(answer["body"]["body"]) == 2_000_000


async def test_the_query_is_added_to_the_one_in_the_url_as_exact_text(echo: str) -> None:
    query = {"amount": Decimal("1.50"), "on": True, "n": 3, "q": "a b&c=ü"}
    answer = await call(HttpStep(allow=LOCAL), f"{echo}/p?first=1", query=query)
    assert answer["body"]["path"] == "/p?first=1&amount=1.50&on=true&n=3&q=a+b%26c%3D%C3%BC"


async def test_cookies_do_not_travel_from_one_call_to_the_next() -> None:
    async def handler(request: web.Request) -> web.Response:
        response = web.json_response(dict(request.cookies))
        response.set_cookie("session", "1")
        return response

    async with serving(handler) as url:
        step = HttpStep(allow=LOCAL)
        first, second = await call(step, url), await call(step, url)
    assert first["body"] == second["body"] == {}
    assert "set-cookie" not in first["headers"]


async def test_proxies_of_the_environment_are_not_used(echo: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert (await call(HttpStep(allow=LOCAL), echo))["status"] == 200


# -- answers ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content_type", "sent", "body"),
    [
        ("application/json", b'{"a": 1.10, "b": [9007199254740993]}', {"a": Decimal("1.10"), "b": [2**53 + 1]}),
        ("application/problem+json; charset=utf-8", b"\xef\xbb\xbf[]", []),
        ("text/plain; charset=iso-8859-1", "grün".encode("latin-1"), "grün"),
        ("text/html", b"bad \xff byte", "bad \N{REPLACEMENT CHARACTER} byte"),
        ("text/plain; charset=utf-16", "grün".encode("utf-16"), "grün"),
        ("text/plain; charset=unicode_escape", rb"gr\u00fcn \ud800", r"gr\u00fcn \ud800"),
        ("text/plain; charset=rot13", b"abc", "abc"),
        ("text/plain; charset=idna", b"abc", "abc"),
        ("application/xml", b"<a/>", "<a/>"),
        ("application/json", b"", ""),
        ("application/json", rb'{"text": "cut \ud83d"}', {"text": "cut \N{REPLACEMENT CHARACTER}"}),
        ("image/png", b"", ""),
    ],
)
async def test_the_body_is_read_by_its_content_type(content_type: str, sent: bytes, body: object) -> None:
    async with serving(replying(sent, Content_Type=content_type, X_Two="2")) as url:
        answer = await call(HttpStep(allow=LOCAL), url)
    assert answer["body"] == body
    assert answer["status"] == 200
    assert answer["headers"]["content-type"] == content_type
    assert answer["headers"]["x-two"] == "2"


async def test_a_body_without_content_type_is_text_unless_it_is_binary() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"
    async with raw(answering(head + b"abc")) as url:
        assert (await call(HttpStep(allow=LOCAL), url))["body"] == "abc"
    async with raw(answering(head + b"a\0c")) as url:
        assert "binary" in str(await failure(HttpStep(allow=LOCAL), url))


async def test_a_head_request_has_no_body() -> None:
    async with serving(replying(b"{}", Content_Type="application/json")) as url:
        answer = await call(HttpStep(allow=LOCAL), url, method="HEAD")
    assert answer["body"] == ""
    assert answer["headers"]["content-length"] == "2"


async def test_unrequested_gzip_is_read() -> None:
    body = gzip.compress(b'{"a": 1}')
    async with serving(replying(body, Content_Type="application/json", Content_Encoding="gzip")) as url:
        assert (await call(HttpStep(allow=LOCAL), url))["body"] == {"a": 1}


@pytest.mark.parametrize(
    ("content_type", "sent", "message"),
    [
        ("application/json", b"{oops", "not valid JSON"),
        ("application/json", b"[" * 100 + b"]" * 100, "nests deeper"),
        ("application/json", b"1e999999", "more than 400 digits"),
        ("application/pdf", b"%PDF", "text or JSON is expected, and its content type is application/pdf"),
    ],
)
async def test_the_error_for_an_unusable_answer_says_that_the_call_was_made(
    content_type: str, sent: bytes, message: str
) -> None:
    async with serving(replying(sent, Content_Type=content_type)) as url:
        error = await failure(HttpStep(allow=LOCAL), url, method="POST")
    assert message in str(error)
    assert "was carried out (status 200), but" in str(error)
    assert kind(error) == "definite final"


async def test_a_body_may_be_as_large_as_the_limit_and_no_larger() -> None:
    async with serving(replying(b"x" * 1000, Content_Type="text/plain")) as url:
        assert len((await call(HttpStep(allow=LOCAL, max_bytes=1000), url))["body"]) == 1000
        error = await failure(HttpStep(allow=LOCAL, max_bytes=999), url)
    assert "it answered more than 999 bytes" in str(error)
    assert kind(error) == "definite final"


async def test_the_limit_counts_what_a_gzip_bomb_unfolds_to() -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    async with serving(replying(bomb, Content_Type="text/plain", Content_Encoding="gzip")) as url:
        error = await failure(HttpStep(allow=LOCAL), url)
    assert "more than 1048576 bytes" in str(error)
    assert len(bomb) < 100_000


async def test_the_limit_holds_for_a_body_that_never_ends() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
            await writer.drain()

    async with raw(talk) as url:
        assert "more than 1048576 bytes" in str(await failure(HttpStep(allow=LOCAL), url))


# -- statuses -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (301, "definite final"),
        (400, "definite retryable"),
        (401, "definite retryable"),
        (404, "definite retryable"),
        (409, "definite retryable"),
        (408, "definite retryable"),
        (425, "definite retryable"),
        (429, "definite retryable"),
        (500, "unknown retryable"),
        (501, "definite retryable"),
        (502, "unknown retryable"),
        (503, "definite retryable"),
        (504, "unknown retryable"),
        (505, "definite retryable"),
        (511, "definite retryable"),
        (599, "unknown retryable"),
        (520, "unknown retryable"),
        (524, "unknown retryable"),
    ],
)
async def test_an_unexpected_status_has_its_meaning_for_the_outcome(status: int, expected: str) -> None:
    async with serving(replying(b"", status=status)) as url:
        error = await failure(HttpStep(allow=LOCAL), f"{url}/a", method="POST")
    assert kind(error) == expected
    assert f"POST {url}/a answered {status}" in str(error)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry_After": "7"}, 7),
        ({"Retry_After": "99999999999999"}, 86_400),
        ({"Retry_After": "Sun, 01 Mar 2026 12:01:00 GMT", "Date": "Sun, 01 Mar 2026 12:00:00 GMT"}, 60),
        ({"Retry_After": "Sun, 01 Mar 2026 11:00:00 GMT", "Date": "Sun, 01 Mar 2026 12:00:00 GMT"}, 0),
        ({"Retry_After": "soon"}, None),
        ({"Retry_After": "-5"}, None),
        ({}, None),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
async def test_the_retry_time_of_the_server_is_kept(status: int, headers: dict[str, str], seconds: int | None) -> None:
    async with serving(replying(b"", status=status, **headers)) as url:
        error = await failure(HttpStep(allow=LOCAL), url)
    assert error.retry_after == (None if seconds is None else timedelta(seconds=seconds))


async def test_expect_says_which_statuses_are_fine() -> None:
    step = HttpStep(allow=LOCAL)
    async with serving(replying(b"gone", status=404, Content_Type="text/plain")) as url:
        assert (await call(step, url, expect=[200, 404]))["body"] == "gone"
        assert (await call(step, url, expect=["400-410"]))["status"] == 404
        assert "answered 404 Not Found: gone" in str(await failure(step, url, expect=[200]))


async def test_a_redirect_is_not_followed_and_only_its_host_is_named() -> None:
    paths: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        paths.append(request.path)
        location = "https://elsewhere.example/secret?token=1" if request.path == "/away" else "/next"
        return web.Response(status=302, headers={"Location": location})

    async with serving(handler) as url:
        away = await failure(HttpStep(allow=LOCAL), f"{url}/away")
        near = await failure(HttpStep(allow=LOCAL), f"{url}/near")
        answer = await call(HttpStep(allow=LOCAL), f"{url}/away", expect=[302])
    assert "points to elsewhere.example; redirects are not followed" in str(away)
    assert "token" not in str(away)
    assert "points to the same host" in str(near)
    assert answer["headers"]["location"].startswith("https://elsewhere.example/")
    assert paths == ["/away", "/near", "/away"]
    assert kind(away) == "definite final"


async def test_a_redirect_to_an_unreadable_url_is_still_a_sentence() -> None:
    async with serving(replying(status=302, Location="https://[::1")) as url:
        assert "points to an unreadable address" in str(await failure(HttpStep(allow=LOCAL), url))


async def test_an_error_body_is_quoted_shortly_and_cleaned() -> None:
    body = "no\x00 such\r\nthing\x1b[31m " + "x" * 1000
    async with serving(replying(body, status=422, Content_Type="text/plain; charset=utf-8")) as url:
        message = str(await failure(HttpStep(allow=LOCAL), url))
    quoted = message.split(": ", 1)[1]
    assert quoted.startswith("no such thing [31m xxx")
    assert quoted.endswith("x…")
    assert len(quoted) == 301


@pytest.mark.parametrize("body", ["404: Not Found", "Not Found", "404", "<h1>404</h1> not found", ""])
async def test_an_error_body_that_only_says_the_status_is_not_quoted(body: str) -> None:
    async with serving(replying(body, status=404, Content_Type="text/plain")) as url:
        message = str(await failure(HttpStep(allow=LOCAL), url))
    said = message.endswith("answered 404 Not Found")
    assert said is ("<h1>" not in body), message


async def test_a_binary_error_body_is_not_quoted() -> None:
    async with serving(replying(b"\x89PNG", status=404, Content_Type="image/png")) as url:
        assert str(await failure(HttpStep(allow=LOCAL), url)).endswith("answered 404 Not Found")


async def test_error_messages_contain_no_query_header_or_body(echo: str) -> None:
    parts: dict[str, Any] = {"headers": {"X-Key": "hush1"}, "query": {"q": "hush2"}, "body": "hush3"}
    broken = await failure(HttpStep(), f"{echo}/p?k=hush4", method="POST", **parts)
    unwelcome = await failure(HttpStep(allow=LOCAL), f"{echo}/p?k=hush4", method="POST", expect=[201])
    redirected = await failure(HttpStep(allow=LOCAL), f"{echo}/p?k=hush4#hush5", method="POST", **parts)
    async with raw(answering(b"")) as url:
        cut_off = await failure(HttpStep(allow=LOCAL), f"{url}/p?k=hush4", method="POST", **parts)
    assert "hush" not in str(redirected) + str(broken) + str(cut_off) + str(unwelcome).split(": ", 1)[0]
    assert cut_off.__suppress_context__


# -- a connection that cannot be made -----------------------------------------------------------------------


async def test_a_refused_connection_did_nothing_and_may_be_tried_again() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        error = await failure(HttpStep(allow=LOCAL), f"http://127.0.0.1:{closed.getsockname()[1]}/", method="POST")
    assert kind(error) == "definite retryable"
    assert "was not sent" in str(error)


async def test_a_connection_that_times_out_did_nothing() -> None:
    async def never(host: str, port: int) -> Sequence[str]:
        await asyncio.Event().wait()
        return []

    for limit in (0.05, 10):
        error = await failure(
            HttpStep(resolve=never, connect_timeout=limit), "https://slow.example/", seconds=0.2, method="POST"
        )
        assert kind(error) == "definite retryable"
        assert "no connection in time" in str(error)


async def test_a_tls_handshake_that_hangs_did_nothing() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with raw(talk) as url:
        step = HttpStep(allow=LOCAL, connect_timeout=0.1)
        error = await failure(step, url.replace("http:", "https:"), method="POST")
    assert kind(error) == "definite retryable"
    assert "no connection in time" in str(error)


async def test_a_step_without_time_left_sends_nothing(echo: str) -> None:
    assert kind(await failure(HttpStep(allow=LOCAL), echo, seconds=0)) == "definite retryable"


@pytest.fixture(scope="module")
def self_signed() -> ssl.SSLContext:
    """Return the context of a server with a self-signed certificate."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(TLS / "cert.pem", TLS / "key.pem")
    return server


async def test_a_certificate_that_is_not_valid_did_nothing_and_stays_so(self_signed: ssl.SSLContext) -> None:
    async with raw(answering(b"HTTP/1.1 200 OK\r\n\r\n"), self_signed) as url:
        error = await failure(HttpStep(allow=LOCAL), url, method="POST")
    assert kind(error) == "definite final"
    assert "TLS certificate" in str(error)


async def test_a_host_that_speaks_no_tls_did_nothing() -> None:
    async with serving(replying(b"")) as url:
        error = await failure(HttpStep(allow=LOCAL), url.replace("http:", "https:"), method="POST")
    assert kind(error) == "definite final"
    assert "TLS" in str(error)


@pytest.mark.parametrize(
    ("answer", "expected", "message"),
    [
        (socket.gaierror(socket.EAI_AGAIN, "try again"), "definite retryable", "cannot be resolved at the moment"),
        (socket.gaierror(socket.EAI_NONAME, "unknown"), "definite final", "cannot be resolved"),
        (TimeoutError(), "definite retryable", "no connection in time"),
        (OSError("the resolver is gone"), "definite final", "cannot be resolved"),
        ([], "definite final", "has no address"),
        (["not an address"], "definite final", "cannot be resolved"),
    ],
)
async def test_a_name_that_does_not_resolve_did_nothing(
    answer: Sequence[str] | OSError, expected: str, message: str
) -> None:
    error = await failure(HttpStep(resolve=resolver(answer)), "https://crm.example/a", method="POST")
    assert kind(error) == expected
    assert message in str(error)
    assert "POST https://crm.example/a was not sent" in str(error)


# -- a connection that breaks: the outcome is unknown -------------------------------------------------------

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"


@pytest.mark.parametrize(
    "talk",
    [
        pytest.param(answering(b""), id="disconnect"),
        pytest.param(answering(b"", reset=True), id="reset"),
        pytest.param(answering(b"HTTP/1.1 20"), id="half a status line"),
        pytest.param(answering(b"220 mail.example ESMTP\r\n\r\n"), id="not http"),
        pytest.param(answering(HEAD + b"Content-Length: 10\r\n\r\nabc"), id="truncated by length"),
        pytest.param(answering(HEAD + b"Content-Length: 10\r\n\r\nabc", reset=True), id="reset in the body"),
        pytest.param(answering(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab"), id="truncated chunk"),
        pytest.param(answering(HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nab"), id="no chunk size"),
        pytest.param(answering(HEAD + b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc"), id="no gzip"),
        pytest.param(answering(HEAD + b"X: " + b"y" * 100_000 + b"\r\n\r\n"), id="endless header"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
async def test_a_call_that_breaks_after_sending_may_have_happened_and_is_sent_once(talk: Raw, method: str) -> None:
    calls = 0

    async def counting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal calls
        calls += 1
        await talk(reader, writer)

    async with raw(counting) as url:
        error = await failure(HttpStep(allow=LOCAL), f"{url}/a", method=method)
    assert kind(error) == "unknown retryable"
    assert str(error).startswith(f"{method} {url}/a ")
    assert "it may have been carried out" in str(error)
    assert calls == 1


async def test_a_call_without_an_answer_in_time_may_have_happened() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with raw(talk) as url:
        error = await failure(HttpStep(allow=LOCAL), url, seconds=0.2, method="POST")
    assert kind(error) == "unknown retryable"
    assert "did not answer in time" in str(error)


@pytest.mark.parametrize("head", [HEAD + b"Content-Length: 1000\r\n\r\n", b"HTTP/1.1 "])
async def test_a_slow_drip_ends_with_the_time_of_the_step(head: bytes) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head)
        while True:
            writer.write(b"2")
            await writer.drain()
            await asyncio.sleep(0.02)

    async with raw(talk) as url:
        error = await asyncio.wait_for(failure(HttpStep(allow=LOCAL), url, seconds=0.3, method="POST"), 2)
    assert kind(error) == "unknown retryable"


async def test_an_error_status_counts_even_if_its_body_never_comes() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nContent-Length: 10\r\n\r\n")
        await reader.read()

    async with raw(talk) as url:
        error = await failure(HttpStep(allow=LOCAL), url, seconds=0.3, method="POST")
    assert kind(error) == "definite retryable"
    assert str(error).endswith("answered 404 Not Found")


async def test_cancelling_the_step_cancels_the_call() -> None:
    arrived, gone = asyncio.Event(), asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        arrived.set()
        await reader.read()
        gone.set()

    async with raw(talk) as url, asyncio.TaskGroup() as tasks:
        task = tasks.create_task(call(HttpStep(allow=LOCAL), url, method="POST"))
        await arrived.wait()
        task.cancel()
        await asyncio.wait_for(gone.wait(), 2)
    assert task.cancelled()


# -- where it may call --------------------------------------------------------------------------------------

PRIVATE = [
    "127.0.0.1",
    "0.0.0.0",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "169.254.169.254",
    "192.0.0.8",
    "192.88.99.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "[::]",
    "[::1]",
    "[::7f00:1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:10.0.0.1]",
    "[::ffff:a9fe:a9fe]",
    "[64:ff9b::10.0.0.1]",
    "[64:ff9b:1::1]",
    "[2002:7f00:1::]",
    "[2001:0:a00:1::1]",
    "[2001:db8::1]",
    "[3fff::1]",
    "[fc00::1]",
    "[fd00:ec2::254]",
    "[fe80::1]",
    "[fec0::1]",
    "[ff02::1]",
    "[4000::1]",
    # Metadata and platform services of clouds, some with addresses that look public.
    "168.63.129.16",
    "[::ffff:168.63.129.16]",
    "[64:ff9b::a83f:8110]",
    "169.254.170.2",
    "169.254.170.23",
    "169.254.0.23",
    "169.254.42.42",
    "100.100.100.200",
    "192.0.0.192",
    "199.36.153.5",
    "199.36.153.11",
    "161.26.0.10",
    "166.9.48.1",
    "[fd00:ec2::23]",
    "[fd20:ce::254]",
    "[fd00:c1::a9fe:a9fe]",
    "[fd00:42::42]",
    "[2600:2d00:2:1000::1]",
    "[2600:2d00:2:2000::1]",
]


@pytest.mark.parametrize("host", PRIVATE)
async def test_an_address_that_is_not_public_is_refused(host: str) -> None:
    error = await failure(HttpStep(resolve=resolver()), f"https://{host}:8443/x", method="POST")
    assert kind(error) == "definite final"
    assert "not a public address" in str(error)


@pytest.mark.parametrize("host", PRIVATE)
async def test_a_name_that_resolves_to_such_an_address_is_refused(host: str) -> None:
    step = HttpStep(resolve=resolver(["93.184.216.34", host.strip("[]")]))
    error = await failure(step, "https://innocent.example/x", method="POST")
    assert kind(error) == "definite final"
    assert "resolves to one that is not" in str(error)


STRANGE = [
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "127.1",
    "0177.0.0.1",
    "127.0.0.01",
    "127.0.0.1.",
    "999.1.1.1",
    "1.2.3.4.5",
    "a.0x1",
    "-",
    "a_b..c",
    "h:99999",
    "%31%32%37.0.0.1",
    "[::ffff:127.0.0.1%251]",
    "[fe80::1%25eth0]",
    "[::1",
    "[v1.a]",
    "x.example\\@127.0.0.1",
    "\N{FULLWIDTH DIGIT ONE}27.0.0.1",
    "127\N{IDEOGRAPHIC FULL STOP}0.0.1",
    "",
    "a b.example",
    "a" * 64 + ".example",
]


@pytest.mark.parametrize("host", STRANGE)
async def test_a_host_in_an_unusual_spelling_is_refused_before_any_lookup(host: str) -> None:
    error = await failure(HttpStep(resolve=resolver()), f"https://{host}/x")
    assert kind(error) == "definite final"
    assert "was not sent" in str(error)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://h.example/",
        "file:///etc/passwd",
        "//h.example/",
        "h.example",
        "https:/h",
        "javascript:1",
        "https://u:p@h.example/",
        "https://@h.example/",
        "https://h.example/a\r\nX: y",
        "https://h.example/\0",
        "https://h.example/a/../b",
        "https://h.example/a/%2e%2E",
        "https://h.example/./b?c",
        "https://h.example/a#b",
        "http://h.example/",
        "HTTP://93.184.216.34/",
    ],
)
async def test_a_url_that_is_not_plain_https_is_refused(url: str) -> None:
    error = await failure(HttpStep(resolve=resolver()), url)
    assert kind(error) == "definite final"
    assert "u:p" not in str(error)


@pytest.mark.parametrize("name", ["localhost", "localhost.", "LOCALHOST", "ⓛocalhost"])
async def test_localhost_is_refused_as_the_system_resolves_it(name: str) -> None:
    assert "not a public address" in str(await failure(HttpStep(), f"https://{name}:1/"))


async def test_a_name_is_looked_up_once_so_a_second_answer_cannot_lead_elsewhere(echo: str) -> None:
    port = echo.rpartition(":")[2]
    rebinding = HttpStep(allow=["good.example", "127.0.0.1"], resolve=resolver(["127.0.0.1"], ["10.0.0.1"]))
    answer = await call(rebinding, f"http://good.example:{port}/x")
    assert answer["body"]["headers"]["Host"] == f"good.example:{port}"


async def test_public_then_private_is_refused_at_the_second_call() -> None:
    names: list[str] = []

    async def flipping(host: str, port: int) -> Sequence[str]:
        names.append(host)
        return ["10.0.0.1"] if len(names) > 1 else ["203.0.112.1"]

    step = url_guard.Guard()
    target = step.check("GET", "https://rebind.example/")
    assert [str(address) for address in await step.addresses(target, flipping)] == ["203.0.112.1"]
    error = await failure(HttpStep(resolve=flipping), "https://rebind.example/")
    assert "not a public address" in str(error)
    assert names == ["rebind.example", "rebind.example"]


@pytest.mark.parametrize(
    "allow",
    [
        ["crm.internal"],
        ["CRM.internal."],
        ["crm.internal:PORT"],
        [".internal"],
        ["127.0.0.0/8"],
        ["other.example", "::1/128", "127.0.0.1/32"],
    ],
)
@pytest.mark.parametrize("host", ["crm.internal", "CRM.Internal."])
async def test_allowed_hosts_may_be_private_and_use_plain_http(echo: str, allow: list[str], host: str) -> None:
    port = echo.rpartition(":")[2]
    step = HttpStep(allow=[entry.replace("PORT", port) for entry in allow], resolve=resolver(["127.0.0.1"]))
    assert (await call(step, f"http://{host}:{port}/x"))["status"] == 200


@pytest.mark.parametrize(
    "allow",
    [["crm.internal:1"], ["internal"], [".crm.internal"], ["xcrm.internal"], ["127.0.0.1"], ["10.0.0.0/8"], ["::/0"]],
)
async def test_an_allow_list_covers_only_its_own_entries(echo: str, allow: list[str]) -> None:
    port = echo.rpartition(":")[2]
    error = await failure(HttpStep(allow=allow, resolve=resolver(["127.0.0.1"])), f"http://crm.internal:{port}/x")
    assert kind(error) == "definite final"


async def test_plain_http_to_a_public_address_needs_an_allowed_host() -> None:
    step = HttpStep(allow=["10.0.0.0/8"], resolve=resolver(["93.184.216.34"]))
    assert "only https is allowed" in str(await failure(step, "http://www.example/"))


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("168.63.129.15", True),
        ("199.36.153.12", True),
        ("2606:4700::1111", True),
        ("::ffff:8.8.8.8", True),
        ("64:ff9b::808:808", True),
        ("64:ff9b::a00:1", False),
        ("2002:a00:1::", False),
    ],
)
def test_an_embedded_address_is_judged_by_its_target(address: str, public: bool) -> None:
    assert url_guard.is_public(url_guard.unwrap(ip_address(address))) is public


@pytest.mark.parametrize("entry", ["", ".", "10.0.0.1/8", "https://h", "u@h", "h:x", "2130706433", "a b", "h?x", "*.x"])
def test_a_meaningless_entry_of_the_allow_list_is_refused(entry: str) -> None:
    with pytest.raises(InvalidValue, match="allow-list"):
        HttpStep(allow=[entry])


# -- parameters ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"method": "TRACE"}, "Input should be 'GET'"),
        ({"extra": 1}, "Extra inputs"),
        ({"json_body": 1}, "Extra inputs"),
        ({"json": 1, "body": "x"}, "give 'json' or 'body', not both"),
        ({"headers": {"X-Key": "hush\r\nX: y"}}, "the header X-Key contains a line break"),
        ({"headers": {"X-Key": "hush\0"}}, "the header X-Key contains a line break"),
        ({"headers": {"bad name": "hush"}}, "'bad name' is not the name of a header"),
        ({"headers": {"": "hush"}}, "'' is not the name of a header"),
        ({"headers": {"HOST": "hush"}}, "the header HOST is set by Signoff itself"),
        ({"headers": {"Content-Length": "hush"}}, "set by Signoff itself"),
        ({"headers": {"transfer-encoding": "hush"}}, "set by Signoff itself"),
        ({"headers": {"Connection": "hush"}}, "set by Signoff itself"),
        ({"headers": {"X-A": "hush", "x-a": "hush"}}, "is there twice"),
        ({"idempotency_header": "a:b"}, "'a:b' is not the name of a header"),
        ({"expect": []}, "at least 1 item"),
        ({"expect": [99]}, "'99' is not a status"),
        ({"expect": ["299-200"]}, "'299-200' is not a status"),
        ({"expect": ["2xx"]}, "'2xx' is not a status"),
        ({"query": {"a": ["hush"]}}, "query"),
        ({"url": ""}, "at least 1 character"),
        ({"json": {"a": object()}}, "cannot be carried"),
    ],
)
def test_the_refusal_of_parameters_contains_no_secret(params: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        HttpParams.model_validate({"url": "https://h.example/", **params})
    assert message in str(caught.value)
    assert "hush" not in str(caught.value)


def test_the_name_of_the_json_parameter_survives_a_round_trip() -> None:
    params = HttpParams.model_validate({"url": "https://h.example/", "json": {"a": Decimal("1.50")}})
    assert params.model_dump(exclude_unset=True) == {"url": "https://h.example/", "json": {"a": Decimal("1.50")}}
    assert "json" in HttpParams.model_json_schema()["properties"]


def test_the_step_says_what_it_is() -> None:
    step = HttpStep()
    assert step.secret_params == {"auth", "headers", "json", "form", "multipart", "body"}
    assert step.outputs({}) == {"status", "headers", "body"}
    assert list(step.content({"url": "u", "method": "POST", "headers": {}, "query": {}, "json": {}})) == ["json"]
    body = step.content({"url": "u", "body": "text"})["body"]
    assert body is not None
    assert body.type == "long_text"
    assert [step.idempotent({"method": method}) for method in ("get", "HEAD", "POST", "PUT")] == [
        True,
        True,
        False,
        False,
    ]
    assert step.idempotent({})
