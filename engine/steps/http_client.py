"""One HTTP call: to vetted addresses, without redirects, cookies and proxies, and sent once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from importlib import metadata

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from engine.errors import StepError
from engine.ports import Resolve
from engine.steps import http_response, pinned_resolver, url_guard
from engine.steps.http_bodies import Body


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpCall:
    """A call to make. `url`: the address with its query; `target`: the same address, as it was vetted.

    `accepts`: says whether a status means success. `redact`: removes secrets from a text.
    """

    method: str
    target: url_guard.CallTarget
    url: URL
    headers: CIMultiDict[str]
    body: Body | None
    accepts: Callable[[int], bool]
    redact: Callable[[str], str]


class HttpClient:
    """Makes calls. `max_bytes`: of a decoded body. `connect_timeout`: for name, connection and TLS, in seconds."""

    def __init__(self, guard: url_guard.Guard, resolve: Resolve, *, max_bytes: int, connect_timeout: float) -> None:
        self.guard = guard
        self._resolve = resolve
        self._max_bytes = max_bytes
        self._connect_timeout = connect_timeout

    @asynccontextmanager
    async def open(self, call: HttpCall, seconds: float) -> AsyncIterator[http_response.Answer]:
        """Send the call, and yield its answer. `seconds`: the time for both, and for reading the answer.

        Raises `StepError`, also for what fails inside of the block.
        """
        if seconds <= 0:  # aiohttp reads 0 as "for ever"
            raise StepError(f"{call.target.call} was not sent: there was no time left", retryable=True)
        wire = _Wire()
        headers = call.headers.copy()
        headers["Accept-Encoding"] = "identity"
        headers.setdefault("User-Agent", _agent())
        try:
            async with (
                self._session(call.target, seconds, wire) as session,
                session.request(
                    call.method, call.url, headers=headers, data=call.body, allow_redirects=False
                ) as answer,
            ):
                yield answer
        except (aiohttp.ClientError, OSError) as error:  # TimeoutError is an OSError
            # `from None`: aiohttp's own texts quote the whole URL, query included.
            raise http_response.broken(call.target.call, error, connected=wire.connected) from None

    async def read(self, call: HttpCall, answer: http_response.Answer, *, most: int | None = None) -> bytes:
        """Return the body of a success. Raises `StepError` for another status, and for a body that is too long.

        `most`: the maximum size of this body in bytes, if another one than that of all counts.
        """
        name, most = call.target.call, self._max_bytes if most is None else most
        if not call.accepts(answer.status):
            raise http_response.unwelcome(name, answer, await http_response.excerpt(answer, call.redact))
        body = bytearray()
        async for chunk in answer.content.iter_any():
            body += chunk
            if len(body) > most:
                raise StepError(f"{http_response.done(name, answer)} it answered more than {most} bytes")
        return bytes(body)

    def _session(self, target: url_guard.CallTarget, total: float, wire: _Wire) -> aiohttp.ClientSession:
        resolver = pinned_resolver.PinnedResolver(self.guard, target, self._resolve)

        async def once(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> http_response.Answer:
            # aiohttp sends GET, PUT and DELETE a second time when the server hangs up (seen with 3.14, even on a fresh
            # connection). It does not do so after an error of another type.
            try:
                return await send(request)
            except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
                raise http_response.broken(target.call, error, connected=wire.connected) from None

        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(resolver=resolver, use_dns_cache=False, force_close=True),
            timeout=aiohttp.ClientTimeout(total=total, connect=min(self._connect_timeout, total)),
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers={"Content-Type"},
            trust_env=False,
            trace_configs=[wire.watch()],
            middlewares=(once,),
        )


class _Wire:
    """Tells whether the connection was established, TLS included: before that nothing can have been sent.

    The type of an error does not always tell: `total` running out while connecting is a bare TimeoutError.
    """

    def __init__(self) -> None:
        self.connected = False

    def watch(self) -> aiohttp.TraceConfig:
        trace = aiohttp.TraceConfig()
        trace.on_connection_create_end.append(self._stands)
        return trace

    async def _stands(self, *_: object) -> None:
        self.connected = True


@cache
def _agent() -> str:
    try:
        return f"signoff/{metadata.version('signoff')}"
    except metadata.PackageNotFoundError:  # a checkout that is not installed
        return "signoff/0"
