"""The limits of one client: sizes, counts, times and connections, over real sockets on loopback."""

from __future__ import annotations

import asyncio
import logging
import resource
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from bot.web import server
from bot.web.connections import ConnectionLimits, FewFiles, limits_for
from bot.web.protocol import TRUST
from bot.web.routes import site

SLACK = "/slack/events"
GET = b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n"
HALF = b"GET /healthz HTTP/1.1\r\nHost: h\r\nX-A: b\r\n"
PATIENT = ConnectionLimits(head_seconds=60, body_seconds=60, send_seconds=60, connections=40)
"""With these nothing ends by itself during a test."""
PATIENCE = 30.0


@dataclass
class Client:
    """A connection of a client."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, *parts: bytes) -> Client:
        for part in parts:
            self.writer.write(part)
            await self.writer.drain()
        return self

    async def status(self) -> int:
        """Read the next answer with its body and return its status, or 0 if the connection was closed without one."""
        try:
            async with asyncio.timeout(PATIENCE):
                head = await self.reader.readuntil(b"\r\n\r\n")
                length = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
                await self.reader.readexactly(int(length[0].split(b":")[1]) if length else 0)
        except (asyncio.IncompleteReadError, ConnectionError):
            return 0
        return int(head.split()[1])

    async def is_closed(self) -> bool:
        """Wait for the end of the connection."""
        try:
            async with asyncio.timeout(PATIENCE):
                return await self.reader.read() == b""
        except ConnectionError:
            return True


@dataclass
class Served:
    """A server with an endpoint of the test at the path of Slack."""

    port: int
    stack: AsyncExitStack
    released: asyncio.Event = field(default_factory=asyncio.Event)
    given_up: asyncio.Event = field(default_factory=asyncio.Event)
    arrived: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))
    bodies: list[bytes] = field(default_factory=list)
    opened: list[Client] = field(default_factory=list)
    trusted: int = 0

    async def client(self) -> Client:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        return self.keep(Client(reader, writer))

    def keep(self, client: Client) -> Client:
        """Close the client at the end of the test, and return it."""
        self.stack.callback(client.writer.transport.abort)
        self.opened.append(client)
        return client

    async def clients(self, number: int, *parts: bytes) -> list[Client]:
        return [await (await self.client()).send(*parts) for _ in range(number)]

    async def answer(self, request: Request) -> Response:
        """Treat the request as signed, wait, or stream, as its header says."""
        body = await request.body()
        self.bodies.append(body)
        self.arrived.release()
        if "x-signed" in request.headers:
            request.scope["extensions"][TRUST]()
            self.trusted += 1
        if "x-hold" in request.headers:
            await self.released.wait()
        if "x-stream" in request.headers:
            return StreamingResponse(self._stream())
        if "x-large" in request.headers:
            return StreamingResponse(self._endless())
        return PlainTextResponse("ok")

    async def _endless(self) -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"x" * 100_000
                await asyncio.sleep(0)
        finally:
            self.given_up.set()

    async def _stream(self) -> AsyncIterator[bytes]:
        yield b"begin"
        await self.released.wait()


@asynccontextmanager
async def serving(limits: ConnectionLimits = PATIENT) -> AsyncIterator[Served]:
    async with AsyncExitStack() as stack:
        served = Served(0, stack)
        pages = site("", mounted={SLACK: served.answer})
        listening = server.listening(pages, host="127.0.0.1", port=0, limits=limits, kept_for=[SLACK])
        _, served.port = await stack.enter_async_context(listening)
        stack.callback(served.released.set)
        yield served


def post(*headers: bytes, body: bytes = b"x=1", length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    lines = (b"POST /slack/events HTTP/1.1", b"Host: h", b"Content-Length: %d" % size, *headers, b"", body)
    return b"\r\n".join(lines)


async def send_until_closed(client: Client, parts: Sequence[bytes], *, pause: float = 0) -> int:
    """Send the parts until the server closes, and return the number of parts that were sent."""
    for count, part in enumerate(parts):
        if client.reader.at_eof() or client.reader.exception():
            return count
        try:
            await client.send(part)
            await asyncio.sleep(pause)
        except ConnectionError:
            return count
    return len(parts)


# -- sizes --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "head",
    [
        b"GET /healthz HTTP/1.1\r\nX: " + b"a" * 40_000,
        b"GET /healthz HTTP/1.1\r\n" + b"a" * 40_000,
        b"GET /" + b"a" * 40_000,
        b"GET /healthz HTTP/1.1\r\n" + b"".join(b"X-%d: a\r\n" % n for n in range(101)) + b"\r\n",
        b"GET /healthz HTTP/1.1\r\n" + b"a:b\r\n" * 20_000,
        b"GET /healthz HTTP/1.1\r\n" + b"".join(b"X-%d: %s\r\n" % (n, b"b" * 500) for n in range(80)) + b"\r\n",
    ],
    ids=["value", "name", "target", "count", "many short", "together"],
)
async def test_a_head_that_is_too_large_is_refused_while_it_comes(head: bytes) -> None:
    async with serving() as served:
        client = await (await served.client()).send(head)
        assert await client.status() == 431
        assert await client.is_closed()
        assert await (await (await served.client()).send(GET)).status() == 200


async def test_requests_of_the_size_of_browsers_and_slack_are_accepted() -> None:
    headers = b"".join(b"X-%d: %s\r\n" % (n, b"v" * 300) for n in range(90))
    async with serving() as served:
        (client,) = await served.clients(1, GET[:-2] + headers + b"\r\n")
        assert await client.status() == 200
        for _ in range(3):
            body = b"y" * 1_500_000
            assert await (await client.send(post(body=body))).status() == 200
        assert [len(body) for body in served.bodies] == [1_500_000] * 3
        chunks = b"".join(b"1\r\nz\r\n" for _ in range(20_000)) + b"0\r\n\r\n"
        await client.send(b"POST /slack/events HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", chunks)
        assert await client.status() == 200
        assert served.bodies[-1] == b"z" * 20_000
        assert await (await client.send(GET + GET)).status() == 200
        assert await client.status() == 200


@pytest.mark.parametrize("size", [1, 3, 50, 1_000])
async def test_requests_of_one_connection_may_come_in_any_pieces(size: int) -> None:
    post = b"POST /slack/events HTTP/1.1\r\nHost: h\r\n"
    whole = (
        *(GET, post + b"Content-Length: 2\r\n\r\nab", b"\r\n" + GET),
        post + b"Transfer-Encoding: chunked\r\n\r\n2\r\ncd\r\n0\r\nX-Trailer: 1\r\n\r\n",
        *(GET.replace(b"\r\n\r\n", b"\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"),),
    )
    data = b"".join(whole)
    async with serving() as served:
        client = await served.client()
        for at in range(0, len(data), size):
            await client.send(data[at : at + size])
            await asyncio.sleep(0)
        assert [await client.status() for _ in whole] == [200] * len(whole)
        # Also after all of them were answered.
        assert await (await client.send(GET)).status() == 200
        assert served.bodies == [b"ab", b"cd"]


async def test_trailers_and_chunk_extensions_count_as_well() -> None:
    chunked = b"POST /slack/events HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with serving() as served:
        for rest in (b"0\r\nX: " + b"a" * 80_000, b"1;" + b"a" * 80_000):
            client = await (await served.client()).send(chunked, rest)
            assert await client.status() == 431


async def test_bytes_that_are_not_http_are_refused() -> None:
    async with serving() as served:
        client = await (await served.client()).send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 50)
        assert await client.status() == 400
        assert await client.is_closed()


async def test_a_body_that_goes_on_after_the_answer_is_cut_off() -> None:
    async with serving() as served:
        (client,) = await served.clients(1, b"POST /no HTTP/1.1\r\nContent-Length: 2000000000\r\n\r\n")
        assert await client.status() == 404
        assert await send_until_closed(client, [b"x" * 65_536] * 2_000) < 2_000


# -- times --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", [HALF, b"G", b"GET /healthz HTTP/1.1\r\nX"])
async def test_an_incomplete_head_times_out(part: bytes) -> None:
    async with serving(ConnectionLimits(head_seconds=0.2)) as served:
        (client,) = await served.clients(1, part)
        assert await client.status() == 408
        assert await client.is_closed()


async def test_a_silent_connection_is_closed() -> None:
    async with serving(ConnectionLimits(head_seconds=0.2)) as served:
        (silent, blank) = [*await served.clients(1), *await served.clients(1, b"\r\n\r\n")]
        assert await silent.is_closed()
        assert await blank.is_closed()


async def test_a_trickling_head_times_out_and_each_request_has_its_own_time() -> None:
    async with serving(ConnectionLimits(head_seconds=0.3)) as served:
        (client,) = await served.clients(1, GET)
        assert await client.status() == 200
        assert await send_until_closed(client, [bytes([byte]) for byte in HALF * 1_000], pause=0.01) < 1_000


async def test_an_incomplete_body_times_out() -> None:
    async with serving(ConnectionLimits(body_seconds=0.2)) as served:
        (client,) = await served.clients(1, post(length=100))
        assert await client.status() == 408
        assert await client.is_closed()
        assert served.bodies == []


async def test_an_answer_that_the_client_does_not_read_times_out() -> None:
    async with serving(ConnectionLimits(send_seconds=0.2)) as served:
        (client,) = await served.clients(1, post(b"X-Large: 1"))
        async with asyncio.timeout(PATIENCE):
            await served.given_up.wait()
        assert await client.status() == 200
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await client.reader.readexactly(30_000_000)


async def test_an_answer_may_take_longer_than_a_request() -> None:
    async with serving(ConnectionLimits(head_seconds=0.1, body_seconds=0.1, send_seconds=0.1)) as served:
        (client,) = await served.clients(1, post(b"X-Hold: 1"))
        silent = await served.client()
        assert await silent.is_closed()  # The time limit has passed several times.

        served.released.set()
        assert await client.status() == 200


# -- connections --------------------------------------------------------------------------------------------


async def test_half_sent_requests_make_room_for_whole_ones() -> None:
    async with serving() as served:
        waiting = await served.clients(100, HALF)
        statuses = [await (await (await served.client()).send(GET)).status() for _ in range(50)]
        assert statuses == [200] * 50
        assert await waiting[0].is_closed()


@pytest.mark.parametrize("part", [b"", HALF, post(length=100), GET, post(b"X-Stream: 1")])
async def test_signed_requests_are_served_while_others_are_blocked(part: bytes) -> None:
    async with serving() as served:
        await served.clients(100, part)
        for _ in range(20):
            (client,) = await served.clients(1, post(b"X-Signed: 1"))
            assert await client.status() == 200
        assert served.trusted == 20


async def test_a_connection_with_a_signed_request_is_kept_while_others_are_closed() -> None:
    async with serving() as served:
        (slack,) = await served.clients(1, post(b"X-Signed: 1"))
        assert await slack.status() == 200
        await served.clients(200, HALF)
        assert await (await slack.send(post(b"X-Signed: 1"))).status() == 200


async def test_busy_connections_are_never_closed_and_the_last_ones_are_for_slack() -> None:
    async with serving() as served:
        busy = await served.clients(36, post(b"X-Hold: 1"))
        for _ in busy:
            await served.arrived.acquire()
        (page,) = await served.clients(1, GET)
        assert await page.status() == 503
        (slack,) = await served.clients(1, post(b"X-Signed: 1"))
        assert await slack.status() == 200
        served.released.set()
        assert [await client.status() for client in busy] == [200] * 36


async def test_a_client_with_many_connections_loses_them_first() -> None:
    async with serving() as served:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port, local_addr=("127.0.0.2", 0))
        other = await served.keep(Client(reader, writer)).send(HALF)
        await served.clients(100, HALF)
        assert await (await other.send(b"\r\n")).status() == 200


async def test_refusals_are_logged_together_and_not_one_by_one(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        async with serving() as served:
            for _ in range(150):
                client = await (await served.client()).send(b"\0\0\0\0")
                assert await client.status() == 400
            await served.clients(100, HALF)
            upgrade = GET[:-2] + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
            assert await (await served.clients(1, upgrade))[0].status() == 200
    lines = [record.getMessage() for record in caplog.records if record.levelno > logging.DEBUG]
    assert 1 <= len(lines) <= 3
    assert "refused with 400" in " ".join(lines)
    assert "closed to make room" in " ".join(lines)


def test_there_are_no_more_connections_than_files(monkeypatch: pytest.MonkeyPatch) -> None:
    def may_open(files: int) -> None:
        monkeypatch.setattr(resource, "getrlimit", lambda _: (files, files))

    may_open(200)
    assert limits_for(500).connections == 100
    may_open(1_024)
    assert limits_for(500).connections == 500
    may_open(resource.RLIM_INFINITY)
    assert limits_for(500).connections == 500
    may_open(64)
    with pytest.raises(FewFiles, match="ulimit -n"):
        limits_for(500)
