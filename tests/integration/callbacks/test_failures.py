"""Callbacks to receivers that fail: what each failure means, and what people read about it."""

import asyncio
import ssl
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import web

from bot.aap import notifications
from bot.callbacks.channel import CallbackChannel
from bot.callbacks.client import CallbackClient
from engine.domain import CallbackCall, Card, DeliveryKind
from engine.errors import ChannelError
from engine.retry import CALLBACK_PATIENCE
from engine.steps.url_guard import Guard
from engine.system import SystemClock
from tests.support.callback_receiver import CODES, receiver, sealed
from tests.support.http_calls import LOCAL, raw, serving

TLS = Path(__file__).parents[2] / "data" / "tls"


async def send(
    url: str,
    *,
    seconds: float = 5,
    allow: list[str] = LOCAL,
    secret: str | None = None,
    patience: timedelta = CALLBACK_PATIENCE,
) -> None:
    client = CallbackClient(Guard(allow), seconds=seconds)
    channel = CallbackChannel(client, unseal=CODES.unseal, now=SystemClock().now)
    call = CallbackCall(
        id="d1", url=url, secrets=(secret or sealed(),), body='{"type":"ask.decided"}', patience=patience
    )
    card = Card(kind=DeliveryKind.CALLBACK, title="Refund?", callback=call)
    await channel.show(address="e1", card=card, receipt=None, delivery="d1")


async def failure(url: str, **options: float | list[str] | str | timedelta) -> ChannelError:
    with pytest.raises(ChannelError) as caught:
        await send(url, **options)  # type: ignore[arg-type]
    assert str(caught.value).endswith(".")
    return caught.value


async def test_a_receiver_that_answers_nothing_may_have_taken_it() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with raw(silent) as url:
        error = await failure(url, seconds=0.2)
    assert error.outcome_unknown
    assert str(error) == "The callback to 127.0.0.1 did not answer in time; it may have been carried out."
    assert error.patience == CALLBACK_PATIENCE


async def test_a_receiver_that_resets_may_have_taken_it() -> None:
    async def resets(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.transport.abort()

    async with raw(resets) as url:
        assert (await failure(url)).outcome_unknown


async def test_a_receiver_that_answers_too_late_gets_the_same_id_again() -> None:
    async with receiver() as taking:
        taking.may_answer.clear()
        assert (await failure(taking.url, seconds=0.2)).outcome_unknown
        taking.may_answer.set()
        await send(taking.url)
        assert [delivery for delivery, _ in taking.calls] == ["d1", "d1"]


async def test_a_callback_of_the_agent_protocol_is_tried_for_seven_days() -> None:
    async with receiver() as taking:
        taking.answers.append(500)
        error = await failure(taking.url, patience=notifications.PATIENCE)
        assert error.patience == timedelta(days=7)
        taking.answers.append(410)
        error = await failure(taking.url, patience=notifications.PATIENCE)
        assert (error.permanent, error.patience) == (True, None)


async def test_nothing_listens() -> None:
    async with receiver() as taking:
        url = taking.url
    error = await failure(url)
    assert not error.outcome_unknown
    assert not error.permanent


async def test_a_redirect_is_not_followed() -> None:
    seen = list[str]()

    async def redirect(request: web.Request) -> web.Response:
        seen.append(request.path)
        return web.Response(status=307, headers={"Location": "/elsewhere"})

    async with serving(redirect) as url:
        error = await failure(f"{url}/hooks")
    assert seen == ["/hooks"]
    assert "answered 307 Temporary Redirect, and callbacks do not follow redirects" in str(error)


@pytest.mark.parametrize("status", [200, 500])
async def test_a_huge_body_is_not_read(status: int) -> None:
    written = 0

    async def huge(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 {status} Status\r\nContent-Type: text/plain\r\nContent-Length: 4000000000\r\n\r\n"
        writer.write(head.encode())
        while True:
            writer.write(b"x" * 65536)
            await writer.drain()
            written += 65536

    async with raw(huge) as url:
        if status == 200:
            await send(url)
        else:
            assert len(str(await failure(url))) < 500
    assert written < 50_000_000


async def test_an_answer_that_never_ends_is_a_success_by_its_status() -> None:
    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n")
        await reader.read()

    async with raw(endless) as url:
        await send(url, seconds=2)


async def test_a_wrong_certificate_is_named() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / "cert.pem", TLS / "key.pem")

    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raise AssertionError("a call arrived")

    async with raw(never, context) as url:
        error = await failure(url)
    assert not error.outcome_unknown
    assert str(error) == ("The callback to 127.0.0.1 was not sent: the host's TLS certificate is not valid for it.")


async def test_gone_ends_the_endpoint() -> None:
    async with receiver() as taking:
        taking.answers.append(410)
        error = await failure(taking.url)
    assert error.permanent
    assert error.about == "address"
    assert str(error) == "127.0.0.1 answered 410 Gone: it wants no callbacks any more."


@pytest.mark.parametrize(("status", "obeyed"), [(429, True), (503, True), (500, False), (400, False)])
async def test_retry_after_is_obeyed_of_a_receiver_that_asks_for_time(status: int, *, obeyed: bool) -> None:
    async with receiver() as taking:
        taking.answers.append(status)
        taking.headers["Retry-After"] = "120"
        error = await failure(taking.url)
    assert error.retry_after == (timedelta(seconds=120) if obeyed else None)
    assert not error.permanent
    assert not error.outcome_unknown


async def test_an_error_is_quoted() -> None:
    async def refuse(request: web.Request) -> web.Response:
        return web.Response(status=422, text="no such order.")

    async with serving(refuse) as url:
        error = await failure(url)
    assert str(error) == "127.0.0.1 answered 422 Unprocessable Entity: no such order."


async def test_a_private_host_is_refused_without_its_path() -> None:
    async with receiver() as taking:
        error = await failure(f"{taking.url}/s3cret", allow=[])
        assert taking.calls == []
    assert "SIGNOFF_HTTP_ALLOW" in str(error)
    assert "s3cret" not in str(error)
    assert not error.permanent


async def test_a_secret_of_another_key_signs_nothing() -> None:
    stranger = replace(CODES, key=bytes(31) + b"x").seal("whsec_AAAA")
    async with receiver() as taking:
        error = await failure(taking.url, secret=stranger)
        assert taking.calls == []
    assert "signoff callbacks rotate e1" in str(error)


async def test_other_cards_are_no_callbacks() -> None:
    channel = CallbackChannel(CallbackClient(Guard()), unseal=CODES.unseal, now=SystemClock().now)
    with pytest.raises(ChannelError, match="no callback"):
        await channel.show(address="e1", card=Card(kind=DeliveryKind.ALERT, title="x"), receipt=None, delivery="d1")
